// Two chains at once, each on a core of its own, through one edge: the same programs, tables and counters. Whatever they shared
// and wrote would cost both.

import { cpus } from "node:os";
import type { BpfProgram } from "../src/bpf/program.ts";
import { Chain } from "./chain.ts";
import { buildEdge } from "./edges.ts";
import { Lane } from "./lane.ts";
import type { Answer } from "./lane-process.ts";
import { elapsed } from "./measure.ts";
import { PLAIN } from "./mixes.ts";
import { OTHER_SIDE, SIDE } from "./plan.ts";
import { type Spread, spread } from "./statistics.ts";

export interface TwoCoresPlan {
  readonly rounds: number;
  readonly packets: number;
}

/** Of one core, ns per packet, and what the other one took from it: 0.1 is a tenth of its packets per second. */
export interface CoreResult {
  readonly cpu: number;
  readonly aloneNs: Spread;
  readonly togetherNs: Spread;
  readonly loss: Spread;
}

export interface TwoCoresResult {
  readonly vms: number;
  readonly unum: readonly CoreResult[];
  /** A bare redirect in its place: what the machine's cores take from each other anyway. */
  readonly bare: readonly CoreResult[];
}

const VMS = 1000;

/** Undefined: there are no two cores. */
export async function measureTwoCores({ rounds, packets }: TwoCoresPlan): Promise<TwoCoresResult | undefined> {
  if (cpus().length < 2) return undefined;
  const first = await Chain.build("pair-");
  const second = await Chain.build("pair-other-", first.edge, OTHER_SIDE.ports);
  const chains = [first, second];
  const { plane } = buildEdge(first, "/sys/fs/bpf/two-cores", {
    ...{ duty: "encapsulate", vms: VMS, capacity: 1_000_000, sides: [SIDE, OTHER_SIDE] },
  });
  // The lanes have sources and sinks of their own.
  for (const chain of chains) chain.releaseEnds();
  const lanes = await Promise.all(chains.map(({ place }, cpu) => Lane.start(place, cpu)));
  const order = { run: { frames: { form: "inner", mix: PLAIN } as const, vms: VMS, packets }, sink: "sink" } as const;
  const nsPerPacket = ({ sample }: Answer) => elapsed(sample) / sample.received;

  const measure = async (programs: readonly BpfProgram[]): Promise<readonly CoreResult[]> => {
    for (const [at, program] of programs.entries()) chains[at]?.setProgram(program);
    const alone: number[][] = lanes.map(() => []);
    const together: number[][] = lanes.map(() => []);
    for (let round = 0; round <= rounds; round++) {
      const apart: Answer[] = [];
      for (const lane of lanes) apart.push(await lane.run(order));
      const both = await Promise.all(lanes.map((lane) => lane.run(order)));
      if (round === 0) continue; // caches, and pages that are made when they are first touched
      for (const at of lanes.keys()) {
        alone[at]?.push(...apart.slice(at, at + 1).map(nsPerPacket));
        together[at]?.push(...both.slice(at, at + 1).map(nsPerPacket));
      }
    }
    return lanes.map((_, cpu) => {
      const [before, after] = [alone[cpu] ?? [], together[cpu] ?? []];
      const loss = after.map((ns, round) => 1 - (before[round] ?? Number.NaN) / ns);
      return { cpu, aloneNs: spread(before), togetherNs: spread(after), loss: spread(loss) };
    });
  };
  try {
    const access = plane.program("access");
    return {
      vms: VMS,
      unum: await measure([access, access]),
      bare: await measure(chains.map((chain) => chain.object.program("bare_redirect"))),
    };
  } finally {
    await Promise.all(lanes.map((lane) => lane.stop()));
    for (const chain of chains) chain.close();
    plane.close();
    plane.pins.remove();
  }
}
