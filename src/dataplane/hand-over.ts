// A VNI that one tenant gives up and another takes in the same apply. Rows of both, side by side under one number, would show
// packets of the one to the other: so the old rows go first, all of them, and then the new ones come.

import type { State } from "../control/state.ts";
import type { Tenant } from "../model/index.ts";
import type { Layout, StructName } from "./layout.ts";
import type { Observed } from "./observe.ts";
import type { Entries } from "./rows.ts";
import { fromHex } from "./rows.ts";
import { packSlots } from "./slots.ts";
import { vniNumber } from "./vni.ts";

/**
 * The desired state without the tenants that take over a VNI, while rows of another tenant, or of one that a killed writer left
 * behind, still have it: no packet may find its own tenant's half of the rows and another's. Undefined: there are none.
 */
export function beforeHandOver(layout: Layout, state: State, observed: Observed): State | undefined {
  const { model } = state;
  const before = observed.state?.model.tenants ?? new Map<string, Tenant>();
  const newcomers = [...model.tenants].filter(([name, { vni }]) => {
    return before.get(name)?.vni !== vni || [...before].some(([other, old]) => other !== name && old.vni === vni);
  });
  if (newcomers.length === 0) return undefined;
  const used = usedNetworks(layout, observed);
  const takers = new Set(newcomers.filter(([, { vni }]) => used.has(vni)).map(([name]) => name));
  if (takers.size === 0) return undefined;
  const tenants = new Map([...model.tenants].filter(([name]) => !takers.has(name)));
  return { ...state, model: { ...model, tenants } };
}

/** VNIs of all rows by which a packet could come in, or find its way. */
function usedNetworks(layout: Layout, { rows, vms, retired }: Observed): ReadonlySet<number> {
  const used = new Set<number>();
  const vniAt = (struct: StructName): number =>
    layout.codec(struct).fields.find(({ name }) => name === "vni")?.offset ?? 0;
  const addSlots = (struct: StructName, slots: Uint8Array): void => {
    const step = layout.codec(struct).size;
    // There may be millions, and neighbours are often of one network.
    for (let at = vniAt(struct), last = -1; at < slots.length; at += step) {
      const vni = vniNumber(slots, at);
      if (vni !== last) used.add(vni);
      last = vni;
    }
  };
  /** Of those whose keys have it. */
  const addKeys = (struct: StructName, entries: Entries): void => {
    for (const key of entries.keys()) used.add(vniNumber(fromHex(key), vniAt(struct)));
  };
  addSlots("vm4_slot", vms.vms4);
  addSlots("vm6_slot", vms.vms6);
  addKeys("member_slot", rows.members);
  addKeys("member_slot", retired);
  addKeys("route4_key", rows.routes4);
  addKeys("route6_key", rows.routes6);
  addSlots("attachment_slot", packSlots(rows.attachments));
  for (const { word } of rows.tenants.values()) used.add(vniNumber(word, vniAt("tenant")));
  return used;
}
