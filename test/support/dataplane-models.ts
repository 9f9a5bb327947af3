// Random states that an edge can be told to have: valid, small, and from pools of names and addresses so narrow that any two
// of them have much in common and differ in every kind of object.

import fc from "fast-check";
import type {
  InterfaceAddress,
  InterfaceAddress6,
  IpAddress,
  IpPrefix,
  Ipv4,
  Ipv6,
  Mac,
} from "../../src/address/index.ts";
import {
  interfaceAddressOf,
  ipFamily,
  ipv4FromNumber,
  ipv4ToNumber,
  macFromBytes,
  parseIp,
  parseIpPrefix,
  parseIpv4,
  parseIpv6,
  prefixAddress,
} from "../../src/address/index.ts";
import type { Interface, NextHop, State } from "../../src/control/state.ts";
import type {
  Bfd,
  Circuit,
  Edge,
  Encapsulation,
  Gateway,
  Model,
  PathPolicy,
  Profile,
  RateLimit,
  Route,
  Server,
  Tenant,
  Vm,
} from "../../src/model/index.ts";
import { DEFAULT_PROFILE, VmSet } from "../../src/model/index.ts";

export const VM_CAPACITY = 1024;
export const VM6_CAPACITY = 1024;

const PROFILES = ["fast", "far", "p.3"];
const SERVERS = ["s1", "s2", "s3", "s4", "s5"];
const GATEWAYS = ["gw1", "gw2", "gw-3"];
const TENANTS = ["acme", "initech", "umbrella"];
const CIRCUITS = ["hq", "branch", "lab"];
const VNIS = [1, 2, 100, 0x10203, 0xffffff];
const PREFIXES = [
  "0.0.0.0/0",
  "172.16.0.0/12",
  "10.0.0.0/8",
  "172.16.5.0/24",
  "172.16.5.9/32",
  "::/0",
  "2001:db8:16::/48",
  "2001:db8:16:5::/64",
  "2001:db8:16:5::9/128",
];
/** A format has ports of its own: one service is one format. */
const PORTS: Readonly<Record<Encapsulation, readonly number[]>> = {
  vxlan: [1, 4789, 4790, 65535],
  geneve: [2, 6081, 6082],
  nvgre: [],
};
const POLICIES: readonly PathPolicy[] = ["direct-preferred", "direct-only", "gateway-only"];

type Generator = fc.GeneratorValue;

const some = (g: Generator, from: readonly string[]): string[] => g(fc.subarray, [...from]);
const chance = (g: Generator, part: number): boolean => g(fc.nat, { max: 99 }) < part;
const oneOf = <T>(g: Generator, from: readonly T[]): T => from[g(fc.nat, { max: from.length - 1 })] as T;

function mac(g: Generator): Mac {
  const bytes = g(fc.uint8Array, { minLength: 6, maxLength: 6 }).slice();
  bytes[0] = ((bytes[0] as number) & 0xfc) | 2;
  return macFromBytes(bytes);
}

function rateLimit(g: Generator): RateLimit {
  const bitsPerSecond = oneOf(g, [64_000, 100_000_000, 1_234_567_891, 400_000_000_000]);
  return { bitsPerSecond, burstBytes: oneOf(g, [1500, 4321, Math.floor(bitsPerSecond / 2)]) };
}

function profile(g: Generator): Profile {
  const encapsulation = oneOf<Encapsulation>(g, ["vxlan", "geneve", "nvgre"]);
  return {
    encapsulation,
    ...(encapsulation === "nvgre" ? {} : { port: oneOf(g, PORTS[encapsulation]) }),
    ttl: g(fc.integer, { min: 1, max: 255 }),
    dscp: chance(g, 50) ? "copy" : g(fc.nat, { max: 63 }),
    decapsulationDscp: oneOf(g, ["keep", "copy"]),
    ecn: oneOf(g, ["normal", "compatibility"]),
    dontFragment: g(fc.boolean),
    udpChecksum: encapsulation === "nvgre" ? "zero" : oneOf(g, ["zero", "full"]),
    entropy: oneOf(g, ["l4", "l3"]),
    // Room for the largest overhead and the smallest IPv6 packet.
    ...(chance(g, 50) ? { mtuBytes: g(fc.integer, { min: 1350, max: 65535 }) } : {}),
    mssClamp: oneOf(g, ["off", "auto"]),
    ...(chance(g, 30) ? { rateLimit: rateLimit(g) } : {}),
    ...(chance(g, 50) ? { bfd: bfd(g) } : {}),
  };
}

function bfd(g: Generator): Bfd {
  const type = oneOf(g, ["keyed-sha1", "meticulous-keyed-sha1"] as const);
  return {
    intervalUs: g(fc.integer, { min: 1000, max: 60_000_000 }),
    multiplier: g(fc.nat, { max: 254 }) + 1,
    multihop: g(fc.boolean),
    holdDownUs: g(fc.nat, { max: 600_000_000 }),
    ...(chance(g, 30) ? { auth: { type, keyId: g(fc.nat, { max: 255 }), keyFile: `/etc/unum/${g(fc.nat)}.key` } } : {}),
  };
}

type Attachment = Pick<Circuit, "interface" | "vlan" | "innerVlan" | "tag">;

/** Ways onto each interface, no two of them the same. */
function attachments(interfaces: readonly string[]): Attachment[] {
  const ways: Omit<Attachment, "interface">[] = [
    {},
    { vlan: 100, tag: "802.1q" },
    { vlan: 101, tag: "802.1ad" },
    { vlan: 100, innerVlan: 7, tag: "802.1ad" },
    { vlan: 4094, innerVlan: 1, tag: "802.1q" },
  ];
  return interfaces.flatMap((name) => ways.map((way) => ({ interface: name, ...way })));
}

/** The `nth` circuit of a tenant: no two have the same peer. */
function circuit(g: Generator, attachment: Attachment, nth: number): Circuit {
  const own = ipv4ToNumber(parseIpv4("10.1.0.0")) + 64 * nth + 2 * g(fc.nat, { max: 30 });
  const own6 = `2001:db8:1:${nth + 1}::${(2 + 2 * g(fc.nat, { max: 30 })).toString(16)}`;
  const families = oneOf(g, [[4], [6], [4, 6]]);
  const address: InterfaceAddress = interfaceAddressOf(ipv4FromNumber(own), g(fc.integer, { min: 8, max: 31 }));
  const address6: InterfaceAddress6 = interfaceAddressOf(parseIpv6(own6), g(fc.integer, { min: 32, max: 127 }));
  const next6 = own6.replace(/[0-9a-f]+$/, (host) => (Number.parseInt(host, 16) + 1).toString(16));
  return {
    ...attachment,
    ...(families.includes(4) ? { address, peer: ipv4FromNumber(own + 1) } : {}),
    ...(families.includes(6) ? { address6, peer6: parseIpv6(next6) } : {}),
    ...(chance(g, 30) ? { peerMac: mac(g) } : {}),
  };
}

function routes(g: Generator, circuits: ReadonlyMap<string, Circuit>, endpoints: string[]): Map<IpPrefix, Route> {
  const made = new Map<IpPrefix, Route>();
  for (const text of some(g, PREFIXES)) {
    const prefix = parseIpPrefix(text);
    const family = ipFamily(prefixAddress(prefix));
    const via = [...some(g, endpoints)].sort();
    const [name] = [...circuits].find(([, { address, address6 }]) => (family === 4 ? address : address6)) ?? [];
    if (name !== undefined && chance(g, 30)) made.set(prefix, { kind: "circuit", circuit: name });
    else if (via.length > 0) made.set(prefix, { kind: "endpoints", via });
  }
  return made;
}

function vms(g: Generator, servers: string[]): VmSet {
  const made = new Map<IpAddress, Vm>();
  if (servers.length === 0) return VmSet.of(made);
  for (const network of ["172.16.0.", "2001:db8:16::"]) {
    for (let host = 1; host <= 5; host++) {
      if (chance(g, 40)) continue;
      made.set(parseIp(`${network}${host}`), {
        server: oneOf(g, servers),
        mac: mac(g),
        ...(chance(g, 30) ? { policy: oneOf(g, POLICIES) } : {}),
      });
    }
  }
  return VmSet.of(made);
}

function tenant(g: Generator, vni: number, free: Attachment[], servers: string[], endpoints: string[]): Tenant {
  const circuits = new Map<string, Circuit>();
  for (const [nth, name] of some(g, CIRCUITS).entries()) {
    const attachment = chance(g, 70) ? free.shift() : undefined;
    if (attachment !== undefined) circuits.set(name, circuit(g, attachment, nth));
  }
  const codePoints = g(fc.subarray, [0, 8, 31, 32, 46, 63]);
  return {
    vni,
    sourceCheck: oneOf(g, ["vm", "member", "off"]),
    servers: [...some(g, endpoints)].sort(),
    ...(chance(g, 30) ? { address: parseIpv4("172.16.255.254") } : {}),
    ...(chance(g, 30) ? { address6: parseIpv6("2001:db8:16:ff::1") } : {}),
    policy: oneOf(g, POLICIES),
    dscpPolicies: new Map(chance(g, 50) ? [] : codePoints.map((codePoint) => [codePoint, oneOf(g, POLICIES)])),
    ...(chance(g, 30) ? { rateLimit: rateLimit(g) } : {}),
    circuits,
    routes: routes(g, circuits, endpoints),
    vms: vms(g, servers),
  };
}

function edge(g: Generator): Edge {
  const families = oneOf(g, [[4], [6], [4, 6], [4, 6]]);
  return {
    ...(families.includes(4) ? { address: parseIpv4("10.2.0.1") } : {}),
    ...(families.includes(6) ? { address6: parseIpv6(oneOf(g, ["2001:db8:2::1", "2001:db8:2::f1"])) } : {}),
    mac: mac(g),
    interfaces: [],
    vmCapacity: VM_CAPACITY,
    vm6Capacity: VM6_CAPACITY,
  };
}

/** A model without ports, whose circuits are on `interfaces`. */
function model(g: Generator, interfaces: readonly string[]): Model {
  const made = edge(g);
  const profiles = new Map([["default", chance(g, 50) ? DEFAULT_PROFILE : profile(g)]]);
  for (const name of some(g, PROFILES)) profiles.set(name, profile(g));
  // What the generator gives is remembered for shrinking: it is copied before it is used up.
  const hosts = [...g(fc.uniqueArray<number, number>, fc.nat({ max: 30 }), { minLength: 8, maxLength: 8 })];
  const remote = (): Ipv4 | Ipv6 => {
    const host = (hosts.pop() as number) + 2;
    const families = [...(made.address === undefined ? [] : [4]), ...(made.address6 === undefined ? [] : [6])];
    return oneOf(g, families) === 4 ? parseIpv4(`10.2.0.${host}`) : parseIpv6(`2001:db8:2::${host}`);
  };
  const endpoint = () => ({
    address: remote(),
    profile: oneOf(g, [...profiles.keys()]),
    mac: mac(g),
    ...(chance(g, 20) ? ({ drained: true } as const) : {}),
  });
  const servers = new Map<string, Server>();
  // A standby comes later in the list than who names it, so that no two wait for each other.
  const serverNames = some(g, SERVERS);
  for (const [at, name] of serverNames.entries()) {
    const later = serverNames.slice(at + 1);
    const standby = later.length > 0 && chance(g, 50) ? oneOf(g, later) : undefined;
    servers.set(name, { ...endpoint(), ...(standby === undefined ? {} : { standby }) });
  }
  const gateways = new Map<string, Gateway>(some(g, GATEWAYS).map((name) => [name, endpoint()]));
  const endpoints = [...servers.keys(), ...gateways.keys()];
  const vnis = [...g(fc.shuffledSubarray<number>, VNIS, { minLength: VNIS.length })];
  const free = [...g(fc.shuffledSubarray<Attachment>, attachments(interfaces))];
  const tenants = new Map<string, Tenant>();
  for (const name of some(g, TENANTS)) tenants.set(name, tenant(g, vnis.pop() as number, free, serverNames, endpoints));
  return { edge: made, profiles, servers, gateways, tenants };
}

function nextHop(g: Generator, ifindexes: readonly number[]): NextHop {
  return {
    ifindex: g(fc.constantFrom<number[]>, ...ifindexes),
    sourceMac: mac(g),
    nextHopMac: mac(g),
    mtuBytes: g(fc.integer, { min: 68, max: 65535 }),
    transmit: g(fc.constantFrom<NextHop["transmit"][]>, "direct", "redirect"),
  };
}

/** States on a machine with these interfaces. Only interfaces that circuits name are in them, as the maps hold them. */
export function stateOn(interfaces: ReadonlyMap<string, Interface>): fc.Arbitrary<State> {
  // What fc.gen() draws it draws from a copy of the random numbers: without a number between them, two states were the same.
  return fc.tuple(fc.gen(), fc.integer()).map(([g]) => {
    const made = model(g, [...interfaces.keys()]);
    const named = new Set([...made.tenants.values()].flatMap(({ circuits }) => [...circuits.values()]));
    const used = new Set([...named].map((circuit) => circuit.interface));
    const ifindexes = [...interfaces.values()].map(({ ifindex }) => ifindex);
    const nextHops = new Map<string, NextHop>();
    for (const name of [...made.servers.keys(), ...made.gateways.keys()])
      if (chance(g, 80)) nextHops.set(name, nextHop(g, ifindexes));
    return { model: made, interfaces: new Map([...interfaces].filter(([name]) => used.has(name))), nextHops };
  });
}

/** Some interfaces that no machine needs to have. */
export const PAPER_INTERFACES: ReadonlyMap<string, Interface> = new Map(
  ["e0", "e1", "e2", "vlan.7"].map((name, at) => [
    name,
    {
      ifindex: 10 + at,
      mac: macFromBytes(Uint8Array.of(2, 0, 0, 0, 1, at)),
      mtuBytes: 1500,
      transmit: at % 2 === 0 ? "direct" : "redirect",
    },
  ]),
);
