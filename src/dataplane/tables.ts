// The bucket tables, and how full each may be made.

import type { KeyWords } from "../bpf/bucket-table.ts";
import { BUCKET_SHAPES, WORD_BYTES } from "../bpf/bucket-table.ts";
import { UnumError } from "../errors.ts";
import type { Layout, StructName } from "./layout.ts";

/** By name of the map: the struct of a slot. */
export const TABLE_SLOTS = {
  vms4: "vm4_slot",
  moved4: "moved4_slot",
  attachments: "attachment_slot",
  services4: "service4_slot",
  sources4: "source4_slot",
  members: "member_slot",
  vms6: "vm6_slot",
  moved6: "moved6_slot",
  services6: "service6_slot",
  sources6: "source6_slot",
} as const satisfies Readonly<Record<string, StructName>>;

export type TableName = keyof typeof TABLE_SLOTS;
export const TABLES = Object.keys(TABLE_SLOTS) as readonly TableName[];

/** Bytes of a slot of a table. */
export function slotBytes(layout: Layout, table: TableName): number {
  return layout.codec(TABLE_SLOTS[table]).size;
}

/** Words of a table's keys: all of a slot but its value word. */
export function keyWords(layout: Layout, table: TableName): KeyWords {
  const words = slotBytes(layout, table) / WORD_BYTES - 1;
  if (words === 1 || words === 3) return words;
  throw new UnumError("BTF_INVALID", `open table ${table}: its keys have ${words} words, expected 1 or 3`);
}

/** Part of the slots that keys find room in, whatever they are: buckets of two fill less well than buckets of four. */
const FILLED_MAX: Readonly<Record<KeyWords, number>> = { 1: 0.9, 3: 0.8 };

/** Keys that a table of so many buckets is said to hold. */
export function tableRoom(layout: Layout, table: TableName, buckets: number): number {
  const words = keyWords(layout, table);
  return Math.floor(buckets * BUCKET_SHAPES[words].slots * FILLED_MAX[words]);
}

/**
 * VMs that a bucket is made for: three of four slots, four of three buckets of two. More would fit, and cost those who change a
 * full table: keys would have to move out of each other's way, and each move waits for a grace period (docs/maps.md).
 */
const VMS_PER_BUCKET = { vms4: 3, vms6: 4 / 3 } as const;

/** Buckets of a VM table that is made for so many VMs. */
export function vmBuckets(table: keyof typeof VMS_PER_BUCKET, vms: number): number {
  return Math.ceil(vms / VMS_PER_BUCKET[table]);
}

/** VMs that a table of so many buckets was made for; it makes a table of as many buckets. */
export function vmsOfBuckets(table: keyof typeof VMS_PER_BUCKET, buckets: number): number {
  return Math.floor(buckets * VMS_PER_BUCKET[table]);
}
