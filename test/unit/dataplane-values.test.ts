// Values in rows that no model has: they follow from several of its fields, so a way back cannot show that they are right.

import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { macFromBytes } from "../../src/address/index.ts";
import type { Interface, State } from "../../src/control/state.ts";
import { compileRows } from "../../src/dataplane/compile.ts";
import { allocateIndexes, NO_INDEXES } from "../../src/dataplane/indexes.ts";
import type { StructName } from "../../src/dataplane/layout.ts";
import { limitWord } from "../../src/dataplane/limits.ts";
import { readLayout } from "../../src/dataplane/programs.ts";
import type { Entries } from "../../src/dataplane/rows.ts";
import { slotOf } from "../../src/dataplane/slots.ts";
import { parseModel } from "../../src/document/index.ts";

const layout = readLayout(join(import.meta.dirname, "../../build/bpf/unum.bpf.o"));
const ENTRIES = { profile: 1024, endpoint: 16384, tenant: 16384, circuit: 16384 };

function interfaces(transmit: Interface["transmit"]): ReadonlyMap<string, Interface> {
  const mac = macFromBytes(Uint8Array.of(2, 0, 0, 0, 1, 1));
  return new Map([["e0", { ifindex: 10, mac, mtuBytes: 1500, transmit }]]);
}

function rowsOf(text: string, transmit: Interface["transmit"] = "direct") {
  const { model } = parseModel(text, "test");
  const state: State = { model, interfaces: interfaces(transmit), nextHops: new Map() };
  const indexes = allocateIndexes(model, NO_INDEXES, ENTRIES);
  return compileRows(layout, { state, indexes, endpointStates: new Map(), groups: new Map(), groupEntries: 16384 });
}

const decoded = (struct: StructName, entries: Entries) =>
  [...entries].map(([key, value]) => layout.decode(struct, slotOf(key, value)) as unknown as Record<string, unknown>);

/** Of an address with all of its eight groups. */
function words(address: string): number[] {
  const groups = address.split(":").map((group) => Number.parseInt(group, 16));
  return [0, 2, 4, 6].map((at) => (groups[at] as number) * 65536 + (groups[at + 1] as number));
}

const TWO_FAMILIES = `
version: 1
edge: {address: 10.2.0.1, address6: "2001:db8:2:0:0:0:0:1", interfaces: [{name: e0, role: both}]}
profiles:
  vx: {encapsulation: vxlan}
  gn: {encapsulation: geneve}
  nv: {encapsulation: nvgre}
servers:
  s1: {address: 10.2.0.2, profile: vx}
  s2: {address: "2001:db8:2:0:0:0:0:2", profile: gn}
  s3: {address: 10.2.0.3, profile: nv}
  s4: {address: "2001:db8:2:0:0:0:0:4", profile: nv}
`;

describe("services and sources", () => {
  const rows = rowsOf(TWO_FAMILIES);

  test("of IPv4 have a port, or the protocol without one", () => {
    const services = decoded("service4_slot", rows.services4);
    expect(services.map(({ protocol, port }) => [protocol, port])).toEqual([
      [17, 4789],
      [47, 0],
    ]);
    const sources = decoded("source4_slot", rows.sources4);
    expect(sources.map(({ remote, local, port }) => [remote, local, port])).toEqual([
      [0x0a020002, 0x0a020001, 4789],
      [0x0a020003, 0x0a020001, 0],
    ]);
  });

  test("of IPv6 have an entry for the address, and all its entries one tag, by which sources know it", () => {
    const services = decoded("service6_slot", rows.services6);
    expect(services.map(({ protocol, port }) => [protocol, port]).sort()).toEqual([
      [0, 0],
      [17, 6081],
      [47, 0],
    ]);
    const local = words("2001:db8:2:0:0:0:0:1");
    for (const service of services) expect(service.local).toEqual(local);
    const tags = new Set(services.map(({ tag }) => tag));
    expect(tags.size).toBe(1);
    expect(tags).not.toContain(0);
    const sources = decoded("source6_slot", rows.sources6);
    expect(sources.map(({ remote }) => remote)).toEqual([words("2001:db8:2:0:0:0:0:2"), words("2001:db8:2:0:0:0:0:4")]);
    for (const source of sources) expect(tags).toContain(source.local_tag);
  });

  test("of another own address have another tag", () => {
    const tagOf = (text: string) => decoded("service6_slot", rowsOf(text).services6)[0]?.tag;
    expect(tagOf(TWO_FAMILIES)).not.toBe(tagOf(TWO_FAMILIES.replaceAll("2:0:0:0:0:1", "2:0:0:0:0:f1")));
  });

  test("of an own address without tunnels are that address alone", () => {
    const alone = rowsOf('{version: 1, edge: {address6: "2001:db8::1"}}');
    expect(decoded("service6_slot", alone.services6).map(({ protocol, port }) => [protocol, port])).toEqual([[0, 0]]);
    expect(alone.services4.size).toBe(0);
  });
});

describe("the MTU of a circuit", () => {
  const mtuOf = (tags: string, transmit: Interface["transmit"]) => {
    const text = `
version: 1
edge: {address: 10.2.0.1, interfaces: [{name: e0, role: both}]}
tenants: {acme: {vni: 1, circuits: {hq: {interface: e0, ${tags} address: 10.1.0.1/24, peer: 10.1.0.2}}}}`;
    const [row] = rowsOf(text, transmit).circuits.values();
    return (layout.decode("circuit_record", row?.record as Uint8Array) as unknown as { mtu: number }).mtu;
  };

  test.each([
    ["", 1500, 1500],
    ["vlan: 5,", 1500, 1496],
    ["vlan: 5, innerVlan: 6,", 1496, 1492],
  ])("with %j is what the driver lets through: %i, of a veth %i", (tags, physical, veth) => {
    expect(mtuOf(tags, "direct")).toBe(physical);
    expect(mtuOf(tags, "redirect")).toBe(veth);
  });
});

describe("a rate limit", () => {
  /** Bits per second and bytes that the word allows. */
  const allowed = (bitsPerSecond: number, burstBytes: number) => {
    const word = layout.decode("rate_limit", limitWord(layout, { bitsPerSecond, burstBytes })) as unknown as {
      cost: number;
      burst_us: number;
    };
    const nsOfByte = word.cost / 2 ** layout.number("rate_limit_scale", "RATE_LIMIT_SHIFT");
    return { bitsPerSecond: 8e9 / nsOfByte, burstBytes: (word.burst_us * 1000) / nsOfByte };
  };

  test.each([
    [64_000, 1500],
    [1_000_000, 65_536],
    [1_234_567_891, 1_000_000],
    [400_000_000_000, 1500],
    [400_000_000_000, 200_000_000_000],
    [64_000, 32_000],
  ])("of %i bit/s with %i bytes is kept to a part in four hundred, and lets the burst pass whole", (rate, burst) => {
    const { bitsPerSecond, burstBytes } = allowed(rate, burst);
    expect(Math.abs(bitsPerSecond / rate - 1)).toBeLessThan(1 / 400);
    expect(burstBytes).toBeGreaterThan(burst * (1 - 1 / 400));
  });
});

test("a tenant's own addresses are host routes of their own kind", () => {
  const rows = rowsOf(`
version: 1
edge: {address: 10.2.0.1}
tenants: {acme: {vni: 7, address: 172.16.255.254, address6: "2001:db8:16:0:0:0:0:fe"}}`);
  const [[key4, value4]] = [...rows.routes4] as [[string, Uint8Array]];
  const [[key6, value6]] = [...rows.routes6] as [[string, Uint8Array]];
  const self = layout.number("route_kind", "ROUTE_KIND_SELF");
  for (const value of [value4, value6]) expect(layout.decode("route", value)).toMatchObject({ kind: self });
  expect(layout.decode("route4_key", Buffer.from(key4, "hex"))).toMatchObject({
    prefix_length: 64,
    address: 0xac10fffe,
  });
  expect(layout.decode("route6_key", Buffer.from(key6, "hex"))).toMatchObject({
    prefix_length: 160,
    address: words("2001:db8:16:0:0:0:0:fe"),
  });
});
