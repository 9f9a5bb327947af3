// The figures that unum sets out to reach, held against what was measured. A bar that is not met is reported, and is no error:
// how fast a machine is says nothing about whether the program is right.

import type { HostResult } from "./host.ts";
import { FIRST_APPLY, SECOND_APPLY } from "./inventories.ts";
import type { ResultRow } from "./result.ts";
import { median } from "./statistics.ts";
import type { TwoCoresResult } from "./two-cores.ts";

export interface Bar {
  readonly what: string;
  readonly expected: string;
  readonly measured: string;
  readonly met: boolean;
}

function bar(what: string, sign: "≤" | "≥", limit: number, unit: string, measured: number | undefined): Bar[] {
  if (measured === undefined || Number.isNaN(measured)) return [];
  const digits = limit < 1 ? 2 : measured > 0 && measured < 0.1 ? 3 : 1;
  return [
    {
      what,
      expected: `${sign} ${limit}${unit}`,
      measured: `${measured.toFixed(digits)}${unit}`,
      met: sign === "≤" ? measured <= limit : measured >= limit,
    },
  ];
}

/** Median of the differences of two rows, round by round; undefined unless both were measured. */
function added(rows: readonly ResultRow[], to: string, from: string): number | undefined {
  const find = (name: string) => rows.find((row) => row.name === name)?.samples;
  const [more, less] = [find(to), find(from)];
  if (more === undefined || less === undefined) return undefined;
  return median(more.map((value, round) => value - (less[round] ?? Number.NaN)));
}

export function judge(
  rows: readonly ResultRow[],
  host: HostResult | undefined,
  twoCores: TwoCoresResult | undefined,
): readonly Bar[] {
  const find = (name: string) => rows.find((row) => row.name === name);
  const byMillions = added(rows, "encapsulate-4m", "encapsulate");
  const bucketsAdd = added(rows, "buckets-4m", "buckets");
  const hashAdds = added(rows, "hash-4m", "hash");
  const share = bucketsAdd === undefined || hashAdds === undefined ? undefined : bucketsAdd / hashAdds;
  const millions = host && host.bulk.tightPerSecond.median / 1e6;
  const oneVmMs = host && host.change.replaceUs.p99 / 1000;
  const inventory = (title: string, vms: number) =>
    host?.inventories.find((row) => row.title === title && row.vms === vms);
  const [first, again, four] = [
    inventory(FIRST_APPLY, 1_000_000),
    inventory(SECOND_APPLY, 1_000_000),
    inventory(FIRST_APPLY, 4_000_000),
  ];
  const loss = twoCores && Math.max(...twoCores.unum.map((core) => core.loss.median)) * 100;
  return [
    ...bar("encapsulate, over a bare redirect", "≤", 60, " ns", find("encapsulate")?.costNs?.median),
    ...bar("encapsulate, over a bare XDP_TX", "≤", 60, " ns", find("encapsulate-back")?.costNs?.median),
    ...bar("the kernel's tunnel, packets per second", "≥", 4, " ×", find("encapsulate")?.timesKernel?.median),
    ...bar("added by 4 M VMs over 1 thousand", "≤", 200, " ns", byMillions),
    ...bar("the same of a lookup, to what a hash map adds", "≤", 0.4, " ×", share),
    ...bar("lost by each of two chains on two cores", "≤", 15, " %", loss),
    ...bar("bulk load from a packed buffer", "≥", 15, " M VMs/s", millions),
    ...bar("a file of 1 M VMs, to forwarding", "≤", 5, " s", first?.seconds.median),
    ...bar("… memory of the host", "≤", 500, " MB", first && (first.peakMiB.max * 2 ** 20) / 1e6),
    ...bar("… applied again", "≤", 3, " s", again?.seconds.median),
    ...bar("a file of 4 M VMs, to forwarding", "≤", 20, " s", four?.seconds.median),
    ...bar("… memory of the host", "≤", 2000, " MB", four && (four.peakMiB.max * 2 ** 20) / 1e6),
    ...bar("one of 1 M VMs changed, 99th percentile", "≤", 10, " ms", oneVmMs),
  ];
}
