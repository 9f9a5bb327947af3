// Raw BTF bytes → types as data (Documentation/bpf/btf.rst). The bytes may come from anywhere, so every offset, count
// and type number is checked here, and what follows can rely on them.

import { UnumError } from "../errors.ts";

export interface BtfMember {
  /** Empty for an anonymous struct or union, whose members belong to the outer one. */
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** 0 unless it is a bitfield. */
  readonly bitSize: number;
}

export interface BtfVariable {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

interface Named {
  readonly id: number;
  readonly name: string;
}

export type BtfType = Named &
  (
    | { readonly kind: "void" }
    | {
        readonly kind: "int";
        readonly size: number;
        readonly signed: boolean;
        readonly isChar: boolean;
        /** BTF_INT_*, as the compiler gave it: plain char has BTF_INT_SIGNED or nothing. */
        readonly encoding: number;
      }
    | { readonly kind: "bool"; readonly size: number }
    | {
        readonly kind: "bits";
        readonly size: number;
        readonly signed: boolean;
        readonly bits: number;
        readonly shift: number;
      }
    | {
        readonly kind: "ptr" | "typedef" | "volatile" | "const" | "restrict" | "func" | "typeTag" | "declTag";
        readonly type: number;
      }
    | { readonly kind: "array"; readonly type: number; readonly length: number }
    | { readonly kind: "struct" | "union"; readonly size: number; readonly members: readonly BtfMember[] }
    | {
        readonly kind: "enum";
        /** BTF_KIND_ENUM64; the other kind has values of 32 bits, whatever its size. */
        readonly wide: boolean;
        readonly size: number;
        readonly signed: boolean;
        readonly values: readonly { readonly name: string; readonly value: bigint }[];
      }
    | { readonly kind: "fwd" }
    | { readonly kind: "funcProto"; readonly type: number; readonly parameters: readonly BtfParameter[] }
    | { readonly kind: "var"; readonly type: number }
    | { readonly kind: "datasec"; readonly size: number; readonly variables: readonly BtfVariable[] }
    | { readonly kind: "float"; readonly size: number }
  );

export interface BtfParameter {
  readonly name: string;
  readonly type: number;
}

export interface RawBtf {
  /** By type number; 0 is void. */
  readonly types: readonly BtfType[];
  /** Byte order of these bytes, and so of the data that they describe. */
  readonly littleEndian: boolean;
}

const MAGIC = 0xeb9f;
const HEADER_BYTES = 24;
const INT_SIGNED = 1;
const INT_CHAR = 2;
const INT_BOOL = 4;
/** BTF_KIND_* in the order of their numbers; the size of what follows the 12 bytes that all have, per kind below. */
const KINDS = [
  "unknown",
  "int",
  "ptr",
  "array",
  "struct",
  "union",
  "enum",
  "fwd",
  "typedef",
  "volatile",
  "const",
  "restrict",
  "func",
  "funcProto",
  "var",
  "datasec",
  "float",
  "declTag",
  "typeTag",
  "enum64",
] as const;

export function btfError(subject: string, cause: string): UnumError {
  return new UnumError("BTF_INVALID", `read ${subject}: ${cause}`);
}

/** One section of the bytes, with checked reads. */
class Section {
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  readonly #what: string;
  at = 0;

  constructor(view: DataView, littleEndian: boolean, what: string) {
    this.#view = view;
    this.#littleEndian = littleEndian;
    this.#what = what;
  }

  get atEnd(): boolean {
    return this.at >= this.#view.byteLength;
  }

  u32(): number {
    if (this.at + 4 > this.#view.byteLength) throw btfError("BTF", `the ${this.#what} section ends within an entry`);
    const value = this.#view.getUint32(this.at, this.#littleEndian);
    this.at += 4;
    return value;
  }

  /** `count` entries made by `read`, whose bytes must all be there: a count can not make memory out of nothing. */
  list<T>(count: number, entryBytes: number, read: () => T): T[] {
    if (this.at + count * entryBytes > this.#view.byteLength) {
      throw btfError("BTF", `the ${this.#what} section ends within a list of ${count}`);
    }
    return Array.from({ length: count }, read);
  }
}

function subSection(bytes: Uint8Array, start: number, offset: number, length: number, what: string): DataView {
  if (start + offset + length > bytes.length) {
    throw btfError("BTF", `the ${what} section ends at byte ${start + offset + length} of ${bytes.length}`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset + start + offset, length);
}

/** Reads names, each cut at its NUL. */
function stringReader(view: DataView): (offset: number) => string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  if (bytes.length === 0 || bytes[0] !== 0 || bytes[bytes.length - 1] !== 0) {
    throw btfError("BTF", "the strings section does not start and end with a NUL");
  }
  const decoder = new TextDecoder();
  return (offset) => {
    if (offset >= bytes.length) throw btfError("BTF", `a name at ${offset} lies beyond the strings section`);
    return decoder.decode(bytes.subarray(offset, bytes.indexOf(0, offset)));
  };
}

/** @throws UnumError BTF_INVALID when the bytes are no BTF, are cut short or refer to types that do not exist. */
export function readBtf(bytes: Uint8Array): RawBtf {
  if (bytes.length < HEADER_BYTES) throw btfError("BTF", `it has ${bytes.length} bytes, fewer than its header`);
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = header.getUint16(0, true) === MAGIC;
  if (!littleEndian && header.getUint16(0, false) !== MAGIC) throw btfError("BTF", "it does not start with 0xeb9f");
  if (header.getUint8(2) !== 1) throw btfError("BTF", `its version is ${header.getUint8(2)}, expected 1`);
  const word = (index: number): number => header.getUint32(4 * index, littleEndian);
  const start = word(1);
  if (start < HEADER_BYTES) throw btfError("BTF", `its header says that it has ${start} bytes`);
  const section = new Section(subSection(bytes, start, word(2), word(3), "types"), littleEndian, "types");
  const nameAt = stringReader(subSection(bytes, start, word(4), word(5), "strings"));

  const types: BtfType[] = [{ id: 0, name: "void", kind: "void" }];
  while (!section.atEnd) types.push(readType(section, types.length, nameAt));
  for (const type of types) checkReferences(type, types.length);
  return { types, littleEndian };
}

function readType(section: Section, id: number, nameAt: (offset: number) => string): BtfType {
  const name = nameAt(section.u32());
  const info = section.u32();
  const sizeOrType = section.u32();
  const count = info & 0xffff;
  const flag = info >>> 31 === 1;
  const kind = KINDS[(info >>> 24) & 0x1f];
  switch (kind) {
    case "int":
      return readInt({ id, name }, sizeOrType, section.u32());
    case "ptr":
    case "typedef":
    case "volatile":
    case "const":
    case "restrict":
    case "func":
    case "typeTag":
      return { id, name, kind, type: sizeOrType };
    case "array": {
      const [type, , length] = [section.u32(), section.u32(), section.u32()];
      return { id, name, kind, type, length };
    }
    case "struct":
    case "union": {
      const members = section.list(count, 12, () => {
        const [member, type, offset] = [nameAt(section.u32()), section.u32(), section.u32()];
        return { name: member, type, bitOffset: flag ? offset & 0xffffff : offset, bitSize: flag ? offset >>> 24 : 0 };
      });
      return { id, name, kind, size: sizeOrType, members };
    }
    case "enum": {
      const values = section.list(count, 8, () => {
        const [value, bits] = [nameAt(section.u32()), section.u32()];
        return { name: value, value: BigInt(flag ? bits | 0 : bits) };
      });
      return { id, name, kind, wide: false, size: sizeOrType, signed: flag, values };
    }
    case "enum64": {
      const values = section.list(count, 12, () => {
        const [value, low, high] = [nameAt(section.u32()), section.u32(), section.u32()];
        const bits = (BigInt(high) << 32n) | BigInt(low);
        return { name: value, value: flag ? BigInt.asIntN(64, bits) : bits };
      });
      return { id, name, kind: "enum", wide: true, size: sizeOrType, signed: flag, values };
    }
    case "fwd":
      return { id, name, kind };
    case "funcProto": {
      const parameters = section.list(count, 8, () => ({ name: nameAt(section.u32()), type: section.u32() }));
      return { id, name, kind, type: sizeOrType, parameters };
    }
    case "var":
      section.u32(); // linkage
      return { id, name, kind, type: sizeOrType };
    case "datasec": {
      const variables = section.list(count, 12, () => ({
        type: section.u32(),
        offset: section.u32(),
        size: section.u32(),
      }));
      return { id, name, kind, size: sizeOrType, variables };
    }
    case "float":
      return { id, name, kind, size: sizeOrType };
    case "declTag":
      section.u32(); // component
      return { id, name, kind, type: sizeOrType };
    default:
      throw btfError("BTF", `type ${id} is of the unknown kind ${(info >>> 24) & 0x1f}`);
  }
}

function readInt(named: Named, size: number, data: number): BtfType {
  const [encoding, shift, bits] = [(data >>> 24) & 0xf, (data >>> 16) & 0xff, data & 0xff];
  if (![1, 2, 4, 8, 16].includes(size) || bits === 0 || shift + bits > 8 * size) {
    throw btfError("BTF", `the integer type ${named.id} has ${bits} bits at ${shift} in ${size} bytes`);
  }
  const signed = (encoding & INT_SIGNED) !== 0;
  if (bits !== 8 * size) return { ...named, kind: "bits", size, signed, bits, shift };
  if ((encoding & INT_BOOL) !== 0) return { ...named, kind: "bool", size };
  // clang names plain char and says nothing else about it.
  const isChar = (encoding & INT_CHAR) !== 0 || named.name === "char";
  return { ...named, kind: "int", size, signed, isChar, encoding };
}

function checkReferences(type: BtfType, count: number): void {
  const check = (reference: number): void => {
    if (reference >= count) throw btfError("BTF", `type ${type.id} refers to type ${reference} of ${count}`);
  };
  if ("type" in type) check(type.type);
  if (type.kind === "struct" || type.kind === "union") for (const member of type.members) check(member.type);
  if (type.kind === "funcProto") for (const parameter of type.parameters) check(parameter.type);
  if (type.kind === "datasec") for (const variable of type.variables) check(variable.type);
}
