// What the maps know of the past: for some seconds the server that a VM left may still speak for it, and is still a member of
// its tenant. It is no part of a state, the packet path stops honouring it by itself, and the writer takes it away later; at
// once, where the network or the endpoint is about to be another's.

import { SLOT_BYTES } from "../bpf/bucket-table.ts";
import { monotonicNs } from "../bpf/system.ts";
import type { Observed } from "./observe.ts";
import type { Plane } from "./plane.ts";
import { hex, packWords, slotWords } from "./rows.ts";
import { deleteWords, putWords } from "./store.ts";
import type { Writes } from "./writes.ts";

/** An endpoint that a VM left may still send for it, and is still a member, for so many units of 2^30 ns. */
const MOVED_UNITS = 5n;
const UNIT_SHIFT = 30n;
function nowUnits(): bigint {
  return monotonicNs() >> UNIT_SHIFT;
}

/** Tells of (VNI, tenant) whether the maps had it before and keep it: what is remembered of any other network is another's. */
function keptNetworks(plane: Plane, writes: Writes, observed: Observed): (vni: Uint8Array, tenant?: number) => boolean {
  const vniOf = (row: Uint8Array): string =>
    hex((plane.layout.decode("tenant", row) as unknown as { vni: Uint8Array }).vni);
  const kept = new Map<string, number>();
  for (const [index, row] of writes.desired.tenants) {
    const old = observed.rows.tenants.get(index);
    if (old !== undefined && vniOf(old) === vniOf(row)) kept.set(vniOf(row), index);
  }
  return (vni, tenant) => {
    const owner = kept.get(hex(vni));
    return owner !== undefined && (tenant === undefined || owner === tenant);
  };
}

/** Forgets moves whose time is over, those of networks that are no more, and those from endpoints that go. */
function expireMoves(plane: Plane, writes: Writes, observed: Observed): void {
  const gone = new Set(writes.endpoints.deletes);
  const kept = keptNetworks(plane, writes, observed);
  const codec = plane.layout.codec("moved4_slot");
  const slots = plane.slots("moved4");
  const keys = new BigUint64Array(slots.buffer, slots.byteOffset, slots.length / 8);
  const now = nowUnits();
  const expired: bigint[] = [];
  for (let at = 0; at < slots.length; at += SLOT_BYTES) {
    const row = codec.decode(slots, at) as unknown as { vni: Uint8Array; until: number; endpoint: number };
    if (BigInt(row.until) <= now || gone.has(row.endpoint) || !kept(row.vni)) expired.push(keys[at / 8] as bigint);
  }
  deleteWords(plane, "moved4", expired);
}

/** Lets each VM's old server speak for it a little longer. */
export function rememberMoves(plane: Plane, writes: Writes, observed: Observed): void {
  const moved = writes.vmsMoved;
  const until = Number(nowUnits() + MOVED_UNITS + 1n);
  const { layout } = plane;
  const vm = layout.codec("vm4_slot");
  const puts = new Uint8Array(moved.length);
  for (let at = 0; at < moved.length; at += SLOT_BYTES) {
    const { vni, flags, address, endpoint } = vm.decode(moved, at) as Record<string, never>;
    layout.codec("moved4_slot").encode({ vni, flags, address, endpoint, until }, puts, at);
  }
  expireMoves(plane, writes, observed);
  // When more VMs move at once than the table remembers, the first ones are remembered: the sources of the others are refused
  // until their new server speaks, which is what happens without this table.
  const table = plane.table("moved4");
  const room = Math.max(0, Math.floor(table.capacity * 0.9) - table.size);
  table.changeAll({ puts: puts.subarray(0, room * SLOT_BYTES), deletes: new Uint8Array(0) });
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

function memberRow(plane: Plane, key: bigint, value: bigint): MemberRow {
  return plane.layout.decode("member_slot", packWords([[key, value]], 1)) as unknown as MemberRow;
}

/** Members whose last VM left stay for as long as moved VMs are remembered. */
export function retireMembers(plane: Plane, writes: Writes, observed: Observed): void {
  const stays = rememberable(plane, writes, observed);
  const until = Number(nowUnits() + MOVED_UNITS + 1n);
  const puts: [bigint, bigint][] = [];
  const deletes: bigint[] = [];
  for (const key of writes.members.deletes) {
    const row = memberRow(plane, key, observed.rows.members.get(key) as bigint);
    if (stays(row)) puts.push(slotWords(plane.layout.encode("member_slot", { ...(row as object), until })));
    else deletes.push(key);
  }
  putWords(plane, "members", puts);
  deleteWords(plane, "members", deletes);
}

/** Retired members whose time is over, or whose tenant or endpoint is about to go. */
function expireMembers(plane: Plane, writes: Writes, observed: Observed): void {
  const stays = rememberable(plane, writes, observed);
  const now = nowUnits();
  const expired: bigint[] = [];
  for (const [key, value] of observed.retired) {
    if (writes.desired.members.has(key)) continue;
    const row = memberRow(plane, key, value);
    if (BigInt(row.until) <= now || !stays(row)) expired.push(key);
  }
  deleteWords(plane, "members", expired);
}

/** Takes away what need not be remembered any longer. */
export function expire(plane: Plane, writes: Writes, observed: Observed): void {
  if (observed.retired.size > 0) expireMembers(plane, writes, observed);
  expireMoves(plane, writes, observed);
}
