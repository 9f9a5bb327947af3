// Interfaces of this machine, as the packet path needs to know them.

import type { Ipv4 } from "../address/index.ts";
import { parseMac } from "../address/index.ts";
import { addresses, links } from "../bpf/rtnetlink.ts";
import type { Interface } from "../control/state.ts";

/** Ethernet interfaces by name; those without a MAC can be no port. */
export function readInterfaces(): ReadonlyMap<string, Interface> {
  const interfaces = new Map<string, Interface>();
  for (const { name, ifindex, mac, mtu } of links()) {
    if (mac !== undefined) interfaces.set(name, { ifindex, mac: parseMac(mac), mtuBytes: mtu });
  }
  return interfaces;
}

/** Whether this machine has the address: without it nobody answers ARP for the edge's VTEP. */
export function hasAddress(address: Ipv4): boolean {
  return addresses().some((candidate) => candidate.address === address);
}
