// The frames that fixtures are made of: what customers and endpoints send, and what the edge is to make of it.

import { ENTROPY, type Packet, packet } from "./packet-builder.ts";
import type { EthernetFields, Ipv4Fields, UdpFields } from "./packet-layers.ts";
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

/** A UDP packet of a customer to a VM, unless the fields say otherwise. */
export function flow(fields: Partial<Ipv4Fields> = {}, payloadBytes = 40): Packet {
  return packet()
    .ipv4({ source: "10.1.0.2", destination: "172.16.0.5", ttl: 64, id: 0x1234, ...fields })
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

export function endpointOf(name: string) {
  const endpoint = WORLD.servers[name] ?? WORLD.gateways[name];
  if (endpoint === undefined) throw new Error(`find endpoint ${name}: the world has none`);
  const profile: ProfileDocument = WORLD.profiles[endpoint.profile ?? "default"] ?? {};
  return { ...endpoint, profile };
}

export interface Outer {
  readonly ethernet?: Partial<EthernetFields>;
  readonly ipv4?: Partial<Ipv4Fields>;
  readonly udp?: Partial<UdpFields>;
  readonly vxlan?: { readonly vni?: number; readonly flags?: number; reserved?: number; lastReserved?: number };
  readonly inner?: Partial<EthernetFields>;
}

/** What the edge sends to an endpoint: outer headers as the endpoint's profile and next hop say. */
export function toEndpoint(name: string, vni: number, innerMac: string, inner: Packet, outer: Outer = {}): Packet {
  const hop = HOPS[name];
  if (hop === undefined) throw new Error(`send to ${name}: the world has no next hop for it`);
  const { address, profile } = endpointOf(name);
  return packet()
    .ethernet({ destination: hop.mac, source: PORT_SPECS[hop.port].mac, ...outer.ethernet })
    .ipv4({
      source: EDGE.address,
      destination: address,
      ttl: profile.ttl ?? 64,
      dontFragment: profile.dontFragment ?? true,
      ...outer.ipv4,
    })
    .udp({ source: ENTROPY, destination: profile.port ?? 4789, checksum: 0, ...outer.udp })
    .vxlan({ vni, ...outer.vxlan })
    .ethernet({ destination: innerMac, source: EDGE.mac, ...outer.inner })
    .packet(inner);
}

/** What an endpoint sends to the edge. */
export function fromEndpoint(name: string, vni: number, inner: Packet, outer: Outer = {}): Packet {
  const { address, profile } = endpointOf(name);
  return packet()
    .ethernet({ destination: PORT_SPECS.u0.mac, source: "02:11:00:00:00:ff", ...outer.ethernet })
    .ipv4({ source: address, destination: EDGE.address, ttl: 61, dontFragment: true, ...outer.ipv4 })
    .udp({ source: 50000, destination: profile.port ?? 4789, checksum: 0, ...outer.udp })
    .vxlan({ vni, ...outer.vxlan })
    .ethernet({ destination: EDGE.mac, source: VM_MAC, ...outer.inner })
    .packet(inner);
}
