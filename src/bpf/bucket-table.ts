// The writer of a bucket table: bpf/table.h reads it, native/bucket_table.hpp tells how it is written.

import type { BpfMap } from "./map.ts";
import type { NativeBucketTable } from "./native.ts";
import { addon, native } from "./native.ts";

/** Bytes of a word: keys are made of them, and a value is one. */
export const WORD_BYTES = 8;

/** What a 64-byte bucket is divided into: slots of so many key words and a value word. */
export interface BucketShape {
  readonly keyWords: KeyWords;
  readonly keyBytes: number;
  /** Key and value. */
  readonly slotBytes: number;
  /** Of one bucket. */
  readonly slots: number;
}
export type KeyWords = 1 | 3;

const shape = (keyWords: KeyWords): BucketShape => {
  const keyBytes = keyWords * WORD_BYTES;
  const slotBytes = keyBytes + WORD_BYTES;
  return { keyWords, keyBytes, slotBytes, slots: 64 / slotBytes };
};
/** Four slots of 16 bytes, or two of 32. */
export const BUCKET_SHAPES: Readonly<Record<KeyWords, BucketShape>> = { 1: shape(1), 3: shape(3) };

/** Bytes of a slot with a key of one word. */
export const SLOT_BYTES = BUCKET_SHAPES[1].slotBytes;

export interface BucketTableOptions {
  /** Of the hash; as the programs that read the table have it. */
  readonly seed: bigint;
  /** Words of a key: 1 for table_find(), 3 for table_find3(). 1 unless said. */
  readonly keyWords?: KeyWords;
  /**
   * Where moves of keys are counted for packets: 8 bytes of element 0 of an array with BPF_F_MMAPABLE. Without it no key that
   * packets see is ever moved, and the table fills less well.
   */
  readonly moves?: { readonly map: BpfMap; readonly offset: number };
}

export interface Changes {
  /** Slots to insert or replace, in order, each `slotBytes` of the shape: key, value. No key's first word may be zero. */
  readonly puts: Uint8Array;
  /** Keys to remove after all puts, each `keyBytes` of the shape. One that is not there is passed over. */
  readonly deletes: Uint8Array;
}

export interface Changed {
  readonly inserted: number;
  readonly replaced: number;
  readonly removed: number;
}

/** What makes the slots of one table those of another; each packed. */
export interface SlotDifference {
  /** Slots whose key is new or gets another value, in the order of the desired ones. May be the desired array itself. */
  readonly puts: Uint8Array;
  /** Slots as they are before a put gives them another value, in the order of those puts. */
  readonly replaced: Uint8Array;
  /** Slots whose key goes. */
  readonly removed: Uint8Array;
  /** Keys of those. */
  readonly deletes: Uint8Array;
}

/**
 * Compares slots, each key once on either side. A few tens of nanoseconds for each slot, and 4 to 8 bytes of memory for each
 * observed one.
 * @throws BpfError ARGUMENT_INVALID
 */
export function slotDifference(desired: Uint8Array, observed: Uint8Array, keyWords: KeyWords): SlotDifference {
  return addon().slotDifference(desired, observed, keyWords);
}

/**
 * One writer at a time: the caller holds a lock. Packets read meanwhile and never miss a key that stays, nor see a value that
 * is not its own.
 */
export class BucketTable {
  readonly #native: NativeBucketTable;
  readonly shape: BucketShape;
  /**
   * Slots. A table of four-slot buckets can be filled to more than nine tenths, one of two-slot buckets to more than eight
   * tenths; above that a change may be refused for want of a place.
   */
  readonly capacity: number;
  readonly buckets: number;
  /** Copies of keys that a writer who was killed had left, and that opening the table took away. */
  readonly repaired: number;

  private constructor(handle: NativeBucketTable, shape: BucketShape) {
    this.#native = handle;
    this.shape = shape;
    const { capacity, repaired } = handle.stats();
    this.capacity = capacity;
    this.buckets = capacity / shape.slots;
    this.repaired = repaired;
  }

  /**
   * Reads the whole table once, and mends it.
   * @throws BpfError ARGUMENT_INVALID unless it is an array of 64 bytes made with BPF_F_MMAPABLE; STATE_CORRUPT when it was
   * filled with another seed or another length of keys; then it is left as it is
   */
  static open(map: BpfMap, { seed, keyWords = 1, moves }: BucketTableOptions): BucketTable {
    const handle = addon().BucketTable.open(map[native], seed, keyWords, moves?.map[native], moves?.offset ?? 0);
    return new BucketTable(handle, BUCKET_SHAPES[keyWords]);
  }

  /** Slots in use. */
  get size(): number {
    return this.#native.stats().size;
  }

  /** Freed slots that wait for a grace period before they are used again. */
  get resting(): number {
    return this.#native.stats().resting;
  }

  /** The value of a key, a copy. */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.#native.get(key);
  }

  /** All slots in use, each `slotBytes` of the shape, in no order. */
  entries(): Uint8Array {
    return this.#native.entries();
  }

  /**
   * Makes all changes, or none. Each key changes by one store; a packet may see some of the changes before others.
   * Inserting may wait for grace periods: the first time after open, when only resting slots are left, and when keys must
   * move; replacing and deleting never do.
   * @throws BpfError TABLE_FULL: the table holds what it held; ARGUMENT_INVALID
   */
  changeAll({ puts, deletes }: Changes): Changed {
    return this.#native.changeAll(puts, deletes);
  }

  /** Waits a grace period, if any slot rests, and makes those slots free. */
  collect(): void {
    this.#native.collect();
  }

  close(): void {
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
