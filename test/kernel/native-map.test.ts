// Maps, and arrays through their memory.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BpfMap } from "../../src/bpf/map.ts";
import { MappedArray } from "../../src/bpf/mapped-array.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { possibleCpus } from "../../src/bpf/system.ts";
import { bytesToWords, indexKey, pinDirectory, refusal, testObject, wordBytes } from "./native-support.ts";

let object: BpfObject;
beforeAll(() => {
  object = BpfObject.open(testObject("native-programs"));
  object.load();
});
afterAll(() => object.close());

describe("a map", () => {
  it("looks up, updates and deletes", () => {
    const names = object.map("names");
    expect(names.lookup(wordBytes(1n))).toBeUndefined();
    names.update(wordBytes(1n), indexKey(10));
    expect(names.lookup(wordBytes(1n))).toEqual(indexKey(10));
    expect(refusal(() => names.update(wordBytes(1n), indexKey(11), "noexist")).errnoName).toBe("EEXIST");
    expect(refusal(() => names.update(wordBytes(2n), indexKey(11), "exist")).errnoName).toBe("ENOENT");
    names.update(wordBytes(1n), indexKey(12), "exist");
    expect(names.delete(wordBytes(1n))).toBe(true);
    expect(names.delete(wordBytes(1n))).toBe(false);
  });

  it("refuses wrong lengths and types before the kernel sees them", () => {
    const names = object.map("names");
    for (const [body, message] of [
      [() => names.lookup(new Uint8Array(7)), "read argument key: expected 8 bytes, got 7 bytes"],
      [() => names.update(new Uint8Array(8), new Uint8Array(5)), "read argument value: expected 4 bytes, got 5 bytes"],
      [() => names.delete([1] as never), "read argument key: expected a Uint8Array, got another object"],
      [() => names.lookup(new Uint32Array(2) as never), "read argument key: expected a Uint8Array, got another object"],
      [() => names.pin("" as never), "read argument path: expected a text without NUL characters, got an empty one"],
      [() => names.pin("a\0b"), "read argument path: expected a text without NUL characters, got one"],
    ] as const) {
      const error = refusal(body);
      expect(error.code).toBe("ARGUMENT_INVALID");
      expect(error.message).toBe(message);
    }
  });

  it("lists each key once, of every kind of map", () => {
    const names = object.map("names");
    const wanted = new Map<bigint, number>();
    for (let i = 0; i < 900; i++) {
      names.update(wordBytes(BigInt(i)), indexKey(i * 3));
      wanted.set(BigInt(i), i * 3);
    }
    const entries = [...names].map(([key, value]) => [bytesToWords(key)[0], new Uint32Array(value.slice().buffer)[0]]);
    expect(new Map(entries as [bigint, number][])).toEqual(wanted);
    expect([...names.keys()].length).toBe(900);
    // Deleting while walking.
    let walked = 0;
    for (const key of names.keys()) {
      expect(names.delete(key)).toBe(true);
      walked++;
    }
    expect(walked).toBe(900);
    expect([...names.keys()]).toEqual([]);
    expect([...names.entries()]).toEqual([]);

    const prefixes = object.map("prefixes");
    const prefix = (length: number, byte: number) => Uint8Array.of(length, 0, 0, 0, byte, 0, 0, 0);
    for (const length of [0, 8, 16]) prefixes.update(prefix(length, length && 10), wordBytes(BigInt(length)));
    expect([...prefixes].map(([key]) => key[0]).sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual([0, 8, 16]);
    expect(prefixes.lookup(prefix(32, 10))).toEqual(wordBytes(16n));
    expect([...object.map("words").keys()].length).toBe(10);
  });

  it("has a value for each possible CPU where it is per CPU", () => {
    const counters = object.map("counters_with_a_long_name");
    const bytes = 8 * possibleCpus();
    expect(counters.info).toMatchObject({ name: "counters_with_a_long_name", valueSize: 4, valueBytes: bytes });
    const value = new Uint8Array(bytes);
    for (let cpu = 0; cpu < possibleCpus(); cpu++) value[8 * cpu] = cpu + 1;
    counters.update(indexKey(3), value);
    expect(counters.lookup(indexKey(3))).toEqual(value);
    expect(counters.readArray(2, 3)).toEqual(
      new Uint8Array([...new Uint8Array(bytes), ...value, ...new Uint8Array(bytes)]),
    );
    expect(refusal(() => counters.update(indexKey(3), new Uint8Array(4))).message).toContain(`expected ${bytes} bytes`);
    const hash = object.map("per_cpu_names");
    hash.update(indexKey(5), value);
    expect([...hash]).toEqual([[indexKey(5), value]]);
  });

  it("reads ranges of an array, from any element on", () => {
    const numbers = object.map("numbers");
    for (const index of [0, 1, 65535, 65536, 69999]) numbers.update(indexKey(index), indexKey(index + 1));
    const at = (first: number, count: number) => [...new Uint32Array(numbers.readArray(first, count).buffer)];
    const all = at(0, 70000);
    expect(all.flatMap((value, index) => (value === 0 ? [] : [index]))).toEqual([0, 1, 65535, 65536, 69999]);
    expect(at(65535, 2)).toEqual([65536, 65537]);
    expect(at(69999, 1)).toEqual([70000]);
    expect(at(70000, 0)).toEqual([]);
    expect(refusal(() => numbers.readArray(69999, 2)).message).toBe(
      "read argument count: expected a whole number from 0 to 1, got 2",
    );
    expect(refusal(() => object.map("names").readArray(0, 1)).message).toMatch(/neither an array nor a per-CPU array$/);
  });

  it("says which pin it could not open, and why", () => {
    using pins = pinDirectory();
    const missing = refusal(() => BpfMap.openPinned(`${pins.path}/none`));
    expect(missing.message).toBe(`open pinned map ${pins.path}/none: no such file or directory (ENOENT)`);
    expect(missing.remedy).toMatch(/loaded/);
    object.program("drop").pin(`${pins.path}/drop`);
    expect(refusal(() => BpfMap.openPinned(`${pins.path}/drop`)).message).toBe(
      `open pinned map ${pins.path}/drop: it is a program`,
    );
    expect(refusal(() => BpfMap.openPinned("/etc/passwd")).message).toMatch(/^open pinned map \/etc\/passwd: /);
    expect(refusal(() => BpfMap.openById(4_000_000_000)).errnoName).toBe("ENOENT");
    using byId = BpfMap.openById(object.map("words").info.id);
    expect(byId.info.name).toBe("words");
  });
});

describe("a mapped array", () => {
  it("shares its memory with the map", () => {
    const map = object.map("words");
    using words = MappedArray.map(map);
    expect(words).toMatchObject({ length: 10, valueSize: 8 });
    words.store(4, wordBytes(0x1122334455667788n));
    expect(map.lookup(indexKey(4))).toEqual(wordBytes(0x1122334455667788n));
    map.update(indexKey(5), wordBytes(7n));
    expect(words.load(5)).toEqual(wordBytes(7n));
    expect(words.loadMany(4, 2)).toEqual(wordBytes(0x1122334455667788n, 7n));
  });

  it("keeps to the elements, whatever their size", () => {
    for (const [name, size] of [
      ["records", 64],
      ["odd", 13],
    ] as const) {
      const map = object.map(name);
      using array = MappedArray.map(map);
      expect(array.valueSize).toBe(size);
      const value = Uint8Array.from({ length: size }, (_, i) => i + 1);
      array.write(3, value);
      array.write(9, value);
      for (let i = 0; i < 10; i++) {
        const expected = i === 3 || i === 9 ? value : new Uint8Array(size);
        expect(map.lookup(indexKey(i))).toEqual(expected);
        expect(array.load(i)).toEqual(expected);
      }
      expect(array.loadMany(2, 2)).toEqual(new Uint8Array([...new Uint8Array(size), ...value]));
      expect(refusal(() => array.store(0, value)).message).toMatch(/and only 8 can be replaced at once$/);
      expect(refusal(() => array.write(0, value.subarray(1))).code).toBe("ARGUMENT_INVALID");
    }
  });

  it("refuses other elements, other maps, and use after close", () => {
    const words = MappedArray.map(object.map("words"));
    for (const index of [10, -1, 0.5, Number.NaN, 2 ** 32]) {
      expect(refusal(() => words.load(index)).message).toContain("expected a whole number from 0 to 9");
    }
    expect(refusal(() => words.store(0, new Uint8Array(7))).code).toBe("ARGUMENT_INVALID");
    expect(refusal(() => words.loadMany(5, 6)).code).toBe("ARGUMENT_INVALID");
    words.close();
    words.close();
    for (const use of [() => words.load(0), () => words.store(0, wordBytes(0n)), () => words.loadMany(0, 1)]) {
      expect(refusal(use).message).toBe("the mapped array words is closed");
    }
    expect(refusal(() => MappedArray.map(object.map("numbers"))).message).toBe(
      "map map numbers: expected an array made with BPF_F_MMAPABLE",
    );
  });

  it("outlives the handle of its map", () => {
    using pins = pinDirectory();
    object.map("words").pin(`${pins.path}/words`);
    const map = BpfMap.openPinned(`${pins.path}/words`);
    using words = MappedArray.map(map);
    map.close();
    words.store(1, wordBytes(5n));
    expect(object.map("words").lookup(indexKey(1))).toEqual(wordBytes(5n));
  });
});
