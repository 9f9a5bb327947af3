// The short pass: VMs that changed, or next hops, by themselves, in a plane that rests between passes. It is made by the whole pass before it,
// and is of use until somebody else writes. Whatever does not fit ends it, and a whole pass mends what it may have begun.

import type { IpAddress } from "../address/index.ts";
import type { NextHop } from "../control/state.ts";
import type { Ground, Indexes, Plane, VmStep } from "../dataplane/index.ts";
import { featuresOfVm, featureText, groundOf, moveNextHops, planVmStep, takeVmStep } from "../dataplane/index.ts";
import { UnumError } from "../errors.ts";
import type { VmPut } from "../model/index.ts";
import { readInterfaces, resolveNextHops } from "../netlink/index.ts";
import { endpointAddresses, keepLastGood, sameNextHop } from "./hops.ts";
import type { EdgePlan } from "./reconcile.ts";

export interface ShortResult {
  readonly step: VmStep;
  /** Of the tables that a step changes, by name. */
  readonly entries: ReadonlyMap<string, number>;
  readonly planMs: number;
  readonly applyMs: number;
}

export class ShortPass {
  readonly #plane: Plane;
  readonly #ground: Ground;
  readonly #indexes: Indexes;
  readonly #addresses: ReadonlyMap<string, IpAddress>;
  #nextHops: ReadonlyMap<string, NextHop>;

  /** Takes over `plane`, whose maps show what was planned, and gives up its lock. */
  constructor(plane: Plane, { state, writes }: EdgePlan) {
    this.#plane = plane;
    this.#ground = groundOf(state.model, writes.indexes);
    this.#indexes = writes.indexes;
    this.#addresses = endpointAddresses(state.model);
    this.#nextHops = state.nextHops;
    // The first change shall not wait for what the whole pass freed.
    plane.settle();
    plane.rest();
  }

  /**
   * @param massDelete whether more than half of all VMs may go
   * @throws UnumError whatever keeps it from being short; it is to be closed then, and a whole pass made
   */
  run(changes: readonly VmPut[], { massDelete }: { readonly massDelete: boolean }): ShortResult {
    const started = performance.now();
    if (!this.#plane.resume()) throw unfit("somebody else writes, or has written");
    this.#requireFeatures(changes);
    const step = planVmStep(this.#plane, this.#ground, changes);
    const present = this.#plane.table("vms4").size + this.#plane.table("vms6").size;
    if (!massDelete && step.removed * 2 > present) throw unfit(`${step.removed} of ${present} VMs would go`);
    const planned = performance.now();
    takeVmStep(this.#plane, this.#ground, step);
    const entries = this.#entries();
    this.#plane.rest();
    return { step, entries, planMs: planned - started, applyMs: performance.now() - planned };
  }

  /**
   * Leads packets to the next hops that the kernel has now, where those are others. Neighbours that are not known are asked for.
   * @returns names of the endpoints that moved; undefined: somebody else writes, or has written
   */
  async followUnderlay(): Promise<readonly string[] | undefined> {
    const resolved = await resolveNextHops(this.#addresses, { waitMs: 0, ask: true });
    const nextHops = keepLastGood(resolved, this.#nextHops, readInterfaces());
    const moved = new Map([...nextHops].filter(([name, hop]) => !sameNextHop(hop, this.#nextHops.get(name))));
    if (moved.size === 0) return [];
    if (!this.#plane.resume()) return undefined;
    moveNextHops(this.#plane, this.#indexes, moved);
    this.#plane.rest();
    this.#nextHops = nextHops;
    return [...moved.keys()];
  }

  #requireFeatures(changes: readonly VmPut[]): void {
    const needed = new Set(changes.flatMap(({ address, to }) => (to === undefined ? [] : featuresOfVm(address, to))));
    const [missing] = this.#plane.missing(needed);
    if (missing !== undefined) throw unfit(`the programs were loaded without ${featureText(missing)}`);
  }

  #entries(): ReadonlyMap<string, number> {
    return new Map((["vms4", "vms6", "members"] as const).map((name) => [name, this.#plane.table(name).size]));
  }

  close(): void {
    this.#plane.close();
  }
}

function unfit(cause: string): UnumError {
  return new UnumError("INTERNAL", `change VMs by themselves: ${cause}`);
}
