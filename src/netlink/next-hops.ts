// Endpoint address → next hop: the route, the neighbour, the egress interface, as the kernel sees them now.

import type { IpAddress } from "../address/index.ts";
import { macIsZero, parseMac } from "../address/index.ts";
import type { Link, Neighbour } from "../bpf/rtnetlink.ts";
import { links, neighbour, probeNeighbour, routeTo } from "../bpf/rtnetlink.ts";
import type { NextHop } from "../control/state.ts";
import { transmitOf } from "./interfaces.ts";

export interface ResolveOptions {
  /** How long to wait for neighbours to answer, all together. 0: take what is known. */
  readonly waitMs: number;
  /** Whether to ask for neighbours that are not known. Who waits asks, unless told otherwise. */
  readonly ask?: boolean;
}

const POLL_MS = 20;
/** Neighbour states with a MAC that may be used (linux/neighbour.h: NUD_VALID). */
const USABLE: readonly Neighbour["state"][] = ["reachable", "stale", "delay", "probe", "permanent", "noarp"];

interface Pending {
  readonly name: string;
  readonly ifindex: number;
  readonly via: string;
  readonly mtuBytes: number;
  readonly link: Link;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function findRoute(name: string, address: IpAddress, all: readonly Link[]): Pending | undefined {
  const route = routeTo(address);
  const link = route && all.find((candidate) => candidate.ifindex === route.ifindex);
  // Loopback has no MAC, and an endpoint that is this machine has no neighbour.
  if (route === undefined || link?.mac === undefined || macIsZero(parseMac(link.mac))) return undefined;
  return {
    name,
    ifindex: route.ifindex,
    via: route.gateway ?? address,
    mtuBytes: Math.min(route.mtu ?? link.mtu, link.mtu),
    link,
  };
}

function known({ ifindex, via, mtuBytes, link }: Pending): NextHop | undefined {
  const entry = neighbour(ifindex, via);
  if (entry?.mac === undefined || !USABLE.includes(entry.state)) return undefined;
  // XDP traffic tells the kernel nothing about its neighbours: an entry is asked about again whenever it is looked at, so
  // that the next look finds a MAC that changed.
  if (entry.state === "stale") probeNeighbour(ifindex, via);
  return {
    ifindex,
    sourceMac: parseMac(link.mac),
    nextHopMac: parseMac(entry.mac),
    mtuBytes,
    transmit: transmitOf(link),
  };
}

/**
 * Next hops of endpoints by name. One that has no route, or whose neighbour does not answer in time, is left out.
 * @param endpoints name → underlay address
 */
export async function resolveNextHops(
  endpoints: ReadonlyMap<string, IpAddress>,
  { waitMs, ask = waitMs > 0 }: ResolveOptions,
): Promise<ReadonlyMap<string, NextHop>> {
  const all = links();
  const resolved = new Map<string, NextHop>();
  let pending: Pending[] = [];
  for (const [name, address] of endpoints) {
    const route = findRoute(name, address, all);
    if (route !== undefined) pending.push(route);
  }
  const take = (candidate: Pending): boolean => {
    const nextHop = known(candidate);
    if (nextHop !== undefined) resolved.set(candidate.name, nextHop);
    return nextHop === undefined;
  };
  pending = pending.filter(take);
  if (ask) for (const { ifindex, via } of pending) probeNeighbour(ifindex, via);
  for (let waited = 0; pending.length > 0 && waited < waitMs; waited += POLL_MS) {
    await sleep(POLL_MS);
    pending = pending.filter(take);
  }
  return resolved;
}
