// Random states that an edge can be told to have: valid, small, and from pools of names and addresses so narrow that any two
// of them have much in common and differ in every kind of object.

import fc from "fast-check";
import type { Mac } from "../../src/address/index.ts";
import {
  interfaceAddressOf,
  ipv4FromNumber,
  ipv4ToNumber,
  macFromBytes,
  parseIpv4,
  prefixOf,
} from "../../src/address/index.ts";
import type { Interface, NextHop, State } from "../../src/control/state.ts";
import type { Circuit, Gateway, Model, Profile, Route, Server, Tenant, Vm } from "../../src/model/index.ts";
import { DEFAULT_PROFILE } from "../../src/model/index.ts";

export const VM_CAPACITY = 1024;

const PROFILES = ["fast", "far", "p.3"];
const SERVERS = ["s1", "s2", "s3", "s4", "s5"];
const GATEWAYS = ["gw1", "gw2", "gw-3"];
const TENANTS = ["acme", "initech", "umbrella"];
const CIRCUITS = ["hq", "branch"];
const VNIS = [1, 2, 100, 0x10203, 0xffffff];
const PREFIXES = ["0.0.0.0/0", "172.16.0.0/12", "10.0.0.0/8", "172.16.5.0/24", "172.16.5.9/32"];

type Generator = fc.GeneratorValue;

const some = (g: Generator, from: readonly string[]): string[] => g(fc.subarray, [...from]);
const chance = (g: Generator, part: number): boolean => g(fc.nat, { max: 99 }) < part;

function mac(g: Generator): Mac {
  const bytes = g(fc.uint8Array, { minLength: 6, maxLength: 6 }).slice();
  bytes[0] = ((bytes[0] as number) & 0xfc) | 2;
  return macFromBytes(bytes);
}

function profile(g: Generator): Profile {
  return {
    encapsulation: "vxlan",
    port: g(fc.constantFrom, 1, 4789, 4790, 65535),
    ttl: g(fc.integer, { min: 1, max: 255 }),
    dscp: chance(g, 50) ? "copy" : g(fc.nat, { max: 63 }),
    ecn: g(fc.constantFrom<("normal" | "compatibility")[]>, "normal", "compatibility"),
    dontFragment: g(fc.boolean),
    entropy: g(fc.constantFrom<("l4" | "l3")[]>, "l4", "l3"),
    ...(chance(g, 50) ? { mtuBytes: g(fc.integer, { min: 576, max: 65535 }) } : {}),
    ...(chance(g, 50)
      ? { bfd: { intervalUs: g(fc.integer, { min: 1000, max: 60_000_000 }), multiplier: g(fc.nat, { max: 254 }) + 1 } }
      : {}),
  };
}

function tenant(g: Generator, vni: number, free: string[], servers: string[], endpoints: string[]): Tenant {
  const circuits = new Map<string, Circuit>();
  for (const name of some(g, CIRCUITS)) {
    const nic = chance(g, 70) ? free.shift() : undefined;
    if (nic === undefined) continue;
    const length = g(fc.integer, { min: 8, max: 31 });
    const own = ipv4ToNumber(parseIpv4("10.1.0.0")) + 2 * g(fc.nat, { max: 100 });
    circuits.set(name, {
      interface: nic,
      address: interfaceAddressOf(ipv4FromNumber(own), length),
      peer: ipv4FromNumber(own + 1),
      ...(chance(g, 30) ? { peerMac: mac(g) } : {}),
    });
  }
  const routes = new Map<ReturnType<typeof prefixOf>, Route>();
  for (const text of some(g, PREFIXES)) {
    const [address = "", length] = text.split("/");
    const prefix = prefixOf(parseIpv4(address), Number(length));
    const via = [...some(g, endpoints)].sort();
    const [circuit] = circuits.keys();
    if (circuit !== undefined && chance(g, 30)) routes.set(prefix, { kind: "circuit", circuit });
    else if (via.length > 0) routes.set(prefix, { kind: "endpoints", via });
  }
  const vms = new Map<ReturnType<typeof parseIpv4>, Vm>();
  if (servers.length > 0) {
    for (let host = 1; host <= 6; host++) {
      if (chance(g, 30)) continue;
      vms.set(parseIpv4(`172.16.0.${host}`), { server: g(fc.constantFrom<string[]>, ...servers), mac: mac(g) });
    }
  }
  return {
    vni,
    sourceCheck: g(fc.constantFrom<Tenant["sourceCheck"][]>, "vm", "member", "off"),
    servers: [...some(g, endpoints)].sort(),
    circuits,
    routes,
    vms,
  };
}

/** A model without ports, whose circuits are on `interfaces`. */
function model(g: Generator, interfaces: readonly string[]): Model {
  const profiles = new Map([["default", chance(g, 50) ? DEFAULT_PROFILE : profile(g)]]);
  for (const name of some(g, PROFILES)) profiles.set(name, profile(g));
  // What the generator gives is remembered for shrinking: it is copied before it is used up.
  const hosts = [...g(fc.uniqueArray<number, number>, fc.nat({ max: 30 }), { minLength: 8, maxLength: 8 })];
  const endpoint = () => ({
    address: parseIpv4(`10.2.0.${(hosts.pop() as number) + 2}`),
    profile: g(fc.constantFrom<string[]>, ...profiles.keys()),
    mac: mac(g),
  });
  const servers = new Map<string, Server>();
  // A standby comes later in the list than who names it, so that no two wait for each other.
  const serverNames = some(g, SERVERS);
  for (const [at, name] of serverNames.entries()) {
    const later = serverNames.slice(at + 1);
    const standby = later.length > 0 && chance(g, 50) ? g(fc.constantFrom<string[]>, ...later) : undefined;
    servers.set(name, { ...endpoint(), ...(standby === undefined ? {} : { standby }) });
  }
  const gateways = new Map<string, Gateway>(some(g, GATEWAYS).map((name) => [name, endpoint()]));
  const endpoints = [...servers.keys(), ...gateways.keys()];
  const vnis = [...g(fc.shuffledSubarray<number>, VNIS, { minLength: VNIS.length })];
  const free = [...interfaces];
  const tenants = new Map<string, Tenant>();
  for (const name of some(g, TENANTS)) tenants.set(name, tenant(g, vnis.pop() as number, free, serverNames, endpoints));
  const edge = { address: parseIpv4("10.2.0.1"), mac: mac(g), interfaces: [], vmCapacity: VM_CAPACITY };
  return { edge, profiles, servers, gateways, tenants };
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
  return fc.gen().map((g) => {
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
