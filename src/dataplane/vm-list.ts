// VMs in the order of their tenants and addresses, at the same memory however many there are. Tables have no order: each page is
// the smallest that come after the last one, found in a pass over the tables.

import type { IpAddress, IpPrefix } from "../address/index.ts";
import { prefixAddress, prefixLength, ZERO_MAC } from "../address/index.ts";
import type { Vm } from "../model/index.ts";
import { recordAddress, recordVm, VmSet } from "../model/index.ts";
import type { Observed } from "./observe.ts";
import type { Plane } from "./plane.ts";
import { VmSlotReader } from "./vm-reader.ts";
import { VM_TABLES } from "./vm-shape.ts";

export interface VmSelection {
  readonly tenant?: string | undefined;
  readonly server?: string | undefined;
  readonly prefix?: IpPrefix | undefined;
  /** Of the one tenant: addresses beyond it. */
  readonly after?: IpAddress | undefined;
  readonly limit?: number | undefined;
}

export interface ListedVm extends Vm {
  readonly tenant: string;
  readonly address: IpAddress;
}

/** VMs of a page; sorting twice as many takes some 40 MB. */
const PAGE_VMS = 1 << 19;

/** Words of a row: rank of the tenant with the family, address, MAC, policy and endpoint. */
const [KEY, ROW] = [5, 8];

/**
 * @param observed of the same tables; its VMs are not looked at
 * @param pageVms found in one pass over the tables
 */
export function* listVms(
  plane: Plane,
  observed: Observed,
  selection: VmSelection,
  pageVms = PAGE_VMS,
): Iterable<ListedVm> {
  const { after, limit = Number.POSITIVE_INFINITY } = selection;
  const source = new Source(plane, observed, selection);
  const last = new Int32Array(KEY).fill(-1);
  if (after !== undefined) source.writeKey(after, last);
  for (let left = limit; left > 0; ) {
    const page = new Page(Math.min(pageVms, left), last);
    source.eachRow((row) => page.add(row));
    const order = page.sorted();
    for (const at of order) yield source.listed(page.rows, at);
    if (!page.full) return;
    const at = order.at(-1) as number;
    last.set(page.rows.subarray(at, at + KEY));
    left -= order.length;
  }
}

/** Of rows beyond a key, the smallest. */
class Page {
  readonly size: number;
  readonly rows: Uint32Array;
  /** Keys up to it have been listed; before the first, there is none. */
  readonly #after: Uint32Array | undefined;
  #bound: Uint32Array | undefined;
  #count = 0;

  constructor(size: number, after: Int32Array) {
    this.size = size;
    this.rows = new Uint32Array(2 * size * ROW);
    this.#after = after[0] === -1 ? undefined : Uint32Array.from(after, (word) => word >>> 0);
  }

  add(row: Uint32Array): void {
    if (this.#after !== undefined && compareKeys(row, 0, this.#after, 0) <= 0) return;
    if (this.#bound !== undefined && compareKeys(row, 0, this.#bound, 0) >= 0) return;
    const to = this.#count++ * ROW;
    for (let word = 0; word < ROW; word++) this.rows[to + word] = row[word] as number;
    if (this.#count === 2 * this.size) this.#shrink();
  }

  #order(): Uint32Array {
    const { rows } = this;
    const order = new Uint32Array(this.#count);
    for (let n = 0; n < order.length; n++) order[n] = n * ROW;
    return order.sort((a, b) => compareKeys(rows, a, rows, b));
  }

  /** Drops the larger half: none of it can be on this page. */
  #shrink(): void {
    const kept = new Uint32Array(this.size * ROW);
    for (const [n, at] of this.#order().subarray(0, this.size).entries()) {
      kept.set(this.rows.subarray(at, at + ROW), n * ROW);
    }
    this.rows.set(kept);
    this.#count = this.size;
    this.#bound = kept.slice((this.size - 1) * ROW, (this.size - 1) * ROW + KEY);
  }

  /** Whether there may be more. */
  get full(): boolean {
    return this.#count >= this.size;
  }

  /** Where the rows of the page are, in their order. A key that was moved while it was read is in it once. */
  sorted(): Uint32Array {
    const order = this.#order().subarray(0, this.size);
    return order.filter((at, n) => n === 0 || compareKeys(this.rows, at, this.rows, order[n - 1] as number) !== 0);
  }
}

function compareKeys(a: Uint32Array, at: number, b: Uint32Array, from: number): number {
  for (let word = 0; word < KEY; word++) {
    const left = a[at + word] as number;
    const right = b[from + word] as number;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** The tables as rows that are asked for. */
class Source {
  readonly #plane: Plane;
  readonly #selection: VmSelection;
  readonly #tenants: readonly string[];
  /** Rank of the tenant by VNI; others are not asked for. */
  readonly #ranks = new Map<number, number>();
  readonly #endpoints = new Map<number, string>();
  readonly #row = new Uint32Array(ROW);

  constructor(plane: Plane, observed: Observed, selection: VmSelection) {
    this.#plane = plane;
    this.#selection = selection;
    const tenants = observed.state?.model.tenants ?? new Map();
    this.#tenants = [...tenants.keys()].sort((a, b) => (a < b ? -1 : 1));
    for (const [rank, name] of this.#tenants.entries()) {
      if (selection.tenant === undefined || selection.tenant === name) this.#ranks.set(tenants.get(name).vni, rank);
    }
    for (const [name, index] of observed.indexes.endpoint) {
      if (selection.server === undefined || selection.server === name) this.#endpoints.set(index, name);
    }
  }

  /** Key of an address of the one tenant. */
  writeKey(address: IpAddress, into: Int32Array): void {
    const [rank = 0] = this.#ranks.values();
    const words = addressWordsOf(address);
    into.fill(0);
    into[0] = 2 * rank + (words.length === 4 ? 1 : 0);
    into.set(words, 1);
  }

  /** Each row is good until the next. */
  eachRow(visit: (row: Uint32Array) => void): void {
    const { prefix } = this.#selection;
    const isWanted = prefix === undefined ? undefined : prefixTest(prefix);
    const row = this.#row;
    for (const table of VM_TABLES) {
      const reader = new VmSlotReader(this.#plane.layout, table);
      const { record } = reader;
      const { slotBytes, addressWords } = reader.shape;
      row.fill(0);
      for (const slots of this.#plane.slotChunks(table)) {
        for (let at = 0; at < slots.length; at += slotBytes) {
          const rank = this.#ranks.get(reader.vni(slots, at));
          if (rank === undefined) continue;
          reader.read(slots, at);
          if (!this.#endpoints.has(record[addressWords + 2] as number)) continue;
          if (isWanted?.(record, addressWords) === false) continue;
          row[0] = 2 * rank + (addressWords === 4 ? 1 : 0);
          for (let word = 0; word < addressWords; word++) row[1 + word] = record[word] as number;
          for (let word = 0; word < ROW - KEY; word++) row[KEY + word] = record[addressWords + word] as number;
          visit(row);
        }
      }
    }
  }

  listed(rows: Uint32Array, at: number): ListedVm {
    const first = rows[at] as number;
    const address = recordAddress(rows, at + 1, first % 2 === 0 ? 1 : 4);
    const server = this.#endpoints.get(rows[at + KEY + 2] as number) as string;
    return { tenant: this.#tenants[first >>> 1] as string, address, ...recordVm(rows, at + KEY, server) };
  }
}

/** Tells whether the address at the beginning of a record is in a prefix. */
function prefixTest(prefix: IpPrefix): (record: Uint32Array, addressWords: 1 | 4) => boolean {
  const network = addressWordsOf(prefixAddress(prefix));
  const masks = [...network].map((_, word) => {
    const bits = Math.min(Math.max(prefixLength(prefix) - 32 * word, 0), 32);
    return bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
  });
  return (record, addressWords) => {
    if (addressWords !== network.length) return false;
    for (let word = 0; word < addressWords; word++) {
      if ((((record[word] as number) ^ (network[word] as number)) & (masks[word] as number)) !== 0) return false;
    }
    return true;
  };
}

function addressWordsOf(address: IpAddress): Uint32Array {
  const { packed4, packed6 } = VmSet.of([[address, { server: "", mac: ZERO_MAC }]]);
  return packed4.count === 1 ? packed4.words.slice(0, 1) : packed6.words.slice(0, 4);
}
