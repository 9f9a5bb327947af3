// The one document that says what an edge is to be: YAML or JSON, format version 1, and the inventory of VMs that it names.

import { dirname, join } from "node:path";
import type { Model } from "../model/index.ts";
import { validateModel } from "../model/index.ts";
import { buildModel } from "./build.ts";
import { lookup } from "./edit-plain.ts";
import { readDocumentFile } from "./file.ts";
import { withVms } from "./inventory.ts";
import { readInventory } from "./inventory-read.ts";
import type { DocumentProblem, Notice } from "./problem.ts";
import { invalidDocument } from "./problem.ts";
import { Reader } from "./reader.ts";
import { Tree, withoutMark } from "./tree.ts";

export type { EdgeDocument } from "./edge-document.ts";
export { loadEdgeDocument, parseEdgeDocument } from "./edge-document.ts";
export type { Edit, EditMap, EditValue } from "./edit.ts";
export { editDocument, hasPath } from "./edit.ts";
export { DOCUMENT_BYTES_MAX, decodeText, readDocumentFile } from "./file.ts";
export type { Import, ImportOptions, StagedInventory } from "./inventory-change.ts";
export { readImport, readVms, stageImport, stageVmChange } from "./inventory-change.ts";
export type { BuiltObjects, KeptOut, KeyedObjectsOptions, Step } from "./keyed.ts";
export { KeyedObjects } from "./keyed.ts";
export type { ObjectPath } from "./keyed-key.ts";
export { keyOf, objectPath, pathOfKey } from "./keyed-key.ts";
export type { KeyedDocument, KeyedObject } from "./keyed-write.ts";
export { editKeyedValue, keyedObjectsOf, keyedVms } from "./keyed-write.ts";
export type { DocumentProblem, Notice } from "./problem.ts";
export { DocumentError, problemText } from "./problem.ts";
export { writeDocumentFile } from "./write.ts";

export interface ParseOptions {
  /** Read in the place of the inventory that the document names; its problems have the place of that one. */
  readonly inventory?: string | undefined;
  /** Told how much of the inventory has been read. */
  readonly progress?: ((bytes: number, ofBytes: number) => void) | undefined;
}

export interface ParsedDocument {
  readonly model: Model;
  /** What the document says and this version does not do. */
  readonly notices: readonly Notice[];
  /** Path of the inventory that it names. */
  readonly inventory: string | undefined;
}

export interface LoadedDocument extends ParsedDocument {
  /** The file as it is, byte order mark included. */
  readonly text: string;
}

/**
 * Reads the document at `path`, and its inventory.
 * @throws DocumentError DOCUMENT_UNREADABLE or DOCUMENT_INVALID, and nothing else
 */
export function loadDocument(path: string, options: ParseOptions = {}): LoadedDocument {
  const text = readDocumentFile(path);
  return { ...parseModel(text, path, options), text };
}

/**
 * Model of a document's text, and of the inventory that it names.
 * @param fileName for the problems' places, and for an inventory, whose path is relative to it
 * @throws DocumentError DOCUMENT_INVALID with every problem and its place
 */
export function parseModel(text: string, fileName: string, options: ParseOptions = {}): ParsedDocument {
  const tree = new Tree(withoutMark(text), fileName);
  const plain = tree.plain();
  if (plain === null) {
    tree.add([], "the document is empty, expected version: 1 and an edge");
    throw invalidDocument(fileName, tree.problems);
  }
  const reader = new Reader(tree);
  let model = buildModel(reader, plain);
  const inventory = reader.inventory === undefined ? undefined : join(dirname(fileName), reader.inventory);
  const found: DocumentProblem[] = [];
  if (model !== undefined && inventory !== undefined) {
    found.push(...readInventory(reader, model, inventory, options));
    model = withVms(model, reader.vms);
  }
  if (model !== undefined) {
    for (const { path, message } of validateModel(model, { unread: reader.unread })) tree.add(path, message);
  }
  if (model === undefined || tree.problems.length + found.length > 0) {
    throw invalidDocument(fileName, [...tree.problems, ...found]);
  }
  return { model, notices: reader.notices, inventory };
}

/** Path of the inventory that a document names, whatever else is wrong with the document; undefined: there is none. */
export function inventoryPath(text: string, fileName: string): string | undefined {
  const named = lookup(new Tree(withoutMark(text), fileName).plain(), ["vmInventory"]);
  return typeof named === "string" ? join(dirname(fileName), named) : undefined;
}
