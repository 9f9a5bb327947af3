// What differs between two states, as data. Pure: the same two models give the same plan, whatever the order of their
// maps. Changes come in the order in which they are made (docs/architecture.md): puts from what is referred to towards
// what refers to it, then removes the other way round.

import type { IpAddress, IpPrefix } from "../address/index.ts";
import { compareIp, comparePrefix } from "../address/index.ts";
import type { Model } from "../model/index.ts";
import type { Fields } from "./fields.ts";
import * as fieldsOf from "./fields.ts";

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

/** What to do so that `observed` becomes `desired`; an absent observed state holds nothing. */
export function planChanges(desired: Model, observed: Model | undefined): readonly Change[] {
  const puts: Change[] = [];
  const removes: Change[] = [];
  const tenants = [...new Set([...desired.tenants.keys(), ...(observed?.tenants.keys() ?? [])])].sort(compareNames);

  /** Objects of one kind, of one tenant or of none. */
  function differ<K extends string, T>(kind: ObjectKind, parts: Difference<K, T>): void {
    const present = parts.present ?? new Map<K, T>();
    const found: { key: K; action: Action; fields: readonly FieldChange[] }[] = [];
    for (const [key, object] of parts.wanted ?? []) {
      const old = present.get(key);
      if (old === object || (old !== undefined && parts.same?.(old, object))) continue;
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
  for (const tenant of tenants) {
    const [wanted, present] = [desired.tenants.get(tenant), observed?.tenants.get(tenant)];
    const vms = { wanted: wanted?.vms, present: present?.vms };
    // There may be millions, nearly all of them unchanged.
    const same = (a: fieldsOf.Vm, b: fieldsOf.Vm): boolean =>
      a.server === b.server && a.mac === b.mac && a.policy === b.policy;
    differ<IpAddress, fieldsOf.Vm>("vm", { tenant, ...vms, fields: fieldsOf.vm, same, compare: compareIp });
  }
  differ("port", { wanted: portsOf(desired), present: portsOf(observed), fields: fieldsOf.port });
  return Object.freeze([...puts, ...removes.reverse()]);
}

interface Difference<K extends string, T> {
  readonly tenant?: string;
  readonly wanted: ReadonlyMap<K, T> | undefined;
  readonly present: ReadonlyMap<K, T> | undefined;
  /** Every field that a change can change. */
  readonly fields: (object: T) => Fields;
  /** Shortcut for objects that are equal. */
  readonly same?: (a: T, b: T) => boolean;
  readonly compare?: (a: K, b: K) => number;
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

export interface Summary {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** By kind, for those that have changes. */
  readonly kinds: ReadonlyMap<
    ObjectKind,
    { readonly added: number; readonly changed: number; readonly removed: number }
  >;
}

/** How many changes there are, of all objects and of each kind. */
export function summarise(changes: readonly Change[]): Summary {
  const total = { added: 0, changed: 0, removed: 0 };
  const kinds = new Map<ObjectKind, typeof total>();
  for (const { action, kind } of changes) {
    const counts = kinds.get(kind) ?? { added: 0, changed: 0, removed: 0 };
    kinds.set(kind, counts);
    const word = action === "add" ? "added" : action === "change" ? "changed" : "removed";
    counts[word]++;
    total[word]++;
  }
  return { ...total, kinds };
}
