// Maps → rows: reads everything that the maps hold. Needs no lock; a reader beside a writer may see a state between two.

import { links } from "../bpf/rtnetlink.ts";
import type { PortConfig } from "../model/index.ts";
import type { Decoded } from "./decode.ts";
import { decodeRows } from "./decode.ts";
import type { Indexes } from "./indexes.ts";
import type { Plane } from "./plane.ts";
import { observePorts } from "./ports.ts";
import { indexesOf, namesByIndex } from "./row-reader.ts";
import type { Entries, Rows, WordAndRecord } from "./rows.ts";
import { hex } from "./rows.ts";
import { unpackSlots } from "./slots.ts";
import type { RecordMaps } from "./store.ts";
import { CIRCUIT_MAPS, ENDPOINT_MAPS, TENANT_MAPS } from "./store.ts";
import type { TableName } from "./tables.ts";
import { slotBytes } from "./tables.ts";
import type { VmSlots } from "./vm-shape.ts";

type Slots = ReadonlyMap<number, number>;

export interface Observed extends Decoded {
  /** Interfaces that exist: the kernel takes no other as a way out. */
  readonly ifindexes: ReadonlySet<number>;
  readonly rows: Rows;
  readonly vms: VmSlots;
  /** Members that are on their way out. The packet path stops honouring them by itself. */
  readonly retired: Entries;
  /** Live record slot of each object that has records. */
  readonly slots: { readonly endpoints: Slots; readonly circuits: Slots; readonly tenants: Slots };
}

/** Elements of an array map that are not all zero. */
function readWords(plane: Plane, name: string): Map<number, Uint8Array> {
  const array = plane.array(name);
  const all = array.loadMany(0, array.length);
  const size = array.valueSize;
  const quarters = new Uint32Array(all.buffer, all.byteOffset, all.length / 4);
  const words = new Map<number, Uint8Array>();
  const step = size / 4;
  for (let index = 1; index < array.length; index++) {
    let used = false;
    for (let at = index * step; at < (index + 1) * step && !used; at++) used = quarters[at] !== 0;
    if (used) words.set(index, all.slice(index * size, (index + 1) * size));
  }
  return words;
}

function readWordsAndRecords(
  plane: Plane,
  { words, records, struct, field }: RecordMaps,
): { rows: Map<number, WordAndRecord>; slots: Map<number, number> } {
  const rows = new Map<number, WordAndRecord>();
  const slots = new Map<number, number>();
  for (const [index, word] of readWords(plane, words)) {
    const row = plane.layout.decode(struct, word) as Record<string, unknown>;
    const slot = row[field] as number;
    // A word that names no record of its own is not one that apply wrote.
    if (slot >> 1 !== index) continue;
    slots.set(index, slot);
    const bare = plane.layout.encode(struct, { ...(row as object), [field]: 0 });
    rows.set(index, { word: bare, record: plane.array(records).load(slot) });
  }
  return { rows, slots };
}

function readTable(plane: Plane, table: TableName): Map<string, Uint8Array> {
  return unpackSlots(plane.slots(table), slotBytes(plane.layout, table));
}

function readMembers(plane: Plane): { members: Map<string, Uint8Array>; retired: Map<string, Uint8Array> } {
  const members = readTable(plane, "members");
  const retired = new Map<string, Uint8Array>();
  // Anything in `until` means that the member is on its way out.
  const codec = plane.layout.codec("member_slot");
  const until = codec.fields.find(({ name }) => name === "until");
  const valueAt = codec.size - 8;
  for (const [key, value] of members) {
    const from = (until?.offset ?? valueAt) - valueAt;
    if (value.subarray(from, from + 4).every((byte) => byte === 0)) continue;
    retired.set(key, value);
    members.delete(key);
  }
  return { members, retired };
}

function readRoutes(plane: Plane, map: "routes4" | "routes6"): Map<string, Uint8Array> {
  return new Map([...plane.map(map).entries()].map(([key, value]) => [hex(key), value]));
}

/** Groups that a route names: what else is in the map is free. */
function readGroups(plane: Plane, routes: Iterable<Uint8Array>): Map<number, Uint8Array> {
  const { layout } = plane;
  const all = readWords(plane, "route_groups");
  const groups = new Map<number, Uint8Array>();
  const groupKind = layout.number("route_kind", "ROUTE_KIND_GROUP");
  for (const value of routes) {
    const { kind, target } = layout.decode("route", value) as unknown as { kind: number; target: number };
    const group = all.get(target);
    if (kind === groupKind && group !== undefined) groups.set(target, group);
  }
  return groups;
}

function readNames(plane: Plane): Map<string, string> {
  const names = new Map<string, string>();
  for (const [key, value] of plane.map("names").entries()) {
    names.set(hex(key), (plane.layout.decode("name", value) as unknown as { text: string }).text);
  }
  return names;
}

/** Which object has which index, from the map names alone. */
export function readIndexes(plane: Plane): Indexes {
  return indexesOf(namesByIndex(plane.layout, readNames(plane), () => {}));
}

/** @param withVms false: tenants have no VMs, for who reads those in another way */
export function observe(plane: Plane, withVms = true): Observed {
  const { layout } = plane;
  const names = readNames(plane);
  const [routes4, routes6] = [readRoutes(plane, "routes4"), readRoutes(plane, "routes6")];
  const egress = new Set<number>();
  for (const key of plane.map("egress").keys()) egress.add(new DataView(key.buffer, key.byteOffset).getUint32(0, true));

  const endpoints = readWordsAndRecords(plane, ENDPOINT_MAPS);
  const circuits = readWordsAndRecords(plane, CIRCUIT_MAPS);
  const tenants = readWordsAndRecords(plane, TENANT_MAPS);
  const { members, retired } = readMembers(plane);
  const read = (table: TableName): Uint8Array => (withVms ? plane.slots(table) : new Uint8Array());
  const vms = { vms4: read("vms4"), vms6: read("vms6") };
  const rows: Rows = {
    edge: plane.array("edge").load(0),
    profiles: readWords(plane, "profiles"),
    profileLimits: readWords(plane, "profile_limits"),
    profileDetails: readWords(plane, "profile_details"),
    tenants: tenants.rows,
    tenantLimits: readWords(plane, "tenant_limits"),
    tenantDetails: readWords(plane, "tenant_details"),
    endpoints: endpoints.rows,
    circuits: circuits.rows,
    groups: readGroups(plane, [...routes4.values(), ...routes6.values()]),
    routes4,
    routes6,
    attachments: readTable(plane, "attachments"),
    services4: readTable(plane, "services4"),
    services6: readTable(plane, "services6"),
    sources4: readTable(plane, "sources4"),
    sources6: readTable(plane, "sources6"),
    members,
    egress,
    names,
  };
  const ports: readonly PortConfig[] = observePorts(plane)
    .filter((port) => port.attached)
    .map(({ name, role, mode }) => ({ name, role, mode }));
  const { vmCapacity, vm6Capacity } = plane.meta;
  const decoded = decodeRows(layout, { rows, vms, vmCapacity, vm6Capacity, ports });
  const ifindexes = new Set(links().map(({ ifindex }) => ifindex));
  const slots = { endpoints: endpoints.slots, circuits: circuits.slots, tenants: tenants.slots };
  const { state, indexes, endpointStates } = decoded;
  return {
    ...{ state, indexes, endpointStates, ifindexes, rows, vms, retired, slots },
    get problems() {
      return decoded.problems;
    },
  };
}
