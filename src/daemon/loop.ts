// The loop: the newest state that the source gave, one pass over the maps at a time, until they show it. It knows neither
// kernel nor files: passes, clock and chance are given to it.

import { causeText, UnumError } from "../errors.ts";
import type { DesiredState, Reading } from "../source/index.ts";
import { backoffMs } from "./backoff.ts";

/** What a pass did. */
export interface PassResult {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** Written; 0: the maps were right. */
  readonly rows: number;
  readonly planMs: number;
  readonly applyMs: number;
  /** Ports that were attached, updated or detached, by what was done. */
  readonly ports: readonly { readonly name: string; readonly action: string }[];
  readonly notices: readonly string[];
}

export interface PassOptions {
  /** Whether more than half of a table may go. */
  readonly massDelete: boolean;
}

/** Makes the maps show a state. */
export type Pass = (state: DesiredState, options: PassOptions) => Promise<PassResult>;

export interface Clock {
  now(): number;
  /** Calls `callback` once, unless what it returns is called before. */
  after(ms: number, callback: () => void): () => void;
}

export interface Failure {
  readonly error: UnumError;
  readonly revision: string;
  /** Tries so far. */
  readonly attempts: number;
}

/** Trying this state again is of no use. */
export interface Refusal {
  readonly error: UnumError;
  readonly revision: string;
}

/** How a revision ended, or its last try. */
export type Outcome =
  | { readonly ok: true; readonly revision: string; readonly result: PassResult }
  | { readonly ok: false; readonly revision?: string; readonly error: UnumError };

/** One change of state; what goes on as before is not told. */
export type LoopEvent =
  | { readonly kind: "source-failed"; readonly error: UnumError }
  | { readonly kind: "source-read"; readonly revision: string }
  | { readonly kind: "applied"; readonly revision: string; readonly result: PassResult; readonly reason: string }
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export interface LoopOptions {
  readonly pass: Pass;
  readonly clock: Clock;
  readonly random: () => number;
  /** A pass so often, whatever happens. */
  readonly resyncMs: number;
  readonly allowMassDelete: boolean;
  readonly tell: (event: LoopEvent) => void;
}

/** A state of the source, and when it was read. */
interface Taken {
  readonly state: DesiredState;
  readonly at: number;
}

export interface LoopView {
  /** The newest state that the source gave. */
  readonly desired: Taken | undefined;
  /** Why the source gives no newer one. */
  readonly sourceError: UnumError | undefined;
  /** What the maps show. */
  readonly applied: (Taken & { readonly result: PassResult }) | undefined;
  /** What is being tried again. */
  readonly failure: Failure | undefined;
  /** Of the newest state, until the source has another. */
  readonly refusal: Refusal | undefined;
  /** Since when a pass is under way. */
  readonly passSince: number | undefined;
  /** Since when the source is ahead of the maps. */
  readonly behindSince: number | undefined;
}

const RETRY = { firstMs: 100, maxMs: 10_000 };
/** Another try of the same state comes to the same. */
const REFUSALS: ReadonlySet<string> = new Set(["MASS_DELETE", "TABLE_FULL"]);

export function isRefusal(error: unknown): boolean {
  return error instanceof UnumError && REFUSALS.has(error.code);
}

export class Loop {
  readonly #options: LoopOptions;
  #desired: Taken | undefined;
  #sourceError: UnumError | undefined;
  #applied: LoopView["applied"];
  #failure: Failure | undefined;
  #refusal: Refusal | undefined;
  #behindSince: number | undefined;
  #passSince: number | undefined;
  /** What the pass that is under way is for. */
  #passing: { readonly revision: string; readonly request: number } | undefined;
  /** Revision whose removals somebody meant. */
  #meant: string | undefined;
  /** Why a pass is due; undefined: none is. */
  #due: string | undefined;
  /** Requests for a pass so far: a pass that starts now answers all of them. */
  #requests = 0;
  #waiting: { readonly request: number; readonly resolve: (outcome: Outcome) => void }[] = [];
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /** Takes what the source says. What it said before is forgotten, unless this is a failure. */
  offer(reading: Reading): void {
    const { clock, tell } = this.#options;
    if (!reading.ok) {
      this.#sourceError = reading.error;
      tell({ kind: "source-failed", error: reading.error });
      return;
    }
    const { revision } = reading.state;
    this.#sourceError = undefined;
    this.#desired = { state: reading.state, at: clock.now() };
    if (revision === this.#applied?.state.revision) this.#behindSince = undefined;
    else this.#behindSince ??= clock.now();
    if (this.#failure?.revision !== revision) this.#failure = undefined;
    if (this.#refusal?.revision !== revision) this.#refusal = undefined;
    tell({ kind: "source-read", revision });
    this.request("source");
  }

  /** Asks for a pass, soon. */
  request(reason: string): void {
    this.#requests++;
    this.#due ??= reason;
    if (reason === "source") this.#due = reason;
    this.#run();
  }

  /**
   * How the maps stand to a reading of the source that was offered before: resolves when they show it, or when it is known why not.
   * @param resync also when they showed it already, have another look at them
   */
  async outcome(reading: Reading, { resync = false } = {}): Promise<Outcome> {
    if (!reading.ok) return { ok: false, error: reading.error };
    const { revision } = reading.state;
    const idle = this.#running === undefined && this.#due === undefined;
    if (this.#refusal?.revision === revision) return { ok: false, ...this.#refusal };
    if (idle && !resync && this.#applied?.state.revision === revision && this.#failure === undefined)
      return { ok: true, revision, result: this.#applied.result };
    let request: number;
    if (!resync && this.#passing?.revision === revision) {
      request = this.#passing.request;
    } else {
      if (resync || this.#due === undefined) this.request("asked for");
      request = this.#requests;
    }
    return new Promise((resolve) => this.#waiting.push({ request, resolve }));
  }

  /** Somebody meant to take away what this revision lacks. True when that brings it back, since it had been refused. */
  allowMassDelete(revision: string): boolean {
    this.#meant = revision;
    if (this.#refusal?.revision !== revision || this.#refusal.error.code !== "MASS_DELETE") return false;
    this.#refusal = undefined;
    this.request("source");
    return true;
  }

  get view(): LoopView {
    return {
      desired: this.#desired,
      sourceError: this.#sourceError,
      applied: this.#applied,
      failure: this.#failure,
      refusal: this.#refusal,
      passSince: this.#passSince,
      behindSince: this.#behindSince,
    };
  }

  /** Lets the pass that is under way end, and begins no other. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await this.#running;
    const error = new UnumError("DAEMON_SILENT", "wait for the daemon: it is being stopped");
    for (const { resolve } of this.#waiting) resolve({ ok: false, error });
    this.#waiting = [];
  }

  #run(): void {
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = this.#passes().finally(() => {
      this.#running = undefined;
      // A request may have come after the last look at them.
      if (this.#due !== undefined) this.#run();
    });
  }

  async #passes(): Promise<void> {
    while (this.#due !== undefined && !this.#stopped) {
      const reason = this.#due;
      this.#due = undefined;
      this.#cancelTimer?.();
      await this.#once(reason);
    }
    if (!this.#stopped) this.#schedule();
  }

  /** A state that was refused stops no pass for what the maps show already: next hops and ports go on changing. */
  #target(): DesiredState | undefined {
    return this.#refusal === undefined ? this.#desired?.state : this.#applied?.state;
  }

  async #once(reason: string): Promise<void> {
    const { clock, pass, allowMassDelete } = this.#options;
    const request = this.#requests;
    const state = this.#target();
    if (state === undefined) {
      this.#settle(request, undefined);
      return;
    }
    const { revision } = state;
    this.#passSince = clock.now();
    this.#passing = { revision, request };
    const massDelete = allowMassDelete || revision === this.#meant;
    let outcome: Outcome;
    try {
      const result = await pass(state, { massDelete });
      outcome = { ok: true, revision, result };
      this.#succeeded(state, result, reason);
    } catch (thrown) {
      const error =
        thrown instanceof UnumError
          ? thrown
          : new UnumError("INTERNAL", `apply: ${causeText(thrown)}`, { cause: thrown });
      outcome = { ok: false, revision, error };
      // Permission may have come while the pass was under way.
      if (error.code === "MASS_DELETE" && !massDelete && revision === this.#meant) this.#due = "source";
      else this.#failed(state, error);
    }
    this.#passSince = undefined;
    this.#passing = undefined;
    if (outcome.ok || this.#due !== "source") this.#settle(request, outcome);
  }

  /** Answers who asked before the pass began. Who asked for a state that is refused is not told of the one that is kept up. */
  #settle(request: number, outcome: Outcome | undefined): void {
    const refusal = this.#refusal;
    const answer: Outcome | undefined = refusal === undefined ? outcome : { ok: false, ...refusal };
    if (answer === undefined) return;
    const answered = this.#waiting.filter((waiting) => waiting.request <= request);
    this.#waiting = this.#waiting.filter((waiting) => waiting.request > request);
    for (const { resolve } of answered) resolve(answer);
  }

  #succeeded(state: DesiredState, result: PassResult, reason: string): void {
    const { clock, tell } = this.#options;
    const before = this.#applied?.state.revision;
    const recovered = this.#failure?.revision === state.revision;
    const wrote = result.rows > 0 || result.ports.length > 0;
    // What a revision took is told by the pass that brought it, not by those that found it there.
    if (before !== state.revision || wrote) this.#applied = { state, at: clock.now(), result };
    if (recovered) this.#failure = undefined;
    // While this pass was under way, the source may have gone on.
    if (this.#desired?.state.revision === state.revision) this.#behindSince = undefined;
    if (before !== state.revision || recovered || wrote)
      tell({ kind: "applied", revision: state.revision, result, reason });
  }

  #failed({ revision }: DesiredState, error: UnumError): void {
    const { tell, clock } = this.#options;
    this.#behindSince ??= clock.now();
    if (isRefusal(error)) {
      if (this.#desired?.state.revision === revision) this.#refusal = { error, revision };
      tell({ kind: "refused", refusal: { error, revision } });
      return;
    }
    const before = this.#failure?.revision === revision ? this.#failure : undefined;
    this.#failure = { error, revision, attempts: (before?.attempts ?? 0) + 1 };
    if (before?.error.message !== error.message) tell({ kind: "failed", failure: this.#failure });
  }

  #schedule(): void {
    const { clock, random, resyncMs } = this.#options;
    const failure = this.#failure;
    const ms = failure !== undefined ? Math.min(resyncMs, backoffMs(failure.attempts, random, RETRY)) : resyncMs;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(ms, () => this.request(failure === undefined ? "resync" : "retry"));
  }
}
