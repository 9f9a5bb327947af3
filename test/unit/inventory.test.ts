import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { IpAddress } from "../../src/address/index.ts";
import { ipv4FromNumber, ipv6FromBytes, macFromBytes } from "../../src/address/index.ts";
import { DocumentError, loadDocument, problemText } from "../../src/document/index.ts";
import { LINE_BYTES_MAX } from "../../src/document/inventory-file.ts";
import { LineParser } from "../../src/document/inventory-line.ts";
import * as shapes from "../../src/document/shapes.ts";
import type { Vm } from "../../src/model/index.ts";
import { VmSetBuilder } from "../../src/model/index.ts";

const directory = mkdtempSync(join(tmpdir(), "unum-inventory-"));
afterAll(() => rmSync(directory, { recursive: true }));

const MAC = "02:00:00:00:00:05";
const HEAD = `version: 1
edge: {address: 10.2.0.1, capacity: {vms: 1024, vms6: 1024}}
servers: {s1: {address: 10.2.0.2}, s2: {address: 10.2.0.3}}
gateways: {gw1: {address: 10.2.0.9, mac: 02:00:00:00:00:09}}
vmInventory: vms.ndjson
`;
const DOCUMENT = `${HEAD}tenants:
  acme: {vni: 1, address: 172.16.255.254, vms: {172.16.0.1: {server: s1, mac: ${MAC}}}}
  initech: {vni: 2}
`;

function load(inventory: string | Uint8Array, document = DOCUMENT) {
  const file = join(directory, "state.yaml");
  writeFileSync(file, document);
  writeFileSync(join(directory, "vms.ndjson"), inventory);
  return loadDocument(file);
}

/** Problems without the directory. */
function problemsOf(inventory: string | Uint8Array, document = DOCUMENT): string[] {
  try {
    load(inventory, document);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof DocumentError)) throw thrown;
    return thrown.problems.map((problem) => problemText(problem).replaceAll(`${directory}/`, ""));
  }
}

const line = (fields: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ tenant: "acme", address: "172.16.0.5", server: "s1", mac: MAC, ...fields });

describe("an inventory", () => {
  test("adds its VMs to those of the document", () => {
    const { model, inventory } = load(
      `${line({})}\r\n\n  ${line({ address: "2001:db8::5", server: "s2", policy: "direct-only" })} \n${line({ tenant: "initech" })}`,
    );
    expect(inventory).toBe(join(directory, "vms.ndjson"));
    expect(new Map(model.tenants.get("acme")?.vms)).toEqual(
      new Map([
        ["172.16.0.1", { server: "s1", mac: MAC }],
        ["172.16.0.5", { server: "s1", mac: MAC }],
        ["2001:db8::5", { server: "s2", mac: MAC, policy: "direct-only" }],
      ]),
    );
    expect(model.tenants.get("initech")?.vms.size).toBe(1);
  });

  test("may be empty, begin with a byte order mark, and be written in any way that JSON has", () => {
    expect(load("").model.tenants.get("acme")?.vms.size).toBe(1);
    const written =
      '\ufeff\t{ "mac" : "02:00:00:00:00:0A", "server":"\\u0073\\u0031" ,"address":"172.16.0.5","tenant":"acme"}';
    expect(
      load(written)
        .model.tenants.get("acme")
        ?.vms.get("172.16.0.5" as IpAddress),
    ).toEqual({
      server: "s1",
      mac: "02:00:00:00:00:0a",
    });
  });

  test.each<[string, string | Uint8Array, string]>([
    ["no JSON", `${line({})}\n{"tenant":"acme"`, "vms.ndjson:2:17: it is not JSON, expected a line such as"],
    ["JSON in YAML's way", "{tenant: acme}", "vms.ndjson:1:2: it is not JSON"],
    ["no object", "[1]", "vms.ndjson:1:1: a list given, expected a map with tenant, address, server, mac, policy"],
    ["a missing field", '{"tenant":"acme","address":"172.16.0.5","server":"s1"}', "vms.ndjson:1:1: mac: missing"],
    ["an unknown key", line({ servr: "s1" }), 'servr: "servr" is no key of this line, did you mean "server"?'],
    ["a key twice", line({}).replace("}", ',"mac":"02:00:00:00:00:06"}'), 'the key "mac" is already on line 1'],
    [
      "a bad address",
      line({ address: "172.16.0.05" }),
      'vms.ndjson:1:28: address: "172.16.0.05" is not an IPv4 or IPv6',
    ],
    ["another form", line({ address: "2001:DB8::5" }), '"2001:DB8::5" has another form, expected 2001:db8::5'],
    ["a bad MAC", line({ mac: "02:00" }), "vms.ndjson:1:"],
    ["a group MAC", line({ mac: "01:00:00:00:00:05" }), "vms.ndjson:1:61: mac: 01:00:00:00:00:05 is a group address"],
    ["a zero MAC", line({ mac: "00:00:00:00:00:00" }), "mac: 00:00:00:00:00:00 is no address"],
    ["a multicast address", line({ address: "224.0.0.1" }), "address: 224.0.0.1 is a multicast address"],
    ["an IPv6 loopback address", line({ address: "::1" }), "address: ::1 is a loopback address"],
    [
      "the tenant's own address",
      line({ address: "172.16.255.254" }),
      "address: 172.16.255.254 is the tenant's own address",
    ],
    ["no server", line({ server: "s9" }), 'vms.ndjson:1:50: server: no server is named "s9", did you mean "s1"?'],
    ["a gateway", line({ server: "gw1" }), 'server: "gw1" is a gateway, expected a server'],
    ["no tenant", line({ tenant: "acne" }), 'vms.ndjson:1:11: tenant: no tenant is named "acne", did you mean "acme"?'],
    ["a policy that is none", line({ policy: "direct" }), 'policy: "direct" given, expected direct-preferred'],
    [
      "a VM twice",
      `${line({})}\n${line({ server: "s2" })}`,
      "vms.ndjson:2:28: address: 172.16.0.5 is a VM of acme in an earlier line",
    ],
    ["a VM of the document", line({ address: "172.16.0.1" }), "172.16.0.1 is a VM of acme in the document already"],
    ["no UTF-8", Uint8Array.of(0x7b, 0xff), "vms.ndjson:1:2: byte 1 (0xff) is not UTF-8"],
    ["a line of another file", `${"x".repeat(LINE_BYTES_MAX + 1)}\n${line({})}`, "the line has more than"],
  ])("with %s is refused, by line and column", (_, inventory, expected) => {
    const problems = problemsOf(inventory);
    expect(problems.length).toBe(1);
    expect(problems[0]).toContain(expected);
  });

  test("counts lines past empty ones, and past chunks of the file", () => {
    const lines = Array.from({ length: 30_000 }, (_, n) =>
      line({ address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` }),
    );
    lines[29_998] = line({ server: "s9" });
    lines[20_000] = "";
    expect(problemsOf(lines.join("\n"), DOCUMENT.replace("vms: 1024", "vms: 65536"))).toEqual([
      'vms.ndjson:29999:50: server: no server is named "s9", did you mean "s1"?',
    ]);
  });

  test("tells at most a thousand problems, beside those of the document", () => {
    const problems = problemsOf(`${line({ server: "s9" })}\n`.repeat(5000), DOCUMENT.replace("vni: 2", "vni: 0"));
    expect(problems[0]).toMatch(/^state\.yaml:8:\d+: tenants\.initech\.vni: 0 is out of range/);
    expect(problems.length).toBe(50);
  });

  test("of a tenant or server that has a problem itself is not wrong for that", () => {
    const document = DOCUMENT.replace("initech: {vni: 2}", "initech: {vnj: 2}").replace(
      "s2: {address: 10.2.0.3}",
      "s2: {adress: 1}",
    );
    const problems = problemsOf(`${line({ tenant: "initech" })}\n${line({ server: "s2" })}\n`, document);
    expect(problems.filter((problem) => problem.startsWith("vms.ndjson"))).toEqual([]);
    expect(problems.length).toBeGreaterThan(0);
  });

  test("that is not there, or no file, is a problem of the document", () => {
    expect(problemsOf("", DOCUMENT.replace("vms.ndjson", "other.ndjson"))).toEqual([
      expect.stringContaining("state.yaml:5:14: vmInventory: read other.ndjson: there is no such file"),
    ]);
    expect(problemsOf("", DOCUMENT.replace("vms.ndjson", "."))[0]).toContain(
      "it is a directory, expected a regular file",
    );
    expect(problemsOf("", DOCUMENT.replace("vms.ndjson", "[]"))[0]).toContain("expected the path of a file");
    expect(problemsOf("", `${DOCUMENT.replace("vni: 2", "vni: 2, vmInventory: x")}`)[0]).toContain(
      "is no key of this tenant",
    );
  });

  test("counts into the capacity", () => {
    const lines = Array.from({ length: 1024 }, (_, n) => line({ address: `10.0.${n >> 8}.${n & 255}` }));
    const document = DOCUMENT.replace("vms6: 1024", "vms6: 1024, vmsMax: 1024");
    expect(problemsOf(lines.join("\n"), document)).toEqual([
      expect.stringContaining("1025 VMs do not fit into the 1024"),
    ]);
  });
});

/** What JSON.parse and the document's shapes make of a line: undefined when they refuse it. */
function slowly(text: string): { tenant: string; address: IpAddress; vm: Vm } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const read = shapes.inventoryVm.safeParse(value);
  if (!read.success) return undefined;
  const { tenant, address, server, mac, policy } = read.data;
  return { tenant, address, vm: policy === undefined ? { server, mac } : { server, mac, policy } };
}

/** What the parser of bytes makes of it: undefined when it leaves the line to others. */
function fast(text: string): { tenant: string; address: IpAddress; vm: Vm } | undefined {
  const parser = new LineParser();
  const bytes = Buffer.from(`..${text}..`);
  const [from, to] = [2, bytes.length - 2];
  if (!parser.parse(bytes, from, to)) return undefined;
  const name = (start: number, end: number): string => bytes.subarray(start, end).toString();
  const builder = new VmSetBuilder();
  parser.record[parser.addressWords + 2] = builder.names.number(name(parser.serverFrom, parser.serverTo));
  builder.addRecord(parser.record, parser.addressWords);
  const [address, vm] = builder.build().at(0);
  return { tenant: name(parser.tenantFrom, parser.tenantTo), address, vm };
}

const ipv6 = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => ipv6FromBytes(Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))));
const fields = fc.record(
  {
    tenant: fc.constantFrom("acme", "a.b-c_9", "x"),
    address: fc.oneof(fc.nat(0xffffffff).map(ipv4FromNumber), ipv6),
    server: fc.constantFrom("s1", "server-2.example", "9"),
    mac: fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => macFromBytes(bytes)),
    policy: fc.constantFrom("direct-preferred", "direct-only", "gateway-only"),
  },
  { requiredKeys: ["tenant", "address", "server", "mac"] },
);
const space = fc.constantFrom("", "", "", " ", "\t", "  ");
/** As JSON may be written. */
const written = fc
  .tuple(fields, fc.infiniteStream(space), fc.infiniteStream(fc.nat(4)))
  .map(([object, spaces, order]) => {
    const gap = (): string => spaces.next().value;
    const entries = Object.entries(object).map((entry) => [order.next().value, entry] as const);
    entries.sort(([a], [b]) => a - b);
    const members = entries.map(([, [key, value]]) => `${gap()}"${key}"${gap()}:${gap()}"${value}"${gap()}`);
    return `${gap()}{${members.join(",")}}${gap()}`;
  });

describe("the parser of bytes", () => {
  test("takes every canonical line, and reads what JSON.parse and the shapes read", () => {
    fc.assert(
      fc.property(written, (text) => {
        const expected = slowly(text);
        // Addresses that begin with zeros, such as IPv4 in IPv6, are for others, who may refuse them.
        const zeros = /"(::|0:0:0:0:)/.test(text);
        if (zeros && fast(text) === undefined) return;
        expect(expected).toBeDefined();
        expect(fast(text)).toEqual(expected);
      }),
      { numRuns: 3000 },
    );
  });

  test("takes no mangled line that they refuse, and reads none in another way", () => {
    const change = fc.tuple(
      fc.nat(200),
      fc.constantFrom("delete", "insert", "replace", "double"),
      fc.constantFrom(...' {}",:.0129afAFgx\\/-é\u0000\n[]'),
    );
    let taken = 0;
    fc.assert(
      fc.property(written, fc.array(change, { minLength: 1, maxLength: 3 }), (text, changes) => {
        let mangled = text;
        for (const [where, how, character] of changes) {
          const at = where % (mangled.length + 1);
          const end = how === "insert" ? at : at + (how === "double" ? 0 : 1);
          const put = how === "delete" ? "" : how === "double" ? mangled.slice(at, at + 12) : character;
          mangled = mangled.slice(0, at) + put + mangled.slice(end);
        }
        const found = fast(mangled);
        if (found === undefined) return;
        taken++;
        // Whether a name may be one is for who looks it up.
        const names = [found.tenant, found.vm.server].every((name) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name));
        if (names) expect(found).toEqual(slowly(mangled));
      }),
      { numRuns: 10_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  test.each([
    "{}",
    "",
    line({}).slice(0, -1),
    `${line({})}x`,
    line({ mac: "02:00:00:00:00:5" }),
    line({ address: "1.2.3" }),
    line({ address: "1.2.3.4.5" }),
    line({ address: "1.2.3.256" }),
    line({ address: "1..3.4" }),
    line({ address: "01.2.3.4" }),
    line({ address: "1:2:3:4:5:6:7" }),
    line({ address: "1:2:3:4:5:6:7:8:9" }),
    line({ address: "1::2::3" }),
    line({ address: ":1" }),
    line({ address: "1:" }),
    line({ address: "1:::2" }),
    line({ address: "2001:db8::0" }),
    line({ address: "2001:db8:0:0:0:0:0:5" }),
    line({ address: "1::2:0:0:0:5" }),
    line({ address: "1:2:3:4:5:6::8" }),
    line({ address: "2001:DB8::5" }),
    line({ address: "" }),
    line({ policy: "" }),
    line({ more: "x" }),
    line({ mac: 5 }),
  ])("leaves %s to others", (text) => {
    expect(fast(text)).toBeUndefined();
  });
});

test("the example of docs/document.md is what it says", () => {
  const page = readFileSync(new URL("../../docs/document.md", import.meta.url), "utf8");
  const [, lines = ""] = /```json\n(\{"tenant"[\s\S]*?)```/.exec(page) ?? [];
  const names = new Set<string>();
  for (const each of lines.trim().split("\n")) names.add(slowly(each)?.tenant ?? "refused");
  expect([...names]).toEqual(["acme"]);
});
