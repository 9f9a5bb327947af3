import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { CLI } from "../../lab/edge.ts";
import { run } from "../../lab/network.ts";
import { ROOT } from "../../lab/traffic.ts";

const MAIN = join(ROOT, "dist/lab/main.js");

/** What `npm start` runs. */
function start(...options: string[]): ChildProcess & { readonly output: () => string } {
  const child = spawn(process.execPath, [MAIN, ...options], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout.on("data", (chunk) => (text += chunk));
  child.stderr.on("data", (chunk) => (text += chunk));
  return Object.assign(child, { output: () => text });
}

/** What could be left: ids of the packet path's maps and programs, and processes of the lab. */
async function alive(): Promise<readonly string[]> {
  const ids = async (kind: string, ours: RegExp) =>
    JSON.parse(await run("bpftool", ["-j", kind, "show"]))
      .filter((object: { name?: string }) => ours.test(object.name ?? ""))
      .map((object: { id: number }) => `${kind} ${object.id}`);
  const processes = readdirSync("/proc").filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) && /dist\/lab\/|nsenter.*\/run\/netns\//.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"))
      );
    } catch {
      return false; // it has ended
    }
  });
  return [
    ...(await ids("map", /^vms4$/)),
    ...(await ids("prog", /^unum_/)),
    ...processes.map((pid) => `process ${pid}`),
  ];
}

/** The kernel frees maps and programs a moment after their last user. */
async function expectGone(things: readonly string[]): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += 100) {
    const now = await alive();
    const left = things.filter((thing) => now.includes(thing));
    if (left.length === 0) return;
    if (waitedMs > 5000) expect(left).toEqual([]);
    await sleep(100);
  }
}

async function until(condition: () => boolean, what: () => string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 20) {
    if (condition()) return;
    await sleep(20);
  }
  throw new Error(`wait 60 s: not seen in:\n${what()}`);
}

describe("npm start", () => {
  it("tells its whole story, keeps the network when asked, and leaves nothing when that is ended", async () => {
    const before = await alive();
    const lab = start("--keep");
    const [status] = await once(lab, "close");
    expect(status, lab.output()).toBe(0);
    expect(lab.output()).not.toContain("✗");
    expect(lab.output().match(/✓/g)?.length).toBeGreaterThan(25);

    const holder = Number(/kill (\d+)/.exec(lab.output())?.[1]);
    const enter = ["-t", String(holder), "--mount", "--net", "--root", "--"];
    const edge = ["nsenter", "--net=/run/netns/edge", process.execPath, CLI];
    expect(await run("nsenter", [...enter, ...edge, "show", "vms"])).toContain("172.16.0.7");
    await run("nsenter", [...enter, "nsenter", "--net=/run/netns/customer", "ping", "-c", "2", "172.16.0.1"]);
    const kept = (await alive()).filter((thing) => !before.includes(thing));
    expect(kept.filter((thing) => thing.startsWith("prog")).length).toBeGreaterThanOrEqual(3);
    process.kill(holder);
    await expectGone(kept);
  });

  it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("leaves nothing when it is ended by %s", async (signal) => {
    const before = await alive();
    const lab = start("--keep");
    await until(() => lab.output().includes("TCP:"), lab.output);
    const made = (await alive()).filter((thing) => !before.includes(thing));
    expect(made.length).toBeGreaterThan(4);
    const exit = once(lab, "exit");
    lab.kill(signal);
    await exit;
    await expectGone(made);
  });

  it("refuses options it does not have", async () => {
    const lab = start("--kepe");
    expect((await once(lab, "close"))[0]).toBe(2);
    expect(lab.output()).toContain("read option --kepe: expected --keep");
  });
});
