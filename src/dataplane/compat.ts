// Pinned maps against those that the object defines: every difference as data, and in words. Pure: who reads them is
// pinned-maps.ts, who makes others of them programs.ts.

import type { Btf } from "../bpf/btf.ts";
import type { Conversion } from "./convert.ts";
import { compareTypes } from "./convert.ts";
import type { Renumber } from "./numbers.ts";
import { NUMBERED_ELEMENTS, renumbering } from "./numbers.ts";
import { TABLE_SLOTS } from "./tables.ts";

/** A map as it is pinned, or as an object defines it. */
export interface MapShape {
  readonly typeName: string;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_…, without what the kernel adds by itself. */
  readonly flags: number;
  /** Types of key and value. */
  readonly types?: { readonly btf: Btf; readonly keyTypeId: number; readonly valueTypeId: number };
}

/** How rows of the pinned map become rows of the new one; what is undefined stays as it is. */
export interface RowChange {
  readonly key?: Conversion;
  /** Of a bucket table: of its slots. */
  readonly value?: Conversion;
  /** Where elements go that are kept for a number each; an element without a number is left out. */
  readonly element?: Renumber;
}

/**
 * What is to be done about a pinned map that is not as the object defines it:
 * `make`: there is none yet;
 * `copy`: another one takes its place, with its rows;
 * `drop`: the object has none of that name.
 */
export type MapChange = { readonly kind: "make" | "drop" } | { readonly kind: "copy"; readonly rows: RowChange };

export interface Comparison {
  /** Maps that cannot stay, by name. */
  readonly changes: ReadonlyMap<string, MapChange>;
  /** Every difference, a line each. */
  readonly differences: readonly string[];
  /** Those in whose way no copy helps. */
  readonly obstacles: readonly string[];
}

export interface CompareOptions {
  /** Maps of any number of entries. */
  readonly resizable: ReadonlySet<string>;
}

/** Kinds of maps whose rows can be put into one another. */
const KINDS: readonly ReadonlySet<string>[] = [
  new Set(["array"]),
  new Set(["percpu_array"]),
  new Set(["hash", "lru_hash", "lpm_trie"]),
  new Set(["devmap_hash"]),
];

interface MapComparison {
  readonly differences: readonly string[];
  readonly obstacles: readonly string[];
  readonly rows: RowChange;
}

const NO_DIFFERENCE: MapComparison = { differences: [], obstacles: [], rows: {} };

/** Where nothing is known of fields. */
function compareSizes(what: "key" | "value", is: number, expected: number): MapComparison {
  if (is === expected) return NO_DIFFERENCE;
  const text = `its ${what}s have ${is} bytes, expected ${expected}`;
  return { ...NO_DIFFERENCE, differences: [text], obstacles: [`${text}, and no type information`] };
}

/** The type of the slots of a bucket. */
function slotType(btf: Btf, bucketTypeId: number): number | undefined {
  const bucket = btf.resolve(bucketTypeId);
  if (bucket.kind !== "struct") return undefined;
  const slots = bucket.members.find(({ name }) => name === "slots");
  const array = slots && btf.resolve(slots.type);
  return array?.kind === "array" ? array.type : undefined;
}

function compareValues(name: string, theirs: MapShape, ours: MapShape): MapComparison {
  if (theirs.types === undefined || ours.types === undefined)
    return compareSizes("value", theirs.valueSize, ours.valueSize);
  const of = ({ btf, valueTypeId }: { btf: Btf; valueTypeId: number }) => {
    const typeId = name in TABLE_SLOTS ? slotType(btf, valueTypeId) : valueTypeId;
    return typeId === undefined ? undefined : { btf, typeId };
  };
  const [from, to] = [of(theirs.types), of(ours.types)];
  if (from === undefined || to === undefined) return { ...NO_DIFFERENCE, obstacles: ["its values are no buckets"] };
  const { differences, obstacles, conversion } = compareTypes(from, to);
  const enumeration = NUMBERED_ELEMENTS[name];
  const element = enumeration && renumbering(theirs.types.btf, ours.types.btf, enumeration, "one");
  return {
    differences: element ? [...differences, `enum ${enumeration} has other numbers for the same names`] : differences,
    obstacles,
    rows: { ...(conversion && { value: conversion }), ...(element && { element }) },
  };
}

function compareKeys(theirs: MapShape, ours: MapShape): MapComparison {
  if (theirs.types === undefined || ours.types === undefined) return compareSizes("key", theirs.keySize, ours.keySize);
  const { differences, obstacles, conversion } = compareTypes(
    { btf: theirs.types.btf, typeId: theirs.types.keyTypeId },
    { btf: ours.types.btf, typeId: ours.types.keyTypeId },
  );
  return {
    differences: differences.map((text) => `key: ${text}`),
    obstacles: obstacles.map((text) => `key: ${text}`),
    rows: conversion === undefined ? {} : { key: conversion },
  };
}

function compareMap(name: string, theirs: MapShape, ours: MapShape, resizable: boolean): MapComparison {
  const differences: string[] = [];
  const obstacles: string[] = [];
  if (theirs.typeName !== ours.typeName) {
    const text = `it is of type ${theirs.typeName}, expected ${ours.typeName}`;
    differences.push(text);
    if (!KINDS.some((kind) => kind.has(theirs.typeName) && kind.has(ours.typeName))) obstacles.push(text);
  }
  if (!resizable && theirs.maxEntries !== ours.maxEntries) {
    differences.push(`it has ${theirs.maxEntries} entries, expected ${ours.maxEntries}`);
  }
  if (theirs.flags !== ours.flags) {
    differences.push(`its flags are 0x${theirs.flags.toString(16)}, expected 0x${ours.flags.toString(16)}`);
  }
  const parts = [compareKeys(theirs, ours), compareValues(name, theirs, ours)];
  return {
    differences: [...differences, ...parts.flatMap((part) => part.differences)],
    obstacles: [...obstacles, ...parts.flatMap((part) => part.obstacles)],
    rows: Object.assign({}, ...parts.map(({ rows }) => rows)) as RowChange,
  };
}

/** Compares all pinned maps with all that an object defines, each by name. */
export function compareMaps(
  theirs: ReadonlyMap<string, MapShape>,
  ours: ReadonlyMap<string, MapShape>,
  { resizable }: CompareOptions,
): Comparison {
  const changes = new Map<string, MapChange>();
  const differences: string[] = [];
  const obstacles: string[] = [];
  for (const [name, expected] of ours) {
    const pinned = theirs.get(name);
    if (pinned === undefined) {
      changes.set(name, { kind: "make" });
      differences.push(`map ${name}: it is missing`);
      continue;
    }
    const found = compareMap(name, pinned, expected, resizable.has(name));
    if (found.differences.length + found.obstacles.length === 0) continue;
    changes.set(name, { kind: "copy", rows: found.rows });
    differences.push(...found.differences.map((text) => `map ${name}: ${text}`));
    obstacles.push(...found.obstacles.map((text) => `map ${name}: ${text}`));
  }
  for (const name of theirs.keys()) {
    if (ours.has(name)) continue;
    changes.set(name, { kind: "drop" });
    differences.push(`map ${name}: it is not expected`);
  }
  return { changes, differences, obstacles };
}
