// A BPF object file: a blueprint that anyone may read and adjust, and load() makes live.

import { BpfMap } from "./map.ts";
import type { NativeObject } from "./native.ts";
import { addon, native } from "./native.ts";
import { BpfProgram } from "./program.ts";

export interface MapDefinition {
  /** As in the source; that of constants is `.rodata`. */
  readonly name: string;
  /** enum bpf_map_type. */
  readonly type: number;
  readonly typeName: string;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Types in the object's own BTF; 0: none. */
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** Made by the compiler for global variables. */
  readonly internal: boolean;
}

export interface ProgramDefinition {
  readonly name: string;
  /** Such as `xdp.frags`. */
  readonly section: string;
}

/** Closing it closes the maps and programs that were taken from it; what is pinned or attached stays. */
export class BpfObject {
  readonly #native: NativeObject;
  readonly #maps = new Map<string, BpfMap>();
  readonly #programs = new Map<string, BpfProgram>();

  private constructor(handle: NativeObject) {
    this.#native = handle;
  }

  /**
   * Reads an object file; needs no privilege.
   * @throws BpfError SYSTEM_CALL: no such file, or no BPF object
   */
  static open(path: string): BpfObject {
    return new BpfObject(addon().BpfObject.open(path));
  }

  get maps(): readonly MapDefinition[] {
    return this.#native.maps();
  }

  get programs(): readonly ProgramDefinition[] {
    return this.#native.programs();
  }

  /** The object's BTF as libbpf adjusted it: sections of variables have their sizes and offsets. */
  btf(): Uint8Array {
    return this.#native.btf();
  }

  /** A copy of the initial values of `const volatile` variables; their offsets are in the BTF section `.rodata`. */
  readOnlyData(): Uint8Array {
    return this.#native.readOnlyData();
  }

  /** Replaces them, before load(): the verifier takes them for constants. The length is that of readOnlyData(). */
  setReadOnlyData(bytes: Uint8Array): void {
    this.#native.setReadOnlyData(bytes);
  }

  /** Sizes a map that load() will make. */
  setMaxEntries(map: string, maxEntries: number): void {
    this.#native.setMaxEntries(map, maxEntries);
  }

  /**
   * Makes load() use an existing map in the place of a new one.
   * @throws BpfError MAP_INCOMPATIBLE, with every difference of type, sizes, entries and flags
   */
  reuseMap(name: string, map: BpfMap): void {
    this.#native.reuseMap(name, map[native]);
  }

  /**
   * Makes the maps and passes the programs to the verifier: needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.
   * @throws BpfError VERIFIER with `verifierLog`, PERMISSION, SYSTEM_CALL; the object cannot be loaded again then
   */
  load(): void {
    this.#native.load();
  }

  /** A map of the loaded object, the same handle each time. */
  map(name: string): BpfMap {
    let map = this.#maps.get(name);
    if (map === undefined) {
      map = new BpfMap(this.#native.map(name));
      this.#maps.set(name, map);
    }
    return map;
  }

  /** A program of the loaded object, the same handle each time. */
  program(name: string): BpfProgram {
    let program = this.#programs.get(name);
    if (program === undefined) {
      program = new BpfProgram(this.#native.program(name));
      this.#programs.set(name, program);
    }
    return program;
  }

  close(): void {
    for (const map of this.#maps.values()) map.close();
    for (const program of this.#programs.values()) program.close();
    this.#maps.clear();
    this.#programs.clear();
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
