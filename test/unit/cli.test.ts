import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, describe, expect, test } from "vitest";
import { parseIp, parseMac } from "../../src/address/index.ts";
import { editsOf } from "../../src/cli/commands/objects.ts";
import { OBJECTS } from "../../src/cli/object-specs.ts";
import { unumProgram } from "../../src/cli/program.ts";
import type { Input, View } from "../../src/cli/views.ts";
import { spanText, VIEWS } from "../../src/cli/views.ts";
import type { Edit } from "../../src/document/index.ts";
import { editDocument, parseModel } from "../../src/document/index.ts";
import { VmSet } from "../../src/model/index.ts";
import { keeping, unum, unumProcess } from "../support/cli.ts";

const scratch = mkdtempSync(join(tmpdir(), "unum-cli-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const FULL = join(import.meta.dirname, "../fixtures/documents/full.yaml");

function write(name: string, text: string): string {
  const path = join(scratch, name);
  writeFileSync(path, text);
  return path;
}

/** Every command, as the words that name it. */
function commands(command: Command, path: readonly string[] = []): (readonly string[])[] {
  return command.commands.flatMap((child) => {
    const words = [...path, child.name()];
    return child.commands.length > 0 ? commands(child, words) : [words];
  });
}
const ALL = commands(unumProgram(keeping().context)).filter(([word]) => word !== "help");

const STATELESS = ["show", "counters", "attach", "detach", "run", "status", "map", "prog", "link", "net", "completion"];

describe("help", () => {
  test("is there for all commands of the product", () => {
    const kinds = ["profile", "server", "gateway", "tenant", "circuit", "route", "vm"];
    const changes = kinds.flatMap((kind) => [`${kind} set`, `${kind} delete`]);
    const reads = ["check", "plan", "show", "counters", "status"];
    const rest = [...reads, "edge set", "apply", "run", "attach", "detach", "vm import", "publish"];
    const maps = ["list", "show", "dump", "lookup", "getnext"].map((verb) => `map ${verb}`);
    const inspection = [...maps, "prog show", "link show", "net show", "completion"];
    const drains = ["server", "gateway"].flatMap((kind) => [`${kind} drain`, `${kind} undrain`]);
    expect(ALL.map((words) => words.join(" ")).sort()).toEqual([...changes, ...drains, ...rest, ...inspection].sort());
  });

  test.each(ALL.map((words) => words.join(" ")))("of %s has an example of that very command", async (path) => {
    const { status, stdout, stderr } = await unum(...path.split(" "), "--help");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const examples = stdout.split("\nExamples:\n")[1]?.match(/^ {2}unum .*$/gm) ?? [];
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example).toContain(`unum ${path}`);
    expect(stdout).toContain(`Usage: unum ${path} `);
  });

  test("of the whole names the exit status and a first edge", async () => {
    const { status, stdout } = await unum("--help");
    expect(status).toBe(0);
    expect(stdout).toContain(
      "Exit status: 0 done, 1 failed, 2 used in a way that does not exist, 3 differences (plan).",
    );
    for (const [word] of ALL) expect(stdout).toMatch(new RegExp(`^ {2}${word}\\b`, "m"));
  });

  test("goes to stderr when nothing was asked, which is no use of the program", async () => {
    const { status, stdout, stderr } = await unum();
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("Usage: unum");
  });

  test("examples are command lines that exist", async () => {
    for (const words of ALL) {
      const { stdout } = await unum(...words, "--help");
      for (const line of stdout.match(/^ {2}unum [^|#>\n]*/gm) ?? []) {
        // A document and pins that do not exist: whatever is wrong then, it is not the usage.
        const argv = [...line.trim().split(/\s+/).slice(1)];
        const stateless = STATELESS.includes(argv[0] as string);
        const state = stateless ? [] : ["--state", "/nonexistent"];
        const pins = ["check", "net", "completion"].includes(argv[0] as string)
          ? []
          : ["--pin-dir", "/nonexistent/pins"];
        const { status, stderr } = await unum(...argv, ...state, ...pins);
        expect(status, `${line}\n${stderr}`).toBeLessThan(2);
      }
    }
  });

  test("--version is that of the package", async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
    expect(await unum("--version")).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  });
});

describe("a use that does not exist ends with status 2, and nothing on stdout", () => {
  test.each([
    ["frobnicate", /unknown command 'frobnicate'/],
    ["shwo", /Did you mean show\?/],
    ["show cows", /Allowed choices are profiles, servers/],
    ["show --colour", /unknown option '--colour'/],
    ["check a b", /too many arguments/],
    ["attach --role both", /missing required argument 'nic'/],
    ["attach e0", /required option '--role <role>' not specified/],
    ["attach e0 --role sideways", /Allowed choices are access, underlay, both/],
    ["attach e0 --role both --mode fast", /Allowed choices are native, generic/],
    ["attach e0 --role both --vm-capacity 1023", /expected 1024 to 16777216/],
    ["attach e0 --role both --vm6-capacity 16777217", /expected 1024 to 16777216/],
    ["attach a/b --role both", /expected the name of an interface/],
    ["attach sixteencharacter --role both", /expected the name of an interface/],
    ["detach", /expected the name of a NIC, or --all/],
    ["detach e0 --all", /expected the name of a NIC, or --all/],
    ["map", /Usage: unum map/],
    ["map dump", /missing required argument 'map'/],
    ["map dump id", /read "id": expected a value after it/],
    ["map show id x7", /read "x7": expected a number 0 to 4294967295/],
    ["map update vms4", /unknown command 'update'/],
    ["prog show tag", /read "tag": expected a value after it/],
    ["net show eth0", /read "eth0": expected dev and the name of an interface/],
    ["vm set acme", /missing required argument 'address'/],
    ["vm set acme 172.16.0.5", /vm set: nothing to set, expected at least one of --server, --mac, --policy/],
    ["vm set acme 172.16.0.256 --server s1", /part 4 is above 255/],
    ["vm set acme 010.0.0.1 --server s1", /part 1 has a leading zero/],
    ["vm set acme 10.0.0.1 --mac 02:00", /six hexadecimal bytes/],
    ["vm set .acme 10.0.0.1 --server s1", /letters, digits/],
    ["tenant set acme --vni 0", /expected 1 to 16777215/],
    ["tenant set acme --vni 16777216", /expected 1 to 16777215/],
    ["tenant set acme --vni 1e3", /expected 1 to 16777215/],
    ["tenant set acme --vni -5", /expected 1 to 16777215/],
    ["tenant set acme --servers a,,b", /letters, digits/],
    ["profile set p --ttl 256", /expected 1 to 255/],
    ["profile set p --dscp 64", /expected "copy" or 0 to 63/],
    ["profile set p --dont-fragment yes", /expected "on" or "off"/],
    ["profile set p --mtu 575", /expected 576 to 65535/],
    ["vm set acme 2001:db8::g --server s1", /has not that form/],
    ["vm set acme ::ffff:10.0.0.1 --server s1", /IPv4-mapped/],
    ["vm set acme fe80::1%e0 --server s1", /has a zone/],
    ["vm set acme 10.0.0.1 --policy direct", /expected "direct-preferred", "direct-only" or "gateway-only"/],
    ["profile set p --encapsulation gre", /expected "vxlan", "geneve" or "nvgre"/],
    ["profile set p --port 0", /expected 1 to 65535/],
    ["profile set p --udp-checksum on", /expected "zero" or "full"/],
    ["profile set p --decapsulation-dscp uniform", /expected "keep" or "copy"/],
    ["profile set p --mss-clamp on", /expected "off" or "auto"/],
    ["profile set p --ecn off", /expected "normal" or "compatibility"/],
    ["profile set p --entropy l2", /expected "l4" or "l3"/],
    ["profile set p --rate 100", /expected 64kbit\/s to 400Gbit\/s, such as 100Mbit\/s/],
    ["profile set p --rate 63kbit/s", /expected 64kbit\/s to 400Gbit\/s/],
    ["profile set p --burst 5", /expected a size such as 1500B, 256KiB or 1MB/],
    ["tenant set acme --source-check strict", /expected "vm", "member" or "off"/],
    ["tenant set acme --policy direct", /expected "direct-preferred"/],
    ["tenant set acme --dscp-policy 46", /expected code points and policies such as 46=direct-only,8=gateway-only/],
    ["tenant set acme --dscp-policy 64=direct-only", /expected 0 to 63/],
    ["tenant set acme --dscp-policy 46=drop", /expected "direct-preferred"/],
    ["tenant set acme --dscp-policy 46=direct-only,46=gateway-only", /expected code point 46 once/],
    ["tenant set acme --dscp-policy 46=direct-only,", /expected code points and policies/],
    ["tenant set acme --address 2001:db8::1", /not an IPv4 address/],
    ["tenant set acme --address6 10.0.0.1", /not an IPv6 address/],
    ["server set s1 --address s1.example", /has not four parts/],
    ["circuit set acme hq --vlan 4095", /expected 1 to 4094/],
    ["circuit set acme hq --inner-vlan 0", /expected 1 to 4094/],
    ["circuit set acme hq --tag 802.1x", /expected "802\.1q" or "802\.1ad"/],
    ["circuit set acme hq --address6 2001:db8::1", /has no \/length/],
    ["circuit set acme hq --peer6 10.1.0.2", /not an IPv6 address/],
    ["route set acme 2001:db8::1/32 --via gw", /2001:db8::\/32, or 2001:db8::1\/128/],
    ["route set acme 10.0.0.1/8 --via gw", /10\.0\.0\.0\/8, or 10\.0\.0\.1\/32/],
    ["route delete acme 10.0.0.0", /has no \/length/],
    ["circuit set acme hq --address 10.1.0.1", /has no \/length/],
    ["server delete", /missing required argument 'name'/],
    ["show servers --tenant acme", /show servers: --tenant is of unum show vms/],
    ["show --limit 5", /show: --limit is of unum show vms/],
    ["show vms --after 10.0.0.1", /--after wants --tenant/],
    ["show vms --limit 0", /expected a number above 0/],
    ["show vms --prefix 10.0.0.1/8", /it has host bits set/],
    ["vm import", /missing required argument 'file'/],
    ["vm import --tenant a/b x", /expected a name/],
  ])("unum %s", async (line, message) => {
    const { status, stdout, stderr } = await unum(...line.split(" "));
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("    at ");
  });
});

describe("check", () => {
  test("counts what a good document says, on stdout", async () => {
    const { status, stdout, stderr } = await unum("check", FULL);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toBe(`${FULL}: valid: 4 servers, 3 gateways, 4 tenants, 5 circuits, 5 routes, 6 VMs\n`);
  });

  test("--json has the same as fields", async () => {
    const { status, stdout, stderr } = await unum("check", "--json", FULL);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      file: FULL,
      valid: true,
      objects: { profiles: 4, servers: 4, gateways: 3, tenants: 4, circuits: 5, routes: 5, vms: 6 },
      notices: expect.any(Array),
    });
  });

  test("takes the document from --state too, and from the argument first", async () => {
    expect((await unum("check", "--state", FULL)).status).toBe(0);
    expect((await unum("check", "--state", "/nonexistent", FULL)).status).toBe(0);
    expect((await unum("check", "--state", FULL, "/nonexistent")).status).toBe(1);
  });

  test("names every mistake by its place, on stderr", async () => {
    const path = write(
      "bad.yaml",
      "version: 1\nedge: {address: 10.2.0.1}\nservers:\n  s1: {address: 10.2.0.300}\n  s2: {adress: 10.2.0.3}\n",
    );
    const { status, stdout, stderr } = await unum("check", path);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    const lines = stderr.trim().split("\n");
    expect(lines[0]).toMatch(/bad\.yaml:4:\d+: servers\.s1\.address: .*above 255/);
    expect(stderr).toMatch(/bad\.yaml:5:\d+: servers\.s2/);
    expect(lines.at(-1)).toBe(
      `unum: read ${path}: ${lines.length - 1} problems; nothing was changed [DOCUMENT_INVALID]`,
    );

    const asData = await unum("check", path, "--json");
    expect({ status: asData.status, stderr: asData.stderr }).toEqual({ status: 1, stderr: "" });
    const { valid, code, problems } = JSON.parse(asData.stdout);
    expect({ valid, code, count: problems.length }).toEqual({
      valid: false,
      code: "DOCUMENT_INVALID",
      count: lines.length - 1,
    });
    expect(problems[0]).toMatchObject({ line: 4, path: "servers.s1.address" });
  });

  test("says why a file cannot be read, and what to do", async () => {
    mkdirSync(join(scratch, "directory"));
    for (const [path, cause] of [
      [join(scratch, "missing.yaml"), "there is no such file"],
      [join(scratch, "directory"), "it is a directory, expected a regular file"],
      [join(FULL, "below"), "a part of its path is no directory"],
    ] as const) {
      const { status, stdout, stderr } = await unum("check", path);
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr).toMatch(new RegExp(`^unum: read .*: ${cause} \\[DOCUMENT_UNREADABLE\\]\n`));
    }
    expect((await unum("check", join(scratch, "missing.yaml"))).stderr).toContain("--state FILE");
  });
});

describe("a command that changes one object", () => {
  test("of a document that does not exist fails, and makes none", async () => {
    const path = join(scratch, "none.yaml");
    const { status, stdout, stderr } = await unum("vm", "delete", "acme", "10.0.0.1", "--state", path);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("there is no such file");
    expect(() => readFileSync(path)).toThrow("ENOENT");
  });
});

describe("what set changes in the document", () => {
  /** The edits of a command line. */
  function edits(line: string): readonly Edit[] {
    const [kind, , ...words] = line.split(" ");
    const spec = OBJECTS.find((each) => each.kind === kind);
    if (spec === undefined) throw new Error(`no ${kind}`);
    const names = words.slice(0, spec.names.length).map((word, i) => spec.names[i]?.parse(word) ?? "");
    const options: Record<string, unknown> = {};
    for (let i = spec.names.length; i < words.length; i += 2) {
      const option = spec.options.find(({ flags }) => flags.split(" ")[0] === words[i]);
      const key = (words[i] as string).slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      options[key] = option?.parse(words[i + 1] as string);
    }
    return editsOf(spec, spec.path(names), options);
  }

  const merge = (path: readonly string[], value: object) => ({ op: "merge", path, value });

  test.each([
    [
      "profile set p --encapsulation nvgre --port none",
      [merge(["profiles", "p"], { encapsulation: "nvgre", port: undefined })],
    ],
    [
      "profile set p --decapsulation-dscp copy --udp-checksum full --mss-clamp auto --dont-fragment off",
      [
        merge(["profiles", "p"], {
          decapsulationDscp: "copy",
          udpChecksum: "full",
          mssClamp: "auto",
          dontFragment: false,
        }),
      ],
    ],
    // A burst that is not given stays as it is: the limit is a map of its own.
    ["profile set p --rate 2.5Gbit/s", [merge(["profiles", "p", "rateLimit"], { rate: "2.5Gbit/s" })]],
    ["profile set p --burst none", [merge(["profiles", "p", "rateLimit"], { burst: undefined })]],
    ["profile set p --rate none", [merge(["profiles", "p"], { rateLimit: undefined })]],
    [
      "tenant set t --vni 5 --rate 1Gbit/s --burst 1MiB",
      [merge(["tenants", "t"], { vni: 5 }), merge(["tenants", "t", "rateLimit"], { rate: "1Gbit/s", burst: "1MiB" })],
    ],
    [
      "tenant set t --policy gateway-only --dscp-policy 46=direct-only,8=gateway-only --address 10.0.0.1 --address6 2001:DB8::1",
      [
        merge(["tenants", "t"], {
          policy: "gateway-only",
          dscpPolicy: { 8: "gateway-only", 46: "direct-only" },
          address: "10.0.0.1",
          address6: "2001:db8::1",
        }),
      ],
    ],
    ["tenant set t --dscp-policy none", [merge(["tenants", "t"], { dscpPolicy: undefined })]],
    [
      "circuit set t c --vlan 100 --inner-vlan 7 --tag none --address none --peer none --address6 2001:db8::1/64 --peer6 2001:DB8::2",
      [
        merge(["tenants", "t", "circuits", "c"], {
          vlan: 100,
          innerVlan: 7,
          tag: undefined,
          address: undefined,
          peer: undefined,
          address6: "2001:db8::1/64",
          peer6: "2001:db8::2",
        }),
      ],
    ],
    [
      "vm set t 2001:DB8:0::5 --policy direct-only",
      [merge(["tenants", "t", "vms", "2001:db8::5"], { policy: "direct-only" })],
    ],
    [
      "route set t 2001:DB8::/32 --circuit c",
      [merge(["tenants", "t", "routes", "2001:db8::/32"], { via: undefined, circuit: "c" })],
    ],
    ["server set s --address 2001:DB8::2", [merge(["servers", "s"], { address: "2001:db8::2" })]],
  ])("unum %s", (line, expected) => {
    expect(edits(line)).toEqual(expected);
  });

  test("makes a good document of a good one", () => {
    let text = readFileSync(FULL, "utf8");
    for (const line of [
      "profile set new --encapsulation geneve --rate 100Mbit/s",
      "profile set new --burst 64KiB",
      "profile set v6 --rate none",
      "server set s7 --address 2001:db8:2::7 --profile new",
      "tenant set quiet --rate 64kbit/s --address6 2001:db8::1 --dscp-policy 0=direct-only",
      "circuit set quiet c --interface e2 --vlan 7 --address 10.0.0.1/24 --peer 10.0.0.2",
      "vm set quiet 2001:db8::5 --server s7 --mac 02:00:00:00:00:05 --policy gateway-only",
      "route set quiet ::/0 --via s7",
    ]) {
      text = editDocument(text, "x", edits(line));
    }
    const { model } = parseModel(text, "x");
    expect(model.profiles.get("new")?.rateLimit).toEqual({ bitsPerSecond: 100_000_000, burstBytes: 65_536 });
    expect(model.profiles.get("v6")).not.toHaveProperty("rateLimit");
    expect(model.tenants.get("quiet")).toMatchObject({
      address6: "2001:db8::1",
      rateLimit: { bitsPerSecond: 64_000, burstBytes: 32_000 },
      dscpPolicies: new Map([[0, "direct-only"]]),
      routes: new Map([["::/0", { kind: "endpoints", via: ["s7"] }]]),
      vms: VmSet.of([
        [parseIp("2001:db8::5"), { server: "s7", mac: parseMac("02:00:00:00:00:05"), policy: "gateway-only" }],
      ]),
    });
  });
});

describe("show", () => {
  const { model } = parseModel(readFileSync(FULL, "utf8"), "full.yaml");
  /** The table of a view that needs no maps, a line for each row. */
  function lines(name: string): readonly string[] {
    const view = VIEWS[name] as View;
    const items = view.items({ model } as Input);
    return items.flatMap(view.rows).map((row) => row.map((cell) => cell ?? "-").join(" "));
  }

  test("profiles have all of their fields", () => {
    expect(VIEWS.profiles?.headings).toEqual([
      ..."name|encapsulation|port|ttl|dscp|decap dscp|ecn|df|udp checksum|entropy|mtu".split("|"),
      ..."mss clamp|rate|burst|bfd".split("|"),
    ]);
    expect(lines("profiles")).toEqual([
      "default vxlan 4789 64 copy keep normal on zero l4 - off - - -",
      "far vxlan 8472 255 46 keep compatibility off zero l3 1400 off - - 100ms x 3",
      "gre nvgre - 64 copy keep normal on zero l4 - off 1500Mbit/s 1875kB -",
      "v6 geneve 6081 64 copy copy normal on full l4 - auto 100Mbit/s 256KiB -",
    ]);
  });

  test("tenants have their policy, limit and addresses", () => {
    expect(lines("tenants")).toEqual([
      "acme 100 vm direct-preferred  - -  1 3 2 gw2,s2",
      "dual 6 vm gateway-only 8=gateway-only,46=direct-only 1Gbit/s 1MiB 172.16.255.254,2001:db8:16::fe 3 2 3 ",
      "other 16777215 member direct-preferred  - -  1 0 1 ",
      "quiet 1 off direct-preferred  - -  0 0 0 ",
    ]);
  });

  test("routes are in the order of their numbers, IPv4 first", () => {
    expect(lines("routes")).toEqual([
      "acme 0.0.0.0/0 s1 -",
      "acme 10.1.0.0/24 - hq",
      "acme 172.16.0.0/12 gw1,gw2 -",
      "dual 2001:db8:16::/48 gw6,s6 -",
      "dual fd00::/127 - six",
    ]);
  });

  test("circuits have a line for each family, with what was heard", () => {
    const item = (name: string, rest: object) => ({ tenant: "dual", name, interface: "e0", ...rest });
    const rows = [
      item("old", { address: "10.1.0.1/24", peer: "10.1.0.2", peerMac: "02:00:00:00:01:02" }),
      item("both", {
        vlan: 100,
        innerVlan: 7,
        tag: "802.1ad",
        address: "10.1.0.1/24",
        peer: "10.1.0.3",
        peerMac: "02:00:00:00:01:03",
        heardSecondsAgo: 17,
        address6: "2001:db8:1::1/64",
        peer6: "2001:db8:1::3",
      }),
      item("six", {
        vlan: 9,
        tag: "802.1q",
        address6: "fd00::/127",
        peer6: "fd00::1",
        peer6Mac: "02:00:00:00:01:04",
        heard6SecondsAgo: 7200,
      }),
    ].flatMap((each) => VIEWS.circuits?.rows(each) ?? []);
    expect(rows.map((row) => row.map((cell) => cell ?? "-").join(" "))).toEqual([
      "dual old e0 - - 10.1.0.1/24 10.1.0.2 02:00:00:00:01:02 given",
      "dual both e0 100.7 802.1ad 10.1.0.1/24 10.1.0.3 02:00:00:00:01:03 17 s ago",
      "dual both e0 100.7 802.1ad 2001:db8:1::1/64 2001:db8:1::3 - never",
      "dual six e0 9 802.1q fd00::/127 fd00::1 02:00:00:00:01:04 2 h ago",
    ]);
  });

  test("endpoints have their family, format, and what of the path MTU was learned", () => {
    for (const view of ["servers", "gateways"]) {
      const { headings, rows } = VIEWS[view] as View;
      const item = {
        ...{ name: "a", address: "2001:db8::2", family: 6, encapsulation: "geneve", mac: "02:00:00:00:00:02" },
        ...{ profile: "v6", state: "up", vms: 3, interface: "e1", nextHop: "02:00:00:00:00:01", mtu: 1500 },
        pathMtu: { mtuBytes: 1400, expiresInSeconds: 570 },
      };
      const row = rows(item)[0] ?? [];
      const cells = Object.fromEntries(headings.map((heading, i) => [heading, row[i]]));
      expect(cells).toMatchObject({ address: "2001:db8::2", family: "IPv6", format: "geneve" });
      expect(cells).toMatchObject({ mtu: 1500, "path mtu": "1400 for 10 min" });
    }
  });

  test("spans are told in one unit", () => {
    expect([0, 119, 120, 7199, 7200, 172_799, 172_800].map(spanText)).toEqual([
      "0 s",
      "119 s",
      "2 min",
      "120 min",
      "2 h",
      "48 h",
      "2 d",
    ]);
  });
});

describe("as a process", () => {
  test("has the exit status and streams of the same call", async () => {
    for (const argv of [["check", FULL], ["check", "/nonexistent"], ["vm", "set"], ["--version"]]) {
      expect(await unumProcess(argv), argv.join(" ")).toEqual(await unum(...argv));
    }
  });

  test("ends quietly when nobody reads its output", async () => {
    const { status, stderr } = await unumProcess(["check", "--json", FULL], { closeStdout: true });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
