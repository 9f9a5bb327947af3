// Objects under keys → a model that is right as a whole. What is wrong with an object beside others keeps that object out, and
// what refers to it; the rest stays. Which of two that exclude each other goes depends on their keys alone, so that all edges
// keep out the same.

import type { IpPrefix } from "../address/index.ts";
import { UnumError } from "../errors.ts";
import type {
  Circuit,
  Edge,
  Gateway,
  Model,
  ModelPath,
  NamePool,
  Problem,
  Profile,
  Route,
  Server,
  Tenant,
  VmSet,
} from "../model/index.ts";
import {
  DEFAULT_PROFILE,
  DEFAULT_PROFILE_NAME,
  NO_VMS,
  OBJECTS_MAX,
  PROFILES_MAX,
  validateModel,
} from "../model/index.ts";
import { References } from "./keyed-references.ts";
import type { Slot, Slots, TenantSlots } from "./keyed-slots.ts";
import { sorted } from "./keyed-slots.ts";
import { placed, problemsText } from "./keyed-value.ts";
import { VmFilter } from "./keyed-vms.ts";
import { DocumentError, pathText } from "./problem.ts";

/** Objects that are in the model, and why the others are not. */
export interface Settled {
  readonly model: Model;
  /** By slot. A slot without any good value is not in it. */
  readonly out: ReadonlyMap<Slot<unknown>, string>;
  readonly filter: VmFilter;
  readonly references: References;
}

/** A model under construction. */
interface Draft {
  readonly edge: Edge;
  readonly profiles: Map<string, Profile>;
  readonly servers: Map<string, Server>;
  readonly gateways: Map<string, Gateway>;
  readonly tenants: Map<string, DraftTenant>;
}

interface DraftTenant extends Tenant {
  readonly circuits: Map<string, Circuit>;
  readonly routes: Map<IpPrefix, Route>;
}

/**
 * @param names of the servers in the slots' VMs
 * @throws DocumentError DOCUMENT_INVALID when the edge itself is wrong, or too small for the VMs
 */
export function settle(slots: Slots, names: NamePool, edge: Edge): Settled {
  return new Settling(slots, names, edge).run();
}

class Settling {
  readonly #slots: Slots;
  readonly #names: NamePool;
  readonly #draft: Draft;
  readonly #out = new Map<Slot<unknown>, string>();
  readonly #references: References;

  constructor(slots: Slots, names: NamePool, edge: Edge) {
    this.#slots = slots;
    this.#names = names;
    this.#draft = draftOf(slots, edge);
    const isOut = (slot: Slot<unknown> | undefined): boolean =>
      slot !== undefined && (slot.value === undefined || this.#out.has(slot));
    this.#references = new References(this.#draft, {
      has: (kind, name) => isOut(slots[`${kind}s`].get(name)),
      hasCircuit: (tenant, name) => isOut(slots.tenants.get(tenant)?.circuits.get(name)),
    });
  }

  run(): Settled {
    let vms: ReadonlyMap<string, VmSet> | undefined;
    for (;;) {
      this.#followReferences();
      const model = this.#model(vms);
      const problems = validateModel(model, { max: Number.POSITIVE_INFINITY, vmsChecked: true });
      requireEdge(problems);
      if (problems.length > 0) {
        this.#takeOut(problems);
        vms = undefined;
        continue;
      }
      const filter = new VmFilter(model, this.#names);
      if (vms !== undefined) return { model, out: this.#out, filter, references: this.#references };
      // Once more with the VMs that stay: how many there are, and whether they have IPv6, matters to others.
      vms = this.#snapshots(filter);
    }
  }

  #model(vms: ReadonlyMap<string, VmSet> | undefined): Model {
    const { tenants, ...rest } = this.#draft;
    const frozen = [...tenants].map(([name, { circuits, routes, ...tenant }]): [string, Tenant] => [
      name,
      Object.freeze({
        ...tenant,
        circuits: new Map(circuits),
        routes: new Map(routes),
        vms: vms?.get(name) ?? NO_VMS,
      }),
    ]);
    const { edge, profiles, servers, gateways } = rest;
    return Object.freeze({
      edge,
      profiles: new Map(profiles),
      servers: new Map(servers),
      gateways: new Map(gateways),
      tenants: new Map(frozen),
    });
  }

  #snapshots(filter: VmFilter): ReadonlyMap<string, VmSet> {
    const sets = new Map<string, VmSet>();
    for (const name of this.#draft.tenants.keys()) {
      const { vms } = this.#slots.tenants.get(name) as TenantSlots;
      if (vms.size > 0) sets.set(name, vms.snapshot(filter.takesAll(name, vms) ? undefined : filter.of(name)));
    }
    return sets;
  }

  #followReferences(): void {
    const { servers, gateways, tenants } = this.#draft;
    const references = this.#references;
    for (const [name, server] of [...servers]) {
      const cause = references.profile(server);
      if (cause !== undefined) this.#dropServer(name, cause);
    }
    this.#followStandbys();
    for (const [name, gateway] of [...gateways]) {
      const cause = references.profile(gateway);
      if (cause !== undefined) this.#drop("gateways", name, cause);
    }
    for (const [name, tenant] of [...tenants]) {
      const cause = references.tenant(tenant);
      if (cause !== undefined) {
        this.#drop("tenants", name, cause);
        continue;
      }
      for (const [prefix, route] of [...tenant.routes]) {
        const why = references.route(name, tenant, route);
        if (why !== undefined) this.#dropRoute(name, prefix, why);
      }
    }
  }

  /** A server that goes takes along those whose standby it is, and so on. */
  #followStandbys(): void {
    const { servers } = this.#draft;
    const users = new Map<string, string[]>();
    for (const [name, { standby }] of servers) {
      if (standby === undefined || standby === name) continue;
      const list = users.get(standby);
      if (list === undefined) users.set(standby, [name]);
      else list.push(name);
    }
    const gone = [...users.keys()].filter((name) => !servers.has(name));
    for (let missing = gone.pop(); missing !== undefined; missing = gone.pop()) {
      for (const name of users.get(missing) ?? []) {
        const server = servers.get(name);
        const cause = server && this.#references.standby(name, server);
        if (cause === undefined) continue;
        this.#dropServer(name, cause);
        gone.push(name);
      }
    }
  }

  #dropServer(name: string, cause: string): void {
    this.#drop("servers", name, cause);
  }

  #drop(section: "profiles" | "servers" | "gateways" | "tenants", name: string, cause: string): void {
    const slot = section === "tenants" ? this.#slots.tenants.get(name)?.own : this.#slots[section].get(name);
    if (slot === undefined || !this.#draft[section].delete(name)) return;
    this.#out.set(slot, cause);
    if (section === "profiles" && name === DEFAULT_PROFILE_NAME) this.#draft.profiles.set(name, DEFAULT_PROFILE);
  }

  #dropCircuit(tenant: string, name: string, cause: string): void {
    const slot = this.#slots.tenants.get(tenant)?.circuits.get(name);
    if (slot !== undefined && this.#draft.tenants.get(tenant)?.circuits.delete(name)) this.#out.set(slot, cause);
  }

  #dropRoute(tenant: string, prefix: IpPrefix, cause: string): void {
    const slot = this.#slots.tenants.get(tenant)?.routes.get(prefix);
    if (slot !== undefined && this.#draft.tenants.get(tenant)?.routes.delete(prefix)) this.#out.set(slot, cause);
  }

  /**
   * Takes out what has problems, one layer after the other: what is wrong only beside an object that goes is not wrong, and
   * shows in a later round when it is.
   */
  #takeOut(problems: readonly Problem[]): void {
    const before = this.#out.size;
    const layer = Math.min(...problems.map(({ path }) => layerOf(path)));
    const causes = new Map<string, { readonly path: ModelPath; readonly list: string[] }>();
    for (const { path, message } of problems) {
      if (layerOf(path) !== layer) continue;
      const depth = layer === CIRCUITS || layer === ROUTES ? 4 : 2;
      const key = path.slice(0, depth).join("/");
      const entry = causes.get(key) ?? { path: path.slice(0, depth), list: [] };
      causes.set(key, entry);
      entry.list.push(placed(withinValue(path.slice(depth)), message));
    }
    for (const { path, list } of causes.values()) {
      const [section, name = "", , inner = ""] = path;
      const cause = problemsText(list);
      if (layer === TOO_MANY) this.#takeLast();
      else if (layer === CIRCUITS) this.#dropCircuit(name, inner, cause);
      else if (layer === ROUTES) this.#dropRoute(name, inner as IpPrefix, cause);
      else this.#drop(section as "profiles" | "servers" | "gateways" | "tenants", name, cause);
    }
    if (this.#out.size > before) return;
    const told = problemsText(problems.map(({ path, message }) => placed(path, message)));
    throw new UnumError("INTERNAL", `settle objects: nobody to blame for what is wrong: ${told}`);
  }

  /** Of more objects than there may be, the last ones go. */
  #takeLast(): void {
    const { profiles, servers, gateways, tenants } = this.#draft;
    const beyond = (names: Iterable<string>, max: number): readonly string[] => [...names].slice(Math.max(max, 0));
    const cause = (what: string, max: number): string => `${max} ${what} come before it, expected at most ${max}`;
    const endpoints = "servers and gateways";
    // The default profile need not have a key.
    const own = [...profiles.keys()].filter((name) => this.#slots.profiles.has(name));
    const profilesMax = PROFILES_MAX - (profiles.size - own.length);
    for (const name of beyond(own, profilesMax)) this.#drop("profiles", name, cause("profiles", PROFILES_MAX));
    for (const name of beyond(servers.keys(), OBJECTS_MAX)) this.#dropServer(name, cause("servers", OBJECTS_MAX));
    const gatewaysMax = OBJECTS_MAX - servers.size;
    for (const name of beyond(gateways.keys(), gatewaysMax))
      this.#drop("gateways", name, cause(endpoints, OBJECTS_MAX));
    for (const name of beyond(tenants.keys(), OBJECTS_MAX)) this.#drop("tenants", name, cause("tenants", OBJECTS_MAX));
    let circuits = 0;
    for (const [name, tenant] of tenants) {
      for (const circuit of [...tenant.circuits.keys()]) {
        if (++circuits > OBJECTS_MAX) this.#dropCircuit(name, circuit, cause("circuits", OBJECTS_MAX));
      }
    }
  }
}

const [PROFILES, ENDPOINTS, TENANTS, CIRCUITS, ROUTES, TOO_MANY] = [0, 1, 2, 3, 4, 5];

function layerOf([section, name, of]: ModelPath): number {
  if (name === undefined) return TOO_MANY as number;
  if (section === "profiles") return PROFILES as number;
  if (section !== "tenants") return ENDPOINTS as number;
  return (of === "circuits" ? CIRCUITS : of === "routes" ? ROUTES : TENANTS) as number;
}

/** Path as a value has it: entries of its lists have no names, and the prefix of a route is in the key. */
function withinValue(path: ModelPath): ModelPath {
  if (path[0] === "via" || path[0] === "servers") return path.slice(0, 1);
  return path[0] === "prefix" ? [] : path;
}

function requireEdge(problems: readonly Problem[]): void {
  const own = problems.filter(({ path }) => path[0] === "edge");
  if (own.length === 0) return;
  const count = own.length === 1 ? "1 problem" : `${own.length} problems`;
  const lines = own.map(({ path, message }) => `${pathText(path)}: ${message}`);
  throw new DocumentError("DOCUMENT_INVALID", `check the edge: ${count}\n${lines.join("\n")}`, {
    remedy: "change the file that describes this edge",
  });
}

function draftOf(slots: Slots, edge: Edge): Draft {
  const tenants = new Map<string, DraftTenant>();
  for (const [name, { own, circuits, routes }] of sorted(slots.tenants)) {
    if (own?.value === undefined) continue;
    tenants.set(name, { ...own.value, circuits: values(circuits), routes: values(routes) });
  }
  const profiles = values(slots.profiles);
  if (!profiles.has(DEFAULT_PROFILE_NAME)) profiles.set(DEFAULT_PROFILE_NAME, DEFAULT_PROFILE);
  return { edge, profiles, servers: values(slots.servers), gateways: values(slots.gateways), tenants };
}

/** Good values in the order of their keys. */
function values<K extends string, T>(slots: ReadonlyMap<K, Slot<T>>): Map<K, T> {
  const map = new Map<K, T>();
  for (const [name, { value }] of sorted(slots)) if (value !== undefined) map.set(name, value);
  return map;
}
