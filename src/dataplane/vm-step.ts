// A few VMs that change, straight to their slots: what a whole apply would write, found without looking at anything else. For
// who applied the state before, and knows that nobody wrote since.
//
//   members → remembered moves → VMs, then the deletes; members without VMs retire
//
// as in apply.ts, and without its grace periods: no record slot or index is used again here, nothing refers to a VM, members
// that retire are still members for packets on their way, and bucket tables let freed slots rest by themselves.

import { parseMac } from "../address/index.ts";
import { WORD_BYTES } from "../bpf/bucket-table.ts";
import { UnumError } from "../errors.ts";
import type { Model, Tenant, Vm, VmPut } from "../model/index.ts";
import { VmSetBuilder } from "../model/index.ts";
import type { Indexes } from "./indexes.ts";
import type { Plane } from "./plane.ts";
import { expireOldMoves, movesRoom, nowUnits, putMoves, rememberUntil } from "./remember.ts";
import { bytesEqual } from "./rows.ts";
import { slotEntry } from "./slots.ts";
import { putSlots, putVmSlots } from "./store.ts";
import { tableRoom } from "./tables.ts";
import { memberSlot, membersOf } from "./tenant-rows.ts";
import { vmKeySlots, vmSlots } from "./vm-rows.ts";
import type { VmTable } from "./vm-shape.ts";
import { readHalf, VM_TABLES, vmShape } from "./vm-shape.ts";
import { vniNumber } from "./vni.ts";

interface TenantGround {
  readonly vni: number;
  readonly index: number;
  readonly tenant: Pick<Tenant, "servers" | "routes">;
  /** VMs of each server that has any. */
  readonly perServer: ReadonlyMap<string, number>;
  /** Endpoints that may speak in the network, and whether the tenant lists them. */
  readonly members: ReadonlyMap<string, boolean>;
}

/** What the maps show besides VMs, as far as VMs depend on it. Each step brings it up to date. */
export interface Ground {
  readonly servers: Model["servers"];
  readonly indexes: Indexes;
  readonly endpointNames: ReadonlyMap<number, string>;
  readonly tenants: Map<string, TenantGround>;
}

/** Slots of one table that change. */
interface TableStep {
  readonly puts: Uint8Array;
  /** Those that puts replace, as they were. */
  readonly replaced: Uint8Array;
  readonly deletes: Uint8Array;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

/** What is to be written. Data; nothing has happened. */
export interface VmStep {
  readonly tables: Readonly<Record<VmTable, TableStep>>;
  readonly newMembers: readonly Uint8Array[];
  /** As they were, and are to be but for the time that they have left. */
  readonly retiring: readonly { readonly vni: number; readonly tenant: number; readonly endpoint: number }[];
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly rows: number;
  /** Tenants that this step changes, as they are after it. */
  readonly tenants: ReadonlyMap<string, TenantGround>;
}

/** The state that a whole apply has just made. Holds none of its VMs. */
export function groundOf({ servers, tenants }: Model, indexes: Indexes): Ground {
  const grounds = new Map<string, TenantGround>();
  for (const [name, { vni, servers: listed, routes, vms }] of tenants) {
    const tenant = { servers: listed, routes };
    const perServer = vms.perServer();
    const members = membersOf({ servers }, tenant, perServer.keys());
    grounds.set(name, { vni, index: indexes.tenant.get(name) as number, tenant, perServer, members });
  }
  const endpointNames = new Map([...indexes.endpoint].map(([name, index]) => [index, name]));
  return { servers, indexes, endpointNames, tenants: grounds };
}

/** Why a change is none for this path: a whole apply finds out what is to be done about it. */
function unfit(cause: string): UnumError {
  return new UnumError("INTERNAL", `change VMs by themselves: ${cause}`);
}

/** Of a VM that goes, the address is all that counts. */
const GONE: Vm = { server: "", mac: parseMac("02:00:00:00:00:00") };

interface Wanted {
  readonly puts: { readonly vni: number; readonly vms: VmSetBuilder };
  readonly deletes: { readonly vni: number; readonly vms: VmSetBuilder };
}

function byTenant(ground: Ground, changes: readonly VmPut[]): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const { tenant, address, to } of changes) {
    let of = wanted.get(tenant);
    if (of === undefined) {
      const known = ground.tenants.get(tenant);
      if (known === undefined) throw unfit(`there is no tenant ${JSON.stringify(tenant)}`);
      const { vni } = known;
      of = { puts: { vni, vms: new VmSetBuilder() }, deletes: { vni, vms: new VmSetBuilder() } };
      wanted.set(tenant, of);
    }
    if (to !== undefined && !ground.servers.has(to.server))
      throw unfit(`there is no server ${JSON.stringify(to.server)}`);
    (to === undefined ? of.deletes : of.puts).vms.add(address, to ?? GONE);
  }
  return wanted;
}

/** How many VMs more, or fewer, each server of a tenant has. */
type Balance = Map<string, number>;

/**
 * What makes `changes`, each of another VM. Pure but for reading tables.
 * @throws UnumError when they do not fit, or need more than slots of VMs and members
 */
export function planVmStep(plane: Plane, ground: Ground, changes: readonly VmPut[]): VmStep {
  const wanted = byTenant(ground, changes);
  const setsOf = (what: keyof Wanted) =>
    [...wanted.values()].map(({ [what]: { vni, vms } }) => ({ vni, vms: vms.build() }));
  const puts = vmSlots(plane.layout, setsOf("puts"), ground.indexes);
  const deletes = vmKeySlots(plane.layout, setsOf("deletes"));
  const balances = new Map<number, Balance>();
  const tableStep = (name: VmTable, capacity: number): TableStep => {
    const step = planTable(plane, name, ground, balances, puts[name], deletes[name]);
    if (plane.table(name).size + step.added - step.removed > capacity) throw unfit(`table ${name} has no room`);
    return step;
  };
  const vms4 = tableStep("vms4", plane.capacity.vms);
  const vms6 = tableStep("vms6", plane.capacity.vms6);
  const tenants = new Map<string, TenantGround>();
  for (const name of wanted.keys()) {
    const tenant = ground.tenants.get(name) as TenantGround;
    const balance = balances.get(tenant.vni);
    if (balance !== undefined) tenants.set(name, balanced(ground, tenant, balance));
  }
  const { newMembers, retiring } = planMembers(plane, ground, tenants);
  const members = plane.table("members");
  if (members.size + newMembers.length > tableRoom(plane.layout, "members", members.buckets))
    throw unfit("table members has no room");
  const sum = (of: "added" | "changed" | "removed"): number => vms4[of] + vms6[of];
  const [added, changed, removed] = [sum("added"), sum("changed"), sum("removed")];
  const rows = added + changed + removed + newMembers.length + retiring.length;
  return { tables: { vms4, vms6 }, newMembers, retiring, added, changed, removed, rows, tenants };
}

/** Leaves out what the table shows already. */
function planTable(
  plane: Plane,
  name: VmTable,
  { endpointNames }: Ground,
  balances: Map<number, Balance>,
  puts: Uint8Array,
  gone: Uint8Array,
): TableStep {
  const shape = vmShape(plane.layout, name);
  const { slotBytes } = shape;
  const keyBytes = slotBytes - WORD_BYTES;
  const table = plane.table(name);
  const count = (slots: Uint8Array, at: number, by: 1 | -1): void => {
    const server = endpointNames.get(readHalf(slots, at, shape.endpoint));
    if (server === undefined) throw unfit(`a slot of table ${name} names an endpoint that is none`);
    const vni = vniNumber(slots, at + shape.vni);
    const balance = balances.get(vni) ?? new Map<string, number>();
    balances.set(vni, balance);
    balance.set(server, (balance.get(server) ?? 0) + by);
  };
  const old = new Uint8Array(slotBytes);
  /** The slot with the same key, into `old`. */
  const look = (slots: Uint8Array, at: number): boolean => {
    const key = slots.subarray(at, at + keyBytes);
    const value = table.get(key);
    if (value === undefined) return false;
    old.set(key);
    old.set(value, keyBytes);
    return true;
  };
  const put = new Uint8Array(puts.length);
  const replaced = new Uint8Array(puts.length);
  let [putBytes, replacedBytes] = [0, 0];
  for (let at = 0; at < puts.length; at += slotBytes) {
    const slot = puts.subarray(at, at + slotBytes);
    if (look(puts, at)) {
      if (bytesEqual(old, slot)) continue;
      count(old, 0, -1);
      replaced.set(old, replacedBytes);
      replacedBytes += slotBytes;
    }
    count(puts, at, 1);
    put.set(slot, putBytes);
    putBytes += slotBytes;
  }
  const deletes = new Uint8Array((gone.length / slotBytes) * keyBytes);
  let deletedBytes = 0;
  for (let at = 0; at < gone.length; at += slotBytes) {
    if (!look(gone, at)) continue;
    count(old, 0, -1);
    deletes.set(old.subarray(0, keyBytes), deletedBytes);
    deletedBytes += keyBytes;
  }
  const changed = replacedBytes / slotBytes;
  return {
    puts: put.subarray(0, putBytes),
    replaced: replaced.subarray(0, replacedBytes),
    deletes: deletes.subarray(0, deletedBytes),
    added: putBytes / slotBytes - changed,
    changed,
    removed: deletedBytes / keyBytes,
  };
}

function balanced({ servers }: Ground, tenant: TenantGround, balance: Balance): TenantGround {
  const perServer = new Map(tenant.perServer);
  let others = false;
  for (const [server, by] of balance) {
    const before = perServer.get(server) ?? 0;
    if (before + by === 0) perServer.delete(server);
    else perServer.set(server, before + by);
    if (before === 0 || before + by === 0) others = true;
  }
  const members = others ? membersOf({ servers }, tenant.tenant, perServer.keys()) : tenant.members;
  return { ...tenant, perServer, members };
}

function planMembers(
  { layout }: Plane,
  ground: Ground,
  tenants: ReadonlyMap<string, TenantGround>,
): Pick<VmStep, "newMembers" | "retiring"> {
  const newMembers: Uint8Array[] = [];
  const retiring: VmStep["retiring"][number][] = [];
  const fieldsOf = ({ vni, index }: TenantGround, name: string) => {
    const endpoint = ground.indexes.endpoint.get(name);
    if (endpoint === undefined) throw unfit(`endpoint ${JSON.stringify(name)} has no index`);
    return { vni, tenant: index, endpoint };
  };
  for (const [name, after] of tenants) {
    const before = ground.tenants.get(name) as TenantGround;
    if (before.members === after.members) continue;
    for (const [member, listed] of after.members)
      if (!before.members.has(member)) newMembers.push(memberSlot(layout, { ...fieldsOf(after, member), listed }));
    for (const member of before.members.keys()) if (!after.members.has(member)) retiring.push(fieldsOf(after, member));
  }
  return { newMembers, retiring };
}

/** A table of moves is rid of old ones when it is filled beyond this part of its slots. */
const MOVES_TIDY = 0.5;
/**
 * It is filled so far at most, which a stream of moves does in seconds: as VM tables are, so that keys hardly ever have to move out
 * of each other's way. Each of those moves would wait for a grace period.
 */
const MOVES_FILLED = 0.75;
/** When each was last looked through: nothing new is old within the same unit of time. */
const tidied: Partial<Record<VmTable, bigint>> = {};

/** Whole applies, which forget moves too, may be far apart. */
function tidyMoves(plane: Plane, vms: VmTable, moves: number): void {
  const now = nowUnits();
  if (moves <= movesRoom(plane, vms, MOVES_TIDY) || now === tidied[vms]) return;
  tidied[vms] = now;
  expireOldMoves(plane, vms);
}

/** Carries a step out, which was planned by this writer since it took the lock, and brings the ground up to date. */
export function takeVmStep(plane: Plane, ground: Ground, { tables, newMembers, retiring, tenants }: VmStep): void {
  const { layout } = plane;
  putSlots(plane, "members", newMembers.map(slotEntry));
  for (const name of VM_TABLES) {
    const { replaced, changed } = tables[name];
    if (changed === 0) continue;
    tidyMoves(plane, name, changed);
    putMoves(plane, name, replaced, movesRoom(plane, name, MOVES_FILLED));
  }
  for (const name of VM_TABLES) {
    const capacity = name === "vms4" ? plane.capacity.vms : plane.capacity.vms6;
    if (tables[name].puts.length > 0) putVmSlots(plane.table(name), tables[name], capacity);
  }
  for (const name of VM_TABLES) {
    const { deletes } = tables[name];
    if (deletes.length > 0) plane.table(name).changeAll({ puts: new Uint8Array(0), deletes });
  }
  const until = rememberUntil();
  const retired = retiring.map((fields) => slotEntry(memberSlot(layout, { ...fields, listed: false, until })));
  putSlots(plane, "members", retired);
  for (const [name, tenant] of tenants) ground.tenants.set(name, tenant);
}
