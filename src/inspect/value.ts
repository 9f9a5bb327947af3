// A value of any BTF type, as bpftool prints it (its btf_dumper.c is the precedent): numbers by their encoding, enumerators
// by name, text that has nothing but printable characters as text. A printer is made once per type.
//
//   C                        plain                  JSON
//   integer                  7, -7                  the same
//   __int128, bitfield       0x1f                   "0x1f"
//   character (BTF_INT_CHAR) "a", 0x7               "a", "\u0007"; clang gives plain char no such mark: 97
//   bool                     true                   true
//   enumerator               "NAME"; a number where there is none
//   pointer                  0x1f, (nil)            31, 0
//   char[]                   "text", or a list of its elements
//   struct, union            {"field": …}, every member of a union
//   float, forward, function (unsupported-kind, and nothing more of the struct it is in
//
// Plain and JSON differ in nothing else. Where bpftool's JSON is none, neither is this.

import type { Btf } from "../bpf/btf.ts";
import type { BtfMember, BtfType } from "../bpf/btf-reader.ts";
import type { JsonWriter } from "./json-writer.ts";
import { quoted } from "./json-writer.ts";
import { readBits, readS64, readU8, readU16, readU32, readU64, readWide } from "./memory.ts";

/** Prints the value at `at`. False: it could not be printed, and what encloses it ends here. */
export type Printer = (writer: JsonWriter, bytes: Uint8Array, at: number) => boolean;

const BTF_INT_SIGNED = 1;
const BTF_INT_CHAR = 2;
const POINTER_BYTES = 8;
/** As far as libbpf follows typedefs and qualifiers, and arrays of arrays. */
const CHAIN_MAX = 32;

type Composite = BtfType & { readonly kind: "struct" | "union" };

/** Printers for the types of one Btf, in one of the two forms. */
export class ValuePrinter {
  readonly #btf: Btf;
  readonly #plain: boolean;
  readonly #printers = new Map<number, Printer>();

  constructor(btf: Btf, { plain }: { readonly plain: boolean }) {
    this.#btf = btf;
    this.#plain = plain;
  }

  /** @throws UnumError BTF_INVALID when there is no type of that number */
  of(typeId: number): Printer {
    return this.#of(typeId, 0);
  }

  /** @param bitOffset of a member within its first byte; only integers heed it, in structs of old compilers */
  #of(typeId: number, bitOffset: number): Printer {
    if (bitOffset !== 0) return this.#make(typeId, bitOffset);
    const known = this.#printers.get(typeId);
    if (known !== undefined) return known;
    // A type within itself is damage: the inner one finds this.
    this.#printers.set(typeId, unsupported);
    const printer = this.#make(typeId, 0);
    this.#printers.set(typeId, printer);
    return printer;
  }

  #make(typeId: number, bitOffset: number): Printer {
    const type = this.#btf.type(typeId);
    switch (type.kind) {
      case "int":
      case "bool":
      case "bits":
        return this.#integer(type, bitOffset);
      case "enum":
        return type.wide ? enumeration64(type) : enumeration(type);
      case "ptr":
        return this.#plain ? plainPointer : pointer;
      case "array":
        return this.#array(type);
      case "struct":
      case "union":
        return this.#struct(type);
      case "typedef":
      case "volatile":
      case "const":
      case "restrict": {
        const target = resolved(this.#btf, typeId);
        return target === undefined ? nothing : this.#of(target, bitOffset);
      }
      case "var":
        return object([[quoted(type.name), 0, this.#of(type.type, bitOffset)]]);
      case "datasec":
        return this.#section(type);
      case "void":
        return word("(unknown)", true);
      case "fwd":
        return word("(fwd-kind-invalid)", false);
      default:
        return unsupported;
    }
  }

  #integer(type: BtfType & { readonly kind: "int" | "bool" | "bits" }, bitOffset: number): Printer {
    const { size } = type;
    if (type.kind === "bits") return this.#bits(type.shift + bitOffset, type.bits);
    if (bitOffset !== 0) return this.#bits(bitOffset, 8 * size);
    if (size === 16) return this.#wide;
    if (type.kind === "bool") {
      return (writer, bytes, at) => {
        writer.raw(readU8(bytes, at) !== 0);
        return true;
      };
    }
    if (type.encoding === BTF_INT_CHAR) return this.#plain ? plainCharacter : character;
    if (type.encoding === BTF_INT_SIGNED) return signedInteger(size);
    return type.encoding === 0 ? unsignedInteger(size) : nothing;
  }

  #bits(offset: number, bits: number): Printer {
    const [byte, bit] = [offset >> 3, offset & 7];
    const show = this.#hexadecimal();
    if (bit + bits <= 8) {
      const mask = 2 ** bits - 1;
      const narrow = (bytes: Uint8Array, at: number) => Number(readBits(bytes, at, bit, bits)) & mask;
      return (writer, bytes, at) => show(writer, narrow(bytes, at + byte));
    }
    return (writer, bytes, at) => show(writer, readBits(bytes, at + byte, bit, bits));
  }

  get #wide(): Printer {
    const show = this.#hexadecimal();
    return (writer, bytes, at) => show(writer, readWide(bytes, at, 16));
  }

  #hexadecimal(): (writer: JsonWriter, value: number | bigint) => boolean {
    const quote = this.#plain ? "" : '"';
    return (writer, value) => {
      writer.raw(`${quote}0x${value.toString(16)}${quote}`);
      return true;
    };
  }

  #array({ type, length }: BtfType & { readonly kind: "array" }): Printer {
    const isText = length > 0 && isCharacter(this.#btf, type);
    const stride = sizeOf(this.#btf, type);
    const element = this.#of(type, 0);
    return (writer, bytes, at) => {
      const text = isText ? readText(bytes, at, length) : undefined;
      if (text !== undefined) {
        writer.string(text);
        return true;
      }
      if (stride === undefined) return false;
      writer.startArray();
      let whole = true;
      for (let i = 0; whole && i < length; i++) whole = element(writer, bytes, at + i * stride);
      writer.endArray();
      return whole;
    };
  }

  #struct({ members }: Composite): Printer {
    return object(members.map((member) => [quoted(member.name), ...this.#member(member)]));
  }

  #member({ type, bitOffset, bitSize }: BtfMember): readonly [offset: number, printer: Printer] {
    const [byte, bit] = [bitOffset >> 3, bitOffset & 7];
    return [byte, bitSize === 0 ? this.#of(type, bit) : this.#bits(bit, bitSize)];
  }

  #section(type: BtfType & { readonly kind: "datasec" }): Printer {
    const variables = type.variables.map(({ type, offset }) => [offset, this.#of(type, 0)] as const);
    const list: Printer = (writer, bytes, at) => {
      writer.startArray();
      const whole = variables.every(([offset, printer]) => printer(writer, bytes, at + offset));
      writer.endArray();
      return whole;
    };
    return object([[quoted(type.name), 0, list]]);
  }
}

/** Fields in order, until one cannot be printed. */
function object(fields: readonly (readonly [name: string, offset: number, printer: Printer])[]): Printer {
  return (writer, bytes, at) => {
    writer.startObject();
    let whole = true;
    for (const [name, offset, printer] of fields) {
      writer.quotedName(name);
      whole = printer(writer, bytes, at + offset);
      if (!whole) break;
    }
    writer.endObject();
    return whole;
  };
}

function word(text: string, whole: boolean): Printer {
  return (writer) => {
    writer.raw(text);
    return whole;
  };
}

// The bracket stays open: that is what bpftool prints.
const unsupported = word("(unsupported-kind", false);
const nothing: Printer = () => false;

function number(read: (bytes: Uint8Array, at: number) => number | bigint): Printer {
  return (writer, bytes, at) => {
    writer.raw(read(bytes, at));
    return true;
  };
}

function unsignedInteger(size: number): Printer {
  if (size === 1) return number(readU8);
  if (size === 2) return number(readU16);
  return number(size === 4 ? readU32 : readU64);
}

const readS8 = (bytes: Uint8Array, at: number): number => (readU8(bytes, at) << 24) >> 24;
const readS16 = (bytes: Uint8Array, at: number): number => (readU16(bytes, at) << 16) >> 16;
const readS32 = (bytes: Uint8Array, at: number): number => readU32(bytes, at) | 0;

function signedReader(size: number): (bytes: Uint8Array, at: number) => number | bigint {
  if (size === 1) return readS8;
  if (size === 2) return readS16;
  return size === 4 ? readS32 : readS64;
}

function signedInteger(size: number): Printer {
  return number(signedReader(size));
}

const pointer = number(readU64);
const plainPointer: Printer = (writer, bytes, at) => {
  const address = readU64(bytes, at);
  writer.raw(address === 0 ? "(nil)" : `0x${address.toString(16)}`);
  return true;
};

function isPrintable(code: number): boolean {
  return code >= 0x20 && code < 0x7f;
}

const character: Printer = (writer, bytes, at) => {
  const code = readU8(bytes, at);
  writer.raw(isPrintable(code) ? `"${String.fromCharCode(code)}"` : `"\\u00${code.toString(16).padStart(2, "0")}"`);
  return true;
};

const plainCharacter: Printer = (writer, bytes, at) => {
  const code = readU8(bytes, at);
  writer.raw(isPrintable(code) ? `"${String.fromCharCode(code)}"` : `0x${code.toString(16)}`);
  return true;
};

type Enumeration = BtfType & { readonly kind: "enum" };

/** Both sides are taken as signed, at the width of the value: 200 in one byte is -56, and finds no enumerator 200. */
function enumeration({ size, values }: Enumeration): Printer {
  const names = new Map<number | bigint, string>();
  for (const { name, value } of values) {
    const signed = Number(BigInt.asIntN(32, value));
    if (!names.has(signed)) names.set(signed, quoted(name));
  }
  const read = signedReader(size);
  return (writer, bytes, at) => {
    const value = read(bytes, at);
    writer.raw(names.get(value) ?? value);
    return true;
  };
}

function enumeration64({ values }: Enumeration): Printer {
  const names = new Map<bigint, string>();
  for (const { name, value } of values) {
    const signed = BigInt.asIntN(64, value);
    if (!names.has(signed)) names.set(signed, quoted(name));
  }
  return (writer, bytes, at) => {
    const value = BigInt(readS64(bytes, at));
    writer.raw(names.get(value) ?? value);
    return true;
  };
}

/** Text up to its NUL; undefined where there is none, or something that is not printable before it. */
function readText(bytes: Uint8Array, at: number, length: number): string | undefined {
  let text = "";
  for (let i = 0; i < length; i++) {
    const code = readU8(bytes, at + i);
    if (code === 0) return text;
    if (!isPrintable(code)) return undefined;
    text += String.fromCharCode(code);
  }
  return undefined;
}

/** Elements of text: behind qualifiers, but not behind a typedef. */
function isCharacter(btf: Btf, typeId: number): boolean {
  let type = btf.type(typeId);
  for (let steps = 0; isQualifier(type) && steps < CHAIN_MAX; steps++) type = btf.type(type.type);
  if (type.kind !== "int" || type.size !== 1) return false;
  return type.encoding === BTF_INT_CHAR || type.name === "char";
}

function isQualifier(
  type: BtfType,
): type is BtfType & { readonly kind: "volatile" | "const" | "restrict" | "typeTag"; readonly type: number } {
  return ["volatile", "const", "restrict", "typeTag"].includes(type.kind);
}

/** The type number behind typedefs and qualifiers; undefined: void, or no end of them. */
function resolved(btf: Btf, typeId: number): number | undefined {
  let type = btf.type(typeId);
  for (let steps = 0; isQualifier(type) || type.kind === "typedef" || type.kind === "var"; steps++) {
    if (steps === CHAIN_MAX) return undefined;
    type = btf.type(type.type);
  }
  return type.kind === "void" ? undefined : type.id;
}

/** Bytes of a value; undefined where it has no size. */
function sizeOf(btf: Btf, typeId: number, depth = 0): number | undefined {
  const type = btf.type(typeId);
  if (depth > CHAIN_MAX) return undefined;
  switch (type.kind) {
    case "ptr":
      return POINTER_BYTES;
    case "array": {
      const element = sizeOf(btf, type.type, depth + 1);
      return element === undefined ? undefined : element * type.length;
    }
    case "typedef":
    case "volatile":
    case "const":
    case "restrict":
    case "typeTag":
    case "declTag":
    case "var":
      return sizeOf(btf, type.type, depth + 1);
    default:
      return "size" in type ? type.size : undefined;
  }
}
