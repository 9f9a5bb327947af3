// Names and the indexes they have in the tables. An index stays with its name for as long as the object lives, and is not
// given to another in the same apply: a packet that has read it may still be on its way.

import { UnumError } from "../errors.ts";
import type { Model } from "../model/index.ts";

export type IndexKind = "profile" | "endpoint" | "tenant" | "circuit";

export const INDEX_KINDS: readonly IndexKind[] = ["profile", "endpoint", "tenant", "circuit"];

export type Indexes = Readonly<Record<IndexKind, ReadonlyMap<string, number>>>;

/** A circuit's name in the names map. */
export function circuitName(tenant: string, circuit: string): string {
  return `${tenant}/${circuit}`;
}

export const NO_INDEXES: Indexes = { profile: new Map(), endpoint: new Map(), tenant: new Map(), circuit: new Map() };

function allocate(
  kind: IndexKind,
  names: readonly string[],
  observed: ReadonlyMap<string, number>,
  entries: number,
): ReadonlyMap<string, number> {
  // The sentinel at index 0 is never given away.
  if (names.length > entries - 1) {
    throw new UnumError(
      "TABLE_FULL",
      `plan ${kind}s: ${names.length} are wanted, the table holds ${entries - 1}; nothing was written`,
      {
        remedy: `remove ${names.length - entries + 1} of them, or divide them among edges`,
      },
    );
  }
  const taken = new Set(observed.values());
  const indexes = new Map<string, number>();
  let next = 1;
  for (const name of names) {
    let index = observed.get(name);
    // An index that the table does not have is no index: somebody else wrote that name.
    if (index === undefined || index === 0 || index >= entries) {
      while (next < entries && taken.has(next)) next++;
      if (next >= entries) {
        throw new UnumError(
          "TABLE_FULL",
          `plan ${kind}s: no free index for ${JSON.stringify(name)}; nothing was written`,
          {
            remedy: "apply the removals first: an index is free for another only after that",
          },
        );
      }
      index = next++;
    }
    indexes.set(name, index);
  }
  return indexes;
}

/** Names of all objects of a model that have an index, by kind. */
export function indexedNames(model: Model): Record<IndexKind, string[]> {
  const circuits: string[] = [];
  for (const [tenantName, tenant] of model.tenants) {
    for (const name of tenant.circuits.keys()) circuits.push(circuitName(tenantName, name));
  }
  return {
    profile: [...model.profiles.keys()],
    endpoint: [...model.servers.keys(), ...model.gateways.keys()],
    tenant: [...model.tenants.keys()],
    circuit: circuits,
  };
}

/**
 * Indexes for every object of `model`: those it has already, else the lowest free ones.
 * @param entries elements of the map of each kind, the sentinel included
 * @throws UnumError TABLE_FULL
 */
export function allocateIndexes(
  model: Model,
  observed: Indexes,
  entries: Readonly<Record<IndexKind, number>>,
): Indexes {
  const names = indexedNames(model);
  return {
    profile: allocate("profile", names.profile, observed.profile, entries.profile),
    endpoint: allocate("endpoint", names.endpoint, observed.endpoint, entries.endpoint),
    tenant: allocate("tenant", names.tenant, observed.tenant, entries.tenant),
    circuit: allocate("circuit", names.circuit, observed.circuit, entries.circuit),
  };
}
