// What the edge takes from the underlay: services (its own addresses and tunnel ports) and sources (whose outer addresses name
// which endpoint). Both follow from edge, endpoints and profiles, so nothing is read back from them.

import type { IpAddress, Ipv6 } from "../address/index.ts";
import { ipv4ToNumber, ipv6ToBytes, isV6 } from "../address/index.ts";
import type { Profile } from "../model/index.ts";
import { addressWords } from "./ip-words.ts";
import type { RowBuilder } from "./row-builder.ts";
import { slotEntry } from "./slots.ts";

const PROTOCOL_UDP = 17;
const PROTOCOL_GRE = 47;

/** Tunnels from `remote` to `local` are the endpoint's, in the form that its profile has. */
export function compileSource(
  builder: RowBuilder,
  remote: IpAddress,
  local: IpAddress,
  endpoint: number,
  profile: Profile,
): void {
  const { layout } = builder;
  const value = { endpoint, port: profile.port ?? 0, encapsulation: builder.encapsulation(profile.encapsulation) };
  if (isV6(remote) && isV6(local)) {
    const key = { local_tag: localTag(local), remote: addressWords(remote) };
    builder.sources6.set(...slotEntry(layout.encode("source6_slot", { ...key, ...value })));
  } else if (!isV6(remote) && !isV6(local)) {
    const key = { remote: ipv4ToNumber(remote), local: ipv4ToNumber(local) };
    builder.sources4.set(...slotEntry(layout.encode("source4_slot", { ...key, ...value })));
  }
}

/** The tunnel port, or the protocol without ports, of a profile is served at `local`: by whom in which format, its source says. */
export function compileService(builder: RowBuilder, local: IpAddress, profile: Profile): void {
  const { layout } = builder;
  const key = {
    port: profile.port ?? 0,
    protocol: profile.encapsulation === "nvgre" ? PROTOCOL_GRE : PROTOCOL_UDP,
    flags: builder.slotUsed,
  };
  if (isV6(local)) {
    const slot = { ...key, local: addressWords(local), tag: localTag(local) };
    builder.services6.set(...slotEntry(layout.encode("service6_slot", slot)));
  } else {
    const slot = { ...key, local: ipv4ToNumber(local) };
    builder.services4.set(...slotEntry(layout.encode("service4_slot", slot)));
  }
}

/** The entry without protocol and port: the address is ours at all. */
export function compileOwnAddress(builder: RowBuilder, local: Ipv6): void {
  const slot = { flags: builder.slotUsed, local: addressWords(local), tag: localTag(local) };
  builder.services6.set(...slotEntry(builder.layout.encode("service6_slot", slot)));
}

/**
 * What stands for an own address in the keys of sources6, which have no room for both addresses: FNV-1a, 32 bits. It depends on
 * the address alone, so while an old and a new one are both served, each finds its own sources. Never 0, the key of no slot.
 */
function localTag(address: Ipv6): number {
  let hash = 0x811c9dc5;
  for (const byte of ipv6ToBytes(address)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0 || 1;
}
