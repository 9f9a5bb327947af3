// What sessions mean to the packet path: which endpoint is used. Pure, and of a time that the caller has.
//
// An endpoint that never answered is not known to be dead: to switch BFD on takes no traffic away. One that answered and then falls
// silent is stale at once. It comes back when its session has been up for the hold-down without a break. When all of them are stale,
// it is more likely this edge that is cut off than all of them: each keeps what it had, and the operator is told.

import { Timers } from "./timers.ts";

/** What the packet path is told of an endpoint. */
export type Liveness = "unknown" | "up" | "stale";

export interface LivenessOptions {
  readonly publish: (name: string, liveness: Liveness) => void;
  /** Whether all endpoints that ever answered are silent, and are used all the same. */
  readonly alarm: (allSilent: boolean) => void;
}

interface Watched {
  holdDownUs: number;
  /** Taken out by the operator: its session is down because nobody wants it up, and that says nothing about the network. */
  isDrained: boolean;
  isUp: boolean;
  /** What its own session says of it. */
  own: Liveness;
  published: Liveness;
}

/** A peer that gave up because nothing was sent to it has so long to be found again: three slow packets, and some. */
const GRACE_US = 5_000_000;
/** One endpoint that is silent says nothing about the rest of the network. */
const ALL_MIN = 2;

export class LivenessPolicy {
  readonly #options: LivenessOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #timers = new Timers<Watched>();
  #allSilent = false;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  /** When to call {@link advance}. */
  get nextUs(): number {
    return this.#timers.next;
  }

  get allSilent(): boolean {
    return this.#allSilent;
  }

  get(name: string): Liveness | undefined {
    return this.#watched.get(name)?.published;
  }

  /**
   * Begins to watch an endpoint, or changes how.
   * @param known what the packet path was told by a process before
   * @param isUp whether its session is up to begin with
   */
  watch(
    name: string,
    { holdDownUs, drained }: { readonly holdDownUs: number; readonly drained?: true },
    known: Liveness,
    isUp: boolean,
    nowUs: number,
  ): void {
    const old = this.#watched.get(name);
    const isDrained = drained === true;
    if (old !== undefined) {
      const before = old.isDrained;
      Object.assign(old, { holdDownUs, isDrained });
      if (isDrained) this.#drain(old);
      if (before !== isDrained) this.#decide();
      return;
    }
    const watched: Watched = { holdDownUs, isDrained, isUp, own: known, published: known };
    this.#watched.set(name, watched);
    if (isDrained) this.#drain(watched);
    // Nobody watched it meanwhile: it has the time to answer.
    else if (known === "up" && !isUp) this.#timers.set(watched, nowUs + GRACE_US);
    this.#options.publish(name, known);
    this.#decide();
  }

  /** When it is used again it begins as one that was silent: by answering for its hold-down. */
  #drain(watched: Watched): void {
    this.#timers.delete(watched);
    if (watched.own === "up") watched.own = "stale";
  }

  unwatch(name: string): void {
    const watched = this.#watched.get(name);
    if (watched === undefined) return;
    this.#watched.delete(name);
    this.#timers.delete(watched);
    this.#options.publish(name, "unknown");
    this.#decide();
  }

  /** @param excused it went down since nothing was sent to it */
  session(name: string, isUp: boolean, excused: boolean, nowUs: number): void {
    const watched = this.#watched.get(name);
    if (watched === undefined || watched.isUp === isUp) return;
    watched.isUp = isUp;
    this.#timers.delete(watched);
    if (watched.isDrained) return;
    if (isUp && watched.own === "stale") this.#timers.set(watched, nowUs + watched.holdDownUs);
    else if (isUp) watched.own = "up";
    else if (excused && watched.own === "up") this.#timers.set(watched, nowUs + GRACE_US);
    else if (watched.own === "up") watched.own = "stale";
    this.#decide();
  }

  advance(nowUs: number): void {
    let changed = false;
    for (let watched = this.#timers.take(nowUs); watched !== undefined; watched = this.#timers.take(nowUs)) {
      watched.own = watched.isUp ? "up" : "stale";
      changed = true;
    }
    if (changed) this.#decide();
  }

  #decide(): void {
    let [stale, others] = [0, 0];
    for (const { own, isDrained } of this.#watched.values()) {
      if (isDrained) continue;
      if (own === "stale") stale++;
      else others++;
    }
    const allSilent = others === 0 && stale >= ALL_MIN;
    for (const [name, watched] of this.#watched) {
      const wanted = allSilent && !watched.isDrained ? "up" : watched.own;
      if (wanted === watched.published) continue;
      watched.published = wanted;
      this.#options.publish(name, wanted);
    }
    if (allSilent === this.#allSilent) return;
    this.#allSilent = allSilent;
    this.#options.alarm(allSilent);
  }
}
