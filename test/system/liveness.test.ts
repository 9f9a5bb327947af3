// Servers that are watched, with FRR's bfdd on them: sessions come up, fall when they must and not when this edge stood still, and
// packets go where somebody answers.

import { afterAll, afterEach, describe, expect, it } from "vitest";
import { documentOf, UNDERLAY } from "../../lab/plan.ts";
import type { Status } from "../../src/daemon/protocol.ts";
import { DaemonProcess } from "../support/daemon.ts";
import { Bfdd } from "../support/frr.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage(undefined, { apply: false });
const at = (name: string) => stage.lab.namespace(name);

let daemon: DaemonProcess | undefined;
const started: Bfdd[] = [];

afterEach(async () => {
  await daemon?.end("SIGKILL");
  daemon = undefined;
  for (const one of started.splice(0)) await one[Symbol.asyncDispose]();
  await stage.edge.quietly("detach", "--all");
});
afterAll(() => daemon?.end("SIGKILL"));

type Watched = "s1" | "s2" | "gw1";

function documentWith(bfd: string): string {
  return documentOf(stage.lab.tenants).replace("dscp: copy}", `dscp: copy, bfd: {${bfd}}}`);
}

async function bfdd(name: Watched, intervalMs: number, multihop = false): Promise<Bfdd> {
  const peer = { address: UNDERLAY.edge, local: UNDERLAY[name], intervalMs, multihop };
  const one = await Bfdd.start(at(name), [peer]);
  started.push(one);
  return one;
}

async function run(bfd: string): Promise<DaemonProcess> {
  await stage.edge.write(documentWith(bfd));
  daemon = new DaemonProcess(stage.edge);
  await daemon.inSync();
  return daemon;
}

const isDown = ({ liveness }: Status, name: string) => liveness.down.some(({ endpoint }) => endpoint === name);
const up = (names: readonly Watched[]) => (status: Status) =>
  status.liveness.up === names.length && names.every((name) => !isDown(status, name));

describe("sessions with FRR", () => {
  for (const [intervalMs, multihop] of [
    [25, false],
    [50, false],
    [300, false],
    [300, true],
  ] as const) {
    it(`come up at ${intervalMs} ms${multihop ? ", multihop" : ""}, and stay`, async () => {
      const s1 = await bfdd("s1", intervalMs, multihop);
      const running = await run(`interval: ${intervalMs}ms, multiplier: 3, multihop: ${multihop}`);
      await running.reaches("up with s1", up(["s1"]));
      await new Promise((resolve) => setTimeout(resolve, 2000));
      const [peer] = await s1.peers();
      expect(peer).toMatchObject({
        status: "up",
        "transmit-interval": intervalMs,
        "remote-transmit-interval": intervalMs,
      });
      const status = await running.status();
      expect(status.liveness).toMatchObject({ sessions: 3, up: 1, stale: 0, troubles: [], discards: {} });
      const servers = await stage.edge.json<{ name: string; state: string }[]>("show", "servers");
      expect(servers.map(({ name, state }) => `${name} ${state}`)).toEqual(["s1 up", "s2 unknown"]);
    });
  }
});
