// Puts a changed document in the place of the old one. Whoever reads the path sees the one or the other, never a part,
// also when the machine stops in between.

import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { causeText } from "../errors.ts";
import { DocumentError } from "./problem.ts";

/**
 * Writes `text` to the existing document at `path`, or where its symbolic links lead; owner and mode stay.
 * @throws DocumentError DOCUMENT_UNWRITABLE; the old document is still there then
 */
export function writeDocumentFile(path: string, text: string): void {
  try {
    const target = realpathSync(path);
    const old = statSync(target);
    if (!old.isFile()) throw new Error("it is no regular file");
    replace(target, old, text);
  } catch (error) {
    throw new DocumentError("DOCUMENT_UNWRITABLE", `write ${path}: ${causeText(error)}`, {
      cause: error,
      remedy: "run as a user that may write the document and its directory",
    });
  }
}

function replace(target: string, old: Stats, text: string): void {
  const directory = dirname(target);
  const temporary = join(directory, `.${basename(target).slice(0, 200)}.${randomBytes(6).toString("hex")}.new`);
  // Nobody else reads it before it has the mode of the old one.
  const fd = openSync(temporary, "wx", 0o600);
  try {
    writeFileSync(fd, text);
    const { uid, gid } = fstatSync(fd);
    if (uid !== old.uid || gid !== old.gid) fchownSync(fd, old.uid, old.gid);
    fchmodSync(fd, old.mode & 0o7777);
    fsyncSync(fd);
    renameSync(temporary, target);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
  syncDirectory(directory);
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
