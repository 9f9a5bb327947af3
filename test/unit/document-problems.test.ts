// A table of bad documents. § marks the place where the problem must be found, and is taken out before reading.

import { describe, expect, test } from "vitest";
import { DocumentError, parseModel } from "../../src/document/index.ts";

const MAC = "02:00:00:00:00:05";
const head =
  "version: 1\nedge: {address: 10.2.0.1, interfaces: [{name: e0, role: access}, {name: e1, role: underlay}]}\n";
const peers =
  "servers: {s1: {address: 10.2.0.2}, s2: {address: 10.2.0.3}}\ngateways: {g1: {address: 10.2.0.9, mac: 02:00:00:00:00:09}}\n";
const edge = (body: string) => `version: 1\nedge: {${body}}\n`;
const profile = (body: string) => `${head}profiles:\n  fast: {${body}}\n`;
const server = (body: string) => `${head}servers:\n  s1: {${body}}\n  s2: {address: 10.2.0.3}\n`;
const gateway = (body: string) => `${head}gateways:\n  g1: {${body}}\n`;
const tenant = (body: string) => `${head}${peers}tenants:\n  t: {${body}}\n`;
const circuit = (body: string) => tenant(`vni: 1, circuits: {c: {${body}}}`);
const route = (body: string) => tenant(`vni: 1, routes: [{${body}}]`);
const vm = (body: string) => tenant(`vni: 1, vms: {${body}}`);
const goodCircuit = "interface: e0, address: 10.1.0.1/24, peer: 10.1.0.2";

type Row = readonly [name: string, text: string, message: string];

const syntax: Row[] = [
  ["an open quote", "version: 1\nedge: 'x§", "missing closing 'quote"],
  ["an open flow map", "version: 1\nedge: {address: 10.2.0.1§", "flow map"],
  ["a tab as indentation", "version: 1\nedge:\n§\taddress: 10.2.0.1\n", "tab"],
  ["two values on a line", "version: 1\nedge: §a: b\n", "nested mappings are not allowed"],
  ["a reserved character", "version: 1\nedge: §@x\n", "reserved character @"],
  ["an alias without anchor", "version: 1\nedge: §*nothing\n", "the alias *nothing has no anchor"],
  ["an alias of itself", "version: 1\nedge: &a {address: §*a}\n", "the alias *a contains itself"],
  ["a second document", "version: 1\nedge: {address: 10.2.0.1}\n§---\nversion: 1\n", "a second document begins here"],
  ["YAML 1.1", "§%YAML 1.1\n---\nversion: 1\nedge: {address: 10.2.0.1}\n", "YAML 1.1 is asked for"],
  ["an unknown tag", "version: 1\nedge: §!edge {address: 10.2.0.1}\n", "unresolved tag: !edge"],
  ["the binary tag", "version: !!binary §MQ==\nedge: {address: 10.2.0.1}\n", "tag"],
  ["a merge key", `${head}profiles:\n  a: &a {ttl: 9}\n  b:\n    §<<: *a\n`, "merge keys are not supported"],
  ["a key that is a list", "version: 1\n? §[a]\n: 1\nedge: {address: 10.2.0.1}\n", "a key is not plain text"],
  ["a NUL", "version: 1\nedge: {address: 10.§\0}\n", "NUL"],
  ["nothing", "§", "the document is empty"],
  ["white space", "§ \n\n", "the document is empty"],
  ["a comment alone", "§# nothing\n", "the document is empty"],
  ["null", "§null", "the document is empty"],
  ["text", "§hello", 'hello" given, expected a map with version'],
  ["a number", "§5", "the number 5 given, expected a map"],
  ["a list", "§- version: 1\n", "a list given, expected a map"],
  ["JSON cut in the middle", '{"version": 1, "edge": {"address": "10.2§', "quote"],
];

const shape: Row[] = [
  ["no version", "§edge: {address: 10.2.0.1}\n", "version: missing, expected version 1"],
  ["another version", "version: §2\nanything: at all\n", "the number 2 given, expected version 1"],
  ["a version as text", 'version: §"1"\n', "expected version 1"],
  ["no edge", "§version: 1\n", "edge.address: missing, expected an IPv4 address"],
  ["an edge without address", "version: 1\n§edge: {interfaces: []}\n", "edge.address: missing"],
  ["an edge that is text", "version: 1\nedge: §here\n", 'edge: "here" given, expected a map with address'],
  ["an unknown section", `${head}§server: {s1: {}}\n`, '"server" is no key of this document, did you mean "servers"?'],
  ["an unknown key", server("address: 10.2.0.2, §adress: 10.2.0.3"), 'did you mean "address"?'],
  ["a key of another object", server("address: 10.2.0.2, §vni: 5"), "expected address, profile, standby, mac"],
  ["a key twice", server("address: 10.2.0.2, §address: 10.2.0.2"), 'the key "address" is already on line 4'],
  ["a server twice", `${head}servers:\n  s1: {address: 10.2.0.2}\n  §s1: {address: 10.2.0.3}\n`, "already on line 4"],
  [
    "a name twice, once in quotes",
    `${head}servers:\n  1: {address: 10.2.0.2}\n  §"1": {address: 10.2.0.3}\n`,
    '"1" is already',
  ],
  [
    "a VM twice",
    vm(`10.0.0.1: {server: s1, mac: ${MAC}}, §10.0.0.1: {server: s2, mac: ${MAC}}`),
    '"10.0.0.1" is already',
  ],
  ["a list of servers", `${head}§servers: [s1]\n`, "servers: a list given, expected a map of servers"],
  ["servers as text", `${head}servers: §s1\n`, '"s1" given, expected a map of servers'],
  ["a server as text", `${head}servers:\n  s1: §10.2.0.2\n`, '"10.2.0.2" given, expected a map with address'],
  ["a server of nothing", `${head}servers:\n  §s1:\n`, "servers.s1.address: missing"],
  ["a map of routes", tenant("vni: 1, §routes: {a: b}"), "a map given, expected a list of routes"],
  ["interfaces as a map", edge("address: 10.2.0.1, §interfaces: {e0: access}"), "expected a list of interfaces"],
  ["an interface as text", edge("address: 10.2.0.1, interfaces: [§e0]"), "expected a map with name, role, mode"],
  ["capacity as a number", edge("address: 10.2.0.1, capacity: §5"), "edge.capacity: the number 5 given"],
  ["bfd as text", profile("bfd: §yes"), 'profiles.fast.bfd: "yes" given, expected a map with interval'],
  ["deep nesting in a field", server("§address: [[[[[[10.2.0.2]]]]]]"), "a list given, expected an IPv4"],
];

const addresses: Row[] = [
  ["a short address", server("address: §10.2.0"), '"10.2.0" is not an IPv4 address: it has not four parts'],
  ["an octet above 255", server("address: §10.2.0.256"), "part 4 is above 255"],
  ["a leading zero", server("address: §10.2.0.02"), "part 4 has a leading zero"],
  ["a number", server("address: §167772162"), "the number 167772162 given, expected an IPv4 address"],
  ["a fraction", server("address: §10.2"), "the number 10.2 given, expected an IPv4 address"],
  ["a hexadecimal number", server("address: §0x0a020002"), "the number 0x0a020002 given"],
  ["a name", server("address: §localhost"), "it has not four parts"],
  ["nothing", server("§address: "), "address: nothing given, expected an IPv4 address"],
  ["true", server("address: §true"), "true given, expected an IPv4 address"],
  ["IPv6", server("address: §fd00::1"), "IPv6 is not supported by this version, expected an IPv4 address"],
  [
    "an IPv6 circuit",
    circuit("interface: e0, address: §fd00::1/64, peer: 10.1.0.2"),
    "IPv6 is not supported by this version",
  ],
  ["an IPv6 prefix", route("prefix: §fd00::/8, via: [g1]"), "IPv6 is not supported by this version"],
  ["an address with a length", server("address: §10.2.0.2/24"), "is not an IPv4 address"],
  ["a multicast server", server("address: §224.0.0.1"), "is a multicast address, expected the address of one machine"],
  ["a loopback server", server("address: §127.0.0.1"), "is a loopback address"],
  ["a zero server", server("address: §0.0.0.0"), "is an address of this network"],
  ["a reserved server", server("address: §240.0.0.1"), "is a reserved address"],
  ["a broadcast server", server("address: §255.255.255.255"), "is the broadcast address"],
  ["a multicast edge", edge("address: §239.1.1.1"), "expected the address of an interface of this machine"],
  ["a MAC with a hole", server("address: 10.2.0.2, mac: §02:00:00:00:05"), "six hexadecimal bytes"],
  ["a MAC with dashes", server("address: 10.2.0.2, mac: §02-00-00-00-00-05"), "six hexadecimal bytes"],
  ["a MAC as a number", server("address: 10.2.0.2, mac: §5"), "the number 5 given, expected a MAC address"],
  ["a group MAC", server("address: 10.2.0.2, mac: §03:00:00:00:00:05"), "is a group address, expected the MAC of one"],
  ["a broadcast MAC", gateway("address: 10.2.0.9, mac: §ff:ff:ff:ff:ff:ff"), "is a group address"],
  ["a zero MAC", vm("10.0.0.1: {server: s1, mac: §00:00:00:00:00:00}"), "is no address"],
  ["a group MAC of the edge", edge("address: 10.2.0.1, mac: §01:00:00:00:00:00"), "is a group address"],
  ["a group MAC of a peer", circuit(`${goodCircuit}, peerMac: §01:00:5e:00:00:01`), "is a group address"],
  [
    "a gateway without MAC",
    `${head}gateways:\n  §g1: {address: 10.2.0.9}\n`,
    "gateways.g1.mac: missing, expected a MAC address",
  ],
];

const numbers: Row[] = [
  ["VNI 0", tenant("vni: §0"), "0 is out of range, expected 1 to 16777215"],
  ["VNI 2^24", tenant("vni: §16777216"), "16777216 is out of range"],
  ["a negative VNI", tenant("vni: §-1"), "-1 is out of range"],
  ["a VNI as text", tenant('vni: §"5"'), '"5" given, expected a VNI'],
  [
    "a VNI with a leading zero",
    tenant("vni: §010"),
    "the number 010 is not written plainly, expected a VNI in plain decimal",
  ],
  [
    "an octal VNI",
    tenant("vni: §0o17"),
    "the number 0o17 is not written plainly, expected a VNI in plain decimal, such as 15",
  ],
  ["a hexadecimal VNI", tenant("vni: §0x10"), "such as 16"],
  ["an exponent", tenant("vni: §1e3"), "such as 1000"],
  ["a fraction", tenant("vni: §1.5"), "the number 1.5 given, expected a VNI"],
  ["infinity", tenant("vni: §.inf"), "the number .inf given"],
  ["a number beyond 2^53", tenant("vni: §9007199254740993"), "9007199254740993"],
  ["a VNI that is missing", `${head}tenants:\n  §t: {}\n`, "tenants.t.vni: missing, expected a VNI"],
  ["TTL 0", profile("ttl: §0"), "0 is out of range, expected 1 to 255"],
  ["TTL 256", profile("ttl: §256"), "expected 1 to 255"],
  ["port 0", profile("port: §0"), "expected 1 to 65535"],
  ["port 65536", profile("port: §65536"), "expected 1 to 65535"],
  ["DSCP 64", profile("dscp: §64"), "expected 0 to 63"],
  ["a DSCP by name", profile("dscp: §ef"), '"ef" given, expected copy or a code point 0 to 63'],
  ["an MTU too small", profile("mtu: §575"), "expected 576 to 65535"],
  ["an MTU too large", profile("mtu: §65536"), "expected 576 to 65535"],
  ["an MTU as text", profile("mtu: §1500B"), "expected the bytes of an outer packet"],
  ["capacity too small", edge("address: 10.2.0.1, capacity: {vms: §1023}"), "expected 1024 to 16777216"],
  ["capacity too large", edge("address: 10.2.0.1, capacity: {vms: §16777217}"), "expected 1024 to 16777216"],
  ["dontFragment as text", profile("dontFragment: §yes"), '"yes" given, expected true or false'],
  [
    "an interval without unit",
    profile("bfd: {interval: §100, multiplier: 3}"),
    "expected a duration such as 300us, 100ms or 1s",
  ],
  ["an interval with a space", profile("bfd: {interval: §100 ms, multiplier: 3}"), "expected a duration"],
  ["an interval in minutes", profile("bfd: {interval: §1m, multiplier: 3}"), "expected a duration"],
  [
    "an interval too short",
    profile("bfd: {interval: §300us, multiplier: 3}"),
    "300us is out of range, expected 1ms to 60s",
  ],
  ["an interval too long", profile("bfd: {interval: §61s, multiplier: 3}"), "61000000us is out of range"],
  ["multiplier 0", profile("bfd: {interval: 1s, multiplier: §0}"), "expected 1 to 255"],
  ["no multiplier", profile("§bfd: {interval: 1s}"), "bfd.multiplier: missing"],
];

const words: Row[] = [
  ["a slip in a role", edge("address: 10.2.0.1, interfaces: [{name: e0, role: §acess}]"), 'did you mean "access"?'],
  [
    "no role",
    edge("address: 10.2.0.1, interfaces: [§{name: e0}]"),
    "interfaces[0].role: missing, expected access, underlay or both",
  ],
  [
    "a mode that is none",
    edge("address: 10.2.0.1, interfaces: [{name: e0, role: both, mode: §auto}]"),
    "expected native or generic",
  ],
  [
    "an interface name that is too long",
    edge("address: 10.2.0.1, interfaces: [{name: §abcdefghijklmnop, role: both}]"),
    "network interface",
  ],
  [
    "an interface name with a slash",
    edge("address: 10.2.0.1, interfaces: [{name: §a/b, role: both}]"),
    "network interface",
  ],
  [
    "an interface twice",
    edge("address: 10.2.0.1, interfaces: [{name: e0, role: both}, {name: §e0, role: both}]"),
    "already in the list",
  ],
  ["ecn that is none", profile("ecn: §off"), "expected normal or compatibility"],
  ["entropy that is none", profile("entropy: §l2"), "expected l4 or l3"],
  ["sourceCheck that is none", tenant("vni: 1, sourceCheck: §strict"), "expected vm, member or off"],
  ["sourceCheck false", tenant("vni: 1, sourceCheck: §false"), "false given, expected vm, member or off"],
  ["an encapsulation that is none", profile("encapsulation: §gre"), '"gre" given, expected vxlan'],
  ["a server name with a space", `${head}servers:\n  §"a b": {address: 10.2.0.2}\n`, '"a b" is no name'],
  ["a server name that is empty", `${head}servers:\n  §"": {address: 10.2.0.2}\n`, '"" is no name'],
  ["a server name with a slash", `${head}servers:\n  §a/b: {address: 10.2.0.2}\n`, '"a/b" is no name'],
  ["a name that is too long", `${head}servers:\n  §${"x".repeat(64)}: {address: 10.2.0.2}\n`, "is no name"],
  ["a tenant name that starts with a dot", `${head}tenants:\n  §.t: {vni: 1}\n`, '".t" is no name'],
  ["a circuit name of another script", circuit(goodCircuit).replace("{c:", "{§č:"), "is no name"],
  ["a reference that is no name", server("address: 10.2.0.2, standby: §a b"), '"a b" is no name'],
  [
    "a reference that is true",
    server("address: 10.2.0.2, standby: §true"),
    "expected the name of a server (in quotes)",
  ],
  ["a list for a name", server("address: 10.2.0.2, §standby: [s2]"), "a list given, expected the name of a server"],
];

const later: Row[] = [
  ["geneve", profile("encapsulation: §geneve"), "geneve is not supported by this version"],
  ["nvgre", profile("encapsulation: §nvgre"), "nvgre is not supported by this version"],
  ["VLANs", circuit(`${goodCircuit}, §vlan: 100`), "vlan is not supported by this version"],
  ["inner VLANs", circuit(`${goodCircuit}, §innerVlan: 7`), "innerVlan is not supported by this version"],
  [
    "an edge's IPv6 address",
    edge("address: 10.2.0.1, §address6: fd00::1"),
    "address6 is not supported by this version",
  ],
  [
    "a server's IPv6 address",
    server("address: 10.2.0.2, §address6: fd00::1"),
    "address6 is not supported by this version",
  ],
  ["an IPv6 VM", vm(`§"fd00::5": {server: s1, mac: ${MAC}}`), "IPv6 is not supported by this version"],
  ["MSS clamping", profile("§mssClamp: auto"), "mssClamp is not supported by this version"],
  ["rate limits", profile("§rateLimit: {bits: 5}"), "rateLimit is not supported by this version"],
  ["UDP checksums", profile("udpChecksum: §full"), '"full" is not supported by this version, expected zero'],
  ["a VM inventory", `${head}§vmInventory: vms.ndjson\n`, "vmInventory is not supported by this version"],
  ["encryption", profile("§encryption: ipsec"), "encryption is not supported by this version"],
  ["a policy", tenant("vni: 1, §policy: direct"), "policy is not supported by this version"],
];

const references: Row[] = [
  [
    "a profile that is missing",
    server("address: 10.2.0.2, profile: §defualt"),
    'no profile is named "defualt", did you mean "default"?',
  ],
  [
    "a gateway's profile",
    gateway("address: 10.2.0.9, mac: 02:00:00:00:00:09, profile: §far"),
    'no profile is named "far", expected one',
  ],
  [
    "a standby that is missing",
    server("address: 10.2.0.2, standby: §s3"),
    'no server is named "s3", did you mean "s2"?',
  ],
  ["a server as its own standby", server("address: 10.2.0.2, standby: §s1"), "a server cannot be its own standby"],
  [
    "a cycle of standbys",
    `${head}servers:\n  a: {address: 10.2.0.2, standby: b}\n  b: {address: 10.2.0.3, standby: c}\n  c: {address: 10.2.0.4, standby: §a}\n`,
    "the standbys form a cycle (a → b → c → a)",
  ],
  [
    "a gateway as standby",
    `${server("address: 10.2.0.2, standby: §g1")}gateways: {g1: {address: 10.2.0.9, mac: 02:00:00:00:00:09}}\n`,
    '"g1" is a gateway, expected a server',
  ],
  [
    "two servers with one address",
    `${head}servers:\n  a: {address: 10.2.0.2}\n  b: {address: §10.2.0.2}\n`,
    "is already the address of server a",
  ],
  [
    "a gateway with a server's address",
    `${head}servers: {a: {address: 10.2.0.2}}\ngateways: {g: {address: §10.2.0.2, mac: ${MAC}}}\n`,
    "is already the address of server a",
  ],
  ["a server at the edge's address", server("address: §10.2.0.1"), "is the edge's own address"],
  [
    "a gateway named like a server",
    `${head}servers: {a: {address: 10.2.0.2}}\ngateways: {§a: {address: 10.2.0.3, mac: ${MAC}}}\n`,
    'a server is named "a" too',
  ],
  ["a VNI twice", `${head}tenants:\n  a: {vni: 5}\n  b: {vni: §5}\n`, "5 is already the VNI of tenant a"],
  [
    "a member that is missing",
    tenant("vni: 1, servers: [s1, §s9]"),
    'no server or gateway is named "s9", did you mean "s1"?',
  ],
  ["a member twice", tenant("vni: 1, servers: [s1, §s1]"), '"s1" is already in the list'],
  [
    "a circuit on an unknown interface",
    circuit("interface: §e9, address: 10.1.0.1/24, peer: 10.1.0.2"),
    'no interface of the edge is named "e9"',
  ],
  [
    "a circuit on an underlay port",
    circuit("interface: §e1, address: 10.1.0.1/24, peer: 10.1.0.2"),
    "has the role underlay, expected access or both",
  ],
  [
    "two circuits on one interface",
    tenant(`vni: 1, circuits: {a: {${goodCircuit}}, b: {interface: §e0, address: 10.3.0.1/24, peer: 10.3.0.2}}`),
    "already has the untagged circuit t/a",
  ],
  ["a circuit without length", circuit("interface: e0, address: §10.1.0.1, peer: 10.1.0.2"), "it has no /length"],
  [
    "a circuit at its network's address",
    circuit("interface: e0, address: §10.1.0.0/24, peer: 10.1.0.2"),
    "network or broadcast address of 10.1.0.0/24",
  ],
  [
    "a peer outside of the network",
    circuit("interface: e0, address: 10.1.0.1/24, peer: §10.1.1.2"),
    "is outside of 10.1.0.0/24",
  ],
  [
    "a peer that is the edge",
    circuit("interface: e0, address: 10.1.0.1/24, peer: §10.1.0.1"),
    "is the circuit's own address",
  ],
  [
    "a peer that is broadcast",
    circuit("interface: e0, address: 10.1.0.1/24, peer: §10.1.0.255"),
    "network or broadcast address",
  ],
  ["a peer with no room", circuit("interface: e0, address: 10.1.0.1/32, peer: §10.1.0.2"), "is outside of 10.1.0.1/32"],
  [
    "a route with host bits",
    route("prefix: §10.0.0.1/8, via: [g1]"),
    "it has host bits set, expected 10.0.0.0/8, or 10.0.0.1/32",
  ],
  ["a route without length", route("prefix: §10.0.0.0, via: [g1]"), "it has no /length"],
  ["a route with a length above 32", route("prefix: §10.0.0.0/33, via: [g1]"), "not a number 0 to 32"],
  ["a route without prefix", tenant("vni: 1, routes: [§{via: [g1]}]"), "routes[0].prefix: missing"],
  ["a route to nowhere", tenant("vni: 1, routes: [§{prefix: 10.0.0.0/8}]"), "via or circuit is missing"],
  ["a route both ways", route("prefix: 10.0.0.0/8, via: [g1], circuit: §c"), "the route has via too"],
  ["a route via nobody", route("prefix: 10.0.0.0/8, §via: []"), "the list is empty"],
  ["a route via text", route("prefix: 10.0.0.0/8, via: §g1"), '"g1" given, expected a list of servers and gateways'],
  [
    "a route via one that is missing",
    route("prefix: 10.0.0.0/8, via: [s1, §g2]"),
    'no server or gateway is named "g2", did you mean "g1"?',
  ],
  ["a route via one twice", route("prefix: 10.0.0.0/8, via: [g1, s1, §g1]"), '"g1" is already in the list'],
  ["a route to a missing circuit", route("prefix: 10.0.0.0/8, circuit: §hq"), 'tenant t has no circuit named "hq"'],
  [
    "a prefix twice",
    tenant("vni: 1, routes: [{prefix: 10.0.0.0/8, via: [g1]}, {prefix: §10.0.0.0/8, via: [s1]}]"),
    "10.0.0.0/8 is already the prefix of routes[0]",
  ],
  ["a route for multicast", route("prefix: §224.0.0.0/8, via: [g1]"), "has only multicast addresses"],
  ["a route for loopback", route("prefix: §127.0.0.0/8, via: [g1]"), "has only loopback addresses"],
  [
    "a VM whose server is missing",
    vm(`10.0.0.1: {server: §s9, mac: ${MAC}}`),
    'no server is named "s9", did you mean "s1"?',
  ],
  ["a VM on a gateway", vm(`10.0.0.1: {server: §g1, mac: ${MAC}}`), '"g1" is a gateway, expected a server'],
  ["a VM without MAC", tenant("vni: 1, vms: {§10.0.0.1: {server: s1}}"), 'vms["10.0.0.1"].mac: missing'],
  ["a VM with a bad address", vm(`§10.0.0.256: {server: s1, mac: ${MAC}}`), "part 4 is above 255"],
  ["a VM at a number", vm(`§10.1: {server: s1, mac: ${MAC}}`), "it has not four parts"],
  [
    "a multicast VM",
    vm(`§224.0.0.1: {server: s1, mac: ${MAC}}`),
    "is a multicast address, expected the address of a VM",
  ],
  ["a loopback VM", vm(`§127.0.0.1: {server: s1, mac: ${MAC}}`), "is a loopback address"],
  ["a broadcast VM", vm(`§255.255.255.255: {server: s1, mac: ${MAC}}`), "is the broadcast address"],
  ["a zero VM", vm(`§0.0.0.0: {server: s1, mac: ${MAC}}`), "is an address of this network"],
  [
    "a VM at a circuit's address",
    tenant(`vni: 1, circuits: {c: {${goodCircuit}}}, vms: {§10.1.0.1: {server: s1, mac: ${MAC}}}`),
    "is the edge's own address on circuit c",
  ],
  [
    "a VM at a peer's address",
    tenant(`vni: 1, circuits: {c: {${goodCircuit}}}, vms: {§10.1.0.2: {server: s1, mac: ${MAC}}}`),
    "is the peer of circuit c",
  ],
  [
    "32 endpoints of a route",
    `${head}servers: {${Array.from({ length: 32 }, (_, i) => `s${i}: {address: 10.3.0.${i + 1}}`).join(", ")}}\n` +
      `tenants: {t: {vni: 1, routes: [{prefix: 10.0.0.0/8, §via: [${Array.from({ length: 32 }, (_, i) => `s${i}`).join(", ")}]}]}}\n`,
    "32 endpoints are listed, expected at most 31",
  ],
];

const groups: Readonly<Record<string, readonly Row[]>> = {
  syntax,
  shape,
  addresses,
  numbers,
  words,
  later,
  references,
};

describe.each(Object.entries(groups))("%s", (_, rows) => {
  test.each(rows.map(([name, text, message]) => ({ name, text, message })))("$name", ({ text, message }) => {
    const at = text.indexOf("§");
    expect(text.split("§").length).toBe(2);
    const before = text.slice(0, at).split("\n");
    const place = `bad.yaml:${before.length}:${(before.at(-1) as string).length + 1}: `;
    try {
      parseModel(text.replace("§", ""), "bad.yaml");
      expect.unreachable("the document was accepted");
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      const lines = error.message.split("\n").slice(1);
      expect(lines.find((line) => line.startsWith(place) && line.includes(message)) ?? lines).toEqual(
        expect.any(String),
      );
      // One mistake is one problem, but for texts that are no YAML at all.
      if (rows !== syntax) expect(lines.length).toBe(1);
      expect(error.message.split("\n")[0]).toMatch(/^read bad\.yaml: /);
    }
  });
});

test("the table is as long as promised", () => {
  const total = Object.values(groups).reduce((sum, rows) => sum + rows.length, 0);
  expect(total).toBeGreaterThanOrEqual(180);
});
