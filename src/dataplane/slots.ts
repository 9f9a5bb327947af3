// Slots of bucket tables: some key words and a value word, as they lie in memory. Small tables are maps of bytes; the VM
// tables, which may hold millions, stay as they are and are searched in place.

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

/** Slots to put, those that they replace, and keys to delete; each packed. */
export interface SlotDifference {
  readonly slotBytes: number;
  readonly puts: Uint8Array;
  /** Slots as they are before a put gives them another value. */
  readonly replaced: Uint8Array;
  readonly deletes: Uint8Array;
}

export function slotDifference(desired: Uint8Array, observed: Uint8Array, slotBytes: number): SlotDifference {
  const [want, have] = [halves(desired), halves(observed)];
  const step = slotBytes / 4;
  const index = new SlotIndex(have, step);
  const kept = new Uint8Array(have.length / step);
  const puts: number[] = [];
  const replaced: number[] = [];
  for (let at = 0; at < want.length; at += step) {
    const old = index.find(want, at);
    if (old < 0) {
      puts.push(at);
      continue;
    }
    kept[old / step] = 1;
    if (want[at + step - 2] === have[old + step - 2] && want[at + step - 1] === have[old + step - 1]) continue;
    puts.push(at);
    replaced.push(old);
  }
  const gone: number[] = [];
  for (let slot = 0; slot < kept.length; slot++) if (kept[slot] === 0) gone.push(slot * step);
  return {
    slotBytes,
    puts: pick(desired, puts, slotBytes),
    replaced: pick(observed, replaced, slotBytes),
    deletes: pick(observed, gone, slotBytes - WORD_BYTES),
  };
}

/** Half words: a bigint for each of millions of words would take seconds. */
function halves(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

function pick(from: Uint8Array, offsets: readonly number[], length: number): Uint8Array {
  const picked = new Uint8Array(offsets.length * length);
  for (const [n, at] of offsets.entries()) picked.set(from.subarray(at * 4, at * 4 + length), n * length);
  return picked;
}

/** Where each key is, by open addressing: two numbers a slot, and no object. */
class SlotIndex {
  readonly #slots: Uint32Array;
  readonly #step: number;
  readonly #places: Int32Array;

  constructor(slots: Uint32Array, step: number) {
    this.#slots = slots;
    this.#step = step;
    const count = slots.length / step;
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(2 * count + 2))).fill(-1);
    for (let at = 0; at < slots.length; at += step) {
      let place = this.#hash(slots, at);
      while (this.#places[place] !== -1) place = (place + 1) & (this.#places.length - 1);
      this.#places[place] = at;
    }
  }

  #hash(slots: Uint32Array, at: number): number {
    let hash = 0;
    for (let half = at; half < at + this.#step - 2; half++) {
      hash = Math.imul(hash ^ (slots[half] as number), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash & (this.#places.length - 1);
  }

  /** Offset of the slot with the key at `at` of `slots`, in half words; -1: there is none. */
  find(slots: Uint32Array, at: number): number {
    for (let place = this.#hash(slots, at); ; place = (place + 1) & (this.#places.length - 1)) {
      const found = this.#places[place] as number;
      if (found < 0 || this.#sameKey(slots, at, found)) return found;
    }
  }

  #sameKey(slots: Uint32Array, at: number, found: number): boolean {
    for (let half = 0; half < this.#step - 2; half++) if (slots[at + half] !== this.#slots[found + half]) return false;
    return true;
  }
}
