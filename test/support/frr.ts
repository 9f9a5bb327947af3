// FRR's bfdd in a namespace: somebody else's BFD.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Namespace, run, runIn, spawnIn } from "../../lab/network.ts";

const BFDD = "/usr/lib/frr/bfdd";

export interface BfddPeer {
  /** The edge. */
  readonly address: string;
  readonly local: string;
  readonly intervalMs: number;
  readonly multiplier?: number;
  readonly multihop?: boolean;
}

/** The part of `show bfd peers json` that is read here. */
interface PeerShown {
  readonly status: string;
  readonly diagnostic: string;
  readonly "remote-diagnostic": string;
  readonly "transmit-interval": number;
  readonly "remote-transmit-interval": number;
}

export class Bfdd {
  readonly #namespace: Namespace;
  readonly #directory: string;
  readonly #process: ChildProcess;
  readonly #output: string[] = [];

  private constructor(namespace: Namespace, directory: string) {
    this.#namespace = namespace;
    this.#directory = directory;
    const at = (name: string) => join(directory, name);
    this.#process = spawnIn(namespace, [
      // As FRR's own unit for systemd starts it.
      ...["nice", "-n", "-5"],
      ...[BFDD, "-u", "frr", "-g", "frr", "-f", at("bfdd.conf"), "-i", at("pid"), "-z", at("zebra")],
      ...["--vty_socket", directory, "--bfdctl", at("control"), "-P", "0", "--log", "stdout"],
    ]);
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on("data", (bytes: Buffer) => this.#output.push(bytes.toString()));
  }

  static async start(namespace: Namespace, peers: readonly BfddPeer[]): Promise<Bfdd> {
    const directory = await mkdtemp(join(tmpdir(), "unum-bfdd-"));
    const lines = peers.flatMap(({ address, local, intervalMs, multiplier = 3, multihop = false }) => [
      ` peer ${address} ${multihop ? "multihop " : ""}local-address ${local}`,
      `  detect-multiplier ${multiplier}`,
      `  receive-interval ${intervalMs}`,
      `  transmit-interval ${intervalMs}`,
      ...(multihop ? ["  minimum-ttl 100"] : []),
      " !",
    ]);
    // It gives its rights up, and wants files and sockets of its own user's.
    await run("chown", ["frr:frr", directory]);
    await writeFile(join(directory, "bfdd.conf"), ["bfd", ...lines, "!", ""].join("\n"));
    return new Bfdd(namespace, directory);
  }

  /** Name of its namespace. */
  get namespace(): string {
    return this.#namespace.name;
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get output(): string {
    return this.#output.join("");
  }

  peers(): Promise<readonly PeerShown[]> {
    return this.#ask("show bfd peers json");
  }

  /** Of its first peer. */
  async counters(): Promise<Readonly<Record<string, number>>> {
    const [first] = await this.#ask<readonly Readonly<Record<string, number>>[]>("show bfd peers counters json");
    return first ?? {};
  }

  async #ask<T>(command: string): Promise<T> {
    const vtysh = ["vtysh", "--vty_socket", this.#directory, "-d", "bfdd", "-c", command];
    return JSON.parse(await runIn(this.#namespace, vtysh)) as T;
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** After a SIGSTOP. */
  resume(): void {
    this.#process.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    if (!this.isAlive) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
