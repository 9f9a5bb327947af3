// Which VMs under keys are in a model: those whose tenant and server are, and whose address nothing else of the tenant has.

import type { IpAddress } from "../address/index.ts";
import { ZERO_MAC } from "../address/index.ts";
import type { Model, NamePool, RecordTest, VmStore } from "../model/index.ts";
import { ownAddresses, VmSet } from "../model/index.ts";

/** Addresses of a tenant that VMs cannot have. */
interface Taken {
  /** Whose each is. */
  readonly owners: ReadonlyMap<IpAddress, string>;
  readonly set: VmSet;
}

export class VmFilter {
  readonly #model: Model;
  readonly #names: NamePool;
  readonly #taken = new Map<string, Taken>();
  /** By number of a server. */
  readonly #isServer: (boolean | undefined)[] = [];

  /** @param names whose numbers the records have for servers */
  constructor(model: Model, names: NamePool) {
    this.#model = model;
    this.#names = names;
    for (const [name, tenant] of model.tenants) {
      const owners = ownAddresses(tenant);
      if (owners.size === 0) continue;
      const set = VmSet.of([...owners.keys()].map((address) => [address, { server: "", mac: ZERO_MAC }]));
      this.#taken.set(name, { owners, set });
    }
  }

  hasTenant(name: string): boolean {
    return this.#model.tenants.has(name);
  }

  hasServer(number: number): boolean {
    let answer = this.#isServer[number];
    if (answer === undefined) {
      answer = this.#model.servers.has(this.#names.name(number));
      this.#isServer[number] = answer;
    }
    return answer;
  }

  /** Which records of a tenant of the model are in it. */
  of(tenant: string): RecordTest {
    const taken = this.#taken.get(tenant)?.set;
    return (words, at, addressWords) =>
      this.hasServer(words[at + addressWords + 2] as number) &&
      (taken === undefined || taken.positionOf(words, at, addressWords) < 0);
  }

  /** Whether all VMs of a tenant of the model are in it, without looking at each. */
  takesAll(tenant: string, store: VmStore): boolean {
    for (const server of store.perServer.keys()) if (!this.hasServer(server)) return false;
    return this.takenIn(tenant, store).length === 0;
  }

  /** VMs that have an address of something else of their tenant, and of what. */
  takenIn(tenant: string, store: VmStore): readonly (readonly [IpAddress, string])[] {
    const taken = this.#taken.get(tenant);
    if (taken === undefined || store.size === 0) return [];
    return [...taken.owners].filter(([address]) => store.hasAddress(address));
  }
}
