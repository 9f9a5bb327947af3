// The document of an edge whose objects are in etcd: what is the edge's own, and nothing else.

import type { Edge } from "../model/index.ts";
import { validateModel } from "../model/index.ts";
import { buildModel } from "./build.ts";
import { isPlainMap } from "./edit-plain.ts";
import { readDocumentFile } from "./file.ts";
import type { Notice } from "./problem.ts";
import { invalidDocument } from "./problem.ts";
import { Reader } from "./reader.ts";
import type { Plain } from "./tree.ts";
import { Tree, withoutMark } from "./tree.ts";

export interface EdgeDocument {
  readonly edge: Edge;
  /** What the document says and this version does not do. */
  readonly notices: readonly Notice[];
  /** The file as it is, byte order mark included. */
  readonly text: string;
}

/** Sections whose objects have keys. */
const KEYED: ReadonlySet<string> = new Set(["profiles", "servers", "gateways", "tenants", "vmInventory"]);

/**
 * Reads the document at `path`, which holds `version` and `edge` alone.
 * @throws DocumentError DOCUMENT_UNREADABLE or DOCUMENT_INVALID
 */
export function loadEdgeDocument(path: string): EdgeDocument {
  const text = readDocumentFile(path);
  return { ...parseEdgeDocument(text, path), text };
}

/** @throws DocumentError DOCUMENT_INVALID with every problem and its place */
export function parseEdgeDocument(text: string, fileName: string): Omit<EdgeDocument, "text"> {
  const tree = new Tree(withoutMark(text), fileName);
  const plain = tree.plain();
  if (plain === null) tree.add([], "the document is empty, expected version: 1 and an edge");
  const reader = new Reader(tree);
  const own: Record<string, Plain> = Object.create(null);
  if (isPlainMap(plain)) {
    for (const [key, value] of Object.entries(plain)) {
      if (!KEYED.has(key)) own[key] = value;
      else tree.add([key], `${key} belongs into etcd, expected version and edge alone`, "key");
    }
  }
  const model = plain === null ? undefined : buildModel(reader, isPlainMap(plain) ? own : plain);
  if (model !== undefined) {
    for (const { path, message } of validateModel(model, { unread: reader.unread })) tree.add(path, message);
  }
  if (model === undefined || tree.problems.length > 0) throw invalidDocument(fileName, tree.problems);
  return { edge: model.edge, notices: reader.notices };
}
