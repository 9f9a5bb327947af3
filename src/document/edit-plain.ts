// Edits of plain data: what a document must hold afterwards, whatever its text looks like.

import type { EditValue } from "./edit-render.ts";
import { isEditMap } from "./edit-render.ts";
import { identityOf, named } from "./edit-splice.ts";
import type { Plain, PlainMap } from "./tree.ts";

/** A change of one place, without looking at what is there. */
export type Step =
  | { readonly op: "put"; readonly path: readonly string[]; readonly value: EditValue }
  | { readonly op: "drop"; readonly path: readonly string[] };

/** What the document holds after the step. */
export function changed(plain: Plain, { path, ...step }: Step): Plain {
  const change = (node: Plain | undefined, depth: number): Plain => {
    const key = path[depth] as string;
    const last = depth === path.length - 1;
    const at = path.slice(0, depth);
    if (
      Array.isArray(node) ||
      (node === undefined && identityOf(at) !== undefined) ||
      (node === null && identityOf(at))
    ) {
      const list = [...((node as readonly Plain[] | null | undefined) ?? [])];
      const index = list.findIndex((each) => isNamedPlain(each, key));
      if (last && step.op === "drop") list.splice(index, 1);
      else if (last && step.op === "put") list[index < 0 ? list.length : index] = toPlain(named(at, key, step.value));
      else list[index] = change(list[index], depth + 1);
      return list;
    }
    const map: Record<string, Plain> = Object.assign(Object.create(null), isPlainMap(node) ? node : {});
    if (last && step.op === "drop") delete map[key];
    else map[key] = last && step.op === "put" ? toPlain(step.value) : change(map[key], depth + 1);
    return map;
  };
  return change(plain, 0);
}

export function lookup(plain: Plain | undefined, path: readonly string[]): Plain | undefined {
  let value = plain;
  for (const step of path) {
    if (Array.isArray(value)) value = value.find((each) => isNamedPlain(each, step));
    else value = isPlainMap(value) ? value[step] : undefined;
  }
  return value;
}

export function isPlainMap(value: Plain | undefined): value is PlainMap {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;
}

function isNamedPlain(item: Plain | undefined, name: string): boolean {
  return isPlainMap(item) ? item.prefix === name || item.name === name : item === name;
}

/** Names to choose from: keys of a map, prefixes or names of a list's entries. */
export function keysOf(value: Plain | undefined): readonly string[] {
  if (isPlainMap(value)) return Object.keys(value);
  if (!Array.isArray(value)) return [];
  return value
    .map((each) => (isPlainMap(each) ? (each.prefix ?? each.name) : each))
    .filter((each) => typeof each === "string");
}

export function toPlain(value: EditValue): Plain {
  if (Array.isArray(value)) return value.map(toPlain);
  if (!isEditMap(value)) return value as string | number | boolean;
  const map: Record<string, Plain> = Object.create(null);
  for (const [key, each] of Object.entries(value)) if (each !== undefined) map[key] = toPlain(each);
  return map;
}
