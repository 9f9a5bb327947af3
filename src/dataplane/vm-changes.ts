// Slots that differ → VMs that differ, as plans tell of them: work for the change, and none for VMs that stay.

import type { VmDifference } from "../control/vm-difference.ts";
import { differTenant, VmDifferences } from "../control/vm-difference.ts";
import type { Model, Vm } from "../model/index.ts";
import { recordVm } from "../model/index.ts";
import type { Indexes } from "./indexes.ts";
import type { Layout } from "./layout.ts";
import type { Observed } from "./observe.ts";
import { VmSlotReader } from "./vm-reader.ts";
import type { VmTable } from "./vm-shape.ts";
import { VM_TABLES } from "./vm-shape.ts";
import type { VmWrites } from "./writes.ts";

/** Indexes of endpoints → names: those of desired slots, and those of observed ones. */
interface EndpointNames {
  readonly desired: ReadonlyMap<number, string>;
  readonly observed: ReadonlyMap<number, string>;
}

const inverted = (indexes: Indexes): ReadonlyMap<number, string> =>
  new Map([...indexes.endpoint].map(([name, index]) => [index, name]));

/** What `writes` changes about VMs: what {@link differVms} says of the two models, without reading the observed VMs. */
export function vmDifference(
  layout: Layout,
  desired: Model,
  { indexes, vms }: { readonly indexes: Indexes; readonly vms: VmWrites },
  observed: Observed,
): VmDifference {
  const before = observed.state?.model;
  const differences = new VmDifferences();
  /** Tenants that keep their VNI: a slot of it is the same tenant's before and after. */
  const kept = new Map<number, string>();
  for (const [name, { vni, vms: wanted }] of desired.tenants) {
    const old = before?.tenants.get(name);
    if (old?.vni === vni) kept.set(vni, name);
    else differTenant(differences, name, wanted, old?.vms);
  }
  // Whoever touches the VMs of an observed tenant has all of them read.
  for (const [name, old] of before?.tenants ?? []) {
    if (!desired.tenants.has(name)) differTenant(differences, name, undefined, old.vms);
  }
  const names: EndpointNames = { desired: inverted(indexes), observed: inverted(observed.indexes) };
  for (const table of VM_TABLES) differTable(differences, new VmSlotReader(layout, table), vms[table], kept, names);
  return differences.result;
}

function differTable(
  differences: VmDifferences,
  reader: VmSlotReader,
  { puts, replaced, removed }: VmWrites[VmTable],
  kept: ReadonlyMap<number, string>,
  names: EndpointNames,
): void {
  const { slotBytes } = reader.shape;
  const keyBytes = slotBytes - 8;
  // Slots that a put replaces are in the order of the puts.
  let old = 0;
  for (let at = 0; at < puts.length; at += slotBytes) {
    const replaces = old < replaced.length && sameBytes(puts, at, replaced, old, keyBytes);
    const from = replaces ? old : -1;
    if (replaces) old += slotBytes;
    const tenant = kept.get(reader.vni(puts, at));
    if (tenant === undefined) continue;
    // A slot whose endpoint nobody knows is no VM that anybody could have seen.
    const known = from >= 0 && names.observed.has(reader.endpoint(replaced, from));
    differences.add(tenant, known ? "changed" : "added", () => ({
      tenant,
      address: reader.address(puts, at),
      from: known ? vmAt(reader, replaced, from, names.observed) : undefined,
      to: vmAt(reader, puts, at, names.desired),
    }));
  }
  for (let at = 0; at < removed.length; at += slotBytes) {
    const tenant = kept.get(reader.vni(removed, at));
    if (tenant === undefined || !names.observed.has(reader.endpoint(removed, at))) continue;
    differences.add(tenant, "removed", () => ({
      tenant,
      address: reader.address(removed, at),
      from: vmAt(reader, removed, at, names.observed),
      to: undefined,
    }));
  }
}

function sameBytes(a: Uint8Array, at: number, b: Uint8Array, from: number, length: number): boolean {
  for (let n = 0; n < length; n++) if (a[at + n] !== b[from + n]) return false;
  return true;
}

/** The VM that a slot is, on a server that has a name. */
function vmAt(reader: VmSlotReader, slots: Uint8Array, at: number, names: ReadonlyMap<number, string>): Vm {
  reader.read(slots, at);
  return recordVm(reader.record, reader.shape.addressWords, names.get(reader.endpoint(slots, at)) as string);
}
