// VMs of one tenant that change in place: put, replaced and removed one at a time by a source that follows them. What is done
// with them takes a snapshot, which later changes leave alone.

import type { IpAddress } from "../address/index.ts";
import type { Vm } from "./types.ts";
import { VmRecords } from "./vm-records.ts";
import { NamePool, recordAddress, recordVm, VmSet, writeAddress } from "./vm-set.ts";

/** Whether the record at `at` of `words` is wanted. */
export type RecordTest = (words: Uint32Array, at: number, addressWords: 1 | 4) => boolean;

const scratch = new Uint32Array(7);

export class VmStore {
  #names: NamePool;
  readonly #four = new VmRecords(1);
  readonly #six = new VmRecords(4);
  /** By number of a server. */
  readonly #perServer = new Map<number, number>();

  /** @param names whose numbers the records have for servers */
  constructor(names: NamePool = new NamePool()) {
    this.#names = names;
  }

  get size(): number {
    return this.#four.count + this.#six.count;
  }

  /** How many VMs each server has, by its number; servers without VMs are not in it. */
  get perServer(): ReadonlyMap<number, number> {
    return this.#perServer;
  }

  /**
   * Puts a record, in the place of the one with its address if there is one.
   * @returns whether that changes anything
   */
  put(record: Uint32Array, addressWords: 1 | 4): boolean {
    const records = this.#of(addressWords);
    const server = record[addressWords + 2] as number;
    if (records.add(record, 0)) {
      this.#count(server, 1);
      return true;
    }
    const position = records.find(record, 0);
    const at = position * records.stride;
    const { words } = records;
    let word = addressWords as number;
    while (word < records.stride && words[at + word] === record[word]) word++;
    if (word === records.stride) return false;
    const before = words[at + addressWords + 2] as number;
    records.replaceAt(position, record, 0);
    if (before !== server) {
      this.#count(before, -1);
      this.#count(server, 1);
    }
    return true;
  }

  /** Removes the VM with the address at the beginning of `record`. @returns whether there was one */
  remove(record: Uint32Array, addressWords: 1 | 4): boolean {
    const records = this.#of(addressWords);
    const position = records.find(record, 0);
    if (position < 0) return false;
    this.#count(records.words[position * records.stride + addressWords + 2] as number, -1);
    records.removeAt(position);
    return true;
  }

  has(record: Uint32Array, addressWords: 1 | 4): boolean {
    return this.#of(addressWords).find(record, 0) >= 0;
  }

  hasAddress(address: IpAddress): boolean {
    return this.has(scratch, writeAddress(address, scratch));
  }

  /** What `test` says of the record with the address at the beginning of `record`; false when there is none. */
  test(record: Uint32Array, addressWords: 1 | 4, test: RecordTest): boolean {
    const records = this.#of(addressWords);
    const position = records.find(record, 0);
    return position >= 0 && test(records.words, position * records.stride, addressWords);
  }

  testAddress(address: IpAddress, test: RecordTest): boolean {
    return this.test(scratch, writeAddress(address, scratch), test);
  }

  /** The VM with the address at the beginning of `record`. */
  get(record: Uint32Array, addressWords: 1 | 4): Vm | undefined {
    const records = this.#of(addressWords);
    const position = records.find(record, 0);
    if (position < 0) return undefined;
    const at = position * records.stride;
    return recordVm(records.words, at + addressWords, this.#names.name(records.words[at + addressWords + 2] as number));
  }

  /** A set of its own of all VMs, or of those that `test` takes. */
  snapshot(test?: RecordTest): VmSet {
    if (test === undefined) return new VmSet(this.#names, this.#four.copy(), this.#six.copy());
    const [four, six] = [this.#four.copy(), this.#six.copy()];
    // From the end: what moves up into a hole has been looked at. Nearly all of them stay.
    for (const records of [four, six]) {
      for (let position = records.count - 1; position >= 0; position--) {
        if (!test(records.words, position * records.stride, records.addressWords)) records.removeAt(position);
      }
    }
    return new VmSet(this.#names, four, six);
  }

  each(visit: (words: Uint32Array, at: number, addressWords: 1 | 4) => void): void {
    for (const { words, count, stride, addressWords } of [this.#four, this.#six]) {
      for (let n = 0, at = 0; n < count; n++, at += stride) visit(words, at, addressWords);
    }
  }

  /** The lowest addresses, IPv4 first, of the VMs of each server that `test` takes; at most `max` for each. */
  lowest(test: (server: number) => boolean, max: number): ReadonlyMap<number, readonly IpAddress[]> {
    const found = new Map<
      number,
      { readonly words: Uint32Array; readonly at: number; readonly addressWords: 1 | 4 }[]
    >();
    this.each((words, at, addressWords) => {
      const server = words[at + addressWords + 2] as number;
      if (!test(server)) return;
      let list = found.get(server);
      if (list === undefined) {
        list = [];
        found.set(server, list);
      }
      let place = list.length;
      while (place > 0 && isLower(words, at, addressWords, list[place - 1] as (typeof list)[number])) place--;
      if (place >= max) return;
      list.splice(place, 0, { words, at, addressWords });
      if (list.length > max) list.pop();
    });
    const addresses = (list: readonly { words: Uint32Array; at: number; addressWords: 1 | 4 }[]): IpAddress[] =>
      list.map(({ words, at, addressWords }) => recordAddress(words, at, addressWords));
    return new Map([...found].map(([server, list]) => [server, addresses(list)]));
  }

  /** Gives the records the numbers that servers have in another pool. Snapshots keep theirs. */
  renumber(names: NamePool): void {
    const numbers = new Map([...this.#perServer.keys()].map((old) => [old, names.number(this.#names.name(old))]));
    this.each((words, at, addressWords) => {
      words[at + addressWords + 2] = numbers.get(words[at + addressWords + 2] as number) as number;
    });
    const counts = [...this.#perServer];
    this.#perServer.clear();
    for (const [old, count] of counts) this.#perServer.set(numbers.get(old) as number, count);
    this.#names = names;
  }

  /** Whether another store has the same VMs. */
  sameAs(other: VmStore): boolean {
    if (other.#four.count !== this.#four.count || other.#six.count !== this.#six.count) return false;
    /** Numbers of the same server in the one and the other. */
    const numbers: (number | undefined)[] = [];
    for (const mine of [this.#four, this.#six]) {
      const { words, count, stride, addressWords } = mine;
      const theirs = other.#of(addressWords);
      for (let n = 0, at = 0; n < count; n++, at += stride) {
        const found = theirs.find(words, at) * stride;
        if (found < 0) return false;
        for (const word of [addressWords, addressWords + 1]) {
          if (words[at + word] !== theirs.words[found + word]) return false;
        }
        const [server, otherServer] = [words[at + stride - 1] as number, theirs.words[found + stride - 1] as number];
        if (numbers[server] === undefined && this.#names.name(server) === other.#names.name(otherServer)) {
          numbers[server] = otherServer;
        }
        if (numbers[server] !== otherServer) return false;
      }
    }
    return true;
  }

  #of(addressWords: 1 | 4): VmRecords {
    return addressWords === 1 ? this.#four : this.#six;
  }

  #count(server: number, change: 1 | -1): void {
    const count = (this.#perServer.get(server) ?? 0) + change;
    if (count === 0) this.#perServer.delete(server);
    else this.#perServer.set(server, count);
  }
}

function isLower(
  words: Uint32Array,
  at: number,
  addressWords: 1 | 4,
  than: { readonly words: Uint32Array; readonly at: number; readonly addressWords: 1 | 4 },
): boolean {
  if (addressWords !== than.addressWords) return addressWords < than.addressWords;
  for (let word = 0; word < addressWords; word++) {
    const [a, b] = [words[at + word] as number, than.words[than.at + word] as number];
    if (a !== b) return a < b;
  }
  return false;
}
