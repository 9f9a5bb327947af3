// Rate limits: what packets read is a cost per byte and a burst as time, rounded; what was asked for is kept beside it.

import type { RateLimit } from "../model/index.ts";
import type { Layout } from "./layout.ts";

export function limitWord(layout: Layout, { bitsPerSecond, burstBytes }: RateLimit): Uint8Array {
  const shift = layout.number("rate_limit_scale", "RATE_LIMIT_SHIFT");
  const cost = Math.round((8e9 * 2 ** shift) / bitsPerSecond);
  // Rounded up: a burst of one packet must let that packet pass.
  const burst = Math.ceil((8e6 * burstBytes) / bitsPerSecond);
  return layout.encode("rate_limit", { cost: Math.max(cost, 1), burst_us: burst });
}

/** Fields of profile_detail and tenant_detail. */
export function limitDetail({ bitsPerSecond, burstBytes }: RateLimit): { rate: bigint; burst: bigint } {
  return { rate: BigInt(bitsPerSecond), burst: BigInt(burstBytes) };
}

/** Undefined where a detail has none. */
export function limitOfDetail(detail: Record<string, unknown> | undefined): RateLimit | undefined {
  const { rate = 0n, burst = 0n } = (detail ?? {}) as { rate?: bigint; burst?: bigint };
  return rate === 0n ? undefined : { bitsPerSecond: Number(rate), burstBytes: Number(burst) };
}
