// Runs frames through the packet path and through the oracle, and holds one against the other: verdict, bytes, reasons, counters.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Judgement, Oracle } from "./oracle.ts";
import { adopt, entropyOf, type Output } from "./oracle-frames.ts";
import { sameBytes } from "./packet-bytes.ts";
import { frameDifference, frameText } from "./packet-dissect.ts";
import type { EdgeUnderTest, Run } from "./packet-edge.ts";
import { pcap } from "./packet-pcap.ts";
import { PORT_SPECS, type PortName, type Role } from "./packet-world.ts";

const FAILURES = join(import.meta.dirname, "../../build/failures");

interface Group {
  readonly judgements: Judgement[];
  readonly frames: Uint8Array[];
}

type Result = Omit<Run, "moves">;

/** Frames by how they ended: "dropped no_route" → how many. */
export type Tally = Map<string, number>;

export class Jury {
  readonly #edge: EdgeUnderTest;
  readonly #oracle: Oracle;
  readonly #flows = new Map<string, number>();
  readonly #choices = new Map<string, string>();
  readonly tally: Tally = new Map();

  constructor(edge: EdgeUnderTest, oracle: Oracle) {
    this.#edge = edge;
    this.#oracle = oracle;
  }

  /**
   * The first disagreement about these frames, with the frame in a file for wireshark; undefined: there is none. They are run
   * ordered by how they should end, so that each reason's counter is held against its own frames alone.
   * @param seed repeats the frames
   */
  disagreement(role: Role, port: PortName, frames: readonly Uint8Array[], seed: number | string): string | undefined {
    const groups = new Map<string, Group>();
    for (const frame of frames) {
      const judgement = this.#oracle.judge(role, port, frame);
      const key = [judgement.end, ...judgement.reasons].join(" ");
      const group = groups.get(key) ?? { judgements: [], frames: [] };
      group.judgements.push(judgement);
      group.frames.push(frame);
      groups.set(key, group);
    }
    for (const [key, group] of groups) {
      this.tally.set(key, (this.tally.get(key) ?? 0) + group.frames.length);
      const problem = this.#tryGroup(
        role,
        port,
        group,
        `seed ${seed}, ${role} program on ${port}, frames that are ${key}`,
      );
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #tryGroup(role: Role, port: PortName, { judgements, frames }: Group, where: string): string | undefined {
    this.#edge.forget();
    for (const [name, mtu] of this.#oracle.network.pathMtus) this.#edge.setPathMtu(name, mtu);
    this.#edge.counters.moves();
    const runs = this.#edge.runMany(role, port, frames);
    const expected = new Map<string, number>();
    for (const [index, run] of runs.entries()) {
      const judgement = judgements[index] as Judgement;
      const input = frames[index] as Uint8Array;
      const sent = this.#judgeOne(judgement, port, input, run);
      if (typeof sent === "string") return this.#report(where, index, input, run, sent);
      count(expected, judgement, input, run, sent);
    }
    const moves = sumReasons(this.#edge.counters.moves(), judgements[0] as Judgement);
    const wrong = [...new Set([...moves.keys(), ...expected.keys()])]
      .filter((path) => moves.get(path) !== expected.get(path))
      .map((path) => `  ${path} by ${moves.get(path) ?? 0}, expected ${expected.get(path) ?? 0}`);
    return wrong.length === 0 ? undefined : `${where}: counters moved:\n${wrong.join("\n")}`;
  }

  #report(where: string, index: number, input: Uint8Array, run: Result, problem: string): string {
    mkdirSync(FAILURES, { recursive: true });
    const file = join(FAILURES, `packets-${process.pid}-${Date.now()}.pcap`);
    writeFileSync(file, pcap([input, run.frame]));
    return [
      `${where}, number ${index}: ${problem}`,
      `input (and what became of it, in ${file}):`,
      frameText(input),
      `the edge made of it (${run.verdict}):`,
      frameText(run.frame),
    ].join("\n");
  }

  /** The frame that left, if one did; or the problem. */
  #judgeOne(judgement: Judgement, port: PortName, input: Uint8Array, run: Result): Output | undefined | string {
    const { end, outputs, reasons } = judgement;
    if (run.verdict === "pass" && end === "passed") {
      return sameBytes(run.frame, input) ? undefined : "it passes to the stack, but changed";
    }
    if (run.verdict === "drop" && end === "dropped") return undefined;
    if (outputs.length === 0) return `its end is ${run.verdict}, expected ${[end, ...reasons].join(" ")}`;
    let difference: string | undefined;
    for (const output of outputs) {
      const spec = PORT_SPECS[output.port];
      const verdict = output.port === port && spec.transmit === "direct" ? "tx" : "redirect";
      if (run.verdict !== verdict) difference ??= `its end is ${run.verdict}, expected ${verdict}`;
      else if (!adopt(output, run.frame)) difference ??= frameDifference(run.frame, output.frame) ?? "its entropy port";
      else if (sameBytes(run.frame, output.frame)) return this.#sameFlow(output, run.frame, outputs) ?? output;
      else difference ??= frameDifference(run.frame, output.frame);
    }
    return `what leaves differs:\n${difference}`;
  }

  /** A flow has one entropy port, flow label and flow id, whatever its tunnel, and takes one of equal paths. */
  #sameFlow(output: Output, frame: Uint8Array, choices: readonly Output[]): string | undefined {
    const { flow, tx } = output;
    if (flow === undefined || tx === undefined) return undefined;
    for (const [name, value] of Object.entries(entropyOf(output, frame))) {
      const key = `${name} of flow ${flow}`;
      const before = this.#flows.get(key);
      if (before === undefined) this.#flows.set(key, value);
      else if (before !== value) return `the ${key} is ${value}, and was ${before}`;
    }
    if (choices.length === 1) return undefined;
    const key = `${tx.tenant} ${flow} of ${choices.map((choice) => choice.tx?.endpoint).join()}`;
    const chosen = this.#choices.get(key);
    if (chosen === undefined) this.#choices.set(key, tx.endpoint);
    else if (chosen !== tx.endpoint) return `flow ${key} goes to ${tx.endpoint}, and went to ${chosen}`;
    return undefined;
  }
}

function add(moves: Map<string, number>, path: string, by: number): void {
  moves.set(path, (moves.get(path) ?? 0) + by);
}

function count(
  moves: Map<string, number>,
  judgement: Judgement,
  input: Uint8Array,
  run: Result,
  sent: Output | undefined,
): void {
  const { end, as, rx } = judgement;
  add(moves, "packets.received", 1);
  add(moves, `packets.${end}`, 1);
  if (end === "dropped") {
    add(moves, "drops.packets", 1);
    add(moves, "drops.bytes", input.length);
    if (sent !== undefined && as !== undefined) add(moves, `packets.${as}`, 1);
  }
  const traffic = (
    direction: "rx" | "tx",
    way: { endpoint: string; tenant: string; innerBytes: number },
    bytes: number,
  ) => {
    add(moves, `endpoints.${way.endpoint}.${direction}Packets`, 1);
    add(moves, `endpoints.${way.endpoint}.${direction}Bytes`, bytes);
    add(moves, `tenants.${way.tenant}.${direction}Packets`, 1);
    add(moves, `tenants.${way.tenant}.${direction}Bytes`, way.innerBytes);
  };
  if (sent?.tx !== undefined) traffic("tx", sent.tx, run.frame.length);
  if (rx !== undefined) traffic("rx", rx, input.length);
}

/** Drops under any of the reasons that are allowed, as one. */
function sumReasons(moves: ReadonlyMap<string, number>, { reasons }: Judgement): Map<string, number> {
  const summed = new Map<string, number>();
  for (const [path, by] of moves) {
    const [, reason = "", what] = path.startsWith("drops.") ? path.split(".") : [];
    add(summed, reasons.includes(reason) ? `drops.${what}` : path, by);
  }
  return summed;
}
