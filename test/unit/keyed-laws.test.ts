// What holds for objects under keys whatever they are: nothing that is kept out is uncounted, and names do not pile up.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differVms } from "../../src/control/vm-difference.ts";
import type { KeyedObjects } from "../../src/document/index.ts";
import { editKeyedValue, pathOfKey } from "../../src/document/index.ts";
import type { Model } from "../../src/model/index.ts";
import { VmSet } from "../../src/model/index.ts";
import type { Value } from "../support/keyed.ts";
import { EDGE, GOOD, MAC, PREFIX, put, remove, storeOf } from "../support/keyed.ts";

/** Whether the model has an object of the key. */
function has({ profiles, servers, gateways, tenants }: Model, key: string): boolean {
  const [section, name, of, inner] = pathOfKey(PREFIX, PREFIX + key) ?? [];
  if (section === undefined || name === undefined) return false;
  if (section !== "tenants") return { profiles, servers, gateways }[section].has(name);
  const tenant = tenants.get(name);
  return of === undefined ? tenant !== undefined : tenant?.[of].has(inner as never) === true;
}

const choices: readonly (readonly [string, Value])[] = [
  ...GOOD,
  ["servers/s1", "bad"],
  ["servers/s2", { address: "10.2.0.2" }],
  ["profiles/fast", { ttl: 999 }],
  ["gateways/g1", "{}"],
  ["gateways/g1", { address: "10.2.0.3", mac: MAC }],
  ["tenants/acme", "bad"],
  ["tenants/other", { vni: 100 }],
  ["tenants/other/circuits/c", { interface: "e0", address: "10.1.0.1/24", peer: "10.1.0.2" }],
  ["tenants/other/vms/172.16.0.5", { server: "s3", mac: MAC }],
  ["tenants/other/vms/172.16.0.6", "bad"],
  ["tenants/acme/vms/10.1.0.2", { server: "s1", mac: MAC }],
  ["tenants/acme/vms/172.16.0.7", { server: "s2", mac: MAC }],
  ["tenants/ghost/vms/172.16.0.7", { server: "s2", mac: MAC }],
  ["tenants/ghost/routes/10.0.0.0_8", { via: ["g1"] }],
  ["leases/1", "{}"],
];
/** Never two of one key: no value is there from before. */
const objects = fc.uniqueArray(fc.constantFrom(...choices), { selector: ([key]) => key });

describe("objects under keys", () => {
  test("are in the model, or counted, and told by a line that has their key or is about what they are below", () => {
    fc.assert(
      fc.property(objects, (list) => {
        const store = storeOf(list);
        const { model, keptOut, keptOutCount } = store.build(EDGE);
        const out = list.map(([key]) => key).filter((key) => !has(model, key));
        expect(keptOutCount).toBe(out.length);
        expect(store.size).toBe(list.length);
        for (const key of out) {
          const lines = keptOut.filter((line) => `${PREFIX}${key}`.startsWith(line.key));
          expect(lines.length, key).toBeGreaterThan(0);
        }
        expect(keptOut.map(({ key }) => key)).toEqual(keptOut.map(({ key }) => key).sort());
        for (const [key] of list) remove(store, key);
        expect(store.size).toBe(0);
        expect(store.build(EDGE)).toMatchObject({ keptOut: [], keptOutCount: 0 });
      }),
    );
  });

  test("that change are the same as those that were always so, but for what was good before", () => {
    fc.assert(
      fc.property(objects, objects, (first, then) => {
        const store = storeOf(first);
        for (const [key] of first) remove(store, key);
        for (const [key, value] of then) put(store, key, value);
        const anew = storeOf(then);
        expect(store.sameAs(anew)).toBe(true);
        expect(anew.sameAs(store)).toBe(true);
        expect(store.build(EDGE)).toEqual(anew.build(EDGE));
        const differs = first.length > 0 && JSON.stringify(first) !== JSON.stringify(then);
        const keys = (list: typeof first): string => JSON.stringify([...list].sort());
        if (differs && keys(first) !== keys(then)) expect(anew.sameAs(storeOf(first))).toBe(false);
      }),
    );
  });
});

describe("numbers of servers", () => {
  const vmsOf = (store: KeyedObjects) => store.build(EDGE).model.tenants.get("acme")?.vms as VmSet;

  test("stay right when somebody else adds names to the pool of a model", () => {
    const store = storeOf(GOOD);
    const { model } = store.build(EDGE);
    const vms = VmSet.of([["172.16.0.5" as never, { server: "elsewhere", mac: MAC as never }]]);
    const acme = { ...model.tenants.get("acme"), vms } as never;
    differVms({ ...model, tenants: new Map([["acme", acme]]) }, model);
    put(store, "servers/s3", { address: "10.2.0.30" });
    for (const host of [1, 2]) put(store, `tenants/acme/vms/172.16.1.${host}`, { server: "s3", mac: MAC });
    expect([...vmsOf(store).perServer()].sort()).toEqual([
      ["s1", 1],
      ["s2", 1],
      ["s3", 2],
    ]);
  });

  test("do not pile up, and older models keep theirs", () => {
    const store = storeOf(GOOD);
    const before = vmsOf(store);
    for (let n = 0; n < 10_000; n++) put(store, "tenants/acme/vms/172.16.1.1", { server: `old${n}`, mac: MAC });
    put(store, "tenants/acme/vms/172.16.1.1", { server: "s2", mac: MAC });
    const after = vmsOf(store);
    expect(after.names.size).toBeLessThan(10);
    expect([...after.perServer()].sort()).toEqual([
      ["s1", 1],
      ["s2", 2],
    ]);
    expect([...before.perServer()].sort()).toEqual([
      ["s1", 1],
      ["s2", 1],
    ]);
    store.step();
    put(store, "tenants/acme/vms/172.16.1.1", { server: "s1", mac: MAC });
    const changes = [{ tenant: "acme", address: "172.16.1.1", to: { server: "s1", mac: MAC } }];
    expect(store.step()).toEqual({ kind: "vms", changes });
  });
});

test("a burst of VMs is told as a whole", () => {
  const store = storeOf(GOOD);
  store.build(EDGE);
  store.step();
  for (let n = 0; n <= 65_537; n++) {
    // One of them is there already, and is no change.
    put(store, `tenants/acme/vms/172.${16 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`, { server: "s1", mac: MAC });
  }
  expect(store.step().kind).toBe("whole");
  store.build(EDGE);
  expect(store.step()).toEqual({ kind: "nothing" });
});

test("what the maps show counts until there is a model", () => {
  const known = storeOf(GOOD).build(EDGE).model;
  const store = storeOf(GOOD, known);
  remove(store, "servers/s1");
  expect(() => store.build({ ...EDGE, vmCapacity: 5 })).toThrow("edge.capacity.vms");
  put(store, "servers/s1", "bad");
  expect(store.build(EDGE).model).toEqual(known);
  remove(store, "servers/s1");
  put(store, "servers/s1", "bad");
  expect(store.build(EDGE).model.servers.has("s1")).toBe(false);
});

test("an edit of the whole object needs nothing that is readable", () => {
  const path = ["servers", "s1"];
  expect(editKeyedValue("bad", { op: "delete", path })).toBeUndefined();
  expect(editKeyedValue("bad", { op: "set", path, value: { address: "10.2.0.2" } })).toBe('{"address":"10.2.0.2"}');
});
