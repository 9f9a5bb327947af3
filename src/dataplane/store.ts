// Single words, records and slots → maps.

import type { BucketTable, Changes } from "../bpf/bucket-table.ts";
import type { StructName } from "./layout.ts";
import type { Plane } from "./plane.ts";
import type { Difference, WordAndRecord } from "./rows.ts";
import { packKeys, packSlots } from "./slots.ts";
import type { TableName } from "./tables.ts";

export function storeWord(plane: Plane, map: string, index: number, bytes: Uint8Array): void {
  plane.array(map).store(index, bytes);
}

/** An element that is made of more than a word, and that no packet reads meanwhile. */
export function clear(plane: Plane, map: string, index: number): void {
  const array = plane.array(map);
  array.write(index, new Uint8Array(array.valueSize));
}

/** Where words of a kind are, where their records are, and which field of the word names the record. */
export interface RecordMaps {
  readonly words: string;
  readonly records: string;
  readonly struct: StructName;
  readonly field: string;
}

/** New version into the slot that is not live, then the word that names it. */
export function storeRecord(
  plane: Plane,
  names: RecordMaps,
  index: number,
  { word, record }: WordAndRecord,
  live: number | undefined,
): void {
  const slot = live === 2 * index ? 2 * index + 1 : 2 * index;
  plane.array(names.records).write(slot, record);
  const bare = plane.layout.decode(names.struct, word) as Record<string, unknown>;
  storeWord(plane, names.words, index, plane.layout.encode(names.struct, { ...(bare as object), [names.field]: slot }));
}

export const ENDPOINT_MAPS: RecordMaps = {
  words: "endpoints",
  records: "tunnels",
  struct: "endpoint",
  field: "tunnel",
};
export const CIRCUIT_MAPS: RecordMaps = {
  words: "circuits",
  records: "circuit_records",
  struct: "circuit",
  field: "record",
};
export const TENANT_MAPS: RecordMaps = {
  words: "tenants",
  records: "tenant_records",
  struct: "tenant",
  field: "record",
};

/** A standby exists before the endpoint that names it. */
export function standbysFirst(
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

export function putSlots(plane: Plane, table: TableName, puts: readonly (readonly [string, Uint8Array])[]): void {
  if (puts.length > 0) plane.table(table).changeAll({ puts: packSlots(puts), deletes: new Uint8Array(0) });
}

export function deleteSlots(plane: Plane, table: TableName, keys: readonly string[]): void {
  if (keys.length > 0) plane.table(table).changeAll({ puts: new Uint8Array(0), deletes: packKeys(keys) });
}

/** New VMs before old ones go; where both do not fit, the old ones go first: nothing refers to a VM. */
export function putVmSlots(table: BucketTable, { puts, deletes }: Changes, capacity: number): void {
  const nothing = new Uint8Array(0);
  const fits = table.size + puts.length / table.shape.slotBytes <= capacity;
  if (!fits && deletes.length > 0) table.changeAll({ puts: nothing, deletes });
  table.changeAll({ puts, deletes: nothing });
}
