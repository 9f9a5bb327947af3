// What is kept out, in lines: one for each object that has something wrong with it, one for each tenant that is not there with
// all that is below it, and one for all VMs of a tenant on a server that is not there.

import type { NamePool } from "../model/index.ts";
import { suggestion } from "../model/index.ts";
import type { BadKeys } from "./keyed-bad.ts";
import type { Settled } from "./keyed-settle.ts";
import type { Slot, Slots, TenantSlots } from "./keyed-slots.ts";
import { sorted } from "./keyed-slots.ts";

/** One object that is not used as it is written, or at all. */
export interface KeptOut {
  /** The whole key; one that ends in a slash stands for several below it. */
  readonly key: string;
  readonly message: string;
}

export interface Report {
  /** In the order of keys, at most {@link KEPT_OUT_LISTED} of them. */
  readonly keptOut: readonly KeptOut[];
  /** Keys that are not used as they are written. */
  readonly keptOutCount: number;
}

export const KEPT_OUT_LISTED = 1000;

/** Names that are looked for among those of tenants. */
const HINTS_MAX = 100;

/** VMs that are named where many have the same wrong with them. */
const EXAMPLES = 3;

/** What a report is made of. */
export interface Reported {
  readonly prefix: string;
  readonly slots: Slots;
  readonly bad: BadKeys;
  readonly names: NamePool;
  /** undefined: nothing has been settled yet. */
  readonly settled: Settled | undefined;
}

export function reportOf(reported: Reported): Report {
  const report = new Reporting(reported);
  return report.run();
}

class Reporting {
  readonly #from: Reported;
  readonly #lines: KeptOut[] = [];
  #count = 0;
  #hints = 0;
  #tenants: readonly string[] | undefined;

  constructor(reported: Reported) {
    this.#from = reported;
  }

  run(): Report {
    const { slots, bad } = this.#from;
    for (const section of ["profiles", "servers", "gateways"] as const) {
      for (const [name, slot] of slots[section]) this.#object(`${section}/${name}`, slot);
    }
    for (const [name, tenant] of sorted(slots.tenants)) this.#tenant(name, tenant);
    for (const [key, message] of bad.strange) this.#add(key, message, 1);
    this.#badVms();
    this.#count += bad.uncounted;
    const keptOut = this.#lines.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).slice(0, KEPT_OUT_LISTED);
    return { keptOut, keptOutCount: this.#count };
  }

  #add(key: string, message: string, count: number): void {
    this.#lines.push({ key: this.#from.prefix + key, message });
    this.#count += count;
  }

  /** @param counted whether the key is counted here; those below a tenant that is not there are counted with it */
  #object(key: string, slot: Slot<unknown>, counted = true): void {
    const message = this.#messageOf(slot);
    if (message !== undefined) this.#add(key, message, counted ? 1 : 0);
  }

  #messageOf(slot: Slot<unknown>): string | undefined {
    const out = this.#from.settled?.out.get(slot);
    if (slot.problem === undefined) return out;
    if (slot.value === undefined) return slot.problem;
    return out === undefined
      ? `${slot.problem}; it keeps the value that it had`
      : `${slot.problem}; the value that it had is kept out too: ${out}`;
  }

  #tenant(name: string, tenant: TenantSlots): void {
    const { settled } = this.#from;
    const { own, circuits, routes, vms } = tenant;
    const key = `tenants/${name}`;
    const isIn = settled === undefined ? own?.value !== undefined : settled.filter.hasTenant(name);
    for (const [circuit, slot] of circuits) this.#object(`${key}/circuits/${circuit}`, slot, isIn);
    for (const [prefix, slot] of routes) this.#object(`${key}/routes/${prefix.replace("/", "_")}`, slot, isIn);
    if (isIn) {
      if (own !== undefined) this.#object(key, own);
      if (settled !== undefined) this.#vmsOf(name, tenant, settled);
      return;
    }
    const below = belowText(tenant);
    const count = circuits.size + routes.size + vms.size;
    if (own !== undefined) {
      const cause = this.#messageOf(own) ?? "it is kept out";
      this.#add(key, below === "" ? cause : `${cause}; with it ${below}`, 1 + count);
    } else if (count > 0) {
      this.#add(key, `no tenant is named ${JSON.stringify(name)}${this.#hint(name)}: without it ${below}`, count);
    }
  }

  /** Looking for similar names takes a while; in the order of keys, so that all edges say the same. */
  #hint(name: string): string {
    if (this.#hints++ >= HINTS_MAX) return "";
    this.#tenants ??= [...this.#from.slots.tenants]
      .filter(([, { own }]) => own !== undefined)
      .map(([each]) => each)
      .sort();
    return suggestion(name, this.#tenants);
  }

  #vmsOf(name: string, { vms }: TenantSlots, { filter, references }: Settled): void {
    const { names } = this.#from;
    const key = `tenants/${name}/vms/`;
    const missing = [...vms.perServer].filter(([server]) => !filter.hasServer(server));
    if (missing.length > 0) {
      const examples = vms.lowest((server) => !filter.hasServer(server), EXAMPLES);
      // Several servers have lines under one key: by their names, whatever their numbers are.
      const byName = missing.map(([server, count]) => ({ server, count, text: names.name(server) }));
      for (const { server, count, text } of byName.sort((a, b) => (a.text < b.text ? -1 : 1))) {
        const some = (examples.get(server) ?? []).join(", ");
        const what = count === 1 ? `the VM ${some} on it is` : `${count} VMs on it are`;
        const such = count > EXAMPLES ? `, such as ${some}` : count > 1 ? `: ${some}` : "";
        this.#add(key, `${references.server(text)}; ${what} kept out with it${such}`, count);
      }
    }
    for (const [address, owner] of filter.takenIn(name, vms)) {
      if (
        !vms.testAddress(address, (words, at, addressWords) => filter.hasServer(words[at + addressWords + 2] as number))
      )
        continue;
      this.#add(`${key}${address}`, `${address} is ${owner}, expected another address`, 1);
    }
  }

  #badVms(): void {
    const { bad, slots, settled } = this.#from;
    for (const [key, { tenant, address, problem, kept }] of bad.vms) {
      const vms = slots.tenants.get(tenant)?.vms;
      const isIn = settled?.filter.hasTenant(tenant) === true;
      // A record that is kept is counted with its tenant or server when it is not in the model.
      const counted = !kept || (isIn && vms?.testAddress(address, settled.filter.of(tenant)) === true);
      this.#add(key, kept ? `${problem}; it keeps the value that it had` : problem, counted ? 1 : 0);
    }
  }
}

/** `2 circuits, a route and 100 VMs are kept out`, or nothing. */
function belowText({ circuits, routes, vms }: TenantSlots): string {
  const counts = [
    [circuits.size, "circuit"],
    [routes.size, "route"],
    [vms.size, "VM"],
  ] as const;
  const parts = counts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}${n === 1 ? "" : "s"}`);
  if (parts.length === 0) return "";
  const list = parts.length === 1 ? parts[0] : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
  return `${list} ${parts.length === 1 && parts[0]?.startsWith("1 ") ? "is" : "are"} kept out`;
}
