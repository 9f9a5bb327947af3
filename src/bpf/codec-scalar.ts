// Accessors for the C types that have no parts. Made once per field, so that encoding a record is a run of plain calls.
// Bytes are moved one by one: a DataView would have to be made for every buffer.

import { UnumError } from "../errors.ts";
import type { BtfType } from "./btf-reader.ts";

export type FieldKind =
  | "integer"
  | "boolean"
  | "float"
  | "enum"
  | "pointer"
  | "bytes"
  | "text"
  | "array"
  | "struct"
  | "union";

/** Moves one value between JavaScript and the bytes at `at`. Callers have checked that the bytes are there. */
export interface Accessor {
  readonly size: number;
  readonly kind: FieldKind;
  /** `bytes` are zero before. */
  write(value: unknown, bytes: Uint8Array, at: number): void;
  read(bytes: Uint8Array, at: number): unknown;
}

/** @param label such as `profile.ttl` */
export function valueError(label: string, value: unknown, expected: string): UnumError {
  const shown =
    typeof value === "string"
      ? JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
      : typeof value === "object" || typeof value === "function"
        ? shownObject(value)
        : `${String(value)}${typeof value === "bigint" ? "n" : ""}`;
  return new UnumError("CODEC_VALUE", `encode ${label}: ${shown} does not fit, expected ${expected}`);
}

function shownObject(value: unknown): string {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? `a list of ${value.length}` : `a value of type ${typeof value}`;
}

/** Integers of 1, 2 and 4 bytes as number. */
export function smallInteger(label: string, size: number, signed: boolean, littleEndian: boolean): Accessor {
  const max = 2 ** (8 * size - (signed ? 1 : 0)) - 1;
  const min = signed ? -max - 1 : 0;
  const unused = 32 - 8 * size;
  const check = (value: unknown): number => {
    if (typeof value === "number" && value >= min && value <= max && Number.isInteger(value)) return value;
    throw valueError(label, value, `an integer ${min} to ${max}`);
  };
  const extend = signed ? (raw: number) => (raw << unused) >> unused : (raw: number) => raw >>> 0;
  const kind = "integer";
  if (size === 1) {
    return {
      size,
      kind,
      write: (value, bytes, at) => {
        bytes[at] = check(value);
      },
      read: (bytes, at) => extend(bytes[at] as number),
    };
  }
  const shifts = Array.from({ length: size }, (_, i) => 8 * (littleEndian ? i : size - 1 - i));
  if (size === 2) {
    const [first, second] = shifts as [number, number];
    return {
      size,
      kind,
      write: (value, bytes, at) => {
        const number = check(value);
        bytes[at] = number >> first;
        bytes[at + 1] = number >> second;
      },
      read: (bytes, at) => extend(((bytes[at] as number) << first) | ((bytes[at + 1] as number) << second)),
    };
  }
  const [a, b, c, d] = shifts as [number, number, number, number];
  return {
    size,
    kind,
    write: (value, bytes, at) => {
      const number = check(value);
      bytes[at] = number >>> a;
      bytes[at + 1] = number >>> b;
      bytes[at + 2] = number >>> c;
      bytes[at + 3] = number >>> d;
    },
    read: (bytes, at) =>
      extend(
        ((bytes[at] as number) << a) |
          ((bytes[at + 1] as number) << b) |
          ((bytes[at + 2] as number) << c) |
          ((bytes[at + 3] as number) << d),
      ),
  };
}

const scratch = new BigUint64Array(1);
const scratchBytes = new Uint8Array(scratch.buffer);
const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Integers of 8 bytes as bigint. */
export function wideInteger(
  label: string,
  signed: boolean,
  littleEndian: boolean,
  kind: FieldKind = "integer",
): Accessor {
  const max = signed ? 2n ** 63n - 1n : 2n ** 64n - 1n;
  const min = signed ? -max - 1n : 0n;
  const flip = littleEndian === hostIsLittleEndian ? 0 : 7;
  return {
    size: 8,
    kind,
    write: (value, bytes, at) => {
      if (typeof value !== "bigint" || value < min || value > max) {
        throw valueError(label, value, `a bigint ${min} to ${max}`);
      }
      scratch[0] = value;
      for (let i = 0; i < 8; i++) bytes[at + i] = scratchBytes[i ^ flip] as number;
    },
    read: (bytes, at) => {
      for (let i = 0; i < 8; i++) scratchBytes[i ^ flip] = bytes[at + i] as number;
      return signed ? BigInt.asIntN(64, scratch[0] as bigint) : scratch[0];
    },
  };
}

/** An integer of any size that has a JavaScript value. */
export function integer(label: string, size: number, signed: boolean, littleEndian: boolean): Accessor | undefined {
  if (size === 8) return wideInteger(label, signed, littleEndian);
  return size <= 4 ? smallInteger(label, size, signed, littleEndian) : undefined;
}

export function boolean(label: string, size: number, littleEndian: boolean): Accessor | undefined {
  const number = size <= 4 ? smallInteger(label, size, false, littleEndian) : undefined;
  return (
    number && {
      size,
      kind: "boolean",
      write: (value, bytes, at) => {
        if (typeof value !== "boolean") throw valueError(label, value, "true or false");
        number.write(value ? 1 : 0, bytes, at);
      },
      read: (bytes, at) => number.read(bytes, at) !== 0,
    }
  );
}

export function float(label: string, size: number, littleEndian: boolean): Accessor | undefined {
  if (size !== 4 && size !== 8) return undefined;
  const viewOf = (bytes: Uint8Array, at: number): DataView => new DataView(bytes.buffer, bytes.byteOffset + at, size);
  return {
    size,
    kind: "float",
    write: (value, bytes, at) => {
      if (typeof value !== "number") throw valueError(label, value, "a number");
      const view = viewOf(bytes, at);
      if (size === 4) view.setFloat32(0, value, littleEndian);
      else view.setFloat64(0, value, littleEndian);
    },
    read: (bytes, at) => {
      const view = viewOf(bytes, at);
      return size === 4 ? view.getFloat32(0, littleEndian) : view.getFloat64(0, littleEndian);
    },
  };
}

/**
 * A bitfield of `bits` at `bitOffset` bits from the start of its struct. Fields of at most 32 bits are numbers, wider
 * ones bigints. Bits are counted from the low end of a byte on little-endian machines, from the high end on others.
 */
export function bitfield(
  label: string,
  bitOffset: number,
  bits: number,
  signed: boolean,
  littleEndian: boolean,
): Accessor {
  const max = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  const min = signed ? -max - 1n : 0n;
  const wide = bits > 32;
  if (littleEndian && !signed && (bitOffset & 7) + bits <= 32) return narrowBitfield(label, bitOffset, bits);
  const place = (bit: number): { readonly byte: number; readonly mask: number } => {
    const position = bitOffset + (littleEndian ? bit : bits - 1 - bit);
    return { byte: position >> 3, mask: 1 << (littleEndian ? position & 7 : 7 - (position & 7)) };
  };
  const places = Array.from({ length: bits }, (_, bit) => place(bit));
  return {
    size: Math.ceil(bits / 8),
    kind: "integer",
    write: (value, bytes, at) => {
      const given = typeof value === "bigint" || Number.isInteger(value) ? BigInt(value as bigint | number) : undefined;
      if (given === undefined || given < min || given > max || (typeof value === "bigint") !== wide) {
        throw valueError(label, value, `${wide ? "a bigint" : "an integer"} ${min} to ${max}`);
      }
      let rest = BigInt.asUintN(bits, given);
      for (const { byte, mask } of places) {
        if ((rest & 1n) === 1n) bytes[at + byte] = (bytes[at + byte] as number) | mask;
        rest >>= 1n;
      }
    },
    read: (bytes, at) => {
      let value = 0n;
      for (let bit = bits - 1; bit >= 0; bit--) {
        const { byte, mask } = places[bit] as { byte: number; mask: number };
        value = (value << 1n) | (((bytes[at + byte] as number) & mask) === 0 ? 0n : 1n);
      }
      if (signed) value = BigInt.asIntN(bits, value);
      return wide ? value : Number(value);
    },
  };
}

/** The common case of `bitfield`: what a few bytes hold, without a bigint for each bit. */
function narrowBitfield(label: string, bitOffset: number, bits: number): Accessor {
  const max = 2 ** bits - 1;
  const [first, shift] = [bitOffset >> 3, bitOffset & 7];
  const bytesUsed = Math.ceil((shift + bits) / 8);
  return {
    size: Math.ceil(bits / 8),
    kind: "integer",
    write: (value, bytes, at) => {
      if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max)
        throw valueError(label, value, `an integer 0 to ${max}`);
      // Shifts of numbers have 32 bits, and that is what there are at most.
      const placed = value << shift;
      for (let i = 0; i < bytesUsed; i++) (bytes[at + first + i] as number) |= (placed >>> (8 * i)) & 255;
    },
    read: (bytes, at) => {
      let value = 0;
      for (let i = 0; i < bytesUsed; i++) value |= (bytes[at + first + i] as number) << (8 * i);
      return bits === 32 ? value >>> 0 : (value >>> shift) & max;
    },
  };
}

/** Bytes as they are; all of them have to be given. */
export function byteArray(label: string, size: number): Accessor {
  return {
    size,
    kind: "bytes",
    write: (value, bytes, at) => {
      if (!(value instanceof Uint8Array) || value.length !== size) {
        throw valueError(label, value, `a Uint8Array of ${size} bytes`);
      }
      bytes.set(value, at);
    },
    read: (bytes, at) => Uint8Array.prototype.slice.call(bytes, at, at + size),
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** char[size] as UTF-8 text that ends at its NUL. */
export function text(label: string, size: number): Accessor {
  const expected = `text of at most ${size - 1} bytes without NUL`;
  return {
    size,
    kind: "text",
    write: (value, bytes, at) => {
      if (typeof value !== "string" || value.includes("\0")) throw valueError(label, value, expected);
      const encoded = encoder.encode(value);
      if (encoded.length >= size) throw valueError(label, value, expected);
      bytes.set(encoded, at);
    },
    read: (bytes, at) => {
      const end = bytes.indexOf(0, at);
      return decoder.decode(bytes.subarray(at, end < 0 || end > at + size ? at + size : end));
    },
  };
}

/** The accessor of a type without parts; undefined when it has parts, or no JavaScript value. */
export function scalar(label: string, type: BtfType, littleEndian: boolean): Accessor | undefined {
  switch (type.kind) {
    case "int":
      return type.size === 16 ? byteArray(label, 16) : integer(label, type.size, type.signed, littleEndian);
    case "bool":
      return boolean(label, type.size, littleEndian);
    case "enum": {
      const accessor = integer(label, type.size, type.signed, littleEndian);
      return accessor && { ...accessor, kind: "enum" };
    }
    case "float":
      return float(label, type.size, littleEndian);
    case "ptr":
      // BPF pointers have 64 bits whatever the machine.
      return wideInteger(label, false, littleEndian, "pointer");
    default:
      return undefined;
  }
}
