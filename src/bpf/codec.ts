// Records of a BPF map ↔ plain objects with the field names of the C struct.
//
//   C                              JavaScript
//   integer of 1, 2, 4 bytes       number
//   integer of 8 bytes, pointer    bigint
//   __be16, __be32, __be64         the same, in network order on the other side
//   __u8[N]                        Uint8Array of N bytes
//   char[N]                        string, NUL-terminated UTF-8
//   other arrays                   array; a shorter one leaves the rest zero
//   enum                           number; Btf.enumeration has the names
//   _Bool                          boolean
//   struct, union                  object; members of anonymous ones belong to the outer one
//
// A field that is left out is zero, and so is padding. An unknown field or a value out of range is an error.

import { UnumError } from "../errors.ts";
import type { Btf } from "./btf.ts";
import type { BtfMember, BtfType } from "./btf-reader.ts";
import { btfError } from "./btf-reader.ts";
import type { Accessor, FieldKind } from "./codec-scalar.ts";
import { bitfield, byteArray, scalar, text, valueError } from "./codec-scalar.ts";

/** What a field may hold. */
export type FieldValue = number | bigint | boolean | string | Uint8Array | readonly FieldValue[] | StructValue;

export interface StructValue {
  readonly [field: string]: FieldValue | undefined;
}

/** Where a field lies, for messages and for comparing the layouts of two objects. */
export interface FieldLayout {
  readonly name: string;
  /** Bytes from the start of the struct; of a bitfield, those of its first bit. */
  readonly offset: number;
  /** Bytes; of a bitfield, those that its bits would fill. */
  readonly size: number;
  /** As C writes it, such as `__be32` or `struct vm4_slot[4]`. */
  readonly typeName: string;
  readonly kind: FieldKind;
  /** Set for a bitfield: its first bit within the struct and its width. */
  readonly bits?: { readonly offset: number; readonly size: number };
  /** Bytes of an element of an array; text and `__u8[]` are none. */
  readonly elementSize?: number;
  /** Fields of a struct or union, or of the elements of an array of such. */
  readonly fields?: readonly FieldLayout[];
}

/** Immutable; made once per type by Btf. */
export interface Codec<T = StructValue> {
  /** Bytes of one value. */
  readonly size: number;
  readonly typeName: string;
  /** Empty unless it is a struct or union. */
  readonly fields: readonly FieldLayout[];
  /**
   * Writes `value` into `into` at `offset`, or into fresh bytes, and returns the bytes. Every byte of the value is
   * written; when this throws, those bytes hold no value.
   * @throws UnumError CODEC_VALUE for a value that does not fit, ARGUMENT_INVALID when `into` is too short
   */
  encode(value: T, into?: Uint8Array, offset?: number): Uint8Array;
  /** Reads the value at `offset`; byte arrays are copies. @throws UnumError ARGUMENT_INVALID when there are too few bytes */
  decode(bytes: Uint8Array, offset?: number): T;
}

/** Structs within structs; damaged BTF can have one within itself. */
const DEPTH_MAX = 16;
/** No map has larger values: BPF_MAX of kmalloc'ed keys and values is far below. */
const SIZE_MAX = 0x7fffffff;

interface Compiled extends Accessor {
  readonly elementSize?: number;
  readonly fields?: readonly FieldLayout[];
}

export function compileCodec(btf: Btf, typeId: number): Codec<unknown> {
  const typeName = btf.typeName(typeId);
  const { size, fields = [], write, read } = compile(btf, typeId, shortName(typeName), 0);
  const requireBytes = (verb: string, bytes: Uint8Array, offset: number): void => {
    if (!Number.isInteger(offset) || offset < 0 || offset + size > bytes.length) {
      const message = `${verb} ${typeName}: ${size} bytes at ${offset} are not within the ${bytes.length} bytes given`;
      throw new UnumError("ARGUMENT_INVALID", message);
    }
  };
  return Object.freeze({
    size,
    typeName,
    fields,
    encode: (value: unknown, into?: Uint8Array, offset = 0) => {
      const bytes = into ?? new Uint8Array(size + offset);
      requireBytes("encode", bytes, offset);
      if (into !== undefined) bytes.fill(0, offset, offset + size);
      write(value, bytes, offset);
      return bytes;
    },
    decode: (bytes: Uint8Array, offset = 0) => {
      requireBytes("decode", bytes, offset);
      return read(bytes, offset);
    },
  });
}

/** `struct profile` is `profile` in `profile.ttl`. */
function shortName(typeName: string): string {
  return typeName.replace(/^(struct|union|enum) /, "");
}

function compile(btf: Btf, typeId: number, label: string, depth: number): Compiled {
  if (depth > DEPTH_MAX) throw btfError(`layout of ${label}`, "it is nested too deeply");
  const type = btf.resolve(typeId);
  // Errors within a nested struct name that struct, unless it has no name.
  if (type.kind === "struct" || type.kind === "union") return compileStruct(btf, type, type.name || label, depth);
  if (type.kind === "array") return compileArray(btf, type, label, depth);
  const accessor = scalar(label, type, byteOrder(btf, typeId));
  if (accessor === undefined) {
    throw btfError(
      `layout of ${label}`,
      `a value of type ${btf.typeName(typeId)} (${type.kind}) has no representation`,
    );
  }
  return accessor;
}

/** Whether the integer is little-endian: a typedef __beNN or __leNN says so, anything else has the order of the machine. */
function byteOrder(btf: Btf, typeId: number): boolean {
  let type = btf.type(typeId);
  while (type.kind === "typedef" || type.kind === "const" || type.kind === "volatile" || type.kind === "typeTag") {
    if (/^__be(16|32|64)$/.test(type.name)) return false;
    if (/^__le(16|32|64)$/.test(type.name)) return true;
    type = btf.type(type.type);
  }
  return btf.littleEndian;
}

function compileArray(btf: Btf, type: BtfType & { kind: "array" }, label: string, depth: number): Compiled {
  const element = btf.resolve(type.type);
  if (element.kind === "int" && element.size === 1 && element.isChar) return text(label, type.length);
  if (element.kind === "int" && element.size === 1 && !element.signed) return byteArray(label, type.length);
  const { size: stride, write, read, fields } = compile(btf, type.type, label, depth + 1);
  const size = stride * type.length;
  if (size > SIZE_MAX) throw btfError(`layout of ${label}`, `it has ${size} bytes`);
  return {
    size,
    kind: "array",
    elementSize: stride,
    ...(fields === undefined ? {} : { fields }),
    write: (value, bytes, at) => {
      if (!Array.isArray(value) || value.length > type.length) {
        throw valueError(label, value, `a list of at most ${type.length}`);
      }
      for (let i = 0; i < value.length; i++) write(value[i], bytes, at + i * stride);
    },
    read: (bytes, at) => Array.from({ length: type.length }, (_, i) => read(bytes, at + i * stride)),
  };
}

interface Field extends FieldLayout {
  readonly accessor: Accessor;
  /** What `accessor` is given: bitfields count their bits from the start of the struct. */
  readonly at: number;
}

type Composite = BtfType & { readonly kind: "struct" | "union" };

function compileStruct(btf: Btf, type: Composite, label: string, depth: number): Compiled {
  if (type.size > SIZE_MAX) throw btfError(`layout of ${label}`, `it has ${type.size} bytes`);
  const fields = type.members.flatMap((member) => compileMember(btf, type, member, label, depth));
  const byName = new Map<string, Field>();
  for (const field of fields) {
    if (byName.has(field.name)) throw btfError(`layout of ${label}`, `it has two fields ${field.name}`);
    byName.set(field.name, field);
  }
  const names = fields.map((field) => field.name);
  const expected = `an object with the fields ${names.join(", ")}`;
  return {
    size: type.size,
    kind: type.kind,
    fields: Object.freeze(fields.map(({ accessor, at, ...layout }) => Object.freeze(layout))),
    write: (value, bytes, start) => {
      if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Array.isArray(value)) {
        throw valueError(label, value, expected);
      }
      const given = value as StructValue;
      for (const name in given) {
        const content = given[name];
        if (content === undefined) continue;
        const field = byName.get(name);
        if (field === undefined) {
          throw new UnumError(
            "CODEC_VALUE",
            `encode ${label}: it has no field ${JSON.stringify(name)}, expected ${expected}`,
          );
        }
        field.accessor.write(content, bytes, start + field.at);
      }
    },
    read: (bytes, start) => {
      const value: Record<string, unknown> = {};
      for (const field of fields) value[field.name] = field.accessor.read(bytes, start + field.at);
      return value;
    },
  };
}

function compileMember(btf: Btf, outer: Composite, member: BtfMember, label: string, depth: number): readonly Field[] {
  const type = btf.resolve(member.type);
  if (member.name === "") {
    // Unnamed bitfields are padding; the members of unnamed structs and unions belong to the outer one.
    if (type.kind !== "struct" && type.kind !== "union") return [];
    if (depth >= DEPTH_MAX) throw btfError(`layout of ${label}`, "it is nested too deeply");
    const shift = member.bitOffset;
    return type.members.flatMap((inner) => {
      const moved = { ...inner, bitOffset: inner.bitOffset + shift };
      return compileMember(btf, outer, moved, label, depth + 1);
    });
  }
  const name = member.name;
  const typeName = btf.typeName(member.type);
  const bits = bitfieldOf(member, type);
  if (bits !== undefined) {
    const accessor = bitfield(`${label}.${name}`, bits.offset, bits.size, bits.signed, btf.littleEndian);
    requireWithin(outer, name, bits.offset + bits.size);
    const layout = { name, offset: bits.offset >> 3, size: accessor.size, typeName, kind: accessor.kind };
    return [{ ...layout, bits: { offset: bits.offset, size: bits.size }, accessor, at: 0 }];
  }
  if (member.bitOffset % 8 !== 0) throw btfError(`layout of ${label}`, `${name} does not start at a byte`);
  const accessor = compile(btf, member.type, `${label}.${name}`, depth + 1);
  requireWithin(outer, name, member.bitOffset + 8 * accessor.size);
  const offset = member.bitOffset / 8;
  const { size, kind, fields, elementSize } = accessor;
  const parts = { ...(fields && { fields }), ...(elementSize !== undefined && { elementSize }) };
  return [{ name, offset, size, typeName, kind, ...parts, accessor, at: offset }];
}

function bitfieldOf(member: BtfMember, type: BtfType): { offset: number; size: number; signed: boolean } | undefined {
  if (type.kind === "bits") return { offset: member.bitOffset + type.shift, size: type.bits, signed: type.signed };
  if (member.bitSize === 0) return undefined;
  const signed = (type.kind === "int" || type.kind === "enum") && type.signed;
  return { offset: member.bitOffset, size: member.bitSize, signed };
}

function requireWithin(outer: Composite, name: string, endBit: number): void {
  if (endBit <= 8 * outer.size) return;
  throw btfError(`layout of ${outer.kind} ${outer.name}`, `${name} ends at bit ${endBit} of ${8 * outer.size}`);
}

/**
 * What differs between two layouts, in words, for a pinned map that an older or newer program made; empty when records
 * of one can be read as records of the other. `ours` is what the program needs.
 */
export function layoutDifferences(ours: readonly FieldLayout[], theirs: readonly FieldLayout[], prefix = ""): string[] {
  const differences: string[] = [];
  const others = new Map(theirs.map((field) => [field.name, field]));
  for (const field of ours) {
    const other = others.get(field.name);
    others.delete(field.name);
    const name = `${prefix}${field.name}`;
    if (other === undefined) {
      differences.push(`${name} is missing`);
    } else if (describe(field) !== describe(other)) {
      differences.push(`${name} is ${describe(other)}, expected ${describe(field)}`);
    } else {
      differences.push(...layoutDifferences(field.fields ?? [], other.fields ?? [], `${name}.`));
    }
  }
  for (const name of others.keys()) differences.push(`${prefix}${name} is not expected`);
  return differences;
}

function describe(field: FieldLayout): string {
  const place = field.bits === undefined ? `byte ${field.offset}` : `bit ${field.bits.offset}, ${field.bits.size} bits`;
  return `${field.typeName} at ${place}`;
}
