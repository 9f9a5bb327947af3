// Programs over tables: settings before load, and the exchange of programs that run for others.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Btf } from "../bpf/btf.ts";
import { XdpLink, xdpAttached } from "../bpf/link.ts";
import type { BpfMap } from "../bpf/map.ts";
import { BpfObject } from "../bpf/object.ts";
import { gracePeriod, renamePin } from "../bpf/system.ts";
import { UnumError } from "../errors.ts";
import type { RowChange } from "./compat.ts";
import { RowCopy } from "./copy-rows.ts";
import type { Feature } from "./features.ts";
import { Layout } from "./layout.ts";
import type { PinDirectory } from "./pins.ts";
import { PROGRAM_ROLES, roleOfProgram } from "./pins.ts";
import type { Plane } from "./plane.ts";
import { TABLES } from "./tables.ts";
import { VM_TABLES } from "./vm-shape.ts";

type Role = (typeof PROGRAM_ROLES)[number];

/** The object file as a blueprint: needs no privilege. */
export function readLayout(objectPath: string): Layout {
  const object = BpfObject.open(objectPath);
  try {
    return new Layout(Btf.parse(object.btf()));
  } finally {
    object.close();
  }
}

/** Tells one build from another. */
export function objectHash(path: string): bigint {
  return createHash("sha256").update(readFileSync(path)).digest().readBigUInt64LE(0);
}

export interface Settings {
  readonly seed: bigint;
  readonly features: ReadonlySet<Feature>;
}

/** Writes the settings of bpf/config.h: programs must agree with the tables that they will read, whose sizes the object has. */
export function configure(object: BpfObject, layout: Layout, { seed, features }: Settings): void {
  const bytes = object.readOnlyData();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets = new Map(layout.btf.section(".rodata").map(({ name, offset }) => [name, offset]));
  const at = (name: string): number => {
    const offset = offsets.get(name);
    if (offset === undefined) throw new UnumError("BTF_INVALID", `configure ${name}: the object has no such setting`);
    return offset;
  };
  const entries = new Map(object.maps.map(({ name, maxEntries }) => [name, maxEntries]));
  view.setBigUint64(at("table_seed"), seed, true);
  for (const table of TABLES) {
    const buckets = entries.get(table);
    if (buckets === undefined) throw new UnumError("INTERNAL", `configure ${table}: the object has no such map`);
    view.setUint32(at(`${table}_buckets`), buckets, true);
  }
  for (const { name, offset } of layout.codec("features").fields) {
    view.setUint8(at("features") + offset, features.has(name as Feature) ? 1 : 0);
  }
  object.setReadOnlyData(bytes);
}

/** A map that is made anew. */
export interface NewMap {
  /** As many as the object says, unless given. */
  readonly maxEntries?: number;
  /** How rows of the pinned one become its own; undefined: there is none, or its rows do not count. */
  readonly rows?: RowChange;
}

/** What becomes of the maps when programs are exchanged; all others stay. */
export interface MapExchange {
  readonly made: ReadonlyMap<string, NewMap>;
  /** Maps that the new programs do not have. */
  readonly dropped: readonly string[];
}

/** Replaces a pin in one step: who opens it finds the old one or the new one. */
function pinOver(pins: PinDirectory, path: string, pinned: { pin(path: string): void }): void {
  const fresh = pins.beside(path);
  pins.unlink(fresh);
  pinned.pin(fresh);
  renamePin(fresh, path);
}

function copyRows(plane: Plane, object: BpfObject, made: MapExchange["made"], seed: bigint): RowCopy[] {
  const copies: RowCopy[] = [];
  for (const [name, { rows }] of made) {
    if (rows === undefined) continue;
    const copy = new RowCopy(name, plane.map(name), object.map(name), rows, plane.layout);
    copy.fill(seed);
    copies.push(copy);
  }
  return copies;
}

/** Lets each port go on with the new program of its role. */
function updateLinks({ pins }: Plane, object: BpfObject, roles: ReadonlyMap<number, Role>): void {
  for (const port of pins.linkedInterfaces()) {
    const link = XdpLink.openPinned(pins.link(port));
    try {
      const { ifindex, programId } = link.info;
      if (ifindex === 0) continue;
      // One that is not pinned is of a load that was killed here.
      const role = roles.get(programId) ?? roleOfProgram(xdpAttached(ifindex).programName);
      if (role !== undefined) link.update(object.program(`unum_${role}`));
    } finally {
      link.close();
    }
  }
}

/**
 * Loads programs over the maps that exist, or over copies of other sizes or layouts, lets every port go on with its new one, and
 * swaps the pins. A program that the kernel refuses, or a copy that does not fit, changes nothing. `begin` is called when all are
 * loaded and none is in use yet, with the map meta that is about to take the place of the pinned one, if one is. Ports change
 * over one after the other, while old maps and copies hold the same: nobody but packets writes in between, and what they write
 * into the old ones is taken over before anybody finds the new ones.
 */
export function exchangePrograms(
  plane: Plane,
  objectPath: string,
  settings: Settings,
  { made, dropped }: MapExchange,
  begin: (meta: BpfMap | undefined) => void,
): void {
  const { pins, layout } = plane;
  const roles = new Map(PROGRAM_ROLES.map((role) => [plane.program(role).info.id, role]));
  const object = BpfObject.open(objectPath);
  try {
    for (const name of VM_TABLES) {
      object.setMaxEntries(name, made.get(name)?.maxEntries ?? plane.map(name).info.maxEntries);
    }
    for (const { name } of object.maps) {
      if (!name.startsWith(".") && !made.has(name)) object.reuseMap(name, plane.map(name));
    }
    configure(object, layout, settings);
    object.load();
    const copies = copyRows(plane, object, made, settings.seed);
    begin(made.has("meta") ? object.map("meta") : undefined);
    updateLinks(plane, object, roles);
    const written = copies.filter(({ isWritten }) => isWritten);
    if (written.length > 0) gracePeriod();
    for (const copy of written) copy.catchUp();
    for (const role of PROGRAM_ROLES) pinOver(pins, pins.program(role), object.program(`unum_${role}`));
    for (const name of made.keys()) pinOver(pins, pins.map(name), object.map(name));
    for (const name of dropped) pins.unlink(pins.map(name));
  } finally {
    object.close();
  }
}
