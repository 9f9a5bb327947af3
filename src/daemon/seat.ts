// Being the one daemon of a pin directory: a lock that ends with the process, and a sign to where it answers.

import { lstatSync } from "node:fs";
import type { PinDirectory } from "../dataplane/index.ts";

/** The lock may just be looked at by somebody else. */
const WAIT_MS = 500;

export class Seat {
  readonly #pins: PinDirectory;
  readonly #socketPath: string;
  #lock: { close(): void };
  #inode: bigint | undefined;

  /** @throws UnumError DAEMON_RUNNING, PIN_DIRECTORY */
  constructor(pins: PinDirectory, socketPath: string) {
    this.#pins = pins;
    this.#socketPath = socketPath;
    this.#lock = pins.lockDaemon(socketPath, WAIT_MS);
    this.#inode = this.#current();
  }

  #current(): bigint | undefined {
    return lstatSync(this.#pins.daemon, { bigint: true, throwIfNoEntry: false })?.ino;
  }

  /**
   * Makes sure that the directory is the one that was locked. One that was removed by hand is made again, and locked.
   * @throws UnumError DAEMON_RUNNING: somebody else was faster
   */
  keep(): void {
    if (this.#inode !== undefined && this.#current() === this.#inode) return;
    this.#lock.close();
    this.#lock = this.#pins.lockDaemon(this.#socketPath, WAIT_MS);
    this.#inode = this.#current();
  }

  /** Takes the sign away, unless it is somebody else's by now. */
  leave(): void {
    if (this.#current() === this.#inode) this.#pins.unlink(this.#pins.daemonSocket);
    this.#lock.close();
  }
}
