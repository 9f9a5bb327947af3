// Paths that take their time, measured by the daemon with FRR's bfdd at the other end.

import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ip, runIn, spawnIn, stop } from "../../lab/network.ts";
import { documentOf, UNDERLAY } from "../../lab/plan.ts";
import { DaemonProcess, until } from "../support/daemon.ts";
import { Bfdd } from "../support/frr.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage(undefined, { apply: false });
const at = (name: string) => stage.lab.namespace(name);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let daemon: DaemonProcess | undefined;
let line: ReturnType<typeof spawnIn> | undefined;
const peers: Bfdd[] = [];

/** Puts a wire that takes its time between a server and the underlay's bridge. */
async function delayed(server: "s1", ms: number): Promise<void> {
  const underlay = at("underlay");
  await ip(
    underlay,
    "link add slow0 type veth peer name slow1",
    "link set slow1 master br0 up",
    "link set slow0 up",
    `link set to-${server} nomaster`,
  );
  const script = join(import.meta.dirname, "../support/delay-line.py");
  line = spawnIn(underlay, ["python3", script, `to-${server}`, "slow0", String(ms)]);
  if (line.stdout !== null) await once(line.stdout, "data");
}

beforeAll(async () => {
  await delayed("s1", 5);
  // With patience: the delay line is a script, and a machine may be busy.
  const patient = { address: UNDERLAY.edge, intervalMs: 300, multiplier: 30 };
  for (const name of ["s1", "s2", "gw1"] as const)
    peers.push(await Bfdd.start(at(name), [{ ...patient, local: UNDERLAY[name] }]));
  const text = documentOf(stage.lab.tenants);
  await stage.edge.write(text.replace("dscp: copy}", "dscp: copy, bfd: {interval: 300ms, multiplier: 30}}"));
  daemon = new DaemonProcess(stage.edge, { metrics: "127.0.0.1:9464" });
  await daemon.reaches("up with all", ({ liveness }) => liveness.up === 3);
});
afterAll(async () => {
  await daemon?.end("SIGKILL");
  for (const peer of peers) await peer[Symbol.asyncDispose]();
  if (line !== undefined) await stop(line);
});

interface Shown {
  readonly name: string;
  readonly rttUs?: number;
}

async function shown(): Promise<Readonly<Record<string, number>>> {
  const rows = [
    ...(await stage.edge.json<Shown[]>("show", "servers")),
    ...(await stage.edge.json<Shown[]>("show", "gateways")),
  ];
  return Object.fromEntries(rows.map(({ name, rttUs }) => [name, rttUs ?? -1]));
}

describe("round trips", () => {
  it("are measured to each endpoint, and shown", async () => {
    const times = await until("all are measured", async () => {
      const all = await shown();
      return Object.values(all).every((us) => us > 0) ? all : undefined;
    });
    // No sooner than the wire brings it; how much later is the machine's.
    expect(times.s1).toBeGreaterThanOrEqual(10_000);
    await until("each is what its wire is", async () => {
      const { s1 = 0, s2 = 0, gw1 = 0 } = await shown();
      return s1 < 25_000 && s2 < 5_000 && gw1 < 5_000;
    });
    const { paths } = await (daemon as DaemonProcess).status();
    expect(paths.map(({ endpoint }) => endpoint).sort()).toEqual(["gw1", "s1", "s2"]);
    const page = await runIn(at("edge"), ["curl", "-s", "http://127.0.0.1:9464/metrics"]);
    const seconds = Number(/^unum_endpoint_rtt_seconds\{endpoint="s1"\} (\S+)$/m.exec(page)?.[1]);
    expect(seconds).toBeGreaterThanOrEqual(0.01);
  });

  it("follow a path that becomes longer, while sessions stay up", async () => {
    line?.stdin?.write("20\n");
    await until("the longer one is seen", async () => ((await shown()).s1 as number) >= 40_000);
    // Polls that ask for nothing changed nothing.
    expect((await (peers[0] as Bfdd).peers())[0]).toMatchObject({ status: "up", "transmit-interval": 300 });
    line?.stdin?.write("0\n");
    await until("the shorter one is seen", async () => ((await shown()).s1 as number) < 5_000);
    await sleep(500);
    const { log } = daemon as DaemonProcess;
    expect(log.filter(({ msg }) => msg === "bfd: session down")).toEqual([]);
  });
});
