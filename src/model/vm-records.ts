// VMs of one family as words in one typed array, found by their address: a few bytes for each, and no object. A record is
// the address (one word, or four), the MAC (four bytes, then two with the policy below them), and a number for its server.

/** Words of an address. */
export type AddressWords = 1 | 4;

/** Bits of the second word of the MAC that hold the number of a policy. */
export const POLICY_MASK = 3;

const FIRST_RECORDS = 4;
/** Part of the index that is used at most: beyond it, looking for a record takes ever longer. */
const INDEX_LOAD = 0.6;
/** Records that there is room for whatever their number: less is not worth giving back. */
const KEPT_RECORDS = 64;

export class VmRecords {
  readonly addressWords: AddressWords;
  /** Words of a record. */
  readonly stride: number;
  #words: Uint32Array;
  #count = 0;
  /** Open addressing: position of a record and 1; 0 is a free place. */
  #places = new Int32Array(8);

  constructor(addressWords: AddressWords) {
    this.addressWords = addressWords;
    this.stride = addressWords + 3;
    this.#words = new Uint32Array(FIRST_RECORDS * this.stride);
  }

  get count(): number {
    return this.#count;
  }

  /** Records one after the other; there may be more room behind them. Good until the next add. */
  get words(): Uint32Array {
    return this.#words;
  }

  /** Adds the record at `at` of `from`. @returns whether its address is new; nothing is added otherwise */
  add(from: Uint32Array, at: number): boolean {
    if ((this.#count + 1) * this.stride > this.#words.length) this.#grow();
    const place = this.#place(from, at);
    if (this.#places[place] !== 0) return false;
    const to = this.#count * this.stride;
    for (let word = 0; word < this.stride; word++) this.#words[to + word] = from[at + word] as number;
    this.#places[place] = ++this.#count;
    if (this.#count > this.#places.length * INDEX_LOAD) this.#index(this.#places.length * 2);
    return true;
  }

  /** Writes the record at `at` of `from` over the one at a position, which has the same address. */
  replaceAt(position: number, from: Uint32Array, at: number): void {
    const to = position * this.stride;
    for (let word = this.addressWords; word < this.stride; word++) this.#words[to + word] = from[at + word] as number;
  }

  /** Removes the record at a position. The last one takes its place. */
  removeAt(position: number): void {
    const { stride } = this;
    this.#free(this.#place(this.#words, position * stride));
    const last = this.#count - 1;
    if (position !== last) {
      this.#places[this.#place(this.#words, last * stride)] = position + 1;
      this.#words.copyWithin(position * stride, last * stride, (last + 1) * stride);
    }
    this.#count = last;
    if (this.#words.length > Math.max(4 * last, KEPT_RECORDS) * stride) this.#shrink();
  }

  /** The same records in memory of their own, without room for more. */
  copy(): VmRecords {
    const copy = new VmRecords(this.addressWords);
    if (this.#count === 0) return copy;
    copy.#words = this.#words.slice(0, this.#count * this.stride);
    copy.#count = this.#count;
    copy.#places = this.#places.slice();
    return copy;
  }

  /** Position of the record with the address at `at` of `from`; -1: there is none. */
  find(from: Uint32Array, at: number): number {
    return (this.#places[this.#place(from, at)] as number) - 1;
  }

  #grow(): void {
    // Doubling the largest of tables would take as much memory again as all of it.
    const records = this.#count < 1 << 20 ? this.#count * 2 : this.#count + (this.#count >> 1);
    const words = new Uint32Array(records * this.stride);
    words.set(this.#words);
    this.#words = words;
  }

  #shrink(): void {
    this.#words = this.#words.slice(0, Math.max(2 * this.#count, FIRST_RECORDS) * this.stride);
    let size = 8;
    while (2 * this.#count > size * INDEX_LOAD) size *= 2;
    this.#index(size);
  }

  /** Frees a place of the index. Those behind it move up as far as they may, so that looking for them never meets a gap. */
  #free(place: number): void {
    const [places, words, stride] = [this.#places, this.#words, this.stride];
    const mask = places.length - 1;
    let hole = place;
    for (let next = (hole + 1) & mask; places[next] !== 0; next = (next + 1) & mask) {
      const home = this.#hash(words, ((places[next] as number) - 1) * stride) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      places[hole] = places[next] as number;
      hole = next;
    }
    places[hole] = 0;
  }

  #index(size: number): void {
    this.#places = new Int32Array(size);
    for (let n = 0; n < this.#count; n++) this.#places[this.#place(this.#words, n * this.stride)] = n + 1;
  }

  #hash(from: Uint32Array, at: number): number {
    let hash = Math.imul(from[at] as number, 0x9e3779b1);
    hash ^= hash >>> 15;
    for (let word = 1; word < this.addressWords; word++) {
      hash = Math.imul(hash ^ (from[at + word] as number), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  /** Where the address is in the index, or where it would be. */
  #place(from: Uint32Array, at: number): number {
    const { addressWords } = this;
    const [places, words, stride] = [this.#places, this.#words, this.stride];
    const first = from[at] as number;
    const mask = places.length - 1;
    for (let place = this.#hash(from, at) & mask; ; place = (place + 1) & mask) {
      const found = places[place] as number;
      if (found === 0) return place;
      const record = (found - 1) * stride;
      if (words[record] !== first) continue;
      let word = 1;
      while (word < addressWords && words[record + word] === from[at + word]) word++;
      if (word === addressWords) return place;
    }
  }
}
