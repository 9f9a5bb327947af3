// The pin directory: where it is, whether it is safe to use, and what the files in it are called.

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isBpffs, lockDirectory, lockHolder, mountBpffs } from "../bpf/system.ts";
import { causeText, UnumError } from "../errors.ts";

export const DEFAULT_PIN_DIRECTORY = "/sys/fs/bpf/unum";

/** Roles of the three programs, which are also the names of their pins. */
export const PROGRAM_ROLES = ["access", "underlay", "both"] as const;

/** The role of a program by its name, whatever build it is of. */
export function roleOfProgram(programName: string | undefined): (typeof PROGRAM_ROLES)[number] | undefined {
  return PROGRAM_ROLES.find((role) => programName === `unum_${role}`);
}

const BESIDE = "~new";

function isMissing(thrown: unknown): boolean {
  return (thrown as NodeJS.ErrnoException).code === "ENOENT";
}

function unsafe(path: string, cause: string, remedy: string): UnumError {
  return new UnumError("PIN_DIRECTORY", `use ${path}: ${cause}`, { remedy });
}

/** Pins of one edge. bpffs is often writable by anyone, so the directory itself must be ours alone. */
export class PinDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get maps(): string {
    return join(this.path, "maps");
  }
  get programs(): string {
    return join(this.path, "programs");
  }
  get links(): string {
    return join(this.path, "links");
  }

  /** The daemon's: locked by it for as long as it lives. */
  get daemon(): string {
    return join(this.path, "daemon");
  }
  /** A symbolic link to where the daemon answers. */
  get daemonSocket(): string {
    return join(this.daemon, "socket");
  }

  map(name: string): string {
    return join(this.maps, name);
  }
  program(role: string): string {
    return join(this.programs, role);
  }

  /** Where what is to replace a pin is pinned first. No map, program or interface has such a name. */
  beside(path: string): string {
    return `${path}${BESIDE}`;
  }

  isBeside(name: string): boolean {
    return name.endsWith(BESIDE);
  }

  /** bpffs refuses dots in names, interfaces have them: anything but letters, digits, - and _ becomes ~ and its code. */
  link(interfaceName: string): string {
    const escaped = interfaceName.replace(
      /[^A-Za-z0-9_-]/g,
      (character) => `~${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
    );
    return join(this.links, escaped);
  }

  /** Interfaces that have a pinned link, sorted. */
  linkedInterfaces(): string[] {
    return this.#list(this.links)
      .map((name) =>
        name.replace(/~([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
      )
      .sort();
  }

  pinnedMaps(): string[] {
    return this.#list(this.maps).sort();
  }

  /** Takes away what a process that was killed had pinned beside something, and not yet put in its place. */
  sweep(): void {
    for (const directory of [this.maps, this.programs])
      for (const name of this.#list(directory)) if (this.isBeside(name)) this.unlink(join(directory, name));
  }

  /** The map meta is pinned last: without it, a maker was killed before anything could use the rest. */
  isLoaded(): boolean {
    return this.exists() && this.pinnedMaps().includes("meta");
  }

  exists(): boolean {
    try {
      lstatSync(this.path);
      return true;
    } catch (thrown) {
      if (isMissing(thrown)) return false;
      throw unsafe(this.path, causeText(thrown), "name another one with --pin-dir");
    }
  }

  /**
   * Throws unless the directory is a real one, on bpffs, owned by this user and closed to others.
   * @throws UnumError PIN_DIRECTORY
   */
  requireSafe(): void {
    if (!this.exists()) {
      throw unsafe(this.path, "there is no such directory", "apply a document, or attach a NIC: either makes it");
    }
    const status = lstatSync(this.path);
    if (!status.isDirectory()) {
      throw unsafe(this.path, "it is not a directory", "remove it, or name another one with --pin-dir");
    }
    if (status.uid !== process.geteuid?.()) {
      throw unsafe(
        this.path,
        `it belongs to user ${status.uid}, not to user ${process.geteuid?.()}`,
        "run as that user, or name another directory with --pin-dir",
      );
    }
    if ((status.mode & 0o077) !== 0) {
      const mode = (status.mode & 0o777).toString(8);
      throw unsafe(
        this.path,
        `its mode is 0${mode}, so that other users may change what packets see`,
        `chmod 700 ${this.path}`,
      );
    }
    this.#requireBpffs(this.path);
  }

  #requireBpffs(path: string): void {
    if (isBpffs(path)) return;
    throw unsafe(
      this.path,
      "it is not on a BPF file system",
      "mount -t bpf bpf /sys/fs/bpf, or name a directory on one with --pin-dir",
    );
  }

  /** Where the daemon of this directory answers, if there is one; it may be dead. */
  readDaemonSocket(): string | undefined {
    try {
      return readlinkSync(this.daemonSocket);
    } catch {
      return undefined;
    }
  }

  /**
   * Becomes the daemon of this directory, which is made if need be, until the lock is closed.
   * @throws UnumError DAEMON_RUNNING
   */
  lockDaemon(socketPath: string, waitMs: number): { close(): void } {
    this.create();
    this.#makeDirectory(this.daemon);
    let lock: { close(): void };
    try {
      lock = lockDirectory(this.daemon, { waitMs });
    } catch (thrown) {
      if (!(thrown instanceof UnumError) || thrown.code !== "LOCKED") throw thrown;
      const holder = lockHolder(this.daemon);
      throw new UnumError("DAEMON_RUNNING", `run the daemon of ${this.path}: ${holder} is it already`, {
        remedy: "unum status shows it; stop it first, or name another directory with --pin-dir",
        cause: thrown,
      });
    }
    try {
      this.unlink(this.daemonSocket);
      symlinkSync(socketPath, this.daemonSocket);
    } catch (thrown) {
      lock.close();
      throw thrown;
    }
    return lock;
  }

  /** Makes the directory and its rooms, mounting bpffs when nothing is mounted at its usual place. */
  create(): void {
    const parent = dirname(this.path);
    if (parent === "/sys/fs/bpf" && !isBpffs(parent)) mountBpffs(parent);
    if (existsSync(parent) && !this.exists()) this.#requireBpffs(parent);
    // Nothing is made in a directory before it is known to be safe.
    this.#makeDirectory(this.path);
    this.requireSafe();
    for (const path of [this.maps, this.programs, this.links]) this.#makeDirectory(path);
  }

  #makeDirectory(path: string): void {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "EEXIST") return;
      throw unsafe(path, causeText(thrown), "its parent must exist, be on a BPF file system and be writable");
    }
  }

  unlink(path: string): void {
    try {
      unlinkSync(path);
    } catch (thrown) {
      if (!isMissing(thrown)) throw unsafe(path, causeText(thrown), "remove it by hand");
    }
  }

  /**
   * Removes every pin. What is attached nowhere is gone with it. The map meta goes first: without it, the rest counts for
   * nothing to whoever comes after a process that was killed here.
   */
  clear(): void {
    this.unlink(this.map("meta"));
    for (const directory of [this.links, this.programs, this.maps]) {
      for (const name of this.#list(directory)) this.unlink(join(directory, name));
    }
  }

  /** Removes every pin and the directory. */
  remove(): void {
    this.clear();
    this.unlink(this.daemonSocket);
    for (const path of [this.daemon, this.links, this.programs, this.maps, this.path]) this.#removeDirectory(path);
  }

  /** Tells this directory from one that was made later under the same name. */
  identity(): number | undefined {
    try {
      return lstatSync(this.path).ino;
    } catch (thrown) {
      if (isMissing(thrown)) return undefined;
      throw thrown;
    }
  }

  /**
   * The lock of this directory; undefined when another process removed it, or made it again, while this one waited.
   * @throws UnumError LOCKED
   */
  lock(waitMs: number): { close(): void } | undefined {
    const identity = this.identity();
    if (identity === undefined) return undefined;
    let lock: { close(): void };
    try {
      lock = lockDirectory(this.path, { waitMs });
    } catch (thrown) {
      if (this.identity() === undefined) return undefined;
      throw thrown;
    }
    if (this.identity() === identity) return lock;
    lock.close();
    return undefined;
  }

  #removeDirectory(path: string): void {
    try {
      rmdirSync(path);
    } catch (thrown) {
      if (isMissing(thrown)) return;
      const full = (thrown as NodeJS.ErrnoException).code === "ENOTEMPTY";
      const remedy = full
        ? "something else is in it: remove that by hand"
        : "every pin is gone; whoever owns its parent can rmdir it";
      throw unsafe(path, causeText(thrown), remedy);
    }
  }

  #list(path: string): string[] {
    try {
      return readdirSync(path);
    } catch (thrown) {
      if (isMissing(thrown)) return [];
      throw unsafe(path, causeText(thrown), "run as the user that owns it");
    }
  }
}
