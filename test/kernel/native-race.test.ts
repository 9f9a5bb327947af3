// One writer and one reader at the same time: keys that stay are never missed, and never have another key's value, while
// the writer inserts, moves, replaces and deletes around them.
//
// UNUM_TABLE_LOOKUPS: lookups of each reader; the default is a short run.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { BucketShape } from "../../src/bpf/bucket-table.ts";
import type { BpfObject } from "../../src/bpf/object.ts";
import { ADDON, bytesToWords, indexKey, pinDirectory, Random } from "./native-support.ts";
import type { Pair } from "./native-table-support.ts";
import {
  change,
  keyWords,
  loadTable,
  numberedKey,
  openTable,
  otherKey,
  places,
  readMoves,
  SHAPES,
  whereKeysAre,
} from "./native-table-support.ts";

const LOOKUPS = Number(process.env.UNUM_TABLE_LOOKUPS ?? 2_000_000);
const READERS = ["probe_table_h", "probe_slow"] as const;
/** Idle turns of the slow reader between two looks: most of its time is a window that a writer could hit. */
const DAWDLE = 400;

interface Result {
  readonly lookups: number;
  readonly misses: number;
  readonly wrong: number;
  readonly again: number;
}

function readResult(object: BpfObject, which: number): Result {
  const words = bytesToWords(object.map("results").lookup(indexKey(which)) as Uint8Array);
  const sum = (field: number) => Number(words.filter((_, i) => i % 4 === field).reduce((a, b) => a + b, 0n));
  return { lookups: sum(0), misses: sum(1), wrong: sum(2), again: sum(3) };
}

/** A value names its key's last word in the high half, so that a reader can tell whose it is. */
function ownValue(shape: BucketShape, key: bigint, version: bigint): bigint {
  const last = keyWords(key, shape).at(-1) as bigint;
  return ((last & 0xffff_ffffn) << 32n) | (version & 0xffff_ffffn);
}

/** CPUs of this process, such as [0, 1]. */
function allowedCpus(): readonly number[] {
  const list = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** Of the main thread, and of the threads that it makes from then on. */
function pinThread(cpus: readonly number[]): void {
  execFileSync("taskset", ["-pc", cpus.join(","), String(process.pid)], { stdio: "ignore" });
}

/** A worker on a CPU of its own: on a busy machine the two would else take turns on one. */
async function startReader(pins: readonly string[]): Promise<() => Promise<void>> {
  const stop = new SharedArrayBuffer(4);
  const cpus = allowedCpus();
  expect(cpus.length, "CPUs").toBeGreaterThan(1);
  pinThread(cpus.slice(0, 1));
  const worker = new Worker(join(import.meta.dirname, "native-prober.mjs"), {
    workerData: { addonPath: ADDON, pins, stop },
  });
  const ended = new Promise<void>((resolve, reject) => {
    worker.once("error", reject);
    worker.once("exit", () => resolve());
  });
  await Promise.race([new Promise((resolve) => worker.once("message", resolve)), ended]);
  pinThread(cpus.slice(1));
  return async () => {
    pinThread(cpus);
    Atomics.store(new Int32Array(stop), 0, 1);
    await ended;
  };
}

/** Runs both readers while `write` is called again and again, until each has looked often enough. */
async function race(
  object: BpfObject,
  write: () => void | Promise<void>,
  enough: () => boolean,
): Promise<readonly Result[]> {
  using pins = pinDirectory();
  const paths = READERS.map((name) => {
    object.program(name).pin(`${pins.path}/${name}`);
    return `${pins.path}/${name}`;
  });
  const results = () => READERS.map((_, i) => readResult(object, i));
  // The slow one mostly: it is the one that a writer can hit.
  const [fast = "", slow = ""] = paths;
  const stopReader = await startReader([fast, slow, slow, slow]);
  try {
    const failed = () => results().some(({ misses, wrong }) => misses + wrong > 0);
    while ((!enough() || results().some(({ lookups }) => lookups < LOOKUPS)) && !failed()) {
      await write();
      await sleep(0);
    }
  } finally {
    await stopReader();
  }
  for (const result of results()) expect(result).toMatchObject({ misses: 0, wrong: 0 });
  return results();
}

describe.each(SHAPES)("a reader beside a writer, keys of $keyWords words", { timeout: 3_600_000 }, (shape) => {
  it("misses no key that stays, and sees no other key's value, whatever changes around it", async () => {
    const BUCKETS = 16;
    const STABLE_KEYS = 12;
    const OTHER_KEYS = shape.keyWords === 1 ? 40 : 13;
    using object = loadTable({ shape, buckets: BUCKETS, stableKeys: BigInt(STABLE_KEYS), dawdle: DAWDLE });
    using table = openTable(object, shape);
    const stable = Array.from({ length: STABLE_KEYS }, (_, i) => numberedKey(shape, BigInt(i + 1)));
    change(
      table,
      stable.map((key): Pair => [key, ownValue(shape, key, 0n)]),
    );
    const seed = BigInt(Date.now());
    const random = new Random(seed);
    const others = new Set<bigint>();
    let refused = 0;
    let writes = 0;
    const write = () => {
      writes++;
      const deletes = [...others].filter(() => random.below(6) === 0);
      change(table, [], deletes);
      for (const key of deletes) others.delete(key);
      const puts: Pair[] = [];
      for (let n = others.size; n < OTHER_KEYS; n++) puts.push([otherKey(shape, random), 0n]);
      const kept = stable[random.below(STABLE_KEYS)] as bigint;
      const named = [...puts, [kept, 0n] as const].map(([key]): Pair => [key, ownValue(shape, key, random.word())]);
      try {
        change(table, named);
        for (const [key] of puts) others.add(key);
      } catch {
        refused++; // So full a table refuses now and then.
      }
    };
    const results = await race(object, write, () => writes >= 200);
    expect(readMoves(object).table).toBeGreaterThan(100n);
    console.log(`seed ${seed}: ${readMoves(object).table} moves, ${refused} refused, ${JSON.stringify(results)}`);
  });

  /*
   * Three buckets, and a key (K) that is made to move from its first to its second and back:
   *
   *   first: K f f f      second: g g g -      third: t t t t, all of which could only go to the first
   *   first: K f          second: g -          third: t t, the same with two slots
   *
   * x belongs in the first or third, so K must go to the second. x is deleted; y belongs in the second or third, so K
   * must go back. The slot that K leaves is given to another key each time.
   */
  it("misses no key that moves back and forth, and takes no value from the slot it left", async () => {
    const BUCKETS = 3;
    const ROUNDS = 60;
    const HITS = 2;
    const K = numberedKey(shape, 1n);
    let seed = 1n;
    while (places(shape, K, BUCKETS, seed).join() !== "0,1") seed++;
    const random = new Random(5n);
    const keyFor = (first: number, second: number): bigint => {
      for (;;) {
        const key = otherKey(shape, random);
        if (places(shape, key, BUCKETS, seed).join() === `${first},${second}`) return key;
      }
    };
    const put = (keys: readonly bigint[]) =>
      change(
        table,
        keys.map((key): Pair => [key, ownValue(shape, key, 0n)]),
      );
    using object = loadTable({ shape, buckets: BUCKETS, stableKeys: 1n, dawdle: DAWDLE, seed });
    using table = openTable(object, shape, seed);
    const keysFor = (count: number, ...at: [number, number]) => Array.from({ length: count }, () => keyFor(...at));
    put([K, ...keysFor(shape.slots - 1, 0, 2), ...keysFor(shape.slots - 1, 1, 2), ...keysFor(shape.slots, 2, 0)]);
    let rounds = 0;
    const write = async () => {
      for (const [place, expected] of [
        [0, 1],
        [1, 0],
      ] as const) {
        // A grace period ends when the reader is between two lookups: the move must come at any other time, too.
        table.collect();
        await sleep(1 + random.below(3));
        const other = keyFor(place, 2);
        put([other]);
        expect(whereKeysAre(object, shape, BUCKETS).get(K)).toEqual([expected]);
        change(table, [], [other]);
      }
      rounds++;
    };
    const again = () => readResult(object, 1).again;
    const results = await race(object, write, () => (rounds >= ROUNDS && again() >= HITS) || rounds >= 50 * ROUNDS);
    console.log(`${rounds} rounds, ${readMoves(object).table} moves, ${JSON.stringify(results)}`);
    expect(readMoves(object).table).toBe(BigInt(2 * rounds));
    // The windows were really hit: the slow reader overlooked the key and found it when it looked again.
    expect(again()).toBeGreaterThanOrEqual(HITS);
  });
});
