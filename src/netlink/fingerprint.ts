// What of the kernel's links, neighbours and routes decides ports and next hops, as one text: two that are equal need no other plan.

import type { IpAddress } from "../address/index.ts";
import type { Link, Neighbour } from "../bpf/rtnetlink.ts";
import { links, neighbours, routeTo } from "../bpf/rtnetlink.ts";

const ofLink = ({ ifindex, name, mac, mtu, up, running }: Link) => [ifindex, name, mac, mtu, up, running].join(" ");
/** Neighbours come and go between states that all have the same MAC: that is no news. */
const ofNeighbour = ({ ifindex, address, mac, state }: Neighbour) =>
  [ifindex, address, state === "failed" || state === "incomplete" ? undefined : mac].join(" ");

function ofRoute(address: IpAddress): string {
  const route = routeTo(address);
  return route === undefined ? "none" : [route.ifindex, route.gateway, route.mtu].join(" ");
}

/**
 * Two dumps of netlink, and a question for the route to each endpoint; needs no privilege.
 * @param endpoints underlay addresses
 */
export function underlayFingerprint(endpoints: Iterable<IpAddress>): string {
  return [...links().map(ofLink), ...neighbours().map(ofNeighbour).sort(), ...[...endpoints].map(ofRoute)].join("\n");
}
