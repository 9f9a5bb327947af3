// Bytes of a value → the object that it is, checked by itself: shapes and ranges, everything that needs no other object. What
// an object refers to, and who else has what it wants, is known when all of them are looked at (keyed-settle.ts).

import { isUtf8 } from "node:buffer";
import type { IpAddress, IpPrefix } from "../address/index.ts";
import { ZERO_MAC } from "../address/index.ts";
import type { Circuit, Edge, Gateway, Model, Profile, Route, Server, Tenant, Vm } from "../model/index.ts";
import { NO_VMS, validateModel, vmProblems } from "../model/index.ts";
import * as build from "./build.ts";
import { JsonFault, parseJson } from "./json.ts";
import type { ObjectPath } from "./keyed-key.ts";
import type { Notice, PathStep, ProblemSink } from "./problem.ts";
import { pathText } from "./problem.ts";
import { Reader } from "./reader.ts";
import * as shapes from "./shapes.ts";
import type { Plain } from "./tree.ts";

/** Of a value: far above what any object needs, and below what etcd takes. */
export const VALUE_BYTES_MAX = 1 << 20;

/** Problems of one value that are told; the others are counted. */
const TOLD_MAX = 3;
const COLLECTED_MAX = 100;
const MESSAGE_MAX = 1000;

/** Values by the kind of object, without what has keys of its own. */
export interface Values {
  readonly profiles: Profile;
  readonly servers: Server;
  readonly gateways: Gateway;
  readonly tenants: Tenant;
  readonly circuits: Circuit;
  readonly routes: Route;
  readonly vms: Vm;
}
export type Kind = keyof Values;

export type ReadValue<T> =
  | { readonly value: T; readonly notices: readonly Notice[]; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string };

/** Kind of the object at a path. */
export function kindOf([section, , of]: ObjectPath): Kind {
  return of ?? section;
}

/** Reads the value of the object at `path`. */
export function readValue<K extends Kind>(kind: K, path: ObjectPath, bytes: Uint8Array): ReadValue<Values[K]> {
  let plain: Plain;
  try {
    plain = parseJson(textOf(bytes));
  } catch (thrown) {
    if (!(thrown instanceof ValueFault) && !(thrown instanceof JsonFault)) throw thrown;
    return { problem: thrown instanceof JsonFault ? `it is not JSON: ${thrown.message}` : thrown.message };
  }
  const sink = new ValueProblems(path.length);
  const reader = new Reader(sink);
  const value = READERS[kind](reader, plain, path);
  if (value !== undefined && sink.list.length === 0) checkAlone(kind, path, value, sink);
  if (value === undefined || sink.list.length > 0) return { problem: problemsText(sink.list) };
  return { value, notices: reader.notices };
}

class ValueFault extends Error {}

function textOf(bytes: Uint8Array): string {
  if (bytes.length === 0) throw new ValueFault("the value is empty, expected JSON");
  if (bytes.length > VALUE_BYTES_MAX) {
    throw new ValueFault(`the value has ${bytes.length} bytes, expected at most ${VALUE_BYTES_MAX}`);
  }
  if (!isUtf8(bytes)) throw new ValueFault("the value is not UTF-8, expected JSON");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

/** What is wrong with one value, by the path within it. */
class ValueProblems implements ProblemSink {
  readonly list: string[] = [];
  readonly #depth: number;

  /** @param depth steps that the key is made of */
  constructor(depth: number) {
    this.#depth = depth;
  }

  get full(): boolean {
    return this.list.length >= COLLECTED_MAX;
  }

  add(steps: readonly PathStep[], message: string): void {
    if (!this.full) this.list.push(placed(steps.slice(this.#depth), message));
  }
}

/** A problem with its place in a value. */
export function placed(steps: readonly PathStep[], message: string): string {
  return steps.length === 0 ? message : `${pathText(steps)}: ${message}`;
}

export function problemsText(list: readonly string[]): string {
  const text = list.slice(0, TOLD_MAX).join("; ").slice(0, MESSAGE_MAX);
  return list.length > TOLD_MAX ? `${text}; and ${list.length - TOLD_MAX} more` : text;
}

const READERS: { readonly [K in Kind]: (reader: Reader, plain: Plain, path: ObjectPath) => Values[K] | undefined } = {
  profiles: build.readProfile,
  servers: build.readServer,
  gateways: build.readGateway,
  tenants: readTenant,
  circuits: build.readCircuit,
  routes: (reader, plain, path) => {
    const fields = reader.object("route", shapes.routeOfPrefix, plain, path);
    return fields && build.readRoute(reader, fields, path);
  },
  vms: (reader, plain, path) => {
    const fields = reader.object("vm", shapes.vm, plain, path);
    if (fields === undefined) return undefined;
    const { server, mac, policy } = fields;
    return Object.freeze(policy === undefined ? { server, mac } : { server, mac, policy });
  },
};

/** A tenant without what a document has in it and etcd beside it. */
function readTenant(reader: Reader, plain: Plain, path: ObjectPath): Tenant | undefined {
  const own: Record<string, Plain> = Object.create(null);
  for (const [key, value] of plainEntries(plain)) {
    if (key !== "circuits" && key !== "routes" && key !== "vms") own[key] = value;
    else reader.problems.add([...path, key], `${key} have keys of their own, expected tenants/${path[1]}/${key}/…`);
  }
  return build.readTenant(reader, isMap(plain) ? own : plain, path);
}

function isMap(plain: Plain): boolean {
  return typeof plain === "object" && plain !== null && Object.getPrototypeOf(plain) === null;
}

function plainEntries(plain: Plain): readonly [string, Plain][] {
  return isMap(plain) ? Object.entries(plain as object) : [];
}

const NO_EDGE: Edge = { mac: ZERO_MAC, interfaces: [], vmCapacity: 0, vm6Capacity: 0 };
const NOTHING: Model = {
  edge: NO_EDGE,
  profiles: new Map(),
  servers: new Map(),
  gateways: new Map(),
  tenants: new Map(),
};
const NO_TENANT: Tenant = {
  vni: 1,
  sourceCheck: "vm",
  servers: [],
  policy: "direct-preferred",
  dscpPolicies: new Map(),
  circuits: new Map(),
  routes: new Map(),
  vms: NO_VMS,
};

/** Validation of a model that has this object alone, and takes every reference for right. */
function checkAlone(kind: Kind, [, name, , inner = ""]: ObjectPath, value: Values[Kind], sink: ProblemSink): void {
  const unread = new Set(["edge", "profiles", "servers", "gateways", `tenants/${name}/circuits`]);
  if (kind === "vms") {
    const target = { model: NOTHING, unread: (...path: string[]) => unread.has(path[0] as string) };
    const found = vmProblems(target, name, inner as IpAddress, value as Vm, new Map());
    for (const { path, message } of found) sink.add(path, message);
    return;
  }
  const tenant = (part: Partial<Tenant>): Model => ({
    ...NOTHING,
    tenants: new Map([[name, { ...NO_TENANT, ...part }]]),
  });
  const models: { readonly [K in Exclude<Kind, "vms">]: () => Model } = {
    profiles: () => ({ ...NOTHING, profiles: new Map([[name, value as Profile]]) }),
    servers: () => ({ ...NOTHING, servers: new Map([[name, value as Server]]) }),
    gateways: () => ({ ...NOTHING, gateways: new Map([[name, value as Gateway]]) }),
    tenants: () => tenant(value as Tenant),
    circuits: () => tenant({ circuits: new Map([[inner, value as Circuit]]) }),
    routes: () => tenant({ routes: new Map([[inner as IpPrefix, value as Route]]) }),
  };
  for (const { path, message } of validateModel(models[kind](), { unread })) {
    // The prefix of a route is in its key.
    sink.add(kind === "routes" && path[4] === "prefix" ? path.slice(0, 4) : path, message);
  }
}
