// Maps → rows: reads everything that the maps hold. Needs no lock; a reader beside a writer may see a state between two.

import type { Mac } from "../address/index.ts";
import { macFromBytes } from "../address/index.ts";
import { links } from "../bpf/rtnetlink.ts";
import type { PortConfig } from "../model/index.ts";
import type { Decoded } from "./decode.ts";
import { decodeRows } from "./decode.ts";
import type { Indexes } from "./indexes.ts";
import type { Layout, StructName } from "./layout.ts";
import type { Plane } from "./plane.ts";
import { observePorts } from "./ports.ts";
import type { Rows, WordAndRecord } from "./rows.ts";
import { hex, unpackWords } from "./rows.ts";

export interface Observed extends Decoded {
  /** Interfaces that exist: the kernel takes no other as a way out. */
  readonly ifindexes: ReadonlySet<number>;
  readonly rows: Rows;
  /** Slots of the VM table. */
  readonly vms: Uint8Array;
  /** Members that are on their way out: key word → value word. The packet path stops honouring them by itself. */
  readonly retired: ReadonlyMap<bigint, bigint>;
  /** Live record slot of each endpoint and circuit. */
  readonly slots: { readonly endpoints: ReadonlyMap<number, number>; readonly circuits: ReadonlyMap<number, number> };
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
  layout: Layout,
  struct: StructName,
  slotField: string,
  words: string,
  records: string,
): { rows: Map<number, WordAndRecord>; slots: Map<number, number> } {
  const rows = new Map<number, WordAndRecord>();
  const slots = new Map<number, number>();
  for (const [index, word] of readWords(plane, words)) {
    const row = layout.decode(struct, word) as Record<string, unknown>;
    const slot = row[slotField] as number;
    // A word that names no record of its own is not one that apply wrote.
    if (slot >> 1 !== index) continue;
    slots.set(index, slot);
    const bare = layout.encode(struct, { ...(row as object), [slotField]: 0 });
    rows.set(index, { word: bare, record: plane.array(records).load(slot) });
  }
  return { rows, slots };
}

function readMembers(plane: Plane): { members: Map<bigint, bigint>; retired: Map<bigint, bigint> } {
  const members = unpackWords(plane.slots("members"));
  const retired = new Map<bigint, bigint>();
  // The word's upper half is `until`: anything there means that the member is on its way out.
  const field = plane.layout.codec("member_slot").fields.find(({ name }) => name === "until");
  const shift = BigInt(((field?.offset ?? 12) - 8) * 8);
  for (const [key, value] of members) {
    if (value >> shift === 0n) continue;
    retired.set(key, value);
    members.delete(key);
  }
  return { members, retired };
}

export function observe(plane: Plane): Observed {
  const { layout } = plane;
  const names = new Map<string, string>();
  for (const [key, value] of plane.map("names").entries()) {
    names.set(hex(key), (layout.decode("name", value) as unknown as { text: string }).text);
  }
  const routes = new Map<string, Uint8Array>();
  for (const [key, value] of plane.map("routes4").entries()) routes.set(hex(key), value);
  const egress = new Set<number>();
  for (const key of plane.map("egress").keys()) egress.add(new DataView(key.buffer, key.byteOffset).getUint32(0, true));

  const endpoints = readWordsAndRecords(plane, layout, "endpoint", "tunnel", "endpoints", "tunnels");
  const circuits = readWordsAndRecords(plane, layout, "circuit", "record", "circuits", "circuit_records");
  const allGroups = readWords(plane, "route_groups");
  const groups = new Map<number, Uint8Array>();
  const groupKind = layout.number("route_kind", "ROUTE_KIND_GROUP");
  for (const value of routes.values()) {
    const { kind, target } = layout.decode("route4", value) as unknown as { kind: number; target: number };
    const group = allGroups.get(target);
    if (kind === groupKind && group !== undefined) groups.set(target, group);
  }

  const { members, retired } = readMembers(plane);
  const vms = plane.slots("vms4");
  const rows: Rows = {
    edge: plane.array("edge").load(0),
    profiles: readWords(plane, "profiles"),
    profileDetails: readWords(plane, "profile_details"),
    tenants: readWords(plane, "tenants"),
    endpoints: endpoints.rows,
    circuits: circuits.rows,
    groups,
    routes,
    attachments: unpackWords(plane.slots("attachments")),
    services: unpackWords(plane.slots("services4")),
    sources: unpackWords(plane.slots("sources4")),
    members,
    egress,
    names,
  };
  const ports: readonly PortConfig[] = observePorts(plane)
    .filter((port) => port.attached)
    .map(({ name, role, mode }) => ({ name, role, mode }));
  const decoded = decodeRows(layout, { rows, vms, vmCapacity: plane.meta.vmCapacity, ports });
  const ifindexes = new Set(links().map(({ ifindex }) => ifindex));
  return { ...decoded, ifindexes, rows, vms, retired, slots: { endpoints: endpoints.slots, circuits: circuits.slots } };
}

/** MACs that packets have taught, by tenant/circuit. */
export function readLearnedPeers(plane: Plane, { circuit }: Pick<Indexes, "circuit">): ReadonlyMap<string, Mac> {
  const learned = new Map<string, Mac>();
  for (const [name, index] of circuit) {
    const row = plane.layout.decode("circuit_peer", plane.array("circuit_peers").load(index)) as Record<
      string,
      unknown
    >;
    if (row.known !== 0) learned.set(name, macFromBytes(row.mac as Uint8Array));
  }
  return learned;
}
