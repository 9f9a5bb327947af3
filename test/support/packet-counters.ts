// What a run did to the counters: only what moved, by name.

import type { Observed, Plane } from "../../src/dataplane/index.ts";
import { type Counters, observe, readCounters } from "../../src/dataplane/index.ts";

/** Moved counters by path, such as `packets.dropped`, `drops.no_route.bytes` or `endpoints.s1.txPackets`. */
export type Moves = ReadonlyMap<string, number>;

function flatten(counters: Counters): Map<string, bigint> {
  const flat = new Map<string, bigint>();
  const put = (path: string, row: object): void => {
    for (const [field, value] of Object.entries(row)) flat.set(`${path}.${field}`, value as bigint);
  };
  put("packets", counters.packets);
  for (const [reason, row] of counters.drops) put(`drops.${reason}`, row);
  for (const [name, row] of counters.endpoints) put(`endpoints.${name}`, row);
  for (const [name, row] of counters.tenants) put(`tenants.${name}`, row);
  return flat;
}

/** Rows of the per-object counters that belong to no object must never move: whole maps are compared for that. */
const TRAFFIC_MAPS = ["endpoint_counters", "tenant_counters"] as const;

export class CounterReader {
  readonly #plane: Plane;
  #observed: Observed;
  #before: Map<string, bigint>;

  constructor(plane: Plane) {
    this.#plane = plane;
    this.#observed = observe(plane);
    this.#before = this.read();
  }

  /** After an apply: objects may have other names. */
  refresh(): void {
    this.#observed = observe(this.#plane);
    this.#before = this.read();
  }

  get observed(): Observed {
    return this.#observed;
  }

  read(): Map<string, bigint> {
    return flatten(readCounters(this.#plane, this.#observed));
  }

  /** What moved since the last call. */
  moves(): Moves {
    const now = this.read();
    const moves = new Map<string, number>();
    for (const [path, value] of now) {
      const difference = Number(value - (this.#before.get(path) ?? 0n));
      if (difference !== 0) moves.set(path, difference);
    }
    this.#before = now;
    return moves;
  }

  /** Contradictions between counters, since the maps were made. */
  contradictions(): readonly string[] {
    const { packets, drops, endpoints, tenants } = readCounters(this.#plane, this.#observed);
    const problems: string[] = [];
    const ends = packets.passed + packets.forwarded + packets.answered + packets.dropped;
    if (packets.received !== ends) {
      problems.push(`received ${packets.received} is not passed + forwarded + answered + dropped = ${ends}`);
    }
    const reasons = [...drops.values()].reduce((sum, drop) => sum + drop.packets, 0n);
    if (packets.dropped !== reasons) problems.push(`dropped ${packets.dropped} is not the reasons' sum ${reasons}`);
    const named = { endpoint_counters: endpoints.size, tenant_counters: tenants.size };
    for (const map of TRAFFIC_MAPS) {
      const { maxEntries } = this.#plane.map(map).info;
      const all = this.#plane.map(map).readArray(0, maxEntries);
      const bytes = all.length / maxEntries;
      for (let index = 0; index < maxEntries; index++) {
        // Indexes are given out from 1 on, and this world never gives one back.
        if (index >= 1 && index <= named[map]) continue;
        if (all.subarray(index * bytes, (index + 1) * bytes).some((byte) => byte !== 0)) {
          problems.push(`${map}[${index}] moved, which belongs to no object`);
        }
      }
    }
    return problems;
  }
}
