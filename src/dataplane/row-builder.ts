// Rows under construction, for the files that compile one kind of object each.

import type { EndpointState, State, Transmit } from "../control/state.ts";
import { UnumError } from "../errors.ts";
import type { Encapsulation, Model } from "../model/index.ts";
import type { Indexes } from "./indexes.ts";
import type { Layout } from "./layout.ts";
import type { Rows, WordAndRecord } from "./rows.ts";
import { hex } from "./rows.ts";

export interface CompileInput {
  readonly state: State;
  readonly indexes: Indexes;
  /** Liveness by endpoint name; it is kept, not decided, here. */
  readonly endpointStates: ReadonlyMap<string, EndpointState>;
  /** Groups in the maps that a route names: the same endpoints keep their index. */
  readonly groups: ReadonlyMap<number, Uint8Array>;
  /** Elements of the map route_groups. */
  readonly groupEntries: number;
}

export function indexOf(indexes: Indexes, kind: keyof Indexes, name: string): number {
  const index = indexes[kind].get(name);
  if (index === undefined) {
    throw new UnumError("INTERNAL", `compile ${kind} ${JSON.stringify(name)}: it has no index`);
  }
  return index;
}

export class RowBuilder implements Omit<Rows, "edge"> {
  readonly layout: Layout;
  readonly input: CompileInput;
  readonly model: Model;
  readonly groupIndexes = new Map<string, number>();

  readonly profiles = new Map<number, Uint8Array>();
  readonly profileLimits = new Map<number, Uint8Array>();
  readonly profileDetails = new Map<number, Uint8Array>();
  readonly tenants = new Map<number, WordAndRecord>();
  readonly tenantLimits = new Map<number, Uint8Array>();
  readonly tenantDetails = new Map<number, Uint8Array>();
  readonly endpoints = new Map<number, WordAndRecord>();
  readonly circuits = new Map<number, WordAndRecord>();
  readonly groups = new Map<number, Uint8Array>();
  readonly routes4 = new Map<string, Uint8Array>();
  readonly routes6 = new Map<string, Uint8Array>();
  readonly attachments = new Map<string, Uint8Array>();
  readonly services4 = new Map<string, Uint8Array>();
  readonly services6 = new Map<string, Uint8Array>();
  readonly sources4 = new Map<string, Uint8Array>();
  readonly sources6 = new Map<string, Uint8Array>();
  readonly members = new Map<string, Uint8Array>();
  readonly egress = new Set<number>();
  readonly names = new Map<string, string>();

  constructor(layout: Layout, input: CompileInput) {
    this.layout = layout;
    this.input = input;
    this.model = input.state.model;
    for (const [index, group] of input.groups) this.groupIndexes.set(hex(group), index);
  }

  index(kind: keyof Indexes, name: string): number {
    return indexOf(this.input.indexes, kind, name);
  }

  name(kind: string, index: number, text: string): void {
    const key = this.layout.encode("name_key", {
      kind: this.layout.number("object_kind", `OBJECT_KIND_${kind}`),
      index,
    });
    this.names.set(hex(key), text);
  }

  get slotUsed(): number {
    return this.layout.number("slot_flags", "SLOT_USED");
  }

  transmit(how: Transmit | "none"): number {
    return this.layout.number("transmit", `TRANSMIT_${how.toUpperCase()}`);
  }

  encapsulation(encapsulation: Encapsulation): number {
    return this.layout.number("encapsulation", `ENCAPSULATION_${encapsulation.toUpperCase()}`);
  }
}
