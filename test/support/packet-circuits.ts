// Frames on the circuits of the world by name, with their tags; and what goes between a customer of "mix" and its VMs.

import { type Packet, packet } from "./packet-builder.ts";
import { CUSTOMER_MAC } from "./packet-frames.ts";
import type { EthernetFields, VlanFields } from "./packet-layers.ts";
import type { Ipv4Fields, Ipv6Fields } from "./packet-layers-ip.ts";
import { type CircuitDocument, LEARNED, LEARNED6, PORT_SPECS, type PortName, WORLD } from "./packet-world.ts";
import { type MixServer, mixVm } from "./packet-world-mix.ts";

export type Family = 4 | 6;

/** The circuit "tenant/circuit". */
export function circuitNamed(key: string): CircuitDocument {
  const [tenant = "", name = ""] = key.split("/");
  const circuit = WORLD.tenants[tenant]?.circuits?.[name];
  if (circuit === undefined) throw new Error(`find circuit ${key}: the world has none`);
  return circuit;
}

export function portOf(key: string): PortName {
  return circuitNamed(key).interface;
}

/** Whether frames leave through that circuit's port as they came in, or by a redirect. */
export function verdictOn(key: string): "tx" | "redirect" {
  return PORT_SPECS[portOf(key)].transmit === "direct" ? "tx" : "redirect";
}

/** Adds the tags of a circuit. */
export function withTags(
  frame: Packet,
  { vlan, innerVlan, tag }: CircuitDocument,
  fields: Partial<VlanFields> = {},
): Packet {
  if (vlan === undefined) return frame;
  const outer = (tag ?? (innerVlan === undefined ? "802.1q" : "802.1ad")) === "802.1q" ? 0x8100 : 0x88a8;
  const once = frame.vlan({ id: vlan, tag: outer, ...fields });
  return innerVlan === undefined ? once : once.vlan({ id: innerVlan, ...fields });
}

/** MAC of a circuit's peer when a test starts. */
export function peerMac(key: string, family: Family): string {
  const mac = circuitNamed(key).peerMac ?? (family === 6 ? LEARNED6 : LEARNED)[key];
  if (mac === undefined) throw new Error(`send to the peer of ${key}: nobody knows its MAC`);
  return mac;
}

export function familyOf(inner: Packet): Family {
  return (inner.bytes()[0] as number) >> 4 === 6 ? 6 : 4;
}

export interface Link {
  readonly ethernet?: Partial<EthernetFields>;
  readonly vlan?: Partial<VlanFields>;
}

/** What the customer of a circuit sends. */
export function fromCircuit(key: string, inner: Packet, { ethernet, vlan }: Link = {}): Packet {
  const circuit = circuitNamed(key);
  const frame = packet().ethernet({
    destination: PORT_SPECS[circuit.interface].mac,
    source: CUSTOMER_MAC,
    ...ethernet,
  });
  return withTags(frame, circuit, vlan).packet(inner);
}

/** What the edge sends to the customer of a circuit, by default to its peer's MAC. */
export function toCircuit(key: string, inner: Packet, mac?: string): Packet {
  const circuit = circuitNamed(key);
  const destination = mac ?? peerMac(key, familyOf(inner));
  const frame = packet().ethernet({ destination, source: PORT_SPECS[circuit.interface].mac });
  return withTags(frame, circuit).packet(inner);
}

export type IpFields = Partial<Pick<Ipv4Fields & Ipv6Fields, "source" | "destination" | "ttl" | "tos">> & {
  readonly dontFragment?: boolean;
};

/** An IP header of either family; IPv6 has its addresses without compression of what a test compares. */
export function ip(
  family: Family,
  { dontFragment, ...fields }: IpFields & { source: string; destination: string },
): Packet {
  return family === 6
    ? packet().ipv6({ flowLabel: 0x54321, ...fields })
    : packet().ipv4({ id: 0x1234, ...fields, ...(dontFragment === undefined ? {} : { dontFragment }) });
}

/** The customer behind mix/lan, and the VM that `server` has in "mix". */
export function mixEnds(server: MixServer, family: Family) {
  const vm = mixVm(server);
  return family === 6
    ? { customer: "2001:db8:6::2", vm: vm.ipv6, mac: vm.mac }
    : { customer: "10.6.0.2", vm: vm.ipv4, mac: vm.mac };
}

/** A UDP packet of that customer to that VM. */
export function toVm(server: MixServer, family: Family, fields: IpFields = {}, payloadBytes = 40): Packet {
  const { customer, vm } = mixEnds(server, family);
  return ip(family, { source: customer, destination: vm, ...fields })
    .udp({ source: 4000, destination: 53 })
    .payload(payloadBytes);
}

/** The other way. */
export function fromVm(server: MixServer, family: Family, fields: IpFields = {}, payloadBytes = 40): Packet {
  const { customer, vm } = mixEnds(server, family);
  return ip(family, { source: vm, destination: customer, ...fields })
    .udp({ source: 53, destination: 4000 })
    .payload(payloadBytes);
}

/** Between the VMs of two servers of "mix". */
export function betweenVms(
  from: MixServer,
  to: MixServer,
  family: Family,
  fields: IpFields = {},
  payloadBytes = 40,
): Packet {
  return fromVm(from, family, { destination: mixEnds(to, family).vm, ...fields }, payloadBytes);
}

export const FAMILIES = [4, 6] as const;
