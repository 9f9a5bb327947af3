import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Edit } from "../../src/document/index.ts";
import { DocumentError, editDocument, parseModel } from "../../src/document/index.ts";

const full = readFileSync(new URL("../fixtures/documents/full.yaml", import.meta.url), "utf8");
const MAC = "02:00:00:00:00:77";
const at = (path: string): readonly string[] => path.split(" ");
const set = (path: string, value: Extract<Edit, { op: "set" }>["value"]): Edit => ({
  op: "set",
  path: at(path),
  value,
});
const merge = (path: string, value: Extract<Edit, { op: "merge" }>["value"]): Edit => ({
  op: "merge",
  path: at(path),
  value,
});
const remove = (path: string): Edit => ({ op: "delete", path: at(path) });

/** Lines that went and lines that came, as a line-by-line comparison shows them. */
function difference(before: string, after: string): string[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return [
    ...a.slice(start, a.length - end).map((line) => `- ${line}`),
    ...b.slice(start, b.length - end).map((line) => `+ ${line}`),
  ];
}

describe("only what changes is written", () => {
  test.each<[string, Edit[], string[]]>([
    [
      "a new server",
      [set("servers s9", { address: "10.2.0.99", standby: "s1" })],
      ["+   s9: {address: 10.2.0.99, standby: s1}"],
    ],
    [
      "a server's address",
      [merge("servers s1", { address: "10.2.0.99" })],
      [
        "-   s1: {address: 10.2.0.2, profile: default, standby: s2}",
        "+   s1: {address: 10.2.0.99, profile: default, standby: s2}",
      ],
    ],
    [
      "a field less",
      [merge("servers s1", { standby: undefined })],
      ["-   s1: {address: 10.2.0.2, profile: default, standby: s2}", "+   s1: {address: 10.2.0.2, profile: default}"],
    ],
    [
      "nothing but what is set",
      [set("servers s1", { address: "10.2.0.2" })],
      ["-   s1: {address: 10.2.0.2, profile: default, standby: s2}", "+   s1: {address: 10.2.0.2}"],
    ],
    [
      "the same again",
      [
        merge("servers s1", { address: "10.2.0.2" }),
        set("profiles default", { encapsulation: "vxlan", ttl: 64, dscp: "copy" }),
      ],
      [],
    ],
    ["a field of a block", [merge("profiles far", { ttl: 9 })], ["-     ttl: 255", "+     ttl: 9"]],
    ["a field less of a block", [merge("profiles far", { mtu: undefined })], ["-     mtu: 1400"]],
    [
      "a field more of a block",
      [merge("tenants acme vms 172.16.0.6", { server: "s1" })],
      ["-         server: 3", "+         server: s1"],
    ],
    [
      "a name that is a number",
      [set("servers 4", { address: "10.2.0.99", standby: "3" })],
      ['+   4: {address: 10.2.0.99, standby: "3"}'],
    ],
    [
      "a VM",
      [set("tenants other vms 172.16.0.9", { server: "s1", mac: MAC })],
      [`+       172.16.0.9: {server: s1, mac: ${MAC}}`],
    ],
    [
      "the first VM of a tenant",
      [set("tenants quiet vms 172.16.0.9", { server: "s1", mac: MAC })],
      [
        "-   quiet: {vni: 1, sourceCheck: off}",
        `+   quiet: {vni: 1, sourceCheck: off, vms: {172.16.0.9: {server: s1, mac: ${MAC}}}}`,
      ],
    ],
    [
      "a VM less",
      [remove("tenants acme vms 172.16.0.5")],
      ["-       172.16.0.5: {server: s1, mac: 02:00:00:00:00:05}"],
    ],
    [
      "the last VM less",
      [remove("tenants other vms 172.16.0.5")],
      ["-     vms:", "-       172.16.0.5: {server: s2, mac: 02:00:00:00:00:05}", "+     vms: {}"],
    ],
    [
      "a route",
      [set("tenants acme routes 10.9.0.0/16", { via: ["gw1"] })],
      ["+       - {prefix: 10.9.0.0/16, via: [gw1]}"],
    ],
    [
      "the first route of a tenant",
      [set("tenants other routes 10.9.0.0/16", { circuit: "hq" })],
      ["+     routes:", "+       - {prefix: 10.9.0.0/16, circuit: hq}"],
    ],
    [
      "another target of a route",
      [set("tenants acme routes 10.1.0.0/24", { via: ["gw1", "s1"] })],
      ["-       - {prefix: 10.1.0.0/24, circuit: hq}", "+       - {prefix: 10.1.0.0/24, via: [gw1, s1]}"],
    ],
    [
      "a route less",
      [remove("tenants acme routes 172.16.0.0/12")],
      ["-       - {prefix: 172.16.0.0/12, via: [gw2, gw1]}"],
    ],
    [
      "a route of many lines less",
      [remove("tenants acme routes 0.0.0.0/0")],
      ["-       - prefix: 0.0.0.0/0", "-         via:", "-           - s1"],
    ],
    ["a tenant", [set("tenants beta", { vni: 7 })], ["+   beta:", "+     vni: 7"]],
    ["a tenant less", [remove("tenants quiet")], ["-   quiet: {vni: 1, sourceCheck: off}"]],
    ["an interface", [set("edge interfaces e3", { role: "access" })], ["+     - {name: e3, role: access}"]],
    [
      "an interface's role, with its comment",
      [merge("edge interfaces e2", { role: "access" })],
      ["-     - {name: e2, role: both}   # one-armed", "+     - {name: e2, role: access}   # one-armed"],
    ],
    [
      "an IPv6 VM like the one before it, with quotes around its key",
      [set("tenants dual vms 2001:db8:16::7", { server: "s6", mac: MAC })],
      ['+       "2001:db8:16::7":', "+         server: s6", `+         mac: ${MAC}`],
    ],
    [
      "an IPv6 VM on one line",
      [set("tenants other vms 2001:db8:16::7", { server: "s6", mac: MAC })],
      [`+       "2001:db8:16::7": {server: s6, mac: ${MAC}}`],
    ],
    [
      "an IPv6 VM's server, in quotes as it was",
      [merge("tenants dual vms 2001:db8:16::5", { server: "s1", policy: "direct-only" })],
      [
        '-       "2001:db8:16::5": {server: s6, mac: 02:00:00:00:00:05}',
        '+       "2001:db8:16::5": {server: s1, mac: 02:00:00:00:00:05, policy: direct-only}',
      ],
    ],
    [
      "a policy less of a VM that is written without quotes",
      [merge("tenants dual vms 2001:db8:16::6", { policy: undefined })],
      ["-         policy: direct-only"],
    ],
    [
      "an IPv6 VM less",
      [remove("tenants dual vms 2001:db8:16::5")],
      ['-       "2001:db8:16::5": {server: s6, mac: 02:00:00:00:00:05}'],
    ],
    [
      "an IPv6 route",
      [set("tenants dual routes 2001:db8::/32", { via: ["gw6"] })],
      ["+       - {prefix: 2001:db8::/32, via: [gw6]}"],
    ],
    [
      "an IPv6 route to everything",
      [set("tenants dual routes ::/0", { via: ["gw6"] })],
      ['+       - {prefix: "::/0", via: [gw6]}'],
    ],
    [
      "an IPv6 route less",
      [remove("tenants dual routes fd00::/127")],
      ["-       - {prefix: fd00::/127, circuit: six}"],
    ],
    [
      "another target of an IPv6 route",
      [merge("tenants dual routes 2001:db8:16::/48", { via: ["gw6"] })],
      ["-       - {prefix: 2001:db8:16::/48, via: [gw6, s6]}", "+       - {prefix: 2001:db8:16::/48, via: [gw6]}"],
    ],
    [
      "an IPv6 address",
      [merge("servers s6", { address: "2001:db8:2::" })],
      ["-   s6: {address: 2001:db8:2::2, profile: v6}", '+   s6: {address: "2001:db8:2::", profile: v6}'],
    ],
    [
      "a rate, and its burst and comment stay",
      [merge("profiles v6 rateLimit", { rate: "2.5Gbit/s" })],
      [
        "-     rateLimit: {rate: 100Mbit/s, burst: 256KiB}   # of all of them together",
        "+     rateLimit: {rate: 2.5Gbit/s, burst: 256KiB}   # of all of them together",
      ],
    ],
    [
      "a burst of a block, below its comment",
      [merge("tenants dual rateLimit", { burst: "2MiB" })],
      ["-       burst: 1MiB", "+       burst: 2MiB"],
    ],
    ["a burst less", [merge("tenants dual rateLimit", { burst: undefined })], ["-       burst: 1MiB"]],
    [
      "the first limit of a profile",
      [merge("profiles far rateLimit", { rate: "64kbit/s", burst: "1500B" })],
      ["+     rateLimit: {rate: 64kbit/s, burst: 1500B}"],
    ],
    [
      "a limit less",
      [merge("profiles gre", { rateLimit: undefined })],
      ["-   gre: {encapsulation: nvgre, rateLimit: {rate: 1.5Gbit/s}}", "+   gre: {encapsulation: nvgre}"],
    ],
    [
      "another map of policies, and its comment stays",
      [merge("tenants dual", { dscpPolicy: { 46: "gateway-only", 0: "direct-only" } })],
      [
        "-     dscpPolicy: {46: direct-only, 8: gateway-only}   # voice, bulk",
        "+     dscpPolicy: {46: gateway-only, 0: direct-only}   # voice, bulk",
      ],
    ],
    [
      "the first policies of a tenant",
      [merge("tenants quiet", { dscpPolicy: { 46: "direct-only" } })],
      ["-   quiet: {vni: 1, sourceCheck: off}", "+   quiet: {vni: 1, sourceCheck: off, dscpPolicy: {46: direct-only}}"],
    ],
    [
      "a circuit's tags",
      [merge("tenants dual circuits six", { vlan: 10, tag: undefined })],
      [
        "-       six: {interface: e2, vlan: 9, tag: 802.1ad, address6: fd00::/127, peer6: fd00::1}",
        "+       six: {interface: e2, vlan: 10, address6: fd00::/127, peer6: fd00::1}",
      ],
    ],
    ["there and back", [set("servers s9", { address: "10.2.0.99" }), remove("servers s9")], []],
  ])("%s", (_, edits, lines) => {
    for (const [from, to] of [
      ["\n", "\n"],
      ["\n", "\r\n"],
    ] as const) {
      const text = full.replaceAll(from, to);
      const edited = editDocument(text, "full.yaml", edits);
      expect(difference(text, edited)).toEqual(lines.map((line) => (to === "\r\n" ? `${line}\r` : line)));
    }
    expect(editDocument(`\ufeff${full}`, "x", edits)).toBe(`\ufeff${editDocument(full, "x", edits)}`);
  });

  test("sections that are missing or empty", () => {
    const text = "version: 1\nedge: {address: 10.2.0.1}\nservers:   # none yet\n\ntenants: {} # nor these\n# the end\n";
    const edits = [
      set("servers s1", { address: "10.2.0.2" }),
      set("gateways g", { address: "10.2.0.9", mac: MAC }),
      set("tenants t", { vni: 5 }),
      set("tenants t routes 0.0.0.0/0", { via: ["g"] }),
      set("profiles far", { ttl: 9, bfd: { interval: "1s", multiplier: 3 } }),
    ];
    expect(editDocument(text, "x", edits)).toBe(
      [
        "version: 1",
        "edge: {address: 10.2.0.1}",
        "servers:   # none yet",
        "  s1: {address: 10.2.0.2}",
        "",
        "tenants: # nor these",
        "  t:",
        "    vni: 5",
        "    routes:",
        "      - {prefix: 0.0.0.0/0, via: [g]}",
        "gateways:",
        `  g: {address: 10.2.0.9, mac: ${MAC}}`,
        "profiles:",
        "  far: {ttl: 9, bfd: {interval: 1s, multiplier: 3}}",
        "# the end",
        "",
      ].join("\n"),
    );
  });

  test("JSON stays JSON", () => {
    const data = {
      version: 1,
      edge: { address: "10.2.0.1" },
      servers: { s1: { address: "10.2.0.2" } },
      tenants: { t: { vni: 5 } },
    };
    const edits = [
      set("servers s2", { address: "10.2.0.3", standby: "s1" }),
      set("tenants t routes 0.0.0.0/0", { via: ["s1"] }),
      merge("tenants t", { sourceCheck: "off" }),
      set("gateways g", { address: "10.2.0.9", mac: MAC }),
      remove("gateways g"),
    ];
    for (const text of [JSON.stringify(data), JSON.stringify(data, null, 2), `${JSON.stringify(data, null, 4)}\n`]) {
      expect(JSON.parse(editDocument(text, "x", edits))).toEqual({
        ...data,
        servers: { ...data.servers, s2: { address: "10.2.0.3", standby: "s1" } },
        tenants: { t: { vni: 5, routes: [{ prefix: "0.0.0.0/0", via: ["s1"] }], sourceCheck: "off" } },
        gateways: {},
      });
    }
  });

  test("other styles", () => {
    const text =
      "version: 1\nedge: { address: 10.2.0.1 }\nservers:\n    # first\n    s1:\n        address: 10.2.0.2 # here\n\n    # second\n    s2:\n        address: 10.2.0.3\ntenants:\n    t:\n        vni: 5\n        routes:\n        - prefix: 0.0.0.0/0\n          via:\n          - s1\n        - { prefix: 10.0.0.0/8, via: [s2] }";
    const edits = [
      set("servers s3", { address: "10.2.0.4", standby: "s1" }),
      merge("servers s1", { standby: "s2" }),
      merge("tenants t routes 0.0.0.0/0", { via: ["s1", "s2"] }),
      set("tenants t routes 11.0.0.0/8", { via: ["s1"] }),
    ];
    expect(editDocument(text, "x", edits).split("\n")).toEqual([
      "version: 1",
      "edge: { address: 10.2.0.1 }",
      "servers:",
      "    # first",
      "    s1:",
      "        address: 10.2.0.2 # here",
      "        standby: s2",
      "",
      "    # second",
      "    s2:",
      "        address: 10.2.0.3",
      "    s3:",
      "        address: 10.2.0.4",
      "        standby: s1",
      "tenants:",
      "    t:",
      "        vni: 5",
      "        routes:",
      "        - prefix: 0.0.0.0/0",
      "          via: [s1, s2]",
      "        - { prefix: 10.0.0.0/8, via: [s2] }",
      "        - { prefix: 11.0.0.0/8, via: [s1] }",
    ]);
  });

  test("an alias is written out where it is changed", () => {
    const text = "version: 1\nedge: {address: 10.2.0.1}\nprofiles:\n  a: &a {ttl: 9}\n  b: *a\n";
    const edited = editDocument(text, "x", [set("profiles b", { ttl: 8 })]);
    const { profiles } = parseModel(edited, "x").model;
    expect([profiles.get("a")?.ttl, profiles.get("b")?.ttl]).toEqual([9, 8]);
  });
});

describe("refuses", () => {
  test.each<[string, string, Edit, string, string]>([
    [
      "to delete what is not there",
      full,
      remove("servers s11"),
      "OBJECT_MISSING",
      'delete servers.s11 in x: there is none, did you mean "s1"?',
    ],
    [
      "to delete a route that is not there",
      full,
      remove("tenants acme routes 10.1.0.0/16"),
      "OBJECT_MISSING",
      'did you mean "10.1.0.0/24"?',
    ],
    [
      "to delete from a section that is not there",
      "version: 1\n",
      remove("servers s1"),
      "OBJECT_MISSING",
      "there is none",
    ],
    [
      "a VM of a tenant that is not there",
      full,
      set("tenants acne vms 10.0.0.1", { server: "s1" }),
      "OBJECT_MISSING",
      'set tenants.acne.vms["10.0.0.1"] in x: no tenant is named "acne", did you mean "acme"?',
    ],
    ["a text that is no YAML", "a: 'b", set("servers s", {}), "DOCUMENT_INVALID", "x:1:6: missing closing 'quote"],
    [
      "a document with a key twice",
      "a: 1\na: 2\n",
      set("servers s", {}),
      "DOCUMENT_INVALID",
      'x:2:1: a: the key "a" is already',
    ],
    [
      "to delete what an alias stands for",
      "version: 1\nprofiles:\n  a: &a {ttl: 9}\n  b: *a\n",
      remove("profiles a"),
      "DOCUMENT_INVALID",
      "edit profiles.a in x: the document writes it in a way",
    ],
    [
      "to change a part of an alias",
      "version: 1\nprofiles:\n  a: &a {ttl: 9, port: 5}\n  b: *a\n",
      merge("profiles b", { ttl: 8 }),
      "DOCUMENT_INVALID",
      "such as through an alias",
    ],
  ])("%s", (_, text, edit, code, message) => {
    try {
      editDocument(text, "x", [edit]);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      expect(error.code).toBe(code);
      expect(error.message).toContain(message);
    }
  });
});

/** Edits of the full document's objects and of some that it does not have. */
const name = fc.constantFrom("s1", "s2", "3", "s9", "new-1", "true");
const vmAddress = fc.constantFrom("172.16.0.5", "172.16.0.6", "172.16.0.7", "2001:db8:16::5", "2001:db8:16::6", "::5");
const tenantName = fc.constantFrom("acme", "other", "dual", "quiet");
const mac = fc.nat(255).map((byte) => `02:00:00:00:00:${byte.toString(16).padStart(2, "0")}`);
const server = fc.record(
  { address: fc.nat(255).map((byte) => `10.7.0.${byte}`), profile: fc.constantFrom("default", "far"), mac },
  { requiredKeys: ["address"] },
);
const randomEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({
    op: fc.constantFrom("set" as const, "merge" as const),
    path: name.map((each) => ["servers", each]),
    value: server,
  }),
  fc.record({
    op: fc.constantFrom("set" as const, "merge" as const),
    path: fc.tuple(tenantName, vmAddress).map(([tenant, address]) => ["tenants", tenant, "vms", address]),
    value: fc.record({ server: name, mac }),
  }),
  fc.record({
    op: fc.constant("set" as const),
    path: fc
      .tuple(tenantName, fc.constantFrom("0.0.0.0/0", "10.1.0.0/24", "10.9.0.0/16", "2001:db8:16::/48", "::/0"))
      .map(([tenant, prefix]) => ["tenants", tenant, "routes", prefix]),
    value: fc.oneof(fc.record({ via: fc.uniqueArray(name, { minLength: 1 }) }), fc.record({ circuit: name })),
  }),
  fc.record({
    op: fc.constant("delete" as const),
    path: fc.oneof(
      name.map((each) => ["servers", each]),
      fc.tuple(tenantName, vmAddress).map(([tenant, address]) => ["tenants", tenant, "vms", address]),
      fc
        .tuple(tenantName, fc.constantFrom("0.0.0.0/0", "10.1.0.0/24", "fd00::/127"))
        .map(([tenant, prefix]) => ["tenants", tenant, "routes", prefix]),
    ),
  }),
);

test("a run of random edits says what was edited, and keeps every comment and every other line", async () => {
  const { parse } = await import("yaml");
  const own =
    (path: readonly string[]) =>
    (data: unknown): Record<string, unknown> | undefined => {
      let value = data as unknown;
      for (const step of path) {
        value = Array.isArray(value)
          ? value.find((item) => (item as { prefix: string }).prefix === step)
          : (value as Record<string, unknown> | undefined | null)?.[step];
      }
      return value as Record<string, unknown> | undefined;
    };
  fc.assert(
    fc.property(fc.array(randomEdit, { minLength: 1, maxLength: 6 }), fc.boolean(), (edits, windows) => {
      let text = windows ? full.replaceAll("\n", "\r\n") : full;
      for (const edit of edits) {
        const find = own(edit.path);
        const before = find(parse(text));
        if (edit.op === "delete" && before === undefined) {
          expect(() => editDocument(text, "x", [edit])).toThrow(expect.objectContaining({ code: "OBJECT_MISSING" }));
          continue;
        }
        const edited = editDocument(text, "x", [edit]);
        const after = find(parse(edited));
        if (edit.op === "delete") expect(after).toBeUndefined();
        else {
          const prefix = edit.path[2] === "routes" ? { prefix: edit.path[3] } : {};
          const kept = edit.op === "merge" ? before : {};
          expect(after).toEqual({ ...kept, ...prefix, ...(edit.value as object) });
        }
        text = edited;
      }
      const touched = new Set(edits.flatMap((edit) => edit.path.slice(-1)));
      for (const line of full.split("\n")) {
        if (line.includes("#")) expect(text).toContain(line);
        else if (/^ {2}(s1|s2|3):/.test(line) && !touched.has(/\w+/.exec(line)?.[0] as string))
          expect(text).toContain(line);
      }
      if (windows) expect(text.replaceAll("\r\n", "")).not.toContain("\n");
    }),
    { numRuns: 200 },
  );
});
