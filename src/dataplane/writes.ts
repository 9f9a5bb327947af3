// What is to be written, as data: the difference between the rows that a state needs and those that the maps hold.

import { SLOT_BYTES, WORD_BYTES } from "../bpf/bucket-table.ts";
import type { State } from "../control/state.ts";
import { UnumError } from "../errors.ts";
import { compileRows, vmCount, vmSlots } from "./compile.ts";
import { beforeHandOver } from "./hand-over.ts";
import type { Indexes } from "./indexes.ts";
import { allocateIndexes } from "./indexes.ts";
import type { Observed } from "./observe.ts";
import type { Plane } from "./plane.ts";
import type { Difference, Rows, WordAndRecord, Words } from "./rows.ts";
import { bytesEqual, difference, packKeys, wordAndRecordEqual } from "./rows.ts";

/** What is to be written: per map, in no order yet. Data; nothing has happened. */
export interface Writes {
  readonly state: State;
  /** What comes before, when a VNI changes hands: nothing of its old owner is left when the new one takes it. */
  readonly handOver: Writes | undefined;
  readonly desired: Rows;
  readonly indexes: Indexes;
  readonly edge: boolean;
  readonly profiles: Difference<number, Uint8Array>;
  readonly profileDetails: Difference<number, Uint8Array>;
  readonly tenants: Difference<number, Uint8Array>;
  readonly endpoints: Difference<number, WordAndRecord>;
  readonly circuits: Difference<number, WordAndRecord>;
  readonly groups: Difference<number, Uint8Array>;
  readonly routes: Difference<string, Uint8Array>;
  readonly attachments: Difference<bigint, bigint>;
  readonly services: Difference<bigint, bigint>;
  readonly sources: Difference<bigint, bigint>;
  readonly members: Difference<bigint, bigint>;
  readonly egress: Difference<number, true>;
  readonly names: Difference<string, string>;
  /** Slots to put, and the slots that they replace where the server changes. */
  readonly vmPuts: Uint8Array;
  readonly vmsMoved: Uint8Array;
  readonly vmDeletes: Uint8Array;
}

/** Differences of the VM table: what to put, the old slots of VMs that change their server, and keys to delete. */
function vmDifference(desired: Uint8Array, observed: Uint8Array): Pick<Writes, "vmPuts" | "vmsMoved" | "vmDeletes"> {
  const words = (bytes: Uint8Array) => new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  const [want, have] = [words(desired), words(observed)];
  const at = new Map<bigint, number>();
  for (let i = 0; i < have.length; i += 2) at.set(have[i] as bigint, i);
  const puts: number[] = [];
  const moved: number[] = [];
  for (let i = 0; i < want.length; i += 2) {
    const key = want[i] as bigint;
    const old = at.get(key);
    if (old === undefined) puts.push(i);
    else {
      if (have[old + 1] !== want[i + 1]) {
        puts.push(i);
        moved.push(old);
      }
      at.delete(key);
    }
  }
  const pick = (from: Uint8Array, indexes: readonly number[]): Uint8Array => {
    const picked = new Uint8Array(indexes.length * SLOT_BYTES);
    for (const [n, index] of indexes.entries())
      picked.set(from.subarray(index * 8, index * 8 + SLOT_BYTES), n * SLOT_BYTES);
    return picked;
  };
  return { vmPuts: pick(desired, puts), vmsMoved: pick(observed, moved), vmDeletes: packKeys([...at.keys()]) };
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
  const have = observed.rows;
  // A circuit may wait for an interface that went away: the kernel has taken that out of the map already.
  const present = (ifindexes: ReadonlySet<number>) =>
    new Map(
      [...ifindexes].filter((ifindex) => observed.ifindexes.has(ifindex)).map((ifindex) => [ifindex, true] as const),
    );
  const handOver = beforeHandOver(layout, state, observed);
  const writes: Writes = {
    state,
    handOver: handOver && planWrites(plane, handOver, observed),
    desired,
    indexes,
    edge: !bytesEqual(desired.edge, have.edge),
    profiles: difference(desired.profiles, have.profiles, bytesEqual),
    profileDetails: difference(desired.profileDetails, have.profileDetails, bytesEqual),
    tenants: difference(desired.tenants, have.tenants, bytesEqual),
    endpoints: difference(desired.endpoints, have.endpoints, wordAndRecordEqual),
    circuits: difference(desired.circuits, have.circuits, wordAndRecordEqual),
    groups: difference(desired.groups, have.groups, bytesEqual),
    routes: difference(desired.routes, have.routes, bytesEqual),
    attachments: difference(desired.attachments, have.attachments),
    services: difference(desired.services, have.services),
    sources: difference(desired.sources, have.sources),
    members: difference(desired.members, have.members),
    egress: difference(present(desired.egress), present(have.egress)),
    names: difference(desired.names, have.names),
    ...vmDifference(vmSlots(layout, state.model, indexes), observed.vms),
  };
  requireRoom(plane, writes, observed);
  return writes;
}

/** Slots of a bucket table that keys find room in, whatever they are. */
const FILLED_MAX = 0.9;

/**
 * Every table is checked before the first write. New rows are there before old ones go, so a table must hold both; VMs, to which
 * nothing refers, give way to others where need be. Bucket tables check their buckets again when they are written.
 */
function requireRoom(plane: Plane, { state, desired, ...writes }: Writes, { rows, retired }: Observed): void {
  const full = (map: string, wanted: string, room: number, remedy: string): UnumError =>
    new UnumError("TABLE_FULL", `plan ${map}: ${wanted}, it holds ${room}; nothing was written`, { remedy });
  const vms = vmCount(state.model);
  if (vms > plane.meta.vmCapacity) {
    const remedy = "the VM table is made once: unum detach --all, set edge.capacity.vms, apply again";
    throw full("vms4", `${vms} entries are wanted`, plane.meta.vmCapacity, remedy);
  }
  const entries = (map: string): number => plane.map(map).info.maxEntries;
  const slots = (map: string): number => Math.floor(entries(map) * 4 * FILLED_MAX);
  const has = (table: Words) => (key: bigint) => table.has(key);
  for (const [map, wanted, { puts }, present, room, isThere] of [
    ["names", desired.names.size, writes.names, rows.names.size, entries, (key: string) => rows.names.has(key)],
    ["routes4", desired.routes.size, writes.routes, rows.routes.size, entries, (key: string) => rows.routes.has(key)],
    ["egress", desired.egress.size, writes.egress, rows.egress.size, entries, (key: number) => rows.egress.has(key)],
    ["attachments", desired.attachments.size, writes.attachments, rows.attachments.size, slots, has(rows.attachments)],
    ["services4", desired.services.size, writes.services, rows.services.size, slots, has(rows.services)],
    ["sources4", desired.sources.size, writes.sources, rows.sources.size, slots, has(rows.sources)],
    ["members", desired.members.size, writes.members, rows.members.size + retired.size, slots, has(rows.members)],
  ] as const) {
    const limit = room(map);
    if (wanted > limit)
      throw full(map, `${wanted} entries are wanted`, limit, "remove what is not needed, or divide it among edges");
    const together = present + puts.filter(([key]) => !isThere(key as never)).length;
    if (together <= limit) continue;
    const what = `${together} entries are wanted, ${together - wanted} of them until others are in their place`;
    throw full(map, what, limit, "apply the removals first, then what is new");
  }
}

export const ROW_FIELDS = [
  "profiles",
  "profileDetails",
  "tenants",
  "endpoints",
  "circuits",
  "groups",
  "routes",
  "attachments",
  "services",
  "sources",
  "members",
  "egress",
  "names",
] as const;

/** Rows that writes would put or delete; 0: the maps are right. */
export function writeCount(writes: Writes): number {
  let count = (writes.edge ? 1 : 0) + writes.vmPuts.length / SLOT_BYTES + writes.vmDeletes.length / WORD_BYTES;
  for (const field of ROW_FIELDS) count += writes[field].puts.length + writes[field].deletes.length;
  return count;
}

export function hasDeletes(writes: Writes): boolean {
  return writes.vmDeletes.length > 0 || ROW_FIELDS.some((field) => writes[field].deletes.length > 0);
}
