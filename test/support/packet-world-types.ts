// What a world of the packet tests is made of: a document, and the machine around it. The document is plain data, so that the
// oracle reads the same words as the edge without sharing a line with it.

/** Interfaces of the edge; each is a veth whose other end is NAME followed by "p". */
export const PORTS = ["a0", "a1", "a2", "a3", "d0", "d1", "u0", "b0"] as const;
export type PortName = (typeof PORTS)[number];
export type Role = "access" | "underlay" | "both";

export interface PortSpec {
  readonly role: Role;
  readonly mac: string;
  readonly mtu: number;
  readonly transmit: "direct" | "redirect";
}

export const PORT_SPECS: Readonly<Record<PortName, PortSpec>> = {
  a0: { role: "access", mac: "02:00:00:0a:00:00", mtu: 1500, transmit: "redirect" },
  a1: { role: "access", mac: "02:00:00:0a:00:01", mtu: 1500, transmit: "direct" },
  a2: { role: "access", mac: "02:00:00:0a:00:02", mtu: 1200, transmit: "redirect" },
  a3: { role: "access", mac: "02:00:00:0a:00:03", mtu: 9000, transmit: "redirect" },
  d0: { role: "access", mac: "02:00:00:0d:00:00", mtu: 1500, transmit: "redirect" },
  d1: { role: "access", mac: "02:00:00:0d:00:01", mtu: 9000, transmit: "direct" },
  u0: { role: "underlay", mac: "02:00:00:0b:00:00", mtu: 1500, transmit: "redirect" },
  b0: { role: "both", mac: "02:00:00:0c:00:00", mtu: 9000, transmit: "direct" },
};

export interface EndpointDocument {
  readonly address: string;
  readonly profile?: string;
  readonly standby?: string;
  readonly mac?: string;
}
export interface RateDocument {
  readonly rate: string;
  readonly burst?: string;
}
export interface ProfileDocument {
  readonly encapsulation?: "vxlan" | "geneve" | "nvgre";
  readonly port?: number;
  readonly ttl?: number;
  readonly dscp?: "copy" | number;
  readonly decapsulationDscp?: "keep" | "copy";
  readonly ecn?: "normal" | "compatibility";
  readonly dontFragment?: boolean;
  readonly udpChecksum?: "zero" | "full";
  readonly entropy?: "l4" | "l3";
  readonly mtu?: number;
  readonly mssClamp?: "off" | "auto";
  readonly rateLimit?: RateDocument;
  readonly bfd?: { readonly interval: string; readonly multiplier: number };
}
export interface CircuitDocument {
  readonly interface: PortName;
  readonly vlan?: number;
  readonly innerVlan?: number;
  readonly tag?: "802.1q" | "802.1ad";
  readonly address?: string;
  readonly peer?: string;
  readonly address6?: string;
  readonly peer6?: string;
  readonly peerMac?: string;
}
export type PolicyDocument = "direct-preferred" | "direct-only" | "gateway-only";
export interface VmDocument {
  readonly server: string;
  readonly mac: string;
  readonly policy?: PolicyDocument;
}
export interface RouteDocument {
  readonly prefix: string;
  readonly via?: readonly string[];
  readonly circuit?: string;
}
export interface TenantDocument {
  readonly vni: number;
  readonly sourceCheck?: "vm" | "member" | "off";
  readonly servers?: readonly string[];
  readonly address?: string;
  readonly address6?: string;
  readonly policy?: PolicyDocument;
  readonly dscpPolicy?: Readonly<Record<number, PolicyDocument>>;
  readonly rateLimit?: RateDocument;
  readonly circuits?: Readonly<Record<string, CircuitDocument>>;
  readonly routes?: readonly RouteDocument[];
  readonly vms?: Readonly<Record<string, VmDocument>>;
}
export interface World {
  readonly version: 1;
  readonly edge: {
    readonly address?: string;
    readonly address6?: string;
    readonly mac: string;
    readonly interfaces: readonly { readonly name: string; readonly role: Role }[];
    readonly capacity: { readonly vms: number; readonly vms6: number };
  };
  readonly profiles: Readonly<Record<string, ProfileDocument>>;
  readonly servers: Readonly<Record<string, EndpointDocument>>;
  readonly gateways: Readonly<Record<string, EndpointDocument>>;
  readonly tenants: Readonly<Record<string, TenantDocument>>;
}

/** Where outer frames to an endpoint leave, and to whom; those that have none are not resolved. */
export interface HopSpec {
  readonly port: PortName;
  readonly mac: string;
}
