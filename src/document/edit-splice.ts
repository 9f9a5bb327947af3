// Finds the few characters of a document that a change concerns, so that everything else stays as its author wrote it.
// Where that is not plain to see, the answer is undefined, and the caller has the whole document written anew.

import type { Node, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { isAlias, isMap, isPair, isScalar, isSeq } from "yaml";
import type { EditValue, Style } from "./edit-render.ts";
import { inline, isEditMap, key, levelsAt, pair } from "./edit-render.ts";
import { isEmpty, isNamed, keyText } from "./tree.ts";

/** Characters from `start` to before `end` become `text`. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Target {
  readonly text: string;
  readonly root: Node;
  readonly style: Style;
}

/** The entry of a map or list that a step leads to. */
export function entryOf(container: Node | null, step: string): Pair | Node | undefined {
  if (isMap(container)) return container.items.find((each) => isScalar(each.key) && keyText(each.key) === step);
  if (isSeq(container)) return container.items.find((each) => isNamed(each, step)) as Node | undefined;
  return undefined;
}

export function contentOf(entry: Pair | Node | undefined): Node | null | undefined {
  return isPair(entry) ? (entry.value as Node | null) : entry;
}

/** The node at `path`; null where a key has no value, undefined where there is nothing or an alias. */
export function nodeAt(root: Node, path: readonly string[]): Node | null | undefined {
  let node: Node | null | undefined = root;
  for (const step of path) {
    if (node === undefined || node === null || isAlias(node)) return undefined;
    node = contentOf(entryOf(node, step));
  }
  return isAlias(node) ? undefined : node;
}

/** Puts `value` at `path`, in the place of what is there. */
export function put(target: Target, path: readonly string[], value: EditValue): Splice | undefined {
  const [parentPath, step] = [path.slice(0, -1), path.at(-1) as string];
  const parent = nodeAt(target.root, parentPath);
  if (parent === undefined) {
    // A section that is missing comes with its first entry.
    return parentPath.length === 0 ? undefined : put(target, parentPath, sectionOf(parentPath, step, value));
  }
  const entry = entryOf(parent, step);
  if (entry !== undefined) return isPair(entry) ? replaceValue(target, entry, value) : undefined;
  if (isEmptyCollection(parent)) return fill(target, parentPath, step, value);
  if (isSeq(parent)) return appendItem(target, parent, named(parentPath, step, value));
  if (isMap(parent)) return appendPair(target, parent, path, value);
  return undefined;
}

/** What lists identify their entries by. */
export function identityOf(path: readonly string[]): "prefix" | "name" | undefined {
  if (path.length === 3 && path[0] === "tenants" && path[2] === "routes") return "prefix";
  return path.length === 2 && path[0] === "edge" && path[1] === "interfaces" ? "name" : undefined;
}

/** An entry of a list as it is written: with what it is identified by. */
export function named(listPath: readonly string[], step: string, value: EditValue): EditValue {
  const identity = identityOf(listPath);
  return identity !== undefined && isEditMap(value) ? { [identity]: step, ...value } : value;
}

export function sectionOf(path: readonly string[], step: string, value: EditValue): EditValue {
  return identityOf(path) === undefined ? { [step]: value } : [named(path, step, value)];
}

function isEmptyCollection(node: Node | null): boolean {
  if (node === null) return true;
  return isScalar(node) ? node.value === null : (isMap(node) || isSeq(node)) && node.items.length === 0;
}

function startOf(node: unknown): number {
  return (node as Scalar.Parsed).range[0];
}

/** Where the last character of a pair or node is followed by something else. */
function endOf(entry: Pair | Node): number {
  const node = isPair(entry) ? (entry.value as Node | null) : entry;
  if (node === null) return endOf((entry as Pair).key as Node);
  if ((isMap(node) || isSeq(node)) && node.flow !== true && node.items.length > 0) {
    return endOf(node.items[node.items.length - 1] as Pair | Node);
  }
  return (node.range as [number, number, number])[1];
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** Before the line's end, with a comment that follows. */
function lineEnd(text: string, offset: number): number {
  const feed = text.indexOf("\n", offset);
  const end = feed < 0 ? text.length : feed;
  return end > offset && text[end - 1] === "\r" ? end - 1 : end;
}

/** After the colon of a pair's key. */
function afterColon(text: string, entry: Pair): number | undefined {
  const end = endOf(entry.key as Node);
  const colon = /^[ \t]*:/.exec(text.slice(end, end + 100));
  return colon === null ? undefined : end + colon[0].length;
}

function replaceValue({ text, style }: Target, entry: Pair, value: EditValue): Splice | undefined {
  const old = entry.value as Node | null;
  const block = (isMap(old) || isSeq(old)) && old.flow !== true;
  if (old === null || isAlias(old) || isEmpty(old as never) || block) {
    const start = afterColon(text, entry);
    return start === undefined
      ? undefined
      : { start, end: Math.max(start, endOf(entry)), text: ` ${inline(value, style)}` };
  }
  return { start: startOf(old), end: endOf(old), text: inline(value, style) };
}

/** The first entry of a map or list that is empty, or not written at all. */
function fill(target: Target, path: readonly string[], step: string, value: EditValue): Splice | undefined {
  const { text, root, style } = target;
  const container = nodeAt(root, path.slice(0, -1));
  const entry = container == null ? undefined : entryOf(container, path.at(-1) as string);
  if (!isPair(entry)) return undefined;
  const content = sectionOf(path, step, value);
  if (style.json || (isMap(container) && container.flow === true)) return replaceValue(target, entry, content);
  const [start, colon] = [startOf(entry.key), afterColon(text, entry)];
  if (colon === undefined) return undefined;
  const levels = Math.max(levelsAt(path), 1);
  const written = pair(keyText(entry.key as Scalar), content, style, start - lineStart(text, start), levels);
  // A comment behind the key, or behind `{}`, stays on its line.
  const old = entry.value as Node | null;
  const rest = old === null || isEmpty(old as never) ? colon : endOf(old);
  const end = lineEnd(text, rest);
  return { start: colon, end, text: text.slice(rest, end) + written.slice(written.indexOf(style.newline)) };
}

function appendPair(target: Target, parent: YAMLMap, path: readonly string[], value: EditValue): Splice | undefined {
  const { text, style } = target;
  const step = path.at(-1) as string;
  const last = parent.items[parent.items.length - 1] as Pair;
  const start = startOf(last.key);
  if (parent.flow === true)
    return appendFlow(target, start, endOf(last), `${key(step, style)}: ${inline(value, style)}`);
  const sibling = last.value;
  const likeSibling = isMap(sibling) && sibling.flow !== true ? 1 : 0;
  const column = start - lineStart(text, start);
  const end = lineEnd(text, endOf(last));
  const written = pair(step, value, style, column, Math.max(levelsAt(path), likeSibling));
  return { start: end, end, text: `${style.newline}${" ".repeat(column)}${written}` };
}

function appendItem(target: Target, parent: YAMLSeq, value: EditValue): Splice | undefined {
  const { text, style } = target;
  const last = parent.items[parent.items.length - 1] as Node;
  if (parent.flow === true) return appendFlow(target, startOf(last), endOf(last), inline(value, style));
  const dash = dashOf(text, last);
  if (dash === undefined) return undefined;
  const end = lineEnd(text, endOf(last));
  const written = `${style.newline}${" ".repeat(dash - lineStart(text, dash))}- ${inline(value, style)}`;
  return { start: end, end, text: written };
}

/** After the last entry of a flow collection; on a line of its own when that one is. */
function appendFlow({ text, style }: Target, lastStart: number, lastEnd: number, written: string): Splice {
  const before = text.slice(lineStart(text, lastStart), lastStart);
  const ownLine = /^\s*$/.test(before) && before.length < lastStart;
  return { start: lastEnd, end: lastEnd, text: `,${ownLine ? `${style.newline}${before}` : " "}${written}` };
}

/** The dash of a block list's entry, which must be the first thing on its line. */
function dashOf(text: string, item: Node): number | undefined {
  const start = lineStart(text, startOf(item));
  const dash = /^ *-(?=\s)/.exec(text.slice(start, startOf(item)));
  return dash === null ? undefined : start + dash[0].length - 1;
}

/** Removes the entry at `path`. */
export function drop(target: Target, path: readonly string[]): Splice | undefined {
  const { text, style } = target;
  const [parentPath, step] = [path.slice(0, -1), path.at(-1) as string];
  const parent = nodeAt(target.root, parentPath);
  const entry = parent == null ? undefined : entryOf(parent, step);
  if (entry === undefined || !(isMap(parent) || isSeq(parent))) return undefined;
  const items = parent.items as (Pair | Node)[];
  const index = items.indexOf(entry);
  const begin = startOf(isPair(entry) ? entry.key : entry);
  if (parent.flow === true) {
    const [previous, next] = [items[index - 1], items[index + 1]];
    if (next !== undefined) return { start: begin, end: startOf(isPair(next) ? next.key : next), text: "" };
    const start = previous === undefined ? begin : endOf(previous);
    return { start, end: endOf(entry), text: "" };
  }
  if (items.length === 1) {
    const outer = nodeAt(target.root, parentPath.slice(0, -1));
    const owner = outer == null ? undefined : entryOf(outer, parentPath.at(-1) ?? "");
    const start = isPair(owner) ? afterColon(text, owner) : undefined;
    return start === undefined ? undefined : { start, end: endOf(entry), text: isSeq(parent) ? " []" : " {}" };
  }
  const first = isPair(entry) ? begin : dashOf(text, entry);
  if (first === undefined || text.slice(lineStart(text, first), first).trim() !== "") return undefined;
  const end = lineEnd(text, endOf(entry));
  const following = text.startsWith(style.newline, end) ? end + style.newline.length : end;
  return { start: lineStart(text, first), end: following, text: "" };
}
