// What an edge is told to be: names, canonical address strings and numbers, frozen. Every default is filled in, so two
// models that mean the same compare equal field by field. Lists that are sets are sorted and hold no name twice.

import type { InterfaceAddress, InterfaceAddress6, IpAddress, IpPrefix, Ipv4, Ipv6, Mac } from "../address/index.ts";
import type { VmSet } from "./vm-set.ts";

/** A whole desired or observed state. Keys of the maps are names, prefixes and VM addresses. */
export interface Model {
  readonly edge: Edge;
  /** Always has one named "default". */
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly servers: ReadonlyMap<string, Server>;
  readonly gateways: ReadonlyMap<string, Gateway>;
  readonly tenants: ReadonlyMap<string, Tenant>;
}

/** This machine: its VTEPs and ports. It has at least one address. */
export interface Edge {
  /** Outer source address of tunnels over IPv4. */
  readonly address?: Ipv4;
  /** Outer source address of tunnels over IPv6. */
  readonly address6?: Ipv6;
  /** Inner source MAC: the edge as a router of every overlay. */
  readonly mac: Mac;
  readonly interfaces: readonly PortConfig[];
  /** VMs with IPv4 addresses that the VM table is made for, of all tenants together. */
  readonly vmCapacity: number;
  /** The same for IPv6 addresses. */
  readonly vm6Capacity: number;
  /** What the tables may grow to when there are more VMs; {@link capacityMax} where the document says nothing. */
  readonly vmCapacityMax?: number;
  readonly vm6CapacityMax?: number;
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

/** RFC 7348, RFC 8926, RFC 7637. */
export type Encapsulation = "vxlan" | "geneve" | "nvgre";

/** Encapsulation parameters that endpoints share by name. */
export interface Profile {
  readonly encapsulation: Encapsulation;
  /** UDP destination port; absent for NVGRE, which has none. */
  readonly port?: number;
  readonly ttl: number;
  /** Code point of the outer header: that of the inner one, or 0 to 63. */
  readonly dscp: "copy" | number;
  /** Code point of the inner packet after decapsulation: its own (RFC 2983 pipe model), or the outer one (uniform). */
  readonly decapsulationDscp: "keep" | "copy";
  /** RFC 6040 section 4.1. */
  readonly ecn: "normal" | "compatibility";
  readonly dontFragment: boolean;
  /** Of the outer UDP header: 0 (RFC 6935 for IPv6), or computed, and then checked on receipt too. */
  readonly udpChecksum: "zero" | "full";
  /** Inner headers that the outer UDP source port, NVGRE flow id and IPv6 flow label are made of. */
  readonly entropy: "l4" | "l3";
  /** Largest outer IP packet; that of the egress interface when absent. */
  readonly mtuBytes?: number;
  /** Lowers the MSS of TCP connections to what fits. */
  readonly mssClamp: "off" | "auto";
  /** Of all that is sent to the profile's endpoints together, outer IP packets. */
  readonly rateLimit?: RateLimit;
  readonly bfd?: Bfd;
}

/** A token bucket. */
export interface RateLimit {
  readonly bitsPerSecond: number;
  readonly burstBytes: number;
}

/** RFC 5880. An endpoint is silent after interval × multiplier. */
export interface Bfd {
  readonly intervalUs: number;
  readonly multiplier: number;
  /** RFC 5883: the endpoint is routers away. Else it is on the same network, and a packet that passed a router counts for nothing. */
  readonly multihop: boolean;
  /** How long its session has to be up before an endpoint that was silent is used again. */
  readonly holdDownUs: number;
  readonly auth?: BfdAuth;
}

/** RFC 5880 section 6.7.4. */
export interface BfdAuth {
  readonly type: "keyed-sha1" | "meticulous-keyed-sha1";
  readonly keyId: number;
  /** Absolute path of the file that has the secret. The secret itself is in no document and in no map. */
  readonly keyFile: string;
}

export interface Server {
  /** Remote VTEP; its family is that of the tunnel. */
  readonly address: IpAddress;
  readonly profile: string;
  /** Server that takes its VMs over. */
  readonly standby?: string;
  /** Inner destination of packets that a route sends here; a VM has its own. */
  readonly mac: Mac;
  /** Taken out by the operator: nothing is sent to it. Absent: it is used. */
  readonly drained?: true;
}

export interface Gateway {
  readonly address: IpAddress;
  readonly profile: string;
  readonly mac: Mac;
  readonly drained?: true;
}

/** Which inner source addresses a tunnel packet may carry (docs/packet-path.md). */
export type SourceCheck = "vm" | "member" | "off";

/** Which of its two paths a packet takes: to the VM's server, or to a gateway. */
export type PathPolicy = "direct-preferred" | "direct-only" | "gateway-only";

export interface Tenant {
  readonly vni: number;
  readonly sourceCheck: SourceCheck;
  /** Endpoints that may speak in this network beyond those its VMs and routes name; sorted. */
  readonly servers: readonly string[];
  /** The edge's own address in this network, for answers where no circuit is at hand, and to be pinged. */
  readonly address?: Ipv4;
  readonly address6?: Ipv6;
  readonly policy: PathPolicy;
  /** By code point of the packet, 0 to 63, before `policy`. */
  readonly dscpPolicies: ReadonlyMap<number, PathPolicy>;
  /** Inner IP packets; one bucket towards endpoints, one from them. */
  readonly rateLimit?: RateLimit;
  readonly circuits: ReadonlyMap<string, Circuit>;
  readonly routes: ReadonlyMap<IpPrefix, Route>;
  /** By overlay address; millions of them, so they are packed. */
  readonly vms: VmSet;
}

/** Where a customer is attached: an access port, or a VLAN of one, with one router behind it. */
export interface Circuit {
  readonly interface: string;
  /** VLAN ID of the outer, or only, tag: 1 to 4094. Absent: untagged. */
  readonly vlan?: number;
  /** VLAN ID of the inner tag; only beside `vlan`. */
  readonly innerVlan?: number;
  /** EtherType of the outer tag; set exactly when `vlan` is. The inner tag is always 802.1Q. */
  readonly tag?: "802.1q" | "802.1ad";
  /** The edge's own address and its network; with `peer`, or neither. A circuit has IPv4, IPv6 or both. */
  readonly address?: InterfaceAddress;
  readonly peer?: Ipv4;
  readonly address6?: InterfaceAddress6;
  readonly peer6?: Ipv6;
  /** Given: never learned, for neither family. */
  readonly peerMac?: Mac;
}

export type Route =
  /** Equal-cost servers or gateways; sorted. */
  | { readonly kind: "endpoints"; readonly via: readonly string[] }
  | { readonly kind: "circuit"; readonly circuit: string };

export interface Vm {
  readonly server: string;
  readonly mac: Mac;
  /** Before those of its tenant. */
  readonly policy?: PathPolicy;
}
