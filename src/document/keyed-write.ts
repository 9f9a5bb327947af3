// The way back: objects of a document, and edits of them, as keys and JSON.

import type { Model, Vm } from "../model/index.ts";
import type { Edit } from "./edit.ts";
import { editSteps } from "./edit.ts";
import { changed, isPlainMap, lookup, toPlain } from "./edit-plain.ts";
import { JsonFault, parseJson } from "./json.ts";
import type { ObjectPath } from "./keyed-key.ts";
import { keyOf, objectPath } from "./keyed-key.ts";
import { DocumentError, pathText } from "./problem.ts";
import type { Plain, PlainMap } from "./tree.ts";
import { Tree, Unusual, withoutMark } from "./tree.ts";

/** An object as etcd holds it. */
export interface KeyedObject {
  readonly key: string;
  readonly value: string;
}

export interface KeyedDocument {
  /** Of all keys; ends in a slash. */
  readonly prefix: string;
  /** Of a document that is right. */
  readonly text: string;
  readonly fileName: string;
  /** What parseModel made of it, and of its inventory: VMs are taken from here. */
  readonly model: Model;
}

/**
 * Every object of a document but its edge, each after those it refers to: profiles, servers and gateways before tenants, and
 * VMs last. Values hold what the document says; VMs, which may be millions, are made one at a time.
 */
export function* keyedObjectsOf({ prefix, text, fileName, model }: KeyedDocument): Iterable<KeyedObject> {
  const plain = new Tree(withoutMark(text), fileName).plain();
  const object = (path: readonly string[], value: Plain): KeyedObject => ({
    key: keyOf(prefix, path) as string,
    value: JSON.stringify(jsonOf(value ?? {})),
  });
  for (const section of ["profiles", "servers", "gateways"]) {
    for (const [name, value] of entries(lookup(plain, [section]))) yield object([section, name], value);
  }
  for (const [name, tenant] of entries(lookup(plain, ["tenants"]))) {
    const { circuits, routes, vms: _, ...own } = isPlainMap(tenant) ? tenant : ({} as PlainMap);
    yield object(["tenants", name], own);
    for (const [circuit, value] of entries(circuits)) yield object(["tenants", name, "circuits", circuit], value);
    for (const route of Array.isArray(routes) ? (routes as readonly PlainMap[]) : []) {
      const { prefix: to, ...where } = route;
      yield object(["tenants", name, "routes", String(to)], where);
    }
  }
  for (const [name, { vms }] of model.tenants) yield* keyedVms(prefix, name, vms);
}

/** VMs of a tenant. */
export function* keyedVms(prefix: string, tenant: string, vms: Iterable<readonly [string, Vm]>): Iterable<KeyedObject> {
  for (const [address, vm] of vms) {
    yield { key: keyOf(prefix, ["tenants", tenant, "vms", address]) as string, value: JSON.stringify(vm) };
  }
}

/**
 * What an edit of an object makes of its present JSON value, with the rules of editDocument; undefined: the object is gone. The
 * edit's path leads to the object or into it.
 * @throws DocumentError OBJECT_MISSING when there is nothing to delete, DOCUMENT_INVALID when the present value cannot be read
 * and something of it is to stay
 */
export function editKeyedValue(present: string | undefined, edit: Edit): string | undefined {
  const path = objectPath(edit.path);
  if (path === undefined) throw new TypeError(`${pathText(edit.path)} has no key`);
  const whole = edit.path.length === path.length;
  // Whatever is there goes with it.
  if (whole && edit.op === "set") return JSON.stringify(jsonOf(toPlain(edit.value)));
  if (whole && edit.op === "delete" && present !== undefined) return undefined;
  let plain = documentWith(path, present === undefined ? undefined : readPresent(path, present));
  const name = path.join("/");
  for (const step of editSteps(plain, name, edit)) plain = changed(plain, step);
  const value = lookup(plain, path);
  return value === undefined ? undefined : JSON.stringify(jsonOf(withoutPrefix(path, value)));
}

function readPresent(path: ObjectPath, text: string): Plain {
  try {
    return parseJson(text);
  } catch (thrown) {
    if (!(thrown instanceof JsonFault)) throw thrown;
    const remedy = "set the whole object, or delete it";
    throw new DocumentError("DOCUMENT_INVALID", `edit ${path.join("/")}: its value is not JSON: ${thrown.message}`, {
      cause: thrown,
      remedy,
    });
  }
}

/** A document that has this object alone, or only what it would be in. */
function documentWith([section, name, of, inner]: ObjectPath, value: Plain | undefined): Plain {
  const map = (key: string, each: Plain | undefined): Plain => {
    const made: Record<string, Plain> = Object.create(null);
    if (each !== undefined) made[key] = each;
    return made;
  };
  if (inner === undefined) return map(section, map(name, value));
  const route = (): Plain => ({ ...(map("prefix", inner) as PlainMap), ...(isPlainMap(value) ? value : {}) });
  const list = of === "routes" ? (value === undefined ? [] : [route()]) : map(inner, value);
  return map(section, map(name, map(of as string, list)));
}

function withoutPrefix([, , of]: ObjectPath, value: Plain): Plain {
  if (of !== "routes" || !isPlainMap(value)) return value;
  const { prefix: _, ...where } = value;
  return where;
}

function entries(section: Plain | undefined): readonly (readonly [string, Plain])[] {
  return isPlainMap(section) ? Object.entries(section) : [];
}

/** Plain data as JSON.stringify takes it. A number that is written in another way is a name where it is right. */
function jsonOf(plain: Plain): unknown {
  if (plain instanceof Unusual) return plain.source;
  if (Array.isArray(plain)) return plain.map(jsonOf);
  if (typeof plain !== "object" || plain === null) return plain;
  const map: Record<string, unknown> = Object.create(null);
  for (const [key, value] of Object.entries(plain)) map[key] = jsonOf(value);
  return map;
}
