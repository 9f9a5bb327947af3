// Slots of the VM tables → VMs, when somebody asks for them: plans and applies compare slots, and never do.

import type { IpAddress } from "../address/index.ts";
import type { VmSet } from "../model/index.ts";
import { NamePool, NO_VMS, recordAddress, VmSetBuilder } from "../model/index.ts";
import type { Layout } from "./layout.ts";
import type { VmShape, VmSlots, VmTable } from "./vm-shape.ts";
import { readHalf, VM_TABLES, vmShape } from "./vm-shape.ts";
import { vniNumber } from "./vni.ts";

/** Lines about slots that make no sense; a damaged table may have millions. */
const PROBLEMS_MAX = 1000;

/** A slot becomes a record of the model, whose server is the index of an endpoint. */
export class VmSlotReader {
  readonly shape: VmShape;
  /** Address, MAC and policy, and the server last. */
  readonly record = new Uint32Array(7);

  constructor(layout: Layout, table: VmTable) {
    this.shape = vmShape(layout, table);
  }

  get stride(): number {
    return this.shape.addressWords + 3;
  }

  vni(slots: Uint8Array, at: number): number {
    return vniNumber(slots, at + this.shape.vni);
  }

  endpoint(slots: Uint8Array, at: number): number {
    return readHalf(slots, at, this.shape.endpoint);
  }

  /** Reads the slot at `at` into `record`. */
  read(slots: Uint8Array, at: number): void {
    const { shape, record } = this;
    const { addressWords } = shape;
    for (let word = 0; word < addressWords; word++) record[word] = wordAt(slots, at + shape.address + 4 * word);
    const mac = at + shape.mac;
    record[addressWords] = wordAt(slots, mac);
    const policy = shape.policyOfSlot[readHalf(slots, at, shape.policy)] ?? 0;
    record[addressWords + 1] = ((slots[mac + 4] as number) << 24) | ((slots[mac + 5] as number) << 16) | policy;
    record[addressWords + 2] = this.endpoint(slots, at);
  }

  address(slots: Uint8Array, at: number): IpAddress {
    this.read(slots, at);
    return recordAddress(this.record, 0, this.shape.addressWords);
  }
}

function wordAt(slots: Uint8Array, at: number): number {
  return (
    (((slots[at] as number) << 24) |
      ((slots[at + 1] as number) << 16) |
      ((slots[at + 2] as number) << 8) |
      (slots[at + 3] as number)) >>>
    0
  );
}

/** VMs of tables, read once, when first asked for. */
export class DecodedVms {
  readonly #layout: Layout;
  readonly #slots: VmSlots;
  readonly #endpoints: ReadonlyMap<number, string>;
  readonly #vnis: ReadonlySet<number>;
  #read: { readonly sets: ReadonlyMap<number, VmSet>; readonly problems: readonly string[] } | undefined;

  /** @param vnis of tenants that exist */
  constructor(layout: Layout, slots: VmSlots, endpoints: ReadonlyMap<number, string>, vnis: ReadonlySet<number>) {
    this.#layout = layout;
    this.#slots = slots;
    this.#endpoints = endpoints;
    this.#vnis = vnis;
  }

  of(vni: number): VmSet {
    return this.#all().sets.get(vni) ?? NO_VMS;
  }

  /** One line for each slot that makes no sense. */
  get problems(): readonly string[] {
    return this.#all().problems;
  }

  #all() {
    this.#read ??= this.#decode();
    return this.#read;
  }

  #decode() {
    const names = new NamePool();
    const numbers = new Map([...this.#endpoints].map(([index, name]) => [index, names.number(name)]));
    const builders = new Map([...this.#vnis].map((vni) => [vni, new VmSetBuilder(names)]));
    const problems: string[] = [];
    let more = 0;
    const problem = (text: () => string): void => {
      if (problems.length < PROBLEMS_MAX) problems.push(text());
      else more++;
    };
    for (const table of VM_TABLES) {
      const reader = new VmSlotReader(this.#layout, table);
      const { slotBytes, addressWords } = reader.shape;
      const slots = this.#slots[table];
      for (let at = 0; at < slots.length; at += slotBytes) {
        const [vni, endpoint] = [reader.vni(slots, at), reader.endpoint(slots, at)];
        const [builder, server] = [builders.get(vni), numbers.get(endpoint)];
        if (builder === undefined || server === undefined) {
          const where = () => `${table} ${reader.address(slots, at)}`;
          if (builder === undefined) problem(() => `${where()}: VNI ${vni} is no tenant's`);
          if (server === undefined) problem(() => `${where()}: endpoint ${endpoint} has no name`);
          continue;
        }
        reader.read(slots, at);
        reader.record[reader.stride - 1] = server;
        builder.addRecord(reader.record, addressWords);
      }
    }
    if (more > 0) problems.push(`vms4, vms6: and ${more} more slots make no sense`);
    return { sets: new Map([...builders].map(([vni, builder]) => [vni, builder.build()])), problems };
  }
}
