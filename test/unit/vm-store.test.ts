// VMs that change in place, held against a Map that changes in the same way.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { IpAddress } from "../../src/address/index.ts";
import { compareIp, parseIp, parseMac } from "../../src/address/index.ts";
import type { Vm } from "../../src/model/index.ts";
import { NamePool, recordAddress, VmStore, writeAddress, writeRecord } from "../../src/model/index.ts";

const address = fc
  .tuple(fc.constantFrom("10.0.0.", "10.0.1.", "2001:db8::", "2001:db8:0:1::"), fc.integer({ min: 1, max: 60 }))
  .map(([network, host]) => parseIp(`${network}${host}`));
const vm: fc.Arbitrary<Vm> = fc.record(
  {
    server: fc.constantFrom("s1", "s2", "s3"),
    mac: fc.constantFrom(parseMac("02:00:00:00:00:01"), parseMac("02:00:00:00:00:02")),
    policy: fc.constantFrom("direct-only" as const),
  },
  { requiredKeys: ["server", "mac"] },
);
/** Puts, and removals where there is no VM: about as many, so that the store grows and shrinks. */
const changes = fc.array(fc.tuple(address, fc.option(vm, { nil: undefined })), { maxLength: 400, size: "max" });

const record = new Uint32Array(7);

function change(store: VmStore, names: NamePool, at: IpAddress, to: Vm | undefined): boolean {
  if (to === undefined) return store.remove(record, writeAddress(at, record));
  return store.put(record, writeRecord(at, to, names, record));
}

function hold(store: VmStore, map: ReadonlyMap<IpAddress, Vm>): void {
  expect(store.size).toBe(map.size);
  for (const [at, value] of map) {
    expect(store.hasAddress(at)).toBe(true);
    expect(store.get(record, writeAddress(at, record))).toEqual(value);
  }
  expect(new Map(store.snapshot())).toEqual(map);
}

describe("a store of VMs", () => {
  test("holds what a map holds, whatever is put and removed", () => {
    fc.assert(
      fc.property(changes, (list) => {
        const names = new NamePool();
        const store = new VmStore(names);
        const map = new Map<IpAddress, Vm>();
        for (const [at, to] of list) {
          const before = map.get(at);
          const differs = JSON.stringify(before) !== JSON.stringify(to);
          expect(change(store, names, at, to)).toBe(to === undefined ? before !== undefined : differs);
          if (to === undefined) map.delete(at);
          else map.set(at, to);
          expect(store.hasAddress(at)).toBe(to !== undefined);
        }
        hold(store, map);
        const counts = new Map<string, number>();
        for (const { server } of map.values()) counts.set(server, (counts.get(server) ?? 0) + 1);
        expect(new Map([...store.perServer].map(([n, count]) => [names.name(n), count]))).toEqual(counts);
      }),
    );
  });

  test("gives sets that stay, of all or of some", () => {
    fc.assert(
      fc.property(changes, changes, (first, later) => {
        const names = new NamePool();
        const store = new VmStore(names);
        const map = new Map<IpAddress, Vm>();
        for (const [at, to] of first) {
          change(store, names, at, to);
          if (to === undefined) map.delete(at);
          else map.set(at, to);
        }
        const all = store.snapshot();
        const one = names.number("s1");
        const some = store.snapshot((words, at, addressWords) => words[at + addressWords + 2] === one);
        const lowest = store.lowest((server) => server === one, 3).get(one) ?? [];
        for (const [at, to] of later) change(store, names, at, to);
        expect(new Map(all)).toEqual(map);
        const wanted = new Map([...map].filter(([, { server }]) => server === "s1"));
        expect(new Map(some)).toEqual(wanted);
        for (const at of map.keys()) expect(some.has(at)).toBe(wanted.has(at));
        expect(lowest).toEqual([...wanted.keys()].sort(compareIp).slice(0, 3));
      }),
    );
  });

  test("is the same as one with the same VMs, whatever numbers servers have", () => {
    fc.assert(
      fc.property(changes, fc.tuple(address, vm), (list, [at, to]) => {
        const [names, others] = [new NamePool(), new NamePool()];
        for (const name of ["s3", "x", "s2", "s1"]) others.number(name);
        const [store, other] = [new VmStore(names), new VmStore(others)];
        for (const [each, value] of list) change(store, names, each, value);
        for (const [each, value] of store.snapshot()) change(other, others, each, value);
        expect(store.sameAs(other)).toBe(true);
        const differs = change(other, others, at, to);
        expect(store.sameAs(other)).toBe(!differs);
        expect(other.sameAs(store)).toBe(!differs);
        // Numbers of one pool become those of the other.
        const before = new Map(store.snapshot());
        store.renumber(others);
        hold(store, before);
        expect(store.sameAs(other)).toBe(!differs);
      }),
    );
  });

  test("gives back memory when most of its VMs go", () => {
    const names = new NamePool();
    const store = new VmStore(names);
    const mac = parseMac("02:00:00:00:00:01");
    const nth = (n: number) => parseIp(`10.0.${n >> 8}.${n & 255}`);
    for (let n = 0; n < 20_000; n++) change(store, names, nth(n), { server: "s1", mac });
    for (let n = 0; n < 19_990; n++) expect(change(store, names, nth(n), undefined)).toBe(true);
    const left: IpAddress[] = [];
    store.each((words, at, addressWords) => {
      expect(words.length).toBeLessThan(400);
      left.push(recordAddress(words, at, addressWords));
    });
    expect(left.sort(compareIp)).toEqual(Array.from({ length: 10 }, (_, n) => nth(19_990 + n)));
  });
});
