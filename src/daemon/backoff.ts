// How long to wait before something that failed is tried again.

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Doubles from try to try up to a limit; a random half of it keeps edges that failed together from trying together. */
export function backoffMs(attempt: number, random: () => number, { firstMs, maxMs }: BackoffOptions): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (random() * full) / 2;
}
