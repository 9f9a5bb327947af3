// The edge of the lab, used as its operator uses it: by the command line, in the edge's namespace.

import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UnumError } from "../src/errors.ts";
import { type CommandResult, executeIn, type Namespace } from "./network.ts";
import { documentOf } from "./plan.ts";
import type { Lab } from "./topology.ts";
import { ROOT } from "./traffic.ts";

/** The compiled command line. */
export const CLI = join(ROOT, "dist/src/cli/main.js");
/** Where it pins unless told otherwise. */
export const PIN_DIRECTORY = "/sys/fs/bpf/unum";

/** The part of `unum counters --json` that is read here. */
interface CountersDocument {
  /** Integers beyond 2^53 would be text. */
  readonly endpoints: Readonly<Record<string, Record<"txPackets" | "rxPackets", number | string>>>;
  readonly drops: Readonly<Record<string, { readonly packets: number | string }>>;
}

/** Packets to an endpoint (tx) and from it (rx). */
export interface Traffic {
  readonly txPackets: number;
  readonly rxPackets: number;
}

export interface EdgeOptions {
  /** Told of each command before it runs, and of its result. */
  readonly onCommand?: (command: string, result: CommandResult | undefined) => void;
  /** Where it pins; edges that share a bpffs need one each. */
  readonly pinDirectory?: string;
}

/** Commands of `unum` in an edge's namespace, with one document as its state (in UNUM_STATE). */
export class Edge {
  readonly namespace: Namespace;
  /** The document. */
  readonly state: string;
  readonly pinDirectory: string;
  readonly #onCommand: EdgeOptions["onCommand"];

  private constructor(namespace: Namespace, state: string, options: EdgeOptions) {
    this.namespace = namespace;
    this.state = state;
    this.pinDirectory = options.pinDirectory ?? PIN_DIRECTORY;
    this.#onCommand = options.onCommand;
  }

  /** The lab's edge: writes the lab's document to a new file; applies nothing. */
  static create(lab: Lab, options: EdgeOptions = {}): Promise<Edge> {
    return Edge.within(lab.namespace("edge"), documentOf(lab.tenants), options);
  }

  /** An edge in any namespace: writes its document to a new file; applies nothing. */
  static async within(namespace: Namespace, document: string, options: EdgeOptions = {}): Promise<Edge> {
    const directory = await mkdtemp(join(tmpdir(), "unum-lab-"));
    const edge = new Edge(namespace, join(directory, "state.yaml"), options);
    await edge.write(document);
    return edge;
  }

  write(document: string): Promise<void> {
    return writeFile(this.state, document);
  }

  /** Runs a command to its end, whatever its exit status, and tells of it. */
  async attempt(...args: string[]): Promise<CommandResult> {
    const command = ["unum", ...args].join(" ");
    this.#onCommand?.(command, undefined);
    const result = await this.quietly(...args);
    this.#onCommand?.(command, result);
    return result;
  }

  /** Runs a command that has to succeed; returns its stdout. */
  async run(...args: string[]): Promise<string> {
    const result = await this.attempt(...args);
    if (result.status !== 0) {
      throw new UnumError("INTERNAL", `run unum ${args.join(" ")}: exit status ${result.status}\n${result.stderr}`);
    }
    return result.stdout;
  }

  /** Runs a command and tells nobody. */
  quietly(...args: string[]): Promise<CommandResult> {
    return executeIn(this.namespace, [process.execPath, CLI, ...args], {
      env: { ...process.env, UNUM_STATE: this.state, UNUM_PIN_DIR: this.pinDirectory },
    });
  }

  /** Starts to count packets by endpoint. Each call of what it returns says how many there were since now. */
  async meter(): Promise<() => Promise<(endpoint: string) => Traffic>> {
    const before = await this.#endpointTraffic();
    return async () => {
      const now = await this.#endpointTraffic();
      const of = (counts: ReadonlyMap<string, Traffic>, name: string) =>
        counts.get(name) ?? { txPackets: 0, rxPackets: 0 };
      return (name) => ({
        txPackets: of(now, name).txPackets - of(before, name).txPackets,
        rxPackets: of(now, name).rxPackets - of(before, name).rxPackets,
      });
    };
  }

  /** Packets dropped since the tables were made, by reason. */
  async drops(): Promise<ReadonlyMap<string, number>> {
    const { drops } = await this.json<CountersDocument>("counters");
    return new Map(Object.entries(drops).map(([reason, { packets }]) => [reason, Number(packets)]));
  }

  async #endpointTraffic(): Promise<ReadonlyMap<string, Traffic>> {
    const { endpoints } = await this.json<CountersDocument>("counters");
    return new Map(
      Object.entries(endpoints).map(([name, { txPackets, rxPackets }]) => [
        name,
        { txPackets: Number(txPackets), rxPackets: Number(rxPackets) },
      ]),
    );
  }

  /** What a command with --json says. */
  async json<T>(...args: string[]): Promise<T> {
    const { status, stdout, stderr } = await this.quietly(...args, "--json");
    if (status !== 0) throw new UnumError("INTERNAL", `run unum ${args.join(" ")} --json: status ${status}\n${stderr}`);
    return JSON.parse(stdout) as T;
  }
}
