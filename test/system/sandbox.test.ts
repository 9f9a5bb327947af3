import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { execute, run } from "../../lab/network.ts";
import { ROOT } from "../../lab/traffic.ts";

const sandbox = join(ROOT, "scripts/sandbox");

/** Processes that have a word in their command line. */
function processes(word: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
      } catch {
        return false; // it has ended
      }
    });
}

const mapNames = async () =>
  JSON.parse(await run("bpftool", ["-j", "map", "show"])).map((map: { name?: string }) => map.name);

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 20) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error(`wait 10 s for ${what}: it did not happen`);
}

describe("scripts/sandbox", () => {
  it("passes arguments, input, output and exit status through", async () => {
    const shout = ["sh", "-c", 'read line; echo "$line $1"; exit 7', "sh", "two words"];
    const result = await execute("sh", [sandbox, ...shout], { input: "hello\n" });
    expect(result).toMatchObject({ status: 7, stdout: "hello two words\n" });
  });

  it("has a network, a bpffs and names of its own", async () => {
    const look =
      "ip netns add inner && ip -brief link | wc -l && ls /run/netns && ls /sys/fs/bpf && echo $UNUM_SANDBOX";
    const { stdout, status } = await execute("sh", [sandbox, "sh", "-c", look]);
    expect(status).toBe(0);
    expect(stdout.split("\n")[0]).toBe("1");
    expect(stdout).toContain("inner");
    expect(readdirSync("/run/netns")).not.toContain("inner");
  });

  it("refuses in words when it may not", async () => {
    const nobody = ["--reuid", "65534", "--clear-groups", "sh", sandbox, "true"];
    expect(await execute("setpriv", nobody)).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/^sandbox: make namespaces: needs root/),
    });
    const weak = ["--bounding-set", "-sys_admin", "sh", sandbox, "true"];
    expect(await execute("setpriv", weak)).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/lacks CAP_SYS_ADMIN/),
    });
  });

  // A map pinned in the sandbox, a namespace, and a process in the background that ignores signals.
  const occupy =
    "bpftool map create /sys/fs/bpf/held type array key 4 value 8 entries 1 name $1 && ip netns add held && " +
    "(trap '' HUP INT TERM; exec sleep 9$2) & sleep 0.1; echo ready; wait";

  const start = async (tag: string): Promise<[ChildProcess, string, string]> => {
    const [map, nap] = [`held_${tag}`, `${tag}7319`];
    const child = spawn("sh", [sandbox, "sh", "-c", occupy, "sh", map, nap], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    await once(lines, "line");
    await until(async () => (await mapNames()).includes(map), `map ${map}`);
    expect(processes(`sleep\u00009${nap}`).length).toBeGreaterThan(0);
    return [child, map, nap];
  };

  it.each(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const)("leaves nothing after %s", async (signal) => {
    const [child, map, nap] = await start(String(signal.length) + signal.charCodeAt(3));
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
    await until(() => processes(`sleep\u00009${nap}`).length === 0, "its processes to end");
    await until(async () => !(await mapNames()).includes(map), "its map to go");
  });

  it("leaves nothing when whoever started it is killed", async () => {
    const program = `require("node:child_process").spawn("sh", [${JSON.stringify(sandbox)}, "sleep", "97320"]);setInterval(() => {}, 1e6)`;
    const parent = spawn(process.execPath, ["-e", program], { stdio: "ignore" });
    await until(() => processes("sleep\u000097320").length >= 3, "the sandbox");
    parent.kill("SIGKILL");
    await until(() => processes("97320").length === 0, "the sandbox to end");
  });
});
