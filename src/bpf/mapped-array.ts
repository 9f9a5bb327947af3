// Elements of an array map through its memory: no system call, and 8 bytes change at once.

import type { BpfMap } from "./map.ts";
import type { NativeMappedArray } from "./native.ts";
import { addon, native } from "./native.ts";

/** Outlives the handle of the map. Methods throw BpfError: ARGUMENT_INVALID for an index or length, CLOSED. */
export class MappedArray {
  readonly #native: NativeMappedArray;
  readonly length: number;
  /** Bytes of an element. */
  readonly valueSize: number;

  private constructor(handle: NativeMappedArray) {
    this.#native = handle;
    this.length = handle.length();
    this.valueSize = handle.valueSize();
  }

  /** @throws BpfError ARGUMENT_INVALID unless it is an ARRAY made with BPF_F_MMAPABLE */
  static map(map: BpfMap): MappedArray {
    return new MappedArray(addon().MappedArray.map(map[native]));
  }

  /** A copy. 8 bytes are never seen half changed, larger values may be. */
  load(index: number): Uint8Array {
    return this.#native.load(index);
  }

  /** `count` elements from `first` on, `valueSize` bytes each. */
  loadMany(first: number, count: number): Uint8Array {
    return this.#native.loadMany(first, count);
  }

  /** Replaces an element of 8 bytes by one store: packets see the old or the new one, and all that was written before. */
  store(index: number, bytes: Uint8Array): void {
    this.#native.store(index, bytes);
  }

  /**
   * Writes an element of any size, word by word. For one that no packet reads: a word that is stored later publishes it
   * (records, bpf/abi.h).
   */
  write(index: number, bytes: Uint8Array): void {
    this.#native.write(index, bytes);
  }

  close(): void {
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
