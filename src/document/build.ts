// Plain data of a document → model. Objects that cannot be read are left out, and remembered so that what refers to them
// is not reported as well.

import type { IpPrefix } from "../address/index.ts";
import { macFromIp, parseIpv4 } from "../address/index.ts";
import type {
  Bfd,
  Circuit,
  Edge,
  Gateway,
  Model,
  PathPolicy,
  PortConfig,
  Profile,
  RateLimit,
  Route,
  Server,
  Tenant,
  VmSet,
} from "../model/index.ts";
import {
  DEFAULT_PORTS,
  DEFAULT_PROFILE,
  DEFAULT_PROFILE_NAME,
  DEFAULT_VM_CAPACITY,
  DEFAULT_VM6_CAPACITY,
  defaultBurstBytes,
  VmSetBuilder,
} from "../model/index.ts";
import type { PathStep } from "./problem.ts";
import type { Reader } from "./reader.ts";
import * as shapes from "./shapes.ts";
import type { Plain, PlainMap } from "./tree.ts";
import { Unusual } from "./tree.ts";

type Steps = readonly PathStep[];

/** A model of what could be read; the reader's sink has the problems. */
export function buildModel(reader: Reader, input: Plain): Model | undefined {
  const root = partsOf<"version" | "edge" | "profiles" | "servers" | "gateways" | "tenants" | "vmInventory">(input);
  // A document of another version says everything in its own way: nothing else in it is a mistake.
  if (root.version !== undefined && reader.value(shapes.version, root.version, ["version"]) === undefined)
    return undefined;
  const document = reader.object("document", shapes.document, input, []);
  if (document === undefined && !isMap(input)) return undefined;
  reader.inventory = document?.vmInventory;
  return Object.freeze({
    edge: readEdge(reader, root.edge),
    profiles: readProfiles(reader, root.profiles),
    servers: readMap(reader, root.servers, ["servers"], "servers", readServer),
    gateways: readMap(reader, root.gateways, ["gateways"], "gateways", readGateway),
    tenants: readMap(reader, root.tenants, ["tenants"], "tenants", readTenant),
  });
}

function isMap(input: Plain | undefined): input is PlainMap {
  return typeof input === "object" && input !== null && !Array.isArray(input) && !(input instanceof Unusual);
}

/** Fields of what may be a map, or something else that has none. */
function partsOf<K extends string>(input: Plain | undefined): { readonly [key in K]?: Plain | undefined } {
  return isMap(input) ? (input as { readonly [key in K]?: Plain }) : {};
}

function readMap<T>(
  reader: Reader,
  input: Plain | undefined,
  steps: Steps,
  what: string,
  read: (reader: Reader, input: Plain, steps: Steps) => T | undefined,
): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const [name, entry, entrySteps] of reader.entries(input, steps, what)) {
    const object = read(reader, entry, entrySteps);
    if (object !== undefined) map.set(name, object);
  }
  return map;
}

function readEdge(reader: Reader, input: Plain | undefined): Edge {
  const steps = ["edge"];
  const edge = reader.object("edge", shapes.edge, input, steps);
  const parts = partsOf<"interfaces" | "capacity">(input);
  const interfaces = new Map<string, PortConfig>();
  for (const [item, itemSteps] of reader.items(parts.interfaces, [...steps, "interfaces"], "interfaces")) {
    const port = reader.object("interface", shapes.port, item, itemSteps);
    if (port === undefined) reader.unread.add("edge");
    else if (interfaces.has(port.name)) {
      reader.problems.add([...itemSteps, "name"], `interface ${port.name} is already in the list, expected it once`);
    } else interfaces.set(port.name, Object.freeze(port));
  }
  const capacity = reader.object("capacity", shapes.capacity, parts.capacity, [...steps, "capacity"]);
  const { address, address6, mac } = edge ?? {};
  return Object.freeze({
    ...defined({ address, address6 }),
    // Without an address there is no edge: such a model is never returned.
    mac: mac ?? macFromIp(address ?? address6 ?? parseIpv4("0.0.0.0")),
    interfaces: Object.freeze([...interfaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1))),
    vmCapacity: capacity?.vms ?? DEFAULT_VM_CAPACITY,
    vm6Capacity: capacity?.vms6 ?? DEFAULT_VM6_CAPACITY,
    ...defined({ vmCapacityMax: capacity?.vmsMax, vm6CapacityMax: capacity?.vms6Max }),
  });
}

function readProfiles(reader: Reader, input: Plain | undefined): ReadonlyMap<string, Profile> {
  const profiles = new Map(readMap(reader, input, ["profiles"], "profiles", readProfile));
  if (!profiles.has(DEFAULT_PROFILE_NAME)) profiles.set(DEFAULT_PROFILE_NAME, DEFAULT_PROFILE);
  return profiles;
}

export function readProfile(reader: Reader, input: Plain, steps: Steps): Profile | undefined {
  const read = reader.object("profile", shapes.profile, input, steps);
  if (read === undefined) return undefined;
  const { port, mtu, rateLimit: _, bfd: __, ...profile } = read;
  const parts = partsOf<"rateLimit" | "bfd">(input);
  const ownPort = profile.encapsulation === "nvgre" ? undefined : DEFAULT_PORTS[profile.encapsulation];
  return Object.freeze({
    ...profile,
    ...defined({
      port: port ?? ownPort,
      mtuBytes: mtu,
      rateLimit: readRateLimit(reader, parts.rateLimit, [...steps, "rateLimit"]),
      bfd: readBfd(reader, parts.bfd, [...steps, "bfd"]),
    }),
  });
}

function readBfd(reader: Reader, input: Plain | undefined, steps: Steps): Bfd | undefined {
  if (input === undefined) return undefined;
  const read = reader.object("bfd", shapes.bfd, input, steps);
  const { auth: given } = partsOf<"auth">(input);
  const auth = given === undefined ? undefined : reader.object("auth", shapes.bfdAuth, given, [...steps, "auth"]);
  if (read === undefined) return undefined;
  const { interval: intervalUs, multiplier, multihop, holdDown: holdDownUs } = read;
  return Object.freeze({
    intervalUs,
    multiplier,
    multihop,
    holdDownUs,
    ...defined({ auth: auth && Object.freeze(auth) }),
  });
}

function readRateLimit(reader: Reader, input: Plain | undefined, steps: Steps): RateLimit | undefined {
  const limit = input === undefined ? undefined : reader.object("rateLimit", shapes.rateLimit, input, steps);
  if (limit === undefined) return undefined;
  const { rate, burst } = limit;
  return Object.freeze({ bitsPerSecond: rate, burstBytes: burst ?? defaultBurstBytes(rate) });
}

export function readServer(reader: Reader, input: Plain, steps: Steps): Server | undefined {
  const server = reader.object("server", shapes.server, input, steps);
  return server && Object.freeze({ ...defined(server), mac: server.mac ?? macFromIp(server.address) });
}

export function readGateway(reader: Reader, input: Plain, steps: Steps): Gateway | undefined {
  const gateway = reader.object("gateway", shapes.gateway, input, steps);
  return gateway && Object.freeze(defined(gateway));
}

export function readTenant(reader: Reader, input: Plain, steps: Steps): Tenant | undefined {
  const tenant = reader.object("tenant", shapes.tenant, input, steps);
  // The parts of a tenant that has a problem itself are read for their own problems.
  const parts = partsOf<"dscpPolicy" | "rateLimit" | "circuits" | "servers" | "routes" | "vms">(input);
  const circuits = readMap(reader, parts.circuits, [...steps, "circuits"], "circuits", readCircuit);
  const rateLimit = readRateLimit(reader, parts.rateLimit, [...steps, "rateLimit"]);
  const rest = {
    servers: reader.names(shapes.endpointName, parts.servers, [...steps, "servers"], "servers and gateways"),
    dscpPolicies: readDscpPolicies(reader, parts.dscpPolicy, [...steps, "dscpPolicy"]),
    circuits,
    routes: readRoutes(reader, parts.routes, [...steps, "routes"]),
    vms: readVms(reader, parts.vms, [...steps, "vms"]),
  };
  if (tenant === undefined) return undefined;
  const { vni, sourceCheck, policy, address, address6 } = tenant;
  return Object.freeze({ vni, sourceCheck, policy, ...defined({ address, address6, rateLimit }), ...rest });
}

function readDscpPolicies(reader: Reader, input: Plain | undefined, steps: Steps): ReadonlyMap<number, PathPolicy> {
  const policies = new Map<number, PathPolicy>();
  for (const [key, entry, entrySteps] of reader.entries(input, steps, "policies by code point")) {
    const dscp = reader.value(shapes.dscp, key, entrySteps, "key");
    const policy = reader.value(shapes.policy, entry, entrySteps);
    if (dscp !== undefined && policy !== undefined) policies.set(dscp, policy);
  }
  return policies;
}

export function readCircuit(reader: Reader, input: Plain, steps: Steps): Circuit | undefined {
  const circuit = reader.object("circuit", shapes.circuit, input, steps);
  if (circuit === undefined) return undefined;
  const { vlan, innerVlan } = circuit;
  // A tag around another one is a service tag (IEEE 802.1ad).
  const tag = circuit.tag ?? (vlan === undefined ? undefined : innerVlan === undefined ? "802.1q" : "802.1ad");
  return Object.freeze(defined({ ...circuit, tag }));
}

function readRoutes(reader: Reader, input: Plain | undefined, steps: Steps): ReadonlyMap<IpPrefix, Route> {
  const routes = new Map<IpPrefix, Route>();
  const places = new Map<IpPrefix, PathStep>();
  for (const [item, itemSteps] of reader.items(input, steps, "routes")) {
    const route = reader.object("route", shapes.route, item, itemSteps);
    if (route === undefined) continue;
    const { prefix } = route;
    const first = places.get(prefix);
    if (first !== undefined) {
      const message = `${prefix} is already the prefix of routes[${first}], expected one route with all of its endpoints`;
      reader.problems.add([...itemSteps, "prefix"], message);
    } else {
      const where = readRoute(reader, route, itemSteps);
      if (where !== undefined) routes.set(prefix, where);
    }
    places.set(prefix, first ?? (itemSteps.at(-1) as PathStep));
  }
  return routes;
}

/** Where a route leads, by its fields. */
export function readRoute(
  reader: Reader,
  { circuit, via }: { readonly circuit?: string | undefined; readonly via?: unknown },
  steps: Steps,
): Route | undefined {
  if (circuit !== undefined && via !== undefined) {
    reader.problems.add([...steps, "circuit"], "the route has via too, expected one of via and circuit");
    return undefined;
  }
  if (circuit !== undefined) return Object.freeze({ kind: "circuit", circuit });
  if (via === undefined) {
    reader.problems.add(steps, "via or circuit is missing, expected one of them");
    return undefined;
  }
  const names = reader.names(shapes.endpointName, via as Plain, [...steps, "via"], "servers and gateways");
  const readable = names.length > 0 || (Array.isArray(via) && via.length === 0) || via === null;
  return readable ? Object.freeze({ kind: "endpoints", via: names }) : undefined;
}

function readVms(reader: Reader, input: Plain | undefined, steps: Steps): VmSet {
  const builder = new VmSetBuilder(reader.servers);
  for (const [key, entry, entrySteps] of reader.entries(input, steps, "VMs by address")) {
    const address = reader.value(shapes.vmAddress, key, entrySteps, "key");
    const vm = reader.object("vm", shapes.vm, entry, entrySteps);
    if (address === undefined || vm === undefined) continue;
    const { server, mac, policy } = vm;
    builder.add(address, policy === undefined ? { server, mac } : { server, mac, policy });
  }
  reader.vms.set(String(steps[1]), builder);
  return builder.build();
}

/** Fields that may be undefined are optional instead. */
type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The object without its undefined fields: what is absent has no key. */
function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}
