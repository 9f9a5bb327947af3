// A table of bad objects. Each is put beside good ones, is the only one that is kept out, and is told in these words.

import { describe, expect, test } from "vitest";
import { DocumentError } from "../../src/document/index.ts";
import type { Value } from "../support/keyed.ts";
import { bytes, EDGE, GOOD, keyBytes, MAC, PREFIX, put, remove, storeOf, valueBytes } from "../support/keyed.ts";

type Row = readonly [name: string, key: string, value: Value, message: string | RegExp];

const vm = (value: object = {}): object => ({ server: "s1", mac: MAC, ...value });
const server = (value: object): object => ({ address: "10.2.0.50", ...value });
const circuit = (value: object): object => ({
  interface: "e0",
  vlan: 9,
  address: "10.9.0.1/24",
  peer: "10.9.0.2",
  ...value,
});

const keys: Row[] = [
  ["nothing", "", {}, '"" is no section, expected profiles, servers, gateways or tenants'],
  ["an unknown section", "server/s9", server({}), '"server" is no section, did you mean "servers"?'],
  ["another unknown section", "leases/1", {}, '"leases" is no section, expected profiles, servers'],
  ["the edge", "edge", {}, "an edge is described in a file of its own"],
  ["the version", "version", 1 as unknown as object, "the version is part of the prefix"],
  ["an inventory", "vmInventory", '"vms.ndjson"', "VMs have keys of their own, expected tenants/NAME/vms/ADDRESS"],
  ["__proto__ as a section", "__proto__/x", {}, '"__proto__" is no section'],
  ["constructor as a section", "constructor/x", {}, '"constructor" is no section'],
  ["a section alone", "servers", {}, '"" is no name, expected a name of 1 to 63 letters'],
  ["an empty name", "servers/", {}, '"" is no name'],
  ["a name with a space", "servers/a b", server({}), '"a b" is no name'],
  ["a name that begins with _", "servers/__proto__", server({}), '"__proto__" is no name'],
  ["a name of 64 characters", `servers/${"n".repeat(64)}`, server({}), /^"n+…?" is no name/],
  ["more than a name", "servers/a/b", server({}), "it has more parts than servers/NAME"],
  ["a slash behind a name", "gateways/g9/", {}, "it has more parts than gateways/NAME"],
  ["a tenant without name", "tenants//vms/10.0.0.1", vm(), '"" is no name'],
  [
    "a section that tenants lack",
    "tenants/acme/vm/10.0.0.1",
    vm(),
    '"vm" is no section of a tenant, did you mean "vms"?',
  ],
  ["a tenant's section alone", "tenants/acme/circuits", {}, '"" is no name'],
  ["a circuit without name", "tenants/acme/circuits/", circuit({}), '"" is no name'],
  [
    "more than a circuit",
    "tenants/acme/circuits/a/b",
    circuit({}),
    "it has more parts than tenants/NAME/circuits/NAME",
  ],
  ["a VM without address", "tenants/acme/vms/", vm(), '"" is not an IPv4 or IPv6 address'],
  ["a VM by name", "tenants/acme/vms/web", vm(), '"web" is not an IPv4 or IPv6 address'],
  ["more than a VM", "tenants/acme/vms/10.0.0.1/24", vm(), "it has more parts than tenants/NAME/vms/ADDRESS"],
  ["an octet above 255", "tenants/acme/vms/10.0.0.256", vm(), "part 4 is above 255"],
  ["a leading zero", "tenants/acme/vms/10.0.0.01", vm(), "part 4 has a leading zero"],
  [
    "an address in another form",
    "tenants/acme/vms/2001:DB8::9",
    vm(),
    '"2001:DB8::9" has another form, expected 2001:db8::9',
  ],
  ["an IPv4-mapped address", "tenants/acme/vms/::ffff:10.0.0.1", vm(), "it is an IPv4-mapped address"],
  ["a prefix with a slash", "tenants/acme/routes/10.0.0.0/8", { via: ["g1"] }, "expected such as 10.0.0.0_8"],
  ["a prefix without length", "tenants/acme/routes/10.0.0.0", { via: ["g1"] }, "is not a prefix with _ for its /"],
  ["a prefix with host bits", "tenants/acme/routes/10.0.0.1_8", { via: ["g1"] }, "it has host bits set"],
  [
    "a prefix in another form",
    "tenants/acme/routes/2001:DB8::_32",
    { via: ["g1"] },
    "has another form, expected 2001:db8::/32",
  ],
  ["two lengths", "tenants/acme/routes/10.0.0.0_8_8", { via: ["g1"] }, "is not a prefix with _ for its /"],
];

const json: Row[] = [
  ["no value", "servers/s9", "", "the value is empty, expected JSON"],
  ["no UTF-8", "servers/s9", Uint8Array.of(0x22, 0xff, 0x22), "the value is not UTF-8"],
  [
    "a huge value",
    "servers/s9",
    `{"address":"${"1".repeat(1 << 20)}"}`,
    /^the value has \d+ bytes, expected at most 1048576$/,
  ],
  [
    "a huge VM",
    "tenants/acme/vms/10.0.0.9",
    `${JSON.stringify(vm())}${" ".repeat(1 << 20)}`,
    /^the value has \d+ bytes/,
  ],
  ["text", "servers/s9", "hello", 'it is not JSON: character 1: "hello" given, expected a value'],
  ["YAML", "servers/s9", "address: 10.2.0.50", 'it is not JSON: character 1: "address" given'],
  ["half of it", "servers/s9", '{"address":"10.2.0.50"', 'character 23: the end given, expected "," or "}"'],
  ["an open text", "servers/s9", '{"address":"10.2', "a text in quotes does not end"],
  [
    "a trailing comma",
    "servers/s9",
    '{"address":"10.2.0.50",}',
    'character 24: "}" given, expected a key in double quotes',
  ],
  ["single quotes", "servers/s9", "{'address':1}", "expected a key in double quotes"],
  ["two values", "servers/s9", '{"address":"10.2.0.50"} {}', 'character 25: "{" given, expected nothing more'],
  ["a comment", "servers/s9", "// {}", 'character 1: "/" given, expected a value'],
  ["a byte order mark", "servers/s9", '\ufeff{"address":"10.2.0.50"}', "character 1: "],
  ["a leading zero", "tenants/t", '{"vni":010}', 'character 8: "010" given, expected a value'],
  ["a word", "tenants/t", '{"vni":nil}', '"nil" given, expected a value'],
  ["a wrong escape", "servers/s9", '{"address":"\\x"}', "a text in quotes has a wrong escape"],
  ["a control character", "servers/s9", '{"address":"\t"}', "has a control character"],
  ["a key twice", "servers/s9", '{"address":"10.2.0.50","address":"10.2.0.51"}', 'the key "address" is there already'],
  [
    "a key twice in a VM",
    "tenants/acme/vms/10.0.0.9",
    `{"server":"s1","mac":"${MAC}","server":"s2"}`,
    'the key "server" is there already',
  ],
  [
    "a key twice by an escape",
    "tenants/acme/vms/10.0.0.9",
    `{"server":"s1","mac":"${MAC}","m\\u0061c":"${MAC}"}`,
    'the key "mac" is there already',
  ],
  ["deep nesting", "servers/s9", `{"address":${"[".repeat(9999)}`, "it nests deeper than 32 levels"],
];

const values: Row[] = [
  ["text for a server", "servers/s9", '"10.2.0.50"', '"10.2.0.50" given, expected a map with address'],
  ["a list for a server", "servers/s9", "[]", "a list given, expected a map with address"],
  ["null for a server", "servers/s9", "null", "address: missing"],
  [
    "an unknown field",
    "servers/s9",
    server({ adress: 1 }),
    'adress: "adress" is no key of this server, did you mean "address"?',
  ],
  [
    "__proto__ as a field",
    "servers/s9",
    '{"address":"10.2.0.50","__proto__":{}}',
    '"__proto__" is no key of this server',
  ],
  ["constructor as a field", "tenants/acme/vms/10.0.0.9", vm({ constructor: 1 }), '"constructor" is no key of this vm'],
  [
    "a field of a later release",
    "tenants/t",
    { vni: 9, encryption: {} },
    "encryption is not supported by this version",
  ],
  ["the name again", "servers/s9", server({ name: "s9" }), '"name" is no key of this server'],
  [
    "the address of a VM again",
    "tenants/acme/vms/10.0.0.9",
    vm({ address: "10.0.0.9" }),
    '"address" is no key of this vm',
  ],
  ["the tenant of a VM again", "tenants/acme/vms/10.0.0.9", vm({ tenant: "acme" }), '"tenant" is no key of this vm'],
  [
    "the prefix of a route again",
    "tenants/acme/routes/10.0.0.0_8",
    { prefix: "10.0.0.0/8", via: ["g1"] },
    '"prefix" is no key of this route',
  ],
  [
    "circuits within a tenant",
    "tenants/t",
    { vni: 9, circuits: {} },
    "circuits: circuits have keys of their own, expected tenants/t/circuits/…",
  ],
  ["VMs within a tenant", "tenants/t", { vni: 9, vms: {} }, "vms: vms have keys of their own"],
  ["a TTL out of range", "profiles/p", { ttl: 300 }, "ttl: 300 is out of range, expected 1 to 255"],
  ["a port for nvgre", "profiles/p", { encapsulation: "nvgre", port: 5 }, "port: nvgre has no UDP port"],
  ["an MTU that fits nothing", "profiles/p", { mtu: 80 }, "mtu: 80 is too small"],
  [
    "a rate without unit",
    "profiles/p",
    { rateLimit: { rate: 5 } },
    "rateLimit.rate: the number 5 given, expected a rate",
  ],
  ["a fraction", "tenants/t", '{"vni":1.5}', "vni: the number 1.5 given, expected a VNI"],
  ["a number beyond 2^53", "tenants/t", '{"vni":9007199254740993}', "vni: the number 9007199254740993"],
  ["a number with an exponent", "tenants/t", '{"vni":1e2}', "vni: the number 1e2 is not written plainly"],
  ["a VNI out of range", "tenants/t", { vni: 16777216 }, "vni: 16777216 is out of range, expected 1 to 16777215"],
  [
    "a tenant at a loopback address",
    "tenants/t",
    { vni: 9, address: "127.0.0.1" },
    "address: 127.0.0.1 is a loopback address",
  ],
  ["a multicast server", "servers/s9", { address: "224.0.0.1" }, "address: 224.0.0.1 is a multicast address"],
  [
    "a server that stands by itself",
    "servers/s9",
    server({ standby: "s9" }),
    "standby: a server cannot be its own standby",
  ],
  ["a gateway without MAC", "gateways/g9", { address: "10.2.0.60" }, "mac: missing"],
  [
    "a group MAC",
    "gateways/g9",
    { address: "10.2.0.60", mac: "01:00:00:00:00:01" },
    "mac: 01:00:00:00:00:01 is a group address",
  ],
  [
    "a circuit with one end",
    "tenants/acme/circuits/c",
    { interface: "e0", vlan: 9, address: "10.9.0.1/24" },
    "peer: missing",
  ],
  [
    "a peer elsewhere",
    "tenants/acme/circuits/c",
    circuit({ peer: "10.8.0.2" }),
    "peer: 10.8.0.2 is outside of 10.9.0.0/24",
  ],
  [
    "a route with both",
    "tenants/acme/routes/10.0.0.0_8",
    { via: ["g1"], circuit: "hq" },
    "circuit: the route has via too",
  ],
  ["a route with neither", "tenants/acme/routes/10.0.0.0_8", {}, "via or circuit is missing"],
  ["a route to nobody", "tenants/acme/routes/10.0.0.0_8", { via: [] }, "via: the list is empty"],
  ["an endpoint twice", "tenants/acme/routes/10.0.0.0_8", { via: ["g1", "g1"] }, 'via[1]: "g1" is already in the list'],
  [
    "a route of loopback addresses",
    "tenants/acme/routes/127.0.0.0_8",
    { via: ["g1"] },
    /^127\.0\.0\.0\/8 has only loopback addresses/,
  ],
  ["a VM without server", "tenants/acme/vms/10.0.0.9", { mac: MAC }, "server: missing, expected the name of a server"],
  ["a VM with a bad MAC", "tenants/acme/vms/10.0.0.9", vm({ mac: "02:00" }), 'mac: "02:00" is not a MAC address'],
  [
    "a VM with a group MAC",
    "tenants/acme/vms/10.0.0.9",
    vm({ mac: "ff:ff:ff:ff:ff:ff" }),
    "mac: ff:ff:ff:ff:ff:ff is a group address",
  ],
  [
    "a VM with a bad policy",
    "tenants/acme/vms/10.0.0.9",
    vm({ policy: "direct" }),
    'policy: "direct" given, expected direct-preferred',
  ],
  ["a VM on a bad name", "tenants/acme/vms/10.0.0.9", vm({ server: "-" }), 'server: "-" is no name'],
  [
    "a multicast VM",
    "tenants/acme/vms/224.0.0.9",
    vm(),
    "224.0.0.9 is a multicast address, expected the address of a VM",
  ],
  ["a link-local VM", "tenants/acme/vms/fe80::9", vm(), "fe80::9 is a link-local address"],
];

const relations: Row[] = [
  [
    "a profile that is not there",
    "servers/s9",
    server({ profile: "fats" }),
    'profile: no profile is named "fats", did you mean "fast"?',
  ],
  [
    "a standby that is not there",
    "servers/s9",
    server({ standby: "s11" }),
    'standby: no server is named "s11", did you mean "s1"?',
  ],
  ["a gateway as standby", "servers/s9", server({ standby: "g1" }), 'standby: "g1" is a gateway, expected a server'],
  [
    "the address of another",
    "servers/s9",
    { address: "10.2.0.2" },
    "address: 10.2.0.2 is already the address of server s1",
  ],
  [
    "the address of a server",
    "gateways/g9",
    { address: "10.2.0.2", mac: MAC },
    "address: 10.2.0.2 is already the address of server s1",
  ],
  ["the name of a server", "gateways/s1", { address: "10.2.0.60", mac: MAC }, 'a server is named "s1" too'],
  ["the edge's own address", "servers/s9", { address: "10.2.0.1" }, "address: 10.2.0.1 is the edge's own address"],
  ["the VNI of another", "tenants/t", { vni: 100 }, "vni: 100 is already the VNI of tenant acme"],
  [
    "an endpoint that is not there",
    "tenants/t",
    { vni: 9, servers: ["g2"] },
    'servers: no server or gateway is named "g2", did you mean "g1"?',
  ],
  [
    "an interface that is not there",
    "tenants/acme/circuits/c",
    circuit({ interface: "e2" }),
    'interface: no interface of the edge is named "e2"',
  ],
  [
    "the VLAN of another",
    "tenants/other/circuits/c",
    { interface: "e0", address: "10.9.0.1/24", peer: "10.9.0.2" },
    "interface: interface e0 already has the untagged circuit acme/hq",
  ],
  [
    "the peer of another",
    "tenants/acme/circuits/x",
    circuit({ address: "10.1.0.9/24", peer: "10.1.0.2" }),
    "peer: 10.1.0.2 is the peer of circuit hq",
  ],
  [
    "a route to nobody there",
    "tenants/acme/routes/10.0.0.0_8",
    { via: ["g7"] },
    'via: no server or gateway is named "g7"',
  ],
  [
    "a route to no circuit",
    "tenants/acme/routes/10.0.0.0_8",
    { circuit: "hp" },
    'circuit: tenant acme has no circuit named "hp", did you mean "hq"?',
  ],
  [
    "a route of the other family",
    "tenants/acme/routes/2001:db8::_32",
    { circuit: "hq" },
    "circuit: 2001:db8::/32 is IPv6, and circuit hq has no IPv6 address",
  ],
  [
    "a VM at the peer's address",
    "tenants/acme/vms/10.1.0.2",
    vm(),
    "10.1.0.2 is the peer of circuit hq, expected another address",
  ],
];

describe.each([
  ["keys", keys],
  ["JSON", json],
  ["values", values],
  ["relations", relations],
])("bad %s", (_, rows) => {
  test.each(rows)("%s", (_name, key, value, message) => {
    const store = storeOf(GOOD);
    const good = store.build(EDGE);
    expect(good.keptOut).toEqual([]);
    put(store, key, value);
    expect(store.size).toBe(GOOD.length + 1);
    const { model, keptOut, keptOutCount } = store.build(EDGE);
    expect(keptOut).toEqual([
      { key: PREFIX + key, message: expect.stringMatching(message instanceof RegExp ? message : escaped(message)) },
    ]);
    expect(keptOutCount).toBe(1);
    expect(model).toEqual(good.model);
    remove(store, key);
    expect(store.size).toBe(GOOD.length);
    expect(store.build(EDGE).keptOut).toEqual([]);
  });
});

function escaped(text: string): RegExp {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
}

describe("keys that are no text", () => {
  test("are told in printable characters, each its own", () => {
    const store = storeOf(GOOD);
    const odd = [
      Uint8Array.of(0x73, 0xff),
      Uint8Array.of(0x73, 0xfe),
      bytes("\\xff"),
      bytes("a\nb"),
      bytes("x".repeat(5000)),
    ];
    for (const each of odd) store.put(Buffer.concat([bytes(PREFIX), each]), valueBytes({}));
    expect(store.size).toBe(GOOD.length + odd.length);
    const { keptOut } = store.build(EDGE);
    expect(keptOut.length).toBe(odd.length);
    for (const { key } of keptOut) expect(key).toMatch(/^[ -~]+(… \(5000 bytes, [0-9a-f]{16}\))?$/);
    expect(keptOut.map(({ key }) => key)).toContain(`${PREFIX}s\\xff`);
    for (const each of odd) store.delete(Buffer.concat([bytes(PREFIX), each]));
    expect(store.size).toBe(GOOD.length);
  });
});

describe("a problem of the edge itself", () => {
  test("is thrown, and nothing is kept out for it", () => {
    const store = storeOf(GOOD);
    const { address: _, ...only6 } = EDGE;
    expect(() => store.build({ ...only6, vmCapacity: 5 })).toThrow(DocumentError);
    expect(() => store.build({ ...EDGE, vmCapacity: 5 })).toThrow("edge.capacity.vms: 5 is out of range");
    // Objects of a family that this edge lacks are the objects' problem.
    const { keptOut } = store.build(only6);
    expect(keptOut[0]).toEqual({
      key: `${PREFIX}gateways/g1`,
      message: expect.stringContaining("10.2.0.9 is IPv4, and the edge has no address"),
    });
  });

  test("is thrown when the VMs do not fit, and gone when they do", () => {
    const store = storeOf(GOOD);
    const small = { ...EDGE, vmCapacity: 1024, vmCapacityMax: 1024 };
    for (let n = 0; n < 1024; n++) put(store, `tenants/acme/vms/172.17.${n >> 8}.${n & 255}`, vm());
    expect(() => store.build(small)).toThrow("edge.capacity.vms: 1025 VMs do not fit into the 1024");
    expect(store.step()).toEqual({ kind: "whole" });
    remove(store, "tenants/acme/vms/172.17.0.0");
    expect(store.build(small).keptOut).toEqual([]);
    store.step();
    expect(store.step()).toEqual({ kind: "nothing" });
    put(store, "tenants/acme/vms/172.17.0.0", vm());
    expect(store.step()).toEqual({ kind: "whole" });
    expect(keyBytes("x").length).toBe(PREFIX.length + 1);
  });
});
