// One pass over the maps: what `unum apply` does, with a look before it that takes no lock, and a question whether so much is
// really to be deleted.

import { setTimeout as sleep } from "node:timers/promises";
import type { IpAddress } from "../address/index.ts";
import { massDeletes } from "../control/mass-delete.ts";
import { summarise } from "../control/plan.ts";
import { NO_VM_DIFFERENCE } from "../control/vm-difference.ts";
import type { Fill, LoadOptions, PinDirectory } from "../dataplane/index.ts";
import { Plane, tableFill } from "../dataplane/index.ts";
import type { EdgePlan, PortChange } from "../edge/reconcile.ts";
import { applyEdge, endpointAddresses, isEmpty, loadOptionsOf, planEdge, planUpkeep } from "../edge/reconcile.ts";
import { ShortPass } from "../edge/short-pass.ts";
import { causeText, UnumError } from "../errors.ts";
import type { Model, VmPut } from "../model/index.ts";
import { countVms } from "../model/index.ts";
import { resolveNextHops } from "../netlink/index.ts";
import type { DesiredState } from "../source/index.ts";
import type { Watchable } from "./liveness.ts";
import type { PassOptions, PassResult } from "./loop.ts";

export interface EdgePassOptions {
  readonly pins: PinDirectory;
  readonly objectPath: string;
  readonly probePath: string;
  /** How long neighbours of endpoints that are new may take to answer. */
  readonly resolveMs: number;
  /** Called before anything is opened: whether this process may still work on these pins. */
  readonly permit: () => void;
  /** Told what the maps show at the end of a pass over everything. */
  readonly shown?: (shown: Watchable) => void;
}

const NOT_WAITING = { resolveMs: 0, ask: true } as const;
/** What is told of a plan. */
type Told = Pick<EdgePlan, "changes" | "vms" | "rows" | "notices">;
const NOTHING_TO_DO: Told = {
  changes: [],
  vms: NO_VM_DIFFERENCE,
  rows: 0,
  notices: [],
};

/** Tables that exist keep theirs. */
const ANY_SIZE: LoadOptions = { vmCapacity: 1, vm6Capacity: 1 };

const LOCK_WAIT_MS = 10_000;
const LOCK_POLL_MS = 20;
/** What packets honour for some seconds after a change is taken away by a pass that comes later (dataplane/remember.ts). */
const TIDY_MS = 30_000;
/** Of notices that are the same for many endpoints. */
const NOTICES_MAX = 20;

export class EdgePass {
  readonly #options: EdgePassOptions;
  /** Endpoints that were asked for: whoever does not answer is not waited for again. */
  #asked: ReadonlyMap<string, IpAddress> = new Map();
  #endpoints: readonly IpAddress[] = [];
  #revision: string | undefined;
  #wroteAt = Number.NEGATIVE_INFINITY;
  #fill: readonly Fill[] = [];
  /** Of the last pass over everything. */
  #notices: readonly string[] = [];
  /** Left by the last pass over everything that wrote, for short ones. */
  #resting: ShortPass | undefined;

  constructor(options: EdgePassOptions) {
    this.#options = options;
  }

  /** Underlay addresses of the endpoints that the last pass was about. */
  get endpoints(): Iterable<IpAddress> {
    return this.#endpoints;
  }

  /** How full the tables were at the end of the last pass. */
  get fill(): readonly Fill[] {
    return this.#fill;
  }

  async run(state: DesiredState | undefined, options: PassOptions): Promise<PassResult> {
    this.#options.permit();
    if (state === undefined) return this.#keepUp();
    if (options.changes !== undefined) return this.#short(state.revision, options.changes, options);
    const { revision, model } = state;
    this.#endpoints = [...endpointAddresses(model).values()];
    const started = performance.now();
    const moved = await this.#followUnderlay();
    const known = revision === this.#revision && performance.now() - this.#wroteAt > TIDY_MS;
    if (known && this.#options.pins.isLoaded()) {
      const plan = await this.#look((plane) => planEdge(plane, model, NOT_WAITING));
      if (plan !== undefined) return withMoved(resultOf(plan, performance.now() - started, 0, []), moved);
    }
    await this.#ask(model);
    return withMoved(await this.#apply(revision, model, options), moved);
  }

  /** Changes of VMs alone; whatever keeps them from being made so makes the next pass a whole one. */
  #short(revision: string, changes: readonly VmPut[], options: PassOptions): PassResult {
    const resting = this.#resting;
    if (resting === undefined)
      throw new UnumError("INTERNAL", "change VMs by themselves: no pass over everything is known");
    try {
      const { step, entries, planMs, applyMs } = resting.run(changes, options);
      this.#fill = this.#fill.map((fill) => ({ ...fill, entries: entries.get(fill.table) ?? fill.entries }));
      this.#revision = revision;
      const { added, changed, removed, rows } = step;
      if (rows > 0) this.#wroteAt = performance.now();
      return { added, changed, removed, rows, planMs, applyMs, ports: [], notices: this.#notices, short: true };
    } catch (thrown) {
      this.#drop();
      throw thrown;
    }
  }

  /** Packets that would be lost should not wait for a plan of everything, which comes all the same. */
  async #followUnderlay(): Promise<readonly string[]> {
    let moved: readonly string[] | undefined;
    try {
      moved = await this.#resting?.followUnderlay();
    } catch {
      // What is wrong is for the whole pass to find and to tell.
    }
    if (moved === undefined) this.#drop();
    return moved ?? [];
  }

  /** Without a state to go by: next hops and ports of what the maps show. */
  async #keepUp(): Promise<PassResult> {
    const started = performance.now();
    const { pins } = this.#options;
    const seen = pins.isLoaded() ? await this.#look((plane) => planUpkeep(plane, NOT_WAITING)) : NOTHING_TO_DO;
    if (seen !== undefined) return resultOf(seen, performance.now() - started, 0, []);
    this.#drop();
    const plane = await this.#load(ANY_SIZE);
    try {
      const again = await planUpkeep(plane, NOT_WAITING);
      if (again === undefined) return resultOf(NOTHING_TO_DO, performance.now() - started, 0, []);
      const planned = performance.now();
      const { ports, notices, failure } = applyEdge(plane, again, { detach: false });
      if (again.rows > 0) this.#wroteAt = performance.now();
      this.#fill = fillOf(plane, again);
      this.#show(plane, again);
      const result = resultOf({ ...again, notices }, planned - started, performance.now() - planned, portsDone(ports));
      return withFailure(result, failure);
    } finally {
      plane.close();
    }
  }

  #show(plane: Plane, { state, writes }: EdgePlan): void {
    const mapId = plane.map("liveness").info.id;
    this.#options.shown?.({ model: state.model, indexes: writes.indexes.endpoint, mapId });
  }

  #drop(): void {
    this.#resting?.close();
    this.#resting = undefined;
  }

  /** Lets go of what rests between passes. */
  close(): void {
    this.#drop();
  }

  /**
   * A plan that takes no lock; undefined: there is something to do. A state between two of another writer's is looked at again.
   */
  async #look(planned: (plane: Plane) => Promise<EdgePlan | undefined>): Promise<Told | undefined> {
    let plane: Plane;
    try {
      plane = Plane.open(this.#options.pins, this.#options.objectPath);
    } catch (thrown) {
      // Another build was here: its maps are for a writer to take over.
      if (thrown instanceof UnumError && thrown.code === "MAP_INCOMPATIBLE") return undefined;
      throw thrown;
    }
    try {
      const plan = await planned(plane);
      if (plan === undefined) return NOTHING_TO_DO;
      this.#endpoints = [...endpointAddresses(plan.state.model).values()];
      if (!isEmpty(plan) || plan.observed.retired.size > 0) return undefined;
      this.#fill = fillOf(plane, plan);
      this.#notices = noticesOf(plan.notices);
      this.#show(plane, plan);
      return plan;
    } finally {
      plane.close();
    }
  }

  /** Waits for the neighbours of new endpoints before anything depends on them, and before the lock is taken. */
  async #ask(model: Model): Promise<void> {
    const wanted = endpointAddresses(model);
    const fresh = new Map([...wanted].filter(([name, address]) => this.#asked.get(name) !== address));
    this.#asked = wanted;
    if (fresh.size > 0) await resolveNextHops(fresh, { waitMs: this.#options.resolveMs });
  }

  async #apply(revision: string, model: Model, { massDelete }: PassOptions): Promise<PassResult> {
    // Two planes would map and know the same tables twice.
    this.#drop();
    const plane = await this.#load(loadOptionsOf(model));
    try {
      const started = performance.now();
      const plan = await planEdge(plane, model, NOT_WAITING);
      if (!massDelete) requireMeant(plan);
      const planned = performance.now();
      const { ports, notices, failure } = applyEdge(plane, plan);
      if (plan.rows > 0) this.#wroteAt = performance.now();
      this.#revision = revision;
      this.#fill = fillOf(plane, plan);
      this.#notices = noticesOf(notices);
      this.#show(plane, plan);
      const result = resultOf({ ...plan, notices }, planned - started, performance.now() - planned, portsDone(ports));
      this.#resting = new ShortPass(plane, plan);
      return withFailure(result, failure);
    } finally {
      if (this.#resting === undefined) plane.close();
    }
  }

  /** The lock is waited for without standing still: the daemon answers meanwhile. */
  async #load(options: LoadOptions): Promise<Plane> {
    const { pins, objectPath, probePath } = this.#options;
    for (const started = performance.now(); ; await sleep(LOCK_POLL_MS)) {
      try {
        return Plane.load(pins, objectPath, { ...options, probePath, lockWaitMs: 0 });
      } catch (thrown) {
        const locked = thrown instanceof UnumError && thrown.code === "LOCKED";
        if (!locked || performance.now() - started > LOCK_WAIT_MS) throw thrown;
      }
    }
  }
}

/** Of tables that show a plan's state: its rows, and members that are on their way out. */
function fillOf(plane: Plane, { observed, writes, state }: EdgePlan): readonly Fill[] {
  const retired = observed.retired.size + writes.members.deletes.length;
  return tableFill(plane, writes.desired, { retired, vms: countVms(state.model) });
}

function requireMeant({ observed, changes, vms }: EdgePlan): void {
  const found = massDeletes(observed.state?.model, summarise(changes, vms));
  if (found.length === 0) return;
  const what = found.map(({ kind, removed, present }) => `${removed} of ${present} ${kind}s`).join(", ");
  throw new UnumError(
    "MASS_DELETE",
    `apply: ${what} would go at once; nothing was written, the edge goes on with what it has`,
    {
      remedy:
        "if that is meant: unum apply --allow-mass-delete, for this once; or unum run --allow-mass-delete, for good",
    },
  );
}

function resultOf(plan: Told, planMs: number, applyMs: number, ports: PassResult["ports"]): PassResult {
  const { added, changed, removed } = summarise(plan.changes, plan.vms);
  return { added, changed, removed, rows: plan.rows, planMs, applyMs, ports, notices: noticesOf(plan.notices) };
}

function withFailure(result: PassResult, failure: unknown): PassResult {
  if (failure === undefined) return result;
  const incomplete =
    failure instanceof UnumError
      ? failure
      : new UnumError("INTERNAL", `attach ports: ${causeText(failure)}`, { cause: failure });
  return { ...result, incomplete };
}

/** With the rows of endpoints that were led to another next hop before. */
function withMoved(result: PassResult, moved: readonly string[]): PassResult {
  return moved.length === 0 ? result : { ...result, rows: result.rows + moved.length };
}

function noticesOf(notices: readonly string[]): readonly string[] {
  const more = notices.length - NOTICES_MAX;
  return more > 0 ? [...notices.slice(0, NOTICES_MAX), `and ${more} more`] : notices;
}

/** Ports that something was done to. */
function portsDone(ports: readonly PortChange[]): PassResult["ports"] {
  return ports.filter(({ action }) => action !== "unchanged").map(({ name, action }) => ({ name, action }));
}
