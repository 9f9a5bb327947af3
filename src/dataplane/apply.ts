// Rows → maps. Order, and nothing else: every row is made before a packet can be led to it, and taken away after.
//
//   names → edge, profiles → endpoints → tenants, circuits → members, sources, services → routes → VMs → attachments
//
// then the deletes, the other way round. Before record slots and freed indexes are used again, and before anything is
// taken away, the kernel is asked to wait for running programs (gracePeriod): no packet follows half of a change.

import { SLOT_BYTES, WORD_BYTES } from "../bpf/bucket-table.ts";
import { gracePeriod, monotonicNs } from "../bpf/system.ts";
import type { State } from "../control/state.ts";
import { UnumError } from "../errors.ts";
import { compileRows, vmCount, vmSlots } from "./compile.ts";
import { resetTraffic } from "./counters.ts";
import type { Indexes } from "./indexes.ts";
import { allocateIndexes } from "./indexes.ts";
import type { StructName } from "./layout.ts";
import type { Observed } from "./observe.ts";
import type { Plane, TableName } from "./plane.ts";
import { elementKey } from "./plane.ts";
import type { Difference, Rows, WordAndRecord } from "./rows.ts";
import { bytesEqual, difference, fromHex, packKeys, packWords, wordAndRecordEqual } from "./rows.ts";

/** An endpoint that a VM left may still send for it, and is still a member, for so many units of 2^30 ns. */
const MOVED_UNITS = 5n;
const UNIT_SHIFT = 30n;
/** What is to be written: per map, in no order yet. Data; nothing has happened. */
export interface Writes {
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
  const set = (values: ReadonlySet<number>) => new Map([...values].map((value) => [value, true] as const));
  const writes: Writes = {
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
    egress: difference(set(desired.egress), set(have.egress)),
    names: difference(desired.names, have.names),
    ...vmDifference(vmSlots(layout, state.model, indexes), observed.vms),
  };
  requireRoom(plane, state, desired);
  return writes;
}

/** Every table is checked before the first write. Bucket tables check their buckets again when they are written. */
function requireRoom(plane: Plane, state: State, desired: Rows): void {
  const require = (map: string, wanted: number, room: number): void => {
    if (wanted <= room) return;
    throw new UnumError(
      "TABLE_FULL",
      `plan ${map}: ${wanted} entries are wanted, it holds ${room}; nothing was written`,
      {
        remedy:
          map === "vms4"
            ? "the VM table is made once: unum detach --all, set edge.capacity.vms, apply again"
            : "remove what is not needed, or divide it among edges",
      },
    );
  };
  require("vms4", vmCount(state.model), plane.meta.vmCapacity);
  for (const [map, wanted] of [
    ["names", desired.names.size],
    ["routes4", desired.routes.size],
    ["egress", desired.egress.size],
  ] as const) {
    require(map, wanted, plane.map(map).info.maxEntries);
  }
  for (const [map, wanted] of [
    ["attachments", desired.attachments.size],
    ["services4", desired.services.size],
    ["sources4", desired.sources.size],
    ["members", desired.members.size],
  ] as const) {
    require(map, wanted, Math.floor(plane.map(map).info.maxEntries * 4 * 0.9));
  }
}

const ROW_FIELDS = [
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

function storeWord(plane: Plane, map: string, index: number, bytes: Uint8Array): void {
  plane.array(map).store(index, bytes);
}

/** New version into the slot that is not live, then the word that names it. */
function storeRecord(
  plane: Plane,
  names: { words: string; records: string; struct: StructName; field: string },
  index: number,
  { word, record }: WordAndRecord,
  live: number | undefined,
): void {
  const slot = live === 2 * index ? 2 * index + 1 : 2 * index;
  plane.array(names.records).write(slot, record);
  const bare = plane.layout.decode(names.struct, word) as Record<string, unknown>;
  storeWord(plane, names.words, index, plane.layout.encode(names.struct, { ...(bare as object), [names.field]: slot }));
}

const ENDPOINT_MAPS = { words: "endpoints", records: "tunnels", struct: "endpoint", field: "tunnel" } as const;
const CIRCUIT_MAPS = { words: "circuits", records: "circuit_records", struct: "circuit", field: "record" } as const;

/** A standby exists before the endpoint that names it. */
function standbysFirst(
  plane: Plane,
  puts: Difference<number, WordAndRecord>["puts"],
): (readonly [number, WordAndRecord])[] {
  const rows = new Map(puts);
  const ordered = new Map<number, WordAndRecord>();
  const visiting = new Set<number>();
  const visit = (index: number): void => {
    const row = rows.get(index);
    if (row === undefined || ordered.has(index) || visiting.has(index)) return;
    visiting.add(index);
    visit((plane.layout.decode("endpoint", row.word) as unknown as { standby: number }).standby);
    ordered.set(index, row);
  };
  for (const [index] of puts) visit(index);
  return [...ordered];
}

function putWords(plane: Plane, table: TableName, puts: readonly (readonly [bigint, bigint])[]): void {
  if (puts.length > 0) plane.table(table).changeAll({ puts: packWords(puts, puts.length), deletes: new Uint8Array(0) });
}

function deleteWords(plane: Plane, table: TableName, keys: readonly bigint[]): void {
  if (keys.length > 0) plane.table(table).changeAll({ puts: new Uint8Array(0), deletes: packKeys(keys) });
}

function nowUnits(): bigint {
  return monotonicNs() >> UNIT_SHIFT;
}

/** Forgets moves whose time is over, and those from endpoints that go: their index may be another's soon. */
function expireMoves(plane: Plane, goneEndpoints: readonly number[]): void {
  const gone = new Set(goneEndpoints);
  const codec = plane.layout.codec("moved4_slot");
  const slots = plane.slots("moved4");
  const keys = new BigUint64Array(slots.buffer, slots.byteOffset, slots.length / 8);
  const expired: bigint[] = [];
  for (let at = 0; at < slots.length; at += SLOT_BYTES) {
    const row = codec.decode(slots, at) as unknown as { until: number; endpoint: number };
    if (BigInt(row.until) <= nowUnits() || gone.has(row.endpoint)) expired.push(keys[at / 8] as bigint);
  }
  deleteWords(plane, "moved4", expired);
}

/** Lets each VM's old server speak for it a little longer. */
function rememberMoves(plane: Plane, moved: Uint8Array): void {
  const until = Number(nowUnits() + MOVED_UNITS + 1n);
  const { layout } = plane;
  const vm = layout.codec("vm4_slot");
  const puts = new Uint8Array(moved.length);
  for (let at = 0; at < moved.length; at += SLOT_BYTES) {
    const { vni, flags, address, endpoint } = vm.decode(moved, at) as Record<string, never>;
    layout.codec("moved4_slot").encode({ vni, flags, address, endpoint, until }, puts, at);
  }
  expireMoves(plane, []);
  // When more VMs move at once than the table remembers, the first ones are remembered: the sources of the others are refused
  // until their new server speaks, which is what happens without this table.
  const table = plane.table("moved4");
  const room = Math.max(0, Math.floor(table.capacity * 0.9) - table.size);
  table.changeAll({ puts: puts.subarray(0, room * SLOT_BYTES), deletes: new Uint8Array(0) });
}

/** Members whose last VM left stay for as long as moved VMs are remembered. */
function retireMembers(plane: Plane, keys: readonly bigint[], observed: Observed): void {
  const { layout } = plane;
  const until = Number(nowUnits() + MOVED_UNITS + 1n);
  const puts: [bigint, bigint][] = [];
  const slot = new Uint8Array(SLOT_BYTES);
  const view = new DataView(slot.buffer);
  for (const key of keys) {
    view.setBigUint64(0, key, true);
    view.setBigUint64(8, observed.rows.members.get(key) as bigint, true);
    const bytes = layout.encode("member_slot", { ...(layout.decode("member_slot", slot) as object), until });
    puts.push([key, new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(8, true)]);
  }
  putWords(plane, "members", puts);
}

/** Retired members whose time is over, or whose tenant or endpoint is about to go. */
function expireMembers(plane: Plane, writes: Writes, observed: Observed): void {
  const gone = new Set(writes.tenants.deletes);
  const goneEndpoints = new Set(writes.endpoints.deletes);
  const expired: bigint[] = [];
  const slot = new Uint8Array(SLOT_BYTES);
  const view = new DataView(slot.buffer);
  for (const [key, value] of observed.retired) {
    if (writes.desired.members.has(key)) continue;
    view.setBigUint64(0, key, true);
    view.setBigUint64(8, value, true);
    const row = plane.layout.decode("member_slot", slot) as unknown as {
      until: number;
      tenant: number;
      endpoint: number;
    };
    if (BigInt(row.until) <= nowUnits() || gone.has(row.tenant) || goneEndpoints.has(row.endpoint)) expired.push(key);
  }
  deleteWords(plane, "members", expired);
}

function putAll(plane: Plane, writes: Writes, observed: Observed): void {
  const { layout } = plane;
  for (const [key, text] of writes.names.puts) plane.map("names").update(fromHex(key), layout.encode("name", { text }));
  // The MAC that packets read is all in the first word; the address after it is for user space.
  if (writes.edge) plane.array("edge").write(0, writes.desired.edge);
  for (const [index, bytes] of writes.profiles.puts) storeWord(plane, "profiles", index, bytes);
  for (const [index, bytes] of writes.profileDetails.puts) storeWord(plane, "profile_details", index, bytes);

  for (const [ifindex] of writes.egress.puts) plane.map("egress").update(elementKey(ifindex), elementKey(ifindex));
  for (const [index, row] of standbysFirst(plane, writes.endpoints.puts)) {
    const live = observed.slots.endpoints.get(index);
    if (live === undefined) resetTraffic(plane, "endpoint_counters", index);
    storeRecord(plane, ENDPOINT_MAPS, index, row, live);
  }
  for (const [index, bytes] of writes.tenants.puts) {
    if (!observed.rows.tenants.has(index)) resetTraffic(plane, "tenant_counters", index);
    storeWord(plane, "tenants", index, bytes);
  }
  for (const [index, row] of writes.circuits.puts) {
    if (peerChanged(plane, row, observed.rows.circuits.get(index)))
      storeWord(plane, "circuit_peers", index, new Uint8Array(WORD_BYTES));
    storeRecord(plane, CIRCUIT_MAPS, index, row, observed.slots.circuits.get(index));
  }
  putWords(plane, "members", writes.members.puts);
  putWords(plane, "sources4", writes.sources.puts);
  putWords(plane, "services4", writes.services.puts);
  for (const [index, bytes] of writes.groups.puts) plane.array("route_groups").write(index, bytes);
  for (const [key, value] of writes.routes.puts) plane.map("routes4").update(fromHex(key), value);
  if (writes.vmsMoved.length > 0) rememberMoves(plane, writes.vmsMoved);
  if (writes.vmPuts.length > 0) plane.table("vms4").changeAll({ puts: writes.vmPuts, deletes: new Uint8Array(0) });
  putWords(plane, "attachments", writes.attachments.puts);
}

/** A learned MAC belongs to one peer on one port. */
function peerChanged(plane: Plane, row: WordAndRecord, old: WordAndRecord | undefined): boolean {
  if (old === undefined) return true;
  const fields = (bytes: Uint8Array) =>
    plane.layout.decode("circuit_record", bytes) as unknown as { peer: number; ifindex: number };
  const [now, before] = [fields(row.record), fields(old.record)];
  return now.peer !== before.peer || now.ifindex !== before.ifindex;
}

function deleteAll(plane: Plane, writes: Writes, observed: Observed): void {
  deleteWords(plane, "attachments", writes.attachments.deletes);
  if (writes.vmDeletes.length > 0)
    plane.table("vms4").changeAll({ puts: new Uint8Array(0), deletes: writes.vmDeletes });
  for (const key of writes.routes.deletes) plane.map("routes4").delete(fromHex(key));
  deleteWords(plane, "services4", writes.services.deletes);
  deleteWords(plane, "sources4", writes.sources.deletes);
  retireMembers(plane, writes.members.deletes, observed);
  expireMembers(plane, writes, observed);
  expireMoves(plane, writes.endpoints.deletes);
  const zero = new Uint8Array(WORD_BYTES);
  for (const index of writes.circuits.deletes) storeWord(plane, "circuits", index, zero);
  for (const index of writes.tenants.deletes) storeWord(plane, "tenants", index, zero);
  for (const index of writes.endpoints.deletes) storeWord(plane, "endpoints", index, zero);
  for (const index of writes.profileDetails.deletes) storeWord(plane, "profile_details", index, zero);
  for (const index of writes.profiles.deletes) storeWord(plane, "profiles", index, zero);
  for (const ifindex of writes.egress.deletes) plane.map("egress").delete(elementKey(ifindex));
  for (const key of writes.names.deletes) plane.map("names").delete(fromHex(key));
}

function hasDeletes(writes: Writes): boolean {
  return writes.vmDeletes.length > 0 || ROW_FIELDS.some((field) => writes[field].deletes.length > 0);
}

/** Carries `writes` out. The caller is the only writer, and planned them from `observed`. */
export function carryOut(plane: Plane, writes: Writes, observed: Observed): void {
  if (writeCount(writes) === 0) {
    if (observed.retired.size > 0) expireMembers(plane, writes, observed);
    return;
  }
  gracePeriod();
  putAll(plane, writes, observed);
  if (!hasDeletes(writes)) {
    expireMembers(plane, writes, observed);
    return;
  }
  gracePeriod();
  deleteAll(plane, writes, observed);
}
