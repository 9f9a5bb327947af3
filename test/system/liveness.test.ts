// Servers that are watched, with FRR's bfdd on them: sessions come up, fall when they must and not when this edge stood still, and
// packets go where somebody answers. UNUM_LIVENESS_REPEATS: how often each way to die is tried, 3 times if not told, 50 with UNUM_LONG=1.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ip, type Namespace, runIn } from "../../lab/network.ts";
import { ACME, documentOf, UNDERLAY } from "../../lab/plan.ts";
import { attachVm } from "../../lab/topology.ts";
import { startStream } from "../../lab/traffic.ts";
import type { Status } from "../../src/daemon/protocol.ts";
import { DaemonProcess, until } from "../support/daemon.ts";
import { Bfdd } from "../support/frr.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage(undefined, { apply: false });
const at = (name: string) => stage.lab.namespace(name);
/** Then times are held against their bars. They are figures, which take a machine that does nothing else. */
const LONG = process.env.UNUM_LONG === "1";
const REPEATS = Number(process.env.UNUM_LIVENESS_REPEATS ?? (LONG ? 50 : 3));
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let daemon: DaemonProcess | undefined;
const started: Bfdd[] = [];

afterEach(async () => {
  await daemon?.end("SIGKILL");
  daemon = undefined;
  for (const one of started.splice(0)) await one[Symbol.asyncDispose]();
  // Whatever a test that failed left.
  await ip(at("underlay"), "link set to-s1 up");
  await ip(at("s1"), "link set vxlan100 up");
  await stage.edge.quietly("detach", "--all");
});
afterAll(() => daemon?.end("SIGKILL"));

type Watched = "s1" | "s2" | "gw1";

/** Who is to stay shall, on a machine that is busy, too. */
const CALM = "calm: {bfd: {interval: 300ms, multiplier: 5}}";

function documentWith(bfd: string, { calm = false } = {}): string {
  const text = documentOf(stage.lab.tenants);
  const others = calm
    ? text
        .replace(`address: ${UNDERLAY.s2}}`, `address: ${UNDERLAY.s2}, profile: calm}`)
        .replace(`address: ${UNDERLAY.gw1},`, `address: ${UNDERLAY.gw1}, profile: calm,`)
    : text;
  return others
    .replace("dscp: copy}", `dscp: copy, bfd: {${bfd}}}${calm ? `\n  ${CALM}` : ""}`)
    .replace(`address: ${UNDERLAY.s1}}`, `address: ${UNDERLAY.s1}, standby: s2}`);
}

async function bfdd(name: Watched, intervalMs: number, multihop = false): Promise<Bfdd> {
  const peer = { address: UNDERLAY.edge, local: UNDERLAY[name], intervalMs, multihop };
  const one = await Bfdd.start(at(name), [peer]);
  started.push(one);
  return one;
}

async function run(bfd: string, options = {}): Promise<DaemonProcess> {
  await stage.edge.write(documentWith(bfd, options));
  daemon = new DaemonProcess(stage.edge);
  await daemon.inSync();
  return daemon;
}

const isUp = (status: Status, name: Watched) =>
  status.liveness.sessions === 3 && !status.liveness.down.some(({ endpoint }) => endpoint === name);
const up =
  (...names: readonly Watched[]) =>
  (status: Status) =>
    names.every((name) => isUp(status, name));

/** What packets go by. */
async function states(): Promise<string> {
  const servers = await stage.edge.json<{ name: string; state: string }[]>("show", "servers");
  return servers.map(({ name, state }) => `${name} ${state}`).join(", ");
}
const reaches = (wanted: string) => until(`show servers says ${wanted}`, async () => (await states()) === wanted);

describe("sessions with FRR", () => {
  for (const [intervalMs, multihop] of [
    [25, false],
    [50, false],
    [300, false],
    [300, true],
  ] as const) {
    it(`come up at ${intervalMs} ms${multihop ? ", multihop" : ""}`, async () => {
      const s1 = await bfdd("s1", intervalMs, multihop);
      const running = await run(`interval: ${intervalMs}ms, multiplier: 3, multihop: ${multihop}`);
      await running.reaches("up with s1", up("s1"));
      // Slow at first, and then as fast as both said.
      await until("both have the interval", async () => {
        const [peer] = await s1.peers();
        return (
          peer?.status === "up" &&
          peer["transmit-interval"] === intervalMs &&
          peer["remote-transmit-interval"] === intervalMs
        );
      });
      // Nobody answers at s2: it is used for as long as it never did. A machine that is busy may keep bfdd from its 75 ms: only
      // slower sessions have to stay.
      if (intervalMs >= 300) await sleep(2000);
      await reaches("s1 up, s2 unknown");
      const { liveness } = await running.status();
      expect(liveness).toMatchObject({ sessions: 3, troubles: [], discards: {} });
      if (intervalMs >= 300) expect(running.log.filter(({ msg }) => msg === "liveness: stale")).toEqual([]);
    });
  }
});

/** Packets that a device of the VM's had received, and a signal at that moment. The shell does both itself: nothing is between them. */
function signalAfter(signal: "KILL" | "STOP", { pid }: Bfdd, vm: Namespace, device: string): Promise<number> {
  return seenBy(vm, device, `kill -${signal} ${pid}`);
}

async function seenBy(vm: Namespace, device: string, andThen = ":"): Promise<number> {
  const text = await runIn(vm, ["bash", "-c", `seen=$(</proc/net/dev); ${andThen}; echo "$seen"`]);
  return Number(new RegExp(`^ *${device}: *\\d+ +(\\d+)`, "m").exec(text)?.[1]);
}

/**
 * Ways for s1 to go, and back. `die` gives how many packets had come by way of s1 when it did; undefined: none comes that way any
 * more, and what is sent there until the edge knows is lost.
 */
interface Death {
  die(s1: Bfdd, vm: Namespace): Promise<number | undefined>;
  live(s1: Bfdd): Promise<void>;
}

const DEATHS: Readonly<Record<string, Death>> = {
  "its link is cut": {
    async die() {
      await ip(at("underlay"), "link set to-s1 down");
      return undefined;
    },
    live: () => ip(at("underlay"), "link set to-s1 up"),
  },
  "its bfdd is killed": {
    die: (s1, vm) => signalAfter("KILL", s1, vm, "eth-s1"),
    async live() {
      await bfdd("s1", 25);
    },
  },
  "its bfdd stands still": {
    die: (s1, vm) => signalAfter("STOP", s1, vm, "eth-s1"),
    live: async (s1) => s1.resume(),
  },
};

describe("a server that goes", () => {
  const INTERVAL_MS = 25;
  const PER_SECOND = 500;
  const LIMIT_MS = 3 * INTERVAL_MS + 20;
  const VM = "172.16.0.1";

  beforeAll(async () => {
    // Whoever takes over has the VM, too.
    await attachVm(stage.lab, ACME, VM, "s2");
  });

  for (const [how, { die, live }] of Object.entries(DEATHS)) {
    it(`has its packets on the standby: ${how}`, async () => {
      await bfdd("s1", INTERVAL_MS);
      await bfdd("s2", 300);
      await bfdd("gw1", 300);
      const running = await run(`interval: ${INTERVAL_MS}ms, multiplier: 3, holdDown: 100ms`, { calm: true });
      await running.reaches("up with all", up("s1", "s2", "gw1"));
      const outagesMs: number[] = [];
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        await reaches("s1 up, s2 up");
        const s1 = started.find(({ namespace, isAlive }) => isAlive && namespace === "s1") as Bfdd;
        const vm = stage.lab.vm(ACME, VM);
        const atFirst = await seenBy(vm, "eth-s1");
        const count = 3 * PER_SECOND;
        const traffic = await startStream(at("customer"), vm, VM, { count, perSecond: PER_SECOND });
        // The sender is a process that has to start.
        await until("packets flow", async () => (await seenBy(vm, "eth-s1")) > atFirst + PER_SECOND / 10);
        const before = await die(s1, vm);
        const { sent, received, missing, duplicates } = await traffic.end();
        expect(duplicates).toBe(0);
        // In one piece, and then all of them; none at all where s1 goes on delivering.
        expect(received + missing.length).toBe(sent);
        expect((missing.at(-1) ?? 0) - (missing[0] ?? 0)).toBeLessThanOrEqual(missing.length);
        if (before !== undefined) expect(missing).toEqual([]);
        const late = before === undefined ? missing.length : (await seenBy(vm, "eth-s1")) - before;
        expect(late).toBeGreaterThan(0);
        // It was before the end that others took over.
        expect(late).toBeLessThan(count / 2);
        outagesMs.push((late * 1000) / PER_SECOND);
        expect(await states()).toBe("s1 stale, s2 up");
        await live(s1);
      }
      outagesMs.sort((a, b) => a - b);
      console.log(`${how}: on the standby after ${outagesMs.join(", ")} ms`);
      if (LONG) expect(outagesMs.at(-1)).toBeLessThanOrEqual(LIMIT_MS);
      await reaches("s1 up, s2 up");
    });
  }
});

describe("an edge whose daemon", () => {
  it("stands still for five seconds takes nobody for dead, and goes on", async () => {
    for (const name of ["s1", "s2", "gw1"] as const) await bfdd(name, 50);
    const running = await run("interval: 50ms, multiplier: 3");
    await running.reaches("up with all", up("s1", "s2", "gw1"));
    await reaches("s1 up, s2 up");
    running.child.kill("SIGSTOP");
    await sleep(5000);
    expect(await states()).toBe("s1 up, s2 up");
    running.child.kill("SIGCONT");
    await running.reaches("up with all again", ({ liveness }) => liveness.up === 3);
    // Its peers had heard nothing, and said so: that is no news of theirs.
    await sleep(1000);
    const told = running.log.filter(({ msg }) => msg === "liveness: stale");
    expect(told).toEqual([]);
    expect(running.log.some(({ msg, excused }) => msg === "bfd: session down" && excused === true)).toBe(true);
    expect(await states()).toBe("s1 up, s2 up");
  });

  it("is dead leaves everything as it was, and goes on where it was when it is back", async () => {
    const s1 = await bfdd("s1", 1000);
    const running = await run("interval: 1s, multiplier: 8, holdDown: 0us");
    await running.reaches("up with s1", up("s1"));
    await running.reaches("heard by packets", ({ liveness }) => liveness.heardByPackets === 1);
    const before = (await s1.counters())["session-down"];
    await running.end("SIGKILL");
    // Its peer has a patience of eight seconds.
    daemon = new DaemonProcess(stage.edge);
    await daemon.reaches("up with s1 again", up("s1"));
    await sleep(3500);
    expect((await s1.counters())["session-down"]).toBe(before);
    expect(daemon.log.filter(({ msg }) => msg === "liveness: stale")).toEqual([]);

    await daemon.end("SIGKILL");
    await s1.kill();
    await sleep(4000);
    expect(await states()).toBe("s1 up, s2 unknown");
    // Whoever comes back gives it the time to answer, and no more.
    daemon = new DaemonProcess(stage.edge);
    await daemon.inSync();
    expect(await states()).toBe("s1 up, s2 unknown");
    await reaches("s1 stale, s2 unknown");
  });
});
