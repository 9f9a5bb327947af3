import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { startPing } from "../../lab/traffic.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage();
const VMS = 300_000;

/** VMs of 172.20.0.0/14, beside those that there are. */
async function writeLines(name: string, count: number, server: (n: number) => string): Promise<string> {
  const lines = Array.from({ length: count }, (_, n) => {
    const address = `172.${20 + (n >>> 16)}.${(n >>> 8) & 255}.${n & 255}`;
    const mac = `02:01:00:${[16, 8, 0].map((shift) => ((n >>> shift) & 255).toString(16).padStart(2, "0")).join(":")}`;
    return `${JSON.stringify({ tenant: "acme", address, server: server(n), mac })}\n`;
  });
  const path = join(dirname(stage.edge.state), name);
  await writeFile(path, lines.join(""));
  return path;
}

describe("an import of many VMs under traffic", () => {
  it("comes, moves all of them and takes them away with no packet lost in either direction", async () => {
    const [come, move, go] = await Promise.all([
      writeLines("come.ndjson", VMS, (n) => (n % 2 === 0 ? "s1" : "s2")),
      writeLines("move.ndjson", VMS, (n) => (n % 2 === 0 ? "s2" : "s1")),
      writeLines("go.ndjson", 10, () => "s1"),
    ]);
    const customer = stage.lab.namespace("customer");
    const running = await Promise.all(["172.16.0.1", "172.16.0.4"].map((address) => startPing(customer, address, 2)));
    expect(await stage.edge.run("vm", "import", come)).toMatch(/applied: 300000 added, 0 changed, 0 removed/);
    expect(await stage.edge.run("vm", "import", move)).toMatch(/applied: 0 added, 300000 changed, 0 removed/);
    expect(await stage.edge.run("vm", "import", "--replace", go)).toMatch(
      /applied: 0 added, 5 changed, 299990 removed/,
    );
    for (const ping of running) {
      const result = await ping.end();
      expect(result.sent).toBeGreaterThan(300);
      expect(result).toMatchObject({ lost: [], duplicates: 0 });
    }
    expect(await stage.edge.run("apply")).toContain("nothing to do");
    expect((await readFile(join(dirname(stage.edge.state), "vms.ndjson"), "utf8")).split("\n").length).toBe(11);
  });
});
