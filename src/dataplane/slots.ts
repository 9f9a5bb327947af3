// Slots of bucket tables: some key words and a value word, as they lie in memory. Small tables are maps of bytes; the VM
// tables, which may hold millions, stay as they are and are compared by the addon.

import { WORD_BYTES } from "../bpf/bucket-table.ts";
import type { MappedArray } from "../bpf/mapped-array.ts";
import { fromHex, hex } from "./rows.ts";

/** Key and value of one slot. */
export function slotEntry(slot: Uint8Array): [key: string, value: Uint8Array] {
  const keyBytes = slot.length - WORD_BYTES;
  return [hex(slot.subarray(0, keyBytes)), slot.subarray(keyBytes)];
}

/** One slot of a key and a value. */
export function slotOf(key: string, value: Uint8Array): Uint8Array {
  return Uint8Array.from([...Buffer.from(key, "hex"), ...value]);
}

/** Slots in a row: the form in which bucket tables take and give them. */
export function packSlots(entries: Iterable<readonly [string, Uint8Array]>): Uint8Array {
  const parts = [...entries].flatMap(([key, value]) => [Buffer.from(key, "hex"), value]);
  return Uint8Array.from(Buffer.concat(parts));
}

export function unpackSlots(packed: Uint8Array, slotBytes: number): Map<string, Uint8Array> {
  const entries = new Map<string, Uint8Array>();
  for (let at = 0; at < packed.length; at += slotBytes) entries.set(...slotEntry(packed.subarray(at, at + slotBytes)));
  return entries;
}

/** Parts in a row. */
export function joinSlots(parts: readonly Uint8Array[]): Uint8Array {
  const slots = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    slots.set(part, at);
    at += part.length;
  }
  return slots;
}

export function packKeys(keys: readonly string[]): Uint8Array {
  return fromHex(keys.join(""));
}

/** Buckets that are read at once: 1 MiB. */
const CHUNK_BUCKETS = 16_384;

/** The used slots of a table's buckets, a part of the table at a time; each is good until the next. */
export function* usedSlots(buckets: MappedArray, slotBytes: number): Iterable<Uint8Array> {
  const step = slotBytes / 4;
  for (let first = 0; first < buckets.length; first += CHUNK_BUCKETS) {
    const all = buckets.loadMany(first, Math.min(CHUNK_BUCKETS, buckets.length - first));
    // Halves of words: a bigint for each of millions would take seconds.
    const halves = new Uint32Array(all.buffer, all.byteOffset, all.length / 4);
    let used = 0;
    for (let at = 0; at < halves.length; at += step) {
      if (halves[at] === 0 && halves[at + 1] === 0) continue;
      if (at !== used) halves.copyWithin(used, at, at + step);
      used += step;
    }
    yield all.subarray(0, used * 4);
  }
}

/** Key of an element of an ARRAY map. */
export function elementKey(index: number): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, index, true);
  return key;
}
