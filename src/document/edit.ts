// Changes single objects of a document and leaves the rest to its author: comments, order, quotes and line ends stay.

import { isDeepStrictEqual } from "node:util";
import type { Node, Pair } from "yaml";
import { isMap, isPair, isSeq } from "yaml";
import { suggestion } from "../model/index.ts";
import { changed, isPlainMap, keysOf, lookup, type Step, toPlain } from "./edit-plain.ts";
import type { EditMap, EditValue, Style } from "./edit-render.ts";
import { isEditMap, styleOf } from "./edit-render.ts";
import type { Splice, Target } from "./edit-splice.ts";
import { drop, entryOf, identityOf, named, nodeAt, put, sectionOf } from "./edit-splice.ts";
import { DocumentError, invalidDocument, pathText } from "./problem.ts";
import type { Plain } from "./tree.ts";
import { Tree } from "./tree.ts";

export type { EditMap, EditValue } from "./edit-render.ts";

/**
 * One change. Paths are keys from the top: `["servers", "s1"]`, `["tenants", "acme", "vms", "172.16.0.5"]`; routes are
 * found by prefix and interfaces by name: `["tenants", "acme", "routes", "10.1.0.0/24"]`.
 *
 * - set: the object is `value` and nothing else
 * - merge: fields of `value` over what is there; an undefined field is removed. A missing object is made
 * - delete: the object goes; it must exist
 *
 * Sections such as `vms` are made when they are missing, tenants are not.
 */
export type Edit =
  | { readonly op: "set"; readonly path: readonly string[]; readonly value: EditValue }
  | { readonly op: "merge"; readonly path: readonly string[]; readonly value: EditMap }
  | { readonly op: "delete"; readonly path: readonly string[] };

/**
 * `text` with all edits made, in their order. Whether the result is a good document is for parseModel to say.
 * @throws DocumentError DOCUMENT_INVALID when `text` is no YAML, OBJECT_MISSING when there is nothing to delete or no
 * tenant to change
 */
export function editDocument(text: string, fileName: string, edits: readonly Edit[]): string {
  const mark = text.startsWith("\ufeff") ? "\ufeff" : "";
  let tree = readTree(text.slice(mark.length), fileName);
  let current = text.slice(mark.length);
  for (const edit of edits) {
    for (const step of editSteps(tree.plain(), fileName, edit)) {
      const next = applyStep(current, tree, step);
      current = next.text;
      tree = next.tree;
    }
  }
  return mark + current;
}

/**
 * Steps that make an edit in plain data.
 * @throws DocumentError OBJECT_MISSING
 */
export function editSteps(plain: Plain, fileName: string, edit: Edit): readonly Step[] {
  requireParent(plain, fileName, edit);
  return stepsOf(plain, fileName, edit);
}

/** Whether the document has something at a path of an edit. */
export function hasPath(text: string, fileName: string, path: readonly string[]): boolean {
  return lookup(readTree(text.startsWith("\ufeff") ? text.slice(1) : text, fileName).plain(), path) !== undefined;
}

function readTree(text: string, fileName: string): Tree {
  const tree = new Tree(text, fileName);
  tree.plain();
  if (tree.problems.length > 0) throw invalidDocument(fileName, tree.problems);
  return tree;
}

function requireParent(plain: Plain, file: string, { op, path }: Edit): void {
  if (path.length === 0) throw new TypeError("the path of an edit is empty");
  const [section, tenant] = path;
  if (section !== "tenants" || path.length < 3 || tenant === undefined) return;
  const tenants = lookup(plain, ["tenants"]);
  if (lookup(tenants, [tenant]) !== undefined) return;
  const verb = op === "delete" ? "delete" : "set";
  throw missing(file, verb, path, `no tenant is named ${JSON.stringify(tenant)}${suggestion(tenant, keysOf(tenants))}`);
}

function missing(file: string, verb: string, path: readonly string[], cause: string): DocumentError {
  const message = `${verb} ${pathText(path)} in ${file}: ${cause}`;
  return new DocumentError("OBJECT_MISSING", message, { remedy: "name an object that the document has" });
}

function stepsOf(plain: Plain, file: string, edit: Edit): readonly Step[] {
  const { path } = edit;
  const present = lookup(plain, path);
  switch (edit.op) {
    case "delete": {
      if (present === undefined) {
        const name = path.at(-1) as string;
        const hint = suggestion(name, keysOf(lookup(plain, path.slice(0, -1)) ?? null));
        throw missing(file, "delete", path, `there is none${hint}`);
      }
      return [{ op: "drop", path }];
    }
    case "set":
      return present === undefined ? [{ op: "put", path, value: edit.value }] : replaceSteps(path, present, edit.value);
    case "merge":
      if (!isPlainMap(present)) return replaceSteps(path, present ?? null, edit.value);
      return Object.entries(edit.value).flatMap(([key, value]): readonly Step[] => {
        const at = [...path, key];
        const old = present[key];
        if (value !== undefined)
          return old === undefined ? [{ op: "put", path: at, value }] : replaceSteps(at, old, value);
        return old === undefined ? [] : [{ op: "drop", path: at }];
      });
  }
}

/** Field by field, so that the comments of those that stay do too. */
function replaceSteps(path: readonly string[], present: Plain, value: EditValue): readonly Step[] {
  if (isDeepStrictEqual(toPlain(value), present)) return [];
  if (!isPlainMap(present) || !isEditMap(value)) return [{ op: "put", path, value }];
  const identity = identityOf(path.slice(0, -1));
  const wanted = Object.entries(value).filter((entry): entry is [string, EditValue] => entry[1] !== undefined);
  const puts = wanted.flatMap(([key, each]): readonly Step[] => {
    const at = [...path, key];
    const old = present[key];
    return old === undefined ? [{ op: "put", path: at, value: each }] : replaceSteps(at, old, each);
  });
  const gone = Object.keys(present).filter((key) => key !== identity && value[key] === undefined);
  return [...puts, ...gone.map((key): Step => ({ op: "drop", path: [...path, key] }))];
}

/** Tries the few characters first, and writes the whole document anew when they do not say what was meant. */
function applyStep(text: string, tree: Tree, step: Step): { readonly text: string; readonly tree: Tree } {
  const expected = changed(tree.plain(), step);
  const style = styleOf(text);
  const target: Target = { text, root: tree.document.contents as Node, style };
  const splice = step.op === "put" ? put(target, step.path, step.value) : drop(target, step.path);
  const candidates = [() => splice && spliced(text, splice), () => rewritten(tree, step, style)];
  for (const candidate of candidates) {
    const result = attempt(candidate, tree.file);
    if (result !== undefined && isDeepStrictEqual(result.tree.plain(), expected)) return result;
  }
  const cause = "the document writes it in a way that cannot be changed from here, such as through an alias";
  const remedy = "change the document with an editor";
  throw new DocumentError("DOCUMENT_INVALID", `edit ${pathText(step.path)} in ${tree.file}: ${cause}`, { remedy });
}

function attempt(make: () => string | undefined, file: string): { text: string; tree: Tree } | undefined {
  try {
    const text = make();
    return text === undefined ? undefined : { text, tree: readTree(text, file) };
  } catch {
    // What was made is no document: the caller has another way, or says so.
    return undefined;
  }
}

function spliced(text: string, { start, end, text: inserted }: Splice): string {
  return text.slice(0, start) + inserted + text.slice(end);
}

/** The same change made in the tree, which is then written by the YAML library. */
function rewritten(tree: Tree, step: Step, style: Style): string | undefined {
  const { document } = new Tree(tree.document.toString({ lineWidth: 0 }), tree.file);
  let [path, name] = [step.path.slice(0, -1), step.path.at(-1) as string];
  let value = step.op === "put" ? step.value : undefined;
  let parent = nodeAt(document.contents as Node, path);
  while (value !== undefined && path.length > 0 && !isMap(parent) && !isSeq(parent)) {
    value = sectionOf(path, name, value);
    [path, name] = [path.slice(0, -1), path.at(-1) as string];
    parent = nodeAt(document.contents as Node, path);
  }
  if (!isMap(parent) && !isSeq(parent)) return undefined;
  const items = parent.items as (Pair | Node)[];
  const entry = entryOf(parent, name);
  const index = entry === undefined ? items.length : items.indexOf(entry);
  const node = value === undefined ? undefined : (document.createNode(toPlain(value), { flow: true }) as Node);
  if (node === undefined) items.splice(index, 1);
  else if (isPair(entry)) entry.value = node;
  else if (isMap(parent)) items.push(document.createPair(name, node));
  else items.splice(index, 1, document.createNode(toPlain(named(path, name, value as EditValue))));
  const written = document.toString({ lineWidth: 0, flowCollectionPadding: style.padded });
  return style.newline === "\n" ? written : written.replaceAll("\n", style.newline);
}
