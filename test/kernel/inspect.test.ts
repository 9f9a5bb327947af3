// What is shown of maps of every kind, with values of every type, is what bpftool shows, byte for byte.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BpfMap } from "../../src/bpf/map.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { expectSame } from "../support/bpftool.ts";
import { indexKey, pinDirectory, Random, testObject } from "./native-support.ts";

const SEED = BigInt(process.env.UNUM_SEED ?? 0x1515);
const random = new Random(SEED);

let object: BpfObject;
let pins: ReturnType<typeof pinDirectory>;
const pinOf = (name: string): string => join(pins.path, name.replace(".", "_"));

/** Bytes that bring out one way of printing each. */
const FILLS: readonly ((length: number) => Uint8Array)[] = [
  (length) => new Uint8Array(length),
  (length) => new Uint8Array(length).fill(0xff),
  (length) => new Uint8Array(length).fill(0x80),
  (length) => Uint8Array.from({ length }, (_, i) => (i % 4 === 3 ? 0 : 0x61 + (i % 26))),
  (length) => Uint8Array.from({ length }, (_, i) => (i % 8 === 7 ? 0 : 0x20 + random.below(0x5f))),
  (length) => Uint8Array.from({ length }, (_, i) => (i % 4 === 0 ? random.below(9) : 0)),
  (length) => Uint8Array.from({ length }, (_, i) => (i % 2 === 0 ? 0x22 : 0x5c)),
  (length) => Uint8Array.from({ length }, () => random.below(256)),
];

const FILLED = new Set([
  ...["hash", "lru_hash", "percpu_hash", "lru_percpu_hash"],
  ...["array", "percpu_array", "lpm_trie"],
]);

function fill(map: BpfMap): void {
  const { typeName, keySize, valueBytes, maxEntries } = map.info;
  const isArray = typeName.endsWith("array");
  for (let i = 0; i < (isArray ? maxEntries : 24); i++) {
    const make = FILLS[i % FILLS.length] as (typeof FILLS)[number];
    const key = isArray ? indexKey(i) : (FILLS[random.below(FILLS.length)] as typeof make)(keySize);
    if (typeName === "lpm_trie") key.set(indexKey(random.below(33)));
    map.update(key, make(valueBytes));
  }
}

beforeAll(() => {
  object = BpfObject.open(testObject("inspect-values"));
  object.load();
  pins = pinDirectory();
  for (const { name, typeName } of object.maps) {
    const map = object.map(name);
    if (FILLED.has(typeName) && name !== ".rodata") fill(map);
    map.pin(pinOf(name));
  }
  for (const { name } of object.programs) object.program(name).pin(join(pins.path, name));
});
afterAll(() => {
  pins?.[Symbol.dispose]();
  object?.close();
});

describe(`maps of every kind (seed ${SEED})`, () => {
  it("are shown as bpftool shows them", async () => {
    for (const { name } of object.maps) {
      const { id } = object.map(name).info;
      await expectSame(["map", "show", "pinned", pinOf(name)]);
      await expectSame(["map", "list", "id", String(id)]);
    }
  });

  it("are dumped as bpftool dumps them", async () => {
    let bytes = 0;
    for (const { name } of object.maps) bytes += await expectSame(["map", "dump", "pinned", pinOf(name)]);
    expect(bytes).toBeGreaterThan(100_000);
  });

  it("have their elements looked up as by bpftool", async () => {
    for (const { name } of object.maps) {
      const map = object.map(name);
      const { keySize, typeName } = map.info;
      if (keySize === 0 || typeName === "perf_event_array" || typeName === "cpumap") continue;
      const keys = typeName === "stack_trace" || typeName === "sockmap" ? [] : [...map.keys()].slice(0, 4);
      for (const key of [...keys, new Uint8Array(keySize).fill(0xee)]) {
        const words = ["key", "hex", ...[...key].map((byte) => byte.toString(16))];
        await expectSame(["map", "lookup", "pinned", pinOf(name), ...words]);
      }
      for (const key of keys.slice(0, -1)) {
        await expectSame(["map", "getnext", "pinned", pinOf(name), "key", ...[...key].map(String)]);
      }
      if (keys.length > 0) await expectSame(["map", "getnext", "pinned", pinOf(name)]);
    }
  });
});
