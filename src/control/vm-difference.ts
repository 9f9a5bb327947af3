// What differs between the VMs of two states: how many of each tenant, and each of them where they are few. Nobody reads a
// million lines, and nobody has to make them.

import type { IpAddress } from "../address/index.ts";
import type { Model, PackedVms, Vm, VmSet } from "../model/index.ts";
import { NO_VMS } from "../model/index.ts";

/** A plan lists so many changes of VMs; of more it says how many there are. */
export const VM_CHANGES_LISTED = 1000;

export interface VmChange {
  readonly tenant: string;
  readonly address: IpAddress;
  /** Undefined: it is added. */
  readonly from: Vm | undefined;
  /** Undefined: it is removed. */
  readonly to: Vm | undefined;
}

export interface VmCounts {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

export interface VmDifference {
  /** By tenant, for those that have any. */
  readonly counts: ReadonlyMap<string, VmCounts>;
  /** Each of them, in no order; none when there are more than {@link VM_CHANGES_LISTED}. */
  readonly changes: readonly VmChange[];
}

export const NO_VM_DIFFERENCE: VmDifference = { counts: new Map(), changes: [] };

/** Counts changes, and keeps them for as long as they are few. */
export class VmDifferences {
  readonly #counts = new Map<string, Record<keyof VmCounts, number>>();
  #changes: VmChange[] = [];
  #total = 0;

  /** @param change makes it, if it is wanted */
  add(tenant: string, what: keyof VmCounts, change: () => VmChange): void {
    this.#count(tenant, what, 1);
    if (this.#total <= VM_CHANGES_LISTED) this.#changes.push(change());
  }

  /** Every VM of a tenant that only one of two states has. */
  addAll(tenant: string, what: "added" | "removed", vms: VmSet): void {
    if (vms.size === 0) return;
    this.#count(tenant, what, vms.size);
    if (this.#total > VM_CHANGES_LISTED) return;
    for (const [address, vm] of vms) {
      const [from, to] = what === "added" ? [undefined, vm] : [vm, undefined];
      this.#changes.push({ tenant, address, from, to });
    }
  }

  #count(tenant: string, what: keyof VmCounts, many: number): void {
    const counts = this.#counts.get(tenant) ?? { added: 0, changed: 0, removed: 0 };
    this.#counts.set(tenant, counts);
    counts[what] += many;
    this.#total += many;
    if (this.#total > VM_CHANGES_LISTED) this.#changes = [];
  }

  get result(): VmDifference {
    return { counts: this.#counts, changes: this.#changes };
  }
}

/** What makes the VMs of `observed` those of `desired`. */
export function differVms(desired: Model, observed: Model | undefined): VmDifference {
  const differences = new VmDifferences();
  for (const name of new Set([...desired.tenants.keys(), ...(observed?.tenants.keys() ?? [])])) {
    differTenant(differences, name, desired.tenants.get(name)?.vms, observed?.tenants.get(name)?.vms);
  }
  return differences.result;
}

/** The same for the VMs of one tenant. */
export function differTenant(
  differences: VmDifferences,
  tenant: string,
  wanted: VmSet = NO_VMS,
  present: VmSet = NO_VMS,
): void {
  if (present.size === 0) differences.addAll(tenant, "added", wanted);
  else if (wanted.size === 0) differences.addAll(tenant, "removed", present);
  else {
    const kept = new Uint8Array(present.size);
    const sameServer = serverTest(wanted, present);
    const pass = (
      packed: PackedVms,
      have: PackedVms,
      addressWords: 1 | 4,
      first: [want: number, have: number],
    ): void => {
      const { words, count, stride } = packed;
      for (let n = 0, at = 0; n < count; n++, at += stride) {
        const old = present.positionOf(words, at, addressWords);
        if (old >= 0) kept[old] = 1;
        const from = (old - first[1]) * stride;
        const [mac, server] = [addressWords, stride - 1];
        const same =
          old >= 0 &&
          words[at + mac] === have.words[from + mac] &&
          words[at + mac + 1] === have.words[from + mac + 1] &&
          sameServer(words[at + server] as number, have.words[from + server] as number);
        if (same) continue;
        differences.add(tenant, old < 0 ? "added" : "changed", () => {
          const [address, to] = wanted.at(first[0] + n);
          return { tenant, address, from: old < 0 ? undefined : present.at(old)[1], to };
        });
      }
    };
    pass(wanted.packed4, present.packed4, 1, [0, 0]);
    pass(wanted.packed6, present.packed6, 4, [wanted.packed4.count, present.packed4.count]);
    for (const [position, keep] of kept.entries()) {
      if (keep === 1) continue;
      differences.add(tenant, "removed", () => {
        const [address, from] = present.at(position);
        return { tenant, address, from, to: undefined };
      });
    }
  }
}

/** Whether two numbers, one of each set, name the same server. */
function serverTest(wanted: VmSet, present: VmSet): (want: number, have: number) => boolean {
  if (wanted.names === present.names) return (want, have) => want === have;
  const known: number[] = [];
  return (want, have) => {
    known[want] ??= present.names.number(wanted.names.name(want));
    return known[want] === have;
  };
}
