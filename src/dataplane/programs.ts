// Programs over tables: settings before load, and the exchange of programs that run for others.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Btf } from "../bpf/btf.ts";
import { XdpLink, xdpAttached } from "../bpf/link.ts";
import { BpfObject } from "../bpf/object.ts";
import { renamePin } from "../bpf/system.ts";
import { UnumError } from "../errors.ts";
import type { Feature } from "./features.ts";
import { Layout } from "./layout.ts";
import { PROGRAM_ROLES, roleOfProgram } from "./pins.ts";
import type { Plane } from "./plane.ts";
import { TABLES } from "./tables.ts";

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

/**
 * Loads programs over the tables that exist, lets every port go on with its new one, and swaps the pins. A program that the
 * kernel refuses changes nothing. `begin` is called when all are loaded and none is in use yet.
 */
export function exchangePrograms(plane: Plane, objectPath: string, settings: Settings, begin: () => void): void {
  const { pins, layout } = plane;
  const roles = new Map(PROGRAM_ROLES.map((role) => [plane.program(role).info.id, role]));
  const object = BpfObject.open(objectPath);
  try {
    for (const table of ["vms4", "vms6"]) object.setMaxEntries(table, plane.map(table).info.maxEntries);
    for (const { name } of object.maps) if (!name.startsWith(".")) object.reuseMap(name, plane.map(name));
    configure(object, layout, settings);
    object.load();
    begin();
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
    for (const role of PROGRAM_ROLES) {
      const fresh = pins.program(`${role}~new`);
      pins.unlink(fresh);
      object.program(`unum_${role}`).pin(fresh);
      renamePin(fresh, pins.program(role));
    }
  } finally {
    object.close();
  }
}
