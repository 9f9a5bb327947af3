// Durations as documents write them: a whole number and its unit.

const UNITS_US = { us: 1, ms: 1000, s: 1_000_000 } as const;

/** Microseconds of "300us", "100ms" or "1s"; undefined for anything else. */
export function parseDurationUs(text: string): number | undefined {
  const parts = /^(0|[1-9][0-9]{0,8})(us|ms|s)$/.exec(text);
  return parts === null ? undefined : Number(parts[1]) * UNITS_US[parts[2] as keyof typeof UNITS_US];
}

/** The shortest text that parseDurationUs reads back as the same whole number of microseconds. */
export function durationText(microseconds: number): string {
  if (microseconds !== 0 && microseconds % UNITS_US.s === 0) return `${microseconds / UNITS_US.s}s`;
  if (microseconds !== 0 && microseconds % UNITS_US.ms === 0) return `${microseconds / UNITS_US.ms}ms`;
  return `${microseconds}us`;
}
