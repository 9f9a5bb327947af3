// `unum run` in the demonstration network: it follows its document, through everything that can happen to a document, while a
// customer's packets are counted by their numbers.

import { appendFile, readFile, rename, rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ip } from "../../lab/network.ts";
import { documentOf } from "../../lab/plan.ts";
import { ping, type RunningPing, startPing } from "../../lab/traffic.ts";
import { DaemonProcess, until } from "../support/daemon.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage(undefined, { apply: false });
const original = () => documentOf(stage.lab.tenants);
const customer = () => stage.lab.namespace("customer");

let daemon: DaemonProcess;
let running: RunningPing;
beforeAll(async () => {
  daemon = new DaemonProcess(stage.edge);
  await daemon.inSync();
  expect((await ping(customer(), "172.16.0.4", { count: 3 })).received).toBeGreaterThan(0);
  // Numbers of pings have 16 bits: at this pace they last for 20 minutes.
  running = await startPing(customer(), "172.16.0.4", 20);
});
afterAll(async () => {
  await daemon?.end("SIGKILL");
});

/** The maps show the document as it is now. */
async function expectShown(): Promise<void> {
  const plan = await stage.edge.quietly("plan");
  expect(plan).toMatchObject({ status: 0, stdout: expect.stringContaining("nothing to do") });
}

/** Waits until another revision than the one before is in the maps. */
async function changed(change: () => Promise<unknown>): Promise<void> {
  const before = (await daemon.inSync()).applied?.revision;
  await change();
  await daemon.reaches(
    "at another revision",
    ({ state, applied }) => state === "in sync" && applied?.revision !== before,
  );
  await expectShown();
}

const withTtl = (ttl: number) => original().replace("ttl: 64", `ttl: ${ttl}`);
const replace = async (text: string) => {
  await writeFile(`${stage.edge.state}.new`, text);
  await rename(`${stage.edge.state}.new`, stage.edge.state);
};

describe("a document that changes", () => {
  it("was applied from nothing", expectShown);

  it("is applied when it is replaced, and when it is edited in place", async () => {
    await changed(() => replace(withTtl(60)));
    await changed(() => writeFile(stage.edge.state, withTtl(61)));
    await changed(() => appendFile(stage.edge.state, "  initech: {vni: 300}\n"));
    await changed(() => replace(original()));
  });

  it.each([
    ["broken", () => original().replace("vni: 100", "vni: 0"), /state\.yaml:\d+:\d+: tenants\.acme\.vni: /],
    ["cut short", () => original().slice(0, original().indexOf("tenants:") + 12), /state\.yaml:\d+:\d+: /],
    ["emptied", () => "", /the document is empty/],
  ])("is reported by its place when it is %s, and changes nothing", async (_, text, place) => {
    await replace(text());
    const { source, applied } = await daemon.reaches("told of it", ({ source }) => source.error !== undefined);
    expect(source.error?.message).toMatch(place);
    expect(applied?.revision).toBe(source.revision);
    expect(daemon.log.at(-1)).toMatchObject({ level: "error", code: "DOCUMENT_INVALID", error: source.error?.message });
    expect(await stage.edge.quietly("status")).toMatchObject({ status: 1, stdout: expect.stringMatching(place) });
    await replace(original());
    await daemon.inSync();
    await expectShown();
  });

  it("is reported when it is gone, and changes nothing", async () => {
    await rm(stage.edge.state);
    const { source } = await daemon.reaches("told of it", ({ source }) => source.error !== undefined);
    expect(source.error).toMatchObject({ code: "DOCUMENT_UNREADABLE" });
    await stage.edge.write(original());
    await daemon.inSync();
    await expectShown();
  });

  it("is refused when it lacks more than half, until that is allowed", async () => {
    await writeFile(stage.edge.state, "version: 1\nedge: {address: 10.2.0.1}\n");
    const { failure, applied } = await daemon.reaches("refusing it", ({ state }) => state === "refused");
    expect(failure).toMatchObject({ code: "MASS_DELETE" });
    expect(failure?.message).toMatch(/2 of 2 servers, 1 of 1 gateways, 1 of 1 tenants, .*6 of 6 vms/);
    expect(failure?.revision).not.toBe(applied?.revision);
    expect((await ping(customer(), "172.16.0.1", { count: 3 })).received).toBe(3);
    await replace(original());
    await daemon.inSync();
    await expectShown();

    const half = original().replace(/ {6}172\.16\.0\.[1356]: .*\n/g, "");
    await replace(half);
    await daemon.reaches("refusing it", ({ state }) => state === "refused");
    const refused = await stage.edge.quietly("apply");
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining("4 of 6 vms would go at once") });
    expect(await stage.edge.run("apply", "--allow-mass-delete")).toContain("4 removed");
    await expectShown();
    await changed(() => replace(original()));
  });

  it("is refused when it does not fit, and taken when it does", async () => {
    // Of two sets that fit each, not both: new objects are made before old ones go.
    const crowded = (letter: string) => {
      const profiles = Array.from({ length: 700 }, (_, n) => `  ${letter}${n}: {ttl: 32}\n`).join("");
      return original().replace("profiles:\n", `profiles:\n${profiles}`);
    };
    await changed(() => replace(crowded("a")));
    await replace(crowded("b"));
    const { failure } = await daemon.reaches("refusing it", ({ state }) => state === "refused");
    expect(failure).toMatchObject({
      code: "TABLE_FULL",
      message: expect.stringContaining("plan profiles: no free index"),
    });
    await replace(original());
    await daemon.inSync();
    await expectShown();
  });
});

describe("commands beside a daemon", () => {
  it("write the document, and the daemon the maps", async () => {
    const set = await stage.edge.run("vm", "set", "acme", "172.16.0.1", "--server", "s2");
    expect(set).toMatch(/^the daemon applied revision [0-9a-f]{16}: 0 added, 1 changed, 0 removed; \d+ rows? written/);
    expect(await readFile(stage.edge.state, "utf8")).toMatch(/172\.16\.0\.1: .*s2/);
    await expectShown();
    expect(await stage.edge.run("vm", "set", "acme", "172.16.0.1", "--server", "s1")).toContain("1 changed");
    expect(await stage.edge.run("apply")).toContain("0 rows written");
    const refused = await stage.edge.quietly("vm", "set", "acme", "172.16.0.1", "--server", "s9");
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/state\.yaml:.*s9/) });
    await expectShown();
  });

  it("may delete what is named, however much of a table that is", async () => {
    await changed(() => appendFile(stage.edge.state, "  initech: {vni: 300}\n"));
    expect(await stage.edge.run("tenant", "delete", "initech")).toContain("1 removed");
    expect(await stage.edge.run("tenant", "set", "initech", "--vni", "300")).toContain("1 added");
    expect(await stage.edge.run("tenant", "delete", "initech")).toContain("1 removed");
    await expectShown();
  });

  it("are refused what would be undone", async () => {
    const other = `${stage.edge.state}.other`;
    await writeFile(other, original());
    const apply = await stage.edge.quietly("apply", other);
    expect(apply).toMatchObject({ status: 1, stderr: expect.stringContaining("[DAEMON_RUNNING]") });
    const set = await stage.edge.quietly("tenant", "set", "x", "--vni", "5", "--state", other);
    expect(set).toMatchObject({ status: 1, stderr: expect.stringContaining("[DAEMON_RUNNING]") });
    expect(await readFile(other, "utf8")).toBe(original());
    const detach = await stage.edge.quietly("detach", "--all");
    expect(detach).toMatchObject({ status: 1, stderr: expect.stringContaining("[DAEMON_RUNNING]") });
  });

  it("take the writer's lock that it does not hold, and are followed by its next pass", async () => {
    expect(await stage.edge.run("attach", "e0", "--role", "both")).toContain("e0: updated");
    await until("the daemon made it what the document says", async () =>
      (await stage.edge.quietly("plan")).status === 0 ? true : undefined,
    );
    expect(daemon.log.some(({ msg, reason }) => msg === "applied" && reason === "resync")).toBe(true);
  }, 120_000);
});

describe("the underlay", () => {
  it("is followed: a neighbour with another MAC, and one that has to be asked for", async () => {
    const edge = stage.lab.namespace("edge");
    const servers = () => stage.edge.run("show", "servers");
    const wrong = "02:de:ad:00:00:01";
    await ip(edge, `neigh replace 10.2.0.2 lladdr ${wrong} dev e1 nud reachable`);
    await until("the new MAC is in the maps", async () => ((await servers()).includes(wrong) ? true : undefined));
    await ip(edge, "neigh del 10.2.0.2 dev e1");
    await until("the right one is back", async () => ((await servers()).includes(wrong) ? undefined : true));
    expect(daemon.log.filter(({ msg, reason }) => msg === "applied" && reason === "underlay").length).toBeGreaterThan(
      0,
    );
    await expectShown();
  });
});

describe("a second daemon", () => {
  it("is refused, and leaves the first one alone", async () => {
    const second = new DaemonProcess(stage.edge, { socket: `${daemon.socket}.2` });
    expect(await second.ended()).toBe(1);
    expect(second.text.join("\n")).toMatch(
      new RegExp(
        `run the daemon of ${stage.edge.pinDirectory}: process ${daemon.pid} is it already \\[DAEMON_RUNNING\\]`,
      ),
    );
    const json = await stage.edge.json<{ pid: number; healthy: boolean; ready: boolean }>("status");
    expect(json).toMatchObject({ pid: daemon.pid, healthy: true, ready: true });
  });
});

describe("signals", () => {
  it("HUP reads again", async () => {
    daemon.child.kill("SIGHUP");
    await until("it says so", () => daemon.log.find(({ msg }) => msg.startsWith("reload")));
    await daemon.inSync();
  });

  it.each(["SIGTERM", "SIGINT"] as const)("%s ends it with status 0, and everything goes on", async (signal) => {
    expect(await daemon.end(signal)).toBe(0);
    expect(await stage.edge.quietly("status")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("[DAEMON_SILENT]"),
    });
    await expectShown();
    expect(await stage.edge.run("vm", "set", "acme", "172.16.0.2", "--server", "s1")).not.toContain("daemon");
    daemon = new DaemonProcess(stage.edge);
    const { applied } = await daemon.inSync();
    expect(applied?.rows).toBe(0);
  });
});

describe("packets", () => {
  it("were all delivered meanwhile", async () => {
    const { sent, lost, duplicates } = await running.end();
    expect(sent).toBeGreaterThan(100);
    expect({ lost, duplicates }).toEqual({ lost: [], duplicates: 0 });
  });
});
