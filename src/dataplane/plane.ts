// The live tables and programs of one edge: made or adopted, opened through their pins, closed together.

import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { Btf } from "../bpf/btf.ts";
import { BucketTable } from "../bpf/bucket-table.ts";
import { BpfMap } from "../bpf/map.ts";
import { MappedArray } from "../bpf/mapped-array.ts";
import { BpfObject } from "../bpf/object.ts";
import { BpfProgram } from "../bpf/program.ts";
import { UnumError } from "../errors.ts";
import type { VmCapacity } from "../model/index.ts";
import type { Feature } from "./features.ts";
import { featureMask, featuresOfMask } from "./features.ts";
import { Layout } from "./layout.ts";
import type { PinDirectory } from "./pins.ts";
import { PROGRAM_ROLES } from "./pins.ts";
import type { NewTables } from "./programs.ts";
import { configure, exchangePrograms, objectHash, readLayout } from "./programs.ts";
import type { TableName } from "./tables.ts";
import { keyWords, slotBytes, vmBuckets, vmsOfBuckets } from "./tables.ts";

export interface Meta {
  readonly vmCapacity: number;
  readonly vm6Capacity: number;
  /** What the pinned programs were loaded with. */
  readonly features: ReadonlySet<Feature>;
  readonly seed: bigint;
  /** Hash of the object file that the pinned programs came from. */
  readonly object: bigint;
}

export interface LoadOptions {
  /** VMs of each family that new VM tables are made for; tables that exist keep their sizes. */
  readonly vmCapacity: number;
  readonly vm6Capacity: number;
  /** What new programs are loaded with; programs that exist keep what they have (see {@link Plane.require}). */
  readonly features?: ReadonlySet<Feature>;
  /** How long to wait for another writer to finish. */
  readonly lockWaitMs?: number;
  /** The programs that new ports are proved with; those beside the object, unless given. */
  readonly probePath?: string;
}

/** Buckets that are read at once: 1 MiB. */
const CHUNK_BUCKETS = 16_384;

const NO_FEATURES: ReadonlySet<Feature> = new Set();

/** The hash of no object file. */
const NO_BUILD = 0n;

interface Exchange {
  readonly features: ReadonlySet<Feature>;
  /** As it is, unless given. */
  readonly capacity?: VmCapacity;
}

export class Plane {
  readonly pins: PinDirectory;
  readonly layout: Layout;
  #meta: Meta;
  readonly #closers: { close(): void }[] = [];
  readonly #maps = new Map<string, BpfMap>();
  readonly #arrays = new Map<string, MappedArray>();
  readonly #tables = new Map<TableName, BucketTable>();
  readonly #programs = new Map<string, BpfProgram>();
  #writable: boolean;
  #upgraded = false;
  readonly #objectPath: string;
  #probePath: string | undefined;

  private constructor(pins: PinDirectory, objectPath: string, layout: Layout, lock: { close(): void } | undefined) {
    this.pins = pins;
    this.#objectPath = objectPath;
    this.layout = layout;
    this.#writable = lock !== undefined;
    if (lock !== undefined) this.#closers.push(lock);
    try {
      this.#meta = this.#readMeta();
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  /**
   * Opens what is pinned, to read it.
   * @throws UnumError NOT_LOADED, PIN_DIRECTORY, MAP_INCOMPATIBLE, PERMISSION
   */
  static open(pins: PinDirectory, objectPath: string): Plane {
    if (!pins.isLoaded()) {
      throw new UnumError("NOT_LOADED", `open ${pins.path}: no tables are pinned there`, {
        remedy: "apply a document, or attach a NIC: either makes them",
      });
    }
    pins.requireSafe();
    return new Plane(pins, objectPath, readLayout(objectPath), undefined);
  }

  /**
   * Opens what is pinned to change it, as the only writer; makes the tables and programs when there are none, and brings
   * programs of another build up to date without detaching anything.
   * @throws UnumError LOCKED, PIN_DIRECTORY, MAP_INCOMPATIBLE, PERMISSION, VERIFIER
   */
  static load(pins: PinDirectory, objectPath: string, options: LoadOptions): Plane {
    const lock = lockPins(pins, options.lockWaitMs ?? 10_000);
    try {
      if (!pins.isLoaded()) pins.clear();
      const plane = pins.isLoaded()
        ? Plane.#adopt(pins, objectPath, lock)
        : Plane.#make(pins, objectPath, options, lock);
      plane.#probePath = options.probePath;
      return plane;
    } catch (thrown) {
      lock.close();
      throw thrown;
    }
  }

  static #make(pins: PinDirectory, objectPath: string, options: LoadOptions, lock: { close(): void }): Plane {
    const { vmCapacity, vm6Capacity, features = NO_FEATURES } = options;
    const object = BpfObject.open(objectPath);
    try {
      const layout = new Layout(Btf.parse(object.btf()));
      const seed = randomBytes(8).readBigUInt64LE(0);
      object.setMaxEntries("vms4", vmBuckets("vms4", vmCapacity));
      object.setMaxEntries("vms6", vmBuckets("vms6", vm6Capacity));
      configure(object, layout, { seed, features });
      object.load();
      for (const { name } of object.maps) {
        if (name !== "meta" && !name.startsWith(".")) object.map(name).pin(pins.map(name));
      }
      for (const role of PROGRAM_ROLES) object.program(`unum_${role}`).pin(pins.program(role));
      const meta = { vmCapacity, vm6Capacity, features, seed, object: objectHash(objectPath) };
      object.map("meta").update(elementKey(0), encodeMeta(layout, meta));
      object.map("meta").pin(pins.map("meta"));
      return new Plane(pins, objectPath, layout, lock);
    } finally {
      object.close();
    }
  }

  static #adopt(pins: PinDirectory, objectPath: string, lock: { close(): void }): Plane {
    const plane = new Plane(pins, objectPath, readLayout(objectPath), lock);
    try {
      pins.sweep();
      if (plane.outdated) {
        plane.#exchange({ features: plane.meta.features });
        plane.#upgraded = true;
      }
      return plane;
    } catch (thrown) {
      plane.close();
      throw thrown;
    }
  }

  /**
   * While ports and pins have some of the old programs and some of the new, the map meta vouches for what both can do, and for the
   * old build: after a process that was killed here, the next one that needs more does it again. Where tables are exchanged too, it
   * vouches for no build: the next process has to put all ports on the tables that are pinned, before it writes to them.
   */
  #exchange({ features, capacity = this.capacity }: Exchange): void {
    const { seed, features: old } = this.#meta;
    const tables = this.#newTables(capacity);
    exchangePrograms(this, this.#objectPath, { seed, features }, tables, () => {
      const both = new Set([...features].filter((feature) => old.has(feature)));
      this.#writeMeta({ ...this.#meta, features: both, ...(tables.size > 0 && { object: NO_BUILD }) });
    });
    for (const role of PROGRAM_ROLES) this.#forget(this.#programs, role);
    for (const name of tables.keys()) {
      this.#forget(this.#tables, name);
      this.#forget(this.#arrays, name);
      this.#forget(this.#maps, name);
    }
    const { vms: vmCapacity, vms6: vm6Capacity } = capacity;
    this.#writeMeta({ ...this.#meta, vmCapacity, vm6Capacity, features, object: objectHash(this.#objectPath) });
  }

  /** Tables that have to be made anew to be made for so many VMs. */
  #newTables({ vms, vms6 }: VmCapacity): NewTables {
    const wanted = [["vms4", vmBuckets("vms4", vms)] as const, ["vms6", vmBuckets("vms6", vms6)] as const];
    return new Map(wanted.filter(([name, buckets]) => this.map(name).info.maxEntries !== buckets));
  }

  #forget<K>(opened: Map<K, { close(): void }>, name: K): void {
    const handle = opened.get(name);
    if (handle === undefined) return;
    opened.delete(name);
    handle.close();
    this.#closers.splice(this.#closers.indexOf(handle), 1);
  }

  #writeMeta(meta: Meta): void {
    this.map("meta").update(elementKey(0), encodeMeta(this.layout, meta));
    this.#meta = meta;
  }

  /** Beside the object of the packet path. */
  get probeObjectPath(): string {
    return this.#probePath ?? join(dirname(this.#objectPath), "probe.bpf.o");
  }

  get meta(): Meta {
    return this.#meta;
  }

  /** VMs that the tables were made for. */
  get capacity(): VmCapacity {
    return { vms: this.#meta.vmCapacity, vms6: this.#meta.vm6Capacity };
  }

  /** What of `needed` the loaded programs lack. */
  missing(needed: ReadonlySet<Feature>): readonly Feature[] {
    return [...needed].filter((feature) => !this.#meta.features.has(feature));
  }

  /**
   * Exchanges the programs, while packets flow, for ones with all of `needed`, unless they have it, and the VM tables for copies
   * of another size, unless they are made for `capacity`. What programs had and neither `needed` nor `inUse` names is left out then.
   * @throws BpfError VERIFIER, PERMISSION, TABLE_FULL; then everything is as it was
   */
  require(needed: ReadonlySet<Feature>, inUse: ReadonlySet<Feature>, capacity = this.capacity): void {
    const { vms, vms6 } = this.capacity;
    if (this.missing(needed).length === 0 && capacity.vms === vms && capacity.vms6 === vms6) return;
    this.#exchange({ features: new Set([...needed, ...inUse]), capacity });
  }

  /** True when the programs were of another build, and were exchanged while they ran. */
  get upgraded(): boolean {
    return this.#upgraded;
  }

  /** True while the pinned programs are of another build than this one: a writer that loads exchanges them. */
  get outdated(): boolean {
    return !this.#upgraded && this.#meta.object !== objectHash(this.#objectPath);
  }

  #readMeta(): Meta {
    const bytes = this.map("meta").lookup(elementKey(0));
    // Of any version: the first field is the version.
    const version = bytes === undefined ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const ours = this.layout.number("abi_version", "UNUM_ABI_VERSION");
    if (bytes === undefined || version !== ours || bytes.length !== this.layout.codec("meta").size) {
      throw new UnumError(
        "MAP_INCOMPATIBLE",
        `open ${this.pins.path}: its tables are of version ${version}, this unum reads version ${ours}`,
        { remedy: "use the unum that made them, or unum detach --all and apply the document again" },
      );
    }
    const row = this.layout.decode("meta", bytes) as Record<string, unknown>;
    const made = (table: "vms4" | "vms6", said: number): number => {
      // Another size: a process was killed between exchanging the table and saying so.
      const { maxEntries } = this.map(table).info;
      return maxEntries === vmBuckets(table, said) ? said : vmsOfBuckets(table, maxEntries);
    };
    return {
      vmCapacity: made("vms4", row.vm_capacity as number),
      vm6Capacity: made("vms6", row.vm6_capacity as number),
      features: featuresOfMask(this.layout, row.features as number),
      seed: row.seed as bigint,
      object: row.object as bigint,
    };
  }

  map(name: string): BpfMap {
    return this.#open(this.#maps, name, () => BpfMap.openPinned(this.pins.map(name)));
  }

  /** A map of words or records, through its mapping. */
  array(name: string): MappedArray {
    return this.#open(this.#arrays, name, () => MappedArray.map(this.map(name)));
  }

  /** A bucket table, for the writer alone: opening it mends what a writer that was killed left behind. */
  table(name: TableName): BucketTable {
    if (!this.#writable) throw new UnumError("INTERNAL", `open table ${name}: this process is no writer`);
    const field = this.layout.codec("table_moves").fields.find((candidate) => candidate.name === name);
    if (field === undefined)
      throw new UnumError("BTF_INVALID", `open table ${name}: struct table_moves does not count it`);
    return this.#open(this.#tables, name, () =>
      BucketTable.open(this.map(name), {
        seed: this.#meta.seed,
        keyWords: keyWords(this.layout, name),
        moves: { map: this.map("table_moves"), offset: field.offset },
      }),
    );
  }

  /** The used slots of a bucket table, one after the other. */
  slots(name: TableName): Uint8Array {
    if (this.#writable) return this.table(name).entries();
    const chunks = [...this.slotChunks(name)].map((chunk) => chunk.slice());
    const slots = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of chunks) {
      slots.set(chunk, at);
      at += chunk.length;
    }
    return slots;
  }

  /** The same, a part of the table at a time; each is good until the next. Needs no lock, and mends nothing. */
  *slotChunks(name: TableName): Iterable<Uint8Array> {
    const array = this.array(name);
    const step = slotBytes(this.layout, name) / 4;
    for (let first = 0; first < array.length; first += CHUNK_BUCKETS) {
      const all = array.loadMany(first, Math.min(CHUNK_BUCKETS, array.length - first));
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

  program(role: string): BpfProgram {
    return this.#open(this.#programs, role, () => BpfProgram.openPinned(this.pins.program(role)));
  }

  #open<K, V extends { close(): void }>(opened: Map<K, V>, name: K, open: () => V): V {
    let handle = opened.get(name);
    if (handle === undefined) {
      handle = open();
      opened.set(name, handle);
      this.#closers.push(handle);
    }
    return handle;
  }

  /** Closes every handle and gives up the lock. What is pinned stays and goes on forwarding. */
  close(): void {
    this.#writable = false;
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) closer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The lock of the directory that is there now, made if need be: another process may remove it while this one waits. */
function lockPins(pins: PinDirectory, waitMs: number): { close(): void } {
  for (;;) {
    pins.create();
    const lock = pins.lock(waitMs);
    if (lock !== undefined) return lock;
  }
}

/** Key of an element of an ARRAY map. */
export function elementKey(index: number): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, index, true);
  return key;
}

function encodeMeta(layout: Layout, { vmCapacity, vm6Capacity, features, seed, object }: Meta): Uint8Array {
  return layout.encode("meta", {
    abi_version: layout.number("abi_version", "UNUM_ABI_VERSION"),
    vm_capacity: vmCapacity,
    vm6_capacity: vm6Capacity,
    features: featureMask(layout, features),
    seed,
    object,
  });
}
