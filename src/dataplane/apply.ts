// Rows → maps. Order, and nothing else: every row is made before a packet can be led to it, and taken away after.
//
//   names → edge, profiles → sources, services → endpoints → tenants, circuits → members → routes → VMs → attachments
//
// then the deletes, the other way round. Before record slots and freed indexes are used again, and before anything is
// taken away, the kernel is asked to wait for running programs (gracePeriod): no packet follows half of a change.

import { SLOT_BYTES, WORD_BYTES } from "../bpf/bucket-table.ts";
import { gracePeriod } from "../bpf/system.ts";
import { resetTraffic } from "./counters.ts";
import type { Observed } from "./observe.ts";
import { observe } from "./observe.ts";
import type { Plane } from "./plane.ts";
import { elementKey } from "./plane.ts";
import { expire, rememberMoves, retireMembers } from "./remember.ts";
import type { WordAndRecord } from "./rows.ts";
import { fromHex } from "./rows.ts";
import { CIRCUIT_MAPS, deleteWords, ENDPOINT_MAPS, putWords, standbysFirst, storeRecord, storeWord } from "./store.ts";
import type { Writes } from "./writes.ts";
import { hasDeletes, planWrites, writeCount } from "./writes.ts";

function putAll(plane: Plane, writes: Writes, observed: Observed): void {
  const { layout } = plane;
  for (const [key, text] of writes.names.puts) plane.map("names").update(fromHex(key), layout.encode("name", { text }));
  // The MAC that packets read is all in the first word; the address after it is for user space.
  if (writes.edge) plane.array("edge").write(0, writes.desired.edge);
  for (const [index, bytes] of writes.profiles.puts) storeWord(plane, "profiles", index, bytes);
  for (const [index, bytes] of writes.profileDetails.puts) storeWord(plane, "profile_details", index, bytes);

  // An endpoint that gets another address answers from there as soon as it is sent to: it is believed first.
  putWords(plane, "sources4", writes.sources.puts);
  putWords(plane, "services4", writes.services.puts);
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
  for (const [index, bytes] of writes.groups.puts) plane.array("route_groups").write(index, bytes);
  for (const [key, value] of writes.routes.puts) plane.map("routes4").update(fromHex(key), value);
  if (writes.vmsMoved.length > 0) rememberMoves(plane, writes, observed);
  putVms(plane, writes);
  putWords(plane, "attachments", writes.attachments.puts);
}

/** New VMs before old ones go; where both do not fit, the old ones go first: nothing refers to a VM. */
function putVms(plane: Plane, { vmPuts, vmDeletes }: Writes): void {
  if (vmPuts.length === 0) return;
  const none = new Uint8Array(0);
  const table = plane.table("vms4");
  const fits = table.size + vmPuts.length / SLOT_BYTES <= plane.meta.vmCapacity;
  if (!fits && vmDeletes.length > 0) table.changeAll({ puts: none, deletes: vmDeletes });
  table.changeAll({ puts: vmPuts, deletes: none });
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
  retireMembers(plane, writes, observed);
  expire(plane, writes, observed);
  const zero = new Uint8Array(WORD_BYTES);
  for (const index of writes.circuits.deletes) storeWord(plane, "circuits", index, zero);
  for (const index of writes.tenants.deletes) storeWord(plane, "tenants", index, zero);
  for (const index of writes.endpoints.deletes) storeWord(plane, "endpoints", index, zero);
  for (const index of writes.profileDetails.deletes) storeWord(plane, "profile_details", index, zero);
  for (const index of writes.profiles.deletes) storeWord(plane, "profiles", index, zero);
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
