// Changing objects in etcd: read what the change depends on, check the changed whole, and write it in a transaction that refuses
// to overwrite what somebody else changed meanwhile.

import type { Edit } from "../document/index.ts";
import { DocumentError, editKeyedValue, KeyedObjects, keyOf } from "../document/index.ts";
import { UnumError } from "../errors.ts";
import type { Compare, EtcdClient, KeyValue, Op } from "../etcd/index.ts";
import { prefixEnd } from "../etcd/index.ts";
import { ANY_EDGE } from "./any-edge.ts";
import type { Present } from "./etcd-present.ts";
import { bytes, meantOp, readPresent, TXN_OPERATIONS_MAX, text } from "./etcd-present.ts";
import { references } from "./etcd-references.ts";

/** Somebody else was faster so many times: then a person should look. */
const TRIES = 5;
const LISTED_MAX = 20;

type Problems = Pick<KeyedObjects, "keptOut" | "keptOutCount">;

/** By whole key; undefined: it goes, with all that is below it. */
type Changed = ReadonlyMap<string, string | undefined>;

/** The key of the object that an edit changes, without the prefix. */
function objectKey(path: readonly string[]): string {
  const key = keyOf("", path);
  if (key === undefined) throw new TypeError(`${path.join("/")} has no key`);
  return key;
}

/**
 * Makes edits.
 * @returns the revision that has them
 * @throws DocumentError OBJECT_MISSING, or DOCUMENT_INVALID with each key and what would be wrong with it; EtcdError; UnumError
 * SOURCE_CONFLICT
 */
export async function changeEtcd(client: EtcdClient, prefix: string, edits: readonly Edit[]): Promise<number> {
  for (let tries = 1; ; tries++) {
    const present = await read(client, prefix, edits);
    const changed = check(present, prefix, edits);
    if (changed.size === 0) return present.revision;
    const txn = { compare: guards(present, prefix, changed), success: writes(prefix, changed) };
    const { header, succeeded } = await client.txn(txn);
    if (succeeded) return header.revision;
    if (tries < TRIES) continue;
    const keys = [...changed.keys()].join(", ");
    throw new UnumError(
      "SOURCE_CONFLICT",
      `change ${keys}: others changed it ${TRIES} times meanwhile; nothing was written`,
      {
        remedy: "see what they did, and try again",
      },
    );
  }
}

async function read(client: EtcdClient, prefix: string, edits: readonly Edit[]): Promise<Present> {
  const [first] = edits;
  const vms = edits.every(({ path }) => path[0] === "tenants" && path[2] === "vms" && path[1] === first?.path[1]);
  if (vms && first !== undefined) return readAround(client, prefix, edits);
  return readPresent(client, prefix);
}

/** What VMs of one tenant depend on: there may be a million others, which do not matter. */
async function readAround(client: EtcdClient, prefix: string, edits: readonly Edit[]): Promise<Present> {
  const keys = new Map<string, KeyValue>();
  let revision = 0;
  const range = async (key: string, below = false): Promise<void> => {
    const from = bytes(prefix + key);
    const { header, kvs } = await client.range({ key: from, ...(below && { end: prefixEnd(from) }) });
    revision = Math.max(revision, header.revision);
    for (const kv of kvs) keys.set(text(kv.key), kv);
  };
  const tenant = edits[0]?.path[1] ?? "";
  await range("profiles/", true);
  await range(`tenants/${tenant}`);
  await range(`tenants/${tenant}/circuits/`, true);
  const wanted = new Set<string>();
  for (const edit of edits) {
    const key = objectKey(edit.path);
    await range(key);
    for (const name of references(key, text(keys.get(prefix + key)?.value ?? new Uint8Array()))) wanted.add(name);
    if (edit.op !== "delete") for (const name of references(key, JSON.stringify(edit.value))) wanted.add(name);
  }
  for (const name of references(
    `tenants/${tenant}`,
    text(keys.get(`${prefix}tenants/${tenant}`)?.value ?? new Uint8Array()),
  ))
    wanted.add(name);
  for (const key of wanted) {
    if (keys.has(prefix + key)) continue;
    await range(key);
    // Servers name others, as their standbys. A set goes on to what is added to it.
    for (const name of references(key, text(keys.get(prefix + key)?.value ?? new Uint8Array()))) wanted.add(name);
  }
  return { revision, keys };
}

/** What the edits change. */
function check({ keys }: Present, prefix: string, edits: readonly Edit[]): Changed {
  const store = new KeyedObjects({ prefix });
  for (const { key, value } of keys.values()) store.put(key, value);
  const before = store.build(ANY_EDGE);
  const values = new Map<string, string | undefined>();
  for (const edit of edits) {
    const key = prefix + objectKey(edit.path);
    const old = values.has(key) ? values.get(key) : textOf(keys, key);
    if (edit.op === "delete" && old === undefined)
      throw new DocumentError("OBJECT_MISSING", `delete ${key}: there is no such key`, {
        remedy: "unum show lists what there is",
      });
    values.set(key, editKeyedValue(old, edit));
  }
  const changed = new Map([...values].filter(([key, value]) => value !== textOf(keys, key)));
  for (const [key, value] of changed) {
    if (value !== undefined) store.put(bytes(key), bytes(value));
    else for (const other of keys.keys()) if (other === key || other.startsWith(`${key}/`)) store.delete(bytes(other));
  }
  const found = newProblems(before, store.build(ANY_EDGE));
  if (found.length === 0) return changed;
  const lines = found.slice(0, LISTED_MAX);
  if (found.length > LISTED_MAX) lines.push(`and ${found.length - LISTED_MAX} more`);
  const what = found.length === 1 ? "1 problem" : `${found.length} problems`;
  throw new DocumentError(
    "DOCUMENT_INVALID",
    `change ${[...changed.keys()].join(", ")}: ${what}; nothing was written\n${lines.join("\n")}`,
  );
}

/** Lines that were not there before. One that counts objects is new when there are more of them, or for another reason. */
function newProblems(before: Problems, after: Problems): readonly string[] {
  const lines = ({ keptOut }: Problems) => keptOut.map(({ key, message }) => `${key}: ${message}`);
  const [had, has] = [new Set(lines(before)), lines(after)];
  const found = has.filter((line) => !had.has(line));
  if (after.keptOutCount > before.keptOutCount) return found;
  const reasons = new Set([...had].map(reasonOf));
  return found.filter((line) => !reasons.has(reasonOf(line)));
}

/** A line up to what it says of how many there are, and of which. */
function reasonOf(line: string): string {
  return line.split(/; |: without it /, 1)[0] as string;
}

function textOf(keys: Present["keys"], key: string): string | undefined {
  const kv = keys.get(key);
  return kv && text(kv.value);
}

/** What must be as it was when it was checked: the keys that change, and that those they refer to are still there. */
function guards({ keys, revision }: Present, prefix: string, changed: Changed): readonly Compare[] {
  const compare: Compare[] = [];
  const named = new Set<string>();
  for (const [key, value] of changed) {
    compare.push({ key: bytes(key), modRevision: keys.get(key)?.modRevision ?? 0 });
    if (value === undefined && isTenant(prefix, key)) {
      const below = bytes(`${key}/`);
      compare.push({ key: below, end: prefixEnd(below), modRevision: revision + 1, result: "less" });
    }
    if (value !== undefined) for (const name of references(key.slice(prefix.length), value)) named.add(prefix + name);
  }
  for (const key of named) {
    const there = keys.get(key);
    if (there !== undefined && !changed.has(key))
      compare.push({ key: bytes(key), createRevision: there.createRevision });
  }
  // As many as etcd takes: one that refers to more is told of by the edges, should it happen to be wrong.
  return compare.slice(0, TXN_OPERATIONS_MAX);
}

const isTenant = (prefix: string, key: string): boolean => /^tenants\/[^/]+$/.test(key.slice(prefix.length));

function writes(prefix: string, changed: Changed): readonly Op[] {
  const ops: Op[] = [];
  for (const [key, value] of changed) {
    if (value !== undefined) {
      ops.push({ kind: "put", key: bytes(key), value: bytes(value) });
      continue;
    }
    ops.push({ kind: "delete", key: bytes(key) });
    const below = bytes(`${key}/`);
    if (isTenant(prefix, key)) ops.push({ kind: "delete", key: below, end: prefixEnd(below) });
  }
  // Whoever names an object to delete means it, at every edge.
  if ([...changed.values()].includes(undefined)) ops.push(meantOp(prefix));
  return ops;
}
