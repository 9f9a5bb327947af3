// What an edge is told to be: names, canonical address strings and numbers, frozen. Every default is filled in, so two
// models that mean the same compare equal field by field. Lists that are sets are sorted and hold no name twice.

import type { InterfaceAddress, Ipv4, Ipv4Prefix, Mac } from "../address/index.ts";

/** A whole desired or observed state. Keys of the maps are names, prefixes and VM addresses. */
export interface Model {
  readonly edge: Edge;
  /** Always has one named "default". */
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly servers: ReadonlyMap<string, Server>;
  readonly gateways: ReadonlyMap<string, Gateway>;
  readonly tenants: ReadonlyMap<string, Tenant>;
}

/** This machine: its VTEP and ports. */
export interface Edge {
  /** Outer source address of every tunnel. */
  readonly address: Ipv4;
  /** Inner source MAC: the edge as a router of every overlay. */
  readonly mac: Mac;
  readonly interfaces: readonly PortConfig[];
  /** VMs that the VM table is made for, of all tenants together. */
  readonly vmCapacity: number;
}

export type PortRole = "access" | "underlay" | "both";
export type PortMode = "native" | "generic";

export interface PortConfig {
  readonly name: string;
  /** access faces customers, underlay faces servers and gateways. */
  readonly role: PortRole;
  /** XDP in the driver, or in the stack. */
  readonly mode: PortMode;
}

/** Encapsulation parameters that endpoints share by name. */
export interface Profile {
  /** RFC 7348. */
  readonly encapsulation: "vxlan";
  /** UDP destination port. */
  readonly port: number;
  readonly ttl: number;
  /** Code point of the outer header: that of the inner one, or 0 to 63. */
  readonly dscp: "copy" | number;
  /** RFC 6040 section 4.1. */
  readonly ecn: "normal" | "compatibility";
  readonly dontFragment: boolean;
  /** Inner headers that the outer UDP source port is made of. */
  readonly entropy: "l4" | "l3";
  /** Largest outer IP packet; that of the egress interface when absent. */
  readonly mtuBytes?: number;
  readonly bfd?: Bfd;
}

/** Timers of RFC 5880. Dead after interval × multiplier. */
export interface Bfd {
  readonly intervalUs: number;
  readonly multiplier: number;
}

export interface Server {
  /** Remote VTEP. */
  readonly address: Ipv4;
  readonly profile: string;
  /** Server that takes its VMs over. */
  readonly standby?: string;
  /** Inner destination of packets that a route sends here; a VM has its own. */
  readonly mac: Mac;
}

export interface Gateway {
  readonly address: Ipv4;
  readonly profile: string;
  readonly mac: Mac;
}

/** Which inner source addresses a tunnel packet may carry (docs/packet-path.md). */
export type SourceCheck = "vm" | "member" | "off";

export interface Tenant {
  readonly vni: number;
  readonly sourceCheck: SourceCheck;
  /** Endpoints that may speak in this network beyond those its VMs and routes name; sorted. */
  readonly servers: readonly string[];
  readonly circuits: ReadonlyMap<string, Circuit>;
  readonly routes: ReadonlyMap<Ipv4Prefix, Route>;
  readonly vms: ReadonlyMap<Ipv4, Vm>;
}

/** Where a customer is attached: an untagged access port with one router behind it. */
export interface Circuit {
  readonly interface: string;
  /** The edge's own address and its network. */
  readonly address: InterfaceAddress;
  readonly peer: Ipv4;
  /** Given: never learned. */
  readonly peerMac?: Mac;
}

export type Route =
  /** Equal-cost servers or gateways; sorted. */
  | { readonly kind: "endpoints"; readonly via: readonly string[] }
  | { readonly kind: "circuit"; readonly circuit: string };

export interface Vm {
  readonly server: string;
  readonly mac: Mac;
}
