// Names of objects, and which one was probably meant.

import { INTERFACE_NAME_MAX, NAME_MAX } from "./limits.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** How a name may look, as errors say it. */
export const NAME_FORM = `a name of 1 to ${NAME_MAX} letters, digits, ".", "_" or "-" that starts with a letter or digit`;

/** Whether `text` may name a profile, server, gateway, tenant or circuit. */
export function isName(text: string): boolean {
  return text.length <= NAME_MAX && NAME.test(text);
}

/** Whether the kernel takes `text` as the name of an interface (dev_valid_name of net/core/dev.c). */
export function isInterfaceName(text: string): boolean {
  if (text.length === 0 || text.length > INTERFACE_NAME_MAX || text === "." || text === "..") return false;
  return /^[!-~]+$/.test(text) && !/[/:]/.test(text);
}

/** Candidates beyond which looking for a similar name costs more than it helps. */
const CANDIDATES_MAX = 4096;

/** Changes that make `b` out of `a`, swapped neighbours counted as one; more than `limit` is `limit + 1`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] as number) + 1);
      }
      row.push(cost);
    }
    if (Math.min(...row) > limit) return limit + 1;
    beforeLast = last;
    last = row;
  }
  return last[b.length] as number;
}

/** The candidate that `name` is probably a slip of, if one is close enough. */
export function closest(name: string, candidates: Iterable<string>): string | undefined {
  const limit = name.length <= 3 ? 1 : name.length <= 8 ? 2 : 3;
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestDistance = limit + 1;
  let seen = 0;
  for (const candidate of candidates) {
    if (++seen > CANDIDATES_MAX) break;
    if (candidate === name) continue;
    const found = distance(wanted, candidate.toLowerCase(), limit);
    if (found < bestDistance) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}

/** `, did you mean "x"?` or nothing: the end of a message about a name that does not exist. */
export function suggestion(name: string, candidates: Iterable<string>): string {
  const found = closest(name, candidates);
  return found === undefined ? "" : `, did you mean ${JSON.stringify(found)}?`;
}
