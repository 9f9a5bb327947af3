// Rows of one map → another of the same name that no packet sees yet; and what packets wrote into the old one after that.

import type { BucketTableOptions } from "../bpf/bucket-table.ts";
import { BucketTable, WORD_BYTES } from "../bpf/bucket-table.ts";
import type { BpfMap, MapInfo } from "../bpf/map.ts";
import { MappedArray } from "../bpf/mapped-array.ts";
import { gracePeriod } from "../bpf/system.ts";
import { causeText, UnumError } from "../errors.ts";
import type { RowChange } from "./compat.ts";
import type { Conversion } from "./convert.ts";
import type { Layout } from "./layout.ts";
import { elementKey, joinSlots, usedSlots } from "./slots.ts";
import type { TableName } from "./tables.ts";
import { keyWords, slotBytes, TABLE_SLOTS } from "./tables.ts";

/** Maps that packets write, and what becomes of what they write while links change over to another one. */
const WRITTEN_BY_PACKETS: Readonly<Record<string, "added" | "kept">> = {
  packet_counters: "added",
  drop_counters: "added",
  endpoint_counters: "added",
  tenant_counters: "added",
  circuit_peers: "kept",
  circuit_peers6: "kept",
  path_mtus: "kept",
  profile_meters: "kept",
  tenant_meters: "kept",
};

/** Tries at adding to a counter that packets may count in at the same moment; each undoes the other once in millions. */
const ADD_TRIES = 8;

const SAME = (bytes: Uint8Array, at: number, size: number): Uint8Array => bytes.subarray(at, at + size);

/** One map on its way into another. */
export class RowCopy {
  readonly name: string;
  readonly #from: BpfMap;
  readonly #to: BpfMap;
  readonly #fromInfo: MapInfo;
  readonly #toInfo: MapInfo;
  readonly #rows: RowChange;
  readonly #layout: Layout;
  /** Elements as they were copied. */
  #before: Uint8Array | undefined;

  constructor(name: string, from: BpfMap, to: BpfMap, rows: RowChange, layout: Layout) {
    this.name = name;
    this.#from = from;
    this.#to = to;
    this.#fromInfo = from.info;
    this.#toInfo = to.info;
    this.#rows = rows;
    this.#layout = layout;
  }

  /**
   * Fills the new map, which is empty.
   * @throws UnumError TABLE_FULL; MAP_INCOMPATIBLE: a value has no room in its new field
   */
  fill(seed: bigint): void {
    try {
      if (this.name in TABLE_SLOTS) this.#fillTable(this.name as TableName, seed);
      else if (this.#isArray()) this.#fillArray();
      else this.#fillKeyed();
    } catch (thrown) {
      if (!(thrown instanceof UnumError) || thrown.code !== "CODEC_VALUE") throw thrown;
      throw new UnumError("MAP_INCOMPATIBLE", `copy map ${this.name}: ${causeText(thrown)}`, { cause: thrown });
    }
  }

  #isArray(): boolean {
    return this.#fromInfo.typeName.endsWith("array");
  }

  #fillTable(name: TableName, seed: bigint): void {
    const { value } = this.#rows;
    const options: BucketTableOptions = { seed, keyWords: keyWords(this.#layout, name) };
    const from = MappedArray.map(this.#from);
    const table = BucketTable.open(this.#to, options);
    try {
      // All at once: keys that are there already would no more be moved, and the table would be full half empty.
      const parts: Uint8Array[] = [];
      for (const slots of usedSlots(from, value?.fromBytes ?? slotBytes(this.#layout, name)))
        parts.push(value === undefined ? slots.slice() : convertAll(value, slots));
      table.changeAll({ puts: joinSlots(parts), deletes: new Uint8Array(0) });
    } finally {
      table.close();
      from.close();
    }
  }

  #fillKeyed(): void {
    const { key, value } = this.#rows;
    for (const [oldKey, oldValue] of this.#from.entries()) {
      this.#to.update(key?.convert(oldKey) ?? oldKey, value?.convert(oldValue) ?? oldValue);
    }
  }

  #fillArray(): void {
    this.#before = this.#read();
    this.#forElements(this.#before, undefined, (index, element) => {
      if (index >= this.#toInfo.maxEntries) {
        throw new UnumError("CODEC_VALUE", `encode element ${index}: it does not fit into ${this.#toInfo.maxEntries}`);
      }
      this.#write(index, element);
    });
  }

  #read(): Uint8Array {
    return this.#from.readArray(0, this.#fromInfo.maxEntries);
  }

  #write(index: number, element: Uint8Array): void {
    this.#to.update(elementKey(index), element);
  }

  /** Elements that are not as they were in `before`, or zero: where each goes, and what it is there. */
  #forElements(
    now: Uint8Array,
    before: Uint8Array | undefined,
    visit: (index: number, element: Uint8Array, was: Uint8Array) => void,
  ): void {
    const { maxEntries, valueBytes } = this.#fromInfo;
    const zero = new Uint8Array(valueBytes);
    for (let old = 0; old < maxEntries; old++) {
      const element = now.subarray(old * valueBytes, (old + 1) * valueBytes);
      const was = before?.subarray(old * valueBytes, (old + 1) * valueBytes) ?? zero;
      if (Buffer.compare(element, was) === 0) continue;
      const index = this.#rows.element === undefined ? old : this.#rows.element(old);
      if (index !== undefined) visit(index, this.#convert(element), this.#convert(was));
    }
  }

  /** An element as the new map has it: of a per-CPU map, a value for each CPU, at multiples of 8 bytes. */
  #convert(element: Uint8Array): Uint8Array {
    const { value } = this.#rows;
    const to = new Uint8Array(this.#toInfo.valueBytes);
    const [fromStep, toStep] = [stride(this.#fromInfo), stride(this.#toInfo)];
    for (let cpu = 0; cpu * fromStep < element.length; cpu++) {
      const part = value?.convert(element, cpu * fromStep) ?? SAME(element, cpu * fromStep, this.#toInfo.valueSize);
      to.set(part, cpu * toStep);
    }
    return to;
  }

  /** Whether packets write into the old map until no program looks into it any more. */
  get isWritten(): boolean {
    return this.name in WRITTEN_BY_PACKETS && this.#before !== undefined;
  }

  /**
   * Takes over what packets wrote since fill(), once no packet writes into the old map any more. Sums do not go back; a packet that
   * counts itself at the very moment that a sum is written may be counted by neither.
   */
  catchUp(): void {
    const how = WRITTEN_BY_PACKETS[this.name];
    if (how === undefined || this.#before === undefined) return;
    const added = new Map<number, bigint[]>();
    this.#forElements(this.#read(), this.#before, (index, element, was) => {
      if (how === "added") {
        const before = words(was);
        added.set(
          index,
          words(element).map((word, at) => word - (before[at] as bigint)),
        );
      }
      // What a packet learned from the new program is newer.
      else if (Buffer.compare(this.#to.lookup(elementKey(index)) ?? was, was) === 0) this.#write(index, element);
    });
    this.#add(added);
  }

  #add(added: Map<number, bigint[]>): void {
    for (let tries = 0; added.size > 0 && tries < ADD_TRIES; tries++) {
      const wanted = new Map<number, BigUint64Array>();
      for (const [index, amounts] of added) {
        const sums = words(this.#to.lookup(elementKey(index)) as Uint8Array).map(
          (word, at) => word + (amounts[at] ?? 0n),
        );
        wanted.set(index, BigUint64Array.from(sums));
        this.#write(index, new Uint8Array((wanted.get(index) as BigUint64Array).buffer));
      }
      // Who had read a sum before has written it by then, and with it undone ours.
      gracePeriod();
      for (const [index, sums] of wanted) {
        const seen = words(this.#to.lookup(elementKey(index)) as Uint8Array);
        const amounts = (added.get(index) as bigint[]).map((amount, at) =>
          (seen[at] as bigint) < (sums[at] as bigint) ? amount : 0n,
        );
        if (amounts.some((amount) => amount > 0n)) added.set(index, amounts);
        else added.delete(index);
      }
    }
  }
}

/** Bytes from one CPU's value to the next one's; of other maps, of all of it. */
function stride({ valueSize, valueBytes, typeName }: MapInfo): number {
  return typeName.startsWith("percpu") ? Math.ceil(valueSize / WORD_BYTES) * WORD_BYTES : valueBytes;
}

/** Counters are nothing but words. */
function words(bytes: Uint8Array): bigint[] {
  return [...new BigUint64Array(bytes.slice().buffer)];
}

function convertAll({ fromBytes, toBytes, convert }: Conversion, slots: Uint8Array): Uint8Array {
  const result = new Uint8Array((slots.length / fromBytes) * toBytes);
  for (let at = 0, to = 0; at < slots.length; at += fromBytes, to += toBytes) result.set(convert(slots, at), to);
  return result;
}
