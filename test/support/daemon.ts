// `unum run` as a process in an edge's namespace, and what it logged.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { CLI, type Edge } from "../../lab/edge.ts";
import { inside } from "../../lab/network.ts";
import { ask } from "../../src/daemon/client.ts";
import type { Health, Status } from "../../src/daemon/protocol.ts";

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface RunOptions {
  readonly cli?: string;
  readonly socket?: string;
  readonly metrics?: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Before `node`: a command that runs the rest. */
  readonly through?: readonly string[];
}

/** Nothing waits longer: a machine may be slow, but not for ever. */
const LONG_MS = 60_000;
const POLL_MS = 10;

/** Waits until `look` gives something. */
export async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const started = performance.now(); performance.now() - started < LONG_MS; ) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`wait until ${what}: not within ${LONG_MS} ms`);
}

export class DaemonProcess {
  readonly child: ChildProcess;
  readonly socket: string;
  readonly log: LogLine[] = [];
  /** What it wrote that is no line of the log. */
  readonly text: string[] = [];
  readonly #gone: Promise<unknown>;

  constructor(edge: Edge, options: RunOptions = {}) {
    const { cli = CLI, socket = `/run/unum/tmp/${edge.namespace.name}.sock`, metrics = "off" } = options;
    this.socket = socket;
    const run = [
      process.execPath,
      cli,
      "run",
      "--source",
      `file:${edge.state}`,
      "--socket",
      socket,
      "--metrics",
      metrics,
    ];
    const [command, args] = inside(edge.namespace, [...(options.through ?? []), ...run, ...(options.args ?? [])]);
    this.child = spawn(command, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, UNUM_PIN_DIR: edge.pinDirectory, ...options.env },
    });
    this.#gone = once(this.child, "close");
    createInterface({ input: this.child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
      if (line.startsWith("{")) this.log.push(JSON.parse(line) as LogLine);
      else this.text.push(line);
    });
  }

  get pid(): number {
    return this.child.pid as number;
  }

  status(): Promise<Status> {
    return ask(this.socket, { command: "status" }, LONG_MS);
  }

  health(): Promise<Health> {
    return ask(this.socket, { command: "health" }, LONG_MS);
  }

  /** Waits for the status to be as wanted. */
  async reaches(what: string, wanted: (status: Status) => boolean): Promise<Status> {
    let last: unknown;
    try {
      return await until(`the daemon is ${what}`, async () => {
        if (this.child.exitCode !== null) throw new Error(`it ended with status ${this.child.exitCode}`);
        const status = await this.status().catch(() => undefined);
        last = status;
        return status !== undefined && wanted(status) ? status : undefined;
      });
    } catch (cause) {
      const told = [...this.text, ...this.log.map((line) => JSON.stringify(line))].join("\n");
      throw new Error(`${String(cause)}\nstatus: ${JSON.stringify(last)}\nlog:\n${told}`);
    }
  }

  /** Waits until the maps show a state of the source. */
  inSync(): Promise<Status> {
    return this.reaches("in sync", ({ state, source }) => state === "in sync" && source.error === undefined);
  }

  /** Sends a signal, and waits for the end. Gives the exit status, or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.child.kill(signal);
    await this.#gone;
    return this.child.exitCode ?? (this.child.signalCode as NodeJS.Signals);
  }

  /** Waits for it to end by itself. */
  async ended(): Promise<number | null> {
    await this.#gone;
    return this.child.exitCode;
  }
}
