// Keys and values for stores of objects, and what such a store must hold by its rules, worked out the slow way.

import { KeyedObjects, parseModel } from "../../src/document/index.ts";
import type { Edge, Model } from "../../src/model/index.ts";

export const PREFIX = "/unum/v1/";
const encoder = new TextEncoder();

export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const keyBytes = (key: string): Uint8Array => bytes(PREFIX + key);

/** A value: text as it is, anything else as JSON. */
export type Value = string | Uint8Array | object;

export function valueBytes(value: Value): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return bytes(typeof value === "string" ? value : JSON.stringify(value));
}

export function put(store: KeyedObjects, key: string, value: Value): void {
  store.put(keyBytes(key), valueBytes(value));
}

export function remove(store: KeyedObjects, key: string): void {
  store.delete(keyBytes(key));
}

export function storeOf(objects: Iterable<readonly [string, Value]>, known?: Model): KeyedObjects {
  const store = new KeyedObjects({ prefix: PREFIX, known });
  for (const [key, value] of objects) put(store, key, value);
  return store;
}

/** An edge of both families, with an interface for customers and one for tunnels. */
export const EDGE: Edge = parseModel(
  "version: 1\nedge: {address: 10.2.0.1, address6: 2001:db8:2::1, interfaces: [{name: e0, role: access}, {name: e1, role: both}]}\n",
  "edge.yaml",
).model.edge;

export const MAC = "02:00:00:00:00:05";

/** Objects that are right together, one of each kind. */
export const GOOD: readonly (readonly [string, Value])[] = [
  ["profiles/fast", { ttl: 9 }],
  ["servers/s1", { address: "10.2.0.2", standby: "s2" }],
  ["servers/s2", { address: "10.2.0.3", profile: "fast" }],
  ["gateways/g1", { address: "10.2.0.9", mac: "02:00:00:00:00:09" }],
  ["tenants/acme", { vni: 100, servers: ["s2"] }],
  ["tenants/acme/circuits/hq", { interface: "e0", address: "10.1.0.1/24", peer: "10.1.0.2" }],
  ["tenants/acme/routes/10.1.0.0_24", { circuit: "hq" }],
  ["tenants/acme/routes/0.0.0.0_0", { via: ["g1", "s1"] }],
  ["tenants/acme/vms/172.16.0.5", { server: "s1", mac: MAC }],
  ["tenants/acme/vms/2001:db8:16::5", { server: "s2", mac: MAC, policy: "direct-only" }],
  ["tenants/other", { vni: 5 }],
];
