// Rows being read back, for the files that decode one kind of object each.

import type { PortConfig } from "../model/index.ts";
import type { Indexes, IndexKind } from "./indexes.ts";
import type { Layout } from "./layout.ts";
import type { Rows } from "./rows.ts";
import { fromHex } from "./rows.ts";
import type { VmSlots } from "./vm-shape.ts";

export interface DecodeInput {
  readonly rows: Rows;
  readonly vms: VmSlots;
  readonly vmCapacity: number;
  readonly vm6Capacity: number;
  /** Attached ports, which no map knows of. */
  readonly ports: readonly PortConfig[];
}

export type Field = Record<string, unknown>;
/** A key file is a name that a profile has beside its own. */
export type IndexedKind = IndexKind | "port" | "key-file";

export type NamesByIndex = Readonly<Record<IndexedKind, ReadonlyMap<number, string>>>;

/** The map names by kind and index; what makes no sense is left out and told to `problem`. */
export function namesByIndex(layout: Layout, rows: Rows["names"], problem: (text: string) => void): NamesByIndex {
  const kinds = layout.names("object_kind", "OBJECT_KIND_");
  const names: Record<IndexedKind, Map<number, string>> = {
    profile: new Map(),
    endpoint: new Map(),
    tenant: new Map(),
    circuit: new Map(),
    port: new Map(),
    "key-file": new Map(),
  };
  for (const [key, name] of rows) {
    const { kind, index } = layout.decode("name_key", fromHex(key)) as unknown as { kind: number; index: number };
    const room = names[kinds.get(kind)?.replace("_", "-") as IndexedKind];
    if (room === undefined) problem(`names: ${JSON.stringify(name)} is of kind ${kind}, which does not exist`);
    else room.set(index, name);
  }
  return names;
}

export function indexesOf(names: NamesByIndex): Indexes {
  const invert = (kind: IndexKind) => new Map([...names[kind]].map(([index, name]) => [name, index] as const));
  return {
    profile: invert("profile"),
    endpoint: invert("endpoint"),
    tenant: invert("tenant"),
    circuit: invert("circuit"),
  };
}

export class RowReader {
  readonly layout: Layout;
  readonly input: DecodeInput;
  /** One line for each row that makes no sense. */
  readonly problems: string[] = [];
  readonly names: NamesByIndex;

  constructor(layout: Layout, input: DecodeInput) {
    this.layout = layout;
    this.input = input;
    this.names = namesByIndex(layout, input.rows.names, (text) => this.problems.push(text));
  }

  indexes(): Indexes {
    return indexesOf(this.names);
  }

  /** Name of an object; a problem of `user` when it has none. */
  name(kind: IndexedKind, index: number, user: string): string | undefined {
    const name = this.names[kind].get(index);
    if (name === undefined) this.problems.push(`${user}: ${kind} ${index} has no name`);
    return name;
  }

  /** What a number of an enumeration means; a number that it does not have is a problem. */
  meaning(names: ReadonlyMap<number, string>, value: number, what: string, user: string): string | undefined {
    const meaning = names.get(value);
    // The first of each enumeration says that there is nothing.
    if (value !== 0 && meaning !== undefined) return meaning;
    this.problems.push(`${user}: ${what} ${value} does not exist`);
    return undefined;
  }

  fields(struct: Parameters<Layout["decode"]>[0], bytes: Uint8Array): Field {
    return this.layout.decode(struct, bytes) as Field;
  }
}
