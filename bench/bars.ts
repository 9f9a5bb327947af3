// The figures that unum sets out to reach, held against what was measured. A bar that is not met is reported, and is no error:
// how fast a machine is says nothing about whether the program is right.

import type { HostResult } from "./host.ts";
import { added, type RowResult } from "./measure.ts";

export interface Bar {
  readonly what: string;
  readonly expected: string;
  readonly measured: string;
  readonly met: boolean;
}

function bar(what: string, sign: "≤" | "≥", limit: number, unit: string, measured: number | undefined): Bar[] {
  if (measured === undefined || Number.isNaN(measured)) return [];
  const digits = limit < 1 ? 2 : measured < 0.1 ? 3 : 1;
  return [
    {
      what,
      expected: `${sign} ${limit}${unit}`,
      measured: `${measured.toFixed(digits)}${unit}`,
      met: sign === "≤" ? measured <= limit : measured >= limit,
    },
  ];
}

export function judge(results: readonly RowResult[], host: HostResult | undefined): readonly Bar[] {
  const find = (name: string) => results.find((result) => result.plan.name === name);
  const byMillions = added(results, "encapsulate-4m", "encapsulate");
  const bucketsAdd = added(results, "buckets-4m", "buckets");
  const hashAdds = added(results, "hash-4m", "hash");
  const share = bucketsAdd === undefined || hashAdds === undefined ? undefined : bucketsAdd / hashAdds;
  const millions = host && host.bulk.tightPerSecond.median / 1e6;
  const oneVmMs = host && host.change.replaceUs.p99 / 1000;
  return [
    ...bar("encapsulate, over a bare redirect", "≤", 60, " ns", find("encapsulate")?.costNs?.median),
    ...bar("encapsulate, over a bare XDP_TX", "≤", 60, " ns", find("encapsulate-back")?.costNs?.median),
    ...bar("the kernel's tunnel, packets per second", "≥", 4, " ×", find("encapsulate")?.timesKernel?.median),
    ...bar("added by 4 M VMs over 1 thousand", "≤", 200, " ns", byMillions),
    ...bar("the same of a lookup, to what a hash map adds", "≤", 0.4, " ×", share),
    ...bar("bulk load from a packed buffer", "≥", 15, " M VMs/s", millions),
    ...bar("one of 1 M VMs changed, 99th percentile", "≤", 10, " ms", oneVmMs),
  ];
}
