// Endpoints whose next hop became another one, by themselves: a fresh record for each, and the word that names it. For who holds
// the lock, and whom the plan of everything would take too long.

import { macToBytes } from "../address/index.ts";
import { gracePeriod } from "../bpf/system.ts";
import type { NextHop } from "../control/state.ts";
import { UnumError } from "../errors.ts";
import type { Indexes } from "./indexes.ts";
import type { Plane } from "./plane.ts";
import { elementKey } from "./plane.ts";
import { ENDPOINT_MAPS, storeRecord } from "./store.ts";

/**
 * Leads packets to other next hops. All else of the endpoints stays as the maps have it now.
 * @param hops by the name of the endpoint, which the maps have
 * @throws UnumError INTERNAL: the maps do not have it; BpfError: an interface that is gone
 */
export function moveNextHops(plane: Plane, indexes: Indexes, hops: ReadonlyMap<string, NextHop>): void {
  const { layout } = plane;
  const [words, records] = [plane.array(ENDPOINT_MAPS.words), plane.array(ENDPOINT_MAPS.records)];
  const egress = plane.map("egress");
  const present = new Set([...egress.keys()].map((key) => new DataView(key.buffer, key.byteOffset).getUint32(0, true)));
  const ready = [...hops].map(([name, { ifindex, sourceMac, nextHopMac, mtuBytes, transmit }]) => {
    const index = indexes.endpoint.get(name);
    if (index === undefined) throw missing(name);
    const word = words.load(index);
    const { tunnel: live } = layout.decode("endpoint", word) as unknown as { readonly tunnel: number };
    if (live >> 1 !== index) throw missing(name);
    const record = layout.encode("tunnel", {
      ...(layout.decode("tunnel", records.load(live)) as object),
      next_hop_mac: macToBytes(nextHopMac),
      source_mac: macToBytes(sourceMac),
      ifindex,
      mtu: Math.min(mtuBytes, 0xffff),
      transmit: layout.number("transmit", `TRANSMIT_${transmit.toUpperCase()}`),
    });
    return { index, row: { word, record }, live, ifindex };
  });
  // The slot that is free now was in use until the change before this one.
  gracePeriod();
  for (const { index, row, live, ifindex } of ready) {
    if (!present.has(ifindex)) egress.update(elementKey(ifindex), elementKey(ifindex));
    present.add(ifindex);
    storeRecord(plane, ENDPOINT_MAPS, index, row, live);
  }
}

function missing(name: string): UnumError {
  return new UnumError("INTERNAL", `move endpoint ${name} to another next hop: the maps do not have it`);
}
