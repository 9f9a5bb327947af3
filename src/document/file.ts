// Bytes of a document file → text. Whatever the path names, reading it ends: a FIFO is not waited for, and no file is
// larger than what fits into memory once it is parsed.

import { isUtf8 } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { Lines } from "./lines.ts";
import { DocumentError, invalidDocument } from "./problem.ts";

/** The parser needs tens of bytes for one of the text's. */
export const DOCUMENT_BYTES_MAX = 64 * 1024 * 1024;

const CHUNK_BYTES = 1 << 20;
const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;

function unreadable(path: string, cause: string, remedy?: string, error?: unknown): DocumentError {
  return new DocumentError("DOCUMENT_UNREADABLE", `read ${path}: ${cause}`, {
    ...(remedy === undefined ? {} : { remedy }),
    ...(error === undefined ? {} : { cause: error }),
  });
}

const OPEN_CAUSES: Readonly<Record<string, readonly [cause: string, remedy?: string]>> = {
  ENOENT: ["there is no such file", "create it, or name another document with --state FILE"],
  EACCES: ["permission denied", "run as a user that may read it"],
  EPERM: ["permission denied", "run as a user that may read it"],
  ELOOP: ["its symbolic links form a loop"],
  ENOTDIR: ["a part of its path is no directory"],
  ENAMETOOLONG: ["its path is too long"],
  ENXIO: ["it is a socket or a device, expected a regular file"],
};

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a FIFO";
  if (stats.isSocket()) return "a socket";
  return "a device";
}

/**
 * Text of the regular file at `path`, as it is: with its byte order mark and line ends.
 * @throws DocumentError DOCUMENT_UNREADABLE, or DOCUMENT_INVALID when it is no UTF-8
 */
export function readDocumentFile(path: string): string {
  return withRegularFile(path, (fd, size) => decodeText(readAll(fd, path, size), path));
}

/**
 * What `read` makes of the regular file at `path`.
 * @throws DocumentError DOCUMENT_UNREADABLE, also for what the system refuses `read`
 */
export function withRegularFile<T>(path: string, read: (fd: number, size: number) => T): T {
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a FIFO waits for its writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const [cause, remedy] = OPEN_CAUSES[code ?? ""] ?? [message];
    throw unreadable(path, cause, remedy, error);
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw unreadable(path, `it is ${kindOf(stats)}, expected a regular file`);
    return read(fd, stats.size);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw unreadable(path, (error as Error).message, undefined, error);
  } finally {
    closeSync(fd);
  }
}

/** Until the end and not for `size` bytes: files of procfs have the size 0, and others may grow. */
function readAll(fd: number, path: string, size: number): Uint8Array {
  const tooLarge = (bytes: string): DocumentError =>
    unreadable(path, `it has ${bytes}, expected at most ${mebibytes(DOCUMENT_BYTES_MAX)}`);
  if (size > DOCUMENT_BYTES_MAX) throw tooLarge(mebibytes(size));
  const chunks: Buffer[] = [];
  for (let total = 0; ; ) {
    const chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, size - total));
    const count = readSync(fd, chunk, 0, chunk.length, null);
    if (count === 0) return Buffer.concat(chunks);
    total += count;
    if (total > DOCUMENT_BYTES_MAX) throw tooLarge("more");
    chunks.push(chunk.subarray(0, count));
  }
}

/** @throws DocumentError DOCUMENT_INVALID with the place of the first byte that is no UTF-8 */
export function decodeText(bytes: Uint8Array, file: string): string {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (isUtf8(bytes)) return text;
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const { index, offset } = firstReplacement(text, bytes);
  const { line, column } = new Lines(text).placeOf(index);
  const message = utf16
    ? "the document is UTF-16, expected UTF-8"
    : `byte ${offset} (0x${bytes[offset]?.toString(16).padStart(2, "0")}) is not UTF-8, expected UTF-8 text`;
  throw invalidDocument(file, [{ file, line, column, path: "", message }]);
}

/** Where the decoder first put U+FFFD for something that is not U+FFFD. */
function firstReplacement(text: string, bytes: Uint8Array): { index: number; offset: number } {
  let offset = 0;
  for (let from = 0; ; ) {
    const index = text.indexOf("\ufffd", from);
    if (index < 0) return { index: text.length, offset: bytes.length };
    offset += Buffer.byteLength(text.slice(from, index));
    if (bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf || bytes[offset + 2] !== 0xbd) return { index, offset };
    offset += 3;
    from = index + 1;
  }
}
