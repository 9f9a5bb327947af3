// Objects under keys: what is taken, what is kept out and why, and how the model follows.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseIpv4, parseIpv6, parseMac } from "../../src/address/index.ts";
import type { KeptOut } from "../../src/document/index.ts";
import { KeyedObjects } from "../../src/document/index.ts";
import type { Edge, Model } from "../../src/model/index.ts";

const PREFIX = "/unum/v1/";
const EDGE: Edge = Object.freeze({
  address: parseIpv4("192.0.2.1"),
  address6: parseIpv6("2001:db8:ffff::1"),
  mac: parseMac("02:00:00:00:00:01"),
  interfaces: [{ name: "e0", role: "access", mode: "native" } as const],
  vmCapacity: 1024,
  vm6Capacity: 1024,
});
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Values by key without the prefix; a text is taken as it is. */
type Objects = Readonly<Record<string, unknown>>;

function put(store: KeyedObjects, objects: Objects): void {
  for (const [key, value] of Object.entries(objects)) {
    store.put(bytes(PREFIX + key), bytes(typeof value === "string" ? value : JSON.stringify(value)));
  }
}

function remove(store: KeyedObjects, ...keys: readonly string[]): void {
  for (const key of keys) store.delete(bytes(PREFIX + key));
}

function storeOf(objects: Objects, known?: Model): KeyedObjects {
  const store = new KeyedObjects({ prefix: PREFIX, ...(known && { known }) });
  put(store, objects);
  return store;
}

const plainOf = (model: Model): unknown => ({
  ...model,
  tenants: new Map(
    [...model.tenants].map(([name, tenant]) => [
      name,
      { ...tenant, vms: new Map([...tenant.vms].sort(([a], [b]) => (a < b ? -1 : 1))) },
    ]),
  ),
});

const lines = (keptOut: readonly KeptOut[]): string[] =>
  keptOut.map(({ key, message }) => `${key.slice(PREFIX.length)}: ${message}`);

const MAC = "02:00:00:00:00:05";
const BASE: Objects = {
  "profiles/far": { encapsulation: "geneve" },
  "servers/s1": { address: "10.0.0.1" },
  "servers/s2": { address: "10.0.0.2", profile: "far", standby: "s1" },
  "gateways/gw1": { address: "10.0.0.9", mac: MAC },
  "tenants/acme": { vni: 1 },
  "tenants/acme/circuits/hq": { interface: "e0", vlan: 7, address: "172.31.0.1/24", peer: "172.31.0.2" },
  "tenants/acme/routes/10.1.0.0_16": { circuit: "hq" },
  "tenants/acme/routes/0.0.0.0_0": { via: ["gw1"] },
  "tenants/acme/vms/172.16.0.5": { server: "s1", mac: MAC },
  "tenants/acme/vms/2001:db8::5": { server: "s2", mac: MAC, policy: "direct-only" },
};

test("takes every kind of object", () => {
  const store = storeOf(BASE);
  expect(store.size).toBe(10);
  const { model, keptOut, keptOutCount } = store.build(EDGE);
  expect(lines(keptOut)).toEqual([]);
  expect(keptOutCount).toBe(0);
  expect([...model.profiles.keys()]).toEqual(["far", "default"]);
  expect([...model.servers.keys()]).toEqual(["s1", "s2"]);
  const acme = model.tenants.get("acme");
  expect(acme?.routes.get("10.1.0.0/16" as never)).toEqual({ kind: "circuit", circuit: "hq" });
  expect(new Map(acme?.vms)).toEqual(
    new Map([
      ["172.16.0.5", { server: "s1", mac: MAC }],
      ["2001:db8::5", { server: "s2", mac: MAC, policy: "direct-only" }],
    ]),
  );
});

const VM = "tenants/acme/vms/172.16.0.6";
/** Objects that are put over BASE, and the lines of what is kept out; those of the key itself have only their message. */
const BAD: readonly (readonly [name: string, objects: Objects, message: string | RegExp])[] = [
  ["an empty value", { "servers/s3": "" }, "the value is empty, expected JSON"],
  ["no JSON", { "servers/s3": "address: 10.0.0.3" }, /^it is not JSON: character 1/],
  ["a text behind it", { "servers/s3": '{"address":"10.0.0.3"} x' }, /^it is not JSON: character 24: "x" given/],
  ["an unfinished map", { "servers/s3": '{"address":"10.0.0.3"' }, /^it is not JSON: character 22: the end given/],
  ["equal keys", { "servers/s3": '{"address":"10.0.0.3","address":"10.0.0.4"}' }, /"address" is there already/],
  ["a comment", { "servers/s3": "// x\n{}" }, /^it is not JSON/],
  ["single quotes", { "servers/s3": "{'address':1}" }, /^it is not JSON: character 2/],
  ["a comma too many", { "servers/s3": '{"address":"10.0.0.3",}' }, /^it is not JSON: character 23/],
  ["a control character", { "servers/s3": '{"address":"10.\n0.0.3"}' }, /control character/],
  ["deep nesting", { "servers/s3": `${"[".repeat(5000)}` }, /nests deeper than 32 levels/],
  [
    "a huge value",
    { "servers/s3": `"${"x".repeat(1 << 20)}"` },
    "the value has 1048578 bytes, expected at most 1048576",
  ],
  ["a list", { "servers/s3": [] }, /^a list given, expected a map with address/],
  ["a text", { "servers/s3": '"x"' }, /^"x" given, expected a map with address/],
  ["no address", { "servers/s3": {} }, "address: missing, expected an IPv4 or IPv6 address"],
  [
    "a wrong address",
    { "servers/s3": { address: "10.0.0.256" } },
    /^address: "10.0.0.256" is not an IPv4 or IPv6 address/,
  ],
  [
    "an unknown field",
    { "servers/s3": { address: "10.0.0.3", adress: 1 } },
    /^adress: "adress" is no key of this server/,
  ],
  ["__proto__ as a field", { "servers/s3": '{"address":"10.0.0.3","__proto__":1}' }, /"__proto__" is no key/],
  ["multicast", { "servers/s3": { address: "224.0.0.1" } }, /^address: 224.0.0.1 is a multicast address/],
  [
    "a group MAC",
    { "servers/s3": { address: "10.0.0.3", mac: "01:00:00:00:00:01" } },
    /^mac: 01:.* is a group address/,
  ],
  ["a cycle of one", { "servers/s3": { address: "10.0.0.3", standby: "s3" } }, /^standby: a server cannot be its own/],
  ["no standby", { "servers/s3": { address: "10.0.0.3", standby: "nobody" } }, /^standby: no server is named "nobody"/],
  ["a gateway as standby", { "servers/s3": { address: "10.0.0.3", standby: "gw1" } }, /^standby: "gw1" is a gateway/],
  [
    "no profile",
    { "servers/s3": { address: "10.0.0.3", profile: "fat" } },
    'profile: no profile is named "fat", did you mean "far"?',
  ],
  [
    "a taken address",
    { "servers/s3": { address: "10.0.0.1" } },
    /^address: 10.0.0.1 is already the address of server s1/,
  ],
  ["the edge's address", { "servers/s3": { address: "192.0.2.1" } }, /^address: 192.0.2.1 is the edge's own address/],
  [
    "a server's name",
    { "gateways/s1": { address: "10.0.0.8", mac: MAC } },
    'a server is named "s1" too, expected a name of its own',
  ],
  ["a gateway without MAC", { "gateways/gw2": { address: "10.0.0.8" } }, "mac: missing, expected a MAC address"],
  ["a profile's port", { "profiles/p": { port: 70000 } }, "port: 70000 is out of range, expected 1 to 65535"],
  [
    "a number beyond 2^53",
    { "profiles/p": '{"port":9007199254740993}' },
    /^port: the number 9007199254740993 is not written plainly/,
  ],
  ["a fraction", { "profiles/p": '{"port":1.5}' }, /^port: the number 1.5 given, expected a UDP port/],
  ["an exponent", { "profiles/p": '{"port":1e3}' }, /^port: the number 1e3 is not written plainly/],
  ["a port of nvgre", { "profiles/p": { encapsulation: "nvgre", port: 1 } }, /^port: nvgre has no UDP port/],
  [
    "a wrong choice",
    { "profiles/p": { encapsulation: "vxlen" } },
    /^encapsulation: "vxlen" given, .*did you mean "vxlan"\?/,
  ],
  ["no VNI", { "tenants/t": {} }, "vni: missing, expected a VNI"],
  ["VNI 0", { "tenants/t": { vni: 0 } }, "vni: 0 is out of range, expected 1 to 16777215"],
  ["a taken VNI", { "tenants/t": { vni: 1 } }, "vni: 1 is already the VNI of tenant acme"],
  [
    "circuits within",
    { "tenants/t": { vni: 2, circuits: {} } },
    "circuits: circuits have keys of their own, expected tenants/t/circuits/…",
  ],
  ["VMs within", { "tenants/t": { vni: 2, vms: {} } }, /^vms: vms have keys of their own/],
  [
    "a missing endpoint",
    { "tenants/t": { vni: 2, servers: ["s9x"] } },
    /^servers: no server or gateway is named "s9x"/,
  ],
  [
    "a code point",
    { "tenants/t": { vni: 2, dscpPolicy: { 64: "direct-only" } } },
    /^dscpPolicy.*no code point, expected 0 to 63/,
  ],
  [
    "a circuit without ends",
    { "tenants/acme/circuits/c": { interface: "e0", vlan: 9 } },
    /^address: missing, expected address and peer/,
  ],
  [
    "a circuit's interface",
    { "tenants/acme/circuits/c": { interface: "e7", vlan: 9, address: "172.30.0.1/24", peer: "172.30.0.2" } },
    /^interface: no interface of the edge is named "e7"/,
  ],
  [
    "a circuit's VLAN",
    { "tenants/acme/circuits/z": { interface: "e0", vlan: 7, address: "172.30.0.1/24", peer: "172.30.0.2" } },
    /^vlan: interface e0 already has circuit acme\/hq with VLAN 7/,
  ],
  [
    "a route with both",
    { "tenants/acme/routes/10.2.0.0_16": { via: ["s1"], circuit: "hq" } },
    /^circuit: the route has via too/,
  ],
  [
    "a route with neither",
    { "tenants/acme/routes/10.2.0.0_16": {} },
    "via or circuit is missing, expected one of them",
  ],
  [
    "a route via nobody",
    { "tenants/acme/routes/10.2.0.0_16": { via: ["s9x"] } },
    /^via: no server or gateway is named "s9x"/,
  ],
  ["a route via nothing", { "tenants/acme/routes/10.2.0.0_16": { via: [] } }, /^via: the list is empty/],
  [
    "a route to no circuit",
    { "tenants/acme/routes/10.2.0.0_16": { circuit: "hw" } },
    'circuit: tenant acme has no circuit named "hw", did you mean "hq"?',
  ],
  [
    "a route with its prefix",
    { "tenants/acme/routes/10.2.0.0_16": { prefix: "10.2.0.0/16", via: ["s1"] } },
    /^prefix: "prefix" is no key of this route/,
  ],
  [
    "a loopback route",
    { "tenants/acme/routes/127.0.0.0_8": { via: ["s1"] } },
    /^127.0.0.0\/8 has only loopback addresses/,
  ],
  ["a prefix with host bits", { "tenants/acme/routes/10.2.0.1_16": { via: ["s1"] } }, /10\.2\.0\.1\/16/],
  [
    "a prefix with a slash",
    { "tenants/acme/routes/10.2.0.0/16": { via: ["s1"] } },
    /is not a prefix with _ for its \/, expected such as 10.2.0.0_16/,
  ],
  ["no prefix", { "tenants/acme/routes/x_y": { via: ["s1"] } }, /"x\/y" is not an IPv4 or IPv6 prefix/],
  ["a VM without server", { [VM]: { mac: MAC } }, "server: missing, expected the name of a server"],
  ["a VM without MAC", { [VM]: { server: "s1" } }, "mac: missing, expected a MAC address"],
  [
    "a VM with its address",
    { [VM]: { server: "s1", mac: MAC, address: "172.16.0.6" } },
    /^address: "address" is no key of this vm/,
  ],
  ["a VM's policy", { [VM]: { server: "s1", mac: MAC, policy: "direct" } }, /^policy: "direct" given/],
  ["a VM with equal keys", { [VM]: `{"server":"s1","server":"s2","mac":"${MAC}"}` }, /"server" is there already/],
  ["a VM's group MAC", { [VM]: { server: "s1", mac: "03:00:00:00:00:01" } }, /^mac: 03:.* is a group address/],
  [
    "a VM at a circuit's address",
    { "tenants/acme/vms/172.31.0.2": { server: "s1", mac: MAC } },
    /^172.31.0.2 is the peer of circuit hq/,
  ],
  ["a multicast VM", { "tenants/acme/vms/224.0.0.5": { server: "s1", mac: MAC } }, /^224.0.0.5 is a multicast address/],
  ["no address", { "tenants/acme/vms/x": { server: "s1", mac: MAC } }, /^"x" is not an IPv4 or IPv6 address/],
  [
    "an address in another form",
    { "tenants/acme/vms/2001:DB8::6": { server: "s1", mac: MAC } },
    '"2001:DB8::6" has another form, expected 2001:db8::6',
  ],
  ["an address with zeros", { "tenants/acme/vms/172.016.0.6": { server: "s1", mac: MAC } }, /"172.016.0.6"/],
  ["a VM too deep", { [`${VM}/x`]: { server: "s1", mac: MAC } }, "it has more parts than tenants/NAME/vms/ADDRESS"],
  ["a VM without address", { "tenants/acme/vms/": { server: "s1", mac: MAC } }, /^"" is not an IPv4 or IPv6 address/],
  ["a server too deep", { "servers/a/b": { address: "10.0.0.3" } }, "it has more parts than servers/NAME"],
  ["an unknown section", { "server/s3": { address: "10.0.0.3" } }, '"server" is no section, did you mean "servers"?'],
  ["no section", { "": {} }, /^"" is no section/],
  ["__proto__ as a section", { "__proto__/x": {} }, /^"__proto__" is no section/],
  ["constructor as a section", { "constructor/x": {} }, /^"constructor" is no section/],
  ["__proto__ as a name", { "servers/__proto__": { address: "10.0.0.3" } }, /^"__proto__" is no name/],
  ["no name", { "servers/": { address: "10.0.0.3" } }, /^"" is no name/],
  ["a long name", { [`servers/${"s".repeat(64)}`]: { address: "10.0.0.3" } }, /is no name, expected a name of 1 to 63/],
  ["a tenant's unknown section", { "tenants/acme/vmz/x": {} }, '"vmz" is no section of a tenant, did you mean "vms"?'],
  ["the edge", { edge: {} }, "an edge is described in a file of its own, expected no key"],
];

describe("keeps out", () => {
  const base = plainOf(storeOf(BASE).build(EDGE).model);

  test.each(BAD)("%s", (_, objects, expected) => {
    const store = storeOf({ ...BASE, ...objects });
    const { model, keptOut, keptOutCount } = store.build(EDGE);
    expect(keptOut.map(({ key }) => key)).toEqual([expect.stringContaining(PREFIX)]);
    const [only] = keptOut as [KeptOut];
    const [key] = Object.keys(objects) as [string];
    expect(only.key).toBe(PREFIX + key);
    if (typeof expected === "string") expect(only.message).toBe(expected);
    else expect(only.message).toMatch(expected);
    expect(keptOutCount).toBe(1);
    expect(plainOf(model)).toEqual(base);
    expect(store.size).toBe(11);
    remove(store, key);
    expect(store.size).toBe(10);
    expect(store.keptOutCount).toBe(0);
  });

  test("what is not UTF-8", () => {
    const store = storeOf(BASE);
    store.put(bytes(`${PREFIX}servers/s3`), Uint8Array.of(0x22, 0xff, 0x22));
    store.put(Buffer.concat([bytes(`${PREFIX}servers/`), Uint8Array.of(0xff)]), bytes("{}"));
    const { keptOut, model } = store.build(EDGE);
    expect(lines(keptOut)).toEqual([
      expect.stringMatching(/^servers\/\\xff: .* is no name/),
      "servers/s3: the value is not UTF-8, expected JSON",
    ]);
    expect(plainOf(model)).toEqual(base);
  });

  test("names of JavaScript's own are names", () => {
    const store = storeOf({ ...BASE, "servers/constructor": { address: "10.0.0.3" }, "tenants/toString": { vni: 9 } });
    const { model, keptOut } = store.build(EDGE);
    expect(lines(keptOut)).toEqual([]);
    expect(model.servers.has("constructor") && model.tenants.has("toString")).toBe(true);
  });
});

describe("what refers to an object that is kept out", () => {
  test("goes with it", () => {
    const store = storeOf({ ...BASE, "profiles/far": { port: 0 } });
    const { model, keptOut, keptOutCount } = store.build(EDGE);
    expect(lines(keptOut)).toEqual([
      "profiles/far: port: 0 is out of range, expected 1 to 65535",
      "servers/s2: profile: profile far is kept out",
      "tenants/acme/vms/: server s2 is kept out; the VM 2001:db8::5 on it is kept out with it",
    ]);
    expect(keptOutCount).toBe(3);
    expect([...(model.tenants.get("acme")?.vms.keys() ?? [])]).toEqual(["172.16.0.5"]);
  });

  test("a tenant's objects are one line", () => {
    const store = storeOf({ ...BASE, "tenants/acme": { vni: 0 } });
    const { model, keptOut, keptOutCount } = store.build(EDGE);
    expect(lines(keptOut)).toEqual([
      "tenants/acme: vni: 0 is out of range, expected 1 to 16777215; with it 1 circuit, 2 routes and 2 VMs are kept out",
    ]);
    expect(keptOutCount).toBe(6);
    expect(model.tenants.size).toBe(0);
  });

  test("a server with many VMs is one line", () => {
    const many = Object.fromEntries(
      Array.from({ length: 1000 }, (_, n) => [
        `tenants/acme/vms/172.17.${n >> 8}.${n & 255}`,
        { server: "s3", mac: MAC },
      ]),
    );
    const store = storeOf({ ...BASE, ...many });
    const { keptOut, keptOutCount, model } = store.build(EDGE);
    expect(keptOutCount).toBe(1000);
    expect(lines(keptOut)).toEqual([
      expect.stringMatching(
        /^tenants\/acme\/vms\/: no server is named "s3".*; 1000 VMs on it are kept out with it, such as 172.17.0.0, 172.17.0.1, 172.17.0.2$/,
      ),
    ]);
    expect(model.tenants.get("acme")?.vms.size).toBe(2);
  });
});

describe("the last good value stays", () => {
  const broken = {
    "servers/s1": "{",
    "tenants/acme": { vni: "x" },
    "tenants/acme/circuits/hq": "null",
    "tenants/acme/vms/172.16.0.5": { server: 5, mac: 7 },
  };
  const base = plainOf(storeOf(BASE).build(EDGE).model);

  test("in a store that had it", () => {
    const store = storeOf(BASE);
    store.build(EDGE);
    put(store, broken);
    expect(store.step()).toEqual({ kind: "nothing" });
    expect(store.keptOutCount).toBe(4);
    expect(store.keptOut.every(({ message }) => message.endsWith("; it keeps the value that it had"))).toBe(true);
    expect(plainOf(store.build(EDGE).model)).toEqual(base);
    put(store, BASE);
    expect(store.step()).toEqual({ kind: "nothing" });
    expect(store.keptOutCount).toBe(0);
  });

  test("as the maps show it", () => {
    const known = storeOf(BASE).build(EDGE).model;
    const store = storeOf({ ...BASE, ...broken }, known);
    const { model, keptOutCount } = store.build(EDGE);
    expect(plainOf(model)).toEqual(base);
    expect(keptOutCount).toBe(4);
  });

  test("until it is deleted", () => {
    const store = storeOf({ ...BASE });
    store.build(EDGE);
    remove(store, "tenants/acme/vms/172.16.0.5");
    put(store, { "tenants/acme/vms/172.16.0.5": "{" });
    expect(store.build(EDGE).model.tenants.get("acme")?.vms.size).toBe(1);
  });
});

test("what is wrong with the edge is nobody else's", () => {
  const { address: _, address6: __, ...none } = EDGE;
  const store = storeOf(BASE);
  expect(() => store.build(none)).toThrow(/check the edge: 1 problem\nedge.address: missing/);
  expect(store.step()).toEqual({ kind: "whole" });
  expect(store.build(EDGE).keptOutCount).toBe(0);
});

describe("steps", () => {
  test("name the VMs that changed", () => {
    const store = storeOf(BASE);
    expect(store.step()).toEqual({ kind: "whole" });
    store.build(EDGE);
    expect(store.step()).toEqual({ kind: "nothing" });
    put(store, { "tenants/acme/vms/172.16.0.5": BASE["tenants/acme/vms/172.16.0.5"] });
    expect(store.step()).toEqual({ kind: "nothing" });
    put(store, {
      "tenants/acme/vms/172.16.0.7": { server: "s1", mac: MAC },
      "tenants/acme/vms/172.16.0.5": { server: "s3", mac: MAC },
    });
    put(store, { "tenants/acme/vms/172.16.0.7": { server: "s2", mac: MAC } });
    expect(store.step()).toEqual({
      kind: "vms",
      changes: [
        { tenant: "acme", address: "172.16.0.7", to: { server: "s2", mac: MAC } },
        { tenant: "acme", address: "172.16.0.5", to: undefined },
      ],
    });
    expect(store.keptOutCount).toBe(1);
    remove(store, "tenants/acme/vms/172.16.0.5");
    expect(store.step()).toEqual({ kind: "nothing" });
    expect(store.keptOutCount).toBe(0);
    put(store, { "servers/s3": { address: "10.0.0.3" } });
    expect(store.step()).toEqual({ kind: "whole" });
    expect(store.step()).toEqual({ kind: "whole" });
  });

  test("are whole where the last IPv6 VM goes, or there are more than the edge has room for", () => {
    const store = storeOf(BASE);
    const edge = { ...EDGE, vmCapacityMax: 1024 };
    store.build(edge);
    for (let n = 0; n < 1024; n++) {
      put(store, { [`tenants/acme/vms/172.18.${n >> 8}.${n & 255}`]: { server: "s1", mac: MAC } });
    }
    expect(store.step()).toEqual({ kind: "whole" });
    expect(() => store.build(edge)).toThrow(/1025 VMs do not fit/);
    store.build(EDGE);
    remove(store, "tenants/acme/vms/2001:db8::5");
    expect(store.step()).toEqual({ kind: "whole" });
  });
});

/** Few keys and few values, many of them wrong or at odds with each other. */
const CHOICES: Readonly<Record<string, readonly unknown[]>> = {
  "profiles/far": [{}, { port: 0 }, { mtu: 600 }],
  "profiles/default": [{ encapsulation: "geneve" }, "{"],
  "servers/s1": [
    { address: "10.0.0.1" },
    { address: "10.0.0.1", profile: "far" },
    { address: "10.0.0.1", standby: "s2" },
  ],
  "servers/s2": [{ address: "10.0.0.1" }, { address: "10.0.0.2" }, { address: "10.0.0.2", standby: "s1" }, {}],
  "gateways/s1": [{ address: "10.0.0.9", mac: MAC }],
  "gateways/gw": [{ address: "10.0.0.2", mac: MAC, profile: "far" }],
  "tenants/a": [{ vni: 1 }, { vni: 2, servers: ["s2"] }, { vni: 1, address: "172.16.0.5" }, "[]"],
  "tenants/b": [{ vni: 1 }, { vni: 2 }],
  "tenants/a/circuits/c": [{ interface: "e0", address: "172.16.0.1/24", peer: "172.16.0.6" }],
  "tenants/b/circuits/c": [{ interface: "e0", address: "172.16.0.1/24", peer: "172.16.0.6" }],
  "tenants/a/routes/10.0.0.0_8": [{ circuit: "c" }, { via: ["s1", "gw"] }],
  "tenants/c/routes/::_0": [{ via: ["s1"] }],
  "servers/a/b": [{}],
};
const VM_KEYS = ["a", "b", "c"].flatMap((tenant) =>
  ["172.16.0.5", "172.16.0.6", "172.16.0.7", "2001:db8::1"].map((address) => `tenants/${tenant}/vms/${address}`),
);
const VM_VALUES: readonly unknown[] = [
  { server: "s1", mac: MAC },
  { server: "s2", mac: MAC, policy: "gateway-only" },
  { server: "s3", mac: MAC },
  { server: "s1" },
];
const vmPut = fc.tuple(fc.constantFrom(...VM_KEYS), fc.constantFrom(...VM_VALUES));
const objectPut = fc
  .constantFrom(...Object.keys(CHOICES))
  .chain((key) => fc.tuple(fc.constant(key), fc.constantFrom(...(CHOICES[key] as readonly unknown[]))));
const anyPut = fc.oneof(vmPut, objectPut);

const comparable = ({ model, ...rest }: ReturnType<KeyedObjects["build"]>): unknown => ({
  ...rest,
  model: plainOf(model),
});

test("the order in which objects come makes no difference", () => {
  const objects = fc.uniqueArray(anyPut, { selector: ([key]) => key, maxLength: 25 });
  fc.assert(
    fc.property(
      objects.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
      ([list, shuffled]) => {
        const [a, b] = [storeOf(Object.fromEntries(list)), storeOf({})];
        for (const [key, value] of shuffled) put(b, { [key]: value });
        expect(a.sameAs(b)).toBe(true);
        expect(comparable(b.build(EDGE))).toEqual(comparable(a.build(EDGE)));
        expect(a.size).toBe(list.length);
      },
    ),
    { numRuns: 300 },
  );
});

test("steps lead where building leads", () => {
  const change = fc.oneof(
    { weight: 6, arbitrary: vmPut },
    { weight: 2, arbitrary: fc.constantFrom(...VM_KEYS).map((key) => [key, undefined] as const) },
    { weight: 1, arbitrary: objectPut },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(CHOICES)).map((key) => [key, undefined] as const) },
  );
  const batches = fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 12 });
  const vmsOf = (model: Model): Map<string, unknown> =>
    new Map([...model.tenants].flatMap(([tenant, { vms }]) => [...vms].map(([at, vm]) => [`${tenant} ${at}`, vm])));
  fc.assert(
    fc.property(batches, (list) => {
      const store = storeOf(BASE_OF_CHOICES);
      let model = store.build(EDGE).model;
      let vms = vmsOf(model);
      for (const batch of list) {
        for (const [key, value] of batch) {
          if (value === undefined) remove(store, key);
          else put(store, { [key]: value });
        }
        const step = store.step();
        const keptOut = [store.keptOut, store.keptOutCount];
        if (step.kind === "vms") {
          for (const { tenant, address, to } of step.changes) {
            if (to === undefined) vms.delete(`${tenant} ${address}`);
            else vms.set(`${tenant} ${address}`, to);
          }
        }
        const built = store.build(EDGE);
        if (step.kind !== "whole") {
          expect(vmsOf(built.model)).toEqual(vms);
          expect([built.keptOut, built.keptOutCount]).toEqual(keptOut);
          const without = (each: Model): unknown => ({
            ...each,
            tenants: [...each.tenants].map(([name, tenant]) => [name, { ...tenant, vms: undefined }]),
          });
          expect(without(built.model)).toEqual(without(model));
        }
        model = built.model;
        vms = vmsOf(model);
      }
    }),
    { numRuns: 300 },
  );
});

const BASE_OF_CHOICES: Objects = Object.fromEntries(Object.entries(CHOICES).map(([key, [value]]) => [key, value]));

test("a snapshot stays as it was", () => {
  const store = storeOf(BASE);
  const { model } = store.build(EDGE);
  const before = plainOf(model);
  put(store, { "tenants/acme/vms/172.16.0.5": { server: "s2", mac: MAC } });
  remove(store, "tenants/acme/vms/2001:db8::5", "servers/s1");
  expect(plainOf(model)).toEqual(before);
});
