// Changing the document on disk: read, edit, check, replace, apply, with the edge's lock held from the first to the last.

import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Edit } from "../document/index.ts";
import { editDocument, loadDocument, parseModel } from "../document/index.ts";
import { applyEdge, planEdge } from "../edge/reconcile.ts";
import { causeText, UnumError } from "../errors.ts";
import type { CommonOptions, Context } from "./context.ts";
import { loadPlane, sayApplied, sayNotices } from "./edge.ts";

/** Puts `text` in the place of `file` so that a reader, or a crash, finds the old document or the new one. */
export function replaceFile(file: string, text: string): void {
  const path = realpathSync(file);
  const directory = dirname(path);
  const fresh = join(directory, `.${basename(path)}.${process.pid}.new`);
  try {
    const { mode, uid, gid } = statSync(path);
    const fd = openSync(fresh, "wx", 0o600);
    try {
      writeSync(fd, text);
      fchownSync(fd, uid, gid);
      fchmodSync(fd, mode & 0o7777);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, path);
    const directoryFd = openSync(directory, "r");
    fsyncSync(directoryFd);
    closeSync(directoryFd);
  } catch (thrown) {
    try {
      unlinkSync(fresh);
    } catch {
      // It was not made, or is the document already.
    }
    throw new UnumError("DOCUMENT_UNWRITABLE", `write ${file}: ${causeText(thrown)}`, {
      remedy: "the directory must be writable: the document is replaced, not written over",
      cause: thrown,
    });
  }
}

/**
 * Changes one object in the document and in the maps. The document is replaced only after the changed one is valid, and fits
 * into the tables; the maps follow at once.
 */
export async function changeSource(context: Context, options: CommonOptions, edits: readonly Edit[]): Promise<void> {
  const started = performance.now();
  const file = options.state;
  // Before the lock: a document that is wrong already is reported without waiting for anybody.
  const { model: before } = loadDocument(file);
  const plane = loadPlane(context, options, before.edge.vmCapacity);
  try {
    const { text } = loadDocument(file);
    const changed = editDocument(text, file, edits);
    const { model, notices } = parseModel(changed, file);
    await planEdge(plane, model, { resolveMs: 0 });
    if (changed !== text) replaceFile(file, changed);
    if (options.json !== true) sayNotices(context, file, notices);
    sayApplied(context, options, await applyEdge(plane, model, context), started);
  } finally {
    plane.close();
  }
}
