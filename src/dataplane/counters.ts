// Counters of the packet path, summed over processors.

import type { StructName } from "./layout.ts";
import type { Observed } from "./observe.ts";
import type { Plane } from "./plane.ts";
import { elementKey } from "./plane.ts";

/** Towards endpoints is tx, from them rx. */
export interface Traffic {
  readonly txPackets: bigint;
  readonly txBytes: bigint;
  readonly rxPackets: bigint;
  readonly rxBytes: bigint;
}

export interface Drops {
  readonly packets: bigint;
  readonly bytes: bigint;
}

export interface Counters {
  /** received = passed + forwarded + answered + dropped. */
  readonly packets: {
    readonly received: bigint;
    readonly passed: bigint;
    readonly forwarded: bigint;
    readonly answered: bigint;
    readonly dropped: bigint;
    /** Frames of the edge's own that left in the place of dropped ones. */
    readonly icmpErrors: bigint;
    /** For the MAC of a peer: ARP requests and neighbour solicitations. */
    readonly solicitations: bigint;
  };
  /** By name; those that never happened are there too, with 0. */
  readonly drops: ReadonlyMap<string, Drops>;
  /** Whole outer frames without their FCS. */
  readonly endpoints: ReadonlyMap<string, Traffic>;
  /** Inner IP packets. */
  readonly tenants: ReadonlyMap<string, Traffic>;
}

function read(plane: Plane, map: string, struct: StructName, index: number): Record<string, bigint> {
  const codec = plane.layout.codec(struct);
  const bytes = plane.map(map).lookup(elementKey(index)) ?? new Uint8Array(0);
  const sum: Record<string, bigint> = {};
  for (const { name } of codec.fields) sum[name] = 0n;
  for (let at = 0; at + codec.size <= bytes.length; at += codec.size) {
    const row = codec.decode(bytes, at) as Record<string, bigint>;
    for (const name of Object.keys(sum)) sum[name] = (sum[name] as bigint) + (row[name] as bigint);
  }
  return sum;
}

function traffic(plane: Plane, map: string, names: ReadonlyMap<string, number>): ReadonlyMap<string, Traffic> {
  const result = new Map<string, Traffic>();
  for (const [name, index] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const row = read(plane, map, "traffic_counters", index);
    result.set(name, {
      txPackets: row.tx_packets as bigint,
      txBytes: row.tx_bytes as bigint,
      rxPackets: row.rx_packets as bigint,
      rxBytes: row.rx_bytes as bigint,
    });
  }
  return result;
}

export function readCounters(plane: Plane, { indexes }: Pick<Observed, "indexes">): Counters {
  const packets = read(plane, "packet_counters", "packet_counters", 0);
  const drops = new Map<string, Drops>();
  for (const [reason, name] of plane.layout.names("drop_reason", "DROP_")) {
    if (name === "none" || name === "reason_count") continue;
    const row = read(plane, "drop_counters", "drop_counter", reason);
    drops.set(name, { packets: row.packets as bigint, bytes: row.bytes as bigint });
  }
  return {
    packets: {
      received: packets.received as bigint,
      passed: packets.passed as bigint,
      forwarded: packets.forwarded as bigint,
      answered: packets.answered as bigint,
      dropped: packets.dropped as bigint,
      icmpErrors: packets.icmp_errors as bigint,
      solicitations: packets.solicitations as bigint,
    },
    drops,
    endpoints: traffic(plane, "endpoint_counters", indexes.endpoint),
    tenants: traffic(plane, "tenant_counters", indexes.tenant),
  };
}

/** An index that a new object takes starts from zero. */
export function resetTraffic(plane: Plane, map: "endpoint_counters" | "tenant_counters", index: number): void {
  const key = elementKey(index);
  const old = plane.map(map).lookup(key);
  if (old?.some((byte) => byte !== 0)) plane.map(map).update(key, new Uint8Array(old.length));
}
