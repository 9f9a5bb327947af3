// When whom to call: a binary heap of times by key, each key at most once. A session's times change with every packet, so a change
// costs a few steps in place and no memory.

export class Timers<Key> {
  readonly #keys: Key[] = [];
  readonly #times: number[] = [];
  readonly #places = new Map<Key, number>();

  get size(): number {
    return this.#keys.length;
  }

  /** The earliest time; infinite: there is none. */
  get next(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Sets or moves the time of a key; an infinite one takes it away. */
  set(key: Key, at: number): void {
    const place = this.#places.get(key);
    if (at === Number.POSITIVE_INFINITY) {
      if (place !== undefined) this.#remove(place);
      return;
    }
    if (place === undefined) {
      this.#keys.push(key);
      this.#times.push(at);
      this.#places.set(key, this.#keys.length - 1);
      this.#rise(this.#keys.length - 1);
      return;
    }
    const before = this.#times[place] as number;
    this.#times[place] = at;
    if (at < before) this.#rise(place);
    else this.#sink(place);
  }

  delete(key: Key): void {
    this.set(key, Number.POSITIVE_INFINITY);
  }

  /** Takes out the earliest key that is due; undefined: none is. */
  take(now: number): Key | undefined {
    if (this.next > now) return undefined;
    const key = this.#keys[0] as Key;
    this.#remove(0);
    return key;
  }

  #remove(place: number): void {
    const key = this.#keys[place] as Key;
    const last = this.#keys.length - 1;
    if (place !== last) this.#swap(place, last);
    this.#keys.pop();
    this.#times.pop();
    this.#places.delete(key);
    if (place === last) return;
    this.#rise(place);
    this.#sink(place);
  }

  #swap(a: number, b: number): void {
    const [keyA, keyB] = [this.#keys[a] as Key, this.#keys[b] as Key];
    const time = this.#times[a] as number;
    this.#keys[a] = keyB;
    this.#keys[b] = keyA;
    this.#times[a] = this.#times[b] as number;
    this.#times[b] = time;
    this.#places.set(keyB, a);
    this.#places.set(keyA, b);
  }

  #rise(from: number): void {
    for (let place = from; place > 0; ) {
      const parent = (place - 1) >> 1;
      if ((this.#times[parent] as number) <= (this.#times[place] as number)) return;
      this.#swap(parent, place);
      place = parent;
    }
  }

  #sink(from: number): void {
    for (let place = from; ; ) {
      const left = 2 * place + 1;
      if (left >= this.#times.length) return;
      const right = left + 1;
      const less = right < this.#times.length && (this.#times[right] as number) < (this.#times[left] as number);
      const child = less ? right : left;
      if ((this.#times[child] as number) >= (this.#times[place] as number)) return;
      this.#swap(child, place);
      place = child;
    }
  }
}
