// What packets have taught: MACs of circuits' peers, and path MTUs towards endpoints. No part of a state; shown to people, and
// forgotten when what it was learned about changes.

import type { Mac } from "../address/index.ts";
import { macFromBytes } from "../address/index.ts";
import { monotonicNs } from "../bpf/system.ts";
import type { Indexes } from "./indexes.ts";
import type { Plane } from "./plane.ts";

/** Of a circuit's peer, by family of the protocol that told it. A MAC and its age are there together. */
export interface LearnedPeer {
  readonly mac?: Mac;
  readonly heardSecondsAgo?: number;
  readonly mac6?: Mac;
  readonly heard6SecondsAgo?: number;
}

/** circuit_peer.heard: a bit that says that it is set, and so many bits of time in units of 2^34 ns. */
const HEARD_BITS = 15;
const HEARD_SHIFT = 34n;
const HEARD_SECONDS = 2 ** Number(HEARD_SHIFT) / 1e9;
/** path_mtu.until: units of 2^30 ns. */
const UNTIL_SHIFT = 30n;
const UNTIL_SECONDS = 2 ** Number(UNTIL_SHIFT) / 1e9;

function readPeer(plane: Plane, map: string, index: number, now: bigint): { mac: Mac; seconds: number } | undefined {
  const bytes = plane.array(map).load(index);
  const row = plane.layout.decode("circuit_peer", bytes) as unknown as { mac: Uint8Array; heard: number };
  if (row.heard === 0) return undefined;
  // The counter goes round after six days: then a peer that was silent all the time looks as if it had just been heard.
  const mask = 2 ** HEARD_BITS - 1;
  const units = (Number((now >> HEARD_SHIFT) & BigInt(mask)) - row.heard) & mask;
  return { mac: macFromBytes(row.mac), seconds: Math.round(units * HEARD_SECONDS) };
}

/** By tenant/circuit; those that were never heard are not there. Ages are exact to 17 s. */
export function readLearnedPeers(
  plane: Plane,
  { circuit }: Pick<Indexes, "circuit">,
): ReadonlyMap<string, LearnedPeer> {
  const now = monotonicNs();
  const learned = new Map<string, LearnedPeer>();
  for (const [name, index] of circuit) {
    const peer = readPeer(plane, "circuit_peers", index, now);
    const peer6 = readPeer(plane, "circuit_peers6", index, now);
    if (peer === undefined && peer6 === undefined) continue;
    learned.set(name, {
      ...(peer && { mac: peer.mac, heardSecondsAgo: peer.seconds }),
      ...(peer6 && { mac6: peer6.mac, heard6SecondsAgo: peer6.seconds }),
    });
  }
  return learned;
}

export interface PathMtu {
  /** Largest outer packet that gets through. */
  readonly mtuBytes: number;
  readonly expiresInSeconds: number;
}

/** By endpoint; those about which nothing is known, or not any more, are not there. */
export function readPathMtus(plane: Plane, { endpoint }: Pick<Indexes, "endpoint">): ReadonlyMap<string, PathMtu> {
  const now = Number(monotonicNs() >> UNTIL_SHIFT);
  const learned = new Map<string, PathMtu>();
  for (const [name, index] of endpoint) {
    const bytes = plane.array("path_mtus").load(index);
    const row = plane.layout.decode("path_mtu", bytes) as unknown as { mtu: number; until: number };
    if (row.mtu === 0 || row.until <= now) continue;
    learned.set(name, { mtuBytes: row.mtu, expiresInSeconds: Math.round((row.until - now) * UNTIL_SECONDS) });
  }
  return learned;
}
