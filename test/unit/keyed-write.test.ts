// Documents and edits as keys and JSON, and the document of an edge alone.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Edit } from "../../src/document/index.ts";
import {
  editKeyedValue,
  KeyedObjects,
  keyedObjectsOf,
  keyOf,
  loadDocument,
  loadEdgeDocument,
  pathOfKey,
} from "../../src/document/index.ts";

const FULL = new URL("../fixtures/documents/full.yaml", import.meta.url).pathname;
const PREFIX = "/unum/v1/";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const directory = mkdtempSync(join(tmpdir(), "unum-keyed-"));
afterAll(() => rmSync(directory, { recursive: true }));

function fileOf(text: string): string {
  const path = join(directory, "edge.yaml");
  writeFileSync(path, text);
  return path;
}

test("a document's objects make the model of the document", () => {
  const { model, text, notices } = loadDocument(FULL);
  const store = new KeyedObjects({ prefix: PREFIX });
  const values = new Map<string, string>();
  for (const { key, value } of keyedObjectsOf({ prefix: PREFIX, text, fileName: FULL, model })) {
    store.put(bytes(key), bytes(value));
    values.set(key, value);
  }
  const built = store.build(model.edge);
  expect(built.keptOut).toEqual([]);
  const plain = (each: typeof model): unknown => ({
    ...each,
    tenants: new Map([...each.tenants].map(([name, tenant]) => [name, { ...tenant, vms: new Map(tenant.vms) }])),
  });
  expect(plain(built.model)).toEqual(plain(model));
  expect(built.notices).toEqual(notices);
  expect(store.size).toBe(values.size);
  // What the document says and no more.
  expect(values.get("/unum/v1/profiles/far")).toBe(
    '{"port":8472,"ttl":255,"dscp":46,"ecn":"compatibility","dontFragment":false,"entropy":"l3","mtu":1400,"udpChecksum":"zero","bfd":{"interval":"100ms","multiplier":3}}',
  );
  expect(values.get("/unum/v1/tenants/acme")).toBe('{"vni":100,"servers":["gw2","s2"]}');
  expect(values.get("/unum/v1/tenants/acme/routes/10.1.0.0_24")).toBe('{"circuit":"hq"}');
  for (const key of values.keys()) expect(keyOf(PREFIX, pathOfKey(PREFIX, key) ?? [])).toBe(key);
});

describe("an edit of a value", () => {
  const SERVER = ["servers", "s1"];
  const ROUTE = ["tenants", "acme", "routes", "10.0.0.0/8"];
  const rows: readonly (readonly [present: string | undefined, edit: Edit, expected: string | undefined])[] = [
    [undefined, { op: "set", path: SERVER, value: { address: "10.0.0.1" } }, '{"address":"10.0.0.1"}'],
    ["{", { op: "set", path: SERVER, value: { address: "10.0.0.1" } }, '{"address":"10.0.0.1"}'],
    ['{"a":1,"b":2}', { op: "set", path: SERVER, value: { b: 3 } }, '{"b":3}'],
    ['{"a":1,"b":2}', { op: "merge", path: SERVER, value: { b: 3, c: 4 } }, '{"a":1,"b":3,"c":4}'],
    ['{"a":1,"b":2}', { op: "merge", path: SERVER, value: { a: undefined } }, '{"b":2}'],
    [undefined, { op: "merge", path: SERVER, value: { a: 1 } }, '{"a":1}'],
    ["{", { op: "delete", path: SERVER }, undefined],
    ['{"vni":1}', { op: "merge", path: ["tenants", "acme"], value: { vni: 2 } }, '{"vni":2}'],
    [
      '{"vni":1}',
      { op: "set", path: ["tenants", "acme", "policy"], value: "direct-only" },
      '{"vni":1,"policy":"direct-only"}',
    ],
    ['{"via":["s1"]}', { op: "merge", path: ROUTE, value: { via: ["s2"] } }, '{"via":["s2"]}'],
    [undefined, { op: "set", path: ROUTE, value: { circuit: "hq" } }, '{"circuit":"hq"}'],
    [undefined, { op: "merge", path: ROUTE, value: { circuit: "hq" } }, '{"circuit":"hq"}'],
    ['{"via":["s1"]}', { op: "merge", path: ROUTE, value: { via: undefined, circuit: "hq" } }, '{"circuit":"hq"}'],
  ];

  test.each(rows)("%s %j", (present, edit, expected) => {
    expect(editKeyedValue(present, edit)).toBe(expected);
  });

  test("refuses what is not there, and what it cannot read", () => {
    expect(() => editKeyedValue(undefined, { op: "delete", path: SERVER })).toThrow(/there is none/);
    expect(() => editKeyedValue("{", { op: "merge", path: SERVER, value: { a: 1 } })).toThrow(/is not JSON/);
    expect(() => editKeyedValue("{}", { op: "delete", path: ["edge", "mac"] })).toThrow(/edge.mac has no key/);
  });
});

describe("the document of an edge", () => {
  test("holds the edge and nothing else", () => {
    const text = readFileSync(FULL, "utf8");
    const alone = text.slice(0, text.indexOf("profiles:"));
    const { edge, notices, text: read } = loadEdgeDocument(fileOf(alone));
    expect(edge).toEqual(loadDocument(FULL).model.edge);
    expect(notices).toEqual([]);
    expect(read).toBe(alone);
  });

  test.each([
    ["version: 1\nedge: {address: 10.0.0.1}\nservers: {}\n", "edge.yaml:3:1: servers: servers belongs into etcd"],
    ["version: 1\nedge: {}\n", /edge.*missing, expected an IPv4 address/],
    ["version: 1\n", /missing, expected an IPv4 address/],
    ["edge: {address: 10.0.0.1}\n", /version: missing/],
    ["", "the document is empty"],
    ["version: 2\n", /version/],
  ])("refuses %j", (text, message) => {
    expect(() => loadEdgeDocument(fileOf(text))).toThrow(message);
  });
});
