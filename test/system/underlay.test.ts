// The underlay changes under a daemon, and under a stream of numbered packets: a server gets another MAC, another way to it comes and
// goes. What is lost is what was on its way when the old way ended.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, ip, runIn, sysctl } from "../../lab/network.ts";
import { ACME, UNDERLAY } from "../../lab/plan.ts";
import { ping, startStream } from "../../lab/traffic.ts";
import { DaemonProcess, until } from "../support/daemon.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage(undefined, { apply: false });
const edge = () => stage.lab.namespace("edge");
const server = () => stage.lab.namespace("s1");
const customer = () => stage.lab.namespace("customer");
const VM = "172.16.0.1";

interface Hop {
  readonly interface: string;
  readonly nextHop: string;
}

let daemon: DaemonProcess;
beforeAll(async () => {
  daemon = new DaemonProcess(stage.edge);
  await daemon.inSync();
  expect((await ping(customer(), VM, { count: 3 })).received).toBeGreaterThan(0);
});
afterAll(async () => {
  await daemon?.end("SIGKILL");
});

/** The way to s1, as the maps have it. */
async function hop(): Promise<Hop> {
  const servers = await stage.edge.json<(Hop & { name: string })[]>("show", "servers");
  return servers.find(({ name }) => name === "s1") as Hop;
}

const PER_SECOND = 1000;
const SECONDS = 4;

/** Numbers of packets that were lost while `act` ran. */
async function lostDuring(act: () => Promise<void>): Promise<number> {
  const vm = stage.lab.vm(ACME, VM);
  const sentSoFar = await stage.edge.meter();
  const running = await startStream(customer(), vm, VM, { count: PER_SECOND * SECONDS, perSecond: PER_SECOND });
  await until("packets flow", async () => ((await sentSoFar())("s1").txPackets > 100 ? true : undefined));
  await act();
  const { sent, received, duplicates } = await running.end();
  expect(duplicates).toBe(0);
  expect(received).toBeGreaterThan(PER_SECOND);
  return sent - received;
}

describe("a server with another MAC", () => {
  it("is sent to at its new one as soon as it says so", async () => {
    const mac = "02:de:ad:00:00:02";
    await sysctl(server(), 1, "ipv4/conf/u0/arp_notify");
    const lost = await lostDuring(async () => {
      await ip(server(), `link set u0 address ${mac}`);
      await until("the maps have the new MAC", async () => ((await hop()).nextHop === mac ? true : undefined));
    });
    console.log(`  another MAC: ${lost} of ${PER_SECOND} packets a second lost`);
    // A machine may be busy; without notice of the kernel's it would be seconds.
    expect(lost).toBeLessThan(PER_SECOND);
    expect(daemon.log.some(({ msg, reason }) => msg === "applied" && reason === "underlay")).toBe(true);
  });
});

describe("another way to a server", () => {
  beforeAll(async () => {
    await connect(
      { namespace: edge(), name: "e3", address: "10.3.0.1/24" },
      { namespace: server(), name: "u3", address: "10.3.0.2/24", gro: true },
    );
  });

  it("is taken when a route leads there, and nothing is lost", async () => {
    const lost = await lostDuring(async () => {
      await ip(edge(), `route replace ${UNDERLAY.s1}/32 via 10.3.0.2 dev e3`);
      await until("packets take it", async () => ((await hop()).interface === "e3" ? true : undefined));
    });
    expect(lost).toBe(0);
  });

  // Where the kernel is told to: its default is to go on using a route whose link has no carrier.
  it.each([
    ["goes down", "edge", "e3"],
    ["loses its carrier", "server", "u3"],
  ] as const)("is left when its link %s", async (_, side, device) => {
    await sysctl(edge(), 1, "ipv4/conf/all/ignore_routes_with_linkdown");
    const at = side === "edge" ? edge() : server();
    const lost = await lostDuring(async () => {
      await ip(at, `link set ${device} down`);
      await until("packets take the old way", async () => ((await hop()).interface === "e1" ? true : undefined));
    });
    console.log(`  a link that ${_}: ${lost} of ${PER_SECOND} packets a second lost`);
    expect(lost).toBeLessThan(PER_SECOND);
    await ip(at, `link set ${device} up`);
    await ip(edge(), `route replace ${UNDERLAY.s1}/32 via 10.3.0.2 dev e3`);
    await until("packets take it again", async () => ((await hop()).interface === "e3" ? true : undefined));
  });

  it("is not taken while nobody answers there", async () => {
    await ip(edge(), `route del ${UNDERLAY.s1}/32`);
    await until("packets take the old way", async () => ((await hop()).interface === "e1" ? true : undefined));
    const lost = await lostDuring(async () => {
      await ip(edge(), `route replace ${UNDERLAY.s1}/32 via 10.3.0.7 dev e3`);
      const asked = async (): Promise<true | undefined> =>
        (await runIn(edge(), ["ip", "neigh", "show", "10.3.0.7"])).includes("FAILED") ? true : undefined;
      await until("the neighbour was asked for", asked);
    });
    expect(lost).toBe(0);
    expect((await hop()).interface).toBe("e1");
    await ip(edge(), "link del e3");
  });

  it("leaves the maps as the document and the kernel say", async () => {
    await until("there is nothing to do", async () =>
      (await stage.edge.quietly("plan")).status === 0 ? true : undefined,
    );
  });
});
