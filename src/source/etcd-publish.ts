// Many objects into etcd at once: what differs, in transactions of as many keys as etcd takes, so that no edge ever sees an object
// before those that it refers to.

import { isDeepStrictEqual } from "node:util";
import type { KeyedObject } from "../document/index.ts";
import { KeyedObjects } from "../document/index.ts";
import { UnumError } from "../errors.ts";
import type { Compare, EtcdClient, Op } from "../etcd/index.ts";
import type { Model } from "../model/index.ts";
import { ANY_EDGE } from "./any-edge.ts";
import type { Present } from "./etcd-present.ts";
import { bytes, meantOp, TXN_OPERATIONS_MAX, text } from "./etcd-present.ts";
import { references } from "./etcd-references.ts";

/** Keys of one transaction: one operation is kept for what {@link meantOp} puts. */
const TXN_KEYS = TXN_OPERATIONS_MAX - 1;
/** Of keys and values; etcd takes 1.5 MiB, in which each key is twice. */
const TXN_BYTES = 1 << 20;
/** Transactions of VMs that are under way: etcd writes several of them to its log together. */
const TXNS_AT_ONCE = 8;

/** One key that differs; without a value, it goes. */
interface Change {
  readonly key: string;
  readonly value: string | undefined;
  /** That it must still have; 0: it must still not be there. */
  readonly modRevision: number;
}

export interface Publication {
  /** Of etcd, when it was compared. */
  readonly revision: number;
  /** In the order in which they are written. */
  readonly puts: readonly Change[];
  readonly deletes: readonly Change[];
  readonly unchanged: number;
  /** Create revisions of what objects may refer to, by whole key: it must still be there when they are written. */
  readonly referable: ReadonlyMap<string, number>;
}

export interface PublishOptions {
  /** Whether a key goes that is there and not wanted; given without the prefix. */
  readonly prune: (key: string) => boolean;
  /** Whether more than half of all objects of a kind may go. */
  readonly allowMassDelete: boolean;
}

/** The objects that are right, without any VM. */
export function modelWithoutVms({ keys }: Present, prefix: string): Model {
  const objects = new KeyedObjects({ prefix });
  for (const [key, kv] of keys) if (!isVmKey(key.slice(prefix.length))) objects.put(kv.key, kv.value);
  return objects.build(ANY_EDGE).model;
}

/** @param key without the prefix */
export function isVmKey(key: string): boolean {
  return rank(key) === KINDS.indexOf("vm");
}

/**
 * What has to be written so that etcd holds `wanted`. Nothing is written yet.
 * @param wanted each object after those it refers to
 * @throws UnumError MASS_DELETE
 */
export function planPublication(
  { revision, keys }: Present,
  prefix: string,
  wanted: Iterable<KeyedObject>,
  { prune, allowMassDelete }: PublishOptions,
): Publication {
  const left = new Map(keys);
  const puts: Change[] = [];
  let unchanged = 0;
  for (const { key, value } of wanted) {
    const present = left.get(key);
    left.delete(key);
    if (present !== undefined && isSame(text(present.value), value)) unchanged++;
    else puts.push({ key, value, modRevision: present?.modRevision ?? 0 });
  }
  const deletes = [...left]
    .filter(([key]) => prune(key.slice(prefix.length)))
    .map(([key, { modRevision }]): Change => ({ key, value: undefined, modRevision }))
    .sort((a, b) => rank(b.key.slice(prefix.length)) - rank(a.key.slice(prefix.length)));
  if (!allowMassDelete) requireMeant([...keys.keys()], deletes, prefix);
  const referable = new Map<string, number>();
  for (const [key, { createRevision }] of keys)
    if (!isVmKey(key.slice(prefix.length))) referable.set(key, createRevision);
  return { revision, puts, deletes: heirsFirst(keys, puts, deletes), unchanged, referable };
}

/**
 * A tenant whose VNI another one takes goes before its own VMs do: with its key, all that is below counts no more, and the heir, which
 * is complete by then, comes in its place in one step.
 */
function heirsFirst(keys: Present["keys"], puts: readonly Change[], deletes: readonly Change[]): readonly Change[] {
  const taken = new Set(puts.map(({ value }) => vniOf(value ?? "")).filter((vni) => vni !== undefined));
  const isTaken = ({ key }: Change): boolean => {
    const vni = vniOf(text(keys.get(key)?.value ?? new Uint8Array()));
    return vni !== undefined && taken.has(vni);
  };
  return [...deletes.filter(isTaken), ...deletes.filter((change) => !isTaken(change))];
}

/** Only tenants have one. */
function vniOf(value: string): unknown {
  if (!value.includes('"vni"')) return undefined;
  try {
    return (JSON.parse(value) as { readonly vni?: unknown } | null)?.vni;
  } catch {
    return undefined;
  }
}

/** A value that somebody else wrote may have other blanks, or another order. */
function isSame(present: string, value: string): boolean {
  if (present === value) return true;
  try {
    return isDeepStrictEqual(JSON.parse(present), JSON.parse(value));
  } catch {
    return false;
  }
}

const KINDS = ["profile", "server", "gateway", "tenant", "circuit", "route", "vm"] as const;
const OTHER = KINDS.length;

/** What refers to others comes after them. @param key without the prefix */
function rank(key: string): number {
  const [section, , of] = key.split("/");
  const found = KINDS.findIndex((kind) => `${kind}s` === (of ?? section));
  return found < 0 ? OTHER : found;
}

function requireMeant(present: readonly string[], deletes: readonly Change[], prefix: string): void {
  const count = (keys: readonly string[]): readonly number[] => {
    const counts = new Array<number>(OTHER + 1).fill(0);
    for (const key of keys) (counts[rank(key.slice(prefix.length))] as number)++;
    return counts;
  };
  const [before, gone] = [count(present), count(deletes.map(({ key }) => key))];
  const found = KINDS.flatMap((kind, at) => {
    const [removed, of] = [gone[at] as number, before[at] as number];
    return removed * 2 > of ? [`${removed} of ${of} ${kind}s`] : [];
  });
  if (found.length === 0) return;
  throw new UnumError("MASS_DELETE", `publish: ${found.join(", ")} would go at once; nothing was written`, {
    remedy: "if that is meant: --allow-mass-delete, which also tells all edges so",
  });
}

/**
 * Writes a plan: puts in their order, VMs several transactions at a time, then deletes. It can be carried out again from the start
 * when it ends early.
 * @param told how many changes are written, now and then
 * @returns the revision that has all of it
 * @throws EtcdError; UnumError SOURCE_CONFLICT: somebody else changed one of the keys since they were compared
 */
export async function carryOut(
  client: EtcdClient,
  prefix: string,
  { revision, puts, deletes, referable }: Publication,
  { allowMassDelete, told = () => {} }: { readonly allowMassDelete: boolean; readonly told?: (done: number) => void },
): Promise<number> {
  const total = puts.length + deletes.length;
  const created = new Map(referable);
  let newest = revision;
  let done = 0;
  const write = async ({ changes, references: named }: Batch): Promise<void> => {
    const meant = allowMassDelete && changes.some(({ value }) => value === undefined);
    const compare = changes.map(({ key, modRevision }): Compare => ({ key: bytes(key), modRevision }));
    for (const key of named) {
      const createRevision = created.get(key);
      if (createRevision !== undefined) compare.push({ key: bytes(key), createRevision });
    }
    const success = changes.map(
      ({ key, value }): Op =>
        value === undefined
          ? { kind: "delete", key: bytes(key) }
          : { kind: "put", key: bytes(key), value: bytes(value) },
    );
    const { header, succeeded } = await client.txn({
      compare,
      success: meant ? [...success, meantOp(prefix)] : success,
    });
    if (!succeeded) throw conflict(changes, done, total);
    newest = Math.max(newest, header.revision);
    for (const { key, modRevision } of changes)
      if (modRevision === 0 && !isVmKey(key.slice(prefix.length))) created.set(key, header.revision);
    done += changes.length;
    told(done);
  };
  const vms = puts.findIndex(({ key }) => isVmKey(key.slice(prefix.length)));
  const first = vms < 0 ? puts.length : vms;
  // One that refers to more than a transaction can watch over is told of by the edges, should it happen to be wrong.
  const guarded = (names: readonly string[]): readonly string[] =>
    names.filter((name) => created.has(name)).slice(0, TXN_KEYS - 1);
  const by = { prefix, guarded };
  for (const batch of batches(puts, by, 0, first)) await write(batch);
  await several(batches(puts, by, first, puts.length), write);
  for (const [from, to] of ranks(deletes, prefix)) await several(batches(deletes, by, from, to), write);
  return newest;
}

function conflict(changes: readonly Change[], done: number, total: number): UnumError {
  const [first, last] = [changes[0]?.key, changes.at(-1)?.key];
  const which = first === last ? first : `one of the ${changes.length} keys from ${first} to ${last}`;
  return new UnumError(
    "SOURCE_CONFLICT",
    `publish: others changed ${which}, or what they refer to, meanwhile; ${done} of ${total} changes are written, and none of these`,
    { remedy: "the same command again compares anew, and writes the rest" },
  );
}

interface Batch {
  readonly changes: readonly Change[];
  /** Keys, outside of the batch, that its objects refer to. */
  readonly references: ReadonlySet<string>;
}

/** @param guarded of what an object refers to, the keys to guard */
function* batches(
  changes: readonly Change[],
  { prefix, guarded }: { readonly prefix: string; readonly guarded: (keys: readonly string[]) => readonly string[] },
  from: number,
  to: number,
): Iterable<Batch> {
  let batch: Change[] = [];
  let named = new Set<string>();
  let size = 0;
  for (let at = from; at < to; at++) {
    const change = changes[at] as Change;
    const { key, value = "" } = change;
    const refers =
      value === "" ? [] : guarded(references(key.slice(prefix.length), value).map((name) => prefix + name));
    const more = refers.filter((name) => !named.has(name)).length;
    const bytesMore = 2 * key.length + value.length;
    const conditions = batch.length + 1 + named.size + more;
    if (batch.length > 0 && (conditions > TXN_KEYS || size + bytesMore > TXN_BYTES)) {
      yield { changes: batch, references: named };
      [batch, named, size] = [[], new Set(), 0];
    }
    batch.push(change);
    for (const name of refers) named.add(name);
    size += bytesMore;
  }
  if (batch.length > 0) yield { changes: batch, references: named };
}

/** Spans of one rank each. */
function* ranks(changes: readonly Change[], prefix: string): Iterable<readonly [from: number, to: number]> {
  const rankAt = (at: number): number => rank(changes[at]?.key.slice(prefix.length) ?? "");
  for (let from = 0, to = 0; from < changes.length; from = to) {
    while (to < changes.length && rankAt(to) === rankAt(from)) to++;
    yield [from, to];
  }
}

/** Runs `work` for each batch, {@link TXNS_AT_ONCE} at a time; the first that fails ends it, when those under way have ended. */
async function several(all: Iterable<Batch>, work: (batch: Batch) => Promise<void>): Promise<void> {
  const next = all[Symbol.iterator]();
  let failed: { readonly thrown: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (let item = next.next(); item.done !== true && failed === undefined; item = next.next()) {
      try {
        await work(item.value);
      } catch (thrown) {
        failed ??= { thrown };
      }
    }
  };
  await Promise.all(Array.from({ length: TXNS_AT_ONCE }, worker));
  if (failed !== undefined) throw failed.thrown;
}
