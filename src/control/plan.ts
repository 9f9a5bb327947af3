// What differs between two states, as data. Pure: the same two models give the same plan, whatever the order of their
// maps. Changes come in the order in which they are made (docs/architecture.md): puts from what is referred to towards
// what refers to it, then removes the other way round.

import type { IpPrefix } from "../address/index.ts";
import { compareIp, comparePrefix } from "../address/index.ts";
import type { Model } from "../model/index.ts";
import type { Fields } from "./fields.ts";
import * as fieldsOf from "./fields.ts";
import type { VmChange, VmCounts, VmDifference } from "./vm-difference.ts";
import { differVms } from "./vm-difference.ts";

export type ObjectKind = "edge" | "profile" | "server" | "gateway" | "tenant" | "circuit" | "route" | "vm" | "port";
export type Action = "add" | "change" | "remove";

/** One field, as texts to read: undefined where there is none. */
export interface FieldChange {
  readonly field: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

export interface Change {
  readonly action: Action;
  readonly kind: ObjectKind;
  /** Of circuits, routes and VMs. */
  readonly tenant?: string;
  /** Name, prefix or address; of the edge, "edge". */
  readonly name: string;
  /** What a change changes, and what an added or removed object holds. */
  readonly fields?: readonly FieldChange[];
}

/**
 * What to do so that `observed` becomes `desired`; an absent observed state holds nothing.
 * @param vms what differs between their VMs, from who has found out by comparing tables; changes are of those that it lists
 */
export function planChanges(
  desired: Model,
  observed: Model | undefined,
  vms: VmDifference = differVms(desired, observed),
): readonly Change[] {
  const puts: Change[] = [];
  const removes: Change[] = [];
  const tenants = [...new Set([...desired.tenants.keys(), ...(observed?.tenants.keys() ?? [])])].sort(compareNames);

  /** Objects of one kind, of one tenant or of none. */
  function differ<K extends string, T>(kind: ObjectKind, parts: Difference<K, T>): void {
    const present = parts.present ?? new Map<K, T>();
    const found: { key: K; action: Action; fields: readonly FieldChange[] }[] = [];
    for (const [key, object] of parts.wanted ?? []) {
      const old = present.get(key);
      if (old === object) continue;
      const fields = fieldChanges(old === undefined ? {} : parts.fields(old), parts.fields(object));
      if (old === undefined) found.push({ key, action: "add", fields });
      else if (fields.length > 0) found.push({ key, action: "change", fields });
    }
    for (const [key, object] of present) {
      if (parts.wanted?.has(key)) continue;
      found.push({ key, action: "remove", fields: fieldChanges(parts.fields(object), {}) });
    }
    found.sort((a, b) => (parts.compare ?? compareNames)(a.key, b.key));
    for (const { key, action, fields } of found) {
      const tenant = parts.tenant === undefined ? {} : { tenant: parts.tenant };
      const held = fields.length === 0 ? {} : { fields };
      (action === "remove" ? removes : puts).push({ action, kind, ...tenant, name: key, ...held });
    }
  }

  const edgeOf = (model: Model | undefined) => new Map(model === undefined ? [] : [["edge", model.edge] as const]);
  const portsOf = (model: Model | undefined) =>
    new Map(model?.edge.interfaces.map((port) => [port.name, port] as const));

  differ("edge", { wanted: edgeOf(desired), present: edgeOf(observed), fields: fieldsOf.edge });
  differ("profile", { wanted: desired.profiles, present: observed?.profiles, fields: fieldsOf.profile });
  differ("server", { wanted: desired.servers, present: observed?.servers, fields: fieldsOf.server });
  differ("gateway", { wanted: desired.gateways, present: observed?.gateways, fields: fieldsOf.gateway });
  differ("tenant", { wanted: desired.tenants, present: observed?.tenants, fields: fieldsOf.tenant });
  for (const tenant of tenants) {
    const [wanted, present] = [desired.tenants.get(tenant), observed?.tenants.get(tenant)];
    const circuits = { wanted: wanted?.circuits, present: present?.circuits };
    differ("circuit", { tenant, ...circuits, fields: fieldsOf.circuit });
  }
  for (const tenant of tenants) {
    const [wanted, present] = [desired.tenants.get(tenant), observed?.tenants.get(tenant)];
    const routes = { wanted: wanted?.routes, present: present?.routes };
    differ<IpPrefix, fieldsOf.Route>("route", { tenant, ...routes, fields: fieldsOf.route, compare: comparePrefix });
  }
  for (const change of vmChanges(vms.changes)) (change.action === "remove" ? removes : puts).push(change);
  differ("port", { wanted: portsOf(desired), present: portsOf(observed), fields: fieldsOf.port });
  return Object.freeze([...puts, ...removes.reverse()]);
}

interface Difference<K extends string, T> {
  readonly tenant?: string;
  readonly wanted: ReadonlyMap<K, T> | undefined;
  readonly present: ReadonlyMap<K, T> | undefined;
  /** Every field that a change can change. */
  readonly fields: (object: T) => Fields;
  readonly compare?: (a: K, b: K) => number;
}

/** By tenant and address, each with what it changes. */
function vmChanges(differences: readonly VmChange[]): readonly Change[] {
  const sorted = [...differences].sort((a, b) => compareNames(a.tenant, b.tenant) || compareIp(a.address, b.address));
  return sorted.flatMap(({ tenant, address, from, to }): readonly Change[] => {
    const action = from === undefined ? "add" : to === undefined ? "remove" : "change";
    const fields = fieldChanges(from === undefined ? {} : fieldsOf.vm(from), to === undefined ? {} : fieldsOf.vm(to));
    return fields.length === 0 ? [] : [{ action, kind: "vm", tenant, name: address, fields }];
  });
}

/** By UTF-16 units, so that the order is the same in every locale. */
function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function fieldChanges(from: Fields, to: Fields): readonly FieldChange[] {
  const changes: FieldChange[] = [];
  for (const field in { ...from, ...to }) {
    if (from[field] !== to[field]) changes.push({ field, from: from[field], to: to[field] });
  }
  return changes;
}

export interface Summary extends VmCounts {
  /** By kind, for those that have changes. */
  readonly kinds: ReadonlyMap<ObjectKind, VmCounts>;
}

/** How many changes there are, of all objects and of each kind: those of VMs that are not listed included. */
export function summarise(changes: readonly Change[], vms?: VmDifference): Summary {
  const total = { added: 0, changed: 0, removed: 0 };
  const kinds = new Map<ObjectKind, typeof total>();
  const add = (kind: ObjectKind, word: keyof typeof total, many: number): void => {
    if (many === 0) return;
    const counts = kinds.get(kind) ?? { added: 0, changed: 0, removed: 0 };
    kinds.set(kind, counts);
    counts[word] += many;
    total[word] += many;
  };
  for (const { action, kind } of changes) {
    add(kind, action === "add" ? "added" : action === "change" ? "changed" : "removed", 1);
  }
  for (const counts of unlistedVms(vms).values()) {
    for (const word of ["added", "changed", "removed"] as const) add("vm", word, counts[word]);
  }
  return { ...total, kinds };
}

/** By tenant, the VMs of a difference that lists none of them because they are too many. */
export function unlistedVms(vms: VmDifference | undefined): VmDifference["counts"] {
  return vms === undefined || vms.changes.length > 0 ? new Map() : vms.counts;
}
