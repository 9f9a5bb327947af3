// What it would do to packets to take an endpoint out: where those go that it has now, by the rules of bpf/select.h. Pure, and
// quick for millions of VMs: only those whose own server cannot be used have their routes looked up.

import type { IpAddress, IpPrefix } from "../address/index.ts";
import { ipFamily, prefixAddress, prefixLength, prefixOf } from "../address/index.ts";
import type { Model, PathPolicy, Route, Tenant } from "../model/index.ts";
import { POLICY_MASK, recordAddress, VM_POLICIES } from "../model/index.ts";

/** VMs that go one way. */
export interface Moved {
  readonly vms: number;
  /** The standby, the gateways or servers of a route, or its circuit; empty: they have no path any more. */
  readonly to: readonly string[];
  /** By the tenant's route, and not to the standby. */
  readonly byRoute: boolean;
}

/** A route that leads to the endpoint. */
export interface MovedRoute {
  readonly tenant: string;
  readonly prefix: IpPrefix;
  /** Endpoints that it still has; empty: none. */
  readonly to: readonly string[];
}

export interface Drain {
  /** By where they go, the most VMs first. */
  readonly vms: readonly Moved[];
  readonly routes: readonly MovedRoute[];
  /** Of both, what has a path now and none then. */
  readonly stranded: { readonly vms: number; readonly routes: number };
}

interface Path {
  readonly to: readonly string[];
  readonly byRoute: boolean;
}

const NO_PATH: Path = { to: [], byRoute: false };

/**
 * @param usable whether an endpoint can take packets now: it is known not to be down, and has a next hop. Of the drained one itself
 * too: what has no path now loses none
 */
export function planDrain(model: Model, endpoint: string, usable: (name: string) => boolean): Drain {
  const before = new Paths(model, usable);
  const after = new Paths(model, (name) => name !== endpoint && usable(name));
  const moved = new Map<string, { vms: number; path: Path }>();
  const routes: MovedRoute[] = [];
  const stranded = { vms: 0, routes: 0 };
  for (const [name, tenant] of model.tenants) {
    for (const [prefix, route] of tenant.routes) {
      if (route.kind !== "endpoints" || !route.via.includes(endpoint)) continue;
      const to = membersLeft(tenant, route, before, after);
      if (to === undefined) continue;
      routes.push({ tenant: name, prefix, to });
      if (to.length === 0) stranded.routes++;
    }
    for (const [path, vms] of movedVms(tenant, before, after)) {
      if (path.to.length === 0) stranded.vms += vms;
      const key = JSON.stringify(path);
      const sum = moved.get(key);
      if (sum === undefined) moved.set(key, { vms, path });
      else sum.vms += vms;
    }
  }
  const vms = [...moved.values()].map(({ vms, path }) => ({ vms, ...path })).sort((a, b) => b.vms - a.vms);
  return { vms, routes, stranded };
}

/** Where the VMs go that go elsewhere, and how many of them. */
function movedVms(tenant: Tenant, before: Paths, after: Paths): Iterable<readonly [Path, number]> {
  const moved = new Map<string, [Path, number]>();
  const routes = new LongestRoute(tenant);
  const policies = VM_POLICIES.map((own) => policiesOf(tenant, own));
  // Most VMs have the answer of the others of their server: addresses are made for the rest.
  const settled = new Map<number, boolean>();
  for (const [{ words, count, stride }, addressWords] of [
    [tenant.vms.packed4, 1],
    [tenant.vms.packed6, 4],
  ] as const) {
    for (let n = 0, at = 0; n < count; n++, at += stride) {
      const server = words[at + stride - 1] as number;
      const own = (words[at + addressWords + 1] as number) & POLICY_MASK;
      const key = server * VM_POLICIES.length + own;
      const name = tenant.vms.names.name(server);
      const each = policies[own] as readonly PathPolicy[];
      if (!settled.has(key))
        settled.set(
          key,
          each.every((policy) => isSame(before, after, name, policy)),
        );
      if (settled.get(key) === true) continue;
      const route = routes.find(recordAddress(words, at, addressWords));
      const path = changeOf(each, name, route, before, after);
      if (path === undefined) continue;
      const text = JSON.stringify(path);
      const sum = moved.get(text);
      if (sum === undefined) moved.set(text, [path, 1]);
      else sum[1]++;
    }
  }
  return moved.values();
}

/** What a route still has, for packets of all classes that had something; undefined: none did. */
function membersLeft(tenant: Tenant, route: Route, before: Paths, after: Paths): readonly string[] | undefined {
  const classes = policiesOf(tenant, undefined).filter((policy) => before.members(route, policy).length > 0);
  const left = classes.map((policy) => after.members(route, policy));
  return left.find((members) => members.length === 0) ?? left[0];
}

/** Whether packets of a server's VMs go where they went, whatever the route says. */
function isSame(before: Paths, after: Paths, server: string, policy: PathPolicy): boolean {
  if (policy === "gateway-only") return false;
  const to = before.direct(server);
  return to !== undefined && to === after.direct(server);
}

/** Where packets go that went elsewhere; if those of any class are lost, that. */
function changeOf(
  policies: readonly PathPolicy[],
  server: string,
  route: Route | undefined,
  before: Paths,
  after: Paths,
): Path | undefined {
  let found: Path | undefined;
  for (const policy of policies) {
    const [from, to] = [before.ofVm(server, policy, route), after.ofVm(server, policy, route)];
    if (from.to.length === 0 || JSON.stringify(from) === JSON.stringify(to)) continue;
    if (to.to.length === 0) return to;
    found ??= to;
  }
  return found;
}

/** Policies that packets to a VM may have: its own, or its tenant's at large and by DSCP. */
function policiesOf(tenant: Tenant, own: PathPolicy | undefined): readonly PathPolicy[] {
  return own === undefined ? [...new Set([tenant.policy, ...tenant.dscpPolicies.values()])] : [own];
}

/** Paths while some endpoints can be used and others cannot. */
class Paths {
  readonly #model: Model;
  readonly #usable: (name: string) => boolean;

  constructor(model: Model, usable: (name: string) => boolean) {
    this.#model = model;
    this.#usable = usable;
  }

  ofVm(server: string, policy: PathPolicy, route: Route | undefined): Path {
    const direct = policy === "gateway-only" ? undefined : this.direct(server);
    if (direct !== undefined) return { to: [direct], byRoute: false };
    if (policy === "direct-only" || route === undefined) return NO_PATH;
    const to = this.members(route, policy);
    return to.length === 0 ? NO_PATH : { to, byRoute: true };
  }

  /** The server that VMs of one are sent to: itself, or its standby. */
  direct(server: string): string | undefined {
    if (this.#usable(server)) return server;
    const standby = this.#model.servers.get(server)?.standby;
    return standby !== undefined && this.#usable(standby) ? standby : undefined;
  }

  members(route: Route, policy: PathPolicy): readonly string[] {
    if (route.kind === "circuit") return [route.circuit];
    return route.via.filter((name) => {
      const isServer = this.#model.servers.has(name);
      if (isServer ? policy === "gateway-only" : policy === "direct-only") return false;
      return this.#usable(name);
    });
  }
}

/** The route of an address: of those that have it, the longest. */
class LongestRoute {
  readonly #routes: Tenant["routes"];
  readonly #lengths: Readonly<Record<4 | 6, readonly number[]>>;

  constructor({ routes }: Tenant) {
    this.#routes = routes;
    const lengths = (family: 4 | 6): readonly number[] => {
      const prefixes = [...routes.keys()].filter((prefix) => ipFamily(prefixAddress(prefix)) === family);
      return [...new Set(prefixes.map(prefixLength))].sort((a, b) => b - a);
    };
    this.#lengths = { 4: lengths(4), 6: lengths(6) };
  }

  find(address: IpAddress): Route | undefined {
    for (const length of this.#lengths[ipFamily(address)]) {
      const route = this.#routes.get(prefixOf(address, length));
      if (route !== undefined) return route;
    }
    return undefined;
  }
}
