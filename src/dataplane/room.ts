// Whether everything fits, before the first write.

import { UnumError } from "../errors.ts";
import type { Edge, VmCapacity } from "../model/index.ts";
import type { Observed } from "./observe.ts";
import type { Plane } from "./plane.ts";
import type { Rows } from "./rows.ts";
import { slotBytes, tableRoom } from "./tables.ts";
import type { VmSlots } from "./vm-shape.ts";
import type { Writes } from "./writes.ts";

function full(map: string, wanted: string, room: number, remedy: string): UnumError {
  return new UnumError("TABLE_FULL", `plan ${map}: ${wanted}, it holds ${room}; nothing was written`, { remedy });
}

/** In tables of the sizes that the state asks for: they are made anew before anything is written. */
function requireVmRoom(plane: Plane, { vmCapacity, vm6Capacity }: Edge, vms: VmSlots): void {
  for (const [table, capacity, setting] of [
    ["vms4", vmCapacity, "edge.capacity.vms"],
    ["vms6", vm6Capacity, "edge.capacity.vms6"],
  ] as const) {
    const wanted = vms[table].length / slotBytes(plane.layout, table);
    if (wanted <= capacity) continue;
    const remedy = `a larger ${setting} in the document makes the table anew, while packets flow`;
    throw full(table, `${wanted} entries are wanted`, capacity, remedy);
  }
}

/** Tables whose rows are keyed by bytes or text. */
const KEYED = [
  "names",
  "routes4",
  "routes6",
  "attachments",
  "services4",
  "services6",
  "sources4",
  "sources6",
  "members",
] as const;

function keyedRoom(plane: Plane, map: (typeof KEYED)[number]): number {
  const entries = plane.map(map).info.maxEntries;
  const plain = map === "names" || map === "routes4" || map === "routes6";
  return plain ? entries : tableRoom(plane.layout, map, entries);
}

/**
 * Every table is checked before the first write. New rows are there before old ones go, so a table must hold both; VMs, to which
 * nothing refers, give way to others where need be. Bucket tables check their buckets again when they are written.
 * @throws UnumError TABLE_FULL
 */
export function requireRoom(plane: Plane, writes: Writes, { rows, retired }: Observed, vms: VmSlots): void {
  requireVmRoom(plane, writes.state.model.edge, vms);
  const roomOf = (map: (typeof KEYED)[number]): number => keyedRoom(plane, map);
  const require = (map: string, wanted: number, present: number, added: number, room: number): void => {
    if (wanted > room)
      throw full(map, `${wanted} entries are wanted`, room, "remove what is not needed, or divide it among edges");
    const together = present + added;
    if (together <= room) return;
    const what = `${together} entries are wanted, ${together - wanted} of them until others are in their place`;
    throw full(map, what, room, "apply the removals first, then what is new");
  };
  for (const map of KEYED) {
    const present = rows[map].size + (map === "members" ? retired.size : 0);
    const added = writes[map].puts.filter(([key]) => !rows[map].has(key)).length;
    require(map, writes.desired[map].size, present, added, roomOf(map));
  }
  const newPorts = writes.egress.puts.filter(([ifindex]) => !rows.egress.has(ifindex)).length;
  require("egress", writes.desired.egress.size, rows.egress.size, newPorts, plane.map("egress").info.maxEntries);
}

/** Tables of objects, whose first element is none. */
const OBJECTS = ["profiles", "endpoints", "tenants", "circuits"] as const;

/** How full a table is: entries, and how many it holds. */
export interface Fill {
  readonly table: string;
  readonly entries: number;
  readonly room: number;
}

/** Every table that can be full, when it holds these rows, so many VMs, and members that are on their way out. */
export function tableFill(
  plane: Plane,
  rows: Rows,
  { retired, vms }: { readonly retired: number; readonly vms: VmCapacity },
): readonly Fill[] {
  const { capacity } = plane;
  const holds = (map: string): number => plane.map(map).info.maxEntries;
  return [
    { table: "vms4", entries: vms.vms, room: capacity.vms },
    { table: "vms6", entries: vms.vms6, room: capacity.vms6 },
    ...OBJECTS.map((table) => ({ table, entries: rows[table].size, room: holds(table) - 1 })),
    { table: "route_groups", entries: rows.groups.size, room: holds("route_groups") - 1 },
    ...KEYED.map((table) => {
      const entries = rows[table].size + (table === "members" ? retired : 0);
      return { table, entries, room: keyedRoom(plane, table) };
    }),
  ];
}
