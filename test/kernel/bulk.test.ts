// VMs by the hundred thousand: inventories that are applied, imported and changed, tables that are listed, and what is left when
// any of that is refused or killed.

import { spawn } from "node:child_process";
import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { compareIp, parseIp, parseIpPrefix, prefixContains } from "../../src/address/index.ts";
import { slotDifference } from "../../src/bpf/bucket-table.ts";
import { listVms, observe, Plane } from "../../src/dataplane/index.ts";
import { keyWords, slotBytes } from "../../src/dataplane/tables.ts";
import { VM_TABLES } from "../../src/dataplane/vm-shape.ts";
import type { Vm } from "../../src/model/index.ts";
import type { Outcome } from "../support/cli.ts";
import { CLI, unum } from "../support/cli.ts";
import {
  applyState,
  deleteLink,
  expectHolds,
  fingerprint,
  load,
  makeInterfaces,
  newPins,
  OBJECT,
} from "../support/dataplane-kernel.ts";
import { stateOn } from "../support/dataplane-models.ts";

const scratch = mkdtempSync(join(tmpdir(), "unum-bulk-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const SERVERS = 50;
const documentOf = (inventory = "vms.ndjson", capacity = 262_144): string => `# Rack 7.
version: 1
edge: {address: 10.2.0.1, capacity: {vms: ${capacity}, vms6: 65536}}
${inventory === "" ? "" : `vmInventory: ${inventory}\n`}servers:
${Array.from({ length: SERVERS }, (_, n) => `  s${n}: {address: 10.2.1.${n + 1}}\n`).join("")}tenants:
  acme: {vni: 100, vms: {172.16.0.1: {server: s1, mac: 02:00:00:00:00:01}}}
  initech: {vni: 200}
`;

interface Line {
  readonly tenant?: string;
  readonly address: string;
  readonly server: string;
  readonly mac: string;
  readonly policy?: string;
}

/** VM n: every tenth is IPv6, and every third initech's. */
function lineOf(n: number, server = `s${n % SERVERS}`): Line {
  const hex = n.toString(16).padStart(8, "0");
  return {
    tenant: n % 3 === 0 ? "initech" : "acme",
    address:
      n % 10 === 9
        ? `2001:db8:16::${(n >>> 16) + 1}:${((n & 0xffff) + 1).toString(16)}`
        : `10.${n >>> 16}.${(n >>> 8) & 255}.${n & 255}`,
    server,
    mac: `02:00:${hex.match(/../g)?.join(":")}`,
  };
}

const text = (lines: Iterable<Line>): string => [...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
const lines = (count: number, first = 0): Line[] => Array.from({ length: count }, (_, n) => lineOf(first + n));

const state = join(scratch, "state.yaml");
const inventory = join(scratch, "vms.ndjson");

function write(name: string, content: string): string {
  const path = join(scratch, name);
  writeFileSync(path, content);
  return path;
}

describe("an inventory", () => {
  const pins = newPins();
  afterAll(() => pins[Symbol.dispose]());
  const on = (...argv: string[]): Promise<Outcome> => unum(...argv, "--state", state, "--pin-dir", pins.path);
  async function good(...argv: string[]): Promise<string> {
    const { status, stdout, stderr } = await on(...argv);
    expect(status, `unum ${argv.join(" ")}\n${stderr}`).toBe(0);
    return stdout;
  }
  const data = async <T>(...argv: string[]): Promise<T> => JSON.parse(await good(...argv, "--json")) as T;
  const shown = async (...argv: string[]): Promise<Line[]> => {
    const { status, stdout, stderr } = await unum("show", "vms", ...argv, "--json", "--pin-dir", pins.path);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return JSON.parse(stdout) as Line[];
  };
  interface Applied {
    readonly changes: readonly { readonly kind: string; readonly action: string }[];
    readonly unlistedVms?: readonly unknown[];
    readonly rows: number;
  }

  const NOTHING_TO_DO = "nothing to do: the maps are as the document says\n";

  beforeEach(async () => {
    writeFileSync(state, documentOf());
    writeFileSync(inventory, text(lines(1000)));
    await good("apply");
  });

  test("of a hundred thousand is applied, counted and not listed; then small changes are listed", async () => {
    const many = lines(100_000);
    writeFileSync(inventory, text(many));
    const first = await data<Applied>("apply");
    expect(first.changes.filter(({ kind }) => kind === "vm")).toEqual([]);
    expect(first.unlistedVms).toEqual([
      { tenant: "acme", added: 66_000, changed: 0, removed: 0 },
      { tenant: "initech", added: 33_000, changed: 0, removed: 0 },
    ]);
    expect(await good("apply")).toBe(NOTHING_TO_DO);
    expect(await data("plan")).toMatchObject({ changes: [], rows: 0 });
    // One moves, one goes, one comes.
    many[50_001] = lineOf(50_001, "s7");
    many[60_000] = lineOf(100_000);
    writeFileSync(inventory, text(many));
    const plan = await on("plan");
    expect(plan.status).toBe(3);
    expect(plan.stdout).toBe(
      "+ vm acme 10.1.134.160: server s0, mac 02:00:00:01:86:a0\n" +
        "~ vm initech 10.0.195.81: server s1 → s7\n" +
        "- vm initech 10.0.234.96: server s0, mac 02:00:00:00:ea:60\n" +
        "1 to add, 1 to change, 1 to remove; 3 rows to write\n",
    );
    expect(await good("apply")).toMatch(/^applied: 1 added, 1 changed, 1 removed; 3 rows written in /);
    expect(await good("apply")).toBe(NOTHING_TO_DO);
    expect(await shown("--tenant", "initech", "--prefix", "10.0.195.81/32")).toMatchObject([{ server: "s7" }]);
  });

  test("that is wrong in a line changes nothing", async () => {
    const before = fingerprint(pins);
    writeFileSync(inventory, text([...lines(500), { ...lineOf(500), server: "s99" }]));
    const { status, stderr } = await on("apply");
    expect(status).toBe(1);
    expect(stderr).toContain(`${inventory}:501:`);
    expect(stderr).toContain('no server is named "s99"');
    expect(stderr).toContain("nothing was changed [DOCUMENT_INVALID]");
    expect(fingerprint(pins)).toEqual(before);
  });

  test("takes an import: lines over those with the same address, and new ones behind", async () => {
    const moved = { ...lineOf(10), server: "s49", policy: "direct-only" };
    const out = await good("vm", "import", write("more.ndjson", text([moved, lineOf(5000)])));
    expect(out).toMatch(
      new RegExp(`^${inventory}: 2 VMs imported\napplied: 1 added, 1 changed, 0 removed; 2 rows written`),
    );
    const kept = lines(1000).filter((_, n) => n !== 10);
    // Those of a tenant are together.
    expect(readFileSync(inventory, "utf8")).toBe(text([...kept, moved, lineOf(5000)]));
    expect(await good("apply")).toBe(NOTHING_TO_DO);
    expect(readdirSync(scratch).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  test("is replaced by an import, as a whole or for one tenant", async () => {
    const few = lines(3, 20_000).map(({ tenant: _, ...line }) => line);
    await good("vm", "import", "--tenant", "initech", "--replace", write("few.ndjson", text(few)));
    const others = lines(1000).filter(({ tenant }) => tenant !== "initech");
    const asInitech = few.map((line) => ({ tenant: "initech", ...line }));
    const sorted = (all: Line[]) => all.map((line) => JSON.stringify(line)).sort();
    expect(sorted((await shown("--tenant", "initech")) as Line[])).toEqual(sorted(asInitech));
    expect((await shown("--tenant", "acme")).length).toBe(others.length + 1);
    await good("vm", "import", "--replace", write("one.ndjson", text([lineOf(1)])));
    expect(readFileSync(inventory, "utf8")).toBe(text([lineOf(1)]));
    expect((await shown()).map(({ address }) => address)).toEqual(["10.0.0.1", "172.16.0.1"]);
  });

  test("and the maps are as they were when an import is refused", async () => {
    const before = [fingerprint(pins), readFileSync(state, "utf8"), readFileSync(inventory, "utf8")];
    const refused = async (content: string, message: string, ...options: string[]): Promise<void> => {
      const { status, stderr } = await on("vm", "import", ...options, write("bad.ndjson", content));
      expect(status).toBe(1);
      expect(stderr).toContain(message);
      expect([fingerprint(pins), readFileSync(state, "utf8"), readFileSync(inventory, "utf8")]).toEqual(before);
      expect(readdirSync(scratch).filter((name) => name.endsWith(".new"))).toEqual([]);
    };
    for (const how of [[], ["--replace"]]) {
      await refused(`${text(lines(2000, 2000))}{"tenant"`, "bad.ndjson:2001:10: it is not JSON", ...how);
      await refused(text([{ ...lineOf(1), server: "s99" }]), "bad.ndjson:1:", ...how);
      await refused(
        text([{ ...lineOf(1), address: "172.16.0.1" }]),
        "bad.ndjson:1:28: address: 172.16.0.1 is a VM of acme in the document already",
        ...how,
      );
      await refused(text([lineOf(1), lineOf(1)]), "a VM of acme in an earlier line already", ...how);
    }
    await refused(text([lineOf(1)]), '"acme" given, expected "initech", or no tenant', "--tenant", "initech");
    await refused(text([lineOf(1)]), 'no tenant is named "initec", did you mean "initech"?', "--tenant", "initec");
    writeFileSync(state, documentOf("vms.ndjson", 1024).replace("vms: 1024", "vms: 1024, vmsMax: 1024"));
    const { status, stderr } = await on("vm", "import", write("bad.ndjson", text(lines(2000, 5000))));
    expect([status, stderr]).toEqual([1, expect.stringContaining("VMs do not fit into the 1024")]);
    expect(readFileSync(inventory, "utf8")).toBe(before[2]);
  });

  test("of a document that is wrong already is told by the places that it has", async () => {
    writeFileSync(inventory, `${text(lines(10))}{"bad"\n`);
    const { status, stderr } = await on("vm", "import", write("more.ndjson", text([lineOf(0, "s1"), lineOf(3, "s1")])));
    expect([status, stderr]).toEqual([1, expect.stringContaining(`${inventory}:11:7: it is not JSON`)]);
  });

  test("is made by the first import into a document without one", async () => {
    rmSync(inventory);
    writeFileSync(state, documentOf(""));
    await good("vm", "import", write("more.ndjson", text(lines(20))));
    expect(readFileSync(inventory, "utf8").split("\n").length).toBe(21);
    expect(readFileSync(state, "utf8")).toContain("# Rack 7.");
    expect(readFileSync(state, "utf8")).toMatch(/^vmInventory: "?vms\.ndjson"?$/m);
    expect(await good("apply")).toBe(NOTHING_TO_DO);
    // One that is there already is somebody's.
    writeFileSync(state, documentOf(""));
    const { status, stderr } = await on("vm", "import", join(scratch, "more.ndjson"));
    expect([status, stderr]).toEqual([1, expect.stringContaining("it exists, and")]);
  });

  test("has single VMs set and deleted where they are", async () => {
    await good("vm", "set", "acme", "10.0.0.1", "--server", "s9");
    await good("vm", "set", "initech", "10.0.0.3", "--policy", "direct-only");
    await good("vm", "delete", "acme", "10.0.0.2");
    const all = readFileSync(inventory, "utf8");
    expect(all).toContain('{"tenant":"acme","address":"10.0.0.1","server":"s9","mac":"02:00:00:00:00:01"}\n');
    expect(all).toContain('"address":"10.0.0.3","server":"s3","mac":"02:00:00:00:00:03","policy":"direct-only"}\n');
    expect(all).not.toContain('"10.0.0.2"');
    expect(readFileSync(state, "utf8")).toBe(documentOf());
    // The document's own, and one that nobody has.
    await good("vm", "set", "acme", "172.16.0.1", "--server", "s2");
    await good("vm", "set", "acme", "172.16.0.2", "--server", "s2", "--mac", "02:00:00:00:00:02");
    expect(readFileSync(inventory, "utf8")).toBe(all);
    expect(readFileSync(state, "utf8")).toContain("172.16.0.2: {server: s2, mac: 02:00:00:00:00:02}");
    expect(await good("apply")).toBe(NOTHING_TO_DO);
    expect((await on("vm", "delete", "acme", "10.9.9.9")).stderr).toContain("OBJECT_MISSING");
  });

  test("is imported from standard input, also where no tables exist yet", async () => {
    const fresh = newPins();
    try {
      const given = write("piped.ndjson", text(lines(30_000)));
      const where = ["--state", state, "--pin-dir", fresh.path];
      const child = spawn(process.execPath, [CLI, "vm", "import", "--replace", "-", ...where], {
        stdio: ["pipe", "pipe", "pipe"],
      });
      createReadStream(given).pipe(child.stdin);
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk;
      });
      const status = await new Promise((resolve) => child.once("close", resolve));
      expect({ status, lines: stderr.split("\n").filter((line) => !/resolved|no interface/.test(line)) }).toEqual({
        status: 0,
        lines: [""],
      });
      using plane = Plane.open(fresh, OBJECT);
      const tenants = observe(plane).state?.model.tenants;
      expect([tenants?.get("acme")?.vms.size, tenants?.get("initech")?.vms.size]).toEqual([20_001, 10_000]);
    } finally {
      fresh[Symbol.dispose]();
    }
  });

  test("whose import is killed anywhere is the old one or the new, and the next apply does the rest", async () => {
    const old = readFileSync(inventory, "utf8");
    const given = write("all.ndjson", text(lines(60_000, 100)));
    let [olds, news] = [0, 0];
    for (let ms = 200; ms <= 2000; ms += 200) {
      writeFileSync(inventory, old);
      await good("apply");
      const args = [CLI, "vm", "import", "--replace", given, "--state", state, "--pin-dir", pins.path];
      const child = spawn(process.execPath, args, { stdio: "ignore" });
      const timer = setTimeout(() => child.kill("SIGKILL"), ms);
      await new Promise((resolve) => child.once("close", resolve));
      clearTimeout(timer);
      const now = readFileSync(inventory, "utf8");
      if (now === old) olds++;
      else {
        expect(now.split("\n").length).toBe(60_001);
        news++;
      }
      await good("apply");
      expect(await good("apply")).toBe(NOTHING_TO_DO);
      expect((await shown("--limit", "1")).length).toBe(1);
    }
    expect(olds).toBeGreaterThan(0);
    expect(olds + news).toBe(10);
    for (const name of readdirSync(scratch)) if (name.endsWith(".new")) rmSync(join(scratch, name));
  });

  test("is shown in pages, filtered, in the order of tenants and addresses", async () => {
    const all = [...lines(1000), { ...lineOf(1), tenant: "acme", address: "172.16.0.1", server: "s1" }];
    const order = (a: Line, b: Line): number =>
      (a.tenant as string) < (b.tenant as string)
        ? -1
        : a.tenant === b.tenant
          ? compareIp(parseIp(a.address), parseIp(b.address))
          : 1;
    all.sort(order);
    const names = (list: Line[]) => list.map(({ tenant, address }) => `${tenant} ${address}`);
    expect(names(await shown())).toEqual(names(all));
    expect(names(await shown("--server", "s5"))).toEqual(names(all.filter(({ server }) => server === "s5")));
    const inPrefix = (prefix: string) =>
      all.filter(({ address }) => prefixContains(parseIpPrefix(prefix), parseIp(address)));
    for (const prefix of ["10.0.1.0/24", "0.0.0.0/0", "::/0", "2001:db8:16::1:0/121", "10.0.0.7/32", "11.0.0.0/8"]) {
      expect(names(await shown("--prefix", prefix)), prefix).toEqual(names(inPrefix(prefix)));
    }
    const acme = all.filter(({ tenant }) => tenant === "acme");
    const paged: Line[] = [];
    for (let after: string[] = []; ; after = ["--after", paged.at(-1)?.address as string]) {
      const page = await shown("--tenant", "acme", "--limit", "97", ...after);
      paged.push(...page);
      if (page.length < 97) break;
    }
    expect(names(paged)).toEqual(names(acme));
    const table = (await unum("show", "vms", "--tenant", "initech", "--limit", "2", "--pin-dir", pins.path)).stdout;
    expect(table.split("\n").map((each) => each.trim().split(/ {2,}/))).toEqual([
      ["tenant", "address", "server", "mac", "policy"],
      ["initech", "10.0.0.0", "s0", "02:00:00:00:00:00", "-"],
      ["initech", "10.0.0.3", "s3", "02:00:00:00:00:03", "-"],
      [""],
    ]);
    const { status, stderr } = await unum("show", "vms", "--tenant", "acne", "--pin-dir", pins.path);
    expect([status, stderr]).toEqual([1, expect.stringContaining('no tenant named "acne", did you mean "acme"?')]);
  });
});

describe("tables of VMs", () => {
  const shown = (plane: Plane, limit?: number, pageVms?: number) => {
    const listed: [string, Vm][] = [];
    for (const { tenant, address, ...vm } of listVms(plane, observe(plane, false), { limit }, pageVms))
      listed.push([`${tenant} ${address}`, vm]);
    return listed;
  };

  test("become what is desired by what differs, in both shapes, and are listed as they are", () => {
    using pins = newPins();
    using plane = load(pins);
    const interfaces = makeInterfaces("bk0", "bk1");
    fc.assert(
      fc.property(fc.array(stateOn(interfaces), { minLength: 1, maxLength: 4 }), (states) => {
        for (const each of states) {
          applyState(plane, each);
          expectHolds(plane, each);
          const expected: [string, Vm][] = [];
          for (const name of [...each.model.tenants.keys()].sort()) {
            const vms = [...(each.model.tenants.get(name)?.vms ?? [])].sort(([a], [b]) => compareIp(a, b));
            for (const [address, vm] of vms) expected.push([`${name} ${address}`, vm]);
          }
          using reader = Plane.open(pins, OBJECT);
          expect(shown(reader)).toEqual(expected);
          for (const pageVms of [1, 3]) expect(shown(reader, undefined, pageVms)).toEqual(expected);
          for (const limit of [1, 2, 5]) expect(shown(reader, limit)).toEqual(expected.slice(0, limit));
          // What a reader sees and what the writer has differ in nothing.
          for (const table of VM_TABLES) {
            const difference = slotDifference(reader.slots(table), plane.slots(table), keyWords(plane.layout, table));
            expect(difference.puts.length + difference.removed.length).toBe(0);
            expect(reader.slots(table).length % slotBytes(plane.layout, table)).toBe(0);
          }
        }
      }),
      { numRuns: 60 },
    );
    for (const name of interfaces.keys()) deleteLink(name);
  });
});
