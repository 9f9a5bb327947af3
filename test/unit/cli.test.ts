import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, describe, expect, test } from "vitest";
import { unumProgram } from "../../src/cli/program.ts";
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

describe("help", () => {
  test("is there for all commands of the product", () => {
    const kinds = ["profile", "server", "gateway", "tenant", "circuit", "route", "vm"];
    const changes = kinds.flatMap((kind) => [`${kind} set`, `${kind} delete`]);
    const rest = ["check", "plan", "apply", "attach", "detach", "show", "counters"];
    expect(ALL.map((words) => words.join(" ")).sort()).toEqual([...changes, ...rest].sort());
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
      for (const line of stdout.match(/^ {2}unum [^|#\n]*/gm) ?? []) {
        // A document and pins that do not exist: whatever is wrong then, it is not the usage.
        const argv = [...line.trim().split(/\s+/).slice(1)];
        const named = ["check", "plan", "apply", "show", "counters", "attach", "detach"].includes(argv[0] as string);
        const state =
          named && !["check", "plan", "apply"].includes(argv[0] as string) ? [] : ["--state", "/nonexistent"];
        const pins = argv[0] === "check" ? [] : ["--pin-dir", "/nonexistent/pins"];
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
    ["attach a/b --role both", /expected the name of an interface/],
    ["attach sixteencharacter --role both", /expected the name of an interface/],
    ["detach", /expected the name of a NIC, or --all/],
    ["detach e0 --all", /expected the name of a NIC, or --all/],
    ["vm set acme", /missing required argument 'address'/],
    ["vm set acme 172.16.0.5", /vm set: nothing to set, expected at least one of --server, --mac/],
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
    ["route set acme 10.0.0.1/8 --via gw", /10\.0\.0\.0\/8, or 10\.0\.0\.1\/32/],
    ["route delete acme 10.0.0.0", /has no \/length/],
    ["circuit set acme hq --address 10.1.0.1", /has no \/length/],
    ["server delete", /missing required argument 'name'/],
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
    expect(status).toBe(0);
    expect(stdout).toBe(`${FULL}: valid: 3 servers, 2 gateways, 3 tenants, 2 circuits, 3 routes, 3 VMs\n`);
    // What this version leaves undone is no data.
    for (const line of stderr.trim().split("\n")) expect(line).toMatch(/^unum: .*full\.yaml: /);
  });

  test("--json has the same as fields", async () => {
    const { status, stdout, stderr } = await unum("check", "--json", FULL);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      file: FULL,
      valid: true,
      objects: { profiles: 2, servers: 3, gateways: 2, tenants: 3, circuits: 2, routes: 3, vms: 3 },
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
