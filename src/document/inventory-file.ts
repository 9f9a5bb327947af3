// Files of lines, read in chunks of a fixed size however large they are.

import { readSync } from "node:fs";

const CHUNK_BYTES = 1 << 20;
/** Of a line: the longest that means anything has some three hundred bytes. */
export const LINE_BYTES_MAX = 16_384;

const NEWLINE = 10;

export interface LineVisitor {
  /** A line without its end. @returns whether to go on */
  readonly line: (bytes: Buffer, from: number, to: number) => boolean;
  /** In the place of a line that is too long. @returns whether to go on */
  readonly overlong: () => boolean;
  /** After each chunk: bytes that have been read. */
  readonly progress?: ((bytes: number) => void) | undefined;
}

/** Reads lines from a file to its end. The last one need not have an end. */
export function eachLine(fd: number, { line, overlong, progress }: LineVisitor): void {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let [held, total] = [0, 0];
  /** Within a line that is too long. */
  let skipping = false;
  for (;;) {
    const count = readChunk(fd, buffer, held);
    const end = held + count;
    let from = 0;
    for (let at = buffer.indexOf(NEWLINE); at >= 0 && at < end; at = buffer.indexOf(NEWLINE, from)) {
      if (!skipping && at - from > LINE_BYTES_MAX && !overlong()) return;
      if (!skipping && at - from <= LINE_BYTES_MAX && !line(buffer, from, at)) return;
      skipping = false;
      from = at + 1;
    }
    total += count;
    progress?.(total);
    if (count === 0) {
      if (end > from && !skipping) line(buffer, from, end);
      return;
    }
    if (skipping) from = end;
    else if (end - from > LINE_BYTES_MAX) {
      if (!overlong()) return;
      skipping = true;
      from = end;
    }
    buffer.copyWithin(0, from, end);
    held = end - from;
  }
}

/** A pipe may have nothing yet, and say so. */
function readChunk(fd: number, buffer: Buffer, at: number): number {
  for (;;) {
    try {
      return readSync(fd, buffer, at, buffer.length - at, null);
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === "EOF") return 0;
      if (code !== "EAGAIN" && code !== "EINTR") throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
