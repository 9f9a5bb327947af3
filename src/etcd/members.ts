// Which member to ask: the one that answered last, and the others in turn when it does not.

import { EtcdError, type EtcdErrorKind } from "./error.ts";
import { Failure } from "./failure.ts";
import type { Member } from "./member.ts";

/** How long an attempt may take, as Date.now counts. */
export interface Deadlines {
  /** To get a connection. */
  readonly reachMs: number;
  /** To be done, if others are to have their turn after it. */
  readonly shareMs: number;
  /** Of the call as a whole. */
  readonly callMs: number;
}

/** For an operation that changes something: it is asked for again only if it was not carried out. */
export type Repeat = "always" | "if-untouched";

/** Worst last: of several members that failed, the one whose reason needs somebody to act gives its kind to all. */
const GRAVITY: readonly EtcdErrorKind[] = ["unavailable", "tls"];

export class Members {
  readonly #members: readonly Member[];
  #preferred = 0;
  #closed = false;

  constructor(members: readonly Member[]) {
    this.#members = members;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whoever comes next asks another member first. */
  avoid(member: Member): void {
    if (this.#members[this.#preferred] === member) this.#preferred = (this.#preferred + 1) % this.#members.length;
  }

  /**
   * Asks members in turn, each once, until one does it.
   * @param subject such as `read from etcd`
   * @throws EtcdError
   */
  async ask<T>(
    subject: string,
    timeoutMs: number,
    repeat: Repeat,
    attempt: (member: Member, deadlines: Deadlines) => Promise<T>,
  ): Promise<T> {
    const callMs = Date.now() + timeoutMs;
    const count = this.#members.length;
    const first = this.#preferred;
    const failed: { readonly member: Member; readonly failure: Failure }[] = [];
    for (let turn = 0; turn < count; turn++) {
      if (this.#closed) break;
      const now = Date.now();
      if (now >= callMs && turn > 0) break;
      const index = (first + turn) % count;
      const member = this.#members[index] as Member;
      const left = count - turn;
      // Half of the time for the one that is asked, as the others are the exception; a connection takes less.
      const shareMs = left === 1 ? callMs : now + (callMs - now) / 2;
      try {
        const result = await attempt(member, { reachMs: now + (callMs - now) / left, shareMs, callMs });
        if (!this.#closed) {
          this.#preferred = index;
          return result;
        }
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown;
        if (this.#closed) break;
        failed.push({ member, failure: thrown });
        const { elsewhere, untouched } = thrown.options;
        if (elsewhere !== true) break;
        this.avoid(member);
        if (repeat === "if-untouched" && untouched !== true) {
          const text = `${subject}: ${member.name}: ${thrown.message}; it may have been carried out`;
          throw new EtcdError("unknown-outcome", text, { cause: thrown });
        }
      }
    }
    if (this.#closed) throw new EtcdError("cancelled", `${subject}: the client is closed`);
    throw this.#errorOf(subject, failed);
  }

  #errorOf(subject: string, failed: readonly { readonly member: Member; readonly failure: Failure }[]): EtcdError {
    const reasons = failed.map(({ member, failure }) => `${member.name}: ${failure.message}`);
    const { failure } = failed.reduce((worst, one) =>
      GRAVITY.indexOf(worst.failure.kind) > GRAVITY.indexOf(one.failure.kind) && GRAVITY.includes(one.failure.kind)
        ? worst
        : one,
    );
    const { remedy, compactRevision } = failure.options;
    return new EtcdError(failure.kind, `${subject}: ${reasons.join("; ")}`, {
      remedy,
      compactRevision,
      cause: failure,
    });
  }

  close(): void {
    this.#closed = true;
    for (const member of this.#members) member.close();
  }
}
