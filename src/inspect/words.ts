// bpftool's words for objects and bytes: `id 7`, `name vms4`, `pinned PATH`, `key 1 0 0 0`, `key hex 0a 02`. Words may be
// shortened, as there.

import { UnumError } from "../errors.ts";

function usage(message: string, remedy?: string): UnumError {
  return new UnumError("USAGE", message, { remedy });
}

export function isShortFor(word: string | undefined, whole: string): boolean {
  return word !== undefined && word !== "" && whole.startsWith(word);
}

/** One object, or several of the same name, as somebody called it. */
export interface Called<Word extends string> {
  /** `own`: by its name within the edge alone. */
  readonly by: Word | "own";
  readonly value: string;
  /** What follows. */
  readonly rest: readonly string[];
}

/** Undefined where there are no words. @throws UnumError USAGE */
export function readCalled<Word extends string>(
  words: readonly string[],
  known: readonly Word[],
): Called<Word> | undefined {
  const [first, second] = words;
  if (first === undefined) return undefined;
  const by = known.find((word) => isShortFor(first, word));
  if (by === undefined) return { by: "own", value: first, rest: words.slice(1) };
  if (second === undefined) throw usage(`read ${JSON.stringify(first)}: expected a value after it`);
  return { by, value: second, rest: words.slice(2) };
}

/** As C writes whole numbers: 16, 0x10 or 020. @throws UnumError USAGE */
export function readNumber(text: string, max: number, hexadecimal = false): number {
  const form = hexadecimal ? /^(0[xX])?[0-9a-fA-F]+$/ : /^(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/;
  const base = hexadecimal || /^0x/i.test(text) ? 16 : text.startsWith("0") ? 8 : 10;
  const value = form.test(text) ? Number.parseInt(text, base) : Number.NaN;
  if (value >= 0 && value <= max) return value;
  throw usage(`read ${JSON.stringify(text)}: expected a number 0 to ${max}`);
}

export function readId(text: string): number {
  return readNumber(text, 0xffffffff);
}

/** `key BYTES` or `key hex BYTES`, and nothing after it. Undefined where there are no words. @throws UnumError USAGE */
export function readKey(words: readonly string[], keySize: number): Uint8Array | undefined {
  const [first, ...data] = words;
  if (first === undefined) return undefined;
  if (!isShortFor(first, "key")) throw usage(`read ${JSON.stringify(first)}: expected key`);
  const hexadecimal = isShortFor(data[0], "hex");
  const bytes = hexadecimal ? data.slice(1) : data;
  if (bytes.length !== keySize) {
    throw usage(
      `read key: expected ${keySize} bytes, got ${bytes.length}`,
      "such as: key 1 0 0 0, or: key hex 0a 02 00 01",
    );
  }
  return Uint8Array.from(bytes, (byte) => readNumber(byte, 0xff, hexadecimal));
}
