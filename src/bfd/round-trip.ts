// How long a path takes, there and back. What this machine or the other adds by being busy only ever makes a sample longer, so the
// least of the last ones is the path's own; the smoothed one says what it was like.

/** A path that became longer shows after so many samples. */
const WINDOW = 10;

export interface RoundTripTime {
  /** RFC 6298 section 2: SRTT, and RTTVAR. */
  readonly smoothedUs: number;
  readonly variationUs: number;
  /** Of the last ten samples. */
  readonly leastUs: number;
}

export class RoundTrip {
  readonly #last: number[] = [];
  #smoothedUs = 0;
  #variationUs = 0;

  add(us: number): void {
    if (this.#last.length === 0) {
      this.#smoothedUs = us;
      this.#variationUs = us / 2;
    } else {
      this.#variationUs += (Math.abs(this.#smoothedUs - us) - this.#variationUs) / 4;
      this.#smoothedUs += (us - this.#smoothedUs) / 8;
    }
    this.#last.push(us);
    if (this.#last.length > WINDOW) this.#last.shift();
  }

  /** undefined: there is no sample yet. */
  get time(): RoundTripTime | undefined {
    if (this.#last.length === 0) return undefined;
    return { smoothedUs: this.#smoothedUs, variationUs: this.#variationUs, leastUs: Math.min(...this.#last) };
  }

  /** What was measured is of a path that is no more. */
  forget(): void {
    this.#last.length = 0;
  }
}
