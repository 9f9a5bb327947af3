// Endpoints that are taken out and put back while packets flow: counted by sequence numbers, none is lost.

import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { ip } from "../../lab/network.ts";
import { ACME, documentOf, GATEWAY_MAC, UNDERLAY } from "../../lab/plan.ts";
import { attachVm } from "../../lab/topology.ts";
import { type RunningStream, startStream } from "../../lab/traffic.ts";
import { DaemonProcess, until } from "../support/daemon.ts";
import { Bfdd } from "../support/frr.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage(undefined, { apply: false });
const at = (name: string) => stage.lab.namespace(name);
const VM = "172.16.0.1";
/** In no document: reached by the route. */
const HIDDEN = "172.16.0.7";
const REPEATS = 2;

/** s2 takes over from s1; gw2 is a gateway at another address of gw1's machine. */
function document({ bfd = "" } = {}): string {
  return documentOf(stage.lab.tenants)
    .replace("dscp: copy}", `dscp: copy${bfd}}`)
    .replace(`address: ${UNDERLAY.s1}}`, `address: ${UNDERLAY.s1}, standby: s2}`)
    .replace("\ntenants:", `\n  gw2: {address: 10.2.0.19, mac: ${GATEWAY_MAC}}\ntenants:`)
    .replace("via: [gw1]", "via: [gw1, gw2]");
}

interface Shown {
  readonly name: string;
  readonly state: string;
}
async function states(): Promise<string> {
  const all = [
    ...(await stage.edge.json<Shown[]>("show", "servers")),
    ...(await stage.edge.json<Shown[]>("show", "gateways")),
  ];
  return all.map(({ name, state }) => `${name} ${state}`).join(", ");
}

const toVm = (address: string) =>
  startStream(at("customer"), stage.lab.vm(ACME, address), address, { count: 50_000, perSecond: 1000, flows: 32 });

/** Drains and undrains while the stream runs; each time, packets are seen to have moved. */
async function backAndForth(kind: "server" | "gateway", name: string, other: string): Promise<void> {
  const txOf = async () => {
    const meter = await stage.edge.meter();
    await sleep(100);
    const counted = await meter();
    return { own: counted(name).txPackets, other: counted(other).txPackets };
  };
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    await stage.edge.run(kind, "drain", name);
    const drained = await txOf();
    expect(drained.own).toBe(0);
    expect(drained.other).toBeGreaterThan(20);
    await stage.edge.run(kind, "undrain", name);
    await until(`${name} has packets again`, async () => (await txOf()).own > 10);
  }
}

async function lossless(running: RunningStream): Promise<void> {
  const { sent, received, missing, duplicates } = await running.end();
  expect(sent).toBe(50_000);
  expect({ received, missing, duplicates }).toEqual({ received: sent, missing: [], duplicates: 0 });
}

let daemon: DaemonProcess | undefined;
const peers: Bfdd[] = [];

beforeAll(async () => {
  // Whoever takes over has the VM, too.
  await attachVm(stage.lab, ACME, VM, "s2");
  await ip(at("gw1"), "address add 10.2.0.19/24 dev u0");
});
afterEach(async () => {
  await daemon?.end("SIGKILL");
  daemon = undefined;
  for (const peer of peers.splice(0)) await peer[Symbol.asyncDispose]();
  await stage.edge.quietly("detach", "--all");
});

describe("an endpoint that is drained and undrained under traffic loses no packet:", () => {
  it("a server with a standby, by the command alone", async () => {
    await stage.edge.write(document());
    await stage.edge.run("apply");
    const running = await toVm(VM);
    await backAndForth("server", "s1", "s2");
    await lossless(running);
  });

  it("a gateway of two, which leaves its group", async () => {
    await stage.edge.write(document());
    await stage.edge.run("apply");
    const running = await toVm(HIDDEN);
    await backAndForth("gateway", "gw1", "gw2");
    await lossless(running);
  });

  it("a server that is watched, whose peer is told when its packets have gone", async () => {
    for (const name of ["s1", "s2"] as const) {
      const peer = { address: UNDERLAY.edge, local: UNDERLAY[name], intervalMs: 300, multiplier: 10 };
      peers.push(await Bfdd.start(at(name), [peer]));
    }
    const [s1] = peers as [Bfdd];
    await stage.edge.write(document({ bfd: ", bfd: {interval: 300ms, multiplier: 10, holdDown: 200ms}" }));
    daemon = new DaemonProcess(stage.edge);
    await daemon.reaches("up with both", ({ liveness }) => liveness.up === 2);
    await until("both are used as up", async () => (await states()).startsWith("s1 up, s2 up"));
    const running = await toVm(VM);
    for (let repeat = 0; repeat < 2; repeat++) {
      await stage.edge.run("server", "drain", "s1");
      expect(await states()).toContain("s1 admin-down, s2 up");
      await until("its peer knows", async () => (await s1.peers())[0]?.status === "down");
      expect((await s1.peers())[0]?.["remote-diagnostic"]).toBe("administratively down");
      expect(await daemon.status()).toMatchObject({ drained: ["s1"], liveness: { up: 1, drained: 1, stale: 0 } });
      const { stderr } = await stage.edge.quietly("server", "undrain", "s1");
      // Nothing need be said when it is up by then.
      if (stderr !== "") expect(stderr).toContain("s1 is watched: it is used when its BFD session is up");
      await until("it is used again", async () => (await states()).startsWith("s1 up"));
    }
    await lossless(running);
    expect(daemon.log.filter(({ msg }) => msg === "liveness: stale")).toEqual([]);
  });
});

describe("unum server drain", () => {
  it("says where VMs would go, and refuses to leave one without a path", async () => {
    await stage.edge.write(
      document()
        .replace("via: [gw1, gw2]", "via: [gw1]")
        .replace(/gw2: .*/, ""),
    );
    await stage.edge.run("apply");
    expect(await stage.edge.run("server", "drain", "s1", "--dry-run")).toBe("3 VMs: to s2\n");
    expect(await stage.edge.run("server", "drain", "s2", "--dry-run")).toBe("3 VMs: by the route to gw1\n");
    expect(await stage.edge.run("gateway", "drain", "gw1", "--dry-run")).toBe("route acme 172.16.0.0/12: no path\n");
    const refused = await stage.edge.quietly("gateway", "drain", "gw1");
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("drain gw1: 1 route would have no path");
    expect(await states()).toBe("s1 unknown, s2 unknown, gw1 unknown");
    await stage.edge.run("gateway", "drain", "gw1", "--force");
    expect(await states()).toBe("s1 unknown, s2 unknown, gw1 admin-down");
    // With the gateway out, the route is no way any more; what is drained stays so through an apply.
    const next = await stage.edge.quietly("server", "drain", "s2");
    expect(next.stderr).toContain("drain s2: 3 VMs would have no path");
    expect(await stage.edge.run("apply")).toContain("nothing to do");
    await stage.edge.run("gateway", "undrain", "gw1");
    expect(await states()).toBe("s1 unknown, s2 unknown, gw1 unknown");
    const missing = await stage.edge.quietly("server", "drain", "s9");
    expect(missing.stderr).toContain("has none of this name");
  });
});
