// The bucket table against a Map, against the reader in the kernel, and against its own limits.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BpfError } from "../../src/bpf/bpf-error.ts";
import { BucketTable } from "../../src/bpf/bucket-table.ts";
import { MappedArray } from "../../src/bpf/mapped-array.ts";
import type { BpfObject } from "../../src/bpf/object.ts";
import { openDescriptors, Random, refusal, wordBytes } from "./native-support.ts";
import type { Pair } from "./native-table-support.ts";
import {
  askKernel,
  change,
  loadTable,
  openTable,
  packPairs,
  places,
  readMoves,
  SEED,
  unpackPairs,
  whereKeysAre,
} from "./native-table-support.ts";

const none = new Uint8Array(0);

describe("bucket table", () => {
  const BUCKETS = 12;
  let object: BpfObject;
  let descriptors: number;
  beforeAll(() => {
    descriptors = openDescriptors();
    object = loadTable({ buckets: BUCKETS });
  });
  afterAll(() => {
    object.close();
    expect(openDescriptors()).toBe(descriptors);
  });

  const emptied = (): BucketTable => {
    const memory = MappedArray.map(object.map("table"));
    for (let i = 0; i < BUCKETS; i++) memory.write(i, new Uint8Array(64));
    memory.close();
    return openTable(object);
  };

  it("holds what a Map holds, whatever is put and deleted, and the kernel finds the same", () => {
    // More keys than the table has slots for, so that refusals come, too.
    const key = fc.integer({ min: 1, max: 70 }).map((n) => BigInt(n) * 0x1_0000_0001n);
    const step = fc.record({
      puts: fc.array(fc.tuple(key, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), { minLength: 8, maxLength: 30 }),
      deletes: fc.array(key, { maxLength: 8 }),
    });
    let refused = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 3, maxLength: 12 }), (steps) => {
        using table = emptied();
        const model = new Map<bigint, bigint>();
        for (const { puts, deletes } of steps) {
          const fresh = new Set(puts.map(([k]) => k).filter((k) => !model.has(k)));
          try {
            const changed = change(table, puts, deletes);
            const gone = new Set(deletes.filter((k) => model.has(k) || fresh.has(k)));
            expect(changed).toEqual({
              inserted: fresh.size,
              replaced: puts.length - fresh.size,
              removed: gone.size,
            });
            for (const [k, v] of puts) model.set(k, v);
            for (const k of deletes) model.delete(k);
          } catch (thrown) {
            expect((thrown as BpfError).code).toBe("TABLE_FULL");
            expect(model.size + fresh.size).toBeGreaterThan(table.capacity * 0.7);
            refused++;
          }
          expect(table.size).toBe(model.size);
          expect(unpackPairs(table.entries())).toEqual(model);
          const asked = [...new Set([...model.keys(), ...puts.map(([k]) => k), ...deletes])];
          expect(askKernel(object, asked)).toEqual(asked.map((k) => model.get(k)));
          for (const k of asked.slice(0, 8)) {
            const value = model.get(k);
            expect(table.get(wordBytes(k))).toEqual(value === undefined ? undefined : wordBytes(value));
          }
        }
        for (const [k, at] of whereKeysAre(object, BUCKETS)) {
          expect(at.length).toBe(1);
          expect(places(k, BUCKETS)).toContain(at[0]);
        }
      }),
      { numRuns: 60 },
    );
    expect(refused).toBeGreaterThan(0);
    expect(readMoves(object).table).toBeGreaterThan(0n);
    expect(readMoves(object).unrelated).toBe(0n);
  });

  it("leaves the table as it was when a change does not fit, and says how full it is", () => {
    using table = emptied();
    change(table, [
      [1n, 10n],
      [2n, 20n],
    ]);
    const before = table.entries();
    const tooMany: Pair[] = Array.from({ length: 50 }, (_, i) => [BigInt(i + 2), 0n]);
    const error = refusal(() => change(table, tooMany, [1n]));
    expect(error.code).toBe("TABLE_FULL");
    expect(error.message).toBe("change table table: 2 of 48 slots are used, and 49 more keys were to be added");
    expect(error.remedy).toMatch(/delete entries/);
    expect(table.entries()).toEqual(before);
    // The places that were kept for the keys are free again.
    expect(change(table, tooMany.slice(0, 30)).inserted).toBe(29);
  });

  it("fills each place of keys that share both buckets, and refuses the next by name", () => {
    using table = emptied();
    const random = new Random(7n);
    const twins: Pair[] = [];
    while (twins.length < 9) {
      const key = random.word() | 1n;
      const [first, second] = places(key, BUCKETS);
      if (first === 3 && second === 8) twins.push([key, key]);
    }
    expect(change(table, twins.slice(0, 8)).inserted).toBe(8);
    const error = refusal(() => change(table, twins.slice(8)));
    expect(error.message).toMatch(/8 of 48 slots are used, and 1 more keys.*empty, but not where/);
    expect(unpackPairs(table.entries())).toEqual(new Map(twins.slice(0, 8)));
  });

  it("removes the copy that a writer killed in a move left behind, wherever it is", () => {
    const random = new Random(11n);
    const pairs: Pair[] = Array.from({ length: 20 }, () => [random.word() | 1n, random.word()]);
    {
      using table = emptied();
      change(table, pairs);
    }
    const where = whereKeysAre(object, BUCKETS);
    using memory = MappedArray.map(object.map("table"));
    let copies = 0;
    for (const [key, value] of pairs) {
      const [first, second] = places(key, BUCKETS);
      const other = where.get(key)?.[0] === first ? second : first;
      const words = new BigUint64Array(memory.load(other).buffer);
      const free = [0, 2, 4, 6].find((i) => words[i] === 0n);
      if (free === undefined) continue;
      words[free + 1] = value;
      words[free] = key;
      memory.write(other, new Uint8Array(words.buffer));
      copies++;
    }
    expect(copies).toBeGreaterThan(10);
    using table = openTable(object);
    expect(table.repaired).toBe(copies);
    expect(table.size).toBe(pairs.length);
    expect(unpackPairs(table.entries())).toEqual(new Map(pairs));
    for (const at of whereKeysAre(object, BUCKETS).values()) expect(at.length).toBe(1);
    expect(
      askKernel(
        object,
        pairs.map(([k]) => k),
      ),
    ).toEqual(pairs.map(([, v]) => v));
  });

  it("adopts what another writer left, and refuses it under another seed", () => {
    const pairs: Pair[] = Array.from({ length: 30 }, (_, i) => [BigInt(i + 1), BigInt(i)]);
    {
      using table = emptied();
      change(table, pairs);
    }
    using table = openTable(object);
    expect(table.size).toBe(30);
    expect(change(table, [[1n, 99n]], [2n])).toEqual({ inserted: 0, replaced: 1, removed: 1 });
    const error = refusal(() => openTable(object, SEED + 1n));
    expect(error.code).toBe("STATE_CORRUPT");
    expect(error.message).toMatch(/^open table table: \d+ keys are not where this seed and size put them$/);
  });

  it("lets a freed slot rest until a grace period has passed", () => {
    using table = emptied();
    const pairs: Pair[] = Array.from({ length: 24 }, (_, i) => [BigInt(i + 1), 1n]);
    change(table, pairs);
    change(
      table,
      [],
      pairs.slice(0, 10).map(([k]) => k),
    );
    expect(table.resting).toBe(10);
    table.collect();
    expect(table.resting).toBe(0);
  });

  it("refuses keys of zero, odd lengths, wrong types and closed handles", () => {
    const table = emptied();
    expect(refusal(() => change(table, [[0n, 1n]])).message).toMatch(/key of zero/);
    expect(refusal(() => change(table, [], [0n])).code).toBe("ARGUMENT_INVALID");
    expect(table.size).toBe(0);
    expect(refusal(() => table.changeAll({ puts: new Uint8Array(17), deletes: none })).message).toBe(
      "read argument puts: expected a multiple of 16 bytes, got 17",
    );
    expect(refusal(() => table.changeAll({ puts: none, deletes: new Uint8Array(4) })).code).toBe("ARGUMENT_INVALID");
    expect(refusal(() => table.get(new Uint8Array(7))).message).toMatch(/expected 8 bytes, got 7 bytes/);
    expect(refusal(() => table.get("key" as never)).message).toMatch(/expected a Uint8Array, got a string/);
    // At an odd address.
    const shifted = new Uint8Array(1 + 16 + 1);
    shifted.set(packPairs([[5n, 6n]]), 1);
    expect(table.changeAll({ puts: shifted.subarray(1, 17), deletes: none }).inserted).toBe(1);
    expect(table.get(wordBytes(5n))).toEqual(wordBytes(6n));
    table.close();
    table.close();
    for (const use of [
      () => table.get(wordBytes(1n)),
      () => table.size,
      () => table.entries(),
      () => table.collect(),
    ]) {
      const error = refusal(use);
      expect(error.code).toBe("CLOSED");
      expect(error.message).toBe("the table table is closed");
    }
  });

  it("takes no map of another form for a table", () => {
    const open = (map: string) => () => BucketTable.open(object.map(map), { seed: 0n });
    expect(refusal(open("results")).message).toBe("map map results: expected an array made with BPF_F_MMAPABLE");
    expect(refusal(open("moves")).message).toBe("open table moves: expected elements of 64 bytes, found 16");
    const moves = (offset: number) => () =>
      BucketTable.open(object.map("table"), { seed: SEED, moves: { map: object.map("moves"), offset } });
    for (const offset of [4, 16, -8, 1.5]) expect(refusal(moves(offset)).code).toBe("ARGUMENT_INVALID");
    expect(refusal(() => BucketTable.open(object.map("table"), { seed: 2n ** 64n })).code).toBe("ARGUMENT_INVALID");
    expect(refusal(() => BucketTable.open({} as never, { seed: 0n })).message).toMatch(/expected a BpfMap/);
  });
});

describe("a large bucket table", () => {
  it("takes a million random keys at a load of nine tenths", () => {
    const slots = 1_000_000 / 0.9;
    using object = loadTable({ buckets: Math.ceil(slots / 4) });
    using table = openTable(object);
    const random = new Random(BigInt(process.pid));
    const words = new BigUint64Array(2_000_000);
    for (let i = 0; i < words.length; i += 2) {
      words[i] = random.word() | 1n;
      words[i + 1] = BigInt(i);
    }
    const puts = new Uint8Array(words.buffer);
    const { inserted, replaced } = table.changeAll({ puts, deletes: none });
    expect(inserted + replaced).toBe(1_000_000);
    expect(table.size / table.capacity).toBeGreaterThan(0.899);
    // Nobody saw these keys before they were in place: none had to be moved under the packets' eyes.
    expect(readMoves(object).table).toBe(0n);
    const sample = Array.from({ length: 2000 }, (_, i) => i * 1000);
    expect(
      askKernel(
        object,
        sample.map((i) => words[i] as bigint),
      ),
    ).toEqual(sample.map((i) => words[i + 1]));
  });

  it("grows to nine tenths while packets may read it, and gives room back", () => {
    const BUCKETS = 25_000;
    using object = loadTable({ buckets: BUCKETS });
    using table = openTable(object);
    const random = new Random(3n);
    const model = new Map<bigint, bigint>();
    while (table.size < table.capacity * 0.9) {
      const puts: Pair[] = Array.from({ length: 5000 }, () => [random.word() | 1n, random.word()]);
      change(table, puts);
      for (const [k, v] of puts) model.set(k, v);
    }
    expect(readMoves(object).table).toBeGreaterThan(1000n);
    const victims = [...model.keys()].filter((_, i) => i % 3 === 0);
    change(table, [], victims);
    for (const k of victims) model.delete(k);
    const puts: Pair[] = Array.from({ length: victims.length }, () => [random.word() | 1n, random.word()]);
    change(table, puts);
    for (const [k, v] of puts) model.set(k, v);
    expect(unpackPairs(table.entries())).toEqual(model);
    const keys = [...model.keys()];
    expect(askKernel(object, keys)).toEqual(keys.map((k) => model.get(k)));
  });
});
