// Single words, records and slots → maps.

import type { StructName } from "./layout.ts";
import type { Plane, TableName } from "./plane.ts";
import type { Difference, WordAndRecord } from "./rows.ts";
import { packKeys, packWords } from "./rows.ts";

export function storeWord(plane: Plane, map: string, index: number, bytes: Uint8Array): void {
  plane.array(map).store(index, bytes);
}

/** New version into the slot that is not live, then the word that names it. */
export function storeRecord(
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

export const ENDPOINT_MAPS = { words: "endpoints", records: "tunnels", struct: "endpoint", field: "tunnel" } as const;
export const CIRCUIT_MAPS = {
  words: "circuits",
  records: "circuit_records",
  struct: "circuit",
  field: "record",
} as const;

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

export function putWords(plane: Plane, table: TableName, puts: readonly (readonly [bigint, bigint])[]): void {
  if (puts.length > 0) plane.table(table).changeAll({ puts: packWords(puts, puts.length), deletes: new Uint8Array(0) });
}

export function deleteWords(plane: Plane, table: TableName, keys: readonly bigint[]): void {
  if (keys.length > 0) plane.table(table).changeAll({ puts: new Uint8Array(0), deletes: packKeys(keys) });
}
