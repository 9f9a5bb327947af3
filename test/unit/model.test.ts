import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { macFromIpv4, parseInterfaceAddress, parseIpv4, parseMac, parsePrefix } from "../../src/address/index.ts";
import type { Model, Route, Server, Tenant } from "../../src/model/index.ts";
import {
  closest,
  DEFAULT_PROFILE,
  durationText,
  isInterfaceName,
  isName,
  OBJECTS_MAX,
  PROFILES_MAX,
  parseDurationUs,
  suggestion,
  VIA_MAX,
  validateModel,
} from "../../src/model/index.ts";

const mac = parseMac("02:00:00:00:00:05");
const server = (address: string, standby?: string): Server => ({
  address: parseIpv4(address),
  profile: "default",
  mac,
  ...(standby === undefined ? {} : { standby }),
});
const tenant = (fields: Partial<Tenant> = {}): Tenant => ({
  vni: 1,
  sourceCheck: "vm",
  servers: [],
  circuits: new Map(),
  routes: new Map(),
  vms: new Map(),
  ...fields,
});
const model = (fields: Partial<Model> = {}): Model => ({
  edge: {
    address: parseIpv4("10.2.0.1"),
    mac: macFromIpv4(parseIpv4("10.2.0.1")),
    interfaces: [{ name: "e0", role: "access", mode: "native" }],
    vmCapacity: 1024,
  },
  profiles: new Map([["default", DEFAULT_PROFILE]]),
  servers: new Map([["s1", server("10.2.0.2")]]),
  gateways: new Map(),
  tenants: new Map(),
  ...fields,
});
const problems = (state: Model, unread: string[] = []): string[] =>
  validateModel(state, { unread: new Set(unread) }).map(({ path, message }) => `${path.join("/")}: ${message}`);

test("a good model has no problems", () => {
  expect(problems(model())).toEqual([]);
});

describe("what no document can say, and another source may", () => {
  test("a list with a name twice", () => {
    const route: Route = { kind: "endpoints", via: ["s1", "s1"] };
    const routes = new Map([[parsePrefix("10.0.0.0/8"), route]]);
    expect(problems(model({ tenants: new Map([["t", tenant({ routes })]]) }))).toEqual([
      'tenants/t/routes/10.0.0.0/8/via/s1: "s1" is listed twice, expected it once',
    ]);
  });

  test("an interface twice, and one with no possible name", () => {
    const port = { role: "both", mode: "native" } as const;
    const interfaces = ["e0", "e0", "a b"].map((name) => ({ name, ...port }));
    expect(problems(model({ edge: { ...model().edge, interfaces } }))).toEqual([
      "edge/interfaces/e0/name: interface e0 is listed twice",
      'edge/interfaces/a b/name: "a b" cannot be the name of an interface',
    ]);
  });

  test("numbers that are no integers", () => {
    for (const vni of [1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(problems(model({ tenants: new Map([["t", tenant({ vni })]]) }))).toEqual([
        `tenants/t/vni: ${vni} is out of range, expected 1 to 16777215`,
      ]);
    }
  });
});

test("more VMs than the table is made for", () => {
  const vms = new Map(
    Array.from({ length: 600 }, (_, i) => [parseIpv4(`10.3.${i >> 8}.${i & 255}`), { server: "s1", mac }]),
  );
  const tenants = new Map([
    ["a", tenant({ vms })],
    ["b", tenant({ vni: 2, vms })],
  ]);
  expect(problems(model({ tenants }))).toEqual([
    "edge/capacity/vms: 1200 VMs do not fit into the 1024 that the table is made for, expected a larger capacity",
  ]);
});

test("more objects than there are indexes", () => {
  const servers = new Map(
    Array.from({ length: 16_384 }, (_, i) => [`s${i}`, server(`10.${3 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`)]),
  );
  expect(problems(model({ servers }))).toEqual(["servers: there are 16384, expected at most 16383"]);
  servers.delete("s0");
  expect(problems(model({ servers }))).toEqual([]);
  const gateways = new Map([["g", { address: parseIpv4("10.9.0.1"), profile: "default", mac }]]);
  expect(problems(model({ servers, gateways }))).toEqual([
    "gateways: there are 16384 servers and gateways, expected at most 16383 together",
  ]);
});

describe("standbys", () => {
  const chain = (...names: [string, string?][]): Model =>
    model({ servers: new Map(names.map(([name, standby], i) => [name, server(`10.2.1.${i + 1}`, standby)])) });

  test("a chain that ends is right", () => {
    expect(problems(chain(["a", "b"], ["b", "c"], ["c"]))).toEqual([]);
    expect(problems(chain(["c"], ["b", "c"], ["a", "c"]))).toEqual([]);
  });

  test("each cycle is told once", () => {
    expect(problems(chain(["a", "b"], ["b", "a"], ["c", "a"], ["x", "y"], ["y", "x"]))).toEqual([
      "servers/b/standby: the standbys form a cycle (a → b → a), expected one that ends",
      "servers/y/standby: the standbys form a cycle (x → y → x), expected one that ends",
    ]);
  });

  test("a long cycle is told in short, and in linear time", () => {
    const names = Array.from({ length: 16_000 }, (_, i): [string, string] => [`s${i}`, `s${(i + 1) % 16_000}`]);
    const servers = new Map(names.map(([name, standby], i) => [name, server(`10.3.${i >> 8}.${i & 255}`, standby)]));
    expect(problems(model({ servers }))).toEqual([
      "servers/s15999/standby: the standbys form a cycle (s0 → s1 → s2 → s3 → … → s15998 → s15999 → s0), expected one that ends",
    ]);
  });

  test("any graph of standbys has as many problems as cycles", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(9)), { minLength: 10, maxLength: 10 }), (next) => {
        const servers = new Map(
          next.map((to, i) => [`n${i}`, server(`10.3.0.${i + 1}`, to === null || to === i ? undefined : `n${to}`)]),
        );
        // Nodes from which following the standbys for long enough comes back.
        const follow = (from: number): number | null => {
          const to = next[from];
          return to === undefined || to === null || to === from ? null : to;
        };
        const cycles = new Set<string>();
        for (let start = 0; start < 10; start++) {
          let at: number | null = start;
          for (let i = 0; i < 20 && at !== null; i++) at = follow(at);
          if (at === null) continue;
          const members = [at];
          for (let each = follow(at) as number; each !== at; each = follow(each) as number) members.push(each);
          cycles.add(members.sort().join());
        }
        expect(problems(model({ servers })).length).toBe(cycles.size);
      }),
    );
  });
});

test("what could not be read is not missing", () => {
  const circuit = {
    interface: "e0",
    address: parseInterfaceAddress("10.1.0.1/24"),
    peer: parseIpv4("10.1.0.2"),
  };
  const tenants = new Map([
    [
      "t",
      tenant({
        servers: ["gone"],
        circuits: new Map([["c", { ...circuit, interface: "e9" }]]),
        routes: new Map<never, Route>([["10.0.0.0/8" as never, { kind: "circuit", circuit: "lost" }]]),
        vms: new Map([[parseIpv4("10.3.0.1"), { server: "gone", mac }]]),
      }),
    ],
  ]);
  const state = model({ tenants, servers: new Map([["s1", { ...server("10.2.0.2", "gone"), profile: "far" }]]) });
  expect(problems(state).length).toBe(6);
  expect(problems(state, ["servers/gone", "edge", "profiles", "tenants/t/circuits/lost"])).toEqual([]);
});

test("names of objects", () => {
  for (const name of ["a", "A1", "0", "s-1", "rack.7_b", "x".repeat(63)]) expect(isName(name)).toBe(true);
  for (const name of ["", "-a", ".a", "_a", "a b", "a/b", "ä", "a\n", "x".repeat(64)]) expect(isName(name)).toBe(false);
});

test("names of interfaces", () => {
  for (const name of ["e", "eth0", "veth-a.100", "x".repeat(15)]) expect(isInterfaceName(name)).toBe(true);
  for (const name of ["", ".", "..", "a/b", "a:1", "a b", "ä", "a\t", "x".repeat(16)]) {
    expect(isInterfaceName(name)).toBe(false);
  }
});

test("the name that was meant", () => {
  expect(closest("adress", ["address", "profile"])).toBe("address");
  expect(closest("prfoile", ["address", "profile"])).toBe("profile");
  expect(closest("S1", ["s1"])).toBe("s1");
  expect(closest("s1", ["s1"])).toBeUndefined();
  expect(closest("gw", ["s1", "s2"])).toBeUndefined();
  expect(closest("", ["a", "bc"])).toBe("a");
  expect(suggestion("adress", ["address"])).toBe(', did you mean "address"?');
  expect(suggestion("zzz", ["address"])).toBe("");
});

test("durations read back as they are written", () => {
  expect(["300us", "100ms", "1s", "0ms", "60s"].map(parseDurationUs)).toEqual([300, 100_000, 1_000_000, 0, 60_000_000]);
  for (const text of ["", "1", "ms", "1 ms", "01ms", "-1ms", "1.5s", "1m", "1e3us", "9999999999us"]) {
    expect(parseDurationUs(text)).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.nat(999_999_999), (microseconds) => {
      expect(parseDurationUs(durationText(microseconds))).toBe(microseconds);
    }),
  );
  expect([1_500_000, 2_000_000, 1500, 0].map(durationText)).toEqual(["1500ms", "2s", "1500us", "0us"]);
});

test("the model allows as many objects as the maps hold", () => {
  const maps = readFileSync(new URL("../../bpf/maps.h", import.meta.url), "utf8");
  const abi = readFileSync(new URL("../../bpf/abi.h", import.meta.url), "utf8");
  expect(maps).toContain(`#define OBJECTS_MAX ${OBJECTS_MAX + 1}\n`);
  expect(maps).toContain(`WORDS(profiles, struct profile, ${PROFILES_MAX + 1});`);
  expect(abi).toContain(`#define ROUTE_GROUP_MAX ${VIA_MAX}\n`);
});
