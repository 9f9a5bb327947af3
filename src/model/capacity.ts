// How many VMs the VM tables are made for: at least what the document says, more when there are more VMs, up to a limit.

import { DEFAULT_VM_CAPACITY_MAX, DEFAULT_VM6_CAPACITY_MAX } from "./limits.ts";
import type { Edge, Model } from "./types.ts";

/** VMs of each family. */
export interface VmCapacity {
  readonly vms: number;
  readonly vms6: number;
}

/** VMs of all tenants together. */
export function countVms({ tenants }: Pick<Model, "tenants">): VmCapacity {
  let [vms, vms6] = [0, 0];
  for (const tenant of tenants.values()) {
    vms += tenant.vms.packed4.count;
    vms6 += tenant.vms.packed6.count;
  }
  return { vms, vms6 };
}

/** What the tables may grow to by themselves. */
export function capacityMax({ vmCapacity, vmCapacityMax, vm6Capacity, vm6CapacityMax }: Edge): VmCapacity {
  return {
    vms: vmCapacityMax ?? Math.max(DEFAULT_VM_CAPACITY_MAX, vmCapacity),
    vms6: vm6CapacityMax ?? Math.max(DEFAULT_VM6_CAPACITY_MAX, vm6Capacity),
  };
}

/** Doubled rather than fitted: the next VM would make the next table. */
function grown(from: number, needed: number, max: number): number {
  let capacity = from;
  while (capacity < needed) capacity *= 2;
  return Math.min(capacity, max);
}

/**
 * What the tables of an edge are to be made for. Those that exist and are larger than the document asks for stay as they are,
 * while they are within the limit.
 * @param needed VMs there are; more than the limit do not fit whatever this returns
 * @param made what the tables that exist were made for
 */
export function capacityFor(edge: Edge, needed: VmCapacity, made?: VmCapacity): VmCapacity {
  const max = capacityMax(edge);
  const of = (table: keyof VmCapacity, asked: number): number =>
    grown(Math.min(Math.max(asked, made?.[table] ?? 0), max[table]), needed[table], max[table]);
  return { vms: of("vms", edge.vmCapacity), vms6: of("vms6", edge.vm6Capacity) };
}
