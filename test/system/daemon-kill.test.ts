// `unum run` killed with SIGKILL: a hundred times at random, and once at each system call by which a pass changes something. A
// customer's packets are counted by their numbers all the while, and the next start shows exactly what the document says.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ip, spawnIn, stop } from "../../lab/network.ts";
import { documentOf } from "../../lab/plan.ts";
import { ping, ROOT, startPing } from "../../lab/traffic.ts";
import { chance } from "../support/chance.ts";
import { DaemonProcess, until } from "../support/daemon.ts";
import { attached, type Call, changesOf } from "../support/killed.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage(undefined, { apply: false });
const customer = () => stage.lab.namespace("customer");
const original = () => documentOf(stage.lab.tenants);

/** Differs in many objects, and not in what VM 172.16.0.4 on s2 needs. */
const other = () =>
  original()
    .replace("ttl: 64", "ttl: 33")
    .replace("172.16.0.3: {server: s1", "172.16.0.3: {server: s2")
    .replace(/ {6}172\.16\.0\.1: .*\n/, "")
    .concat("  initech: {vni: 300, vms: {172.16.0.4: {server: s1, mac: 02:00:00:00:00:44}}}\n");

/** Makes a pass do everything that passes do: another port, other programs, larger tables. */
const everything = () =>
  other()
    .replace("edge:\n", "edge:\n  capacity: {vms: 2048, vmsMax: 2048, vms6: 2048, vms6Max: 2048}\n")
    .replace("  interfaces:\n", "  interfaces:\n    - {name: x0, role: access}\n")
    .replace("initech: {vni: 300,", "initech: {vni: 300, policy: direct-only,");
/** The way back from that. */
const nothing = () =>
  original().replace("edge:\n", "edge:\n  capacity: {vms: 1024, vmsMax: 1024, vms6: 1024, vms6Max: 1024}\n");

const STANDBY = join(ROOT, "test/support/standby.mjs");

let daemon: DaemonProcess | undefined;
let standby: DaemonProcess | undefined;
let planner: ChildProcess;
let plans: AsyncIterator<string>;
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "unum-kill-"));
  await ip(stage.edge.namespace, "link add x0 type veth peer name x1", "link set x0 up", "link set x1 up");
  const script = [join(ROOT, "test/support/planner.mjs"), stage.edge.pinDirectory, join(ROOT, "build/bpf/unum.bpf.o")];
  planner = spawnIn(stage.edge.namespace, [process.execPath, ...script]);
  plans = createInterface({ input: planner.stdout ?? process.stdin })[Symbol.asyncIterator]();
});
afterEach(async () => {
  await daemon?.end("SIGKILL");
});
afterAll(async () => {
  await standby?.end("SIGKILL");
  if (planner) await stop(planner);
  await rm(scratch, { recursive: true, force: true });
});

/** Begins to run one, and has the next one stand by: the other processor is free for that. */
async function begin(): Promise<DaemonProcess> {
  const next = standby ?? new DaemonProcess(stage.edge, { cli: STANDBY });
  daemon = next;
  await until("the next daemon stands by", () => next.log.length > 0 || undefined);
  next.child.kill("SIGUSR2");
  standby = new DaemonProcess(stage.edge, { cli: STANDBY });
  return next;
}

async function start(): Promise<void> {
  await (await begin()).inSync();
}

async function replace(text: string): Promise<void> {
  await writeFile(`${stage.edge.state}.new`, text);
  await rename(`${stage.edge.state}.new`, stage.edge.state);
}

/** Replaces the document, and waits until the daemon shows it. */
async function changed(text: string): Promise<void> {
  const before = (await daemon?.status())?.applied?.revision;
  await replace(text);
  await daemon?.reaches("changed", ({ state, applied }) => state === "in sync" && applied?.revision !== before);
}

/** The maps show the document as it is now. */
async function expectShown(what: string): Promise<void> {
  planner.stdin?.write(`${stage.edge.state}\n`);
  const { value } = await plans.next();
  expect(value, what).toBe('"nothing to do"');
}

/** Under strace from now on, until it ends; with `killAt`, it ends there. */
async function attach(log: string, killAt?: Call): Promise<ChildProcess> {
  const [command = "", ...args] = attached(log, daemon?.pid ?? 0, killAt);
  const strace = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  const lines = createInterface({ input: strace.stderr as NodeJS.ReadableStream });
  for await (const line of lines) if (line.includes("attached")) return strace;
  throw new Error("attach strace to the daemon: it ended");
}

describe("kill -9", () => {
  it("at 100 random times loses nothing, and the next start converges", { timeout: 900_000 }, async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
    console.log(`daemon-kill: SEED=${seed}`);
    const random = chance(seed);
    await start();
    expect((await ping(customer(), "172.16.0.4", { count: 3 })).received).toBeGreaterThan(0);
    const running = await startPing(customer(), "172.16.0.4", 10);
    for (let round = 0; round < 100; round++) {
      // One that runs is killed around a change; every eighth one while it starts, with a change to do.
      const starting = round % 8 === 0;
      if (starting) {
        await daemon?.end("SIGKILL");
        await begin();
      }
      await replace(round % 2 === 0 ? other() : original());
      await sleep(random() * (starting ? 500 : 100));
      expect(await daemon?.end("SIGKILL"), `SEED=${seed}, round ${round}`).toBe("SIGKILL");
      await start();
      await expectShown(`SEED=${seed}, round ${round}`);
    }
    const { sent, lost, duplicates } = await running.end();
    expect(sent).toBeGreaterThan(1000);
    expect({ lost, duplicates }, `SEED=${seed}`).toEqual({ lost: [], duplicates: 0 });
  });

  it("at each change that a pass makes loses nothing, and the next start converges", { timeout: 900_000 }, async () => {
    await replace(nothing());
    await start();
    const documents = [everything(), nothing()] as const;
    const log = join(scratch, "log");
    /** Calls of a pass to each document from the other one. */
    const calls: (readonly Call[])[] = [];
    for (const document of documents) {
      const strace = await attach(log);
      const ended = once(strace, "exit");
      await changed(document);
      strace.kill("SIGTERM");
      await ended;
      calls.push(changesOf(await readFile(log, "utf8")));
      await expectShown("traced");
    }
    const [there = [], back = []] = calls;
    // A link made and pinned, and taken away; programs and tables exchanged; rows of maps that are no array.
    const kinds = new Set([...there, ...back].map(({ text }) => /^(?:bpf\(BPF_\w+|\w+)/.exec(text)?.[0]));
    for (const kind of ["LINK_CREATE", "LINK_UPDATE", "LINK_DETACH", "OBJ_PIN", "MAP_UPDATE_ELEM", "MAP_DELETE_ELEM"])
      expect([...kinds]).toContain(`bpf(BPF_${kind}`);
    for (const kind of ["rename", "unlink", "membarrier"]) expect([...kinds]).toContain(kind);

    const running = await startPing(customer(), "172.16.0.4", 5);
    const steps = 2 * Math.max(there.length, back.length);
    let deaths = 0;
    for (let step = 0; step < steps; step++) {
      // There and back by turns: what the next start does is the rest of the way.
      const way = step % 2 === 0 ? there : back;
      const call = (way[step >> 1] ?? way.at(-1)) as Call;
      const strace = await attach(log, call);
      const ended = once(strace, "exit");
      await Promise.race([changed(documents[step % 2] as string).catch(() => {}), daemon?.ended()]);
      if (daemon?.child.signalCode === "SIGKILL") deaths++;
      await daemon?.end("SIGKILL");
      await ended;
      await start();
      await expectShown(`killed at ${call.text}`);
    }
    console.log(`daemon-kill: ${deaths} deaths in ${steps} steps`);
    expect(deaths).toBeGreaterThan(0.9 * steps);
    expect(await running.end()).toMatchObject({ lost: [], duplicates: 0 });
  });
});
