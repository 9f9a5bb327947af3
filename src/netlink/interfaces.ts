// Interfaces of this machine, as the packet path needs to know them.

import type { IpAddress } from "../address/index.ts";
import { parseMac } from "../address/index.ts";
import type { Link } from "../bpf/rtnetlink.ts";
import { addresses, links } from "../bpf/rtnetlink.ts";
import type { Interface, Transmit } from "../control/state.ts";

/** Ethernet interfaces by name; those without a MAC can be no port. */
export function readInterfaces(): ReadonlyMap<string, Interface> {
  const interfaces = new Map<string, Interface>();
  for (const link of links()) {
    const { name, ifindex, mac, mtu } = link;
    if (mac === undefined) continue;
    interfaces.set(name, { ifindex, mac: parseMac(mac), mtuBytes: mtu, transmit: transmitOf(link) });
  }
  return interfaces;
}

/** A veth loses XDP_TX where its peer runs no XDP program, and nothing here can see whether it does. */
export function transmitOf(link: Link): Transmit {
  return link.kind === "veth" ? "redirect" : "direct";
}

/** Whether frames can come and go: an interface that is down has neither. */
export function isUp(name: string): boolean {
  return links().some((link) => link.name === name && link.up);
}

/** Whether this machine has the address: without it nobody answers ARP, or neighbour discovery, for the edge's VTEP. */
export function hasAddress(address: IpAddress): boolean {
  return addresses().some((candidate) => candidate.address === address);
}
