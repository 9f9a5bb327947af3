// A bucket table with its readers in the kernel (native-table.bpf.c), and the contract of bpf/table.h once more.

import { Btf } from "../../src/bpf/btf.ts";
import type { BucketShape } from "../../src/bpf/bucket-table.ts";
import { BUCKET_SHAPES, BucketTable } from "../../src/bpf/bucket-table.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import type { Random } from "./native-support.ts";
import { bytesToWords, testObject, wordBytes } from "./native-support.ts";

/** Each way to divide a bucket, for describe.each. */
export const SHAPES: readonly BucketShape[] = Object.values(BUCKET_SHAPES);

export const SEED = 0x1234_5678_9abc_def0n;
/** Offset of the table's own count of moves; the word before it must not change. */
export const MOVES_OFFSET = 8;

export interface TableSettings {
  readonly shape: BucketShape;
  readonly buckets: number;
  readonly stableKeys?: bigint;
  readonly dawdle?: number;
  readonly seed?: bigint;
}

/** The loaded object; its maps are the empty table and its moves. */
export function loadTable({ shape, buckets, stableKeys = 1n, dawdle = 40, seed = SEED }: TableSettings): BpfObject {
  const object = BpfObject.open(testObject("native-table"));
  object.setMaxEntries("table", buckets);
  const bytes = object.readOnlyData();
  const view = new DataView(bytes.buffer);
  for (const { name, offset } of Btf.parse(object.btf()).section(".rodata")) {
    if (name === "table_seed") view.setBigUint64(offset, seed, true);
    if (name === "key_words") view.setUint32(offset, shape.keyWords, true);
    if (name === "buckets") view.setUint32(offset, buckets, true);
    if (name === "stable_keys") view.setBigUint64(offset, stableKeys, true);
    if (name === "dawdle") view.setUint32(offset, dawdle, true);
  }
  object.setReadOnlyData(bytes);
  object.load();
  return object;
}

export function openTable(object: BpfObject, { keyWords }: BucketShape, seed = SEED): BucketTable {
  const moves = { map: object.map("moves"), offset: MOVES_OFFSET };
  return BucketTable.open(object.map("table"), { seed, keyWords, moves });
}

export function readMoves(object: BpfObject): { readonly unrelated: bigint; readonly table: bigint } {
  const [unrelated = 0n, table = 0n] = bytesToWords(object.map("moves").lookup(new Uint8Array(4)) as Uint8Array);
  return { unrelated, table };
}

/** A key is one number here, its first word the lowest: two keys differ wherever their words do. */
export type Pair = readonly [key: bigint, value: bigint];

export function keyWords(key: bigint, shape: BucketShape): bigint[] {
  return Array.from({ length: shape.keyWords }, (_, i) => BigInt.asUintN(64, key >> BigInt(64 * i)));
}

export function keyOf(words: ArrayLike<bigint>): bigint {
  return Array.from(words).reduceRight((key, word) => (key << 64n) | word, 0n);
}

export function keyBytes(shape: BucketShape, ...keys: readonly bigint[]): Uint8Array {
  return wordBytes(...keys.flatMap((key) => keyWords(key, shape)));
}

/**
 * The key that native-table.bpf.c has under a number. Those of three words share the first: packets and writer have to look
 * at the others.
 */
export function numberedKey(shape: BucketShape, number: bigint): bigint {
  return shape.keyWords === 1 ? number : keyOf([1n, number & 1n, number]);
}

/** A random key; its last word has its top bit set, unlike that of a numbered one. */
export function otherKey(shape: BucketShape, random: Random): bigint {
  const last = random.word() | (1n << 63n);
  return shape.keyWords === 1 ? last : keyOf([1n, last & 1n, last]);
}

/** A random key in all words. */
export function randomKey(shape: BucketShape, random: Random): bigint {
  return keyOf(Array.from({ length: shape.keyWords }, random.word, random)) | 1n;
}

export function packPairs(shape: BucketShape, pairs: readonly Pair[]): Uint8Array {
  const words = pairs.flatMap(([key, value]) => [...keyWords(key, shape), value]);
  return new Uint8Array(BigUint64Array.from(words).buffer);
}

export function unpackPairs(shape: BucketShape, bytes: Uint8Array): Map<bigint, bigint> {
  const words = bytesToWords(bytes);
  const pairs = new Map<bigint, bigint>();
  for (let i = 0; i < words.length; i += shape.keyWords + 1) {
    pairs.set(keyOf(words.subarray(i, i + shape.keyWords)), words[i + shape.keyWords] as bigint);
  }
  return pairs;
}

export function change(table: BucketTable, puts: readonly Pair[], deletes: readonly bigint[] = []) {
  return table.changeAll({ puts: packPairs(table.shape, puts), deletes: keyBytes(table.shape, ...deletes) });
}

/** What bpf/table.h finds for each key, by one run of the program for each. */
export function askKernel(object: BpfObject, keys: readonly bigint[]): (bigint | undefined)[] {
  const [KEY, VALUE, FOUND, FRAME] = [14, 38, 46, 47];
  const data = new Uint8Array(keys.length * FRAME);
  for (const [i, key] of keys.entries()) data.set(keyBytes(BUCKET_SHAPES[3], key), i * FRAME + KEY);
  const lengths = new Uint32Array(keys.length).fill(FRAME);
  const results = object.program("answer").testRunMany({ data, lengths });
  const answers = new DataView(results.data.buffer);
  return keys.map((_, i) =>
    results.data[i * FRAME + FOUND] === 1 ? answers.getBigUint64(i * FRAME + VALUE, true) : undefined,
  );
}

/** The two buckets of a key, as bpf/table.h has them. */
export function places(shape: BucketShape, key: bigint, buckets: number, seed = SEED): readonly [number, number] {
  const u64 = (value: bigint) => BigInt.asUintN(64, value);
  const multipliers = [0x9e3779b97f4a7c15n, 0xd6e8feb86659fd93n];
  const [head = 0n, ...further] = keyWords(key, shape);
  let hash = head ^ seed;
  for (const [i, word] of further.entries()) {
    const hidden = word ^ u64(seed * (multipliers[i] as bigint));
    hash += (hidden & 0xffff_ffffn) * (hidden >> 32n);
  }
  for (const multiplier of multipliers) {
    hash = u64(hash * multiplier);
    hash ^= hash >> 32n;
  }
  const first = Number(((hash & 0xffff_ffffn) * BigInt(buckets)) >> 32n);
  const second = Number(((hash >> 32n) * BigInt(buckets)) >> 32n);
  return [first, second !== first ? second : (first + 1) % buckets];
}

/** How many of these keys can be in the table at once, each in one of its places: the largest matching. */
export function fitting(shape: BucketShape, keys: readonly bigint[], buckets: number): number {
  const held = Array.from({ length: buckets }, (): bigint[] => []);
  const place = (key: bigint, tried: Set<number>): boolean =>
    places(shape, key, buckets).some((bucket) => {
      if (tried.has(bucket)) return false;
      tried.add(bucket);
      const here = held[bucket] as bigint[];
      if (here.length < shape.slots) {
        here.push(key);
        return true;
      }
      const movable = here.findIndex((other) => place(other, tried));
      if (movable < 0) return false;
      here[movable] = key;
      return true;
    });
  return keys.filter((key) => place(key, new Set())).length;
}

/** Which buckets hold each key, in the memory of the map. */
export function whereKeysAre(object: BpfObject, shape: BucketShape, buckets: number): Map<bigint, number[]> {
  const words = bytesToWords(object.map("table").readArray(0, buckets));
  const where = new Map<bigint, number[]>();
  for (let i = 0; i < words.length; i += shape.keyWords + 1) {
    if (words[i] === 0n) continue;
    const key = keyOf(words.subarray(i, i + shape.keyWords));
    where.set(key, [...(where.get(key) ?? []), Math.floor(i / 8)]);
  }
  return where;
}
