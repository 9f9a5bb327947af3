import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { IpAddress } from "../../src/address/index.ts";
import { isV6, macFromBytes, parseIp } from "../../src/address/index.ts";
import { differVms, VM_CHANGES_LISTED } from "../../src/control/vm-difference.ts";
import type { Model, PathPolicy, Tenant, Vm } from "../../src/model/index.ts";
import { NamePool, NO_VMS, type VmSet, VmSetBuilder } from "../../src/model/index.ts";

/** From a small pool, so that addresses come twice. */
const address = fc
  .tuple(fc.constantFrom("10.0.0.", "255.255.255.", "2001:db8::", "2001:db8:0:1::"), fc.nat({ max: 40 }))
  .map(([network, host]) => parseIp(`${network}${host}`));
const policy = fc.constantFrom<PathPolicy[]>("direct-preferred", "direct-only", "gateway-only");
const vm: fc.Arbitrary<Vm> = fc.record(
  {
    server: fc.constantFrom("s1", "s2", "s3"),
    // Some differ in one byte.
    mac: fc
      .oneof(
        fc.tuple(fc.nat({ max: 1 }), fc.nat({ max: 1 })).map(([a, b]) => Uint8Array.of(2, 0, 0, a, 0, b)),
        fc.uint8Array({ minLength: 6, maxLength: 6 }),
      )
      .map((bytes) => macFromBytes(bytes)),
    policy,
  },
  { requiredKeys: ["server", "mac"] },
);
const entries = fc.array(fc.tuple(address, vm), { maxLength: 120, size: "max" });

/** The first of each address counts. */
function mapOf(list: readonly (readonly [IpAddress, Vm])[]): Map<IpAddress, Vm> {
  const map = new Map<IpAddress, Vm>();
  for (const [key, value] of list) if (!map.has(key)) map.set(key, value);
  return map;
}

describe("a set of VMs", () => {
  test("holds what a map of them holds", () => {
    fc.assert(
      fc.property(entries, fc.array(address), (list, others) => {
        const builder = new VmSetBuilder();
        const map = new Map<IpAddress, Vm>();
        for (const [key, value] of list) {
          expect(builder.has(key)).toBe(map.has(key));
          expect(builder.add(key, value)).toBe(!map.has(key));
          if (!map.has(key)) map.set(key, value);
        }
        const set = builder.build();
        expect(set.size).toBe(map.size);
        expect(new Map(set)).toEqual(map);
        const ordered = [...[...map.keys()].filter((each) => !isV6(each)), ...[...map.keys()].filter(isV6)];
        expect([...set.keys()]).toEqual(ordered);
        expect([...set.values()]).toEqual(ordered.map((key) => map.get(key)));
        expect(set.packed4.count).toBe(ordered.filter((each) => !isV6(each)).length);
        for (const key of [...map.keys(), ...others]) {
          expect(set.has(key)).toBe(map.has(key));
          expect(set.get(key)).toEqual(map.get(key));
        }
        const counts = new Map<string, number>();
        for (const { server } of map.values()) counts.set(server, (counts.get(server) ?? 0) + 1);
        expect(set.perServer()).toEqual(counts);
        for (const each of ["direct-preferred", "direct-only", "gateway-only"] as const) {
          expect(set.usesPolicy(each)).toBe([...map.values()].some((one) => one.policy === each));
        }
      }),
    );
  });

  test("stays what it was while its builder goes on", () => {
    const builder = new VmSetBuilder();
    const one: Vm = { server: "s1", mac: macFromBytes(Uint8Array.of(2, 0, 0, 0, 0, 1)) };
    builder.add(parseIp("10.0.0.1"), one);
    builder.add(parseIp("2001:db8::1"), one);
    const before = builder.build();
    for (let host = 2; host < 200; host++) {
      builder.add(parseIp(`10.0.0.${host}`), one);
      builder.add(parseIp(`2001:db8::${host}`), one);
    }
    expect([...before.keys()]).toEqual(["10.0.0.1", "2001:db8::1"]);
    expect(before.has(parseIp("10.0.0.7"))).toBe(false);
    expect(before.has(parseIp("2001:db8::7"))).toBe(false);
    expect(builder.build().size).toBe(398);
  });

  test("finds each of a hundred thousand", () => {
    const builder = new VmSetBuilder();
    const record = new Uint32Array(4);
    for (let n = 0; n < 100_000; n++) {
      record[0] = 0x0a00_0000 + n * 7;
      record[3] = builder.names.number(`s${n % 100}`);
      expect(builder.addRecord(record, 1)).toBe(true);
      if (n % 1000 === 0) expect(builder.addRecord(record, 1)).toBe(false);
    }
    const set = builder.build();
    expect(set.size).toBe(100_000);
    for (let n = 0; n < 100_000; n += 97) {
      const key = 0x0a00_0000 + n * 7;
      const text = [24, 16, 8, 0].map((shift) => (key >>> shift) & 255).join(".");
      expect(set.get(parseIp(text))?.server).toBe(`s${n % 100}`);
    }
  });
});

describe("what differs between VMs", () => {
  const tenantOf = (vms: VmSet): Tenant => ({
    ...{ vni: 1, sourceCheck: "vm", servers: [], policy: "direct-preferred" },
    ...{ dscpPolicies: new Map(), circuits: new Map(), routes: new Map(), vms },
  });
  const modelOf = (tenants: Readonly<Record<string, VmSet>>): Model => ({
    edge: { mac: macFromBytes(new Uint8Array(6)), interfaces: [], vmCapacity: 1024, vm6Capacity: 1024 },
    ...{ profiles: new Map(), servers: new Map(), gateways: new Map() },
    tenants: new Map(Object.entries(tenants).map(([name, vms]) => [name, tenantOf(vms)])),
  });

  test("is what differs between maps of them, whatever numbers their servers have", () => {
    fc.assert(
      fc.property(entries, entries, fc.boolean(), (want, have, shared) => {
        const names = new NamePool();
        const set = (list: typeof want, pool: NamePool): VmSet => {
          const builder = new VmSetBuilder(pool);
          for (const [key, value] of list) builder.add(key, value);
          return builder.build();
        };
        const [wanted, present] = [mapOf(want), mapOf(have)];
        const sets = [set(want, names), set(have, shared ? names : new NamePool())] as const;
        const { changes, counts } = differVms(modelOf({ t: sets[0] }), modelOf({ t: sets[1] }));
        const expected = new Map<IpAddress, unknown>();
        for (const key of new Set([...wanted.keys(), ...present.keys()])) {
          const [from, to] = [present.get(key), wanted.get(key)];
          if (JSON.stringify(from) !== JSON.stringify(to)) expected.set(key, { tenant: "t", address: key, from, to });
        }
        expect(new Map(changes.map((change) => [change.address, change]))).toEqual(expected);
        expect(changes.length).toBe(expected.size);
        const count = (test: (from: unknown, to: unknown) => boolean): number =>
          changes.filter(({ from, to }) => test(from, to)).length;
        const sums = {
          added: count((from) => from === undefined),
          changed: count((from, to) => from !== undefined && to !== undefined),
          removed: count((_, to) => to === undefined),
        };
        expect(counts).toEqual(expected.size === 0 ? new Map() : new Map([["t", sums]]));
      }),
    );
  });

  test("lists each while they are few, and only counts them when they are many", () => {
    const vms = (count: number): VmSet => {
      const builder = new VmSetBuilder();
      const record = new Uint32Array(4);
      record[3] = builder.names.number("s1");
      for (let n = 0; n < count; n++) {
        record[0] = n;
        builder.addRecord(record, 1);
      }
      return builder.build();
    };
    const few = differVms(modelOf({ a: vms(VM_CHANGES_LISTED) }), undefined);
    expect(few.changes.length).toBe(VM_CHANGES_LISTED);
    const many = differVms(modelOf({ a: vms(VM_CHANGES_LISTED), b: vms(1) }), modelOf({ b: NO_VMS, c: vms(3) }));
    expect(many.changes).toEqual([]);
    expect(many.counts).toEqual(
      new Map([
        ["a", { added: VM_CHANGES_LISTED, changed: 0, removed: 0 }],
        ["b", { added: 1, changed: 0, removed: 0 }],
        ["c", { added: 0, changed: 0, removed: 3 }],
      ]),
    );
  });
});
