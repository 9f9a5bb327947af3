// One watch of etcd from its begin to its end, and whether it is alive meanwhile.

import type { Watch } from "../etcd/index.ts";
import { EtcdError } from "../etcd/index.ts";

/** Why a session of watching ended. */
export interface Ended {
  readonly error: EtcdError;
  /** What happened meanwhile may be lost. */
  readonly relist: boolean;
  /** It is no failure. */
  readonly asked?: true;
}

export class Session {
  watch: Watch | undefined;
  ended = false;
  readonly closing: Promise<void>;
  readonly #signMs: number;
  readonly #onEnd: (ended: Ended) => void;
  #timer: NodeJS.Timeout | undefined;
  #asked = false;
  #close: () => void = () => {};

  constructor(signMs: number, onEnd: (ended: Ended) => void) {
    this.#signMs = signMs;
    this.#onEnd = onEnd;
    this.closing = new Promise((resolve) => {
      this.#close = resolve;
    });
    this.#later();
  }

  /** Asks for a sign of life, which says up to which revision everything was told. */
  ask(): void {
    if (!this.ended) this.watch?.requestProgress();
  }

  heard(): void {
    this.#asked = false;
    this.#later();
  }

  #later(): void {
    clearTimeout(this.#timer);
    if (this.ended) return;
    this.#timer = setTimeout(() => {
      if (this.#asked) {
        const text = `follow etcd: the watch gave no sign of life for ${(2 * this.#signMs) / 1000} s`;
        this.end({ error: new EtcdError("unavailable", text), relist: false });
        return;
      }
      this.#asked = true;
      this.ask();
      this.#later();
    }, this.#signMs);
  }

  end(ended: Ended): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.#timer);
    this.watch?.close();
    this.#close();
    this.#onEnd(ended);
  }
}
