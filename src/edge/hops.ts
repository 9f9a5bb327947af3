// Next hops of endpoints: whose, and which of them stay.

import type { IpAddress } from "../address/index.ts";
import type { Interface, NextHop } from "../control/state.ts";
import type { Model } from "../model/index.ts";

/** Underlay addresses of all servers and gateways, by their names. */
export function endpointAddresses({
  servers,
  gateways,
}: Pick<Model, "servers" | "gateways">): ReadonlyMap<string, IpAddress> {
  const addresses = new Map<string, IpAddress>();
  for (const [name, { address }] of [...servers, ...gateways]) addresses.set(name, address);
  return addresses;
}

/**
 * Next hops that are known now. An endpoint that has none keeps the last good one while its interface exists.
 * @param last of endpoints that have kept their address
 */
export function keepLastGood(
  resolved: ReadonlyMap<string, NextHop>,
  last: ReadonlyMap<string, NextHop>,
  present: ReadonlyMap<string, Interface>,
): ReadonlyMap<string, NextHop> {
  const ifindexes = new Set([...present.values()].map(({ ifindex }) => ifindex));
  const merged = new Map(resolved);
  for (const [name, hop] of last) if (!merged.has(name) && ifindexes.has(hop.ifindex)) merged.set(name, hop);
  return merged;
}

export function sameNextHop(a: NextHop | undefined, b: NextHop | undefined): boolean {
  return (
    a?.ifindex === b?.ifindex &&
    a?.sourceMac === b?.sourceMac &&
    a?.nextHopMac === b?.nextHopMac &&
    a?.mtuBytes === b?.mtuBytes &&
    a?.transmit === b?.transmit
  );
}
