// Looks at the kernel's links, neighbours and routes when it gives notice that they changed, and tells when they are not what they
// were: most notices are about something else.

/** How the kernel is asked, and waited for. */
export interface UnderlaySource {
  /** A text that is another one when next hops or ports may be. */
  readonly look: () => string;
  /** Calls back soon after something changed. */
  readonly watch: (onNotice: () => void) => { close(): void };
}

/** Looks take a part of the time at most: with thousands of endpoints one takes some tens of milliseconds. */
const LOOK_SHARE = 10;

export class UnderlayWatch {
  readonly #source: UnderlaySource;
  readonly #onChange: () => void;
  readonly #notices: { close(): void };
  readonly #timer: NodeJS.Timeout;
  #soon: NodeJS.Timeout | undefined;
  #seen: string | undefined;
  /** Not before this is the next look. */
  #rested = 0;

  /** @param periodMs a look at least so often, since notices can be lost */
  constructor(periodMs: number, source: UnderlaySource, onChange: () => void) {
    this.#source = source;
    this.#onChange = onChange;
    this.#notices = source.watch(() => this.#lookSoon());
    this.#compare();
    this.#timer = setInterval(() => this.#compare(), periodMs);
  }

  #lookSoon(): void {
    const ms = this.#rested - performance.now();
    if (ms <= 0) this.#compare();
    else this.#soon ??= setTimeout(() => this.#compare(), ms);
  }

  #compare(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const started = performance.now();
    let now: string;
    try {
      now = this.#source.look();
    } catch {
      return; // asked again soon; the next pass tells what is wrong with netlink
    } finally {
      const ended = performance.now();
      this.#rested = ended + LOOK_SHARE * (ended - started);
    }
    const changed = this.#seen !== undefined && now !== this.#seen;
    this.#seen = now;
    if (changed) this.#onChange();
  }

  close(): void {
    this.#notices.close();
    clearTimeout(this.#soon);
    clearInterval(this.#timer);
  }
}
