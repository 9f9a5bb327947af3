// The one document that says what an edge is to be: YAML or JSON, format version 1.

import type { Model } from "../model/index.ts";
import { validateModel } from "../model/index.ts";
import { buildModel } from "./build.ts";
import { readDocumentFile } from "./file.ts";
import type { Notice } from "./problem.ts";
import { invalidDocument } from "./problem.ts";
import { Reader } from "./reader.ts";
import { Tree } from "./tree.ts";

export type { Edit, EditMap, EditValue } from "./edit.ts";
export { editDocument } from "./edit.ts";
export { DOCUMENT_BYTES_MAX, decodeText, readDocumentFile } from "./file.ts";
export type { DocumentProblem, Notice } from "./problem.ts";
export { DocumentError, problemText } from "./problem.ts";
export { writeDocumentFile } from "./write.ts";

export interface ParsedDocument {
  readonly model: Model;
  /** What the document says and this version does not do. */
  readonly notices: readonly Notice[];
}

export interface LoadedDocument extends ParsedDocument {
  /** The file as it is, byte order mark included. */
  readonly text: string;
}

/**
 * Reads the document at `path`.
 * @throws DocumentError DOCUMENT_UNREADABLE or DOCUMENT_INVALID, and nothing else
 */
export function loadDocument(path: string): LoadedDocument {
  const text = readDocumentFile(path);
  return { ...parseModel(text, path), text };
}

/**
 * Model of a document's text.
 * @param fileName for the problems' places
 * @throws DocumentError DOCUMENT_INVALID with every problem and its place
 */
export function parseModel(text: string, fileName: string): ParsedDocument {
  const tree = new Tree(withoutMark(text), fileName);
  const plain = tree.plain();
  if (plain === null) {
    tree.add([], "the document is empty, expected version: 1 and an edge");
    throw invalidDocument(fileName, tree.problems);
  }
  const reader = new Reader(tree);
  const model = buildModel(reader, plain);
  if (model !== undefined) {
    for (const { path, message } of validateModel(model, { unread: reader.unread })) tree.add(path, message);
  }
  if (model === undefined || tree.problems.length > 0) throw invalidDocument(fileName, tree.problems);
  return { model, notices: reader.notices };
}

/** Text without its byte order mark. */
export function withoutMark(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}
