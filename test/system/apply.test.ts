import { rm } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { CLI, PIN_DIRECTORY } from "../../lab/edge.ts";
import { ip } from "../../lab/network.ts";
import { documentOf, GATEWAY_MAC } from "../../lab/plan.ts";
import { ping, startPing } from "../../lab/traffic.ts";
import { type Call, runTraced } from "../support/killed.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage();
const customer = () => stage.lab.namespace("customer");

/** Runs `unum apply`; with `killAt`, SIGKILL arrives as it enters that call. Says which calls change things. */
const applyTraced = (killAt?: Call) =>
  runTraced(stage.edge.namespace, [process.execPath, CLI, "apply", stage.edge.state], killAt);

/** The first apply after whatever happened converges; the one after has nothing to write. */
async function expectConverges(what: string): Promise<void> {
  const apply = await stage.edge.quietly("apply");
  expect(apply, what).toMatchObject({ status: 0 });
  const plan = await stage.edge.quietly("plan");
  expect(plan, what).toMatchObject({ status: 0, stdout: expect.stringContaining("nothing to do") });
}

const original = () => documentOf(stage.lab.tenants);

/** Differs from the lab's document in every kind of object, but not in what VM 172.16.0.4 on s2 needs. */
const other = () =>
  [
    ["profiles:\n", "profiles:\n  gold: {ttl: 32, dscp: 46}\n"],
    ["s1: {address: 10.2.0.2}", "s1: {address: 10.2.0.22, profile: gold, standby: s3}\n  s3: {address: 10.2.0.33}"],
    ["gateways:\n", `gateways:\n  gw2: {address: 10.2.0.99, mac: ${GATEWAY_MAC}}\n`],
    ["via: [gw1]", "via: [gw1, gw2]"],
    ["      172.16.0.1: {server: s1, mac: 02:00:00:00:00:01}\n", ""],
    ["172.16.0.2: {server: s1, mac: 02:00:00:00:00:02}", "172.16.9.9: {server: s1, mac: 02:00:00:00:09:09}"],
    ["172.16.0.3: {server: s1", "172.16.0.3: {server: s2"],
  ]
    .reduce((text, [from = "", to = ""]) => {
      if (!text.includes(from)) throw new Error(`edit the lab's document: it has no ${from}`);
      return text.replace(from, to);
    }, original())
    .concat("  initech: {vni: 300, vms: {172.16.0.4: {server: s1, mac: 02:00:00:00:00:44}}}\n");

// Their next hops resolve at once, so that no apply has to wait for them.
beforeAll(async () => {
  await ip(stage.lab.namespace("s1"), "address add 10.2.0.22/24 dev u0");
  await ip(stage.lab.namespace("s2"), "address add 10.2.0.33/24 dev u0");
  await ip(stage.lab.namespace("gw1"), "address add 10.2.0.99/24 dev u0");
});

describe("apply", () => {
  it("has nothing to do the second time", async () => {
    const plan = await stage.edge.quietly("plan");
    expect(plan).toMatchObject({ status: 0, stdout: expect.stringContaining("nothing to do") });
    expect(await stage.edge.run("apply")).toContain("nothing to do");
  });

  it("plans differences with exit status 3, and writes none of them", async () => {
    await stage.edge.write(original().replace("ttl: 64", "ttl: 63"));
    const plan = await stage.edge.quietly("plan");
    expect(plan).toMatchObject({ status: 3, stdout: expect.stringContaining("profile default") });
    await stage.edge.write(original());
    expect(await stage.edge.quietly("plan")).toMatchObject({ status: 0 });
  });

  const vm = "172.16.0.1: {server: s1, mac: 02:00:00:00:00:01}";
  it.each([
    ["an unknown key", "vni: 100", "vni: 100\n    colour: red"],
    ["a bad address", "s1: {address: 10.2.0.2}", "s1: {address: 10.2.0.256}"],
    ["VNI 0", "vni: 100", "vni: 0"],
    ["VNI 2^24", "vni: 100", "vni: 16777216"],
    ["a VM twice", vm, `${vm}\n      ${vm}`],
    ["a missing server", vm, vm.replace("s1", "s9")],
    ["a prefix with host bits", "172.16.0.0/12", "172.16.0.1/12"],
    ["broken YAML", "profiles:", "profiles: {"],
  ])("refuses %s by its place, and changes nothing", async (_, from, to) => {
    expect(original()).toContain(from);
    await stage.edge.write(original().replace(from, to));
    for (const command of ["check", "plan", "apply"]) {
      const refusal = await stage.edge.quietly(command);
      expect(refusal, command).toMatchObject({ status: 1, stdout: "" });
      expect(refusal.stderr, command).toMatch(/\/state\.yaml:\d+:\d+: /);
    }
    await stage.edge.write(original());
    expect(await stage.edge.quietly("plan")).toMatchObject({ status: 0 });
  });

  it("refuses arguments it does not have with exit status 2", async () => {
    expect(await stage.edge.quietly("apply", "--colour", "red")).toMatchObject({ status: 2, stdout: "" });
    expect(await stage.edge.quietly("vm", "set", "acme", "172.16.0.256", "--server", "s1")).toMatchObject({
      status: 2,
    });
  });
});

describe("apply, killed at any step", () => {
  let [kills, deaths] = [0, 0];
  /** Kills an apply of `document` as it enters a call; then one converges, and the one after has nothing to do. */
  async function killAndConverge(document: string, at: Call): Promise<void> {
    await stage.edge.write(document);
    const { status } = await applyTraced(at);
    kills++;
    if (status !== 0) deaths++;
    await expectConverges(`killed at ${at.text}`);
  }

  it("converges from one document to another while traffic goes on", { timeout: 900_000 }, async () => {
    await stage.edge.run("apply");
    expect((await ping(customer(), "172.16.0.4", { count: 3 })).received).toBeGreaterThan(1);
    const running = await startPing(customer(), "172.16.0.4", 5);
    const documents = [other(), original()];
    const calls: (readonly Call[])[] = [];
    for (const document of documents) {
      await stage.edge.write(document);
      const { status, changes } = await applyTraced();
      expect(status).toBe(0);
      expect(changes.length).toBeGreaterThan(5);
      calls.push(changes);
    }
    // There and back, each time killed at the next change. The shorter way is killed at its last one again.
    const [there = [], back = []] = calls;
    for (let step = 0; step < Math.max(there.length, back.length); step++) {
      await killAndConverge(documents[0] ?? "", there[step] ?? (there.at(-1) as Call));
      await killAndConverge(documents[1] ?? "", back[step] ?? (back.at(-1) as Call));
    }
    // What was freed by the apply before decides whether this one waits for it: some numbers may be beyond the last call.
    expect(deaths).toBeGreaterThan(0.7 * kills);
    expect(await running.end()).toMatchObject({ lost: [], duplicates: 0 });
  });

  it("converges from nothing", { timeout: 900_000 }, async () => {
    const forget = () => rm(PIN_DIRECTORY, { recursive: true });
    await forget();
    [kills, deaths] = [0, 0];
    const { status, changes } = await applyTraced();
    expect(status).toBe(0);
    expect(changes.length).toBeGreaterThan(40);
    for (const at of changes) {
      await forget();
      await killAndConverge(original(), at);
      expect((await ping(customer(), "172.16.0.4", { count: 3 })).received, `killed at ${at.text}`).toBeGreaterThan(1);
    }
    expect(deaths).toBe(kills);
  });
});
