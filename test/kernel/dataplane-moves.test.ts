// What the maps remember of the past, so that packets which were on their way when a VM moved still arrive, and what they
// must forget at once.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { monotonicNs } from "../../src/bpf/system.ts";
import type { Interface } from "../../src/control/state.ts";
import type { Plane } from "../../src/dataplane/index.ts";
import { observe } from "../../src/dataplane/index.ts";
import type { TableName } from "../../src/dataplane/tables.ts";
import { TABLE_SLOTS } from "../../src/dataplane/tables.ts";
import {
  applyState,
  deleteLink,
  expectHolds,
  load,
  makeInterfaces,
  newPins,
  watched,
} from "../support/dataplane-kernel.ts";
import type { Sketch } from "../support/dataplane-plans.ts";
import { stateOf } from "../support/dataplane-plans.ts";

let interfaces: ReadonlyMap<string, Interface>;
beforeAll(() => {
  interfaces = makeInterfaces("dm0", "dm1");
});
afterAll(() => {
  for (const name of interfaces.keys()) deleteLink(name);
});
const state = (sketch: Sketch) => stateOf(sketch, interfaces);

interface Slot {
  readonly vni: Uint8Array;
  readonly address: number;
  readonly mac: Uint8Array;
  readonly endpoint: number;
  readonly tenant: number;
  readonly until: number;
}

function slots(plane: Plane, table: TableName): Slot[] {
  const bytes = plane.slots(table);
  const codec = plane.layout.codec(TABLE_SLOTS[table]);
  const count = bytes.length / codec.size;
  return Array.from({ length: count }, (_, at) => codec.decode(bytes, at * codec.size) as unknown as Slot);
}

/** What is remembered of endpoints that left: moved VMs and retired members, both by endpoint index. */
const remembered = (plane: Plane) => ({
  moves: [...slots(plane, "moved4"), ...slots(plane, "moved6")].map(({ endpoint }) => endpoint),
  members: slots(plane, "members")
    .filter(({ until }) => until !== 0)
    .map(({ endpoint }) => endpoint),
});
const NOTHING = { moves: [], members: [] };

/** Makes everything that is remembered as old as the machine. */
function age(plane: Plane): void {
  for (const table of ["moved4", "moved6", "members"] as const) {
    const bytes = plane.slots(table);
    const codec = plane.layout.codec(TABLE_SLOTS[table]);
    for (let at = 0; at < bytes.length; at += codec.size) {
      const row = codec.decode(bytes, at) as unknown as Slot;
      if (row.until !== 0) codec.encode({ ...row, until: 1 } as never, bytes, at);
    }
    plane.table(table).changeAll({ puts: bytes, deletes: new Uint8Array() });
  }
}

describe.each([
  ["IPv4", "172.16.0.1", "moved4"],
  ["IPv6", "2001:db8:16::1", "moved6"],
] as const)("an %s VM that moves", (_, address, moved) => {
  const acmeOn = (server: string, extra: Sketch = {}): Sketch => ({
    servers: { s1: 11, s2: 12 },
    tenants: { acme: { vni: 100, vms: { [address]: server } } },
    ...extra,
  });

  test("may be spoken for by the server it left for about 5 s, which is forgotten later", () => {
    using pins = newPins();
    using plane = load(pins);
    applyState(plane, state(acmeOn("s1")));
    expect(remembered(plane)).toEqual(NOTHING);
    applyState(plane, state(acmeOn("s2")));
    const { indexes } = observe(plane);
    const s1 = indexes.endpoint.get("s1") as number;
    expect(remembered(plane)).toEqual({ moves: [s1], members: [s1] });
    const now = Number(monotonicNs() >> 30n);
    for (const table of [moved, "members"] as const) {
      const [row] = slots(plane, table).filter(({ until }) => until !== 0);
      expect(row?.until).toBeGreaterThanOrEqual(now + 5);
      expect(row?.until).toBeLessThanOrEqual(now + 7);
    }
    // It is no part of the state, and nothing to write.
    expectHolds(plane, state(acmeOn("s2")));
    expect(applyState(plane, state(acmeOn("s2"))).rows).toBe(0);
    expect(remembered(plane)).toEqual({ moves: [s1], members: [s1] });

    age(plane);
    expect(applyState(plane, state(acmeOn("s2"))).rows).toBe(0);
    expect(remembered(plane)).toEqual(NOTHING);
    expectHolds(plane, state(acmeOn("s2")));
  });

  test("back and forth is a member again, for good", () => {
    using pins = newPins();
    using plane = load(pins);
    for (const server of ["s1", "s2", "s1"]) applyState(plane, state(acmeOn(server)));
    expectHolds(plane, state(acmeOn("s1")));
    const { indexes } = observe(plane);
    expect(remembered(plane)).toEqual({
      moves: [indexes.endpoint.get("s2")],
      members: [indexes.endpoint.get("s2")],
    });
  });

  test("from a server that goes is remembered for nobody: its index may be another's soon", () => {
    using pins = newPins();
    using plane = load(pins);
    applyState(plane, state(acmeOn("s1")));
    const s1 = observe(plane).indexes.endpoint.get("s1");
    const without = (servers: Record<string, number>): Sketch => acmeOn("s2", { servers });
    applyState(plane, state(without({ s2: 12 })));
    expect(remembered(plane)).toEqual(NOTHING);
    // s3 takes the index of s1, and has no business in acme's network.
    applyState(plane, state(without({ s2: 12, s3: 13 })));
    expect(observe(plane).indexes.endpoint.get("s3")).toBe(s1);
    expect(slots(plane, "members").map(({ endpoint }) => endpoint)).not.toContain(s1);
    expect(remembered(plane)).toEqual(NOTHING);
  });

  test("and a server that goes a little later are forgotten together", () => {
    using pins = newPins();
    using plane = load(pins);
    applyState(plane, state(acmeOn("s1")));
    applyState(plane, state(acmeOn("s2")));
    applyState(plane, state(acmeOn("s2", { servers: { s2: 12 } })));
    expect(remembered(plane)).toEqual(NOTHING);
  });
});

describe("a tenant that goes, or gets another VNI", () => {
  test("leaves nothing that its endpoints may still do in the old one", () => {
    using pins = newPins();
    using plane = load(pins);
    const servers = { s1: 11, s2: 12 };
    const acme = (vni: number, server: string) => ({ acme: { vni, vms: { "172.16.0.1": server } } });
    applyState(plane, state({ servers, tenants: acme(100, "s1") }));
    applyState(plane, state({ servers, tenants: acme(100, "s2") }));
    applyState(plane, state({ servers, tenants: acme(101, "s2") }));
    expect(remembered(plane)).toEqual(NOTHING);
    applyState(plane, state({ servers, tenants: acme(101, "s1") }));
    applyState(plane, state({ servers }));
    expect(remembered(plane)).toEqual(NOTHING);
  });
});

/** Which tenants' rows share a VNI: attachments, members and VMs, the last told apart by their MACs. */
function tenantsByNetwork(plane: Plane): ReadonlyMap<number, ReadonlySet<string>> {
  const names = new Map([...observe(plane).indexes.tenant].map(([name, index]) => [index, name]));
  const marks = new Map([
    [1, "acme"],
    [2, "initech"],
  ]);
  const found = new Map<number, Set<string>>();
  const add = (vni: Uint8Array, tenant: string | undefined) => {
    const number = Buffer.from(vni).readUIntBE(0, 3);
    found.set(number, (found.get(number) ?? new Set()).add(tenant ?? "nobody"));
  };
  for (const table of ["attachments", "members"] as const)
    for (const { vni, tenant } of slots(plane, table)) add(vni, names.get(tenant));
  for (const { vni, mac } of slots(plane, "vms4")) add(vni, marks.get(mac[1] as number));
  return found;
}

describe("a VNI that changes hands", () => {
  const vms = { "172.16.0.1": "s1", "172.16.0.2": "s2" };
  const routes = { "0.0.0.0/0": ["gw"] };
  const base = { servers: { s1: 11, s2: 12 }, gateways: { gw: 19 } };
  const acme = (vni: number) => ({ vni, vms, routes, circuits: { hq: "dm0" }, mark: 1 });
  const initech = (vni: number) => ({ vni, vms, routes, circuits: { hq: "dm1" }, mark: 2 });

  test.each([
    ["by a swap", { acme: acme(1), initech: initech(2) }, { acme: acme(2), initech: initech(1) }],
    ["to a tenant that is new", { acme: acme(1) }, { initech: initech(1) }],
    ["to a tenant that had another", { acme: acme(1), initech: initech(2) }, { acme: acme(3), initech: initech(1) }],
  ])("%s never has rows of two tenants, between any two writes", (_, before, after) => {
    const [a, b] = [state({ ...base, tenants: before }), state({ ...base, tenants: after })];
    using pins = newPins();
    using plane = load(pins);
    applyState(plane, a);
    let writes = 0;
    const hands = watched(plane, (write) => {
      writes = write;
      for (const [vni, owners] of tenantsByNetwork(plane))
        expect([...owners], `VNI ${vni} before write ${write}`).toHaveLength(1);
    });
    applyState(plane, b, hands);
    expect(writes).toBeGreaterThan(10);
    expectHolds(plane, b);
  });
});
