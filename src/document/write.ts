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
  using staged = stageFile(path, path);
  staged.write(text);
  staged.commit();
}

/** A file that is ready to take the place of another, and goes when it is not committed. */
export interface StagedFile extends Disposable {
  /** Where it is until then. */
  readonly path: string;
  write(data: string | Uint8Array): void;
  /** Puts it, and that on disk, in the place of the other. */
  commit(): void;
}

/**
 * Makes a file beside the one at `path`, or where its symbolic links lead.
 * @param like whose owner and mode it gets: `path` itself, or another file where there is none yet
 * @throws DocumentError DOCUMENT_UNWRITABLE, as all that it does
 */
export function stageFile(path: string, like: string): StagedFile {
  return guarded(path, () => {
    const old = statSync(realpathSync(like));
    if (!old.isFile()) throw new Error("it is no regular file");
    const target = path === like ? realpathSync(path) : path;
    return staged(path, target, old);
  });
}

function guarded<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new DocumentError("DOCUMENT_UNWRITABLE", `write ${path}: ${causeText(error)}`, {
      cause: error,
      remedy: "run as a user that may write the document, its inventory and their directory",
    });
  }
}

function staged(name: string, target: string, old: Stats): StagedFile {
  const directory = dirname(target);
  const path = join(directory, `.${basename(target).slice(0, 200)}.${randomBytes(6).toString("hex")}.new`);
  // Nobody else reads it before it has the mode of the old one.
  const fd = openSync(path, "wx", 0o600);
  let [open, there] = [true, true];
  return {
    path,
    write: (data) => guarded(name, () => writeFileSync(fd, data)),
    commit: () =>
      guarded(name, () => {
        const { uid, gid } = fstatSync(fd);
        if (uid !== old.uid || gid !== old.gid) fchownSync(fd, old.uid, old.gid);
        fchmodSync(fd, old.mode & 0o7777);
        fsyncSync(fd);
        renameSync(path, target);
        there = false;
        syncDirectory(directory);
      }),
    [Symbol.dispose]() {
      if (there) unlinkSync(path);
      if (open) closeSync(fd);
      [open, there] = [false, false];
    },
  };
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
