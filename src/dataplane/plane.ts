// The live tables and programs of one edge: made or adopted, opened through their pins, closed together.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Btf } from "../bpf/btf.ts";
import { BucketTable } from "../bpf/bucket-table.ts";
import { XdpLink, xdpAttached } from "../bpf/link.ts";
import { BpfMap } from "../bpf/map.ts";
import { MappedArray } from "../bpf/mapped-array.ts";
import { BpfObject } from "../bpf/object.ts";
import { BpfProgram } from "../bpf/program.ts";
import { renamePin } from "../bpf/system.ts";
import { UnumError } from "../errors.ts";
import { Layout } from "./layout.ts";
import type { PinDirectory } from "./pins.ts";
import { PROGRAM_ROLES, roleOfProgram } from "./pins.ts";

/** Of bpf/abi.h: UNUM_ABI_VERSION. */
const ABI_VERSION = 1;
/**
 * VMs that a bucket of four slots is made for. More would fit, and cost those who change a full table: keys would have to move
 * out of each other's way, and each move waits for a grace period (docs/maps.md).
 */
export const VMS_PER_BUCKET = 3;

export type TableName = "vms4" | "moved4" | "attachments" | "services4" | "sources4" | "members";
const TABLES: readonly TableName[] = ["vms4", "moved4", "attachments", "services4", "sources4", "members"];

export interface Meta {
  readonly vmCapacity: number;
  readonly seed: bigint;
  /** Hash of the object file that the pinned programs came from. */
  readonly object: bigint;
}

export interface LoadOptions {
  /** VMs that a new VM table is made for; a table that exists keeps its size. */
  readonly vmCapacity: number;
  /** How long to wait for another writer to finish. */
  readonly lockWaitMs?: number;
}

/** The object file as a blueprint: needs no privilege. */
export function readLayout(objectPath: string): Layout {
  const object = BpfObject.open(objectPath);
  try {
    return new Layout(Btf.parse(object.btf()));
  } finally {
    object.close();
  }
}

function objectHash(path: string): bigint {
  return createHash("sha256").update(readFileSync(path)).digest().readBigUInt64LE(0);
}

export class Plane {
  readonly pins: PinDirectory;
  readonly layout: Layout;
  readonly meta: Meta;
  readonly #closers: { close(): void }[] = [];
  readonly #maps = new Map<string, BpfMap>();
  readonly #arrays = new Map<string, MappedArray>();
  readonly #tables = new Map<TableName, BucketTable>();
  readonly #programs = new Map<string, BpfProgram>();
  #writable: boolean;
  #upgraded = false;
  readonly #objectPath: string;

  private constructor(pins: PinDirectory, objectPath: string, layout: Layout, lock: { close(): void } | undefined) {
    this.pins = pins;
    this.#objectPath = objectPath;
    this.layout = layout;
    this.#writable = lock !== undefined;
    if (lock !== undefined) this.#closers.push(lock);
    try {
      this.meta = this.#readMeta();
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
      if (pins.isLoaded()) return Plane.#adopt(pins, objectPath, lock);
      pins.clear();
      return Plane.#make(pins, objectPath, options.vmCapacity, lock);
    } catch (thrown) {
      lock.close();
      throw thrown;
    }
  }

  static #make(pins: PinDirectory, objectPath: string, vmCapacity: number, lock: { close(): void }): Plane {
    const object = BpfObject.open(objectPath);
    try {
      const layout = new Layout(Btf.parse(object.btf()));
      const seed = randomBytes(8).readBigUInt64LE(0);
      object.setMaxEntries("vms4", Math.ceil(vmCapacity / VMS_PER_BUCKET));
      configure(object, layout.btf, seed, (table) => entriesOf(object, table));
      object.load();
      for (const { name } of object.maps) {
        if (name !== "meta" && !name.startsWith(".")) object.map(name).pin(pins.map(name));
      }
      for (const role of PROGRAM_ROLES) object.program(`unum_${role}`).pin(pins.program(role));
      const meta = { abi_version: ABI_VERSION, vm_capacity: vmCapacity, seed, object: objectHash(objectPath) };
      object.map("meta").update(elementKey(0), layout.encode("meta", meta));
      object.map("meta").pin(pins.map("meta"));
      return new Plane(pins, objectPath, layout, lock);
    } finally {
      object.close();
    }
  }

  static #adopt(pins: PinDirectory, objectPath: string, lock: { close(): void }): Plane {
    const plane = new Plane(pins, objectPath, readLayout(objectPath), lock);
    try {
      const hash = objectHash(objectPath);
      if (plane.meta.object !== hash) plane.#upgrade(objectPath, hash);
      return plane;
    } catch (thrown) {
      plane.close();
      throw thrown;
    }
  }

  /**
   * Loads the programs of this build over the tables that exist, lets every port go on with its new one, and swaps the pins.
   * A program that the kernel refuses changes nothing; a process that is killed here is followed by one that does it again.
   */
  #upgrade(objectPath: string, hash: bigint): void {
    const roles = new Map(PROGRAM_ROLES.map((role) => [this.program(role).info.id, role]));
    const object = BpfObject.open(objectPath);
    try {
      object.setMaxEntries("vms4", this.map("vms4").info.maxEntries);
      for (const { name } of object.maps) if (!name.startsWith(".")) object.reuseMap(name, this.map(name));
      configure(object, this.layout.btf, this.meta.seed, (table) => this.map(table).info.maxEntries);
      object.load();
      for (const port of this.pins.linkedInterfaces()) {
        const link = XdpLink.openPinned(this.pins.link(port));
        try {
          const { ifindex, programId } = link.info;
          if (ifindex === 0) continue;
          // One that is not pinned is of a build whose loader was killed here.
          const role = roles.get(programId) ?? roleOfProgram(xdpAttached(ifindex).programName);
          if (role !== undefined) link.update(object.program(`unum_${role}`));
        } finally {
          link.close();
        }
      }
      for (const role of PROGRAM_ROLES) {
        const fresh = this.pins.program(`${role}~new`);
        this.pins.unlink(fresh);
        object.program(`unum_${role}`).pin(fresh);
        renamePin(fresh, this.pins.program(role));
      }
      // The old ones are closed with the rest.
      this.#programs.clear();
      const { vmCapacity, seed } = this.meta;
      const meta = { abi_version: ABI_VERSION, vm_capacity: vmCapacity, seed, object: hash };
      this.map("meta").update(elementKey(0), this.layout.encode("meta", meta));
      this.#upgraded = true;
    } finally {
      object.close();
    }
  }

  /** True when the programs were of another build, and were exchanged while they ran. */
  get upgraded(): boolean {
    return this.#upgraded;
  }

  /** True while the pinned programs are of another build than this one: a writer that loads exchanges them. */
  get outdated(): boolean {
    return !this.#upgraded && this.meta.object !== objectHash(this.#objectPath);
  }

  #readMeta(): Meta {
    const bytes = this.map("meta").lookup(elementKey(0));
    if (bytes === undefined || bytes.length !== this.layout.codec("meta").size) {
      throw new UnumError("MAP_INCOMPATIBLE", `open ${this.pins.map("meta")}: it is not of this version`, {
        remedy: "unum detach --all removes the tables; apply the document again afterwards",
      });
    }
    const row = this.layout.decode("meta", bytes) as Record<string, unknown>;
    if (row.abi_version !== ABI_VERSION) {
      throw new UnumError(
        "MAP_INCOMPATIBLE",
        `open ${this.pins.path}: its tables are of version ${row.abi_version}, this unum reads version ${ABI_VERSION}`,
        { remedy: "use the unum that made them, or unum detach --all and apply the document again" },
      );
    }
    return { vmCapacity: row.vm_capacity as number, seed: row.seed as bigint, object: row.object as bigint };
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
        seed: this.meta.seed,
        moves: { map: this.map("table_moves"), offset: field.offset },
      }),
    );
  }

  /** The used slots of a bucket table, 16 bytes each. */
  slots(name: TableName): Uint8Array {
    if (this.#writable) return this.table(name).entries();
    // A reader opens no table, since that mends it. Halves of words: a bigint for each of millions would take seconds.
    const array = this.array(name);
    const all = array.loadMany(0, array.length);
    const halves = new Uint32Array(all.buffer, all.byteOffset, all.length / 4);
    let used = 0;
    for (let at = 0; at < halves.length; at += 4) {
      if (halves[at] === 0 && halves[at + 1] === 0) continue;
      halves.copyWithin(used, at, at + 4);
      used += 4;
    }
    return all.subarray(0, used * 4);
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

function entriesOf(object: BpfObject, table: string): number {
  const found = object.maps.find((map) => map.name === table);
  if (found === undefined) throw new UnumError("INTERNAL", `configure ${table}: the object has no such map`);
  return found.maxEntries;
}

/** Writes config.h's settings: the programs must agree with the tables that they will read. */
function configure(object: BpfObject, btf: Btf, seed: bigint, buckets: (table: TableName) => number): void {
  const bytes = object.readOnlyData();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets = new Map(btf.section(".rodata").map(({ name, offset }) => [name, offset]));
  const at = (name: string): number => {
    const offset = offsets.get(name);
    if (offset === undefined) throw new UnumError("BTF_INVALID", `configure ${name}: the object has no such setting`);
    return offset;
  };
  view.setBigUint64(at("table_seed"), seed, true);
  for (const table of TABLES) view.setUint32(at(`${table}_buckets`), buckets(table), true);
  object.setReadOnlyData(bytes);
}
