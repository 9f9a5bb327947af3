// Liveness as the packet path has it: a word for each endpoint, when each was last heard, and the clock by which that is counted
// (bpf/liveness.h). One thread of one process writes them, that of the daemon; no apply does, but for endpoints that are new.

import { BpfMap } from "../bpf/map.ts";
import { MappedArray } from "../bpf/mapped-array.ts";
import type { Indexes } from "./indexes.ts";
import type { Layout } from "./layout.ts";
import type { PinDirectory } from "./pins.ts";
import type { Plane } from "./plane.ts";

export type Liveness = "unknown" | "up" | "stale";

export interface LivenessRow {
  /** Of the edge's session with the endpoint; 0: there is none. */
  readonly discriminator: number;
  /** Silence after which the packet path gives the endpoint up by itself; 0: it does not. */
  readonly detectMs: number;
  readonly state: Liveness;
}

/** Longer silences are left to the session. */
export const DETECT_MS_MAX = 0xffff;

const STATES = { unknown: "ENDPOINT_STATE_UNKNOWN", up: "ENDPOINT_STATE_UP", stale: "ENDPOINT_STATE_STALE" } as const;

function decode(layout: Layout, bytes: Uint8Array): LivenessRow {
  const { discriminator, detect_ms, state } = layout.decode("liveness", bytes) as unknown as Record<string, number>;
  const is = (liveness: Liveness): boolean => state === layout.number("endpoint_state", STATES[liveness]);
  return {
    discriminator: discriminator as number,
    detectMs: detect_ms as number,
    state: is("stale") ? "stale" : is("up") ? "up" : "unknown",
  };
}

/** What the packet path holds of each endpoint that is watched, by name. */
export function readLiveness(plane: Plane, indexes: Indexes): ReadonlyMap<string, LivenessRow> {
  const words = plane.array("liveness");
  return new Map([...indexes.endpoint].map(([name, index]) => [name, decode(plane.layout, words.load(index))]));
}

/** The pinned maps of liveness, for their writer. It needs no lock: nobody else writes them while a daemon lives. */
export class LivenessMaps {
  readonly #layout: Layout;
  readonly #words: MappedArray;
  readonly #heard: MappedArray;
  readonly #clock: MappedArray;
  readonly #time = new BigUint64Array(1);
  #now: bigint;

  /** @throws BpfError SYSTEM_CALL, PERMISSION */
  constructor(pins: PinDirectory, layout: Layout) {
    this.#layout = layout;
    const open = (name: string): MappedArray => {
      using map = BpfMap.openPinned(pins.map(name));
      return MappedArray.map(map);
    };
    this.#words = open("liveness");
    this.#heard = open("liveness_heard");
    this.#clock = open("liveness_clock");
    this.#now = this.#loadTime(this.#clock, 0);
  }

  read(index: number): LivenessRow {
    return decode(this.#layout, this.#words.load(index));
  }

  /** One store: packets see the old row or the new one. */
  write(index: number, { discriminator, detectMs, state }: LivenessRow): void {
    const number = this.#layout.number("endpoint_state", STATES[state]);
    const bytes = this.#layout.encode("liveness", { discriminator, detect_ms: detectMs, state: number });
    this.#words.store(index, bytes);
  }

  /** Moves the clock on. Nothing is silent for longer than the clock went. */
  advance(ns: number): void {
    this.#now += BigInt(Math.round(ns));
    this.#storeTime(this.#clock, 0, this.#now);
  }

  /** Nanoseconds of the clock since the packet path heard an endpoint; undefined: it did not since {@link mute}. */
  silenceNs(index: number): number | undefined {
    const heard = this.#loadTime(this.#heard, index);
    return heard === 0n ? undefined : Number(this.#now - heard);
  }

  /** Forgets when an endpoint was heard, to see whether its packets come by the packet path at all. */
  mute(index: number): void {
    this.#storeTime(this.#heard, index, 0n);
  }

  close(): void {
    for (const array of [this.#words, this.#heard, this.#clock]) array.close();
  }

  #loadTime(array: MappedArray, index: number): bigint {
    const { buffer, byteOffset } = array.load(index);
    return new BigUint64Array(buffer, byteOffset, 1)[0] as bigint;
  }

  #storeTime(array: MappedArray, index: number, ns: bigint): void {
    this.#time[0] = ns;
    array.store(index, new Uint8Array(this.#time.buffer));
  }
}
