// Objects by the words for them. What belongs to the edge is found by its pins; the rest by the kernel's lists.

import { existsSync } from "node:fs";
import { BpfLink } from "../bpf/any-link.ts";
import { BpfError } from "../bpf/bpf-error.ts";
import { objectIds } from "../bpf/kernel-objects.ts";
import { BpfMap } from "../bpf/map.ts";
import { BpfProgram } from "../bpf/program.ts";
import type { PinDirectory } from "../dataplane/pins.ts";
import { PROGRAM_ROLES } from "../dataplane/pins.ts";
import { UnumError } from "../errors.ts";
import { fullName } from "./program-name.ts";
import type { Called } from "./words.ts";
import { readCalled, readId } from "./words.ts";

export interface Found<T> {
  readonly objects: readonly T[];
  /** There were no words: these are all of the edge's. */
  readonly all: boolean;
  /** Words after those for the object. */
  readonly rest: readonly string[];
}

interface Kind<T extends { close(): void }, Word extends string> {
  readonly what: "map" | "program" | "link";
  readonly words: readonly Word[];
  readonly open: { openById(id: number): T; openPinned(path: string): T };
  /** Pins of the edge's own, by what they are called. */
  ownPins(pins: PinDirectory): ReadonlyMap<string, string>;
  idOf(object: T): number;
  /** Whether an object is meant by a word that is neither id nor pinned. */
  matches(object: T, by: Word, value: string): boolean;
}

const MAPS: Kind<BpfMap, "id" | "name" | "pinned"> = {
  what: "map",
  words: ["id", "name", "pinned"],
  open: BpfMap,
  ownPins: (pins) => new Map(pins.pinnedMaps().map((name) => [name, pins.map(name)])),
  idOf: (map) => map.info.id,
  matches: (map, _, name) => map.describe().kernelName === name,
};

const PROGRAMS: Kind<BpfProgram, "id" | "tag" | "name" | "pinned"> = {
  what: "program",
  words: ["id", "tag", "name", "pinned"],
  open: BpfProgram,
  ownPins: (pins) => new Map(PROGRAM_ROLES.map((role) => [role, pins.program(role)])),
  idOf: (program) => program.info.id,
  matches: (program, by, value) =>
    by === "tag" ? program.info.tag === value.toLowerCase() : fullName(program) === value,
};

const LINKS: Kind<BpfLink, "id" | "pinned"> = {
  what: "link",
  words: ["id", "pinned"],
  open: BpfLink,
  ownPins: (pins) => new Map(pins.linkedInterfaces().map((name) => [name, pins.link(name)])),
  idOf: (link) => link.describe().id,
  matches: () => false,
};

/** @throws BpfError, UnumError USAGE, PIN_DIRECTORY or OBJECT_MISSING */
export const findMaps = (pins: PinDirectory, words: readonly string[]) => find(MAPS, pins, words);
export const findPrograms = (pins: PinDirectory, words: readonly string[]) => find(PROGRAMS, pins, words);
export const findLinks = (pins: PinDirectory, words: readonly string[]) => find(LINKS, pins, words);

/** The same for commands that are about one object. */
export function findMap(
  pins: PinDirectory,
  words: readonly string[],
): { readonly map: BpfMap; readonly rest: readonly string[] } {
  const { objects, rest, all } = findMaps(pins, words);
  const [map] = objects;
  if (map !== undefined && objects.length === 1 && !all) return { map, rest };
  const ids = objects.map((object) => object.info.id).join(", ");
  for (const object of objects) object.close();
  if (all) throw new UnumError("USAGE", "find a map: expected a name, or id N, name NAME or pinned PATH");
  throw new UnumError("USAGE", "find one map: several have that name", { remedy: `choose one of id ${ids}` });
}

function find<T extends { close(): void }, Word extends string>(
  kind: Kind<T, Word>,
  pins: PinDirectory,
  words: readonly string[],
): Found<T> {
  const called = readCalled(words, kind.words);
  if (called === undefined) return { objects: ownObjects(kind, pins), all: true, rest: [] };
  return { objects: calledObjects(kind, pins, called), all: false, rest: called.rest };
}

/** In the order of their ids, as the kernel lists them. */
function ownObjects<T extends { close(): void }, Word extends string>(kind: Kind<T, Word>, pins: PinDirectory): T[] {
  pins.requireSafe();
  const paths = [...kind.ownPins(pins).values()].filter((path) => existsSync(path));
  const objects = paths.map((path) => kind.open.openPinned(path));
  return objects.sort((a, b) => kind.idOf(a) - kind.idOf(b));
}

function calledObjects<T extends { close(): void }, Word extends string>(
  kind: Kind<T, Word>,
  pins: PinDirectory,
  { by, value }: Called<Word>,
): T[] {
  if (by === "own") return [ownObject(kind, pins, value)];
  if (by === "id") return [kind.open.openById(readId(value))];
  if (by === "pinned") return [kind.open.openPinned(value)];
  const found: T[] = [];
  for (const id of objectIds(kind.what)) {
    const object = openIfThere(kind, id);
    if (object === undefined) continue;
    if (kind.matches(object, by as Word, value)) found.push(object);
    else object.close();
  }
  if (found.length > 0) return found;
  throw new UnumError("OBJECT_MISSING", `find ${kind.what} ${by} ${value}: the kernel has none`);
}

/** Undefined: it is gone since it was listed. */
function openIfThere<T extends { close(): void }, Word extends string>(kind: Kind<T, Word>, id: number): T | undefined {
  try {
    return kind.open.openById(id);
  } catch (thrown) {
    if (thrown instanceof BpfError && thrown.errnoName === "ENOENT") return undefined;
    throw thrown;
  }
}

function ownObject<T extends { close(): void }, Word extends string>(
  kind: Kind<T, Word>,
  pins: PinDirectory,
  name: string,
): T {
  pins.requireSafe();
  const path = kind.ownPins(pins).get(name);
  if (path !== undefined && existsSync(path)) return kind.open.openPinned(path);
  const words = kind.words.map((word) => `${word} …`).join(", ");
  throw new UnumError("OBJECT_MISSING", `find ${kind.what} ${name}: there is none in ${pins.path}`, {
    remedy: `those of this edge are listed without a name; others are found by ${words}`,
  });
}
