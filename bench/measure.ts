// Runs rows in turn, round by round, and says what they took. A machine changes its pace from second to second, for whatever
// else it does: rows are compared within a round, where they had the same neighbours.

import type { Sample } from "./chain.ts";
import { explainDrops } from "./edges.ts";
import type { Row } from "./prepare.ts";
import type { RowPlan } from "./rows.ts";
import { median, type Spread, spread } from "./statistics.ts";

export interface Pace {
  readonly rounds: number;
  /** Frames of one run. */
  readonly packets: number;
  readonly warmUpPackets: number;
}

export interface RowResult {
  readonly plan: RowPlan;
  /** Of the whole chain. */
  readonly nsPerPacket: Spread;
  /** Above the row it is held against; negative is noise. */
  readonly costNs?: Spread;
  /** Packets per second, as a multiple of the kernel's. */
  readonly timesKernel?: Spread;
  /** Of all frames sent, the share that did not arrive. */
  readonly loss: number;
  /** ns per packet, by round. */
  readonly samples: readonly number[];
  /** Why the row does not count, if so. */
  readonly failure?: string;
}

const KERNEL_SHARE = 2;

/** A row that loses more than this is wrong, not slow. */
const LOSS_MAX = 0.01;

/**
 * What others took from the core is not the chain's cost. `cpu`: processor time of this thread. Kernels that account for time in
 * interrupts (CONFIG_IRQ_TIME_ACCOUNTING) do not book there what frames make them do; then `elapsed`, less what was waited.
 */
export type Clock = "cpu" | "elapsed";

/** Without what others had the core. */
export const elapsed = ({ elapsedNs, waitedNs }: Sample): number => elapsedNs - waitedNs;

/** The two agree within a few percent where both count all. */
function chooseClock(samples: readonly Sample[]): Clock {
  const arrived = samples.filter(({ received }) => received > 0);
  return median(arrived.map((sample) => sample.cpuNs / elapsed(sample))) > 0.8 ? "cpu" : "elapsed";
}

function nsPerPacket(sample: Sample, clock: Clock): number {
  if (sample.received === 0) return Number.NaN;
  return (clock === "cpu" ? sample.cpuNs : elapsed(sample)) / sample.received;
}

function failureOf(row: Row, samples: readonly Sample[]): string | undefined {
  const sum = (of: (sample: Sample) => number) => samples.reduce((total, sample) => total + of(sample), 0);
  const [sent, received, bytes] = [sum((s) => s.sent), sum((s) => s.received), sum((s) => s.bytes)];
  const details = row.plane === undefined ? "" : `; ${explainDrops(row.plane)}`;
  if (received === 0) return `none of ${sent} frames arrived${details}`;
  if (bytes !== received * row.plan.arrivingBytes) {
    const average = (bytes / received).toFixed(1);
    return `frames of ${average} bytes arrived on average, expected ${row.plan.arrivingBytes}${details}`;
  }
  const loss = 1 - received / sent;
  if (loss > LOSS_MAX && row.plan.subject.kind !== "kernel") {
    return `lost ${(loss * 100).toFixed(1)} % of ${sent} frames, expected at most ${LOSS_MAX * 100} %${details}`;
  }
  return undefined;
}

export interface Measured {
  readonly clock: Clock;
  readonly rows: readonly RowResult[];
}

export async function measureRows(
  rows: readonly Row[],
  pace: Pace,
  progress: (text: string) => void,
): Promise<Measured> {
  const samples = new Map<string, Sample[]>(rows.map((row) => [row.plan.name, []]));
  for (let round = 1; round <= pace.rounds; round++) {
    progress(`round ${round} of ${pace.rounds}`);
    for (const { plan, chain, program } of rows) {
      const { frames, vms } = plan;
      // The kernel takes several times as long for each.
      const packets = plan.subject.kind === "kernel" ? pace.packets / KERNEL_SHARE : pace.packets;
      chain.setProgram(program);
      await chain.run({ frames, vms, packets: pace.warmUpPackets });
      samples.get(plan.name)?.push(await chain.run({ frames, vms, packets }));
    }
  }
  const clock = chooseClock([...samples.values()].flat());
  return { clock, rows: rows.map((row) => resultOf(row, samples, clock)) };
}

function resultOf(row: Row, all: ReadonlyMap<string, readonly Sample[]>, clock: Clock): RowResult {
  const { plan } = row;
  const times = (name: string): readonly number[] => (all.get(name) ?? []).map((sample) => nsPerPacket(sample, clock));
  const own = times(plan.name);
  /** Round by round: differences and ratios of rows that ran side by side. */
  const paired = (other: string | undefined, of: (mine: number, theirs: number) => number): Spread | undefined => {
    if (other === undefined || !all.has(other)) return undefined;
    const theirs = times(other);
    return spread(own.map((mine, round) => of(mine, theirs[round] ?? Number.NaN)));
  };
  const costNs = paired(plan.over, (mine, theirs) => mine - theirs);
  const timesKernel = paired(plan.kernel, (mine, theirs) => theirs / mine);
  const samples = all.get(plan.name) ?? [];
  const failure = failureOf(row, samples);
  return {
    plan,
    nsPerPacket: spread(own),
    ...(costNs === undefined ? {} : { costNs }),
    ...(timesKernel === undefined ? {} : { timesKernel }),
    loss:
      1 - samples.reduce((sum, { received }) => sum + received, 0) / samples.reduce((sum, { sent }) => sum + sent, 0),
    samples: own,
    ...(failure === undefined ? {} : { failure }),
  };
}
