// The live tables and programs of one edge: made or adopted, opened through their pins, closed together.

import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { Btf } from "../bpf/btf.ts";
import { BucketTable } from "../bpf/bucket-table.ts";
import { BpfMap } from "../bpf/map.ts";
import { MappedArray } from "../bpf/mapped-array.ts";
import { BpfObject } from "../bpf/object.ts";
import { BpfProgram } from "../bpf/program.ts";
import { causeText, UnumError } from "../errors.ts";
import type { VmCapacity } from "../model/index.ts";
import type { Comparison } from "./compat.ts";
import type { Feature } from "./features.ts";
import { featuresOfMask } from "./features.ts";
import { Layout } from "./layout.ts";
import type { Meta } from "./meta.ts";
import { encodeMeta, NO_BUILD } from "./meta.ts";
import { comparePinned, layoutOf } from "./pinned-maps.ts";
import type { PinDirectory } from "./pins.ts";
import { PROGRAM_ROLES } from "./pins.ts";
import type { MapExchange, NewMap } from "./programs.ts";
import { configure, exchangePrograms, objectHash, readLayout } from "./programs.ts";
import { elementKey, joinSlots, usedSlots } from "./slots.ts";
import type { TableName } from "./tables.ts";
import { keyWords, slotBytes, vmBuckets, vmsOfBuckets } from "./tables.ts";

export { elementKey };

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

/** A table at rest is given its freed slots back when they are this part of it: waiting for them is milliseconds. */
const RESTING_PART = 32;

const NO_FEATURES: ReadonlySet<Feature> = new Set();

interface Exchange {
  readonly features: ReadonlySet<Feature>;
  /** As it is, unless given. */
  readonly capacity?: VmCapacity;
}

const AS_EXPECTED: Comparison = { changes: new Map(), differences: [], obstacles: [] };

export class Plane {
  readonly pins: PinDirectory;
  readonly layout: Layout;
  #meta: Meta;
  /** What of the pinned maps is not as this build has it. */
  #compared = AS_EXPECTED;
  /** That of the pinned map meta: of the build that made it. */
  #metaLayout: Layout;
  readonly #closers: { close(): void }[] = [];
  readonly #maps = new Map<string, BpfMap>();
  readonly #arrays = new Map<string, MappedArray>();
  readonly #tables = new Map<TableName, BucketTable>();
  readonly #programs = new Map<string, BpfProgram>();
  #lock: { close(): void } | undefined;
  /** The directory that the lock is on. */
  #identity: number | undefined;
  #upgraded = false;
  readonly #objectPath: string;
  readonly #objectHash: bigint;
  #probePath: string | undefined;

  private constructor(pins: PinDirectory, objectPath: string, layout: Layout, lock: { close(): void } | undefined) {
    this.pins = pins;
    this.#objectPath = objectPath;
    this.#objectHash = objectHash(objectPath);
    this.layout = layout;
    this.#metaLayout = layout;
    this.#lock = lock;
    if (lock !== undefined) this.#identity = pins.identity();
    try {
      this.#meta = this.#readMeta();
      // Maps that this very object file made, or took over, are as it has them.
      if (this.outdated) this.#compare();
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
      const meta = { vmCapacity, vm6Capacity, features, seed, object: objectHash(objectPath), writers: 1n };
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
      // Before anything else of this writer: who kept handles must not take what it leaves for what they know. Maps of
      // another layout are exchanged, or stay as they are to the last bit.
      if (plane.#compared === AS_EXPECTED) plane.#countWriter();
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
   * old build: after a process that was killed here, the next one that needs more does it again. Where maps are exchanged too, it
   * vouches for no build: the next process has to put all ports on the maps that are pinned, before it writes to them, and to
   * compare each of them again, since some may be of the one layout and some of the other.
   */
  #exchange({ features, capacity = this.capacity }: Exchange): void {
    const { seed, features: old } = this.#meta;
    const maps = this.#mapExchange(capacity);
    const { vms: vmCapacity, vms6: vm6Capacity } = capacity;
    try {
      exchangePrograms(this, this.#objectPath, { seed, features }, maps, (fresh) => {
        const both = new Set([...features].filter((feature) => old.has(feature)));
        const changed = maps.made.size + maps.dropped.length > 0;
        const meta = { ...this.#meta, features: both, ...(changed && { object: NO_BUILD }) };
        this.#writeMeta(this.#compared === AS_EXPECTED ? meta : { ...meta, writers: meta.writers + 1n });
        fresh?.update(elementKey(0), encodeMeta(this.layout, this.#meta));
      });
    } catch (thrown) {
      throw this.#incompatible(thrown);
    }
    for (const role of PROGRAM_ROLES) this.#forget(this.#programs, role);
    for (const name of [...maps.made.keys(), ...maps.dropped]) {
      this.#forget(this.#tables, name as TableName);
      this.#forget(this.#arrays, name);
      this.#forget(this.#maps, name);
    }
    this.#metaLayout = this.layout;
    this.#compared = AS_EXPECTED;
    this.#writeMeta({ ...this.#meta, vmCapacity, vm6Capacity, features, object: this.#objectHash });
  }

  /** Maps that have to be made anew: those of another layout, and VM tables to be made for so many VMs. */
  #mapExchange({ vms, vms6 }: VmCapacity): MapExchange {
    const made = new Map<string, NewMap>();
    const dropped: string[] = [];
    for (const [name, change] of this.#compared.changes) {
      if (change.kind === "drop") dropped.push(name);
      else made.set(name, change.kind === "copy" && name !== "meta" ? { rows: change.rows } : {});
    }
    for (const [name, maxEntries] of [
      ["vms4", vmBuckets("vms4", vms)],
      ["vms6", vmBuckets("vms6", vms6)],
    ] as const) {
      const change = made.get(name);
      if (change !== undefined) made.set(name, { ...change, maxEntries });
      else if (this.map(name).info.maxEntries !== maxEntries) made.set(name, { maxEntries, rows: {} });
    }
    // Whoever finds the new meta finds all else new, too.
    const meta = made.get("meta");
    if (made.delete("meta") && meta !== undefined) made.set("meta", meta);
    return { made, dropped };
  }

  #compare(): void {
    const found = comparePinned(this.pins, this.#objectPath, this.layout);
    if (found.changes.size === 0) return;
    this.#compared = found;
    if (found.obstacles.length > 0) throw this.#incompatible();
    if (this.#lock !== undefined) return;
    throw new UnumError("MAP_INCOMPATIBLE", this.#differenceText(), {
      remedy: "unum apply, or starting the daemon, takes them over while packets flow",
    });
  }

  #differenceText(): string {
    return `open ${this.pins.path}: its maps are of another build: ${this.#compared.differences.join("; ")}`;
  }

  /** Every difference, when a row or more than that is in the way of overcoming them. */
  #incompatible(cause?: unknown): unknown {
    const known =
      cause === undefined || (cause instanceof UnumError && /^(MAP_INCOMPATIBLE|TABLE_FULL)$/.test(cause.code));
    if (!known || this.#compared === AS_EXPECTED) return cause;
    const why = cause === undefined ? this.#compared.obstacles.join("; ") : causeText(cause);
    return new UnumError("MAP_INCOMPATIBLE", `${this.#differenceText()}; they cannot be taken over: ${why}`, {
      remedy: "use the unum that made them, or unum detach --all and apply the document again",
      cause,
    });
  }

  #forget<K>(opened: Map<K, { close(): void }>, name: K): void {
    const handle = opened.get(name);
    if (handle === undefined) return;
    opened.delete(name);
    handle.close();
    this.#closers.splice(this.#closers.indexOf(handle), 1);
  }

  #writeMeta(meta: Meta): void {
    const map = this.map("meta");
    const before = map.lookup(elementKey(0));
    map.update(elementKey(0), encodeMeta(this.#metaLayout, meta, before));
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
    return !this.#upgraded && this.#meta.object !== this.#objectHash;
  }

  #readMeta(): Meta {
    const map = this.map("meta");
    const bytes = map.lookup(elementKey(0)) as Uint8Array;
    let row = this.#ownMeta(bytes);
    if (row?.object !== this.#objectHash) {
      this.#metaLayout = this.#foreignLayout(map, bytes);
      row = this.#metaLayout.decode("meta", bytes) as Record<string, unknown>;
    }
    if (typeof row.seed !== "bigint") {
      throw new UnumError("MAP_INCOMPATIBLE", `open ${this.pins.path}: map meta: field seed is missing`, {
        remedy: "use the unum that made it, or unum detach --all and apply the document again",
      });
    }
    const made = (table: "vms4" | "vms6", said = 0): number => {
      if (!this.pins.pinnedMaps().includes(table)) return said;
      // Another size: a process was killed between exchanging the table and saying so.
      const { maxEntries } = this.map(table).info;
      return maxEntries === vmBuckets(table, said) ? said : vmsOfBuckets(table, maxEntries);
    };
    return {
      vmCapacity: made("vms4", row.vm_capacity as number | undefined),
      vm6Capacity: made("vms6", row.vm6_capacity as number | undefined),
      features: featuresOfMask(this.#metaLayout, (row.features as number | undefined) ?? 0),
      seed: row.seed,
      object: (row.object as bigint | undefined) ?? NO_BUILD,
      writers: (row.writers as bigint | undefined) ?? 0n,
    };
  }

  /** As this build would have written it; undefined: it has another size. */
  #ownMeta(bytes: Uint8Array): Record<string, unknown> | undefined {
    if (bytes.length !== this.layout.codec("meta").size) return undefined;
    return this.layout.decode("meta", bytes) as Record<string, unknown>;
  }

  /** What another build calls the bytes of meta. Its own types say; without them the version, which is its first field in all builds. */
  #foreignLayout(map: BpfMap, bytes: Uint8Array): Layout {
    try {
      return layoutOf(map);
    } catch (thrown) {
      const ours = this.layout.number("abi_version", "UNUM_ABI_VERSION");
      const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      if (version === ours && bytes.length === this.layout.codec("meta").size) return this.layout;
      throw new UnumError(
        "MAP_INCOMPATIBLE",
        `open ${this.pins.path}: its tables are of version ${version}, this unum has version ${ours}, and what differs cannot be read: ${causeText(thrown)}`,
        {
          remedy: "unum apply as root, once: reading how another build laid out its maps takes CAP_SYS_ADMIN",
          cause: thrown,
        },
      );
    }
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
    if (this.#lock === undefined) throw new UnumError("INTERNAL", `open table ${name}: this process is no writer`);
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
    if (this.#lock !== undefined) return this.table(name).entries();
    return joinSlots([...this.slotChunks(name)].map((chunk) => chunk.slice()));
  }

  /** The same, a part of the table at a time; each is good until the next. Needs no lock, and mends nothing. */
  *slotChunks(name: TableName): Iterable<Uint8Array> {
    yield* usedSlots(this.array(name), slotBytes(this.layout, name));
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

  /** Before anything else of a writer: who rests must not take what another one left for what they know. */
  #countWriter(): void {
    this.#writeMeta({ ...this.#meta, writers: this.#meta.writers + 1n });
  }

  /**
   * Gives up the lock, and keeps everything open for {@link resume}. Slots that were freed become free for others meanwhile, which
   * is this writer's own memory: the next change shall not wait for a grace period.
   */
  rest(): void {
    this.#lock?.close();
    this.#lock = undefined;
    for (const table of this.#tables.values()) if (table.resting * RESTING_PART >= table.capacity) table.collect();
  }

  /** Makes all slots that were freed free for others, and waits for that: see {@link rest}. */
  settle(): void {
    for (const table of this.#tables.values()) table.collect();
  }

  /**
   * Becomes the only writer again, if nobody else was one since {@link rest}: then the maps are what they were, and what bucket
   * tables know of theirs holds. Waits for no lock. False, and at rest as before, when somebody wrote, or is about to, or when
   * other tables are pinned now.
   * @throws UnumError PIN_DIRECTORY, BpfError PERMISSION
   */
  resume(): boolean {
    const lock = tryLock(this.pins);
    if (lock === undefined) return false;
    try {
      if (this.pins.identity() === this.#identity && this.#isUntouched()) {
        this.#countWriter();
        this.#lock = lock;
      }
    } finally {
      if (this.#lock === undefined) lock.close();
    }
    return this.#lock !== undefined;
  }

  #isUntouched(): boolean {
    if (!this.pins.isLoaded()) return false;
    const pinned = BpfMap.openPinned(this.pins.map("meta"));
    try {
      if (pinned.info.id !== this.map("meta").info.id) return false;
    } finally {
      pinned.close();
    }
    return this.#readMeta().writers === this.#meta.writers;
  }

  /** Closes every handle and gives up the lock. What is pinned stays and goes on forwarding. */
  close(): void {
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) closer.close();
    this.#lock?.close();
    this.#lock = undefined;
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

/** The lock, if nobody has it and the directory is there. */
function tryLock(pins: PinDirectory): { close(): void } | undefined {
  try {
    return pins.lock(0);
  } catch (thrown) {
    if (thrown instanceof UnumError && thrown.code === "LOCKED") return undefined;
    throw thrown;
  }
}
