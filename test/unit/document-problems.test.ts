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
/** An edge with both families. */
const dual =
  "version: 1\nedge: {address: 10.2.0.1, address6: 2001:db8:2::1, interfaces: [{name: e0, role: access}, {name: e1, role: both}]}\n";
const vm = (body: string) => tenant(`vni: 1, vms: {${body}}`);
const goodCircuit6 = "interface: e0, address6: 2001:db8:1::1/64, peer6: 2001:db8:1::2";
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
  ["no edge", "§version: 1\n", "edge.address: missing, expected an IPv4 address, or address6"],
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
  ["a short address", server("address: §10.2.0"), '"10.2.0" is not an IPv4 or IPv6 address: it has not four parts'],
  ["an octet above 255", server("address: §10.2.0.256"), "part 4 is above 255"],
  ["a leading zero", server("address: §10.2.0.02"), "part 4 has a leading zero"],
  ["a number", server("address: §167772162"), "the number 167772162 given, expected an IPv4 or IPv6 address"],
  ["a fraction", server("address: §10.2"), "the number 10.2 given, expected an IPv4 or IPv6 address"],
  ["a hexadecimal number", server("address: §0x0a020002"), "the number 0x0a020002 given"],
  [
    "a name",
    server("address: §localhost"),
    "it is neither, expected an IPv4 address such as 10.2.0.1 or an IPv6 address",
  ],
  ["nothing", server("§address: "), "address: nothing given, expected an IPv4 or IPv6 address"],
  ["true", server("address: §true"), "true given, expected an IPv4 or IPv6 address"],
  ["IPv6 for IPv4", edge("address: §fd00::1"), '"fd00::1" is IPv6, expected an IPv4 address'],
  ["IPv4 for IPv6", edge("address6: §10.2.0.1"), '"10.2.0.1" is IPv4, expected an IPv6 address'],
  [
    "an IPv6 network for a circuit's IPv4 address",
    circuit("interface: e0, address: §fd00::1/64, peer: 10.1.0.2"),
    "is IPv6, expected an IPv4 address with the length of its network",
  ],
  [
    "an IPv4 network for a circuit's IPv6 address",
    circuit("interface: e0, address6: §10.1.0.1/24, peer6: fd00::2"),
    "is IPv4, expected an IPv6 address with the length of its network",
  ],
  ["an address with a length", server("address: §10.2.0.2/24"), "is not an IPv4 or IPv6 address"],
  ["an IPv6 address with two gaps", server("address: §2001::db8::1"), "it has not that form"],
  ["an IPv6 address with a zone", server('address: §"fe80::1%e1"'), "it has a zone"],
  ["an IPv6 address in brackets", server('address: §"[2001:db8::1]"'), "it is in brackets"],
  ["an IPv4-mapped address", server('address: §"::ffff:10.2.0.2"'), "it is an IPv4-mapped address"],
  ["an IPv4-mapped address in hexadecimal", edge('address6: §"::ffff:a02:1"'), "it is an IPv4-mapped address"],
  [
    "a multicast IPv6 server",
    `${dual}servers: {s: {address: §ff02::1}}\n`,
    "is a multicast address, expected the address of one machine",
  ],
  ["a loopback IPv6 server", `${dual}servers: {s: {address: §"::1"}}\n`, "is a loopback address"],
  ["an unspecified IPv6 server", `${dual}servers: {s: {address: §"::"}}\n`, "is the unspecified address"],
  [
    "a link-local IPv6 server",
    `${dual}servers: {s: {address: §fe80::2}}\n`,
    "is a link-local address, expected the address of one machine",
  ],
  [
    "a link-local IPv6 edge",
    edge("address6: §fe80::1"),
    "is a link-local address, expected the address of an interface of this machine",
  ],
  [
    "a link-local IPv6 peer",
    circuit("interface: e0, address6: 2001:db8::1/0, peer6: §fe80::2"),
    "is a link-local address, expected the address of the customer's router",
  ],
  [
    "a multicast IPv6 VM",
    vm(`§"ff02::5": {server: s1, mac: ${MAC}}`),
    "is a multicast address, expected the address of a VM",
  ],
  ["a loopback IPv6 VM", vm(`§"::1": {server: s1, mac: ${MAC}}`), "is a loopback address"],
  ["a link-local IPv6 VM", vm(`§fe80::5: {server: s1, mac: ${MAC}}`), "is a link-local address"],
  ["an IPv4-mapped VM", vm(`§"::ffff:10.0.0.5": {server: s1, mac: ${MAC}}`), "it is an IPv4-mapped address"],
  [
    "a VM in upper case, which could be there twice",
    vm(`§2001:DB8::5: {server: s1, mac: ${MAC}}`),
    '"2001:DB8::5" has another form, expected 2001:db8::5',
  ],
  [
    "a VM with zeros",
    vm(`§"2001:db8:0::5": {server: s1, mac: ${MAC}}`),
    '"2001:db8:0::5" has another form, expected 2001:db8::5',
  ],
  [
    "a prefix in upper case",
    route("prefix: §2001:DB8::/32, via: [g1]"),
    '"2001:DB8::/32" has another form, expected 2001:db8::/32',
  ],
  [
    "a multicast tenant",
    tenant("vni: 1, address: §224.0.0.1"),
    "is a multicast address, expected the address of the edge in this network",
  ],
  [
    "a link-local tenant",
    tenant("vni: 1, address6: §fe80::1"),
    "is a link-local address, expected the address of the edge in this network",
  ],
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
  ["capacity for IPv6 too small", edge("address: 10.2.0.1, capacity: {vms6: §1023}"), "expected 1024 to 16777216"],
  ["capacity for IPv6 too large", edge("address: 10.2.0.1, capacity: {vms6: §16777217}"), "expected 1024 to 16777216"],
  ["VLAN 0", circuit(`${goodCircuit}, vlan: §0`), "0 is out of range, expected 1 to 4094"],
  ["VLAN 4095", circuit(`${goodCircuit}, vlan: §4095`), "4095 is out of range, expected 1 to 4094"],
  ["inner VLAN 0", circuit(`${goodCircuit}, vlan: 1, innerVlan: §0`), "0 is out of range, expected 1 to 4094"],
  ["inner VLAN 4095", circuit(`${goodCircuit}, vlan: 1, innerVlan: §4095`), "expected 1 to 4094"],
  ["a VLAN as text", circuit(`${goodCircuit}, vlan: §"5"`), '"5" given, expected a VLAN ID'],
  [
    "a code point that is too large",
    tenant("vni: 1, dscpPolicy: {§64: direct-only}"),
    '"64" is no code point, expected 0 to 63',
  ],
  ["a negative code point", tenant("vni: 1, dscpPolicy: {§-1: direct-only}"), '"-1" is no code point'],
  ["a code point by name", tenant("vni: 1, dscpPolicy: {§ef: direct-only}"), '"ef" is no code point'],
  ["a hexadecimal code point", tenant("vni: 1, dscpPolicy: {§0x2e: direct-only}"), '"0x2e" is no code point'],
  ["a code point with a leading zero", tenant("vni: 1, dscpPolicy: {§08: direct-only}"), '"08" is no code point'],
  [
    "a rate without unit",
    profile("rateLimit: {rate: §100}"),
    "the number 100 given, expected a rate in bit/s, kbit/s, Mbit/s or Gbit/s",
  ],
  ["a rate in bytes", profile("rateLimit: {rate: §100MB}"), '"100MB" given, expected a rate'],
  ["a rate with a space", profile("rateLimit: {rate: §100 Mbit/s}"), "expected a rate"],
  ["a rate that is no whole number of bits", profile("rateLimit: {rate: §0.0001kbit/s}"), "expected a rate"],
  [
    "a rate that is too small",
    profile("rateLimit: {rate: §63999bit/s}"),
    "63999bit/s is out of range, expected 64kbit/s to 400Gbit/s",
  ],
  [
    "a rate that is too large",
    tenant("vni: 1, rateLimit: {rate: §401Gbit/s}"),
    "401Gbit/s is out of range, expected 64kbit/s to 400Gbit/s",
  ],
  ["no rate", profile("§rateLimit: {burst: 64KiB}"), "rateLimit.rate: missing, expected a rate"],
  ["a limit as text", profile("rateLimit: §100Mbit/s"), "expected a map with rate, burst"],
  [
    "a burst that no packet fits into",
    profile("rateLimit: {rate: 1Mbit/s, burst: §1499B}"),
    "1499B is out of range, expected 1500B to 500kB",
  ],
  [
    "a burst that is no limit",
    tenant("vni: 1, rateLimit: {rate: 1Mbit/s, burst: §500001B}"),
    "500001B is out of range, expected 1500B to 500kB",
  ],
  [
    "a burst without unit",
    profile("rateLimit: {rate: 1Mbit/s, burst: §65536}"),
    "expected a size in B, kB, KiB, MB or MiB",
  ],
  ["a burst in GiB", profile("rateLimit: {rate: 1Gbit/s, burst: §1GiB}"), "expected a size in B, kB, KiB, MB or MiB"],
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
  ["a hold-down too long", profile("bfd: {interval: 1s, multiplier: 3, holdDown: §601s}"), "expected 0us to 600s"],
  ["multihop as text", profile("bfd: {interval: 1s, multiplier: 3, multihop: §far}"), "expected true or false"],
  [
    "authentication by MD5",
    profile("bfd: {interval: 1s, multiplier: 3, auth: {type: §keyed-md5, keyId: 1, keyFile: /k}}"),
    "expected keyed-sha1 or meticulous-keyed-sha1",
  ],
  [
    "a key of 9 bits",
    profile("bfd: {interval: 1s, multiplier: 3, auth: {type: keyed-sha1, keyId: §256, keyFile: /k}}"),
    "256 is out of range, expected 0 to 255",
  ],
  [
    "a key file from somewhere",
    profile("bfd: {interval: 1s, multiplier: 3, auth: {type: keyed-sha1, keyId: 1, keyFile: §bfd.key}}"),
    "expected an absolute path",
  ],
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
  ["an encapsulation that is none", profile("encapsulation: §gre"), '"gre" given, expected vxlan, geneve or nvgre'],
  [
    "a format in upper case",
    profile("encapsulation: §VXLAN"),
    '"VXLAN" given, expected vxlan, geneve or nvgre, did you mean "vxlan"?',
  ],
  ["a clamp that is none", profile("mssClamp: §on"), "expected off or auto"],
  ["a checksum that is none", profile("udpChecksum: §half"), "expected zero or full"],
  ["a decapsulation that is none", profile("decapsulationDscp: §uniform"), "expected keep or copy"],
  [
    "a tag that is none",
    circuit(`${goodCircuit}, vlan: 5, tag: §802.1x`),
    '"802.1x" given, expected 802.1q or 802.1ad',
  ],
  [
    "a tag as a number",
    circuit(`${goodCircuit}, vlan: 5, tag: §0x88a8`),
    "the number 0x88a8 given, expected 802.1q or 802.1ad",
  ],
  [
    "a policy that is none",
    tenant("vni: 1, policy: §direct"),
    "expected direct-preferred, direct-only or gateway-only",
  ],
  [
    "a VM's policy that is none",
    vm(`10.0.0.1: {server: s1, mac: ${MAC}, policy: §off}`),
    "expected direct-preferred, direct-only or gateway-only",
  ],
  [
    "a DSCP policy that is none",
    tenant("vni: 1, dscpPolicy: {46: §drop}"),
    "expected direct-preferred, direct-only or gateway-only",
  ],
  [
    "DSCP policies as a list",
    tenant("vni: 1, §dscpPolicy: [46]"),
    "a list given, expected a map of policies by code point",
  ],
  [
    "a code point twice, once in quotes",
    tenant('vni: 1, dscpPolicy: {46: direct-only, §"46": direct-only}'),
    'the key "46" is already',
  ],
  [
    "a second address of a server",
    server("address: 10.2.0.2, §address6: fd00::1"),
    'no key of this server, did you mean "address"?',
  ],
  [
    "a policy of a route",
    route("prefix: 10.0.0.0/8, via: [g1], §policy: direct-only"),
    '"policy" is no key of this route',
  ],
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
  ["a VM inventory that is not there", `${head}vmInventory: §none.ndjson\n`, "read none.ndjson: there is no such file"],
  ["a VM inventory without a name", `${head}§vmInventory:\n`, "nothing given, expected the path of a file"],
  ["a tenant's VM inventory", tenant("vni: 1, §vmInventory: vms.ndjson"), '"vmInventory" is no key of this tenant'],
  ["encryption", profile("§encryption: ipsec"), "encryption is not supported by this version"],
  [
    "encryption of a server",
    server("address: 10.2.0.2, §encryption: ipsec"),
    "encryption is not supported by this version",
  ],
];

const combinations: Row[] = [
  [
    "an IPv6 server of an edge without IPv6",
    server("address: §2001:db8::2"),
    "2001:db8::2 is IPv6, and the edge has no address6, expected an IPv4 address, or edge.address6 as well",
  ],
  [
    "an IPv6 gateway of an edge without IPv6",
    gateway(`address: §2001:db8::2, mac: ${MAC}`),
    "2001:db8::2 is IPv6, and the edge has no address6",
  ],
  [
    "an IPv4 server of an edge without IPv4",
    "version: 1\nedge: {address6: 2001:db8::1}\nservers: {s: {address: §10.2.0.2}}\n",
    "10.2.0.2 is IPv4, and the edge has no address, expected an IPv6 address, or edge.address as well",
  ],
  [
    "a server at the edge's IPv6 address",
    `${dual}servers: {s: {address: §2001:db8:2::1}}\n`,
    "is the edge's own address",
  ],
  [
    "the same IPv6 address in two forms",
    `${dual}servers: {a: {address: 2001:db8:2::2}, b: {address: §2001:DB8:2:0::2}}\n`,
    "2001:db8:2::2 is already the address of server a",
  ],
  ["NVGRE with a UDP port", profile("encapsulation: nvgre, port: §4789"), "nvgre has no UDP port, expected none"],
  [
    "NVGRE with a UDP checksum",
    profile("encapsulation: nvgre, udpChecksum: §full"),
    "nvgre has no UDP checksum, expected zero",
  ],
  [
    "an MTU that the overhead fills",
    profile("mtu: §50"),
    "50 is too small: vxlan over IPv4 adds 50 bytes to an inner IPv4 packet, which every network must carry up to 68, expected 576 to 65535",
  ],
  [
    "an MTU without room for the smallest IPv6 packet",
    `${profile("mtu: §1329")}${peers}tenants: {t: {vni: 1, address6: 2001:db8::1}}\n`,
    "1329 is too small: vxlan over IPv4 adds 50 bytes to an inner IPv6 packet, which every network must carry up to 1280, expected 1330 to 65535",
  ],
  [
    "an MTU with room over IPv4 alone",
    `${dual}profiles: {p: {encapsulation: geneve, mtu: §1349}}\nservers: {a: {address: 2001:db8:2::2, profile: p}, b: {address: 10.2.0.3, profile: p}}\ntenants: {t: {vni: 1, vms: {"2001:db8::5": {server: a, mac: ${MAC}}}}}\n`,
    "geneve over IPv6 adds 70 bytes to an inner IPv6 packet, which every network must carry up to 1280, expected 1350 to 65535",
  ],
  [
    "an MTU too small for NVGRE over IPv6",
    `${dual}profiles: {p: {encapsulation: nvgre, mtu: §1341}}\ngateways: {g: {address: 2001:db8:2::2, profile: p, mac: ${MAC}}}\ntenants: {t: {vni: 1, routes: [{prefix: ::/0, via: [g]}]}}\n`,
    "nvgre over IPv6 adds 62 bytes",
  ],
  [
    "an inner VLAN alone",
    circuit(`${goodCircuit}, innerVlan: §7`),
    "the circuit has no vlan, expected the VLAN ID of the outer tag as well",
  ],
  [
    "a tag of no VLAN",
    circuit(`${goodCircuit}, tag: §802.1ad`),
    "the circuit has no vlan, expected the VLAN ID that it tags",
  ],
  [
    "two circuits in one VLAN",
    tenant(`vni: 1, circuits: {a: {${goodCircuit}, vlan: 5}, b: {${goodCircuit6}, vlan: §5, tag: 802.1ad}}`),
    "interface e0 already has circuit t/a with VLAN 5, expected another VLAN or interface",
  ],
  [
    "two circuits in one inner VLAN",
    tenant(
      `vni: 1, circuits: {a: {${goodCircuit}, vlan: 5, innerVlan: 7}, b: {${goodCircuit6}, vlan: 5, innerVlan: §7}}`,
    ),
    "interface e0 already has circuit t/a with VLAN 5 and inner VLAN 7",
  ],
  [
    "circuits of two tenants in one VLAN",
    `${head}tenants: {t: {vni: 1, circuits: {a: {${goodCircuit}, vlan: 5}}}, u: {vni: 2, circuits: {b: {${goodCircuit}, vlan: §5}}}}\n`,
    "interface e0 already has circuit t/a with VLAN 5",
  ],
  [
    "a circuit without any address",
    tenant("vni: 1, circuits: {§c: {interface: e0}}"),
    "circuits.c.address: missing, expected address and peer, or address6 and peer6",
  ],
  [
    "a circuit without peer",
    tenant("vni: 1, circuits: {§c: {interface: e0, address: 10.1.0.1/24}}"),
    "circuits.c.peer: missing, expected the customer's router beside address",
  ],
  [
    "a circuit with a peer alone",
    tenant("vni: 1, circuits: {§c: {interface: e0, peer: 10.1.0.2}}"),
    "circuits.c.address: missing, expected the edge's own address beside peer",
  ],
  [
    "a circuit without IPv6 peer",
    tenant(`vni: 1, circuits: {§c: {${goodCircuit}, address6: 2001:db8::1/64}}`),
    "circuits.c.peer6: missing, expected the customer's router beside address6",
  ],
  [
    "a circuit with an IPv6 peer alone",
    tenant(`vni: 1, circuits: {§c: {${goodCircuit}, peer6: 2001:db8::1}}`),
    "circuits.c.address6: missing, expected the edge's own address beside peer6",
  ],
  [
    "an IPv6 peer outside of the network",
    circuit("interface: e0, address6: 2001:db8:1::1/64, peer6: §2001:db8:2::2"),
    "is outside of 2001:db8:1::/64",
  ],
  [
    "an IPv6 peer that is the edge",
    circuit("interface: e0, address6: 2001:db8:1::1/64, peer6: §2001:db8:1:0::1"),
    "is the circuit's own address",
  ],
  [
    "an IPv6 circuit at the anycast address",
    circuit("interface: e0, address6: §2001:db8:1::/64, peer6: 2001:db8:1::2"),
    "2001:db8:1:: is the subnet-router anycast address of 2001:db8:1::/64, expected that of a host",
  ],
  [
    "an IPv6 peer at the anycast address",
    circuit('interface: e0, address6: 2001:db8:1::1/64, peer6: §"2001:db8:1::"'),
    "2001:db8:1:: is the subnet-router anycast address of 2001:db8:1::/64",
  ],
  [
    "two circuits with one peer",
    tenant(
      `vni: 1, circuits: {a: {${goodCircuit}}, b: {interface: e0, vlan: 5, address: 10.1.0.3/24, peer: §10.1.0.2}}`,
    ),
    "10.1.0.2 is the peer of circuit a, expected another address",
  ],
  [
    "two circuits with one IPv6 peer",
    tenant(
      `vni: 1, circuits: {a: {${goodCircuit6}}, b: {interface: e0, vlan: 5, address6: 2001:db8:1::1/64, peer6: §2001:db8:1::2}}`,
    ),
    "2001:db8:1::2 is the peer of circuit a",
  ],
  [
    "a circuit at another's peer",
    tenant(
      `vni: 1, circuits: {a: {${goodCircuit}}, b: {interface: e0, vlan: 5, address: §10.1.0.2/24, peer: 10.1.0.3}}`,
    ),
    "10.1.0.2 is the peer of circuit a",
  ],
  [
    "a peer at another circuit's address",
    tenant(
      `vni: 1, circuits: {a: {${goodCircuit}}, b: {interface: e0, vlan: 5, address: 10.1.0.3/24, peer: §10.1.0.1}}`,
    ),
    "10.1.0.1 is the edge's own address on circuit a",
  ],
  [
    "a tenant at a circuit's address",
    tenant(`vni: 1, address: §10.1.0.1, circuits: {a: {${goodCircuit}}}`),
    "10.1.0.1 is the edge's own address on circuit a",
  ],
  [
    "a tenant at a peer's address",
    tenant(`vni: 1, address6: §2001:db8:1::2, circuits: {a: {${goodCircuit6}}}`),
    "2001:db8:1::2 is the peer of circuit a",
  ],
  [
    "a VM at the tenant's address",
    tenant(`vni: 1, address: 10.0.0.1, vms: {§10.0.0.1: {server: s1, mac: ${MAC}}}`),
    "10.0.0.1 is the tenant's own address",
  ],
  [
    "a VM at the tenant's IPv6 address",
    tenant(`vni: 1, address6: 2001:db8::1, vms: {§2001:db8::1: {server: s1, mac: ${MAC}}}`),
    "2001:db8::1 is the tenant's own address",
  ],
  [
    "a VM at a circuit's IPv6 address",
    tenant(`vni: 1, circuits: {c: {${goodCircuit6}}}, vms: {§"2001:db8:1::1": {server: s1, mac: ${MAC}}}`),
    "is the edge's own address on circuit c",
  ],
  [
    "a VM at an IPv6 peer's address",
    tenant(`vni: 1, circuits: {c: {${goodCircuit6}}}, vms: {§"2001:db8:1::2": {server: s1, mac: ${MAC}}}`),
    "is the peer of circuit c",
  ],
  [
    "a route to the tenant's address",
    tenant("vni: 1, address: 10.0.0.1, routes: [{prefix: §10.0.0.1/32, via: [g1]}]"),
    "10.0.0.1 is the tenant's own address, expected a prefix of other hosts",
  ],
  [
    "a route to the tenant's IPv6 address",
    tenant("vni: 1, address6: 2001:db8::1, routes: [{prefix: §2001:db8::1/128, via: [g1]}]"),
    "2001:db8::1 is the tenant's own address",
  ],
  [
    "an IPv6 route to an IPv4 circuit",
    tenant(`vni: 1, circuits: {c: {${goodCircuit}}}, routes: [{prefix: 2001:db8::/32, circuit: §c}]`),
    "2001:db8::/32 is IPv6, and circuit c has no IPv6 address, expected a circuit with address6 and peer6",
  ],
  [
    "an IPv4 route to an IPv6 circuit",
    tenant(`vni: 1, circuits: {c: {${goodCircuit6}}}, routes: [{prefix: 10.0.0.0/8, circuit: §c}]`),
    "10.0.0.0/8 is IPv4, and circuit c has no IPv4 address, expected a circuit with address and peer",
  ],
  [
    "an IPv6 route with host bits",
    route("prefix: §2001:db8::1/32, via: [g1]"),
    "it has host bits set, expected 2001:db8::/32, or 2001:db8::1/128",
  ],
  ["an IPv6 route with a length above 128", route("prefix: §2001:db8::/129, via: [g1]"), "not a number 0 to 128"],
  ["an IPv6 route for multicast", route("prefix: §ff00::/8, via: [g1]"), "has only multicast addresses"],
  ["an IPv6 route for link-local addresses", route("prefix: §fe80::/64, via: [g1]"), "has only link-local addresses"],
  ["an IPv6 route for loopback", route('prefix: §"::1/128", via: [g1]'), "has only the loopback address"],
  ["an IPv6 route for nobody", route('prefix: §"::/128", via: [g1]'), "has only the unspecified address"],
  [
    "an IPv6 prefix twice",
    tenant("vni: 1, routes: [{prefix: 2001:db8::/32, via: [g1]}, {prefix: §2001:db8::/32, via: [s1]}]"),
    "2001:db8::/32 is already the prefix of routes[0]",
  ],
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
  combinations,
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
  expect(total).toBeGreaterThanOrEqual(270);
});
