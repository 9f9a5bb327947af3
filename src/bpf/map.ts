// A BPF map, with bytes for keys and values; codec.ts gives them names.

import type { NativeMap } from "./native.ts";
import { addon, native } from "./native.ts";

export interface MapInfo {
  readonly id: number;
  /** In full where it is known; the kernel keeps 15 characters. */
  readonly name: string;
  /** enum bpf_map_type. */
  readonly type: number;
  /** Such as `percpu_array`. */
  readonly typeName: string;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes of one value; of a per-CPU map, on one CPU. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_… of linux/bpf.h. */
  readonly flags: number;
  /**
   * Bytes that `lookup` returns and `update` takes. A per-CPU map has one value for each possible CPU, each padded to a
   * multiple of 8 bytes.
   */
  readonly valueBytes: number;
  /** 0: the map has no type information. */
  readonly btfId: number;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
}

/** A device that a map or program was offloaded to. */
export interface OffloadDevice {
  /** 0: none. */
  readonly ifindex: number;
  /** The network namespace in which the index counts, as device and inode of its file. */
  readonly netnsDevice: bigint;
  readonly netnsInode: bigint;
}

/** What the kernel tells of a map to whoever wants to show it. */
export interface MapDescription extends OffloadDevice {
  /** As the kernel has it: 15 characters; empty: none. */
  readonly kernelName: string;
  /** The value's type in the kernel's own BTF, for a map of struct_ops; 0: none. */
  readonly kernelTypesValueId: number;
  /** /proc/self/fdinfo of its descriptor: lines of `word:`, a tab and a value. */
  readonly fdText: string;
}

/** A run of elements, each looked up by itself. */
export interface Stretch {
  readonly keys: Uint8Array;
  /** In the order of the keys; zeros where the lookup failed. */
  readonly values: Uint8Array;
  readonly failures: readonly { readonly index: number; readonly errno: number; readonly text: string }[];
  /** There are no more. */
  readonly atEnd: boolean;
}

/** `noexist` fails with EEXIST where the key is, `exist` with ENOENT where it is not (BPF_NOEXIST, BPF_EXIST). */
export type UpdateMode = "any" | "noexist" | "exist";
const UPDATE_FLAGS = { any: 0, noexist: 1, exist: 2 } as const satisfies Record<UpdateMode, number>;

/**
 * A map. Its methods throw BpfError: ARGUMENT_INVALID for a wrong length, CLOSED after close(), PERMISSION (EPERM)
 * without CAP_BPF, SYSTEM_CALL with the errno of bpf(2) otherwise.
 */
export class BpfMap {
  readonly [native]: NativeMap;

  constructor(handle: NativeMap) {
    this[native] = handle;
  }

  /** Opens a pin: the directory's permissions are all it takes. */
  static openPinned(path: string): BpfMap {
    return new BpfMap(addon().BpfMap.openPinned(path));
  }

  /** Needs CAP_SYS_ADMIN: prefer a pin. */
  static openById(id: number): BpfMap {
    return new BpfMap(addon().BpfMap.openById(id));
  }

  get info(): MapInfo {
    return this[native].info();
  }

  /** As of now. */
  describe(): MapDescription {
    return this[native].describe();
  }

  /**
   * The BTF that the map was made with, for Btf.parse(); `info` says which of its types are key and value. Undefined: none, as
   * with every devmap.
   * @throws BpfError PERMISSION without CAP_SYS_ADMIN
   */
  btf(): Uint8Array | undefined {
    return this[native].btf();
  }

  /** A copy of the value; undefined where the key is not. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    return this[native].lookup(key);
  }

  /** While an element of a HASH map is replaced, packets may miss it: what they read changes by words (bpf/abi.h). */
  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode = "any"): void {
    this[native].update(key, value, UPDATE_FLAGS[mode]);
  }

  /** Whether the key was there. */
  delete(key: Uint8Array): boolean {
    return this[native].delete(key);
  }

  /** The keys as of now. Keys that come or go while they are read may be missing; none is there twice. */
  *keys(): Generator<Uint8Array, void, undefined> {
    const { keySize } = this.info;
    const keys = this[native].keys();
    for (let at = 0; at < keys.length; at += keySize) yield keys.subarray(at, at + keySize);
  }

  /** Keys with their values as of now; the entries of a hash map are whole, those of other maps may be half changed. */
  *entries(): Generator<[key: Uint8Array, value: Uint8Array], void, undefined> {
    const { keySize, valueBytes } = this.info;
    const { keys, values } = this[native].entries();
    for (let n = 0; n * keySize < keys.length; n++) {
      yield [keys.subarray(n * keySize, (n + 1) * keySize), values.subarray(n * valueBytes, (n + 1) * valueBytes)];
    }
  }

  [Symbol.iterator](): Generator<[key: Uint8Array, value: Uint8Array], void, undefined> {
    return this.entries();
  }

  /** The key after one, or the first one, in the kernel's order; undefined after the last. */
  nextKey(key?: Uint8Array): Uint8Array | undefined {
    return this[native].nextKey(key);
  }

  /**
   * Up to `count` elements after a key, or from the first one, in the kernel's order. Where that key was deleted meanwhile,
   * the kernel starts again from the first: for maps that others change, `entries` is the better way.
   */
  walk(after: Uint8Array | undefined, count: number): Stretch {
    return this[native].walk(after, count);
  }

  /** `count` elements of an ARRAY or PERCPU_ARRAY from `first` on, `valueBytes` each. */
  readArray(first: number, count: number): Uint8Array {
    return this[native].readArray(first, count);
  }

  /** Gives the map a name in a BPF file system, under which it outlives the process. */
  pin(path: string): void {
    this[native].pin(path);
  }

  close(): void {
    this[native].close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
