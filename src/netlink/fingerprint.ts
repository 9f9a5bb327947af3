// What of the kernel's links and neighbours decides ports and next hops, as one text: two that are equal need no other plan.

import type { Link, Neighbour } from "../bpf/rtnetlink.ts";
import { links, neighbours } from "../bpf/rtnetlink.ts";

const ofLink = ({ ifindex, name, mac, mtu, up, running }: Link) => [ifindex, name, mac, mtu, up, running].join(" ");
/** Neighbours come and go between states that all have the same MAC: that is no news. */
const ofNeighbour = ({ ifindex, address, mac, state }: Neighbour) =>
  [ifindex, address, state === "failed" || state === "incomplete" ? undefined : mac].join(" ");

/** Two dumps of netlink; needs no privilege. Routes are not in it: the kernel does not list them here. */
export function underlayFingerprint(): string {
  return [...links().map(ofLink), ...neighbours().map(ofNeighbour).sort()].join("\n");
}
