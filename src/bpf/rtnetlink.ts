// Links, addresses, routes and neighbours as the kernel has them, in the current network namespace (rtnetlink(7)).
//
// Each call asks once and waits for the answer, at most 5 s; a list that changed while it was read is read again. They throw
// BpfError NETLINK, or PERMISSION with the capability that is missing; reading takes none.

import type { XdpAttached } from "./link.ts";
import { addon } from "./native.ts";

export interface Link {
  readonly ifindex: number;
  readonly name: string;
  /** `02:00:00:00:00:01`; only where the link layer has addresses of 6 bytes. */
  readonly mac?: string;
  /** Bytes, without the Ethernet header. */
  readonly mtu: number;
  /** Administratively. */
  readonly up: boolean;
  /** Up, and with a carrier. */
  readonly running: boolean;
  readonly loopback: boolean;
  /** Such as `veth`; hardware has none. */
  readonly kind?: string;
  /** Ifindex of the bridge, bond or VRF that it belongs to. */
  readonly master?: number;
  /** Of a veth, its other end; of a VLAN device, the one below. In another namespace if `peerNamespaceId` is there. */
  readonly peerIfindex?: number;
  readonly peerNamespaceId?: number;
  readonly rxQueues?: number;
  readonly txQueues?: number;
  /** Missing: no XDP program. */
  readonly xdp?: Pick<XdpAttached, "mode" | "programId">;
}

export interface InterfaceAddress {
  readonly ifindex: number;
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefixLength: number;
}

export interface Route {
  readonly type: "unicast" | "local" | "broadcast" | "anycast" | "multicast" | "other";
  readonly ifindex: number;
  /** The neighbour to send to; missing: the destination itself. */
  readonly gateway?: string;
  /** Address that this machine would send from. */
  readonly source?: string;
  /** Bytes, where the route or path MTU discovery limits it. */
  readonly mtu?: number;
}

export interface Neighbour {
  readonly ifindex: number;
  readonly address: string;
  /** Missing until it is resolved. */
  readonly mac?: string;
  readonly state: "none" | "incomplete" | "reachable" | "stale" | "delay" | "probe" | "failed" | "noarp" | "permanent";
}

export function links(): readonly Link[] {
  return addon().links();
}

export function addresses(): readonly InterfaceAddress[] {
  return addon().addresses();
}

/** Where a packet of this machine to that address would go; undefined: nowhere. */
export function routeTo(address: string): Route | undefined {
  return addon().routeTo(address);
}

export function neighbours(): readonly Neighbour[] {
  return addon().neighbours();
}

/** One neighbour; undefined: the kernel has not been asked for it yet. */
export function neighbour(ifindex: number, address: string): Neighbour | undefined {
  return addon().neighbour(ifindex, address);
}

/** Makes the kernel resolve a neighbour, or confirm a stale one, as if it had a packet for it; needs CAP_NET_ADMIN. */
export function probeNeighbour(ifindex: number, address: string): void {
  addon().probeNeighbour(ifindex, address);
}

/** Sends one frame, from its Ethernet header on, out of an interface; needs CAP_NET_RAW. */
export function sendFrame(ifindex: number, bytes: Uint8Array): void {
  addon().sendFrame(ifindex, bytes);
}

/** Offloads of an interface by their names in `ethtool -k`, such as `rx-lro`; empty where the driver tells nothing. */
export function interfaceFeatures(ifindex: number): Readonly<Record<string, boolean>> {
  return addon().interfaceFeatures(ifindex);
}

/** Of what kind changes were: true for at least one, and for all kinds when the kernel could not keep up with its notices. */
export interface NetlinkChanges {
  readonly links: boolean;
  readonly addresses: boolean;
  /** Or rules, or next hops that routes share. */
  readonly routes: boolean;
  readonly neighbours: boolean;
}

/**
 * Calls `onChange` some milliseconds after something changed, once for all changes that come together, until it is closed. It keeps
 * no process alive, and needs no privilege.
 * @param onChange must not throw
 */
export function watchNetlink(onChange: (changes: NetlinkChanges) => void): { close(): void } {
  return addon().NetlinkWatch.open((kinds) =>
    onChange({
      links: (kinds & 1) !== 0,
      addresses: (kinds & 2) !== 0,
      routes: (kinds & 4) !== 0,
      neighbours: (kinds & 8) !== 0,
    }),
  );
}
