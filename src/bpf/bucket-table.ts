// The writer of a bucket table: bpf/table.h reads it, native/bucket_table.hpp tells how it is written.

import type { BpfMap } from "./map.ts";
import type { NativeBucketTable } from "./native.ts";
import { addon, native } from "./native.ts";

/** Bytes of a key, and of a value: one word each. */
export const WORD_BYTES = 8;
/** Bytes of a slot: key word, value word. */
export const SLOT_BYTES = 16;

export interface BucketTableOptions {
  /** Of the hash; as the programs that read the table have it. */
  readonly seed: bigint;
  /**
   * Where moves of keys are counted for packets: 8 bytes of element 0 of an array with BPF_F_MMAPABLE. Without it no key that
   * packets see is ever moved, and the table fills less well.
   */
  readonly moves?: { readonly map: BpfMap; readonly offset: number };
}

export interface Changes {
  /** Slots to insert or replace, 16 bytes each, in order. No key word may be zero. */
  readonly puts: Uint8Array;
  /** Keys to remove after all puts, 8 bytes each. One that is not there is passed over. */
  readonly deletes: Uint8Array;
}

export interface Changed {
  readonly inserted: number;
  readonly replaced: number;
  readonly removed: number;
}

/**
 * One writer at a time: the caller holds a lock. Packets read meanwhile and never miss a key that stays, nor see a value that
 * is not its own.
 */
export class BucketTable {
  readonly #native: NativeBucketTable;
  /** Slots. A table can be filled to more than nine tenths; above that a change may be refused for want of a place. */
  readonly capacity: number;
  readonly buckets: number;
  /** Copies of keys that a writer who was killed had left, and that opening the table took away. */
  readonly repaired: number;

  private constructor(handle: NativeBucketTable) {
    this.#native = handle;
    const { capacity, repaired } = handle.stats();
    this.capacity = capacity;
    this.buckets = capacity / 4;
    this.repaired = repaired;
  }

  /**
   * Reads the whole table once, and mends it.
   * @throws BpfError ARGUMENT_INVALID unless it is an array of 64 bytes made with BPF_F_MMAPABLE; STATE_CORRUPT when it was
   * filled with another seed
   */
  static open(map: BpfMap, { seed, moves }: BucketTableOptions): BucketTable {
    return new BucketTable(addon().BucketTable.open(map[native], seed, moves?.map[native], moves?.offset ?? 0));
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

  /** All slots in use, 16 bytes each, in no order. */
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
