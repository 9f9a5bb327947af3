// Changing the document on disk: read, edit, check, replace, apply, with the edge's lock held from the first to the last.

import type { Edit } from "../document/index.ts";
import { editDocument, loadDocument, parseModel, writeDocumentFile } from "../document/index.ts";
import { applyEdge, planEdge } from "../edge/reconcile.ts";
import type { CommonOptions, Context } from "./context.ts";
import { loadPlane, sayApplied, sayNotices } from "./edge.ts";

/**
 * Changes one object in the document and in the maps. The document is replaced only after the changed one is valid, and fits
 * into the tables; the maps follow at once.
 */
export async function changeSource(context: Context, options: CommonOptions, edits: readonly Edit[]): Promise<void> {
  const started = performance.now();
  const file = options.state;
  // Before the lock: a document that is wrong already is reported without waiting for anybody, and a new edge's tables are
  // made for as many VMs as it says.
  const { model: before } = loadDocument(file);
  const plane = loadPlane(context, options, before.edge.vmCapacity);
  try {
    const { text } = loadDocument(file);
    const changed = editDocument(text, file, edits);
    const { model, notices } = parseModel(changed, file);
    const plan = await planEdge(plane, model, context);
    if (changed !== text) writeDocumentFile(file, changed);
    if (options.json !== true) sayNotices(context, file, notices);
    sayApplied(context, options, applyEdge(plane, plan), started);
  } finally {
    plane.close();
  }
}
