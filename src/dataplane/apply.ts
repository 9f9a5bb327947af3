// Rows → maps. Order, and nothing else: every row is made before a packet can be led to it, and taken away after.
//
//   names → edge, profiles → sources, services → endpoints → tenants, circuits → members → routes → VMs → attachments
//
// then the deletes, the other way round. Before record slots and freed indexes are used again, and before anything is
// taken away, the kernel is asked to wait for running programs (gracePeriod): no packet follows half of a change.

import { WORD_BYTES } from "../bpf/bucket-table.ts";
import { gracePeriod } from "../bpf/system.ts";
import { resetTraffic } from "./counters.ts";
import { forgetEndpoints, forgetPeers } from "./forget.ts";
import type { Observed } from "./observe.ts";
import { observe } from "./observe.ts";
import type { Plane } from "./plane.ts";
import { elementKey } from "./plane.ts";
import { expire, rememberMoves, retireMembers } from "./remember.ts";
import type { Difference } from "./rows.ts";
import { fromHex } from "./rows.ts";
import {
  CIRCUIT_MAPS,
  clear,
  deleteSlots,
  ENDPOINT_MAPS,
  putSlots,
  putVmSlots,
  standbysFirst,
  storeRecord,
  storeWord,
  TENANT_MAPS,
} from "./store.ts";
import type { VmTable } from "./vm-shape.ts";
import { VM_TABLES } from "./vm-shape.ts";
import type { Writes } from "./writes.ts";
import { hasDeletes, planWrites, writeCount } from "./writes.ts";

const NOTHING = new Uint8Array(0);

function putProfiles(plane: Plane, writes: Writes, observed: Observed): void {
  // What only people read may be several words: nothing depends on seeing them together.
  for (const [index, bytes] of writes.profileDetails.puts) plane.array("profile_details").write(index, bytes);
  putLimits(plane, "profile", writes.profileLimits, observed.rows.profileLimits);
  for (const [index, bytes] of writes.profiles.puts) storeWord(plane, "profiles", index, bytes);
}

function putTenants(plane: Plane, writes: Writes, observed: Observed): void {
  for (const [index, bytes] of writes.tenantDetails.puts) plane.array("tenant_details").write(index, bytes);
  putLimits(plane, "tenant", writes.tenantLimits, observed.rows.tenantLimits);
  for (const [index, row] of writes.tenants.puts) {
    const live = observed.slots.tenants.get(index);
    if (live === undefined) resetTraffic(plane, "tenant_counters", index);
    storeRecord(plane, TENANT_MAPS, index, row, live);
  }
}

/** A limit is there before the flag that points to it. One that is new to its index starts with a full bucket. */
function putLimits(
  plane: Plane,
  kind: "profile" | "tenant",
  { puts }: Difference<number, Uint8Array>,
  old: ReadonlyMap<number, Uint8Array>,
): void {
  for (const [index, bytes] of puts) {
    if (!old.has(index)) clear(plane, `${kind}_meters`, index);
    storeWord(plane, `${kind}_limits`, index, bytes);
  }
}

function putEndpoints(plane: Plane, writes: Writes, observed: Observed): void {
  // An endpoint that gets another address answers from there as soon as it is sent to: it is believed first.
  putSlots(plane, "sources4", writes.sources4.puts);
  putSlots(plane, "sources6", writes.sources6.puts);
  putSlots(plane, "services4", writes.services4.puts);
  putSlots(plane, "services6", writes.services6.puts);
  for (const [ifindex] of writes.egress.puts) plane.map("egress").update(elementKey(ifindex), elementKey(ifindex));
  for (const [index, row] of standbysFirst(plane, writes.endpoints.puts)) {
    const live = observed.slots.endpoints.get(index);
    if (live === undefined) resetTraffic(plane, "endpoint_counters", index);
    storeRecord(plane, ENDPOINT_MAPS, index, row, live);
  }
}

function putAll(plane: Plane, writes: Writes, observed: Observed): void {
  const { layout } = plane;
  for (const [key, text] of writes.names.puts) plane.map("names").update(fromHex(key), layout.encode("name", { text }));
  // The MAC that packets read is all in the first word; the addresses after it are for user space.
  if (writes.edge) plane.array("edge").write(0, writes.desired.edge);
  forgetEndpoints(plane, writes, observed);
  putProfiles(plane, writes, observed);
  putEndpoints(plane, writes, observed);
  putTenants(plane, writes, observed);
  for (const [index, row] of writes.circuits.puts) {
    forgetPeers(plane, index, row, observed.rows.circuits.get(index));
    storeRecord(plane, CIRCUIT_MAPS, index, row, observed.slots.circuits.get(index));
  }
  putSlots(plane, "members", writes.members.puts);
  for (const [index, bytes] of writes.groups.puts) plane.array("route_groups").write(index, bytes);
  for (const [key, value] of writes.routes4.puts) plane.map("routes4").update(fromHex(key), value);
  for (const [key, value] of writes.routes6.puts) plane.map("routes6").update(fromHex(key), value);
  rememberMoves(plane, writes, observed);
  putVms(plane, writes, "vms4", plane.meta.vmCapacity);
  putVms(plane, writes, "vms6", plane.meta.vm6Capacity);
  putSlots(plane, "attachments", writes.attachments.puts);
}

function putVms(plane: Plane, { vms }: Writes, name: VmTable, capacity: number): void {
  if (vms[name].puts.length > 0) putVmSlots(plane.table(name), vms[name], capacity);
}

function deleteAll(plane: Plane, writes: Writes, observed: Observed): void {
  deleteSlots(plane, "attachments", writes.attachments.deletes);
  for (const name of VM_TABLES) {
    const { deletes } = writes.vms[name];
    if (deletes.length > 0) plane.table(name).changeAll({ puts: NOTHING, deletes });
  }
  for (const key of writes.routes4.deletes) plane.map("routes4").delete(fromHex(key));
  for (const key of writes.routes6.deletes) plane.map("routes6").delete(fromHex(key));
  deleteSlots(plane, "services4", writes.services4.deletes);
  deleteSlots(plane, "services6", writes.services6.deletes);
  deleteSlots(plane, "sources4", writes.sources4.deletes);
  deleteSlots(plane, "sources6", writes.sources6.deletes);
  retireMembers(plane, writes, observed);
  expire(plane, writes, observed);
  const zero = new Uint8Array(WORD_BYTES);
  const zeroAll = (map: string, indexes: readonly number[]): void => {
    for (const index of indexes) storeWord(plane, map, index, zero);
  };
  zeroAll("circuits", writes.circuits.deletes);
  zeroAll("tenants", writes.tenants.deletes);
  zeroAll("tenant_limits", writes.tenantLimits.deletes);
  for (const index of writes.tenantDetails.deletes) clear(plane, "tenant_details", index);
  zeroAll("endpoints", writes.endpoints.deletes);
  zeroAll("profiles", writes.profiles.deletes);
  zeroAll("profile_limits", writes.profileLimits.deletes);
  for (const index of writes.profileDetails.deletes) clear(plane, "profile_details", index);
  for (const ifindex of writes.egress.deletes) plane.map("egress").delete(elementKey(ifindex));
  for (const key of writes.names.deletes) plane.map("names").delete(fromHex(key));
}

/** Carries `writes` out. The caller is the only writer, and planned them from `observed`. */
export function carryOut(plane: Plane, writes: Writes, observed: Observed): void {
  if (writes.handOver !== undefined) {
    carryOut(plane, writes.handOver, observed);
    // The indexes that were planned are still free, or the same object's.
    const between = { ...observe(plane), indexes: writes.indexes };
    carryOut(plane, planWrites(plane, writes.state, between), between);
    return;
  }
  if (writeCount(writes) === 0) {
    expire(plane, writes, observed);
    return;
  }
  gracePeriod();
  putAll(plane, writes, observed);
  if (!hasDeletes(writes)) {
    expire(plane, writes, observed);
    return;
  }
  gracePeriod();
  deleteAll(plane, writes, observed);
}
