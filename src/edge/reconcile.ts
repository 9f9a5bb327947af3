// One edge as a whole: desired model → what this machine adds → plan → apply. The CLI and whatever else brings desired state
// to an edge come through here.

import type { InterfaceAddress, InterfaceAddress6, IpAddress } from "../address/index.ts";
import { prefixAddress } from "../address/index.ts";
import type { Change } from "../control/plan.ts";
import { planChanges } from "../control/plan.ts";
import type { Interface, NextHop, State } from "../control/state.ts";
import type { VmDifference } from "../control/vm-difference.ts";
import { differVms } from "../control/vm-difference.ts";
import type { Feature, LearnedPeer, LoadOptions, Observed, Plane, PortAction, Writes } from "../dataplane/index.ts";
import {
  carryOut,
  detachPort,
  featureText,
  neededFeatures,
  observe,
  observePorts,
  planWrites,
  readLearnedPeers,
  vmDifference,
  writeCount,
} from "../dataplane/index.ts";
import { causeText, UnumError } from "../errors.ts";
import type { Circuit, Edge, Model, VmCapacity } from "../model/index.ts";
import { capacityFor, countVms } from "../model/index.ts";
import { askPeer, hasAddress, readInterfaces, resolveNextHops } from "../netlink/index.ts";
import type { AttachedPort } from "./attach.ts";
import { attachProven, portNotices } from "./attach.ts";
import { endpointAddresses, keepLastGood, sameNextHop } from "./hops.ts";

export { endpointAddresses };

export interface PlanOptions {
  /** How long neighbours that are not known may take to answer. */
  readonly resolveMs: number;
  /** Whether they are asked although nobody waits for them. */
  readonly ask?: boolean;
}

export interface EdgePlan {
  readonly state: State;
  readonly observed: Observed;
  /** What the operator changes. VMs are among it as long as they are few. */
  readonly changes: readonly Change[];
  /** What it changes about VMs, however many. */
  readonly vms: VmDifference;
  /** Endpoints whose next hop is not what the maps hold. */
  readonly nextHops: readonly NextHopChange[];
  readonly writes: Writes;
  /** Rows to write; 0 when the maps are right. */
  readonly rows: number;
  /** Why the programs are to be exchanged, a line each; empty when they stay. */
  readonly programs: readonly string[];
  /** Parts of the packet path that the model uses. */
  readonly features: ReadonlySet<Feature>;
  readonly notices: readonly string[];
}

export interface NextHopChange {
  readonly endpoint: string;
  readonly from: NextHop | undefined;
  readonly to: NextHop | undefined;
}

export interface PortChange extends Omit<AttachedPort, "action"> {
  readonly action: PortAction | "detached";
}

export interface Applied {
  readonly plan: EdgePlan;
  readonly ports: readonly PortChange[];
  readonly notices: readonly string[];
  /** Ports that could not be attached, where all else was done. */
  readonly failure: unknown;
}

/** Next hops that the maps have for endpoints that keep their address. */
function lastHops(model: Model, { state }: Observed): ReadonlyMap<string, NextHop> {
  const last = new Map<string, NextHop>();
  if (state === undefined) return last;
  const before = endpointAddresses(state.model);
  for (const [name, address] of endpointAddresses(model)) {
    const hop = state.nextHops.get(name);
    if (hop !== undefined && before.get(name) === address) last.set(name, hop);
  }
  return last;
}

/** A NIC that went away keeps nobody from changing the rest: circuits on it stay as they were until it is back. */
function withGone(present: ReadonlyMap<string, Interface>, observed: Observed): ReadonlyMap<string, Interface> {
  return new Map([...(observed.state?.interfaces ?? []), ...present]);
}

/** The model with the sizes that the VM tables shall have, which depend on those they have. */
function sized(model: Model, made: VmCapacity | undefined): Model {
  const { vms: vmCapacity, vms6: vm6Capacity } = capacityFor(model.edge, countVms(model), made);
  return { ...model, edge: { ...model.edge, vmCapacity, vm6Capacity } };
}

/** Tables that are made anew, a line each. */
function tableReasons(plane: Plane, { vmCapacity, vm6Capacity }: Edge): string[] {
  const { vms, vms6 } = plane.capacity;
  const reasons: string[] = [];
  for (const [what, from, to] of [
    ["VMs", vms, vmCapacity],
    ["IPv6 VMs", vms6, vm6Capacity],
  ] as const)
    if (from !== to) reasons.push(`the table of ${what} is copied into one for ${to}, it was made for ${from}`);
  return reasons;
}

/** Why the loaded programs will not do. */
function programReasons(plane: Plane, features: ReadonlySet<Feature>, edge: Edge): string[] {
  const reasons = plane.missing(features).map((feature) => `${featureText(feature)}: used for the first time`);
  if (plane.outdated) reasons.unshift("they are of another build");
  return [...reasons, ...tableReasons(plane, edge)];
}

/** What tables and programs that do not exist yet are made for. */
export function loadOptionsOf(model: Model): LoadOptions {
  const { vmCapacity, vm6Capacity } = sized(model, undefined).edge;
  return { vmCapacity, vm6Capacity, features: neededFeatures(model) };
}

/** Own addresses that servers cannot find. */
function addressNotices({ edge }: Model): string[] {
  const notices: string[] = [];
  for (const [field, address] of [
    ["edge.address", edge.address],
    ["edge.address6", edge.address6],
  ] as const) {
    if (address === undefined || hasAddress(address)) continue;
    notices.push(`${field} ${address} is on no interface of this machine: servers will find nobody there`);
  }
  return notices;
}

/** Compares a model with what the maps hold. Changes nothing but, for unknown neighbours, asks the underlay. */
export async function planEdge(plane: Plane, desired: Model, options: PlanOptions): Promise<EdgePlan> {
  return planFrom(plane, observe(plane), desired, options);
}

/**
 * What keeps up a state that the maps hold: next hops as they are now, ports whose NIC was made again. Undefined: they hold none.
 * Ports without a NIC are no part of it.
 */
export async function planUpkeep(plane: Plane, options: PlanOptions): Promise<EdgePlan | undefined> {
  const observed = observe(plane);
  if (observed.state === undefined) return undefined;
  const { model } = observed.state;
  const present = readInterfaces();
  const ports = observePorts(plane).filter((port) => present.has(port.name));
  const interfaces = ports.map(({ name, role, mode }) => ({ name, role, mode }));
  return planFrom(plane, observed, { ...model, edge: { ...model.edge, interfaces } }, options);
}

async function planFrom(
  plane: Plane,
  observed: Observed,
  desired: Model,
  { resolveMs, ask }: PlanOptions,
): Promise<EdgePlan> {
  const model = sized(desired, plane.capacity);
  const present = readInterfaces();
  const interfaces = withGone(present, observed);
  const endpoints = endpointAddresses(model);
  const resolved = await resolveNextHops(endpoints, { waitMs: resolveMs, ...(ask === undefined ? {} : { ask }) });
  const last = lastHops(model, observed);
  const nextHops = keepLastGood(resolved, last, present);
  const state: State = { model, interfaces, nextHops };
  const writes = planWrites(plane, state, observed);

  const vms = vmDifference(plane.layout, model, writes, observed);

  const features = neededFeatures(model);
  const notices = addressNotices(model);
  for (const name of interfaces.keys()) {
    if (!present.has(name))
      notices.push(`interface ${name} is gone: circuits on it stay as they were; apply again when it is back`);
  }
  const moved: NextHopChange[] = [];
  for (const name of endpoints.keys()) {
    const [from, to] = [observed.state?.nextHops.get(name), nextHops.get(name)];
    if (!sameNextHop(from, to)) moved.push({ endpoint: name, from, to });
    if (to === undefined)
      notices.push(
        `${name} ${endpoints.get(name)} is not resolved: there is no route, or its neighbour does not answer`,
      );
  }
  return {
    state,
    observed,
    changes: planChanges(withPortsOf(model, observed), observed.state?.model, vms),
    vms,
    nextHops: moved,
    writes,
    rows: writeCount(writes),
    programs: programReasons(plane, features, model.edge),
    features,
    notices,
  };
}

/** A document that lists no ports leaves them as they are. */
function withPortsOf(model: Model, observed: Observed): Model {
  const ports = observed.state?.model.edge.interfaces;
  if (model.edge.interfaces.length > 0 || ports === undefined) return model;
  return { ...model, edge: { ...model.edge, interfaces: ports } };
}

/** What apply would make where there is nothing yet. */
export function planFresh(desired: Model): Pick<EdgePlan, "changes" | "vms"> {
  const model = sized(desired, undefined);
  const vms = differVms(model, undefined);
  return { changes: planChanges(model, undefined, vms), vms };
}

/** True when applying would change nothing. */
export function isEmpty(plan: EdgePlan): boolean {
  return plan.changes.length === 0 && plan.vms.counts.size === 0 && plan.rows === 0 && plan.programs.length === 0;
}

/**
 * Carries a plan out, and attaches ports. The plan was made by this writer, which held the lock ever since.
 * @param detach false: ports that the model does not have stay
 */
export function applyEdge(plane: Plane, plan: EdgePlan, { detach = true } = {}): Applied {
  const { model } = plan.state;
  // Rows come after the programs that understand them. What VMs are in use is only read when it matters.
  const { vmCapacity: vms, vm6Capacity: vms6 } = model.edge;
  if (plan.programs.length > 0) {
    const inUse = plan.observed.state && neededFeatures(plan.observed.state.model);
    plane.require(plan.features, inUse ?? new Set(), { vms, vms6 });
  }
  carryOut(plane, plan.writes, plan.observed);
  const { ports, failure } = applyPorts(plane, model, detach);
  const notices = [
    ...plan.notices,
    ...plan.programs.map((why) => `programs: exchanged in place, no packet was lost to it: ${why}`),
  ];
  if (plane.upgraded) notices.push("the programs were of another build: exchanged in place, no packet was lost to it");
  for (const port of ports)
    if (port.action !== "detached") notices.push(...portNotices({ ...port, action: port.action }));
  notices.push(...askPeers(plane, plan));
  return { plan, ports, notices, failure };
}

/** A peer that was not heard for so long is asked whether it still has its MAC. */
const REFRESH_SECONDS = 600;

/** Own address and peer of each family of a circuit, and what is known of the peer. */
function peersOf(circuit: Circuit, learned: LearnedPeer | undefined) {
  return [
    { address: circuit.address, peer: circuit.peer, heard: learned?.heardSecondsAgo },
    { address: circuit.address6, peer: circuit.peer6, heard: learned?.heard6SecondsAgo },
  ] as readonly {
    readonly address: InterfaceAddress | InterfaceAddress6 | undefined;
    readonly peer: IpAddress | undefined;
    readonly heard: number | undefined;
  }[];
}

/**
 * Asks for the peers whose MAC is not known yet, so that not even the first packet to them has to wait, and for those that were
 * silent for long.
 */
function askPeers(plane: Plane, { state, writes }: EdgePlan): string[] {
  const { model, interfaces } = state;
  const learned = readLearnedPeers(plane, writes.indexes);
  const notices: string[] = [];
  for (const [tenantName, tenant] of model.tenants) {
    for (const [name, circuit] of tenant.circuits) {
      const port = interfaces.get(circuit.interface);
      if (circuit.peerMac !== undefined || port === undefined) continue;
      for (const { address, peer, heard } of peersOf(circuit, learned.get(`${tenantName}/${name}`))) {
        if (address === undefined || peer === undefined) continue;
        if (heard !== undefined && heard < REFRESH_SECONDS) continue;
        try {
          askPeer({ ...port, tags: circuit, address: prefixAddress(address), peer });
        } catch (thrown) {
          notices.push(`circuit ${tenantName}/${name}: ${peer} could not be asked for its MAC: ${causeText(thrown)}`);
        }
      }
    }
  }
  return notices;
}

/**
 * Ports after maps: the first packet finds everything. A document that lists no ports leaves them alone. One that cannot be
 * attached keeps no other from it.
 */
function applyPorts(plane: Plane, model: Model, detach: boolean): Pick<Applied, "ports" | "failure"> {
  const wanted = model.edge.interfaces;
  if (wanted.length === 0) return { ports: [], failure: undefined };
  const changes: PortChange[] = [];
  const failures: unknown[] = [];
  for (const config of wanted) {
    try {
      changes.push(attachProven(plane, config, model));
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  for (const { name } of detach ? observePorts(plane) : []) {
    if (wanted.some((config) => config.name === name)) continue;
    if (detachPort(plane.pins, name)) changes.push({ name, action: "detached", faults: [] });
  }
  return { ports: changes, failure: failures.length > 0 ? portFailure(failures) : undefined };
}

/** The first failure, with what was done all the same. */
function portFailure(failures: readonly unknown[]): unknown {
  const [first] = failures;
  if (!(first instanceof UnumError)) return first;
  const others = failures.slice(1).map((failure) => `; ${causeText(failure)}`);
  return new UnumError(
    first.code,
    `${first.message}${others.join("")}; the tables and all other ports are as the document says`,
    {
      remedy: first.remedy,
      cause: first,
    },
  );
}
