// The frames that fixtures are made of: what customers and endpoints send, and what the edge is to make of it.

import { ANY, ENTROPY, type Packet, packet } from "./packet-builder.ts";
import type { EthernetFields } from "./packet-layers.ts";
import type { Ipv4Fields, Ipv6Fields } from "./packet-layers-ip.ts";
import type { UdpFields } from "./packet-layers-transport.ts";
import type { GeneveFields, NvgreFields, VxlanFields } from "./packet-layers-tunnel.ts";
import { EDGE, HOPS, PORT_SPECS, type PortName, type ProfileDocument, WORLD } from "./packet-world.ts";

export const CUSTOMER_MAC = "02:c0:00:00:00:01";
export const BRANCH_MAC = "02:c0:00:00:00:02";
export const OTHER_CUSTOMER_MAC = "02:c1:00:00:00:02";
export const LAN_MAC = "02:c5:00:00:00:02";
/** Inner Ethernet source of what servers send. */
export const VM_MAC = "02:aa:00:00:00:05";
export const ACME = 100;
export const OTHER = 16777215;
export const ARM = 300;
export const MIX = 0x0a0b0c;

/** A UDP packet of a customer to a VM, unless the fields say otherwise. */
export function flow(fields: Partial<Ipv4Fields> = {}, payloadBytes = 40): Packet {
  return packet()
    .ipv4({ source: "10.1.0.2", destination: "172.16.0.5", ttl: 64, id: 0x1234, ...fields })
    .udp({ source: 4000, destination: 53 })
    .payload(payloadBytes);
}

/** The same in IPv6: a customer of mix/lan to the VM of s1, unless the fields say otherwise. */
export function flow6(fields: Partial<Ipv6Fields> = {}, payloadBytes = 40): Packet {
  return packet()
    .ipv6({ source: "2001:db8:6::2", destination: "2001:db8:31::1", ttl: 64, flowLabel: 0x54321, ...fields })
    .udp({ source: 4000, destination: 53 })
    .payload(payloadBytes);
}

/** A UDP packet of a VM to the customer, unless the fields say otherwise. */
export function reply(fields: Partial<Ipv4Fields> = {}, payloadBytes = 40): Packet {
  return flow({ source: "172.16.0.5", destination: "10.1.0.2", ...fields }, payloadBytes);
}

export function fromCustomer(inner: Packet, port: PortName = "a0", ethernet: Partial<EthernetFields> = {}): Packet {
  return packet()
    .ethernet({ destination: PORT_SPECS[port].mac, source: CUSTOMER_MAC, ...ethernet })
    .packet(inner);
}

export function toCustomer(inner: Packet, port: PortName = "a0", mac = CUSTOMER_MAC): Packet {
  return packet().ethernet({ destination: mac, source: PORT_SPECS[port].mac }).packet(inner);
}

/** Default UDP port of each format. */
const PORT_OF = { vxlan: 4789, geneve: 6081, nvgre: 0 } as const;

export function endpointOf(name: string) {
  const endpoint = WORLD.servers[name] ?? WORLD.gateways[name];
  if (endpoint === undefined) throw new Error(`find endpoint ${name}: the world has none`);
  const profile: ProfileDocument = WORLD.profiles[endpoint.profile ?? "default"] ?? {};
  const format = profile.encapsulation ?? "vxlan";
  const overIpv6 = endpoint.address.includes(":");
  return { ...endpoint, profile, format, overIpv6, port: profile.port ?? PORT_OF[format] };
}

/** Outer IP packet minus inner one. */
export function overheadOf(name: string): number {
  const { format, overIpv6 } = endpointOf(name);
  return (overIpv6 ? 40 : 20) + (format === "nvgre" ? 8 : 16) + 14;
}

/** Fields of outer headers that are not as they usually are; those of headers that a tunnel has not do nothing. */
export interface Outer {
  readonly ethernet?: Partial<EthernetFields>;
  /** DSCP and ECN of either family. */
  readonly tos?: number;
  readonly ipv4?: Partial<Ipv4Fields>;
  readonly ipv6?: Partial<Ipv6Fields>;
  readonly udp?: Partial<UdpFields>;
  readonly vxlan?: Partial<VxlanFields>;
  readonly geneve?: Partial<GeneveFields>;
  readonly nvgre?: Partial<NvgreFields>;
  readonly inner?: Partial<EthernetFields>;
}

/** What stands between the outer Ethernet header and the inner one. */
function tunnelHeaders(frame: Packet, name: string, vni: number, sent: boolean, outer: Outer): Packet {
  const { address, profile, format, overIpv6, port } = endpointOf(name);
  const tos = outer.tos ?? 0;
  const ttl = sent ? (profile.ttl ?? 64) : 61;
  const local = overIpv6 ? EDGE.address6 : EDGE.address;
  const [source, destination] = sent ? [local, address] : [address, local];
  const dontFragment = profile.dontFragment ?? true;
  const id: number | typeof ANY = sent && !dontFragment ? ANY : 0;
  const ip = overIpv6
    ? frame.ipv6({ source, destination, tos, ttl, flowLabel: sent ? ANY : 0x12345, ...outer.ipv6 })
    : frame.ipv4({ source, destination, tos, ttl, dontFragment, id, ...outer.ipv4 });
  if (format === "nvgre") return ip.nvgre({ vni, flowId: sent ? ANY : 9, ...outer.nvgre });
  const none = profile.udpChecksum === "full" ? {} : { checksum: 0 };
  const udp = ip.udp({ source: sent ? ENTROPY : 50000, destination: port, ...none, ...outer.udp });
  return format === "vxlan" ? udp.vxlan({ vni, ...outer.vxlan }) : udp.geneve({ vni, ...outer.geneve });
}

/** What the edge sends to an endpoint: outer headers as the endpoint's profile and next hop say. */
export function toEndpoint(name: string, vni: number, innerMac: string, inner: Packet, outer: Outer = {}): Packet {
  const hop = HOPS[name];
  if (hop === undefined) throw new Error(`send to ${name}: the world has no next hop for it`);
  const frame = packet().ethernet({ destination: hop.mac, source: PORT_SPECS[hop.port].mac, ...outer.ethernet });
  return tunnelHeaders(frame, name, vni, true, outer)
    .ethernet({ destination: innerMac, source: EDGE.mac, ...outer.inner })
    .packet(inner);
}

/** What an endpoint sends to the edge. */
export function fromEndpoint(name: string, vni: number, inner: Packet, outer: Outer = {}): Packet {
  const frame = packet().ethernet({
    destination: PORT_SPECS.u0.mac,
    source: "02:11:00:00:00:ff",
    ...outer.ethernet,
  });
  return tunnelHeaders(frame, name, vni, false, outer)
    .ethernet({ destination: EDGE.mac, source: VM_MAC, ...outer.inner })
    .packet(inner);
}
