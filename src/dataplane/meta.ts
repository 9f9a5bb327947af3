// The one row of the map meta: what the pinned maps were made for, and who wrote them.

import type { Feature } from "./features.ts";
import { featureMask } from "./features.ts";
import type { Layout } from "./layout.ts";

export interface Meta {
  readonly vmCapacity: number;
  readonly vm6Capacity: number;
  /** What the pinned programs were loaded with. */
  readonly features: ReadonlySet<Feature>;
  readonly seed: bigint;
  /** Hash of the object file that the pinned programs came from. */
  readonly object: bigint;
  /** Who took the lock to write, so far: while it stands still, the maps are as the last one left them. */
  readonly writers: bigint;
}

/** The hash of no object file. */
export const NO_BUILD = 0n;

/** Fields that `before` has and nobody here knows stay as they are. */
export function encodeMeta(layout: Layout, meta: Meta, before?: Uint8Array): Uint8Array {
  const codec = layout.codec("meta");
  const known: Readonly<Record<string, number | bigint>> = {
    abi_version: layout.number("abi_version", "UNUM_ABI_VERSION"),
    vm_capacity: meta.vmCapacity,
    vm6_capacity: meta.vm6Capacity,
    features: featureMask(layout, meta.features),
    seed: meta.seed,
    object: meta.object,
    writers: meta.writers,
  };
  const fields = new Set(codec.fields.map(({ name }) => name));
  const row = before === undefined ? {} : codec.decode(before);
  return codec.encode({ ...row, ...Object.fromEntries(Object.entries(known).filter(([name]) => fields.has(name))) });
}
