// The same VMs in three tables: unum's buckets, pages of a /24 each, and the kernel's hash map; and programs that look them
// up there and do nothing else.

import { Btf } from "../src/bpf/btf.ts";
import { BucketTable, SLOT_BYTES, WORD_BYTES } from "../src/bpf/bucket-table.ts";
import { BpfObject } from "../src/bpf/object.ts";
import type { BpfProgram } from "../src/bpf/program.ts";
import { vmBuckets } from "../src/dataplane/index.ts";
import { UnumError } from "../src/errors.ts";
import type { Chain } from "./chain.ts";
import { timeNs } from "./clock.ts";
import { OBJECTS, packVms } from "./edges.ts";

export type LookupProgram = "lookup_buckets" | "lookup_pages" | "lookup_hash";

const SEED = 0x1d8a_37c2_90be_654fn;
const PAGE_VMS = 256;
/** As in lookups.bpf.c. */
const FILL_VMS = 65_536;
const NOTHING = new Uint8Array(0);

export class LookupTables {
  readonly #object: BpfObject;

  /** Makes and fills all, with VMs 0 to count - 1. The first one begins a /24. */
  constructor(chain: Chain, count: number) {
    const pages = Math.ceil(count / PAGE_VMS);
    const object = BpfObject.open(`${OBJECTS}/lookups.bpf.o`);
    this.#object = object;
    const btf = Btf.parse(object.btf());
    object.setMaxEntries("buckets", vmBuckets("vms4", count));
    object.setMaxEntries("directory", vmBuckets("vms4", pages));
    object.setMaxEntries("pages", pages);
    object.setMaxEntries("hash", count);
    const settings = object.readOnlyData();
    const view = new DataView(settings.buffer, settings.byteOffset, settings.byteLength);
    view.setBigUint64(settingOffset(btf, "table_seed"), SEED, btf.littleEndian);
    view.setUint32(settingOffset(btf, "vms4_buckets"), vmBuckets("vms4", count), btf.littleEndian);
    view.setUint32(settingOffset(btf, "directory_buckets"), vmBuckets("vms4", pages), btf.littleEndian);
    view.setUint32(settingOffset(btf, "hash_vms"), count, btf.littleEndian);
    object.setReadOnlyData(settings);
    object.load();
    chain.setWayOut(object);

    const slots = packVms(btf, count, [1]);
    this.#fillTable("buckets", 0, slots);
    this.#fillPages(slots, btf.littleEndian);
    this.#fillHash(count, btf.littleEndian);
  }

  program(name: LookupProgram): BpfProgram {
    return this.#object.program(name);
  }

  #fillTable(name: string, movesOffset: number, puts: Uint8Array): void {
    const moves = { map: this.#object.map("moves"), offset: movesOffset };
    const table = BucketTable.open(this.#object.map(name), { seed: SEED, moves });
    table.changeAll({ puts, deletes: NOTHING });
    table.close();
  }

  /** By a program: a system call for each of millions would take most of a minute. */
  #fillHash(count: number, littleEndian: boolean): void {
    const fill = this.#object.program("fill_hash");
    for (let first = 0; first < count; first += FILL_VMS) {
      const data = new Uint8Array(64);
      new DataView(data.buffer).setUint32(0, first, littleEndian);
      fill.testRun({ data });
    }
  }

  /** A page's key is that of its first VM, and its value its number. */
  #fillPages(slots: Uint8Array, littleEndian: boolean): void {
    const map = this.#object.map("pages");
    const pageBytes = PAGE_VMS * SLOT_BYTES;
    const directory: Uint8Array[] = [];
    for (let at = 0, page = 0; at < slots.length; at += pageBytes, page++) {
      const values = new Uint8Array(PAGE_VMS * WORD_BYTES);
      for (let vm = 0, from = at; vm < PAGE_VMS && from < slots.length; vm++, from += SLOT_BYTES) {
        values.set(slots.subarray(from + WORD_BYTES, from + SLOT_BYTES), vm * WORD_BYTES);
      }
      const [index, entry] = [new Uint8Array(4), slots.slice(at, at + SLOT_BYTES)];
      new DataView(index.buffer).setUint32(0, page, littleEndian);
      new DataView(entry.buffer).setBigUint64(WORD_BYTES, BigInt(page), littleEndian);
      map.update(index, values);
      directory.push(entry);
    }
    this.#fillTable("directory", WORD_BYTES, Buffer.concat(directory));
  }
}

/** How long it takes to put packed slots into an empty table that is made for so many VMs. */
export function timeFill(puts: Uint8Array, capacity: number): number {
  using object = BpfObject.open(`${OBJECTS}/lookups.bpf.o`);
  object.setMaxEntries("buckets", vmBuckets("vms4", capacity));
  object.load();
  const moves = { map: object.map("moves"), offset: 0 };
  using table = BucketTable.open(object.map("buckets"), { seed: SEED, moves });
  return timeNs(() => table.changeAll({ puts, deletes: NOTHING }));
}

function settingOffset(btf: Btf, name: string): number {
  const found = btf.section(".rodata").find((variable) => variable.name === name);
  if (found === undefined)
    throw new UnumError("BTF_INVALID", `configure ${name}: the bench's object has no such setting`);
  return found.offset;
}
