// Where the fields of a VM's slot lie, for passes over millions of slots: no codec makes an object of each. All of it comes
// from BTF.

import type { FieldLayout } from "../bpf/codec.ts";
import { UnumError } from "../errors.ts";
import type { PathPolicy } from "../model/index.ts";
import { VM_POLICIES } from "../model/index.ts";
import type { Layout } from "./layout.ts";
import { policiesByNumber, policyNumber } from "./policies.ts";
import { TABLE_SLOTS } from "./tables.ts";

/** Slots of both VM tables. */
export interface VmSlots {
  readonly vms4: Uint8Array;
  readonly vms6: Uint8Array;
}

export type VmTable = keyof VmSlots;
export const VM_TABLES = ["vms4", "vms6"] as const satisfies readonly VmTable[];

/** Words of 4 bytes that an address of a table has. */
export const ADDRESS_WORDS = { vms4: 1, vms6: 4 } as const satisfies Readonly<Record<VmTable, number>>;

/** Bits within two bytes in the order of this machine's memory. */
interface HalfBits {
  readonly at: number;
  readonly shift: number;
  readonly mask: number;
}

/** Offsets in bytes from the start of a slot. */
export interface VmShape {
  readonly slotBytes: number;
  readonly vni: number;
  readonly flags: number;
  readonly used: number;
  readonly address: number;
  readonly addressWords: 1 | 4;
  readonly mac: number;
  readonly endpoint: HalfBits;
  readonly policy: HalfBits;
  /** Numbers of VM_POLICIES by what a slot has, and the other way round. */
  readonly policyOfSlot: readonly number[];
  readonly slotOfPolicy: readonly number[];
}

function fieldOf(layout: Layout, table: VmTable, name: string): FieldLayout {
  const field = layout.codec(TABLE_SLOTS[table]).fields.find((candidate) => candidate.name === name);
  if (field !== undefined) return field;
  throw new UnumError("BTF_INVALID", `read struct ${TABLE_SLOTS[table]}: it has no field ${name}`);
}

function halfBits(layout: Layout, table: VmTable, name: string): HalfBits {
  const { offset, size, bits = { offset: offset * 8, size: size * 8 } } = fieldOf(layout, table, name);
  const shift = bits.offset % 16;
  if (shift + bits.size > 16) {
    const message = `read struct ${TABLE_SLOTS[table]}: ${name} is not within two aligned bytes`;
    throw new UnumError("BTF_INVALID", message);
  }
  return { at: (bits.offset - shift) / 8, shift, mask: 2 ** bits.size - 1 };
}

export function vmShape(layout: Layout, table: VmTable): VmShape {
  const slotOfPolicy = VM_POLICIES.map((policy) => policyNumber(layout, policy));
  const policyOfSlot: number[] = [];
  for (const [number, policy] of policiesByNumber(layout)) {
    policyOfSlot[number] = Math.max(VM_POLICIES.indexOf(policy as PathPolicy), 0);
  }
  return {
    slotBytes: layout.codec(TABLE_SLOTS[table]).size,
    vni: fieldOf(layout, table, "vni").offset,
    flags: fieldOf(layout, table, "flags").offset,
    used: layout.number("slot_flags", "SLOT_USED"),
    address: fieldOf(layout, table, "address").offset,
    addressWords: ADDRESS_WORDS[table],
    mac: fieldOf(layout, table, "mac").offset,
    endpoint: halfBits(layout, table, "endpoint"),
    policy: halfBits(layout, table, "policy"),
    policyOfSlot,
    slotOfPolicy,
  };
}

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export function readHalf(slots: Uint8Array, at: number, { at: offset, shift, mask }: HalfBits): number {
  const [first, second] = [slots[at + offset] as number, slots[at + offset + 1] as number];
  return ((LITTLE ? first | (second << 8) : (first << 8) | second) >>> shift) & mask;
}

/** Into bits that are zero. */
export function writeHalf(slots: Uint8Array, at: number, { at: offset, shift }: HalfBits, value: number): void {
  const bits = value << shift;
  (slots[at + offset] as number) |= (LITTLE ? bits : bits >>> 8) & 255;
  (slots[at + offset + 1] as number) |= (LITTLE ? bits >>> 8 : bits) & 255;
}
