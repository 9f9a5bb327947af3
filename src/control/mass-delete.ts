// Whether a change takes away so much that it is more likely a mistake: a file cut short, a query that found nothing, the
// document of another edge. Pure.

import type { Model } from "../model/index.ts";
import { countVms } from "../model/index.ts";
import type { ObjectKind, Summary } from "./plan.ts";

/** Objects of a kind that would go, when they are more than half of those that there are. */
export interface MassDelete {
  readonly kind: ObjectKind;
  readonly removed: number;
  readonly present: number;
}

/** Kinds whose loss takes packets away. Profiles do not go without their endpoints, ports are few. */
const GUARDED = ["server", "gateway", "tenant", "circuit", "route", "vm"] as const;

function presentOf(model: Model): Readonly<Record<(typeof GUARDED)[number], number>> {
  const tenants = [...model.tenants.values()];
  const sum = (of: (tenant: (typeof tenants)[number]) => number) =>
    tenants.reduce((total, tenant) => total + of(tenant), 0);
  const { vms, vms6 } = countVms(model);
  return {
    server: model.servers.size,
    gateway: model.gateways.size,
    tenant: model.tenants.size,
    circuit: sum(({ circuits }) => circuits.size),
    route: sum(({ routes }) => routes.size),
    vm: vms + vms6,
  };
}

/** By kind, what would lose more than half. */
export function massDeletes(observed: Model | undefined, { kinds }: Summary): readonly MassDelete[] {
  if (observed === undefined) return [];
  const all = presentOf(observed);
  return GUARDED.map((kind) => ({ kind, removed: kinds.get(kind)?.removed ?? 0, present: all[kind] })).filter(
    ({ removed, present }) => removed * 2 > present,
  );
}
