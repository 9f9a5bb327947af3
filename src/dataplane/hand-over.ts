// A VNI that one tenant gives up and another takes in the same apply. Rows of both, side by side under one number, would show
// packets of the one to the other: so the old rows go first, all of them, and then the new ones come.

import { SLOT_BYTES } from "../bpf/bucket-table.ts";
import type { State } from "../control/state.ts";
import type { Tenant } from "../model/index.ts";
import type { Layout, StructName } from "./layout.ts";
import type { Observed } from "./observe.ts";
import { fromHex, packWords } from "./rows.ts";

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
  const add = (bytes: Uint8Array, at: number): void => {
    used.add(((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number));
  };
  const vniOf = (struct: StructName): number =>
    layout.codec(struct).fields.find(({ name }) => name === "vni")?.offset ?? 0;
  const addAll = (struct: StructName, slots: Uint8Array): void => {
    for (let at = vniOf(struct); at < slots.length; at += SLOT_BYTES) add(slots, at);
  };
  addAll("vm4_slot", vms);
  addAll("member_slot", packWords(rows.members, rows.members.size));
  addAll("member_slot", packWords(retired, retired.size));
  addAll("attachment_slot", packWords(rows.attachments, rows.attachments.size));
  for (const key of rows.routes.keys()) add(fromHex(key), vniOf("route4_key"));
  for (const row of rows.tenants.values()) add(row, vniOf("tenant"));
  return used;
}
