// The world as the oracle sees it: the document's words, looked up the slow and obvious way.

import { type Address, addressAt, addressBytes, type Family, familyOf } from "./oracle-ip.ts";
import type { OracleSessions } from "./oracle-liveness.ts";
import { ipBytes, macBytes } from "./packet-bytes.ts";
import {
  type CircuitDocument,
  type EndpointDocument,
  HOPS,
  type HopSpec,
  LEARNED,
  LEARNED6,
  PORT_SPECS,
  type PortName,
  type PortSpec,
  type ProfileDocument,
  type TenantDocument,
  type World,
} from "./packet-world.ts";

export type Format = "vxlan" | "geneve" | "nvgre";
export type Policy = "direct-preferred" | "direct-only" | "gateway-only";

export interface OracleProfile extends Required<Omit<ProfileDocument, "rateLimit" | "bfd">> {
  readonly encapsulation: Format;
}

export interface OracleEndpoint {
  readonly name: string;
  readonly address: Address;
  readonly family: Family;
  readonly gateway: boolean;
  readonly standby?: string;
  readonly mac: Uint8Array;
  readonly profile: OracleProfile;
  /** Outer packet minus inner one. */
  readonly overhead: number;
  /** Where it is reached; absent while nobody knows. */
  readonly hop?: HopSpec;
}

/** What a circuit is in one family. */
export interface OracleNeighbour {
  readonly address: Address;
  readonly prefixLength: number;
  readonly peer: Address;
}

export interface OracleCircuit {
  readonly name: string;
  readonly tenant: string;
  readonly port: PortName;
  readonly spec: PortSpec;
  /** EtherType and VLAN of each tag, the outer one first. */
  readonly tags: readonly (readonly [type: number, vlan: number])[];
  /** Of an IP packet. A veth, which is redirected to, counts tags as part of what its MTU allows; others take one on top. */
  readonly mtu: number;
  readonly ipv4?: OracleNeighbour;
  readonly ipv6?: OracleNeighbour;
  readonly peerMac?: Uint8Array;
}

export type OracleTarget = { readonly via: readonly string[] } | { readonly circuit: OracleCircuit } | "self";

interface OracleRoute {
  readonly network: Address;
  readonly prefixLength: number;
  readonly target: OracleTarget;
}

export interface OracleVm {
  readonly server: string;
  readonly mac: Uint8Array;
  readonly policy?: Policy;
}

export interface OracleTenant {
  readonly name: string;
  readonly vni: number;
  readonly check: "vm" | "member" | "off";
  readonly addresses: Partial<Record<Family, Address>>;
  readonly policy: Policy;
  readonly dscpPolicies: ReadonlyMap<number, Policy>;
  readonly vms: ReadonlyMap<Address, OracleVm>;
  /** The longest prefix first. */
  readonly routes: readonly OracleRoute[];
  readonly members: ReadonlySet<string>;
}

const keyOf = (text: string): Address => {
  const bytes = ipBytes(text);
  return addressAt(bytes, 0, bytes.length === 16 ? 6 : 4);
};

function splitPrefix(text: string): [address: Address, length: number] {
  const [address = "", length = ""] = text.split("/");
  return [keyOf(address), Number(length)];
}

function covers({ network, prefixLength }: OracleRoute, address: Address): boolean {
  if (network.length !== address.length) return false;
  const whole = prefixLength >> 3;
  if (!address.startsWith(network.slice(0, whole))) return false;
  const shift = 8 - (prefixLength & 7);
  return shift === 8 || network.charCodeAt(whole) >> shift === address.charCodeAt(whole) >> shift;
}

/** The last address of an IPv4 network. */
export function broadcastOf({ address, prefixLength }: OracleNeighbour): Address {
  const bytes = addressBytes(address);
  for (let bit = prefixLength; bit < 32; bit++) bytes[bit >> 3] = (bytes[bit >> 3] as number) | (0x80 >> (bit & 7));
  return addressAt(bytes, 0, 4);
}

const DEFAULT_PORT = { vxlan: 4789, geneve: 6081, nvgre: 0 } as const;

function profileOf(document: ProfileDocument): OracleProfile {
  const { encapsulation = "vxlan" } = document;
  return {
    encapsulation,
    port: document.port ?? DEFAULT_PORT[encapsulation],
    ttl: document.ttl ?? 64,
    dscp: document.dscp ?? "copy",
    decapsulationDscp: document.decapsulationDscp ?? "keep",
    ecn: document.ecn ?? "normal",
    dontFragment: document.dontFragment ?? true,
    udpChecksum: document.udpChecksum ?? "zero",
    entropy: document.entropy ?? "l4",
    mtu: document.mtu ?? 65535,
    mssClamp: document.mssClamp ?? "off",
  };
}

function endpointOf(
  name: string,
  document: EndpointDocument,
  gateway: boolean,
  world: World,
  hop: HopSpec | undefined,
) {
  const profile = profileOf(world.profiles[document.profile ?? "default"] ?? {});
  const address = keyOf(document.address);
  const family = familyOf(address);
  const endpoint: OracleEndpoint = {
    name,
    address,
    family,
    gateway,
    ...(document.standby === undefined ? {} : { standby: document.standby }),
    // The default MAC of a server is never seen in this world: each that a route leads to has one of its own.
    mac: macBytes(document.mac ?? "00:00:00:00:00:00"),
    profile,
    overhead: (family === 6 ? 40 : 20) + (profile.encapsulation === "nvgre" ? 0 : 8) + 8 + 14,
    ...(hop === undefined ? {} : { hop }),
  };
  return endpoint;
}

function neighbourOf(own: string | undefined, peer: string | undefined): OracleNeighbour | undefined {
  if (own === undefined || peer === undefined) return undefined;
  const [address, prefixLength] = splitPrefix(own);
  return { address, prefixLength, peer: keyOf(peer) };
}

function circuitOf(tenant: string, name: string, document: CircuitDocument): OracleCircuit {
  const spec = PORT_SPECS[document.interface];
  const { vlan, innerVlan } = document;
  const outerType = (document.tag ?? (innerVlan === undefined ? "802.1q" : "802.1ad")) === "802.1q" ? 0x8100 : 0x88a8;
  const tags = [
    ...(vlan === undefined ? [] : [[outerType, vlan] as const]),
    ...(innerVlan === undefined ? [] : [[0x8100, innerVlan] as const]),
  ];
  const ipv4 = neighbourOf(document.address, document.peer);
  const ipv6 = neighbourOf(document.address6, document.peer6);
  return {
    name: `${tenant}/${name}`,
    tenant,
    port: document.interface,
    spec,
    tags,
    mtu: spec.mtu - 4 * (spec.transmit === "redirect" ? tags.length : Math.max(0, tags.length - 1)),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(document.peerMac === undefined ? {} : { peerMac: macBytes(document.peerMac) }),
  };
}

/** By port and tags. */
const placeOf = (port: PortName, vlans: readonly number[]) => `${port} ${vlans.join(" ")}`;

export class OracleNetwork {
  readonly addresses: Partial<Record<Family, Address>> = {};
  readonly mac: Uint8Array;
  readonly endpoints = new Map<string, OracleEndpoint>();
  readonly byAddress = new Map<Address, OracleEndpoint>();
  readonly tenants = new Map<string, OracleTenant>();
  readonly byVni = new Map<number, OracleTenant>();
  readonly #circuits = new Map<string, OracleCircuit>();
  /** Tunnel ports by family, 0 for NVGRE, that some endpoint's profile uses. */
  readonly ports: Readonly<Record<Family, Set<number>>> = { 4: new Set(), 6: new Set() };
  /** Endpoints that are out of use. */
  readonly down = new Set<string>();
  /** What routers told about paths: outer packet, bytes. */
  readonly pathMtus = new Map<string, number>();
  /** Of BFD; absent: no endpoint is watched. */
  sessions?: OracleSessions;
  /** By family and tenant/circuit. */
  readonly learned: Readonly<Record<Family, Map<string, Uint8Array>>> = { 4: new Map(), 6: new Map() };

  constructor(world: World, hops: Readonly<Record<string, HopSpec>> = HOPS) {
    if (world.edge.address !== undefined) this.addresses[4] = keyOf(world.edge.address);
    if (world.edge.address6 !== undefined) this.addresses[6] = keyOf(world.edge.address6);
    this.mac = macBytes(world.edge.mac);
    for (const [list, gateway] of [
      [world.servers, false],
      [world.gateways, true],
    ] as const) {
      for (const [name, document] of Object.entries(list)) {
        const endpoint = endpointOf(name, document, gateway, world, hops[name]);
        this.endpoints.set(name, endpoint);
        this.byAddress.set(endpoint.address, endpoint);
        this.ports[endpoint.family].add(endpoint.profile.port);
      }
    }
    for (const [name, document] of Object.entries(world.tenants)) this.#addTenant(world, name, document);
    this.forget();
  }

  /** What packets taught: as at the start of a test. */
  forget(): void {
    for (const [family, known] of [
      [4, LEARNED],
      [6, LEARNED6],
    ] as const) {
      this.learned[family].clear();
      for (const [name, mac] of Object.entries(known)) this.learned[family].set(name, macBytes(mac));
    }
  }

  #addTenant(world: World, name: string, document: TenantDocument): void {
    const circuits = new Map<string, OracleCircuit>();
    for (const [circuitName, circuit] of Object.entries(document.circuits ?? {})) {
      const made = circuitOf(name, circuitName, circuit);
      circuits.set(circuitName, made);
      this.#circuits.set(
        placeOf(
          made.port,
          made.tags.map(([, vlan]) => vlan),
        ),
        made,
      );
    }
    const own = [document.address, document.address6].flatMap((text) => (text === undefined ? [] : [keyOf(text)]));
    const vms = Object.entries(document.vms ?? {});
    const routes = (document.routes ?? []).map((route): OracleRoute => {
      const [network, prefixLength] = splitPrefix(route.prefix);
      const circuit = circuits.get(route.circuit ?? "");
      return { network, prefixLength, target: circuit === undefined ? { via: route.via ?? [] } : { circuit } };
    });
    for (const address of own) routes.push({ network: address, prefixLength: 8 * address.length, target: "self" });
    const members = new Set([
      ...(document.servers ?? []),
      ...routes.flatMap(({ target }) => (typeof target === "object" && "via" in target ? target.via : [])),
    ]);
    for (const [, { server }] of vms) {
      members.add(server);
      const standby = world.servers[server]?.standby;
      if (standby !== undefined) members.add(standby);
    }
    const tenant: OracleTenant = {
      name,
      vni: document.vni,
      check: document.sourceCheck ?? "vm",
      addresses: Object.fromEntries(own.map((address) => [familyOf(address), address])),
      policy: document.policy ?? "direct-preferred",
      dscpPolicies: new Map(Object.entries(document.dscpPolicy ?? {}).map(([dscp, policy]) => [Number(dscp), policy])),
      vms: new Map(vms.map(([address, vm]) => [keyOf(address), { ...vm, mac: macBytes(vm.mac) }])),
      routes: routes.sort((a, b) => b.prefixLength - a.prefixLength),
      members,
    };
    this.tenants.set(name, tenant);
    this.byVni.set(tenant.vni, tenant);
  }

  endpoint(name: string): OracleEndpoint {
    return this.endpoints.get(name) as OracleEndpoint;
  }

  tenant(name: string): OracleTenant {
    return this.tenants.get(name) as OracleTenant;
  }

  circuit(port: PortName, vlans: readonly number[]): OracleCircuit | undefined {
    return this.#circuits.get(placeOf(port, vlans));
  }

  route(tenant: OracleTenant, address: Address): OracleTarget | undefined {
    return tenant.routes.find((route) => covers(route, address))?.target;
  }

  peerMac(circuit: OracleCircuit, family: Family): Uint8Array | undefined {
    return circuit.peerMac ?? this.learned[family].get(circuit.name);
  }
}

export function neighbourFor(circuit: OracleCircuit, family: Family): OracleNeighbour | undefined {
  return family === 6 ? circuit.ipv6 : circuit.ipv4;
}
