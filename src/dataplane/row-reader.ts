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
export type IndexedKind = IndexKind | "port";

export class RowReader {
  readonly layout: Layout;
  readonly input: DecodeInput;
  /** One line for each row that makes no sense. */
  readonly problems: string[] = [];
  readonly names: Record<IndexedKind, Map<number, string>> = {
    profile: new Map(),
    endpoint: new Map(),
    tenant: new Map(),
    circuit: new Map(),
    port: new Map(),
  };

  constructor(layout: Layout, input: DecodeInput) {
    this.layout = layout;
    this.input = input;
    this.#readNames();
  }

  #readNames(): void {
    const kinds = this.layout.names("object_kind", "OBJECT_KIND_");
    for (const [key, name] of this.input.rows.names) {
      const { kind, index } = this.fields("name_key", fromHex(key)) as { kind: number; index: number };
      const room = this.names[kinds.get(kind) as IndexedKind];
      if (room === undefined)
        this.problems.push(`names: ${JSON.stringify(name)} is of kind ${kind}, which does not exist`);
      else room.set(index, name);
    }
  }

  indexes(): Indexes {
    const invert = (names: Map<number, string>) => new Map([...names].map(([index, name]) => [name, index] as const));
    return {
      profile: invert(this.names.profile),
      endpoint: invert(this.names.endpoint),
      tenant: invert(this.names.tenant),
      circuit: invert(this.names.circuit),
    };
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
