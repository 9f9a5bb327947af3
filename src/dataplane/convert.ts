// Rows of one layout → rows of another, by the names of their fields. One that is new is zero, one that is gone is left out, and
// a value for which there is no room is an error: what a row says, it says afterwards, too.

import type { Btf } from "../bpf/btf.ts";
import type { Codec, FieldLayout } from "../bpf/codec.ts";
import { layoutDifferences } from "../bpf/codec.ts";
import { UnumError } from "../errors.ts";
import type { Renumber } from "./numbers.ts";
import { renumberedFields } from "./numbers.ts";

/** Makes a row of the other layout from the one at `at`. @throws UnumError CODEC_VALUE: a value has no room, or no number, there */
export interface Conversion {
  readonly fromBytes: number;
  readonly toBytes: number;
  convert(bytes: Uint8Array, at?: number): Uint8Array;
}

/** A C type in the BTF that it is of. */
export interface TypeRef {
  readonly btf: Btf;
  readonly typeId: number;
}

type Value = unknown;
type Change = (value: Value) => Value;

/** Two types compared: what differs, what of that cannot be overcome, and how to overcome the rest. */
export interface TypeComparison {
  readonly differences: readonly string[];
  readonly obstacles: readonly string[];
  /** Undefined: rows of one are rows of the other. */
  readonly conversion: Conversion | undefined;
}

/** Padding has a name (bpf/abi.h), and nothing in it. */
const PADDING = /^reserved/;

const INTEGERS: ReadonlySet<string> = new Set(["integer", "boolean", "enum", "pointer"]);

function isWide({ size, bits }: Pick<FieldLayout, "size" | "bits">): boolean {
  return bits === undefined ? size === 8 : bits.size > 32;
}

function integerChange(wide: boolean, toBoolean: boolean): Change {
  return (value) => {
    const whole = typeof value === "boolean" ? Number(value) : (value as number | bigint);
    if (toBoolean) return whole === 0 || whole === 1 ? whole === 1 : BigInt(whole) === 1n;
    return wide ? BigInt(whole) : Number(whole);
  };
}

/** Bytes that are too many have to be zero; those that lack are. */
function bytesChange(label: string, size: number): Change {
  return (value) => {
    const bytes = value as Uint8Array;
    if (bytes.subarray(size).some((byte) => byte !== 0)) {
      throw new UnumError("CODEC_VALUE", `encode ${label}: ${bytes.length} bytes do not fit, expected ${size}`);
    }
    const result = new Uint8Array(size);
    result.set(bytes.subarray(0, size));
    return result;
  };
}

function isNothing(value: Value): boolean {
  if (value instanceof Uint8Array) return value.every((byte) => byte === 0);
  if (Array.isArray(value)) return value.every(isNothing);
  if (typeof value === "object" && value !== null) return Object.values(value).every(isNothing);
  return value === 0 || value === 0n || value === false || value === "";
}

/** @returns undefined where no value of one has a meaning as the other */
function fieldChange(from: FieldLayout, to: FieldLayout, label: string): Change | undefined {
  if (INTEGERS.has(from.kind) && INTEGERS.has(to.kind)) return integerChange(isWide(to), to.kind === "boolean");
  if (from.kind !== to.kind) return undefined;
  switch (to.kind) {
    case "bytes":
      return bytesChange(label, to.size);
    case "text":
    case "float":
      return (value) => value;
    case "struct":
      return structChange(from.fields ?? [], to.fields ?? [], label);
    case "array":
      return arrayChange(from, to, label);
    default:
      // Which member of a union counts, nobody here knows.
      return from.typeName === to.typeName && layoutDifferences(to.fields ?? [], from.fields ?? []).length === 0
        ? (value) => value
        : undefined;
  }
}

function arrayChange(from: FieldLayout, to: FieldLayout, label: string): Change | undefined {
  const length = to.size / (to.elementSize ?? to.size);
  const dimensions = (field: FieldLayout): number => field.typeName.split("[").length - 1;
  const element =
    to.fields !== undefined && from.fields !== undefined
      ? structChange(from.fields, to.fields, label)
      : to.fields === from.fields && dimensions(from) <= 1 && dimensions(to) <= 1
        ? integerChange(to.elementSize === 8, false)
        : undefined;
  return (
    element &&
    ((value) => {
      const items = value as readonly Value[];
      const fits = items.slice(length).every(isNothing);
      // Too long a list is what the codec refuses in its own words.
      return (fits ? items.slice(0, length) : items).map(element);
    })
  );
}

function structChange(
  from: readonly FieldLayout[],
  to: readonly FieldLayout[],
  label: string,
  numbers: ReadonlyMap<string, Renumber> = new Map(),
): Change | undefined {
  const changes: [string, Change][] = [];
  for (const field of to) {
    const old = from.find(({ name }) => name === field.name);
    if (old === undefined || PADDING.test(field.name)) continue;
    const what = `${label}.${field.name}`;
    const change = fieldChange(old, field, what);
    if (change === undefined) return undefined;
    const renumber = numbers.get(field.name);
    changes.push([field.name, renumber === undefined ? change : renumbered(change, renumber, what)]);
  }
  return (value) => {
    const row = value as Record<string, Value>;
    return Object.fromEntries(changes.map(([name, change]) => [name, change(row[name])]));
  };
}

function renumbered(change: Change, renumber: Renumber, label: string): Change {
  return (value) => {
    const number = renumber(value as number);
    if (number === undefined) {
      throw new UnumError(
        "CODEC_VALUE",
        `encode ${label}: ${value} does not fit, expected a number that both builds know`,
      );
    }
    return change(number);
  };
}

/** Fields that no value can be taken over for. */
function strangeFields(from: Codec<unknown>, to: Codec<unknown>): string[] {
  return to.fields.flatMap((field) => {
    const old = from.fields.find(({ name }) => name === field.name);
    if (old === undefined || PADDING.test(field.name) || fieldChange(old, field, "") !== undefined) return [];
    return [`field ${field.name} cannot be made of ${old.typeName}, it is ${field.typeName}`];
  });
}

/** Compares the type that rows have with the one that they shall have. */
export function compareTypes(theirs: TypeRef, ours: TypeRef): TypeComparison {
  const [from, to] = [theirs.btf.codecOf<unknown>(theirs.typeId), ours.btf.codecOf<unknown>(ours.typeId)];
  const struct = to.typeName.replace(/^struct /, "");
  const differences = layoutDifferences(to.fields, from.fields).map((text) => `field ${text}`);
  if (from.size !== to.size) differences.push(`its size is ${from.size} bytes, expected ${to.size}`);
  if (to.fields.length === 0 || from.fields.length === 0) {
    if (from.typeName !== to.typeName) differences.push(`it is ${from.typeName}, expected ${to.typeName}`);
    const obstacles = from.size === to.size && from.fields.length === to.fields.length ? [] : differences;
    return { differences, obstacles, conversion: undefined };
  }
  const numbers = renumberedFields(theirs.btf, ours.btf, struct);
  for (const field of numbers.keys()) differences.push(`field ${field} has other numbers for the same names`);
  if (differences.length === 0) return { differences, obstacles: [], conversion: undefined };
  const change = structChange(from.fields, to.fields, struct, numbers);
  if (change === undefined) return { differences, obstacles: strangeFields(from, to), conversion: undefined };
  const conversion: Conversion = {
    fromBytes: from.size,
    toBytes: to.size,
    convert: (bytes, at = 0) => to.encode(change(from.decode(bytes, at))),
  };
  return { differences, obstacles: [], conversion };
}
