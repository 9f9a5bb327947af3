// The bucket table against a Map, against the reader in the kernel, and against its own limits.

import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BpfError } from "../../src/bpf/bpf-error.ts";
import { BUCKET_SHAPES, BucketTable } from "../../src/bpf/bucket-table.ts";
import { MappedArray } from "../../src/bpf/mapped-array.ts";
import type { BpfObject } from "../../src/bpf/object.ts";
import { bytesToWords, openDescriptors, Random, refusal, testObject, wordBytes } from "./native-support.ts";
import type { Pair } from "./native-table-support.ts";
import {
  askKernel,
  change,
  fitting,
  keyBytes,
  keyOf,
  keyWords,
  loadTable,
  numberedKey,
  openTable,
  packPairs,
  places,
  randomKey,
  readMoves,
  SEED,
  SHAPES,
  unpackPairs,
  whereKeysAre,
} from "./native-table-support.ts";

const none = new Uint8Array(0);

describe.each(SHAPES)("bucket table, keys of $keyWords words", (shape) => {
  const BUCKETS = 12;
  const SLOTS = BUCKETS * shape.slots;
  const numbered = (number: number) => numberedKey(shape, BigInt(number));
  let object: BpfObject;
  let descriptors: number;
  beforeAll(() => {
    descriptors = openDescriptors();
    object = loadTable({ shape, buckets: BUCKETS });
  });
  afterAll(() => {
    object.close();
    expect(openDescriptors()).toBe(descriptors);
  });

  const emptied = (): BucketTable => {
    const memory = MappedArray.map(object.map("table"));
    for (let i = 0; i < BUCKETS; i++) memory.write(i, new Uint8Array(64));
    memory.close();
    return openTable(object, shape);
  };

  it("holds what a Map holds, whatever is put and deleted, and the kernel finds the same", () => {
    // More keys than the table has slots for, so that refusals come, too.
    const key =
      shape.keyWords === 1
        ? fc.integer({ min: 1, max: 70 }).map((n) => BigInt(n) * 0x1_0000_0001n)
        : fc.tuple(fc.bigInt(1n, 3n), fc.bigInt(0n, 3n), fc.bigInt(0n, 2n)).map(keyOf);
    const step = fc.record({
      puts: fc.array(fc.tuple(key, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), {
        minLength: SLOTS / 6,
        maxLength: (SLOTS * 5) / 8,
      }),
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
            // Few keys are too many where their places are the same.
            expect(fitting(shape, [...model.keys(), ...fresh], BUCKETS)).toBeLessThan(model.size + fresh.size);
            refused++;
          }
          expect(table.size).toBe(model.size);
          expect(unpackPairs(shape, table.entries())).toEqual(model);
          const asked = [...new Set([...model.keys(), ...puts.map(([k]) => k), ...deletes])];
          expect(askKernel(object, asked)).toEqual(asked.map((k) => model.get(k)));
          for (const k of asked.slice(0, 8)) {
            const value = model.get(k);
            expect(table.get(keyBytes(shape, k))).toEqual(value === undefined ? undefined : wordBytes(value));
          }
        }
        for (const [k, at] of whereKeysAre(object, shape, BUCKETS)) {
          expect(at.length).toBe(1);
          expect(places(shape, k, BUCKETS)).toContain(at[0]);
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
      [numbered(1), 10n],
      [numbered(2), 20n],
    ]);
    const before = table.entries();
    const tooMany: Pair[] = Array.from({ length: SLOTS + 2 }, (_, i) => [numbered(i + 2), 0n]);
    const error = refusal(() => change(table, tooMany, [numbered(1)]));
    expect(error.code).toBe("TABLE_FULL");
    expect(error.message).toBe(
      `change table table: 2 of ${SLOTS} slots are used, and ${SLOTS + 1} more keys were to be added`,
    );
    expect(error.remedy).toMatch(/delete entries/);
    expect(table.entries()).toEqual(before);
    // The places that were kept for the keys are free again.
    const fitting = tooMany.slice(0, SLOTS / 2 + 1);
    expect(change(table, fitting).inserted).toBe(SLOTS / 2);
    expect(unpackPairs(shape, table.entries())).toEqual(new Map([[numbered(1), 10n], ...fitting]));
  });

  it("leaves the table as it was when the last of many keys finds no place", () => {
    using table = emptied();
    const random = new Random(19n);
    const pairs = (count: number): Pair[] =>
      Array.from({ length: count }, () => [randomKey(shape, random), random.word()]);
    const before = pairs(SLOTS / 4);
    change(table, before);
    let refused = 0;
    for (let tries = 0; tries < 100; tries++) {
      // As many as there are slots: often one of them has no place.
      const puts = pairs((SLOTS * 3) / 4);
      try {
        change(table, puts);
        change(
          table,
          [],
          puts.map(([key]) => key),
        );
      } catch (thrown) {
        expect((thrown as BpfError).message).toMatch(/empty, but not where these keys may be/);
        refused++;
        // What was kept for them is free again.
        const few = pairs(SLOTS / 6);
        expect(change(table, few).inserted).toBe(few.length);
        change(
          table,
          [],
          few.map(([key]) => key),
        );
      }
      expect(unpackPairs(shape, table.entries())).toEqual(new Map(before));
      const asked = [...before, ...puts].map(([key]) => key);
      expect(askKernel(object, asked)).toEqual(asked.map((key) => new Map(before).get(key)));
    }
    expect(refused).toBeGreaterThan(20);
  });

  it("tells keys apart that differ in one word, whichever", () => {
    using table = emptied();
    const base = keyOf(Array.from({ length: shape.keyWords }, () => 7n));
    const [first] = places(shape, base, BUCKETS);
    const random = new Random(23n);
    const pairs: Pair[] = [];
    // For each word, a key that packets meet when they look for the first one.
    for (let word = 0; word < shape.keyWords; word++) {
      let key = base;
      while (key === base || places(shape, key, BUCKETS)[0] !== first) {
        const words = keyWords(base, shape);
        words[word] = random.word() | 1n;
        key = keyOf(words);
      }
      pairs.push([key, random.word()]);
    }
    for (const [key, value] of pairs) {
      // Alone, so that it is in that bucket.
      change(table, [[key, value]]);
      expect(askKernel(object, [base, key])).toEqual([undefined, value]);
      expect(table.get(keyBytes(shape, base))).toBe(undefined);
      expect(change(table, [], [base]).removed).toBe(0);
      change(table, [], [key]);
      table.collect();
    }
    change(table, pairs);
    expect(change(table, [[base, 1n]]).inserted).toBe(1);
    expect(unpackPairs(shape, table.entries())).toEqual(new Map([...pairs, [base, 1n]]));
  });

  it("fills each place of keys that share both buckets, and refuses the next by name", () => {
    using table = emptied();
    const random = new Random(7n);
    const twins: Pair[] = [];
    while (twins.length < 2 * shape.slots + 1) {
      const key = randomKey(shape, random);
      const [first, second] = places(shape, key, BUCKETS);
      if (first === 3 && second === 8) twins.push([key, random.word()]);
    }
    const last = twins.pop() as Pair;
    expect(change(table, twins).inserted).toBe(twins.length);
    const error = refusal(() => change(table, [last]));
    expect(error.message).toContain(`${twins.length} of ${SLOTS} slots are used, and 1 more keys`);
    expect(error.message).toMatch(/empty, but not where/);
    expect(unpackPairs(shape, table.entries())).toEqual(new Map(twins));
  });

  it("removes the copy that a writer killed in a move left behind, wherever it is", () => {
    const random = new Random(11n);
    const pairs: Pair[] = Array.from({ length: (SLOTS * 5) / 12 }, () => [randomKey(shape, random), random.word()]);
    {
      using table = emptied();
      change(table, pairs);
    }
    const where = whereKeysAre(object, shape, BUCKETS);
    using memory = MappedArray.map(object.map("table"));
    let copies = 0;
    for (const [key, value] of pairs) {
      const [first, second] = places(shape, key, BUCKETS);
      const other = where.get(key)?.[0] === first ? second : first;
      const words = new BigUint64Array(memory.load(other).buffer);
      const step = shape.keyWords + 1;
      const free = Array.from({ length: shape.slots }, (_, i) => i * step).find((i) => words[i] === 0n);
      if (free === undefined) continue;
      words.set([...keyWords(key, shape), value], free);
      memory.write(other, new Uint8Array(words.buffer));
      copies++;
    }
    expect(copies).toBeGreaterThan(SLOTS / 5 - 2);
    using table = openTable(object, shape);
    expect(table.repaired).toBe(copies);
    expect(table.size).toBe(pairs.length);
    expect(unpackPairs(shape, table.entries())).toEqual(new Map(pairs));
    for (const at of whereKeysAre(object, shape, BUCKETS).values()) expect(at.length).toBe(1);
    expect(
      askKernel(
        object,
        pairs.map(([k]) => k),
      ),
    ).toEqual(pairs.map(([, v]) => v));
  });

  it("adopts what another writer left, and refuses it under another seed or shape", () => {
    const count = (SLOTS * 5) / 8;
    const pairs: Pair[] = Array.from({ length: count }, (_, i) => [numbered(i + 1), BigInt(i)]);
    {
      using table = emptied();
      change(table, pairs);
    }
    const memory = () => object.map("table").readArray(0, BUCKETS);
    const before = memory();
    const other = SHAPES.find((candidate) => candidate !== shape) ?? shape;
    for (const wrong of [() => openTable(object, shape, SEED + 1n), () => openTable(object, other)]) {
      const error = refusal(wrong);
      expect(error.code).toBe("STATE_CORRUPT");
      expect(error.message).toMatch(/^open table table: \d+ keys are not where this seed and size put them$/);
      expect(memory()).toEqual(before);
    }
    using table = openTable(object, shape);
    expect(table.size).toBe(count);
    expect(table).toMatchObject({ shape, buckets: BUCKETS, capacity: SLOTS, repaired: 0 });
    expect(change(table, [[numbered(1), 99n]], [numbered(2)])).toEqual({ inserted: 0, replaced: 1, removed: 1 });
  });

  it("lets a freed slot rest, its other words as they were, until a grace period has passed", () => {
    using table = emptied();
    const random = new Random(29n);
    const pairFor = (bucket: number): Pair => {
      for (;;) {
        const key = randomKey(shape, random);
        if (places(shape, key, BUCKETS)[0] === bucket) return [key, random.word()];
      }
    };
    const slot = (index: number) => {
      const words = bytesToWords(object.map("table").readArray(5, 1));
      return [...words.subarray(index * (shape.keyWords + 1), (index + 1) * (shape.keyWords + 1))];
    };
    const wordsOf = ([key, value]: Pair) => [...keyWords(key, shape), value];
    const [gone, next, last] = [pairFor(5), pairFor(5), pairFor(5)];
    change(table, [gone]);
    expect(slot(0)).toEqual(wordsOf(gone));
    change(table, [], [gone[0]]);
    expect(table.resting).toBe(1);
    change(table, [next]);
    expect(slot(1)).toEqual(wordsOf(next));
    expect(slot(0)).toEqual([0n, ...wordsOf(gone).slice(1)]);
    table.collect();
    expect(table.resting).toBe(0);
    change(table, [last]);
    expect(slot(0)).toEqual(wordsOf(last));
  });

  it("refuses keys of zero, odd lengths, wrong types and closed handles", () => {
    const table = emptied();
    const { keyBytes: ofKey, slotBytes: ofSlot } = shape;
    // The first word marks a slot as empty, whatever the others say.
    const nothing = keyOf([0n, 1n, 1n].slice(0, shape.keyWords));
    expect(refusal(() => change(table, [[nothing, 1n]])).message).toMatch(/marks an empty slot$/);
    expect(refusal(() => change(table, [], [nothing])).code).toBe("ARGUMENT_INVALID");
    expect(table.get(keyBytes(shape, nothing))).toBe(undefined);
    expect(table.size).toBe(0);
    expect(refusal(() => table.changeAll({ puts: new Uint8Array(ofSlot + 8), deletes: none })).message).toBe(
      `read argument puts: expected a multiple of ${ofSlot} bytes, got ${ofSlot + 8}`,
    );
    expect(refusal(() => table.changeAll({ puts: none, deletes: new Uint8Array(ofKey - 4) })).message).toBe(
      `read argument deletes: expected a multiple of ${ofKey} bytes, got ${ofKey - 4}`,
    );
    for (const length of [0, ofKey - 1, ofKey + 8]) {
      const { message } = refusal(() => table.get(new Uint8Array(length)));
      expect(message).toContain(`expected ${ofKey} bytes, got ${length} bytes`);
    }
    expect(refusal(() => table.get("key" as never)).message).toMatch(/expected a Uint8Array, got a string/);
    // At an odd address.
    const shifted = new Uint8Array(1 + ofSlot + 1);
    shifted.set(packPairs(shape, [[numbered(5), 6n]]), 1);
    expect(table.changeAll({ puts: shifted.subarray(1, 1 + ofSlot), deletes: none }).inserted).toBe(1);
    expect(table.get(keyBytes(shape, numbered(5)))).toEqual(wordBytes(6n));
    shifted.set(keyBytes(shape, numbered(5)), 1);
    expect(table.changeAll({ puts: none, deletes: shifted.subarray(1, 1 + ofKey) }).removed).toBe(1);
    table.close();
    table.close();
    for (const use of [
      () => table.get(keyBytes(shape, numbered(1))),
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
    for (const words of [0, 2, 4, 1.5, "1"]) {
      const opened = () => BucketTable.open(object.map("table"), { seed: SEED, keyWords: words as never });
      expect(refusal(opened).message).toMatch(/^read argument keyWords: expected/);
    }
    expect(refusal(() => BucketTable.open({} as never, { seed: 0n })).message).toMatch(/expected a BpfMap/);
  });
});

describe.each(SHAPES)("a large bucket table, keys of $keyWords words", (shape) => {
  /** Random keys find a place up to some 0.97 of four-slot buckets, and 0.88 of two-slot ones. */
  const LOAD = shape.slots === 4 ? 0.9 : 0.85;

  it(`takes a million random keys at a load of ${LOAD}`, () => {
    using object = loadTable({ shape, buckets: Math.ceil(1_000_000 / LOAD / shape.slots) });
    using table = openTable(object, shape);
    const random = new Random(BigInt(process.pid));
    const step = shape.keyWords + 1;
    const words = new BigUint64Array(1_000_000 * step);
    for (let i = 0; i < words.length; i += step) {
      words[i] = random.word() | 1n;
      for (let word = 1; word < step; word++) words[i + word] = random.word();
    }
    const puts = new Uint8Array(words.buffer);
    const { inserted, replaced } = table.changeAll({ puts, deletes: none });
    expect(inserted + replaced).toBe(1_000_000);
    expect(table.size / table.capacity).toBeGreaterThan(LOAD - 0.001);
    // Nobody saw these keys before they were in place: none had to be moved under the packets' eyes.
    expect(readMoves(object).table).toBe(0n);
    const sample = Array.from({ length: 2000 }, (_, i) => i * 500 * step);
    expect(
      askKernel(
        object,
        sample.map((i) => keyOf(words.subarray(i, i + shape.keyWords))),
      ),
    ).toEqual(sample.map((i) => words[i + shape.keyWords]));
  });

  it(`grows to a load of ${LOAD} while packets may read it, and gives room back`, () => {
    using object = loadTable({ shape, buckets: 100_000 / shape.slots });
    using table = openTable(object, shape);
    const random = new Random(3n);
    const model = new Map<bigint, bigint>();
    const grow = (count: number) => {
      const puts: Pair[] = Array.from({ length: count }, () => [randomKey(shape, random), random.word()]);
      change(table, puts);
      for (const [k, v] of puts) model.set(k, v);
    };
    while (table.size < table.capacity * LOAD) grow(5000);
    expect(readMoves(object).table).toBeGreaterThan(1000n);
    const victims = [...model.keys()].filter((_, i) => i % 3 === 0);
    change(table, [], victims);
    for (const k of victims) model.delete(k);
    grow(victims.length);
    expect(unpackPairs(shape, table.entries())).toEqual(model);
    const keys = [...model.keys()];
    expect(askKernel(object, keys)).toEqual(keys.map((k) => model.get(k)));
  });
});

describe("the hash of three words", () => {
  const shape = BUCKET_SHAPES[3];
  const swapped = (word: bigint) => new DataView(wordBytes(word).buffer).getBigUint64(0);
  const families: Record<string, (n: bigint) => bigint[]> = {
    "hosts of one subnet": (n) => [1n, swapped(0x2001_0db8_0000_0000n), swapped(n)],
    "the first host of each subnet": (n) => [1n, swapped(0x2001_0db8_0000_0000n + n), swapped(1n)],
    "a VM of each tenant": (n) => [(n << 8n) | 1n, swapped(0x2001_0db8_0000_0000n), swapped(1n)],
    "words that count against each other": (n) => [1n, n, 0xffff_ffffn - n],
    // A multiplication keeps a difference in the top bits there, and a shift by 32 copies it: what is added or
    // exclusive-ored next could take it back, whatever the seed.
    "differences in the top bits": (n) => {
      const top = (bits: bigint) => bits << 56n;
      return [1n, top(n & 0xffn), top(n >> 8n) | ((n >> 8n) << 24n)];
    },
    "the same differences in the words before": (n) => {
      const top = (bits: bigint) => bits << 56n;
      return [1n | top(n & 0xffn), top(n >> 8n) | ((n >> 8n) << 24n), 0n];
    },
  };

  it.each(Object.keys(families))("spreads %s like random keys", (name) => {
    const KEYS = 60_000;
    const family = families[name] as (n: bigint) => bigint[];
    const puts = packPairs(
      shape,
      Array.from({ length: KEYS }, (_, n): Pair => [keyOf(family(BigInt(n))), BigInt(n)]),
    );
    for (const seed of [SEED, 0xfedc_ba98_7654_3210n, 1n]) {
      using object = loadTable({ shape, buckets: Math.ceil(KEYS / 0.8 / shape.slots), seed });
      using table = openTable(object, shape, seed);
      expect(table.changeAll({ puts, deletes: none }).inserted).toBe(KEYS);
    }
  });
});

describe("bpf/table.h", () => {
  // No test can see this on x86, which keeps the order of all loads.
  it("has an address depend on each load that another must wait for", () => {
    // Of the programs in this section, only `answer` looks keys up itself: once for each shape.
    const disassemble = ["--disassemble", "--no-show-raw-insn", "--section=xdp"];
    const code = execFileSync("llvm-objdump", [...disassemble, testObject("native-table")]).toString();
    // Of a lookup: the slots of three buckets, the count before for two buckets, and what was seen before the count after.
    const expected = SHAPES.reduce((sum, { slots }) => sum + 3 * slots + 2 + 1, 0);
    expect(code.match(/\b[rw]\d &= 0$/gm)?.length).toBe(expected);
  });
});
