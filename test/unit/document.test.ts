import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DocumentError, loadDocument, parseModel } from "../../src/document/index.ts";
import { VmSet } from "../../src/model/index.ts";

const FULL = new URL("../fixtures/documents/full.yaml", import.meta.url).pathname;
const full = readFileSync(FULL, "utf8");

/** The model with its maps as objects. */
function shown(value: unknown): unknown {
  if (value instanceof Map || value instanceof VmSet)
    return Object.fromEntries([...value].map(([key, inner]) => [key, shown(inner)]));
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]));
}

describe("a document with everything", () => {
  test("is the model that it says", () => {
    const { model, notices, text } = loadDocument(FULL);
    expect(text).toBe(full);
    expect(notices).toEqual([]);
    expect(shown(model)).toEqual({
      edge: {
        address: "10.2.0.1",
        address6: "2001:db8:2::1",
        mac: "02:00:00:00:00:01",
        interfaces: [
          { name: "e0", role: "access", mode: "native" },
          { name: "e1", role: "underlay", mode: "generic" },
          { name: "e2", role: "both", mode: "native" },
        ],
        vmCapacity: 4096,
        vm6Capacity: 2048,
      },
      profiles: {
        default: {
          encapsulation: "vxlan",
          port: 4789,
          ttl: 64,
          dscp: "copy",
          decapsulationDscp: "keep",
          ecn: "normal",
          dontFragment: true,
          udpChecksum: "zero",
          entropy: "l4",
          mssClamp: "off",
        },
        far: {
          encapsulation: "vxlan",
          port: 8472,
          ttl: 255,
          dscp: 46,
          decapsulationDscp: "keep",
          ecn: "compatibility",
          dontFragment: false,
          udpChecksum: "zero",
          entropy: "l3",
          mtuBytes: 1400,
          mssClamp: "off",
          bfd: { intervalUs: 100_000, multiplier: 3, multihop: false, holdDownUs: 1_000_000 },
        },
        v6: {
          encapsulation: "geneve",
          port: 6081,
          ttl: 64,
          dscp: "copy",
          decapsulationDscp: "copy",
          ecn: "normal",
          dontFragment: true,
          udpChecksum: "full",
          entropy: "l4",
          mssClamp: "auto",
          rateLimit: { bitsPerSecond: 100_000_000, burstBytes: 262_144 },
        },
        gre: {
          encapsulation: "nvgre",
          ttl: 64,
          dscp: "copy",
          decapsulationDscp: "keep",
          ecn: "normal",
          dontFragment: true,
          udpChecksum: "zero",
          entropy: "l4",
          mssClamp: "off",
          rateLimit: { bitsPerSecond: 1_500_000_000, burstBytes: 1_875_000 },
        },
      },
      servers: {
        s1: { address: "10.2.0.2", profile: "default", standby: "s2", mac: "02:00:0a:02:00:02" },
        s2: { address: "10.2.0.3", profile: "far", mac: "02:00:0a:02:00:03" },
        "3": { address: "10.2.0.4", profile: "default", mac: "02:00:00:00:aa:04" },
        s6: { address: "2001:db8:2::2", profile: "v6", mac: expect.stringMatching(/^02:06:/) },
      },
      gateways: {
        gw1: { address: "10.2.0.9", profile: "default", mac: "02:00:00:00:00:09" },
        gw2: { address: "10.2.0.10", profile: "far", mac: "02:00:00:00:00:10" },
        gw6: { address: "2001:db8:2::9", profile: "gre", mac: "02:00:00:00:00:11" },
      },
      tenants: {
        acme: {
          vni: 100,
          sourceCheck: "vm",
          servers: ["gw2", "s2"],
          policy: "direct-preferred",
          dscpPolicies: {},
          circuits: {
            hq: { interface: "e0", address: "10.1.0.1/24", peer: "10.1.0.2", peerMac: "02:00:00:00:01:02" },
          },
          routes: {
            "172.16.0.0/12": { kind: "endpoints", via: ["gw1", "gw2"] },
            "10.1.0.0/24": { kind: "circuit", circuit: "hq" },
            "0.0.0.0/0": { kind: "endpoints", via: ["s1"] },
          },
          vms: {
            "172.16.0.5": { server: "s1", mac: "02:00:00:00:00:05" },
            "172.16.0.6": { server: "3", mac: "02:00:00:00:00:06" },
          },
        },
        other: {
          vni: 16777215,
          sourceCheck: "member",
          servers: [],
          policy: "direct-preferred",
          dscpPolicies: {},
          circuits: { hq: { interface: "e2", address: "10.1.0.0/31", peer: "10.1.0.1" } },
          routes: {},
          vms: { "172.16.0.5": { server: "s2", mac: "02:00:00:00:00:05" } },
        },
        dual: {
          vni: 6,
          sourceCheck: "vm",
          servers: [],
          address: "172.16.255.254",
          address6: "2001:db8:16::fe",
          policy: "gateway-only",
          dscpPolicies: { 8: "gateway-only", 46: "direct-only" },
          rateLimit: { bitsPerSecond: 1_000_000_000, burstBytes: 1_048_576 },
          circuits: {
            one: { interface: "e0", vlan: 100, tag: "802.1q", address: "10.1.0.1/24", peer: "10.1.0.2" },
            both: {
              interface: "e0",
              vlan: 100,
              innerVlan: 7,
              tag: "802.1ad",
              address: "10.1.0.1/24",
              peer: "10.1.0.3",
              address6: "2001:db8:1::1/64",
              peer6: "2001:db8:1::3",
            },
            six: { interface: "e2", vlan: 9, tag: "802.1ad", address6: "fd00::/127", peer6: "fd00::1" },
          },
          routes: {
            "2001:db8:16::/48": { kind: "endpoints", via: ["gw6", "s6"] },
            "fd00::/127": { kind: "circuit", circuit: "six" },
          },
          vms: {
            "172.16.0.5": { server: "s1", mac: "02:00:00:00:00:05", policy: "gateway-only" },
            "2001:db8:16::5": { server: "s6", mac: "02:00:00:00:00:05" },
            "2001:db8:16::6": { server: "s1", mac: "02:00:00:00:00:06", policy: "direct-only" },
          },
        },
        quiet: {
          vni: 1,
          sourceCheck: "off",
          servers: [],
          policy: "direct-preferred",
          dscpPolicies: {},
          circuits: {},
          routes: {},
          vms: {},
        },
      },
    });
  });

  const { model } = parseModel(full, "full.yaml");

  test.each<[string, (text: string) => string]>([
    ["line ends of Windows", (text) => text.replaceAll("\n", "\r\n")],
    ["a byte order mark", (text) => `\ufeff${text}`],
    ["both", (text) => `\ufeff${text.replaceAll("\n", "\r\n")}`],
    ["no newline at its end", (text) => text.trimEnd()],
    ["a document start and end", (text) => `---\n${text}...\n`],
    ["a directive", (text) => `%YAML 1.2\n---\n${text}`],
    ["quoted keys and values", (text) => text.replace("s1: {address: 10.2.0.2", "'s1': {\"address\": '10.2.0.2'")],
    ["the text tag", (text) => text.replace("profile: default,", "profile: !!str default,")],
    [
      "sections of nothing",
      (text) => text.replace("quiet: {vni: 1,", "quiet: {vni: 1, vms: , routes: [], circuits: {}, servers: ,"),
    ],
  ])("means the same with %s", (_, change) => {
    const changed = change(full);
    expect(shown(parseModel(changed, "x").model)).toEqual(shown(model));
  });

  test("is frozen", () => {
    for (const object of [
      model,
      model.edge,
      model.edge.interfaces,
      model.edge.interfaces[0],
      ...model.profiles.values(),
      ...model.servers.values(),
      ...model.gateways.values(),
      ...model.tenants.values(),
      model.tenants.get("acme")?.servers,
      model.tenants.get("acme")?.circuits.get("hq"),
      model.tenants.get("dual")?.rateLimit,
      model.profiles.get("v6")?.rateLimit,
      ...(model.tenants.get("dual")?.vms.values() ?? []),
      ...(model.tenants.get("acme")?.routes.values() ?? []),
      ...(model.tenants.get("acme")?.vms.values() ?? []),
    ]) {
      expect(Object.isFrozen(object)).toBe(true);
    }
  });
});

test("JSON is YAML", () => {
  const data = { version: 1, edge: { address: "10.2.0.1" }, servers: { s1: { address: "10.2.0.2" } } };
  for (const text of [JSON.stringify(data), JSON.stringify(data, null, 2), JSON.stringify(data, null, "\t")]) {
    expect(parseModel(text, "x.json").model.servers.get("s1")?.address).toBe("10.2.0.2");
  }
});

test("an alias is what it stands for", () => {
  const text =
    "version: 1\nedge: {address: 10.2.0.1}\nprofiles:\n  a: &base {ttl: 9}\n  b: *base\ngateways:\n  g: {address: 10.2.0.9, mac: &m 02:00:00:00:00:09}\ntenants:\n  t: {vni: 1}\nservers:\n  s: {address: 10.2.0.8, mac: *m, profile: b}\n";
  const { model } = parseModel(text, "x");
  expect(model.profiles.get("b")).toEqual(model.profiles.get("a"));
  expect(model.servers.get("s")?.mac).toBe("02:00:00:00:00:09");
});

test("the smallest document has a default profile, and room for VMs", () => {
  const { model, notices } = parseModel("version: 1\nedge: {address: 10.2.0.1}", "x");
  expect(notices).toEqual([]);
  expect(model.edge).toEqual({
    address: "10.2.0.1",
    mac: "02:00:0a:02:00:01",
    interfaces: [],
    vmCapacity: 1_048_576,
    vm6Capacity: 262_144,
  });
  expect([...model.profiles.keys()]).toEqual(["default"]);
});

test("a profile that says one thing has the defaults for the rest", () => {
  const { model } = parseModel("version: 1\nedge: {address: 10.2.0.1}\nprofiles: {default: {ttl: 9}, plain: }", "x");
  expect(model.profiles.get("default")?.ttl).toBe(9);
  expect(model.profiles.get("plain")?.ttl).toBe(64);
});

test("an edge over IPv6 alone has a MAC made of its address", () => {
  const { model } = parseModel(
    "version: 1\nedge: {address6: 2001:db8:2::1}\nservers: {s: {address: 2001:db8:2::2}}",
    "x",
  );
  expect(model.edge.address).toBeUndefined();
  expect(model.edge.mac).toMatch(/^02:06:/);
  expect(model.servers.get("s")?.mac).not.toBe(model.edge.mac);
});

test("a port is that of the format, where there is one", () => {
  const profiles = "{g: {encapsulation: geneve}, n: {encapsulation: nvgre}, own: {encapsulation: geneve, port: 4789}}";
  const { model } = parseModel(`version: 1\nedge: {address: 10.2.0.1}\nprofiles: ${profiles}`, "x");
  expect([...model.profiles.values()].map(({ port }) => port)).toEqual([6081, undefined, 4789, 4789]);
  expect(model.profiles.get("n")).not.toHaveProperty("port");
});

test("what tenants may share", () => {
  const { model } = parseModel(
    [
      "version: 1",
      "edge: {address: 10.2.0.1, interfaces: [{name: e0, role: both}]}",
      "servers: {s1: {address: 10.2.0.2}}",
      "tenants:",
      "  # Every VM of a server has the same router.",
      "  a:",
      "    vni: 1",
      "    circuits:",
      "      x: {interface: e0, vlan: 1, address: 10.0.0.1/24, peer: 10.0.0.2}",
      "      y: {interface: e0, vlan: 2, address: 10.0.0.1/24, peer: 10.0.0.3}",
      "      z: {interface: e0, vlan: 2, innerVlan: 1, address: 10.0.0.1/24, peer: 10.0.0.4}",
      "  # And another tenant has all of the addresses again.",
      "  b:",
      "    vni: 2",
      "    address: 10.0.0.3",
      "    circuits: {x: {interface: e0, address: 10.0.0.1/24, peer: 10.0.0.2}}",
      "    vms: {10.0.0.4: {server: s1, mac: 02:00:00:00:00:05}}",
    ].join("\n"),
    "x",
  );
  expect(model.tenants.get("a")?.circuits.size).toBe(3);
});

test("__proto__ is a key like any other, and refused as a name", () => {
  const text = '{"version": 1, "edge": {"address": "10.2.0.1"}, "servers": {"__proto__": {"address": "10.2.0.2"}}}';
  expect(() => parseModel(text, "x")).toThrow('servers.__proto__: "__proto__" is no name');
  expect(({} as { address?: string }).address).toBeUndefined();
});

test("every problem is told, in the order of the text", () => {
  const text = [
    "version: 1",
    "edge: {address: 10.2.0.300}",
    "servers:",
    "  s1: {address: 10.2.0.2, profle: x}",
    "  s2: {address: 10.2.0.3, standby: s9}",
    "tenants:",
    "  t:",
    "    vni: 0",
    "    vms:",
    "      10.0.0.1: {server: s1, mac: 02:00:00:00:00:05}",
    "      10.0.0.2: {server: s9, mac: 03:00:00:00:00:05}",
  ].join("\n");
  try {
    parseModel(text, "file.yaml");
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(DocumentError);
    const { problems, message, code, exitCode } = error as DocumentError;
    // s1 could not be read, but it exists: the VM that names it is right.
    expect(problems.map(({ line, column, path }) => `${line}:${column} ${path}`)).toEqual([
      "2:17 edge.address",
      "4:27 servers.s1.profle",
      "5:36 servers.s2.standby",
      "8:10 tenants.t.vni",
      '11:26 tenants.t.vms["10.0.0.2"].server',
      '11:35 tenants.t.vms["10.0.0.2"].mac',
    ]);
    expect([code, exitCode]).toEqual(["DOCUMENT_INVALID", 1]);
    expect(message.split("\n")[0]).toBe("read file.yaml: 6 problems");
    expect(message.split("\n")[2]).toBe(
      'file.yaml:4:27: servers.s1.profle: "profle" is no key of this server, did you mean "profile"?',
    );
  }
});

test("a document that is wrong everywhere is told in bounds", () => {
  const vms = Array.from({ length: 5000 }, (_, i) => `      10.1.${i >> 8}.${i & 255}: {server: nobody, mac: 02}`);
  const text = `version: 1\nedge: {address: 10.2.0.1}\ntenants:\n  t:\n    vni: 1\n    vms:\n${vms.join("\n")}\n`;
  try {
    parseModel(text, "x");
    expect.unreachable();
  } catch (error) {
    const { problems, message } = error as DocumentError;
    expect(problems.length).toBe(50);
    expect(problems[0]?.line).toBe(7);
    expect(message.split("\n").length).toBe(52);
    expect(message).toMatch(/^read x: at least 1000 problems\n/);
    expect(message).toContain("and 950 more");
  }
});
