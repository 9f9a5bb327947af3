// Desired and observed rows → what is to be written. Decides everything, writes nothing: whoever plans may throw the plan away.

import type { SlotDifference } from "../bpf/bucket-table.ts";
import { slotDifference } from "../bpf/bucket-table.ts";
import type { State } from "../control/state.ts";
import { compileRows, vmSlots } from "./compile.ts";
import { beforeHandOver } from "./hand-over.ts";
import type { Indexes } from "./indexes.ts";
import { allocateIndexes } from "./indexes.ts";
import type { Observed } from "./observe.ts";
import type { Plane } from "./plane.ts";
import { requireRoom } from "./room.ts";
import type { Difference, Rows, WordAndRecord } from "./rows.ts";
import { bytesEqual, difference, wordAndRecordEqual } from "./rows.ts";
import { keyWords, slotBytes } from "./tables.ts";
import type { VmTable } from "./vm-shape.ts";
import { VM_TABLES } from "./vm-shape.ts";

type Elements = Difference<number, Uint8Array>;
type Objects = Difference<number, WordAndRecord>;
type Entries = Difference<string, Uint8Array>;

/** Slots of the VM tables to put and to delete. */
export type VmWrites = Readonly<Record<VmTable, SlotDifference & { readonly slotBytes: number }>>;

/** What is to be written: per map, in no order yet. Data; nothing has happened. */
export interface Writes {
  readonly state: State;
  /** What comes before, when a VNI changes hands: nothing of its old owner is left when the new one takes it. */
  readonly handOver: Writes | undefined;
  readonly desired: Rows;
  readonly indexes: Indexes;
  readonly edge: boolean;
  readonly profiles: Elements;
  readonly profileLimits: Elements;
  readonly profileDetails: Elements;
  readonly tenants: Objects;
  readonly tenantLimits: Elements;
  readonly tenantDetails: Elements;
  readonly endpoints: Objects;
  readonly circuits: Objects;
  readonly groups: Elements;
  readonly routes4: Entries;
  readonly routes6: Entries;
  readonly attachments: Entries;
  readonly services4: Entries;
  readonly services6: Entries;
  readonly sources4: Entries;
  readonly sources6: Entries;
  readonly members: Entries;
  readonly egress: Difference<number, true>;
  readonly names: Difference<string, string>;
  readonly vms: VmWrites;
}

/**
 * What would make the maps equal to `state`. Pure but for reading sizes of maps.
 * @throws UnumError TABLE_FULL, INTERFACE_MISSING
 */
export function planWrites(plane: Plane, state: State, observed: Observed): Writes {
  const { layout } = plane;
  const entries = (map: string): number => plane.map(map).info.maxEntries;
  const indexes = allocateIndexes(state.model, observed.indexes, {
    profile: entries("profiles"),
    endpoint: entries("endpoints"),
    tenant: entries("tenants"),
    circuit: entries("circuits"),
  });
  const desired = compileRows(layout, {
    state,
    indexes,
    endpointStates: observed.endpointStates,
    groups: observed.rows.groups,
    groupEntries: entries("route_groups"),
  });
  const vms = vmSlots(layout, state.model.tenants.values(), indexes);
  const have = observed.rows;
  // A circuit may wait for an interface that went away: the kernel has taken that out of the map already.
  const present = (ifindexes: ReadonlySet<number>) =>
    new Map(
      [...ifindexes].filter((ifindex) => observed.ifindexes.has(ifindex)).map((ifindex) => [ifindex, true] as const),
    );
  const ofBytes = <K extends number | string>(want: ReadonlyMap<K, Uint8Array>, has: ReadonlyMap<K, Uint8Array>) =>
    difference(want, has, bytesEqual);
  const ofVms = (table: VmTable) => ({
    ...slotDifference(vms[table], observed.vms[table], keyWords(layout, table)),
    slotBytes: slotBytes(layout, table),
  });
  const handOver = beforeHandOver(layout, state, observed);
  const writes: Writes = {
    state,
    handOver: handOver && planWrites(plane, handOver, observed),
    desired,
    indexes,
    edge: !bytesEqual(desired.edge, have.edge),
    profiles: ofBytes(desired.profiles, have.profiles),
    profileLimits: ofBytes(desired.profileLimits, have.profileLimits),
    profileDetails: ofBytes(desired.profileDetails, have.profileDetails),
    tenants: difference(desired.tenants, have.tenants, wordAndRecordEqual),
    tenantLimits: ofBytes(desired.tenantLimits, have.tenantLimits),
    tenantDetails: ofBytes(desired.tenantDetails, have.tenantDetails),
    endpoints: difference(desired.endpoints, have.endpoints, wordAndRecordEqual),
    circuits: difference(desired.circuits, have.circuits, wordAndRecordEqual),
    groups: ofBytes(desired.groups, have.groups),
    routes4: ofBytes(desired.routes4, have.routes4),
    routes6: ofBytes(desired.routes6, have.routes6),
    attachments: ofBytes(desired.attachments, have.attachments),
    services4: ofBytes(desired.services4, have.services4),
    services6: ofBytes(desired.services6, have.services6),
    sources4: ofBytes(desired.sources4, have.sources4),
    sources6: ofBytes(desired.sources6, have.sources6),
    members: ofBytes(desired.members, have.members),
    egress: difference(present(desired.egress), present(have.egress)),
    names: difference(desired.names, have.names),
    vms: { vms4: ofVms("vms4"), vms6: ofVms("vms6") },
  };
  requireRoom(plane, writes, observed, vms);
  return writes;
}

const ROW_FIELDS = [
  "profiles",
  "profileLimits",
  "profileDetails",
  "tenants",
  "tenantLimits",
  "tenantDetails",
  "endpoints",
  "circuits",
  "groups",
  "routes4",
  "routes6",
  "attachments",
  "services4",
  "services6",
  "sources4",
  "sources6",
  "members",
  "egress",
  "names",
] as const satisfies readonly (keyof Writes)[];

/** Rows that writes would put or delete; 0: the maps are right. */
export function writeCount(writes: Writes): number {
  let count = writes.edge ? 1 : 0;
  for (const field of ROW_FIELDS) count += writes[field].puts.length + writes[field].deletes.length;
  for (const table of VM_TABLES) {
    const { puts, removed, slotBytes: bytes } = writes.vms[table];
    count += (puts.length + removed.length) / bytes;
  }
  return count;
}

export function hasDeletes(writes: Writes): boolean {
  if (VM_TABLES.some((table) => writes.vms[table].removed.length > 0)) return true;
  return ROW_FIELDS.some((field) => writes[field].deletes.length > 0);
}
