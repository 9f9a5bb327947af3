// What packets have learned (learned.ts), and when it counts no longer: it belongs to one peer on one port and VLAN, or to one
// way to one endpoint.

import { WORD_BYTES } from "../bpf/bucket-table.ts";
import type { Observed } from "./observe.ts";
import type { Plane } from "./plane.ts";
import type { Elements, WordAndRecord } from "./rows.ts";
import { storeWord } from "./store.ts";
import type { Writes } from "./writes.ts";

const ZERO = new Uint8Array(WORD_BYTES);

/** MACs of the peers that a circuit had and has no more. */
export function forgetPeers(plane: Plane, index: number, row: WordAndRecord, old: WordAndRecord | undefined): void {
  const identities = ({ record }: WordAndRecord): [peer: string, peer6: string] => {
    const fields = plane.layout.decode("circuit_record", record) as unknown as Record<string, number | number[]>;
    const port = [fields.ifindex, fields.vlan, fields.inner_vlan, fields.tag];
    return [[...port, fields.peer].join(), [...port, fields.peer6].join()];
  };
  const [now, now6] = identities(row);
  const [before, before6] = old === undefined ? [] : identities(old);
  if (now !== before) storeWord(plane, "circuit_peers", index, ZERO);
  if (now6 !== before6) storeWord(plane, "circuit_peers6", index, ZERO);
}

/** Path MTUs of endpoints that are new to their index, that moved, or whose tunnels get another form; and whether they answered. */
export function forgetEndpoints(plane: Plane, writes: Writes, observed: Observed): void {
  const now = ways(plane, writes.desired.endpoints, writes.desired.profiles);
  const before = ways(plane, observed.rows.endpoints, observed.rows.profiles);
  for (const [index, way] of now) {
    if (before.get(index) === way) continue;
    storeWord(plane, "path_mtus", index, ZERO);
    storeWord(plane, "liveness", index, ZERO);
  }
}

function ways(
  { layout }: Plane,
  endpoints: ReadonlyMap<number, WordAndRecord>,
  profiles: Elements,
): ReadonlyMap<number, string> {
  const encapsulations = new Map<number, number>();
  for (const [index, bytes] of profiles) {
    encapsulations.set(index, (layout.decode("profile", bytes) as unknown as { encapsulation: number }).encapsulation);
  }
  const all = new Map<number, string>();
  for (const [index, { record }] of endpoints) {
    const tunnel = layout.decode("tunnel", record) as unknown as {
      remote: number[];
      local: number[];
      family: number;
      profile: number;
    };
    const { remote, local, family, profile } = tunnel;
    all.set(index, [family, ...remote, ...local, encapsulations.get(profile)].join());
  }
  return all;
}
