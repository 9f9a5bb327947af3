import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { CLI, PIN_DIRECTORY } from "../../lab/edge.ts";
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

/** Processes started by a process, and by those, the oldest first. */
function descendants(pid: number): readonly number[] {
  const children = readdirSync("/proc").filter((name) => {
    try {
      return (
        /^\d+$/.test(name) && new RegExp(`^PPid:\\t${pid}$`, "m").test(readFileSync(`/proc/${name}/status`, "utf8"))
      );
    } catch {
      return false; // it has ended
    }
  });
  return children.map(Number).flatMap((child) => [child, ...descendants(child)]);
}

/** Maps and programs pinned where a process is. */
async function pinnedAt(pid: number): Promise<readonly string[]> {
  const enter = ["-t", String(pid), "--mount", "--pid", "--root", "--", "bpftool", "-j"];
  const id = async (kind: string, pin: string) =>
    `${kind} ${JSON.parse(await run("nsenter", [...enter, kind, "show", "pinned", join(PIN_DIRECTORY, pin)])).id}`;
  return [await id("map", "maps/vms4"), await id("prog", "programs/access"), await id("prog", "programs/underlay")];
}

/** Those of some maps, programs and processes that are still there. */
async function alive(things: readonly string[]): Promise<readonly string[]> {
  const ids = async (kind: string) =>
    JSON.parse(await run("bpftool", ["-j", kind, "show"])).map((object: { id: number }) => `${kind} ${object.id}`);
  const processes = readdirSync("/proc").map((pid) => `process ${pid}`);
  const all = new Set([...(await ids("map")), ...(await ids("prog")), ...processes]);
  return things.filter((thing) => all.has(thing));
}

/** The kernel frees maps and programs a moment after their last user. */
async function expectGone(things: readonly string[]): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += 100) {
    const left = await alive(things);
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
    const kept = await pinnedAt(holder);
    expect(await alive(kept)).toEqual(kept);
    process.kill(holder);
    await expectGone(kept);
  });

  it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("leaves nothing when it is ended by %s", async (signal) => {
    const lab = start("--keep");
    await until(() => lab.output().includes("TCP:"), lab.output);
    // node, the sandbox's shell, unshare, the first process inside, node.
    const processes = descendants(lab.pid ?? 0);
    expect(processes.length).toBeGreaterThanOrEqual(4);
    const made = [...(await pinnedAt(processes[3] ?? 0)), ...processes.map((pid) => `process ${pid}`)];
    expect(await alive(made)).toEqual(expect.arrayContaining(made.slice(0, 3)));
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
