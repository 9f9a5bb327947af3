// A bucket table with its readers in the kernel (native-table.bpf.c), and the contract of bpf/table.h once more.

import { Btf } from "../../src/bpf/btf.ts";
import { BucketTable } from "../../src/bpf/bucket-table.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { bytesToWords, testObject, wordBytes } from "./native-support.ts";

export const SEED = 0x1234_5678_9abc_def0n;
/** Offset of the table's own count of moves; the word before it must not change. */
export const MOVES_OFFSET = 8;

export interface TableSettings {
  readonly buckets: number;
  readonly stableKeys?: bigint;
  readonly dawdle?: number;
  readonly seed?: bigint;
}

/** The loaded object; its maps are the empty table and its moves. */
export function loadTable({ buckets, stableKeys = 1n, dawdle = 40, seed = SEED }: TableSettings): BpfObject {
  const object = BpfObject.open(testObject("native-table"));
  object.setMaxEntries("table", buckets);
  const bytes = object.readOnlyData();
  const view = new DataView(bytes.buffer);
  for (const { name, offset } of Btf.parse(object.btf()).section(".rodata")) {
    if (name === "table_seed") view.setBigUint64(offset, seed, true);
    if (name === "buckets") view.setUint32(offset, buckets, true);
    if (name === "stable_keys") view.setBigUint64(offset, stableKeys, true);
    if (name === "dawdle") view.setUint32(offset, dawdle, true);
  }
  object.setReadOnlyData(bytes);
  object.load();
  return object;
}

export function openTable(object: BpfObject, seed = SEED): BucketTable {
  return BucketTable.open(object.map("table"), { seed, moves: { map: object.map("moves"), offset: MOVES_OFFSET } });
}

export function readMoves(object: BpfObject): { readonly unrelated: bigint; readonly table: bigint } {
  const [unrelated = 0n, table = 0n] = bytesToWords(object.map("moves").lookup(new Uint8Array(4)) as Uint8Array);
  return { unrelated, table };
}

export type Pair = readonly [key: bigint, value: bigint];

export function packPairs(pairs: readonly Pair[]): Uint8Array {
  return wordBytes(...pairs.flat());
}

export function unpackPairs(bytes: Uint8Array): Map<bigint, bigint> {
  const words = bytesToWords(bytes);
  const pairs = new Map<bigint, bigint>();
  for (let i = 0; i < words.length; i += 2) pairs.set(words[i] as bigint, words[i + 1] as bigint);
  return pairs;
}

export function change(table: BucketTable, puts: readonly Pair[], deletes: readonly bigint[] = []) {
  return table.changeAll({ puts: packPairs(puts), deletes: wordBytes(...deletes) });
}

/** What bpf/table.h finds for each key, by one run of the program for each. */
export function askKernel(object: BpfObject, keys: readonly bigint[]): (bigint | undefined)[] {
  const FRAME = 31;
  const data = new Uint8Array(keys.length * FRAME);
  const view = new DataView(data.buffer);
  for (const [i, key] of keys.entries()) view.setBigUint64(i * FRAME + 14, key, true);
  const lengths = new Uint32Array(keys.length).fill(FRAME);
  const results = object.program("answer").testRunMany({ data, lengths });
  const answers = new DataView(results.data.buffer);
  return keys.map((_, i) =>
    results.data[i * FRAME + 30] === 1 ? answers.getBigUint64(i * FRAME + 22, true) : undefined,
  );
}

/** The two buckets of a key, as the head of bpf/table.h says. */
export function places(key: bigint, buckets: number, seed = SEED): readonly [number, number] {
  const u64 = (value: bigint) => BigInt.asUintN(64, value);
  let hash = u64((key ^ seed) * 0x9e3779b97f4a7c15n);
  hash ^= hash >> 32n;
  hash = u64(hash * 0xd6e8feb86659fd93n);
  hash ^= hash >> 32n;
  const first = Number(((hash & 0xffff_ffffn) * BigInt(buckets)) >> 32n);
  const second = Number(((hash >> 32n) * BigInt(buckets)) >> 32n);
  return [first, second !== first ? second : (first + 1) % buckets];
}

/** Which bucket holds each key, in the memory of the map. */
export function whereKeysAre(object: BpfObject, buckets: number): Map<bigint, number[]> {
  const words = bytesToWords(object.map("table").readArray(0, buckets));
  const where = new Map<bigint, number[]>();
  for (let i = 0; i < words.length; i += 2) {
    const key = words[i] as bigint;
    if (key !== 0n) where.set(key, [...(where.get(key) ?? []), Math.floor(i / 8)]);
  }
  return where;
}
