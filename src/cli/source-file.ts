// Changing the document on disk: read, edit, check, replace, apply, with the edge's lock held from the first to the last.

import { PinDirectory } from "../dataplane/index.ts";
import type { Edit, ParsedDocument } from "../document/index.ts";
import { editDocument, parseModel, readDocumentFile, writeDocumentFile } from "../document/index.ts";
import { applyEdge, loadOptionsOf, planEdge } from "../edge/reconcile.ts";
import type { CommonOptions, Context } from "./context.ts";
import { loadPlane, sayApplied, sayNotices } from "./edge.ts";

interface Edited extends ParsedDocument {
  readonly text: string;
  readonly changed: string;
}

function edit(file: string, edits: readonly Edit[]): Edited {
  const text = readDocumentFile(file);
  try {
    const changed = editDocument(text, file, edits);
    return { text, changed, ...parseModel(changed, file) };
  } catch (thrown) {
    // A document that is wrong already is told as that: its places are those of the file, not of the text that would be.
    parseModel(text, file);
    throw thrown;
  }
}

/**
 * Changes one object in the document and in the maps. The document is replaced only after the changed one is valid, and fits
 * into the tables; the maps follow at once.
 */
export async function changeSource(context: Context, options: CommonOptions, edits: readonly Edit[]): Promise<void> {
  const started = performance.now();
  const file = options.state;
  // Tables that do not exist yet are made for what the document says, and only for one that is right.
  const loaded = new PinDirectory(options.pinDir).isLoaded();
  const plane = loadPlane(context, options, loaded ? undefined : loadOptionsOf(edit(file, edits).model));
  try {
    const { text, changed, model, notices } = edit(file, edits);
    const plan = await planEdge(plane, model, context);
    if (changed !== text) writeDocumentFile(file, changed);
    if (options.json !== true) sayNotices(context, file, notices);
    sayApplied(context, options, applyEdge(plane, plan), started);
  } finally {
    plane.close();
  }
}
