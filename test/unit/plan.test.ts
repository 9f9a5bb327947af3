import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { IpAddress, IpPrefix } from "../../src/address/index.ts";
import { ipv4FromNumber, ipv6FromBytes, macFromBytes, parseIp, parseIpv4, prefixOf } from "../../src/address/index.ts";
import type { Change, ObjectKind } from "../../src/control/plan.ts";
import { planChanges, summarise } from "../../src/control/plan.ts";
import type { Model, Profile, Route, Tenant, Vm } from "../../src/model/index.ts";
import { DEFAULT_PROFILE, NO_VMS, VmSet } from "../../src/model/index.ts";

const name = fc.constantFrom("a", "b", "c", "d", "e10", "e9");
const ipv4 = fc.nat(0xffffffff).map(ipv4FromNumber);
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => ipv6FromBytes(bytes));
const ip: fc.Arbitrary<IpAddress> = fc.oneof(ipv4, ipv6);
const policy = fc.constantFrom("direct-preferred" as const, "direct-only" as const, "gateway-only" as const);
const rateLimit = fc.record({
  bitsPerSecond: fc.constantFrom(64_000, 100_000_000),
  burstBytes: fc.constantFrom(1500, 65_536),
});
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => macFromBytes(bytes));
const names = fc.uniqueArray(name, { maxLength: 4 });
const mapOf = <K extends string | number, V>(
  key: fc.Arbitrary<K>,
  value: fc.Arbitrary<V>,
): fc.Arbitrary<ReadonlyMap<K, V>> =>
  fc.uniqueArray(fc.tuple(key, value), { maxLength: 4, selector: ([k]) => k }).map((entries) => new Map(entries));

const profile: fc.Arbitrary<Profile> = fc.record(
  {
    encapsulation: fc.constantFrom("vxlan" as const, "geneve" as const, "nvgre" as const),
    port: fc.integer({ min: 1, max: 3 }),
    ttl: fc.integer({ min: 1, max: 3 }),
    dscp: fc.oneof(fc.constant("copy" as const), fc.nat(2)),
    decapsulationDscp: fc.constantFrom("keep" as const, "copy" as const),
    ecn: fc.constantFrom("normal" as const, "compatibility" as const),
    dontFragment: fc.boolean(),
    entropy: fc.constantFrom("l4" as const, "l3" as const),
    udpChecksum: fc.constantFrom("zero" as const, "full" as const),
    mtuBytes: fc.constantFrom(1400, 9000),
    mssClamp: fc.constantFrom("off" as const, "auto" as const),
    rateLimit,
    bfd: fc.record({
      intervalUs: fc.constantFrom(300, 1000),
      multiplier: fc.constantFrom(3, 5),
      multihop: fc.boolean(),
      holdDownUs: fc.constantFrom(0, 5000),
    }),
  },
  {
    requiredKeys: [
      "encapsulation",
      "ttl",
      "dscp",
      "decapsulationDscp",
      "ecn",
      "dontFragment",
      "udpChecksum",
      "entropy",
      "mssClamp",
    ],
  },
);
const server = fc.record(
  { address: ip, profile: name, standby: name, mac, drained: fc.constant(true as const) },
  { requiredKeys: ["address", "profile", "mac"] },
);
const route: fc.Arbitrary<Route> = fc.oneof(
  names.map((via) => ({ kind: "endpoints" as const, via })),
  name.map((circuit) => ({ kind: "circuit" as const, circuit })),
);
const prefix = fc.tuple(ip, fc.constantFrom(0, 8, 24, 32)).map(([address, length]) => prefixOf(address, length));
const address = fc.constantFrom("172.16.0.9", "172.16.0.10", "172.16.1.1", "2001:db8::9", "2001:db8::10").map(parseIp);
const tenant: fc.Arbitrary<Tenant> = fc.record(
  {
    vni: fc.integer({ min: 1, max: 9 }),
    sourceCheck: fc.constantFrom("vm" as const, "member" as const, "off" as const),
    servers: names,
    address: ipv4,
    address6: ipv6,
    policy,
    dscpPolicies: mapOf(fc.nat(63), policy),
    rateLimit,
    circuits: mapOf(
      name,
      fc.record(
        {
          interface: name,
          vlan: fc.constantFrom(1, 100),
          innerVlan: fc.constantFrom(1, 7),
          tag: fc.constantFrom("802.1q" as const, "802.1ad" as const),
          address: prefix.map((p) => p as never),
          peer: ipv4,
          address6: prefix.map((p) => p as never),
          peer6: ipv6,
          peerMac: mac,
        },
        { requiredKeys: ["interface"] },
      ),
    ),
    routes: mapOf(prefix, route),
    vms: mapOf(address, fc.record({ server: name, mac, policy }, { requiredKeys: ["server", "mac"] })).map(VmSet.of),
  },
  { requiredKeys: ["vni", "sourceCheck", "servers", "policy", "dscpPolicies", "circuits", "routes", "vms"] },
);
const port = fc.record({
  name,
  role: fc.constantFrom("access" as const, "underlay" as const, "both" as const),
  mode: fc.constantFrom("native" as const, "generic" as const),
});
const model: fc.Arbitrary<Model> = fc.record({
  edge: fc.record(
    {
      address: ipv4,
      address6: ipv6,
      mac,
      interfaces: fc.uniqueArray(port, { maxLength: 3, selector: (each) => each.name }),
      vmCapacity: fc.constantFrom(1024, 2048),
      vm6Capacity: fc.constantFrom(1024, 2048),
    },
    { requiredKeys: ["mac", "interfaces", "vmCapacity", "vm6Capacity"] },
  ),
  profiles: mapOf(name, profile),
  servers: mapOf(name, server),
  gateways: mapOf(
    name,
    fc.record(
      { address: ip, profile: name, mac, drained: fc.constant(true as const) },
      { requiredKeys: ["address", "profile", "mac"] },
    ),
  ),
  tenants: mapOf(name, tenant),
});

/** `a` with some of its fields and objects from `b`: two states that nearly agree. */
function mixed<T>(a: T, b: T, takeOther: () => boolean): T {
  if (a instanceof VmSet && b instanceof VmSet) {
    return VmSet.of(mixed(new Map(a), new Map(b), takeOther)) as T;
  }
  if (a instanceof Map && b instanceof Map) {
    const map = new Map<unknown, unknown>();
    for (const key of new Set([...a.keys(), ...b.keys()])) {
      if (a.has(key) && b.has(key)) map.set(key, mixed(a.get(key), b.get(key), takeOther));
      else if (a.has(key) !== takeOther()) map.set(key, (a.has(key) ? a : b).get(key));
    }
    return map as T;
  }
  const parts = typeof a === "object" && a !== null && !Array.isArray(a) && !("kind" in a);
  if (!parts || typeof b !== "object" || b === null) return takeOther() ? b : a;
  const object: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const value = mixed((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], takeOther);
    if (value !== undefined) object[key] = value;
  }
  return object as T;
}

const pair: fc.Arbitrary<readonly [Model, Model]> = fc
  .tuple(model, model, fc.infiniteStream(fc.nat(9)))
  .map(([a, b, stream]) => [a, mixed(a, b, () => stream.next().value === 0)]);

const reversed = <K, V>(map: ReadonlyMap<K, V>): ReadonlyMap<K, V> => new Map([...map].reverse());

/** The same state, said in another order. */
function shuffled(state: Model): Model {
  const tenants = [...state.tenants].reverse().map(([key, each]): [string, Tenant] => [
    key,
    {
      ...each,
      servers: [...each.servers].reverse(),
      dscpPolicies: reversed(each.dscpPolicies),
      circuits: reversed(each.circuits),
      vms: VmSet.of(reversed(new Map(each.vms))),
      routes: new Map(
        [...each.routes]
          .reverse()
          .map(([p, r]): [IpPrefix, Route] => [p, r.kind === "circuit" ? r : { ...r, via: [...r.via].reverse() }]),
      ),
    },
  ]);
  return {
    edge: { ...state.edge, interfaces: [...state.edge.interfaces].reverse() },
    profiles: reversed(state.profiles),
    servers: reversed(state.servers),
    gateways: reversed(state.gateways),
    tenants: new Map(tenants),
  };
}

/** A state as a flat table of objects, written without looking at the plan's code. */
function flat(state: Model): Map<string, unknown> {
  const { interfaces, ...edge } = state.edge;
  const table = new Map<string, unknown>([["edge edge", edge]]);
  for (const { name: key, ...rest } of interfaces) table.set(`port ${key}`, rest);
  for (const [key, each] of state.profiles) table.set(`profile ${key}`, each);
  for (const [key, each] of state.servers) table.set(`server ${key}`, each);
  for (const [key, each] of state.gateways) table.set(`gateway ${key}`, each);
  for (const [key, { circuits, routes, vms, ...each }] of state.tenants) {
    const dscpPolicies = Object.fromEntries(each.dscpPolicies);
    table.set(`tenant ${key}`, { ...each, servers: [...each.servers].sort(), dscpPolicies });
    for (const [inner, circuit] of circuits) table.set(`circuit ${key}/${inner}`, circuit);
    for (const [inner, r] of routes) {
      table.set(`route ${key}/${inner}`, r.kind === "circuit" ? r : { ...r, via: [...r.via].sort() });
    }
    for (const [inner, vm] of vms) table.set(`vm ${key}/${inner}`, vm);
  }
  return table;
}

const keyOf = (change: Change): string =>
  `${change.kind} ${change.tenant === undefined ? "" : `${change.tenant}/`}${change.name}`;

describe("planChanges", () => {
  test("names exactly the objects that differ, each once", () => {
    fc.assert(
      fc.property(fc.oneof(pair, fc.tuple(model, model)), ([desired, observed]) => {
        const [wanted, present] = [flat(desired), flat(observed)];
        const expected = new Map<string, string>();
        const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        for (const [key, object] of wanted) {
          if (!present.has(key)) expected.set(key, "add");
          else if (!same(object, present.get(key))) expected.set(key, "change");
        }
        for (const key of present.keys()) if (!wanted.has(key)) expected.set(key, "remove");
        const plan = planChanges(desired, observed);
        expect(new Map(plan.map((change) => [keyOf(change), change.action]))).toEqual(expected);
        expect(plan.length).toBe(expected.size);
      }),
      { numRuns: 2000 },
    );
  });

  test("of a state to itself is empty, however it is ordered", () => {
    fc.assert(
      fc.property(model, (state) => {
        expect(planChanges(state, state)).toEqual([]);
        expect(
          planChanges(
            state,
            mixed(state, state, () => false),
          ),
        ).toEqual([]);
        expect(planChanges(state, shuffled(state))).toEqual([]);
      }),
    );
  });

  test("does not depend on the order of maps and sets", () => {
    fc.assert(
      fc.property(pair, ([desired, observed]) => {
        expect(planChanges(shuffled(desired), shuffled(observed))).toEqual(planChanges(desired, observed));
      }),
    );
  });

  test("the other way round is the same objects, with fields swapped", () => {
    fc.assert(
      fc.property(pair, ([desired, observed]) => {
        const opposite = { add: "remove", remove: "add", change: "change" } as const;
        const there = planChanges(desired, observed).map((change) => [
          keyOf(change),
          change.action,
          change.fields?.map(({ field, from, to }) => `${field}: ${from} ${to}`).sort(),
        ]);
        const back = planChanges(observed, desired).map((change) => [
          keyOf(change),
          opposite[change.action],
          change.fields?.map(({ field, from, to }) => `${field}: ${to} ${from}`).sort(),
        ]);
        expect(back.sort()).toEqual(there.sort());
      }),
    );
  });

  test("puts what is referred to first, and removes it last", () => {
    const order: ObjectKind[] = ["edge", "profile", "server", "gateway", "tenant", "circuit", "route", "vm", "port"];
    fc.assert(
      fc.property(pair, ([desired, observed]) => {
        const plan = planChanges(desired, observed);
        const ranks = plan.map(({ action, kind }) => {
          const rank = order.indexOf(kind);
          return action === "remove" ? 2 * order.length - rank : rank;
        });
        expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
      }),
    );
  });

  test("of an empty machine adds everything", () => {
    fc.assert(
      fc.property(model, (desired) => {
        const plan = planChanges(desired, undefined);
        expect(new Set(plan.map(keyOf))).toEqual(new Set(flat(desired).keys()));
        expect(plan.every((change) => change.action === "add")).toBe(true);
      }),
    );
  });

  test("says what changes, in the words of the document", () => {
    const base = {
      edge: {
        address: parseIpv4("10.2.0.1"),
        mac: "02:00:0a:02:00:01" as never,
        interfaces: [],
        vmCapacity: 1024,
        vm6Capacity: 1024,
      },
      profiles: new Map([["default", DEFAULT_PROFILE]]),
      servers: new Map(),
      gateways: new Map(),
      tenants: new Map(),
    };
    const AUTH = { type: "keyed-sha1", keyId: 7, keyFile: "/etc/unum/bfd.key" } as const;
    const changed: Model = {
      ...base,
      profiles: new Map([
        [
          "default",
          {
            ...DEFAULT_PROFILE,
            ttl: 9,
            rateLimit: { bitsPerSecond: 2_500_000, burstBytes: 65_536 },
            bfd: { intervalUs: 100_000, multiplier: 3, multihop: true, holdDownUs: 2_000_000, auth: AUTH },
          },
        ],
      ]),
    };
    expect(planChanges(changed, base)).toEqual([
      {
        action: "change",
        kind: "profile",
        name: "default",
        fields: [
          { field: "ttl", from: "64", to: "9" },
          { field: "rateLimit.rate", from: undefined, to: "2500kbit/s" },
          { field: "rateLimit.burst", from: undefined, to: "64KiB" },
          { field: "bfd.interval", from: undefined, to: "100ms" },
          { field: "bfd.multiplier", from: undefined, to: "3" },
          { field: "bfd.multihop", from: undefined, to: "true" },
          { field: "bfd.holdDown", from: undefined, to: "2s" },
          { field: "bfd.auth", from: undefined, to: "keyed-sha1 7 /etc/unum/bfd.key" },
        ],
      },
    ]);
  });

  const tenantOf = (fields: Partial<Tenant>): Model => ({
    edge: {
      address: parseIpv4("10.2.0.1"),
      mac: "02:00:0a:02:00:01" as never,
      interfaces: [],
      vmCapacity: 1024,
      vm6Capacity: 1024,
    },
    profiles: new Map(),
    servers: new Map(),
    gateways: new Map(),
    tenants: new Map([
      [
        "t",
        {
          vni: 1,
          sourceCheck: "vm",
          servers: [],
          policy: "direct-preferred",
          dscpPolicies: new Map(),
          circuits: new Map(),
          routes: new Map(),
          vms: NO_VMS,
          ...fields,
        },
      ],
    ]),
  });

  test("orders VMs and routes by number and not by text, IPv4 first", () => {
    const addresses = ["2001:db8::10", "172.16.0.10", "2001:db8::9", "172.16.0.9", "9.0.0.1", "fd00::"].map(parseIp);
    const vm = { server: "s", mac: "02:00:00:00:00:01" as never };
    const full = tenantOf({
      vms: VmSet.of(addresses.map((each): [IpAddress, Vm] => [each, vm])),
      routes: new Map(addresses.map((each): [IpPrefix, Route] => [prefixOf(each, 32), { kind: "endpoints", via: [] }])),
    });
    const order = ["9.0.0.1", "172.16.0.9", "172.16.0.10", "2001:db8::9", "2001:db8::10", "fd00::"];
    const routes = ["9.0.0.1/32", "172.16.0.9/32", "172.16.0.10/32", "2001:db8::/32", "fd00::/32"];
    const added = planChanges(full, tenantOf({}));
    expect(added.map((change) => change.name)).toEqual([...routes, ...order]);
    const removed = planChanges(tenantOf({}), full);
    expect(removed.map((change) => change.name)).toEqual([...order.reverse(), ...routes.reverse()]);
  });

  test("says a policy of each code point on its own", () => {
    const before = tenantOf({
      dscpPolicies: new Map([
        [46, "direct-only"],
        [8, "gateway-only"],
      ]),
    });
    const after = tenantOf({
      dscpPolicies: new Map([
        [0, "direct-only"],
        [46, "gateway-only"],
      ]),
    });
    expect(planChanges(after, before)).toEqual([
      {
        action: "change",
        kind: "tenant",
        name: "t",
        fields: [
          { field: "dscpPolicy.8", from: "gateway-only", to: undefined },
          { field: "dscpPolicy.46", from: "direct-only", to: "gateway-only" },
          { field: "dscpPolicy.0", from: undefined, to: "direct-only" },
        ],
      },
    ]);
  });
});

/** Objects with sorted keys and numbers as texts, so that JSON compares them. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]) => [key, sorted(inner)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

test("summarise counts each change once, in all and by kind", () => {
  fc.assert(
    fc.property(pair, ([desired, observed]) => {
      const plan = planChanges(desired, observed);
      const summary = summarise(plan);
      const count = (action: string, kind?: string): number =>
        plan.filter((change) => change.action === action && (kind === undefined || change.kind === kind)).length;
      const { added, changed, removed, kinds } = summary;
      expect([added, changed, removed]).toEqual([count("add"), count("change"), count("remove")]);
      for (const [kind, each] of kinds) {
        expect([each.added, each.changed, each.removed]).toEqual([
          count("add", kind),
          count("change", kind),
          count("remove", kind),
        ]);
      }
      expect(kinds.size).toBe(new Set(plan.map((change) => change.kind)).size);
    }),
  );
});
