// The loop: the newest state that the source gave, one pass over the maps at a time, until they show it. It knows neither
// kernel nor files: passes, clock and chance are given to it.

import { causeText, UnumError } from "../errors.ts";
import type { VmPut } from "../model/index.ts";
import type { DesiredState, KeptOut, Reading } from "../source/index.ts";
import { NOTHING_KEPT_OUT } from "../source/index.ts";
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
  /** It went straight to the VMs that changed. */
  readonly short?: true;
  /** The tables are right; what was left undone about ports, and is to be tried again. */
  readonly incomplete?: UnumError;
}

export interface PassOptions {
  /** Whether more than half of a table may go. */
  readonly massDelete: boolean;
  /**
   * How the state differs from the one of the pass before, which succeeded; each VM once. A pass that cannot make these changes by
   * themselves fails, and one without them follows.
   */
  readonly changes?: readonly VmPut[];
}

/** Makes the maps show a state; without one, keeps up what they show already: next hops and ports. */
export type Pass = (state: DesiredState | undefined, options: PassOptions) => Promise<PassResult>;

export interface Clock {
  now(): number;
  /** Calls `callback` once, unless what it returns is called before. */
  after(ms: number, callback: () => void): () => void;
}

export interface Failure {
  readonly error: UnumError;
  /** Undefined: of keeping up what the maps show. */
  readonly revision: string | undefined;
  /** Tries so far. */
  readonly attempts: number;
  /** It is about ports, whatever the revision: only another look at everything ends it. */
  readonly standing?: true;
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
  /** `short`: it differs in VMs alone from the one before. There may be thousands a second of these. */
  | { readonly kind: "source-read"; readonly revision: string; readonly short: boolean }
  | { readonly kind: "kept-out"; readonly revision: string; readonly keptOut: KeptOut }
  | { readonly kind: "applied"; readonly revision: string; readonly result: PassResult; readonly reason: string }
  /** Without a state: what the maps show was kept up. */
  | { readonly kind: "kept-up"; readonly result: PassResult; readonly reason: string }
  /** A whole pass follows. */
  | { readonly kind: "short-failed"; readonly revision: string; readonly error: UnumError }
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export interface LoopOptions {
  readonly pass: Pass;
  readonly clock: Clock;
  readonly random: () => number;
  /** A pass so often, whatever happens; one that takes long is not made for more than a part of the time. */
  readonly resyncMs: number;
  readonly allowMassDelete: boolean;
  readonly tell: (event: LoopEvent) => void;
}

/** A state of the source, and when it was read. */
interface Taken {
  readonly state: DesiredState;
  readonly at: number;
}

/** Somebody who is answered by the first pass that begins after they asked. */
interface Waiting {
  readonly request: number;
  /** Only one over everything will do. */
  readonly whole: boolean;
  readonly resolve: (outcome: Outcome) => void;
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

/**
 * What nobody gave notice of is looked for so much of the time at most: with a million VMs a look takes a second, in which no VM can
 * change.
 */
const RESYNC_SHARE = 150;
const RETRY = { firstMs: 100, maxMs: 10_000 };
/** Of more VMs, a whole pass is not slower. */
const CHANGES_MAX = 200_000;
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
  /** What it took to compare everything, last time. */
  #compareMs = 0;
  /** What the pass that is under way is for. */
  #passing: { readonly revision: string | undefined; readonly request: number } | undefined;
  /** Revision whose removals somebody meant. */
  #meant: string | undefined;
  /** The source has something new. */
  #sourceDue = false;
  /** Why a pass over everything is due, besides the source; undefined: none is. */
  #wholeDue: string | undefined;
  /** Somebody meant to take away what the states lack that no pass has shown yet. */
  #removalsMeant = false;
  /** Revision of the last pass for a state. */
  #begun: string | undefined;
  /** How the newest state differs from that one, by tenant and address; undefined: not in VMs alone, or that pass failed. */
  #since: Map<string, VmPut> | undefined;
  #wasShort = false;
  /** Requests for a pass so far: a pass that starts now answers all of them. */
  #requests = 0;
  #waiting: Waiting[] = [];
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
      // A process before this one may have left something in the maps.
      if (this.#desired === undefined) this.request("source failed");
      return;
    }
    const { state } = reading;
    const { revision, keptOut } = state;
    const before = this.#desired?.state;
    this.#sourceError = undefined;
    // The same revision again without a difference is a correction of what was told.
    if (revision !== before?.revision || state.since === undefined) this.#since = this.#sinceWith(state);
    this.#desired = { state, at: clock.now() };
    if (state.meant) this.#removalsMeant = true;
    if (revision === this.#applied?.state.revision) this.#behindSince = undefined;
    else this.#behindSince ??= clock.now();
    if (this.#failure?.revision !== revision && this.#failure?.standing !== true) this.#failure = undefined;
    if (this.#refusal?.revision !== revision) this.#refusal = undefined;
    tell({ kind: "source-read", revision, short: this.#since !== undefined && revision !== before?.revision });
    if (!sameKeptOut(before?.keptOut ?? NOTHING_KEPT_OUT, keptOut)) tell({ kind: "kept-out", revision, keptOut });
    this.request("source");
  }

  /** What is collected already, and how a state differs from the newest one before. */
  #sinceWith({ since }: DesiredState): Map<string, VmPut> | undefined {
    const collected = this.#since;
    if (since === undefined || collected === undefined || since.base !== this.#desired?.state.revision)
      return undefined;
    for (const change of since.changes) collected.set(`${change.tenant} ${change.address}`, change);
    return collected.size > CHANGES_MAX ? undefined : collected;
  }

  /** Asks for a pass, soon. */
  request(reason: string): void {
    this.#requests++;
    if (reason === "source") this.#sourceDue = true;
    else this.#wholeDue ??= reason;
    this.#run();
  }

  get #isDue(): boolean {
    return this.#sourceDue || this.#wholeDue !== undefined;
  }

  /**
   * How the maps stand to a reading of the source that was offered before: resolves when they show it, or when it is known why not.
   * @param resync also when they showed it already, have another look at them
   */
  async outcome(reading: Reading, { resync = false } = {}): Promise<Outcome> {
    if (!reading.ok) return { ok: false, error: reading.error };
    const { revision } = reading.state;
    const idle = this.#running === undefined && !this.#isDue;
    if (this.#refusal?.revision === revision) return { ok: false, ...this.#refusal };
    if (idle && !resync && this.#applied?.state.revision === revision && this.#failure === undefined)
      return { ok: true, revision, result: this.#applied.result };
    let request: number;
    if (!resync && this.#passing?.revision === revision) {
      request = this.#passing.request;
    } else {
      if (resync || !this.#isDue) this.request("asked for");
      request = this.#requests;
    }
    return new Promise((resolve) => this.#waiting.push({ request, whole: resync, resolve }));
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
      if (this.#isDue) this.#run();
    });
  }

  async #passes(): Promise<void> {
    while (this.#isDue && !this.#stopped) await this.#once();
  }

  /** Without one, what the maps show is kept up: the source has told of none yet, or of one that was refused. */
  #target(): DesiredState | undefined {
    return this.#refusal === undefined ? this.#desired?.state : undefined;
  }

  /** What a short pass has to do; undefined: a whole one is due. Neither kind keeps the other from its turn. */
  #changes(state: DesiredState | undefined): readonly VmPut[] | undefined {
    if (!this.#sourceDue || this.#since === undefined || state === undefined || state.revision === this.#begun)
      return undefined;
    if (this.#wholeDue !== undefined && this.#wasShort) return undefined;
    return [...this.#since.values()];
  }

  async #once(): Promise<void> {
    const { clock, pass, allowMassDelete, tell } = this.#options;
    const request = this.#requests;
    const state = this.#target();
    const changes = this.#changes(state);
    const reason = this.#sourceDue ? "source" : (this.#wholeDue as string);
    this.#sourceDue = false;
    this.#wasShort = changes !== undefined;
    if (changes === undefined) {
      this.#wholeDue = undefined;
      this.#cancelTimer?.();
    }
    const meant = this.#removalsMeant;
    const revision = state?.revision;
    if (state !== undefined) {
      this.#removalsMeant = false;
      this.#begun = revision;
      this.#since = new Map();
    }
    this.#passSince = clock.now();
    this.#passing = { revision, request };
    const massDelete = allowMassDelete || meant || (revision !== undefined && revision === this.#meant);
    let outcome: Outcome | undefined;
    let again = false;
    try {
      const result = await pass(state, changes === undefined ? { massDelete } : { massDelete, changes });
      const { incomplete, planMs } = result;
      if (changes === undefined) this.#compareMs = planMs;
      if (state !== undefined)
        outcome = incomplete
          ? { ok: false, revision: state.revision, error: incomplete }
          : { ok: true, revision: state.revision, result };
      this.#succeeded(state, result, reason);
      if (incomplete !== undefined) this.#failed(revision, incomplete, true);
    } catch (thrown) {
      const error =
        thrown instanceof UnumError
          ? thrown
          : new UnumError("INTERNAL", `apply: ${causeText(thrown)}`, { cause: thrown });
      if (state !== undefined) {
        this.#since = undefined;
        if (meant) this.#removalsMeant = true;
        outcome = { ok: false, revision: state.revision, error };
      }
      // Permission may have come while the pass was under way.
      const permitted = error.code === "MASS_DELETE" && !massDelete && revision === this.#meant;
      again = permitted || changes !== undefined;
      if (again) this.#sourceDue = true;
      else this.#failed(revision, error);
      if (changes !== undefined) tell({ kind: "short-failed", revision: revision as string, error });
    }
    this.#passSince = undefined;
    this.#passing = undefined;
    // Who waits for a state that failed, and is overtaken, waits for the newer one.
    if (!again && (outcome?.ok !== false || !this.#sourceDue)) this.#settle(request, outcome);
    if (changes === undefined && !this.#stopped) this.#schedule();
  }

  /** Answers who asked before the pass began. Who asked for a state that is refused is not told of the one that is kept up. */
  #settle(request: number, outcome: Outcome | undefined): void {
    const refusal = this.#refusal;
    const answer: Outcome | undefined = refusal === undefined ? outcome : { ok: false, ...refusal };
    if (answer === undefined) return;
    // Who wants another look at the maps is not answered by a pass that took none.
    const isAnswered = ({ request: asked, whole }: Waiting): boolean => asked <= request && !(whole && this.#wasShort);
    const answered = this.#waiting.filter(isAnswered);
    this.#waiting = this.#waiting.filter((waiting) => !isAnswered(waiting));
    for (const { resolve } of answered) resolve(answer);
  }

  #succeeded(state: DesiredState | undefined, result: PassResult, reason: string): void {
    const { clock, tell } = this.#options;
    const before = this.#applied?.state.revision;
    const failure = this.#failure;
    const recovered =
      failure !== undefined &&
      result.incomplete === undefined &&
      (failure.standing === true ? result.short !== true : failure.revision === state?.revision);
    const wrote = result.rows > 0 || result.ports.length > 0;
    if (state === undefined) {
      if (recovered) this.#failure = undefined;
      if (wrote || recovered) tell({ kind: "kept-up", result, reason });
      return;
    }
    // What a revision took is told by the pass that brought it, not by those that found it there.
    if (before !== state.revision || wrote) this.#applied = { state, at: clock.now(), result };
    if (recovered) this.#failure = undefined;
    // While this pass was under way, the source may have gone on.
    if (this.#desired?.state.revision === state.revision) this.#behindSince = undefined;
    if (before !== state.revision || recovered || wrote)
      tell({ kind: "applied", revision: state.revision, result, reason });
  }

  #failed(revision: string | undefined, error: UnumError, standing = false): void {
    const { tell, clock } = this.#options;
    if (revision !== undefined && !standing) this.#behindSince ??= clock.now();
    if (revision !== undefined && isRefusal(error)) {
      if (this.#desired?.state.revision === revision) this.#refusal = { error, revision };
      tell({ kind: "refused", refusal: { error, revision } });
      return;
    }
    const before =
      standing === (this.#failure?.standing ?? false) && (standing || this.#failure?.revision === revision)
        ? this.#failure
        : undefined;
    this.#failure = { error, revision, attempts: (before?.attempts ?? 0) + 1, ...(standing && { standing }) };
    if (before?.error.message !== error.message) tell({ kind: "failed", failure: this.#failure });
  }

  #schedule(): void {
    const { clock, random, resyncMs } = this.#options;
    const failure = this.#failure;
    const restMs = Math.max(resyncMs, RESYNC_SHARE * this.#compareMs);
    const ms = failure !== undefined ? Math.min(resyncMs, backoffMs(failure.attempts, random, RETRY)) : restMs;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(ms, () => this.request(failure === undefined ? "resync" : "retry"));
  }
}

function sameKeptOut(a: KeptOut, b: KeptOut): boolean {
  return a.count === b.count && a.first.length === b.first.length && a.first.every((line, at) => line === b.first[at]);
}
