// Commands on live maps: what they print and end with, and what they leave alone.

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { xdpAttached } from "../../src/bpf/link.ts";
import { links } from "../../src/bpf/rtnetlink.ts";
import type { Outcome } from "../support/cli.ts";
import { unum, unumProcess } from "../support/cli.ts";
import { deleteLink, fingerprint, ip, makeLink, newPins } from "../support/dataplane-kernel.ts";

const DOCUMENT = `# The edge of these tests.
version: 1
edge:
  address: 10.2.0.1   # ours
  mac: 02:00:00:00:00:01
  interfaces:
    - {name: ce0, role: access}
    - {name: ce1, role: underlay}
  capacity: {vms: 2048}

profiles:
  default: {ttl: 64}

servers:
  s1: {address: 10.2.0.2}   # rack 1
  s2: {address: 10.2.0.3}
gateways:
  gw1: {address: 10.2.0.9, mac: 02:00:00:00:00:09}
tenants:
  # The first of them.
  acme:
    vni: 100
    circuits:
      hq: {interface: ce0, address: 10.1.0.1/24, peer: 10.1.0.2}
    routes:
      - {prefix: 172.16.0.0/12, via: [gw1]}
      - {prefix: 10.1.0.0/24, circuit: hq}
    vms:
      172.16.0.1: {server: s1, mac: 02:00:00:00:00:01}
      172.16.0.2: {server: s2, mac: 02:00:00:00:00:02}   # moves a lot
`;

const NICS = ["ce0", "ce1"];
let scratch: string;
let file: string;
const pins = newPins();
const here = () => ["--state", file, "--pin-dir", pins.path];

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "unum-cli-"));
  file = join(scratch, "state.yaml");
  for (const name of NICS) makeLink(name);
  ip("address", "add", "10.2.0.1/24", "dev", "ce1");
  for (const host of [2, 3, 4, 9])
    ip("neigh", "replace", `10.2.0.${host}`, "lladdr", `02:aa:00:00:00:0${host}`, "dev", "ce1", "nud", "permanent");
});
afterAll(() => {
  pins[Symbol.dispose]();
  for (const name of NICS) deleteLink(name);
  rmSync(scratch, { recursive: true, force: true });
});
beforeEach(async () => {
  rmSync(file, { force: true });
  writeFileSync(file, DOCUMENT);
  await good("apply");
});

/** Runs a command on this edge. */
const on = (...argv: string[]): Promise<Outcome> => unum(...argv, ...here());

/** Runs a command that has to succeed; returns its stdout. */
async function good(...argv: string[]): Promise<string> {
  const { status, stdout, stderr } = await on(...argv);
  expect(status, `unum ${argv.join(" ")}\n${stderr}`).toBe(0);
  return stdout;
}

async function data<T = unknown>(...argv: string[]): Promise<T> {
  // Not all commands have a document.
  const where = ["show", "counters"].includes(argv[0] as string) ? ["--pin-dir", pins.path] : here();
  const { status, stdout, stderr } = await unum(...argv, "--json", ...where);
  expect({ status, stderr }, argv.join(" ")).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout) as T;
}

const edited = (from: string, to: string): string => {
  expect(DOCUMENT).toContain(from);
  return DOCUMENT.replace(from, to);
};

describe("plan and apply", () => {
  test("say that there is nothing to do, with status 0", async () => {
    expect(await good("plan")).toBe("nothing to do: the maps are as the document says\n");
    expect(await good("apply")).toBe("nothing to do: the maps are as the document says\n");
    expect(await data("plan")).toEqual({ changes: [], nextHops: [], rows: 0, programs: [], notices: [] });
  });

  test("say what differs: plan with status 3, and writing nothing", async () => {
    writeFileSync(file, edited("ttl: 64", "ttl: 9"));
    const before = fingerprint(pins);
    const plain = await on("plan");
    expect(plain).toMatchObject({ status: 3, stderr: "" });
    expect(plain.stdout).toBe("~ profile default: ttl 64 → 9\n0 to add, 1 to change, 0 to remove; 1 row to write\n");
    const asJson = await on("plan", "--json");
    expect(asJson).toMatchObject({ status: 3, stderr: "" });
    const change = {
      action: "change",
      kind: "profile",
      name: "default",
      fields: [{ field: "ttl", from: "64", to: "9" }],
    };
    expect(JSON.parse(asJson.stdout)).toEqual({
      changes: [change],
      nextHops: [],
      rows: 1,
      programs: [],
      notices: [],
    });
    expect(fingerprint(pins)).toEqual(before);

    const applied = await data("apply");
    expect(applied).toEqual({
      changes: [change],
      rows: 1,
      ports: NICS.map((name) => ({ name, action: "unchanged", faults: [] })),
      notices: [],
      tookMs: expect.any(Number),
    });
    expect(fingerprint(pins)).not.toEqual(before);
    expect(await good("plan")).toContain("nothing to do");
  });

  test("of an edge that has no tables: everything is to be made, and nothing is", async () => {
    using fresh = newPins();
    const { status, stdout } = await unum("plan", file, "--pin-dir", fresh.path);
    expect(status).toBe(3);
    expect(stdout).toContain("+ vm acme 172.16.0.1");
    expect(stdout).toContain("nothing is loaded yet");
    expect(fresh.exists()).toBe(false);
    const { stdout: text } = await unum("plan", "--json", file, "--pin-dir", fresh.path);
    expect(JSON.parse(text).changes.length).toBeGreaterThan(8);
  });

  test("put warnings on stderr, and into JSON", async () => {
    writeFileSync(file, edited("s2: {address: 10.2.0.3}", "s2: {address: 10.2.0.77}"));
    const { status, stdout, stderr } = await on("plan");
    expect(status).toBe(3);
    expect(stderr).toMatch(/^unum: s2 10\.2\.0\.77 is not resolved: .*\n$/);
    expect(stdout).toContain("~ next hop of s2: 02:aa:00:00:00:03 → unresolved");
    const json = JSON.parse((await on("plan", "--json")).stdout);
    expect(json.notices).toEqual([expect.stringContaining("s2 10.2.0.77 is not resolved")]);
    expect(json.nextHops).toEqual([
      { endpoint: "s2", from: expect.objectContaining({ nextHopMac: "02:aa:00:00:00:03" }) },
    ]);
  });

  test("attach and detach the ports that the document lists", async () => {
    const attached = () =>
      links()
        .filter(({ name }) => NICS.includes(name))
        .map(({ ifindex }) => xdpAttached(ifindex).programName);
    expect(attached()).toEqual(["unum_access", "unum_underlay"]);
    writeFileSync(file, edited("    - {name: ce1, role: underlay}\n", ""));
    expect(await good("apply")).toContain("ce1: detached\n");
    expect(attached()).toEqual(["unum_access", undefined]);
    writeFileSync(file, edited("role: underlay", "role: both"));
    expect(await good("apply")).toContain("ce1: attached\n");
    expect(attached()).toEqual(["unum_access", "unum_both"]);
  });

  test("say that a table is made anew, and do it", async () => {
    writeFileSync(file, edited("vms: 2048", "vms: 4096"));
    const plan = await on("plan");
    expect(plan).toMatchObject({ status: 3 });
    expect(plan.stdout).toContain("~ edge: capacity.vms 2048 → 4096");
    expect(plan.stdout).toContain("the table of VMs is copied into one for 4096, it was made for 2048");
    expect(await on("apply")).toMatchObject({ status: 0, stderr: expect.stringContaining("no packet was lost to it") });
    expect(await on("plan")).toMatchObject({ status: 0 });
    expect(await on("edge", "set", "--vms", "2048", "--vms-max", "2048")).toMatchObject({ status: 0 });
    expect((await data<{ vmCapacity: number }>("show")).vmCapacity).toBe(2048);
  });

  test("go on when a NIC went away, and take it back when it returns", async () => {
    deleteLink("ce0");
    try {
      writeFileSync(file, edited("ttl: 64", "ttl: 9"));
      const { status, stderr } = await on("apply");
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('find interface "ce0": ') });
      const [profile] = await data<{ ttl: number }[]>("show", "profiles");
      expect(profile?.ttl).toBe(9);
      const plan = JSON.parse((await on("plan", "--json")).stdout);
      expect(plan).toMatchObject({ rows: 0, changes: [{ action: "add", kind: "port", name: "ce0" }] });
    } finally {
      makeLink("ce0");
    }
    const { stdout } = await on("plan");
    expect(stdout).toContain("port ce0");
    expect(await good("apply")).toContain("ce0: attached\n");
    expect(await good("plan")).toContain("nothing to do");
  });
});

const vm = "172.16.0.1: {server: s1, mac: 02:00:00:00:00:01}";
const BAD: readonly (readonly [string, string, string])[] = [
  ["an unknown key", "vni: 100", "vni: 100\n    colour: red"],
  ["an unknown section", "servers:\n", "serfers: {}\nservers:\n"],
  ["an address above 255", "s1: {address: 10.2.0.2}", "s1: {address: 10.2.0.256}"],
  ["an address with a leading zero", "s1: {address: 10.2.0.2}", "s1: {address: 10.2.0.02}"],
  ["an address of the wrong family", "s1: {address: 10.2.0.2}", 's1: {address: "fe80::1"}'],
  ["two servers with one address", "s1: {address: 10.2.0.2}", "s1: {address: 10.2.0.3}"],
  ["a server with the edge's address", "s1: {address: 10.2.0.2}", "s1: {address: 10.2.0.1}"],
  ["VNI 0", "vni: 100", "vni: 0"],
  ["VNI 2^24", "vni: 100", "vni: 16777216"],
  ["VNI 2^53 + 1", "vni: 100", "vni: 9007199254740993"],
  ["a VNI that is text", "vni: 100", "vni: hundred"],
  ["a VM twice", vm, `${vm}\n      ${vm}`],
  ["a missing server", vm, vm.replace("s1", "s9")],
  ["a VM on a gateway", vm, vm.replace("s1", "gw1")],
  ["a group MAC", vm, vm.replace("mac: 02", "mac: 03")],
  ["a MAC cut short", vm, vm.replace("00:01}", "00}")],
  ["a multicast VM", vm, vm.replace("172.16.0.1", "224.0.0.1")],
  ["a prefix with host bits", "172.16.0.0/12", "172.16.0.1/12"],
  ["a prefix length of 33", "172.16.0.0/12", "172.16.0.0/33"],
  ["a route to nowhere", "via: [gw1]", "via: []"],
  ["a route via a stranger", "via: [gw1]", "via: [gw2]"],
  ["a route to a circuit that is not there", "circuit: hq", "circuit: branch"],
  ["a circuit on no interface of the edge", "interface: ce0", "interface: ce9"],
  ["a circuit on an underlay port", "interface: ce0", "interface: ce1"],
  ["a peer outside of its network", "peer: 10.1.0.2", "peer: 10.9.0.2"],
  ["a standby that is itself", "s1: {address: 10.2.0.2}", "s1: {address: 10.2.0.2, standby: s1}"],
  ["a TTL of 0", "ttl: 64", "ttl: 0"],
  ["a TTL with a fraction", "ttl: 64", "ttl: 6.4"],
  ["an encapsulation that is none", "ttl: 64", "encapsulation: ipip"],
  ["another version", "version: 1", "version: 2"],
  ["no edge", "edge:", "hedge:"],
  ["broken YAML", "profiles:", "profiles: {"],
  ["a tab for indentation", "  default:", "\tdefault:"],
  ["two documents", "servers:\n", "---\nservers:\n"],
  ["an anchor that is not there", "ttl: 64", "ttl: *nothing"],
  ["__proto__", "servers:\n", "__proto__: {}\nservers:\n"],
  ["a NUL", "ttl: 64", "ttl: \0"],
  ["nothing", DOCUMENT, ""],
  ["a list", DOCUMENT, "- 1\n"],
  ["half of it", DOCUMENT.slice(DOCUMENT.indexOf("    circuits:")), "    circuits: {hq: {interface: ce0"],
];

describe("a bad document changes nothing, and is named by file, line and column", () => {
  test.each(BAD)("%s", async (_, from, to) => {
    const before = fingerprint(pins);
    const text = edited(from, to);
    writeFileSync(file, text);
    for (const argv of [["check"], ["plan"], ["apply"], ["vm", "delete", "acme", "172.16.0.2"]]) {
      const { status, stdout, stderr } = argv[0] === "check" ? await unum("check", file) : await on(...argv);
      expect({ status, stdout }, argv.join(" ")).toEqual({ status: 1, stdout: "" });
      const lines = stderr.trimEnd().split("\n");
      expect(lines.length).toBeGreaterThan(1);
      for (const line of lines.slice(0, -1)) expect(line).toMatch(/^\/.*\/state\.yaml:\d+:\d+: \S/);
      expect(lines.at(-1)).toMatch(/^unum: .*; nothing was changed \[DOCUMENT_INVALID\]$/);
    }
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(fingerprint(pins)).toEqual(before);
    expect(readdirSync(scratch)).toEqual(["state.yaml"]);
  });

  test("one that cannot be read", async () => {
    const before = fingerprint(pins);
    const directory = join(scratch, "directory.yaml");
    mkdirSync(directory);
    for (const path of [directory, join(scratch, "missing.yaml")]) {
      for (const argv of [["plan"], ["apply"], ["server", "set", "s1", "--standby", "s2"]]) {
        const { status, stdout, stderr } = await unum(...argv, "--state", path, "--pin-dir", pins.path);
        expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
        expect(stderr).toContain(`unum: read ${path}: `);
        expect(stderr).toContain("[DOCUMENT_UNREADABLE]");
      }
    }
    rmSync(directory, { recursive: true });
    expect(fingerprint(pins)).toEqual(before);
  });
});

describe("set and delete", () => {
  test("change the document and the maps, and no comment", async () => {
    const out = await good("vm", "set", "acme", "172.16.0.2", "--server", "s1");
    expect(out).toMatch(
      /^~ vm acme 172\.16\.0\.2|^applied: 0 added, 1 changed, 0 removed; \d+ rows written in \d+ ms\n$/,
    );
    expect(readFileSync(file, "utf8")).toBe(
      edited("{server: s2, mac: 02:00:00:00:00:02}", "{server: s1, mac: 02:00:00:00:00:02}"),
    );
    const vms = await data<{ address: string; server: string }[]>("show", "vms");
    expect(vms.map(({ address, server }) => [address, server])).toEqual([
      ["172.16.0.1", "s1"],
      ["172.16.0.2", "s1"],
    ]);
    await good("vm", "delete", "acme", "172.16.0.2");
    const text = readFileSync(file, "utf8");
    expect(text).not.toContain("172.16.0.2");
    for (const comment of ["# The edge of these tests.", "# ours", "# rack 1", "# The first of them."])
      expect(text).toContain(comment);
    expect(await good("plan")).toContain("nothing to do");
  });

  test("of every kind arrive in both", async () => {
    const steps: [string[], string, (item: Record<string, unknown>) => boolean][] = [
      [
        ["profile", "set", "far", "--ttl", "9", "--dscp", "46", "--mtu", "1400"],
        "profiles",
        (p) => p.name === "far" && p.ttl === 9 && p.mtu === 1400,
      ],
      [
        ["profile", "set", "far", "--encapsulation", "geneve", "--mss-clamp", "auto", "--rate", "2.5Gbit/s"],
        "profiles",
        (p) => p.name === "far" && p.port === 6081 && p.mssClamp === "auto" && String(p.dscp) === "46",
      ],
      [
        ["profile", "set", "far", "--burst", "1MiB"],
        "profiles",
        ({ rateLimit }) => JSON.stringify(rateLimit) === '{"bitsPerSecond":2500000000,"burstBytes":1048576}',
      ],
      [
        ["server", "set", "s3", "--address", "10.2.0.4", "--profile", "far"],
        "servers",
        (s) => s.name === "s3" && s.encapsulation === "geneve" && s.family === 4 && s.nextHop === "02:aa:00:00:00:04",
      ],
      [["server", "set", "s1", "--standby", "s3"], "servers", (s) => s.name === "s1" && s.standby === "s3"],
      [["gateway", "set", "gw1", "--mac", "02:00:00:00:00:99"], "gateways", (g) => g.mac === "02:00:00:00:00:99"],
      [
        ["tenant", "set", "initech", "--vni", "200", "--servers", "s2,gw1"],
        "tenants",
        (t) => t.name === "initech" && t.vni === 200,
      ],
      [
        ["vm", "set", "initech", "172.16.0.1", "--server", "s3", "--mac", "02:00:00:00:01:01"],
        "vms",
        (v) => v.tenant === "initech" && v.server === "s3",
      ],
      [
        [
          "vm",
          "set",
          "initech",
          "2001:DB8::5",
          "--server",
          "s3",
          "--mac",
          "02:00:00:00:01:05",
          "--policy",
          "direct-only",
        ],
        "vms",
        (v) => v.address === "2001:db8::5" && v.server === "s3" && v.policy === "direct-only",
      ],
      [
        [
          "tenant",
          "set",
          "initech",
          "--policy",
          "gateway-only",
          "--dscp-policy",
          "46=direct-only",
          "--rate",
          "1Mbit/s",
        ],
        "tenants",
        (t) => t.policy === "gateway-only" && JSON.stringify(t.dscpPolicy) === '{"46":"direct-only"}',
      ],
      [
        [
          ...["circuit", "set", "initech", "six", "--interface", "ce0", "--vlan", "100", "--inner-vlan", "7"],
          ...["--address6", "2001:db8:1::1/64", "--peer6", "2001:db8:1::2"],
        ],
        "circuits",
        (c) => c.name === "six" && c.innerVlan === 7 && c.tag === "802.1ad" && c.peer6 === "2001:db8:1::2",
      ],
      [
        ["route", "set", "initech", "2001:db8:1::/64", "--circuit", "six"],
        "routes",
        (r) => r.prefix === "2001:db8:1::/64" && r.circuit === "six",
      ],
      [
        ["route", "set", "initech", "10.0.0.0/8", "--via", "gw1,s2"],
        "routes",
        (r) => r.tenant === "initech" && String(r.via) === "gw1,s2",
      ],
      [
        ["circuit", "set", "acme", "hq", "--peer-mac", "02:00:00:00:00:77"],
        "circuits",
        (c) => c.peerMac === "02:00:00:00:00:77" && c.learned === false,
      ],
    ];
    for (const [argv, view, holds] of steps) {
      await good(...argv);
      expect((await data<Record<string, unknown>[]>("show", view)).filter(holds), argv.join(" ")).toHaveLength(1);
    }
    for (const argv of [
      ["route", "delete", "initech", "10.0.0.0/8"],
      ["route", "delete", "initech", "2001:db8:1::/64"],
      ["vm", "delete", "initech", "172.16.0.1"],
      ["vm", "delete", "initech", "2001:db8::5"],
      ["tenant", "delete", "initech"],
      ["server", "set", "s1", "--standby", "none"],
      ["server", "delete", "s3"],
      ["profile", "delete", "far"],
      ["circuit", "set", "acme", "hq", "--peer-mac", "none"],
      ["gateway", "set", "gw1", "--mac", "02:00:00:00:00:09"],
    ])
      await good(...argv);
    expect(readFileSync(file, "utf8")).toBe(DOCUMENT);
    expect(await good("plan")).toContain("nothing to do");
  });

  test.each([
    ["a missing server", ["vm", "set", "acme", "172.16.0.2", "--server", "s9"], /no server is named "s9"/],
    ["a VM without a MAC", ["vm", "set", "acme", "172.16.0.9", "--server", "s1"], /mac/],
    ["a VNI that another tenant has", ["tenant", "set", "initech", "--vni", "100"], /already the VNI of tenant acme/],
    ["a server that VMs run on", ["server", "delete", "s1"], /no server is named "s1"/],
    ["a gateway that a route names", ["gateway", "delete", "gw1"], /gw1/],
    ["an object that is not there", ["vm", "delete", "acme", "172.16.0.99"], /172\.16\.0\.99/],
    [
      "a tenant that is not there",
      ["vm", "set", "acne", "1.1.1.1", "--server", "s1"],
      /no tenant is named "acne", did you mean "acme"\?/,
    ],
    [
      "a port of a format without one",
      ["profile", "set", "default", "--encapsulation", "nvgre", "--port", "4789"],
      /nvgre has no UDP port/,
    ],
    ["a burst without a rate", ["tenant", "set", "acme", "--burst", "64KiB"], /rateLimit\.rate: missing/],
    ["an inner VLAN alone", ["circuit", "set", "acme", "hq", "--inner-vlan", "7"], /the circuit has no vlan/],
    ["an IPv6 server", ["server", "set", "s1", "--address", "2001:db8::2"], /the edge has no address6/],
    ["a standby of itself", ["server", "set", "s1", "--standby", "s1"], /its own standby/],
    ["an interface that is no port", ["circuit", "set", "acme", "hq", "--interface", "ce1"], /role underlay/],
  ])("of %s leave document and maps", async (_, argv, message) => {
    const before = [fingerprint(pins), readFileSync(file, "utf8"), statSync(file).ino];
    const { status, stdout, stderr } = await on(...argv);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect([fingerprint(pins), readFileSync(file, "utf8"), statSync(file).ino]).toEqual(before);
    expect(readdirSync(scratch)).toEqual(["state.yaml"]);
  });

  test("that change nothing leave the file as it is", async () => {
    const before = statSync(file).ino;
    expect(await good("vm", "set", "acme", "172.16.0.1", "--server", "s1")).toContain("nothing to do");
    expect(statSync(file).ino).toBe(before);
  });

  test("leave a symbolic link, its target's mode and owner", async () => {
    const target = join(scratch, "real.yaml");
    writeFileSync(target, DOCUMENT);
    chmodSync(target, 0o640);
    rmSync(file);
    symlinkSync("real.yaml", file);
    await good("vm", "delete", "acme", "172.16.0.1");
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readlinkSync(file)).toBe("real.yaml");
    expect(statSync(target).mode & 0o7777).toBe(0o640);
    expect(readFileSync(target, "utf8")).not.toContain("172.16.0.1:");
    rmSync(target);
  });

  test("by ten processes at once all arrive, in the document and in the maps", async () => {
    const addresses = Array.from({ length: 10 }, (_, at) => `172.16.9.${at + 1}`);
    const outcomes = await Promise.all(
      addresses.map((address, at) =>
        unumProcess([
          "vm",
          "set",
          "acme",
          address,
          "--server",
          at % 2 === 0 ? "s1" : "s2",
          "--mac",
          `02:00:00:00:09:0${at}`,
          ...here(),
        ]),
      ),
    );
    for (const { status, stderr } of outcomes) expect(status, stderr).toBe(0);
    const text = readFileSync(file, "utf8");
    const shown = await data<{ address: string }[]>("show", "vms");
    for (const address of addresses) {
      expect(text).toContain(`${address}: {`);
      expect(shown.map((item) => item.address)).toContain(address);
    }
    expect(shown).toHaveLength(12);
    expect(await good("plan")).toContain("nothing to do");
    expect(readdirSync(scratch)).toEqual(["state.yaml"]);
  });
});

describe("show and counters", () => {
  test.each([
    [
      "profiles",
      {
        name: "default",
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
    ],
    [
      "servers",
      {
        name: "s1",
        address: "10.2.0.2",
        family: 4,
        encapsulation: "vxlan",
        profile: "default",
        state: "unknown",
        interface: "ce1",
        nextHop: "02:aa:00:00:00:02",
        mtu: 1500,
        vms: 1,
        mac: "02:00:0a:02:00:02",
      },
    ],
    [
      "gateways",
      {
        name: "gw1",
        address: "10.2.0.9",
        family: 4,
        encapsulation: "vxlan",
        profile: "default",
        state: "unknown",
        interface: "ce1",
        nextHop: "02:aa:00:00:00:09",
        mtu: 1500,
        mac: "02:00:00:00:00:09",
      },
    ],
    [
      "tenants",
      {
        name: "acme",
        vni: 100,
        sourceCheck: "vm",
        policy: "direct-preferred",
        circuits: 1,
        routes: 2,
        vms: 2,
        servers: [],
      },
    ],
    [
      "circuits",
      { tenant: "acme", name: "hq", interface: "ce0", address: "10.1.0.1/24", peer: "10.1.0.2", learned: false },
    ],
    ["routes", { tenant: "acme", prefix: "10.1.0.0/24", circuit: "hq" }],
    ["vms", { tenant: "acme", address: "172.16.0.1", server: "s1", mac: "02:00:00:00:00:01" }],
    [
      "ports",
      {
        name: "ce0",
        role: "access",
        mode: "native",
        attached: true,
        ifindex: expect.any(Number),
        programId: expect.any(Number),
      },
    ],
  ])("%s have these fields", async (view, first) => {
    const items = await data<unknown[]>("show", view);
    expect(items[0]).toEqual(first);
    const { status, stdout, stderr } = await unum("show", view, "--pin-dir", pins.path);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    // A heading, and a line for each.
    expect(stdout.trimEnd().split("\n")).toHaveLength(items.length + 1);
    expect(stdout).not.toContain("\u001b");
  });

  test("of everything is a summary", async () => {
    expect(await data("show")).toEqual({
      applied: true,
      edge: { address: "10.2.0.1", mac: "02:00:00:00:00:01" },
      servers: 2,
      gateways: 1,
      tenants: 1,
      circuits: 1,
      routes: 2,
      vms: 2,
      vmCapacity: 2048,
      vms6: 0,
      vm6Capacity: 262_144,
      // Those that tests before this one needed stay.
      features: expect.any(Array),
      unresolved: [],
      ports: [expect.objectContaining({ name: "ce0" }), expect.objectContaining({ name: "ce1" })],
      problems: [],
    });
    expect((await unum("show", "--pin-dir", pins.path)).stdout).toContain("1 tenant, 2 VMs of 2048\n");
  });

  test("counters have a number for each endpoint, tenant and reason", async () => {
    const traffic = { txPackets: 0, txBytes: 0, rxPackets: 0, rxBytes: 0 };
    const counters = await data<Record<string, Record<string, unknown>>>("counters");
    expect(Object.keys(counters)).toEqual(["packets", "drops", "endpoints", "tenants"]);
    expect(Object.keys(counters.packets ?? {})).toEqual([
      "received",
      "passed",
      "forwarded",
      "answered",
      "dropped",
      "icmpErrors",
      "solicitations",
    ]);
    expect(counters.endpoints).toEqual({ gw1: traffic, s1: traffic, s2: traffic });
    expect(counters.tenants).toEqual({ acme: traffic });
    expect(counters.drops?.no_route).toEqual({ packets: 0, bytes: 0 });
    const { stdout } = await unum("counters", "--pin-dir", pins.path);
    expect(stdout).toMatch(/^endpoint +tx packets/m);
    expect((await unum("counters", "--all", "--pin-dir", pins.path)).stdout).toMatch(/^no_route +0 +0$/m);
  });

  test("of an edge that is not there fail by name", async () => {
    for (const argv of [["show"], ["show", "vms"], ["counters"]]) {
      const { status, stdout, stderr } = await unum(...argv, "--pin-dir", "/sys/fs/bpf/nothing-here");
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr).toContain("unum: open /sys/fs/bpf/nothing-here: no tables are pinned there [NOT_LOADED]");
    }
  });

  test("end quietly when their reader goes away", async () => {
    for (const argv of [
      ["show", "vms"],
      ["show", "--json"],
      ["counters", "--all"],
    ]) {
      const { status, stderr } = await unumProcess([...argv, "--pin-dir", pins.path], { closeStdout: true });
      expect({ status, stderr }, argv.join(" ")).toEqual({ status: 0, stderr: "" });
    }
  });
});

describe("attach and detach", () => {
  test("by hand make, change and remove an edge", async () => {
    using fresh = newPins();
    makeLink("ce8");
    const run = (...argv: string[]) => unum(...argv, "--pin-dir", fresh.path);
    const attached = await run("attach", "ce8", "--role", "access", "--json");
    expect(attached.status).toBe(0);
    expect(JSON.parse(attached.stdout)).toMatchObject({
      name: "ce8",
      role: "access",
      mode: "native",
      action: "attached",
      // Frames of the other end's own may come, or not; nobody is known there.
      proof: { result: expect.stringMatching(/^(silent|receives)$/), asked: [] },
      faults: [{ remedy: "ethtool -K ce8x gro off; ethtool -K ce8x gro on" }, { remedy: "ethtool -K ce8x tx off" }],
    });
    expect(attached.stderr).toMatch(/^unum: ce8 is a veth and drops what XDP redirects to it: /m);
    expect(attached.stderr).toMatch(/^unum: ce8 is a veth whose peer ce8x leaves checksums unfinished/m);
    expect((await run("attach", "ce8", "--role", "access")).stdout).toBe("ce8: unchanged (access, native)\n");
    expect((await run("attach", "ce8", "--role", "both")).stdout).toBe("ce8: updated (both, native)\n");
    expect((await run("show")).stdout).toBe("nothing is applied yet\n");
    expect(JSON.parse((await run("show", "--json")).stdout)).toEqual({ applied: false });
    expect(JSON.parse((await run("show", "ports", "--json")).stdout)).toHaveLength(1);
    expect(await run("detach", "ce8", "--json")).toEqual({
      status: 0,
      stdout: `${JSON.stringify({ detached: ["ce8"], removed: false }, undefined, 2)}\n`,
      stderr: "",
    });
    const again = await run("detach", "ce8");
    expect({ status: again.status, stdout: again.stdout }).toEqual({ status: 1, stdout: "" });
    expect(again.stderr).toContain("detach ce8: it is not attached");
    expect((await run("detach", "--all")).stdout).toBe(`${fresh.path}: removed\n`);
    expect(fresh.exists()).toBe(false);
    expect(await run("detach", "--all")).toMatchObject({ status: 0, stderr: "" });
    deleteLink("ce8");
  });

  test("refuse a NIC with somebody else's program, and leave it", async () => {
    using fresh = newPins();
    const { status, stdout, stderr } = await unum("attach", "ce0", "--role", "both", "--pin-dir", fresh.path);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(
      /already runs XDP program "unum_access" \(id \d+, held by link \d+\) in native mode, which is not of these pins \[FOREIGN_PROGRAM\]/,
    );
    expect(await good("plan")).toContain("nothing to do");
  });
});
