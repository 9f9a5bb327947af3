// Slots of bucket tables: some key words and a value word, as they lie in memory. Small tables are maps of bytes; the VM
// tables, which may hold millions, stay as they are and are compared by the addon.

import { WORD_BYTES } from "../bpf/bucket-table.ts";
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

export function packKeys(keys: readonly string[]): Uint8Array {
  return fromHex(keys.join(""));
}
