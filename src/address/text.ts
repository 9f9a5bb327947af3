// Shared by the parsers: strict decimal numbers, and errors that quote what was given.

import { UnumError } from "../errors.ts";

const QUOTED_MAX = 60;

/** A text as error messages show it: quoted, control characters escaped, cut when long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text);
}

export function invalid(what: string, text: unknown, cause: string, expected: string): UnumError {
  const shown = typeof text === "string" ? quote(text) : `a value of type ${text === null ? "null" : typeof text}`;
  return new UnumError("ADDRESS_INVALID", `parse ${what} ${shown}: ${cause}, expected ${expected}`);
}

/**
 * Value of `text` as a decimal number without sign, leading zero or space; -1 when it is none, or above `max`.
 * "010" is refused because some parsers read it as octal: an address must mean one thing to everybody.
 */
export function strictDecimal(text: string, max: number): number {
  if (text.length === 0 || text.length > 10) return -1;
  if (text.length > 1 && text.charCodeAt(0) === 0x30) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= max ? value : -1;
}
