import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  macFromIpv4,
  parseInterfaceAddress,
  parseInterfaceAddress6,
  parseIp,
  parseIpPrefix,
  parseIpv4,
  parseIpv6,
  parseMac,
  parsePrefix,
} from "../../src/address/index.ts";
import type { Circuit, Edge, Model, Profile, Route, Server, Tenant, VmCapacity } from "../../src/model/index.ts";
import {
  burstRange,
  capacityFor,
  closest,
  DEFAULT_PROFILE,
  defaultBurstBytes,
  durationText,
  isInterfaceName,
  isName,
  NO_VMS,
  OBJECTS_MAX,
  overheadBytes,
  PROFILES_MAX,
  parseDurationUs,
  parseRate,
  parseSize,
  RANGES,
  rateText,
  sizeText,
  suggestion,
  usesInner6,
  VIA_MAX,
  VmSet,
  validateModel,
} from "../../src/model/index.ts";

const mac = parseMac("02:00:00:00:00:05");
const server = (address: string, standby?: string): Server => ({
  address: parseIp(address),
  profile: "default",
  mac,
  ...(standby === undefined ? {} : { standby }),
});
const tenant = (fields: Partial<Tenant> = {}): Tenant => ({
  vni: 1,
  sourceCheck: "vm",
  servers: [],
  policy: "direct-preferred",
  dscpPolicies: new Map(),
  circuits: new Map(),
  routes: new Map(),
  vms: NO_VMS,
  ...fields,
});
const model = (fields: Partial<Model> = {}): Model => ({
  edge: {
    address: parseIpv4("10.2.0.1"),
    mac: macFromIpv4(parseIpv4("10.2.0.1")),
    interfaces: [{ name: "e0", role: "access", mode: "native" }],
    vmCapacity: 1024,
    vm6Capacity: 1024,
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

test("more VMs than the table may grow to", () => {
  const vms = VmSet.of(
    Array.from({ length: 600 }, (_, i) => [parseIpv4(`10.3.${i >> 8}.${i & 255}`), { server: "s1", mac }] as const),
  );
  const tenants = new Map([
    ["a", tenant({ vms })],
    ["b", tenant({ vni: 2, vms })],
  ]);
  const upTo = (vmCapacityMax: number) => problems(model({ tenants, edge: { ...model().edge, vmCapacityMax } }));
  expect(problems(model({ tenants }))).toEqual([]);
  expect(upTo(1200)).toEqual([]);
  expect(upTo(1199)).toEqual([
    "edge/capacity/vms: 1200 VMs do not fit into the 1199 that the table may grow to, expected a larger vmsMax",
  ]);
  expect(upTo(1023)).toEqual(["edge/capacity/vmsMax: 1023 is out of range, expected 1024 to 16777216"]);
});

test("IPv6 VMs have a table of their own", () => {
  const vms = (prefix: string, count: number) =>
    new Map(Array.from({ length: count }, (_, i) => [parseIp(`${prefix}${i + 1}`), { server: "s1", mac }] as const));
  const [six, four] = [vms("2001:db8::", 1025), vms("10.3.0.", 200)];
  const tenants = new Map([["t", tenant({ vms: VmSet.of([...four, ...six]) })]]);
  expect(problems(model({ tenants, edge: { ...model().edge, vm6CapacityMax: 1024 } }))).toEqual([
    "edge/capacity/vms6: 1025 IPv6 VMs do not fit into the 1024 that the table may grow to, expected a larger vms6Max",
  ]);
  expect(problems(model({ edge: { ...model().edge, vm6Capacity: 0, vmCapacity: 0 } }))).toEqual([
    "edge/capacity/vms: 0 is out of range, expected 1024 to 16777216",
    "edge/capacity/vms6: 0 is out of range, expected 1024 to 16777216",
  ]);
});

describe("objects that exclude each other, from a source that is no document", () => {
  const one = (fields: Partial<Tenant>): Model => model({ tenants: new Map([["t", tenant(fields)]]) });
  const profiles = (fields: Partial<Profile>): Model =>
    model({ profiles: new Map([["default", { ...DEFAULT_PROFILE, ...fields }]]) });

  test("an edge without any address", () => {
    const { address: _, ...edge } = model().edge;
    expect(problems(model({ edge }))).toEqual(["edge/address: missing, expected an IPv4 address, or address6"]);
  });

  test("a UDP format without a port", () => {
    const { port: _, ...profile } = DEFAULT_PROFILE;
    expect(problems(model({ profiles: new Map([["default", profile]]) }))).toEqual([
      "profiles/default/port: missing, expected the UDP port of vxlan",
    ]);
  });

  test("a VLAN without the kind of its tag", () => {
    const circuit: Circuit = {
      interface: "e0",
      vlan: 5,
      address: parseInterfaceAddress("10.1.0.1/24"),
      peer: parseIpv4("10.1.0.2"),
    };
    expect(problems(one({ circuits: new Map([["c", circuit]]) }))).toEqual([
      "tenants/t/circuits/c/tag: missing, expected 802.1q or 802.1ad beside vlan",
    ]);
  });

  test("a code point that is none, and numbers that are no integers", () => {
    const policies = new Map([
      [64, "direct-only" as const],
      [1.5, "direct-only" as const],
    ]);
    expect(problems(one({ dscpPolicies: policies }))).toEqual([
      "tenants/t/dscpPolicy/64: 64 is out of range, expected 0 to 63",
      "tenants/t/dscpPolicy/1.5: 1.5 is out of range, expected 0 to 63",
    ]);
    expect(problems(profiles({ mtuBytes: 1400.5 }))).toEqual([
      "profiles/default/mtu: 1400.5 is out of range, expected 576 to 65535",
    ]);
    expect(problems(profiles({ rateLimit: { bitsPerSecond: 1e6, burstBytes: 1500.5 } }))).toEqual([
      "profiles/default/rateLimit/burst: 1500.5B is out of range, expected 1500B to 500kB",
    ]);
  });

  test("IPv4-mapped addresses", () => {
    const mapped = "::ffff:a02:9" as never;
    const gateways = new Map([["g", { address: mapped, profile: "default", mac }]]);
    const edge = { ...model().edge, address6: parseIpv6("2001:db8::1") };
    expect(problems(model({ edge, gateways }))).toEqual([
      "gateways/g/address: ::ffff:a02:9 is an IPv4-mapped address, expected the address of one machine",
    ]);
  });
});

test("the overhead of each format over each family is the length of its headers", () => {
  // Outer IP, UDP or nothing, VXLAN, Geneve or GRE with its key, inner Ethernet.
  const table = [
    ["vxlan", 4, 20 + 8 + 8 + 14],
    ["vxlan", 6, 40 + 8 + 8 + 14],
    ["geneve", 4, 20 + 8 + 8 + 14],
    ["geneve", 6, 40 + 8 + 8 + 14],
    ["nvgre", 4, 20 + 8 + 14],
    ["nvgre", 6, 40 + 8 + 14],
  ] as const;
  for (const [encapsulation, family, bytes] of table) expect(overheadBytes({ encapsulation }, family)).toBe(bytes);
});

test("tenants use IPv6 as soon as anything of them has an IPv6 address", () => {
  const uses = (fields: Partial<Tenant>): boolean => usesInner6(model({ tenants: new Map([["t", tenant(fields)]]) }));
  const route: Route = { kind: "endpoints", via: ["s1"] };
  const address = parseInterfaceAddress("10.1.0.1/24");
  const address6 = parseInterfaceAddress6("2001:db8::1/64");
  expect(uses({})).toBe(false);
  expect(uses({ address: parseIpv4("10.0.0.1") })).toBe(false);
  expect(uses({ address6: parseIpv6("2001:db8::1") })).toBe(true);
  expect(uses({ vms: VmSet.of([[parseIp("10.0.0.1"), { server: "s1", mac }]]) })).toBe(false);
  expect(uses({ vms: VmSet.of([[parseIp("2001:db8::1"), { server: "s1", mac }]]) })).toBe(true);
  expect(uses({ routes: new Map([[parseIpPrefix("10.0.0.0/8"), route]]) })).toBe(false);
  expect(uses({ routes: new Map([[parseIpPrefix("::/0"), route]]) })).toBe(true);
  expect(uses({ circuits: new Map([["c", { interface: "e0", address, peer: parseIpv4("10.1.0.2") }]]) })).toBe(false);
  expect(uses({ circuits: new Map([["c", { interface: "e0", address6, peer6: parseIpv6("2001:db8::2") }]]) })).toBe(
    true,
  );
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
        vms: VmSet.of([[parseIpv4("10.3.0.1"), { server: "gone", mac }]]),
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

describe("rates and sizes", () => {
  test.each([
    ["64kbit/s", 64_000],
    ["100Mbit/s", 100_000_000],
    ["2.5Gbit/s", 2_500_000_000],
    ["0.1Gbit/s", 100_000_000],
    ["1bit/s", 1],
    ["0bit/s", 0],
    ["1.001kbit/s", 1001],
    ["999999999999Gbit/s", 999_999_999_999e9],
  ])("%s", (text, value) => expect(parseRate(text)).toBe(value));

  test.each([
    ["1500B", 1500],
    ["1kB", 1000],
    ["1KiB", 1024],
    ["1MB", 1_000_000],
    ["1MiB", 1_048_576],
    ["1.5MiB", 1_572_864],
    ["0.5KiB", 512],
  ])("%s", (text, value) => expect(parseSize(text)).toBe(value));

  test.each([
    ..."|1|bit/s|1 bit/s|01bit/s|-1bit/s|+1bit/s|.5kbit/s|5.kbit/s|1e3bit/s|0.5bit/s|1.0001kbit/s|1Mbit|1mbit/s".split(
      "|",
    ),
    ..."1Mbps|1MB/s|1Tbit/s|1234567890123bit/s|1.0000000000Gbit/s|constructor|1toString".split("|"),
  ])("no rate: %j", (text) => expect(parseRate(text)).toBeUndefined());

  test.each([..."|1|B|1 B|1b|1K|1KB|1kiB|1GiB|01B|0.5B|0.0001KiB|-1B|1bit/s".split("|")])("no size: %j", (text) =>
    expect(parseSize(text)).toBeUndefined(),
  );

  test("read back as they are written", () => {
    const factor = fc.constantFrom(1, 1000, 1024, 1_000_000, 1_048_576);
    fc.assert(
      fc.property(fc.nat(900_000), factor, (count, each) => {
        expect(parseRate(rateText(count * each))).toBe(count * each);
        expect(parseSize(sizeText(count * each))).toBe(count * each);
      }),
    );
    expect([0, 1500, 64_000, 1_500_000, 2e9].map(rateText)).toEqual([
      "0bit/s",
      "1500bit/s",
      "64kbit/s",
      "1500kbit/s",
      "2Gbit/s",
    ]);
    expect([0, 1500, 1000, 65_536, 1_000_000, 3_145_728].map(sizeText)).toEqual([
      "0B",
      "1500B",
      "1kB",
      "64KiB",
      "1MB",
      "3MiB",
    ]);
  });

  test("a burst that is not given is one that may be", () => {
    const { min, max } = RANGES.bitsPerSecond;
    expect([min, 1_000_000, 100_000_000, max].map(defaultBurstBytes)).toEqual([32_000, 65_536, 125_000, 500_000_000]);
    fc.assert(
      fc.property(fc.integer({ min, max }), (rate) => {
        const range = burstRange(rate);
        expect(range.min).toBe(1500);
        expect(defaultBurstBytes(rate)).toBeGreaterThanOrEqual(range.min);
        expect(defaultBurstBytes(rate)).toBeLessThanOrEqual(range.max);
        expect(Number.isInteger(defaultBurstBytes(rate))).toBe(true);
      }),
    );
  });
});

test("the model allows as many objects as the maps hold", () => {
  const maps = readFileSync(new URL("../../bpf/maps.h", import.meta.url), "utf8");
  const abi = readFileSync(new URL("../../bpf/abi.h", import.meta.url), "utf8");
  expect(maps).toContain(`#define OBJECTS_MAX ${OBJECTS_MAX + 1}\n`);
  expect(maps).toContain(`WORDS(profiles, struct profile, ${PROFILES_MAX + 1});`);
  expect(abi).toContain(`#define ROUTE_GROUP_MAX ${VIA_MAX}\n`);
});

describe("what the VM tables are made for", () => {
  const asked = (edge: Partial<Edge>) => ({ ...model().edge, vmCapacity: 1000, vm6Capacity: 2000, ...edge });
  const both = (vms: number) => ({ vms, vms6: vms });
  test.each<[string, Partial<Edge>, VmCapacity, VmCapacity | undefined, VmCapacity]>([
    ["what is asked for", {}, both(0), undefined, { vms: 1000, vms6: 2000 }],
    ["as often twice that as the VMs need", {}, { vms: 4001, vms6: 2001 }, undefined, { vms: 8000, vms6: 4000 }],
    ["what they were made for, while that is more", {}, both(10), both(3000), both(3000)],
    ["what is asked for now, where they were made for less", {}, both(10), both(500), { vms: 1000, vms6: 2000 }],
    ["twice what they were made for", {}, both(3001), both(3000), both(6000)],
    ["the limit, where twice is more", { vmCapacityMax: 1500 }, both(1200), undefined, { vms: 1500, vms6: 2000 }],
    [
      "the limit, where they were made for more",
      { vm6CapacityMax: 2000 },
      both(1),
      both(9000),
      { vms: 9000, vms6: 2000 },
    ],
    ["a default limit", {}, both(3_000_000), undefined, { vms: 4_096_000, vms6: 1_048_576 }],
  ])("%s", (_, edge, needed, made, expected) => {
    expect(capacityFor(asked(edge), needed, made)).toEqual(expected);
  });
});
