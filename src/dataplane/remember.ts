// What the maps know of the past: for some seconds the server that a VM left may still speak for it, and is still a member of
// its tenant. It is no part of a state, the packet path stops honouring it by itself, and the writer takes it away later; at
// once, where the network or the endpoint is about to be another's.

import { WORD_BYTES } from "../bpf/bucket-table.ts";
import type { Codec } from "../bpf/codec.ts";
import { monotonicNs } from "../bpf/system.ts";
import { UnumError } from "../errors.ts";
import type { Observed } from "./observe.ts";
import type { Plane } from "./plane.ts";
import { hex } from "./rows.ts";
import { slotEntry, slotOf, unpackSlots } from "./slots.ts";
import { deleteSlots, putSlots } from "./store.ts";
import { slotBytes, TABLE_SLOTS, tableRoom } from "./tables.ts";
import type { VmTable } from "./vm-shape.ts";
import { VM_TABLES } from "./vm-shape.ts";
import type { Writes } from "./writes.ts";

/** An endpoint that a VM left may still send for it, and is still a member, for so many units of 2^30 ns. */
const MOVED_UNITS = 5n;
const UNIT_SHIFT = 30n;
export function nowUnits(): bigint {
  return monotonicNs() >> UNIT_SHIFT;
}

/** Until when what is left now is remembered. */
export function rememberUntil(): number {
  return Number(nowUnits() + MOVED_UNITS + 1n);
}

const NOTHING = new Uint8Array(0);

function fieldOffset(codec: Codec, name: string): number {
  const field = codec.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new UnumError("BTF_INVALID", `read a slot: it has no field ${name}`);
  return field.offset;
}

/** Where moves of a VM table are remembered. */
const MOVED_TABLES = { vms4: "moved4", vms6: "moved6" } as const satisfies Readonly<Record<VmTable, string>>;

/** Tells of (VNI, tenant) whether the maps had it before and keep it: what is remembered of any other network is another's. */
function keptNetworks(plane: Plane, writes: Writes, observed: Observed): (vni: Uint8Array, tenant?: number) => boolean {
  const vniOf = (word: Uint8Array): string =>
    hex((plane.layout.decode("tenant", word) as unknown as { vni: Uint8Array }).vni);
  const kept = new Map<string, number>();
  for (const [index, { word }] of writes.desired.tenants) {
    const old = observed.rows.tenants.get(index)?.word;
    if (old !== undefined && vniOf(old) === vniOf(word)) kept.set(vniOf(word), index);
  }
  return (vni, tenant) => {
    const owner = kept.get(hex(vni));
    return owner !== undefined && (tenant === undefined || owner === tenant);
  };
}

/** Forgets moves whose time is over, those of networks that are no more, and those from endpoints that go. */
function expireMoves(plane: Plane, writes: Writes, observed: Observed, vms: VmTable): void {
  const table = MOVED_TABLES[vms];
  const slots = plane.slots(table);
  if (slots.length === 0) return;
  const gone = new Set(writes.endpoints.deletes);
  const kept = keptNetworks(plane, writes, observed);
  const now = nowUnits();
  const expired: string[] = [];
  for (const [key, value] of unpackSlots(slots, slotBytes(plane.layout, table))) {
    const row = plane.layout.decode(TABLE_SLOTS[table], slotOf(key, value)) as unknown as MemberRow;
    if (BigInt(row.until) <= now || gone.has(row.endpoint) || !kept(row.vni)) expired.push(key);
  }
  deleteSlots(plane, table, expired);
}

/** Forgets moves whose time is over, and looks at nothing else. */
export function expireOldMoves(plane: Plane, vms: VmTable): void {
  const table = MOVED_TABLES[vms];
  const codec = plane.layout.codec(TABLE_SLOTS[table]);
  const keyBytes = codec.size - WORD_BYTES;
  const slots = plane.slots(table);
  const view = new DataView(slots.buffer, slots.byteOffset, slots.byteLength);
  const until = fieldOffset(codec, "until");
  const now = Number(nowUnits());
  const expired = new Uint8Array((slots.length / codec.size) * keyBytes);
  let count = 0;
  for (let at = 0; at < slots.length; at += codec.size) {
    if (view.getUint32(at + until, true) > now) continue;
    expired.set(slots.subarray(at, at + keyBytes), count++ * keyBytes);
  }
  plane.table(table).changeAll({ puts: NOTHING, deletes: expired.subarray(0, count * keyBytes) });
}

/** So many more moves a table may be given, when it is filled up to a part of its slots. */
export function movesRoom(plane: Plane, vms: VmTable, part = 1): number {
  const table = MOVED_TABLES[vms];
  const to = plane.table(table);
  return Math.max(0, Math.min(tableRoom(plane.layout, table, to.buckets), Math.floor(to.capacity * part)) - to.size);
}

/**
 * Lets the old server of each VM speak for it a little longer. When more VMs move at once than the table remembers, the first ones
 * are remembered: the sources of the others are refused until their new server speaks, which is what happens without this table.
 * @param left slots of the VMs as they were
 */
export function putMoves(plane: Plane, vms: VmTable, left: Uint8Array, room = movesRoom(plane, vms)): void {
  const table = MOVED_TABLES[vms];
  const [vm, moved] = [plane.layout.codec(TABLE_SLOTS[vms]), plane.layout.codec(TABLE_SLOTS[table])];
  const remembered = left.subarray(0, room * vm.size);
  if (remembered.length === 0) return;
  const until = rememberUntil();
  const puts = new Uint8Array(remembered.length);
  for (let at = 0; at < remembered.length; at += vm.size) {
    const { vni, flags, address, endpoint } = vm.decode(remembered, at) as Record<string, never>;
    moved.encode({ vni, flags, address, endpoint, until }, puts, at);
  }
  plane.table(table).changeAll({ puts, deletes: NOTHING });
}

/** Lets each VM's old server speak for it a little longer. */
export function rememberMoves(plane: Plane, writes: Writes, observed: Observed): void {
  for (const vms of VM_TABLES) {
    const { replaced } = writes.vms[vms];
    if (replaced.length === 0) continue;
    expireMoves(plane, writes, observed, vms);
    putMoves(plane, vms, replaced);
  }
}

interface MemberRow {
  readonly vni: Uint8Array;
  readonly endpoint: number;
  readonly tenant: number;
  readonly until: number;
}

/** Whether a member may be remembered: its endpoint stays, and the network is its tenant's as before. */
function rememberable(plane: Plane, writes: Writes, observed: Observed): (row: MemberRow) => boolean {
  const gone = new Set(writes.endpoints.deletes);
  const kept = keptNetworks(plane, writes, observed);
  return (row) => !gone.has(row.endpoint) && kept(row.vni, row.tenant);
}

function memberRow(plane: Plane, key: string, value: Uint8Array): MemberRow {
  return plane.layout.decode("member_slot", slotOf(key, value)) as unknown as MemberRow;
}

/** Members whose last VM left stay for as long as moved VMs are remembered. */
export function retireMembers(plane: Plane, writes: Writes, observed: Observed): void {
  const stays = rememberable(plane, writes, observed);
  const until = rememberUntil();
  const puts: [string, Uint8Array][] = [];
  const deletes: string[] = [];
  for (const key of writes.members.deletes) {
    const row = memberRow(plane, key, observed.rows.members.get(key) as Uint8Array);
    if (stays(row)) puts.push(slotEntry(plane.layout.encode("member_slot", { ...(row as object), until })));
    else deletes.push(key);
  }
  putSlots(plane, "members", puts);
  deleteSlots(plane, "members", deletes);
}

/** Retired members whose time is over, or whose tenant or endpoint is about to go. */
function expireMembers(plane: Plane, writes: Writes, observed: Observed): void {
  const stays = rememberable(plane, writes, observed);
  const now = nowUnits();
  const expired: string[] = [];
  for (const [key, value] of observed.retired) {
    if (writes.desired.members.has(key)) continue;
    const row = memberRow(plane, key, value);
    if (BigInt(row.until) <= now || !stays(row)) expired.push(key);
  }
  deleteSlots(plane, "members", expired);
}

/** Takes away what need not be remembered any longer. */
export function expire(plane: Plane, writes: Writes, observed: Observed): void {
  if (observed.retired.size > 0) expireMembers(plane, writes, observed);
  for (const vms of VM_TABLES) expireMoves(plane, writes, observed, vms);
}
