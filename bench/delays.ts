// How long one frame takes through the edge when nothing else is under way: from when the generator made it to when the sink
// has it, two veth hops included. One frame at a time, each with the time of its making in it.

import type { BpfProgram } from "../src/bpf/program.ts";
import type { Chain } from "./chain.ts";
import type { Row } from "./prepare.ts";

export interface DelayResult {
  readonly row: string;
  readonly title: string;
  readonly frames: number;
  /** Nanoseconds, to within 16; undefined beyond 130 microseconds. */
  readonly medianNs: number | undefined;
  readonly p99Ns: number | undefined;
}

/** The rows whose programs stand at the port. */
export const DELAY_ROWS = ["redirect", "encapsulate", "kernel-encapsulate"];

const STEP_NS = 16; // as in chain.bpf.c

export function measureDelays(rows: readonly Row[], frames: number): readonly DelayResult[] {
  return rows
    .filter(({ plan }) => DELAY_ROWS.includes(plan.name))
    .map(({ plan, chain, program }) => {
      const counts = delays(chain, program, plan.vms, frames);
      const at = (share: number) => percentileNs(counts, share);
      return { row: plan.name, title: plan.title, frames, medianNs: at(0.5), p99Ns: at(0.99) };
    });
}

function delays(chain: Chain, program: BpfProgram | undefined, vms: number, packets: number): readonly number[] {
  chain.setProgram(program);
  chain.setSink("sink_delay");
  try {
    const run = { frames: "stamped", vms, batchSize: 1 } as const;
    chain.send({ ...run, packets: Math.ceil(packets / 10) });
    const before = chain.words("delays");
    chain.send({ ...run, packets });
    return chain.words("delays").map((count, step) => count - (before[step] ?? 0));
  } finally {
    chain.setSink("sink");
  }
}

/** The middle of the step that a share of the frames does not exceed. The last step has no end. */
export function percentileNs(counts: readonly number[], share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let left = Math.max(1, Math.ceil(total * share));
  for (const [step, count] of counts.entries()) {
    left -= count;
    if (left <= 0) return step === counts.length - 1 ? undefined : (step + 0.5) * STEP_NS;
  }
  return undefined;
}
