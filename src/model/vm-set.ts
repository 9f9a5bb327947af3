// The VMs of one tenant, which may be millions: packed, found by address, and objects only for who asks for one.

import type { IpAddress, Mac } from "../address/index.ts";
import { ipv4FromNumber, ipv4ToNumber, ipv6FromBytes, ipv6ToBytes, isV6, macFromBytes } from "../address/index.ts";
import type { PathPolicy, Vm } from "./types.ts";
import { POLICY_MASK, VmRecords } from "./vm-records.ts";

/** Policies by their number in a record; 0: none. */
export const VM_POLICIES: readonly (PathPolicy | undefined)[] = [
  undefined,
  "direct-preferred",
  "direct-only",
  "gateway-only",
];

/** Names by number, for records that have no room for a text. Several sets may share one. */
export class NamePool {
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();

  get size(): number {
    return this.#names.length;
  }

  number(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#names.length;
      this.#names.push(name);
      this.#numbers.set(name, number);
    }
    return number;
  }

  name(number: number): string {
    return this.#names[number] as string;
  }
}

/** Records of one family, for passes over all of them. */
export interface PackedVms {
  /** `count` records of `stride` words: address, MAC, policy and server as VmRecords has them. */
  readonly words: Uint32Array;
  readonly count: number;
  readonly stride: number;
}

const scratchBytes = new Uint8Array(16);
const scratchView = new DataView(scratchBytes.buffer);
const scratch = new Uint32Array(7);

/** Writes the words of an address. @returns how many: 1 or 4 */
export function writeAddress(address: IpAddress, into: Uint32Array): 1 | 4 {
  if (!isV6(address)) {
    into[0] = ipv4ToNumber(address);
    return 1;
  }
  const bytes = ipv6ToBytes(address);
  const view = new DataView(bytes.buffer);
  for (let word = 0; word < 4; word++) into[word] = view.getUint32(4 * word);
  return 4;
}

/** The address at the beginning of a record. */
export function recordAddress(words: Uint32Array, at: number, addressWords: 1 | 4): IpAddress {
  if (addressWords === 1) return ipv4FromNumber(words[at] as number);
  for (let word = 0; word < 4; word++) scratchView.setUint32(4 * word, words[at + word] as number);
  return ipv6FromBytes(scratchBytes);
}

/** The VM of a record whose MAC begins at `at`. */
export function recordVm(words: Uint32Array, at: number, server: string): Vm {
  const [high, low] = [words[at] as number, words[at + 1] as number];
  scratchView.setUint32(0, high);
  scratchView.setUint16(4, low >>> 16);
  const mac = macFromBytes(scratchBytes);
  const policy = VM_POLICIES[low & POLICY_MASK];
  return Object.freeze(policy === undefined ? { server, mac } : { server, mac, policy });
}

/** Writes the record of a VM. @returns words of its address */
export function writeRecord(
  address: IpAddress,
  { server, mac, policy }: Vm,
  names: NamePool,
  into: Uint32Array,
): 1 | 4 {
  const addressWords = writeAddress(address, into);
  const [high, low] = macWords(mac);
  into[addressWords] = high;
  into[addressWords + 1] = low | VM_POLICIES.indexOf(policy);
  into[addressWords + 2] = names.number(server);
  return addressWords;
}

export class VmSet implements Iterable<readonly [IpAddress, Vm]> {
  /** Whose numbers the records have for servers. */
  readonly names: NamePool;
  readonly size: number;
  readonly #four: VmRecords;
  readonly #six: VmRecords;
  readonly #count4: number;
  readonly #count6: number;

  /** VmSetBuilder makes these. */
  constructor(names: NamePool, four: VmRecords, six: VmRecords) {
    this.names = names;
    this.#four = four;
    this.#six = six;
    this.#count4 = four.count;
    this.#count6 = six.count;
    this.size = four.count + six.count;
  }

  static of(vms: Iterable<readonly [IpAddress, Vm]>): VmSet {
    const builder = new VmSetBuilder();
    for (const [address, vm] of vms) builder.add(address, vm);
    return builder.build();
  }

  get packed4(): PackedVms {
    return { words: this.#four.words, count: this.#count4, stride: this.#four.stride };
  }

  get packed6(): PackedVms {
    return { words: this.#six.words, count: this.#count6, stride: this.#six.stride };
  }

  has(address: IpAddress): boolean {
    return this.#find(address) >= 0;
  }

  get(address: IpAddress): Vm | undefined {
    const position = this.#find(address);
    return position < 0 ? undefined : this.at(position)[1];
  }

  /** Position of the VM whose record, by its address, is at `at` of `words`; -1: there is none. */
  positionOf(words: Uint32Array, at: number, addressWords: 1 | 4): number {
    const found = (addressWords === 1 ? this.#four : this.#six).find(words, at);
    // The builder may have gone on after this set was made.
    if (found >= (addressWords === 1 ? this.#count4 : this.#count6)) return -1;
    return found < 0 || addressWords === 1 ? found : this.#count4 + found;
  }

  #find(address: IpAddress): number {
    const addressWords = writeAddress(address, scratch);
    return this.positionOf(scratch, 0, addressWords);
  }

  /** The VM at a position: from 0 to the size, IPv4 first, otherwise as they were added. */
  at(position: number): readonly [IpAddress, Vm] {
    const records = position < this.#count4 ? this.#four : this.#six;
    const { words, stride, addressWords } = records;
    const from = (position < this.#count4 ? position : position - this.#count4) * stride;
    return [
      recordAddress(words, from, addressWords),
      recordVm(words, from + addressWords, this.names.name(words[from + stride - 1] as number)),
    ];
  }

  *[Symbol.iterator](): Iterator<readonly [IpAddress, Vm]> {
    for (let position = 0; position < this.size; position++) yield this.at(position);
  }

  *keys(): Iterable<IpAddress> {
    for (const [address] of this) yield address;
  }

  *values(): Iterable<Vm> {
    for (const [, vm] of this) yield vm;
  }

  /** How many of them each server has. */
  perServer(): ReadonlyMap<string, number> {
    // A pool may have thousands of names, and a set a few VMs.
    const many = this.size > this.names.size;
    const counts = many ? new Uint32Array(this.names.size) : [];
    for (const { words, count, stride } of [this.packed4, this.packed6]) {
      for (let n = 0, at = stride - 1; n < count; n++, at += stride) {
        const server = words[at] as number;
        counts[server] = (counts[server] ?? 0) + 1;
      }
    }
    const found = new Map<string, number>();
    counts.forEach((count: number, server: number) => {
      if (count > 0) found.set(this.names.name(server), count);
    });
    return found;
  }

  /** Whether any VM has one of these policies of its own. */
  usesPolicy(...policies: readonly PathPolicy[]): boolean {
    const wanted = VM_POLICIES.map((policy) => policy !== undefined && policies.includes(policy));
    return [this.packed4, this.packed6].some(({ words, count, stride }) => {
      for (let n = 0, at = stride - 2; n < count; n++, at += stride) {
        if (wanted[(words[at] as number) & POLICY_MASK]) return true;
      }
      return false;
    });
  }
}

export class VmSetBuilder {
  readonly names: NamePool;
  readonly #four = new VmRecords(1);
  readonly #six = new VmRecords(4);

  constructor(names: NamePool = new NamePool()) {
    this.names = names;
  }

  get size(): number {
    return this.#four.count + this.#six.count;
  }

  has(address: IpAddress): boolean {
    const addressWords = writeAddress(address, scratch);
    return (addressWords === 1 ? this.#four : this.#six).find(scratch, 0) >= 0;
  }

  /** @returns whether there was none with this address; it stays as it is otherwise */
  add(address: IpAddress, vm: Vm): boolean {
    return this.addRecord(scratch, writeRecord(address, vm, this.names, scratch));
  }

  /** The same for a record whose server is a number of this builder's names. */
  addRecord(words: Uint32Array, addressWords: 1 | 4): boolean {
    return (addressWords === 1 ? this.#four : this.#six).add(words, 0);
  }

  /** A set of what has been added so far; the builder may go on. */
  build(): VmSet {
    return new VmSet(this.names, this.#four, this.#six);
  }
}

/** A MAC as a record has it, without a policy. */
function macWords(mac: Mac): readonly [high: number, low: number] {
  const part = (from: number): number => Number.parseInt(mac.slice(from, from + 2), 16);
  const high = ((part(0) << 24) | (part(3) << 16) | (part(6) << 8) | part(9)) >>> 0;
  return [high, ((part(12) << 24) | (part(15) << 16)) >>> 0];
}

/** No VMs at all. */
export const NO_VMS: VmSet = new VmSetBuilder().build();
