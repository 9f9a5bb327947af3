// One pass over the maps: what `unum apply` does, with a look before it that takes no lock, and a question whether so much is
// really to be deleted.

import { setTimeout as sleep } from "node:timers/promises";
import type { IpAddress } from "../address/index.ts";
import { massDeletes } from "../control/mass-delete.ts";
import { summarise } from "../control/plan.ts";
import type { Fill, LoadOptions, PinDirectory } from "../dataplane/index.ts";
import { Plane, tableFill } from "../dataplane/index.ts";
import type { EdgePlan } from "../edge/reconcile.ts";
import { applyEdge, endpointAddresses, isEmpty, loadOptionsOf, planEdge } from "../edge/reconcile.ts";
import { UnumError } from "../errors.ts";
import { countVms } from "../model/index.ts";
import { resolveNextHops } from "../netlink/index.ts";
import type { DesiredState } from "../source/index.ts";
import type { PassOptions, PassResult } from "./loop.ts";

export interface EdgePassOptions {
  readonly pins: PinDirectory;
  readonly objectPath: string;
  readonly probePath: string;
  /** How long neighbours of endpoints that are new may take to answer. */
  readonly resolveMs: number;
  /** Called before anything is opened: whether this process may still work on these pins. */
  readonly permit: () => void;
}

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
  #revision: string | undefined;
  #wroteAt = Number.NEGATIVE_INFINITY;
  #fill: readonly Fill[] = [];

  constructor(options: EdgePassOptions) {
    this.#options = options;
  }

  /** How full the tables were at the end of the last pass. */
  get fill(): readonly Fill[] {
    return this.#fill;
  }

  async run(state: DesiredState, options: PassOptions): Promise<PassResult> {
    this.#options.permit();
    const started = performance.now();
    const known = state.revision === this.#revision && performance.now() - this.#wroteAt > TIDY_MS;
    if (known && this.#options.pins.isLoaded()) {
      const plan = await this.#look(state);
      if (plan !== undefined) return resultOf(plan, performance.now() - started, 0, []);
    }
    await this.#ask(state);
    return this.#apply(state, options);
  }

  /** A plan that takes no lock; undefined: there is something to do. A state between two of another writer's is looked at again. */
  async #look(state: DesiredState): Promise<EdgePlan | undefined> {
    const plane = Plane.open(this.#options.pins, this.#options.objectPath);
    try {
      const plan = await planEdge(plane, state.model, { resolveMs: 0, ask: true });
      if (!isEmpty(plan) || plan.observed.retired.size > 0) return undefined;
      this.#fill = fillOf(plane, plan);
      return plan;
    } finally {
      plane.close();
    }
  }

  /** Waits for the neighbours of new endpoints before anything depends on them, and before the lock is taken. */
  async #ask(state: DesiredState): Promise<void> {
    const wanted = endpointAddresses(state.model);
    const fresh = new Map([...wanted].filter(([name, address]) => this.#asked.get(name) !== address));
    this.#asked = wanted;
    if (fresh.size > 0) await resolveNextHops(fresh, { waitMs: this.#options.resolveMs });
  }

  async #apply(state: DesiredState, { massDelete }: PassOptions): Promise<PassResult> {
    const plane = await this.#load(loadOptionsOf(state.model));
    try {
      const started = performance.now();
      const plan = await planEdge(plane, state.model, { resolveMs: 0, ask: true });
      if (!massDelete) requireMeant(plan);
      const planned = performance.now();
      const { ports, notices } = applyEdge(plane, plan);
      if (plan.rows > 0) this.#wroteAt = performance.now();
      this.#revision = state.revision;
      this.#fill = fillOf(plane, plan);
      const done = ports.filter(({ action }) => action !== "unchanged").map(({ name, action }) => ({ name, action }));
      return resultOf({ ...plan, notices }, planned - started, performance.now() - planned, done);
    } finally {
      plane.close();
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

function resultOf(
  plan: Pick<EdgePlan, "changes" | "vms" | "rows" | "notices">,
  planMs: number,
  applyMs: number,
  ports: PassResult["ports"],
): PassResult {
  const { added, changed, removed } = summarise(plan.changes, plan.vms);
  const notices = plan.notices.slice(0, NOTICES_MAX);
  if (plan.notices.length > NOTICES_MAX) notices.push(`and ${plan.notices.length - NOTICES_MAX} more`);
  return { added, changed, removed, rows: plan.rows, planMs, applyMs, ports, notices };
}
