// Rates and sizes as documents write them: a plain decimal number and its unit. What a limit may be, and is by default.

import type { Range } from "./limits.ts";

const RATE_UNITS = { "bit/s": 1, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9 } as const;
const SIZE_UNITS = { B: 1, kB: 1000, KiB: 1024, MB: 1_000_000, MiB: 1_048_576 } as const;

/** Digits before the point, digits behind it, unit. */
const FORM = /^(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,9}))?([A-Za-z/]+)$/;

/** What `text` is in the smallest unit; undefined unless that is a whole number. */
function parseAmount(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, whole, fraction = "", unit = ""] = FORM.exec(text) ?? [];
  if (whole === undefined || !Object.hasOwn(units, unit)) return undefined;
  // Exactly, since 0.1 is no binary number.
  const scaled = BigInt(whole + fraction) * BigInt(units[unit] as number);
  const divisor = 10n ** BigInt(fraction.length);
  return scaled % divisor === 0n ? Number(scaled / divisor) : undefined;
}

/** `value` in the largest of `units` in which it is a whole number. */
function amountText(value: number, units: readonly (readonly [unit: string, factor: number])[]): string {
  const [unit, factor] = units.find(([, each]) => value !== 0 && value % each === 0) ?? (units.at(-1) as [string, 1]);
  return `${value / factor}${unit}`;
}

/** Bits per second of "64kbit/s", "100Mbit/s" or "2.5Gbit/s"; undefined for anything else. */
export function parseRate(text: string): number | undefined {
  return parseAmount(text, RATE_UNITS);
}

/** A text that parseRate reads back as the same whole number of bits per second. */
export function rateText(bitsPerSecond: number): string {
  return amountText(bitsPerSecond, Object.entries(RATE_UNITS).reverse());
}

/** Bytes of "1500B", "64KiB" or "1.5MB"; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  return parseAmount(text, SIZE_UNITS);
}

/** A text that parseSize reads back as the same whole number of bytes. */
export function sizeText(bytes: number): string {
  return amountText(
    bytes,
    Object.entries(SIZE_UNITS).sort(([, a], [, b]) => b - a),
  );
}

/** Bytes: a burst holds one packet of this size at least, or nothing would ever pass. */
const BURST_MIN_BYTES = 1500;
/** And at most what the rate carries in this time: a longer burst is no limit. */
const BURST_MAX_SECONDS = 4;

/** Bursts that a limit of this rate may have, in bytes. */
export function burstRange(bitsPerSecond: number): Range {
  return { min: BURST_MIN_BYTES, max: Math.floor((bitsPerSecond / 8) * BURST_MAX_SECONDS) };
}

/** Burst of a limit that gives none: 10 ms of its rate, but 64 KiB where that is less, as far as the range goes. */
export function defaultBurstBytes(bitsPerSecond: number): number {
  return Math.min(Math.max(65_536, Math.floor(bitsPerSecond / 800)), burstRange(bitsPerSecond).max);
}
