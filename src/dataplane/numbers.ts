// Where rows hold numbers of an enumeration, which C's types do not say: a byte is a byte. Another build may have other numbers
// for the same names.

import type { Btf } from "../bpf/btf.ts";

/** By struct and field: the enumeration, and whether the field holds one of its numbers or a bit for each of several. */
const NUMBERED: Readonly<
  Record<string, Readonly<Record<string, readonly [enumeration: string, holds: "one" | "bits"]>>>
> = {
  vm4_slot: { flags: ["slot_flags", "bits"], policy: ["path_policy", "one"] },
  vm6_slot: { flags: ["slot_flags", "bits"], policy: ["path_policy", "one"] },
  source4_slot: { encapsulation: ["encapsulation", "one"] },
  source6_slot: { encapsulation: ["encapsulation", "one"] },
  member_slot: { member_flags: ["member_flags", "bits"] },
  profile: { encapsulation: ["encapsulation", "one"], flags: ["profile_flags", "bits"] },
  tenant: {
    flags: ["tenant_flags", "bits"],
    source_check: ["source_check", "one"],
    policy: ["path_policy", "one"],
  },
  endpoint: { state: ["endpoint_state", "one"], kind: ["endpoint_kind", "one"] },
  liveness: { state: ["endpoint_state", "one"] },
  circuit: { flags: ["circuit_flags", "bits"] },
  tunnel: { transmit: ["transmit", "one"] },
  circuit_record: { transmit: ["transmit", "one"] },
  route: { kind: ["route_kind", "one"] },
  profile_detail: { bfd_auth: ["bfd_auth", "one"] },
  name_key: { kind: ["object_kind", "one"] },
};

/** Arrays whose index is a number of an enumeration. */
export const NUMBERED_ELEMENTS: Readonly<Record<string, string>> = { drop_counters: "drop_reason" };

/** Says a number of one build in those of another; undefined where that has none for it. */
export type Renumber = (number: number) => number | undefined;

function enumeration(btf: Btf, name: string): ReadonlyMap<string, number> {
  return btf.has("enum", name) ? btf.enumeration(name) : new Map();
}

/** How the numbers of an enumeration became others; undefined: all names of theirs have the same number here. */
export function renumbering(theirs: Btf, ours: Btf, name: string, holds: "one" | "bits"): Renumber | undefined {
  const [from, to] = [enumeration(theirs, name), enumeration(ours, name)];
  if ([...from].every(([enumerator, number]) => to.get(enumerator) === number)) return undefined;
  const numbers = new Map<number, number | undefined>();
  for (const [enumerator, number] of from) if (!numbers.has(number)) numbers.set(number, to.get(enumerator));
  // Zero says "none" in every enumeration, and is what an unused row holds.
  if (holds === "one") return (number) => (number === 0 ? 0 : numbers.get(number));
  return (bits) => {
    let result = 0;
    for (let bit = 1, rest = bits; rest !== 0; bit *= 2) {
      if ((rest & bit) === 0) continue;
      rest &= ~bit;
      const other = numbers.get(bit);
      if (other === undefined) return undefined;
      result |= other;
    }
    return result;
  };
}

/** What of `struct NAME` is to be said in other numbers, by field; empty: nothing. */
export function renumberedFields(theirs: Btf, ours: Btf, struct: string): ReadonlyMap<string, Renumber> {
  const fields = new Map<string, Renumber>();
  for (const [field, [name, holds]] of Object.entries(NUMBERED[struct] ?? {})) {
    const renumber = renumbering(theirs, ours, name, holds);
    if (renumber !== undefined) fields.set(field, renumber);
  }
  return fields;
}
