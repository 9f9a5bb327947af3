// A build with other layouts takes an edge over, and the one before takes it back, while a customer's packets are counted by their
// numbers; and whoever does it may be killed anywhere.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { executeIn } from "../../lab/network.ts";
import { ping, ROOT, startPing } from "../../lab/traffic.ts";
import { BpfMap } from "../../src/bpf/map.ts";
import { PinDirectory } from "../../src/dataplane/index.ts";
import { layoutOf } from "../../src/dataplane/pinned-maps.ts";
import { type Call, runTraced } from "../support/killed.ts";
import { useStage } from "../support/lab.ts";
import { compileAfter } from "../support/layout-variants.ts";
import type { Build } from "../support/packet-mutant-build.ts";

const stage = useStage();
const customer = () => stage.lab.namespace("customer");
const OURS = join(ROOT, "build/bpf/unum.bpf.o");

let after: Build;
beforeAll(async () => {
  after = await compileAfter();
});
afterAll(() => after?.remove());

const takeOver = (object: string) => [
  process.execPath,
  join(ROOT, "test/support/migrate.mjs"),
  stage.edge.pinDirectory,
  object,
];

async function taken(object: string): Promise<void> {
  const { status, stderr } = await executeIn(stage.edge.namespace, takeOver(object));
  expect([status, stderr]).toEqual([0, ""]);
}

/** Packets that the edge ever received, as the pinned map has them, whatever its layout is. */
function received(): bigint {
  const map = BpfMap.openPinned(new PinDirectory(stage.edge.pinDirectory).map("packet_counters"));
  try {
    const codec = layoutOf(map).codec("packet_counters");
    const bytes = map.lookup(new Uint8Array(4)) as Uint8Array;
    let sum = 0n;
    for (let at = 0; at < bytes.length; at += codec.size)
      sum += (codec.decode(bytes, at) as { received: bigint }).received;
    return sum;
  } finally {
    map.close();
  }
}

/** Looks at a sum until it is stopped: how often it went back. */
function watchSum(read: () => bigint): { stop(): { reads: number; back: number } } {
  let [last, reads, back] = [0n, 0, 0];
  const timer = setInterval(() => {
    const now = read();
    reads++;
    if (now < last) back++;
    last = now;
  }, 1);
  return {
    stop() {
      clearInterval(timer);
      return { reads, back };
    },
  };
}

/** What is behind a run of updates of maps that nobody sees yet is behind each of them: its first and its last are enough. */
function telling(changes: readonly Call[]): readonly Call[] {
  const isUpdate = (call: Call | undefined) => call?.text.startsWith("bpf(BPF_MAP_UPDATE") ?? false;
  return changes.filter((call, at) => !(isUpdate(call) && isUpdate(changes[at - 1]) && isUpdate(changes[at + 1])));
}

describe("a build with other layouts", () => {
  it("takes over under traffic, and back, and neither a packet nor a count of one is lost", {
    timeout: 120_000,
  }, async () => {
    expect((await ping(customer(), "172.16.0.4", { count: 3 })).received).toBeGreaterThan(1);
    const meter = await stage.edge.meter();
    const running = await startPing(customer(), "172.16.0.4", 1);
    const sum = watchSum(received);
    for (let round = 0; round < 4; round++) {
      await taken(after.object);
      await taken(OURS);
    }
    const { reads, back } = sum.stop();
    const result = await running.end();
    expect(result).toMatchObject({ lost: [], duplicates: 0 });
    expect(result.sent).toBeGreaterThan(1000);
    expect([reads > 100, back]).toEqual([true, 0]);
    const { txPackets, rxPackets } = (await meter())("s2");
    // The last one of those sent may be on its way.
    expect(Math.abs(txPackets - result.sent)).toBeLessThan(2);
    expect(Math.abs(rxPackets - result.sent)).toBeLessThan(2);
    expect(await stage.edge.quietly("plan")).toMatchObject({ stdout: expect.stringContaining("nothing to do") });
  });

  it("that is killed at any step loses nothing, and either build carries on from there", {
    timeout: 900_000,
  }, async () => {
    const traced: (readonly Call[])[] = [];
    for (const object of [after.object, OURS]) {
      const { status, changes } = await runTraced(stage.edge.namespace, takeOver(object));
      expect(status).toBe(0);
      traced.push(telling(changes));
    }
    const builds = [after.object, OURS];
    // Pins of three programs and of each map, beside and in their places; two links; meta before, meanwhile and after.
    expect(Math.min(...traced.map(({ length }) => length))).toBeGreaterThan(35);
    const running = await startPing(customer(), "172.16.0.4", 2);
    // Up or down, whichever way there is to go from what the last step left.
    let [at, deaths, counted] = [1, 0, received()];
    const steps = Math.max(...traced.map(({ length }) => length));
    for (let step = 0; step < steps; step++) {
      const to = 1 - at;
      const call = traced[to]?.[step] ?? (traced[to]?.at(-1) as Call);
      const { status } = await runTraced(stage.edge.namespace, takeOver(builds[to] as string), call);
      if (status !== 0) deaths++;
      // Three times of four the one that died goes on, else the one before takes back what is there.
      at = step % 4 === 3 ? at : to;
      await taken(builds[at] as string);
      const now = received();
      expect(now, `killed at ${call.text}`).toBeGreaterThan(counted);
      counted = now;
      const pins = new PinDirectory(stage.edge.pinDirectory).pinnedMaps();
      const [beside, weather] = [pins.filter((name) => name.includes("~")), pins.includes("weather")];
      expect([beside, weather], `killed at ${call.text}`).toEqual([[], at === 0]);
    }
    // How many updates there are depends on what was counted meanwhile: the last numbers may be beyond the end.
    expect(deaths).toBeGreaterThan(0.9 * steps);
    await taken(OURS);
    expect(await stage.edge.quietly("plan")).toMatchObject({ stdout: expect.stringContaining("nothing to do") });
    expect(await running.end()).toMatchObject({ lost: [], duplicates: 0 });
  });
});
