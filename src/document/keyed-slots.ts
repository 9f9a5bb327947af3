// What has been put under keys, by object: for each the last value that was good by itself, and what is wrong with the present
// one. VMs are packed, and have their slots in VmStore.

import type { IpPrefix } from "../address/index.ts";
import type { Circuit, Gateway, NamePool, Profile, Route, Server, Tenant } from "../model/index.ts";
import { VmStore } from "../model/index.ts";
import type { Notice } from "./problem.ts";

export interface Slot<T> {
  /** The last good value; undefined: there was none. */
  readonly value: T | undefined;
  /** What is wrong with the present value. */
  readonly problem: string | undefined;
  readonly notices: readonly Notice[];
}

export class TenantSlots {
  /** undefined: circuits, routes or VMs have keys, and the tenant has none. */
  own: Slot<Tenant> | undefined;
  readonly circuits = new Map<string, Slot<Circuit>>();
  readonly routes = new Map<IpPrefix, Slot<Route>>();
  readonly vms: VmStore;

  constructor(names: NamePool) {
    this.vms = new VmStore(names);
  }

  get isEmpty(): boolean {
    return this.own === undefined && this.circuits.size === 0 && this.routes.size === 0 && this.vms.size === 0;
  }
}

export interface Slots {
  readonly profiles: Map<string, Slot<Profile>>;
  readonly servers: Map<string, Slot<Server>>;
  readonly gateways: Map<string, Slot<Gateway>>;
  readonly tenants: Map<string, TenantSlots>;
}

/** In the order of their keys. */
export function sorted<K extends string, T>(map: ReadonlyMap<K, T>): readonly (readonly [K, T])[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
