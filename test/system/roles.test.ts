import { beforeAll, describe, expect, it } from "vitest";
import type { Traffic } from "../../lab/edge.ts";
import { ip } from "../../lab/network.ts";
import { ping, traceroute } from "../../lab/traffic.ts";
import { dropsWhile, expectPings, expectTransfers, hostOf, useFabric, warmUp } from "../support/fabric.ts";
import {
  buildRoles,
  CUSTOMER,
  documentsFor,
  EDGE_ROUTER,
  GATEWAY_ROUTER,
  HOSTS,
  type HostName,
  LOOP,
  macOf,
  type Underlay,
  vmOf,
  vtep6,
} from "../support/roles.ts";

const network = useFabric(buildRoles);
const customer = () => hostOf(network.fabric.at("customer"), CUSTOMER.address4, CUSTOMER.address6);
const vm = (n: 1 | 2) => hostOf(network.fabric.at(`vm${n}`), vmOf(n).address4, vmOf(n).address6);

/** Packets to and from an endpoint at each host while `act` runs. */
async function metered(act: () => Promise<void>): Promise<(host: HostName, endpoint: string) => Traffic> {
  const meters = await Promise.all(HOSTS.map((host) => network.made[host].meter()));
  await act();
  const counted = await Promise.all(meters.map((meter) => meter()));
  return (host, endpoint) => counted[HOSTS.indexOf(host)]?.(endpoint) ?? { txPackets: -1, rxPackets: -1 };
}

/** Packets whose hop budget ended, at all hosts. */
async function expired(): Promise<number> {
  const drops = await Promise.all(HOSTS.map((host) => network.made[host].drops()));
  return drops.reduce((sum, of) => sum + (of.get("ttl_expired") ?? 0), 0);
}

const UNDERLAYS: readonly Underlay[] = [
  { encapsulation: "vxlan", outer: 4 },
  { encapsulation: "geneve", outer: 6 },
  { encapsulation: "nvgre", outer: 4 },
];

describe.each(UNDERLAYS)("edge → gateway → server, $encapsulation over IPv$outer", (underlay) => {
  beforeAll(async () => {
    const documents = documentsFor(underlay);
    for (const host of HOSTS) await network.made[host].write(documents[host]);
    for (const host of HOSTS) await network.made[host].run("apply");
    await warmUp(customer(), vm(1));
    await warmUp(vm(1), vm(2));
  });

  it("pings both ways, over the gateway", async () => {
    const counted = await metered(() => expectPings(customer(), vm(1)));
    // Two families, two ways, request and answer.
    for (const [host, endpoint] of [
      ["edge", "gw"],
      ["gw", "edge"],
      ["gw", "s1"],
      ["s1", "gw"],
    ] as const)
      expect(counted(host, endpoint), `${host}: ${endpoint}`).toEqual({ txPackets: 40, rxPackets: 40 });
  });

  it("carries TCP both ways", async () => {
    await expectTransfers(customer(), vm(1), 8 << 20);
  });

  it("shows each hop to traceroute, in both families and directions", async () => {
    const there = ["address4", "address6"] as const;
    for (const family of there) {
      const router = family === "address4" ? vmOf(1).router4 : vmOf(1).router6;
      expect(await traceroute(customer().namespace, vmOf(1)[family])).toEqual([
        EDGE_ROUTER[family],
        GATEWAY_ROUTER[family],
        router,
        vmOf(1)[family],
      ]);
      expect(await traceroute(vm(1).namespace, CUSTOMER[family])).toEqual([
        router,
        GATEWAY_ROUTER[family],
        EDGE_ROUTER[family],
        CUSTOMER[family],
      ]);
    }
  });

  it("answers pings to the gateway's own address in the network", async () => {
    for (const address of [GATEWAY_ROUTER.address4, GATEWAY_ROUTER.address6])
      expect(await ping(customer().namespace, address), address).toMatchObject({ sent: 3, lost: [] });
  });

  it("takes the direct way between servers once they know each other's VMs, with no ping lost", async () => {
    const over = await metered(() => expectPings(vm(1), vm(2)));
    expect(over("s1", "gw").txPackets).toBe(40);
    expect(over("s1", "s2")).toEqual({ txPackets: 0, rxPackets: 0 });
    for (const [host, n, server] of [
      ["s1", 2, "s2"],
      ["s2", 1, "s1"],
    ] as const) {
      const { address4, address6, mac } = vmOf(n);
      for (const address of [address4, address6])
        await network.made[host].run("vm", "set", "acme", address, "--server", server, "--mac", mac);
    }
    const direct = await metered(() => expectPings(vm(1), vm(2)));
    expect(direct("s1", "gw")).toEqual({ txPackets: 0, rxPackets: 0 });
    expect(direct("s1", "s2")).toEqual({ txPackets: 40, rxPackets: 40 });
    await expectTransfers(vm(1), vm(2), 4 << 20);
  });

  it("ends a loop of gateway and servers by the hop budget, and counts it", async () => {
    for (const address of [LOOP.address4, LOOP.address6]) {
      const hops = 20;
      const count = 4;
      const before = await expired();
      const counted = await metered(async () => {
        const result = await ping(customer().namespace, address, { count, timeToLive: hops, waitMs: 500 });
        expect(result).toMatchObject({ sent: count, received: 0 });
      });
      expect((await expired()) - before).toBe(count);
      // The edge takes one, and whoever drops it needs one: each of the others was a step around the loop.
      const sent = counted("gw", "s1").txPackets + counted("s1", "s2").txPackets + counted("s2", "gw").txPackets;
      expect(sent).toBe(count * (hops - 2));
    }
  });

  it("does not send a packet back where it came from: split horizon", async () => {
    await network.made.gw.run("route", "set", "acme", "198.51.100.0/24", "--via", "edge");
    await network.made.edge.run("route", "set", "acme", "198.51.100.0/24", "--via", "gw");
    const drops = await dropsWhile(network.made.gw, async () => {
      expect(await ping(customer().namespace, "198.51.100.1", { count: 5, waitMs: 300 })).toMatchObject({
        received: 0,
      });
    });
    expect(drops).toEqual({ split_horizon: 5 });
  });
});

describe("an edge with one arm", () => {
  it("serves customers and tunnels on one port", async () => {
    const { fabric } = network;
    await fabric.add("lone", "neighbour");
    await fabric.plug("lone", "n0", "underlay", { address: ["10.2.0.8/24", "2001:db8:2::8/64"] });
    await fabric.plug("neighbour", "c0", "underlay", { address: ["10.9.0.2/24", "2001:db8:9::2/64"] });
    await ip(fabric.at("neighbour"), "route add default via 10.9.0.1", "route add default via 2001:db8:9::1");
    const lone = await fabric.edge(
      "lone",
      `version: 1
edge: {address: 10.2.0.8, address6: "2001:db8:2::8", interfaces: [{name: n0, role: both}]}
profiles: {default: {encapsulation: geneve}}
gateways: {gw: {address: "${vtep6("gw")}", mac: ${macOf("gw")}}}
tenants:
  acme:
    vni: 100
    circuits:
      near: {interface: n0, address: 10.9.0.1/24, peer: 10.9.0.2, address6: "2001:db8:9::1/64", peer6: "2001:db8:9::2"}
    routes:
      - {prefix: 10.9.0.0/24, circuit: near}
      - {prefix: "2001:db8:9::/64", circuit: near}
      - {prefix: 172.16.0.0/12, via: [gw]}
      - {prefix: "2001:db8:16::/48", via: [gw]}
`,
    );
    await lone.run("apply");
    const documents = documentsFor({ encapsulation: "geneve", outer: 6 });
    const gateway = documents.gw
      .replace("servers:\n", `servers:\n  lone: {address: "2001:db8:2::8", mac: 02:00:0a:02:00:08}\n`)
      .concat(`      - {prefix: 10.9.0.0/24, via: [lone]}\n      - {prefix: "2001:db8:9::/64", via: [lone]}\n`);
    const server = documents.s1.concat(
      `      - {prefix: 10.9.0.0/24, via: [gw]}\n      - {prefix: "2001:db8:9::/64", via: [gw]}\n`,
    );
    for (const [host, text] of [
      ["gw", gateway],
      ["s1", server],
    ] as const) {
      await network.made[host].write(text);
      await network.made[host].run("apply");
    }
    const neighbour = hostOf(fabric.at("neighbour"), "10.9.0.2", "2001:db8:9::2");
    await warmUp(neighbour, vm(1));
    await expectPings(neighbour, vm(1));
    await expectTransfers(neighbour, vm(1), 4 << 20);
    expect(await traceroute(neighbour.namespace, vmOf(1).address4)).toEqual([
      ...["10.9.0.1", GATEWAY_ROUTER.address4, vmOf(1).router4, vmOf(1).address4],
    ]);
  });
});
