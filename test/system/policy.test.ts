// Which way packets take: direct, over a gateway, over one of several. Every host runs the program; see roles.ts.

import { beforeAll, describe, expect, it } from "vitest";
import { capture, FIRST_PORT, ping, startPing, stream } from "../../lab/traffic.ts";
import { dropsWhile, hostOf, useFabric, warmUp } from "../support/fabric.ts";
import { buildRoles, CUSTOMER, documentsFor, HOSTS, macOf, vmOf, vtep4 } from "../support/roles.ts";

const network = useFabric(buildRoles);
const customer = () => hostOf(network.fabric.at("customer"), CUSTOMER.address4, CUSTOMER.address6);
const vm = () => hostOf(network.fabric.at("vm1"), vmOf(1).address4, vmOf(1).address6);
const edge = () => network.made.edge;
const setVm = (address: string, ...options: string[]) =>
  edge().run("vm", "set", "acme", address, "--server", "s1", "--mac", vmOf(1).mac, ...options);

/** Packets that the edge sends to s1 and to the gateway while `act` runs. */
async function paths(act: () => Promise<void>): Promise<{ readonly direct: number; readonly over: number }> {
  const meter = await edge().meter();
  await act();
  const counted = await meter();
  return { direct: counted("s1").txPackets, over: counted("gw").txPackets };
}

beforeAll(async () => {
  const documents = documentsFor({ encapsulation: "vxlan", outer: 4 });
  // The edge knows VM 1 and its server, which therefore takes packets from the edge.
  const server = `servers:\n  s1: {address: ${vtep4("s1")}, mac: ${macOf("s1")}}\n`;
  const { mac, address4, address6 } = vmOf(1);
  const vms = [address4, address6].map((address) => `      "${address}": {server: s1, mac: ${mac}}\n`);
  const known = documents.edge.replace("tenants:\n", `${server}tenants:\n`).concat(`    vms:\n${vms.join("")}`);
  const open = (text: string) =>
    text
      .replace("servers:\n", `servers:\n  edge: {address: ${vtep4("edge")}, mac: ${macOf("edge")}}\n`)
      .replace(/servers: \[(s\d)\]/, "servers: [$1, edge]");
  const texts = { edge: known, gw: documents.gw, s1: open(documents.s1), s2: open(documents.s2) };
  for (const host of HOSTS) await network.made[host].write(texts[host]);
  for (const host of HOSTS) await network.made[host].run("apply");
  await warmUp(customer(), vm());
});

describe("a VM's policy", () => {
  it("moves its traffic to the gateway and back under running pings, with none lost", async () => {
    const running = [
      await startPing(customer().namespace, vmOf(1).address4),
      await startPing(customer().namespace, vmOf(1).address6),
    ];
    const pings = async () => {
      expect(await ping(customer().namespace, vmOf(1).address4, { count: 20, intervalMs: 5 })).toMatchObject({
        lost: [],
      });
    };
    const before = await paths(pings);
    for (const address of [vmOf(1).address4, vmOf(1).address6]) await setVm(address, "--policy", "gateway-only");
    const moved = await paths(pings);
    for (const address of [vmOf(1).address4, vmOf(1).address6]) await setVm(address, "--policy", "none");
    const back = await paths(pings);
    const results = await Promise.all(running.map((one) => one.end()));
    for (const result of results) {
      expect(result.sent).toBeGreaterThan(200);
      expect(result).toMatchObject({ lost: [], duplicates: 0 });
    }
    expect(before.over).toBe(0);
    expect(before.direct).toBeGreaterThanOrEqual(20);
    expect(moved.direct).toBe(0);
    expect(moved.over).toBeGreaterThanOrEqual(20);
    expect(back.over).toBe(0);
  });
});

describe("a tenant's policy", () => {
  it("sends some classes over the gateway", async () => {
    await edge().run("tenant", "set", "acme", "--dscp-policy", "8=gateway-only");
    for (const address of [vmOf(1).address4, vmOf(1).address6]) {
      const send = (dscp: number) => async () => {
        expect(await ping(customer().namespace, address, { count: 10, intervalMs: 5, dscp })).toMatchObject({
          lost: [],
        });
      };
      expect(await paths(send(8)), address).toEqual({ direct: 0, over: 10 });
      expect(await paths(send(10)), address).toEqual({ direct: 10, over: 0 });
    }
    await edge().run("tenant", "set", "acme", "--dscp-policy", "none");
  });

  it("lets nothing over a gateway: what has no server is dropped, and counted", async () => {
    await edge().run("tenant", "set", "acme", "--policy", "direct-only");
    const drops = await dropsWhile(edge(), async () => {
      expect(await ping(customer().namespace, vmOf(2).address4, { count: 5, waitMs: 300 })).toMatchObject({
        received: 0,
      });
      expect(await ping(customer().namespace, vmOf(1).address4, { count: 5 })).toMatchObject({ lost: [] });
    });
    expect(drops).toEqual({ policy: 5 });
    await edge().run("tenant", "set", "acme", "--policy", "none");
  });
});

describe("a route to several gateways", () => {
  const flows = 96;
  const count = flows * 20;
  /** The endpoint that each flow goes to: one, for all of its packets. */
  async function ways(): Promise<ReadonlyMap<number, string>> {
    const fields = ["ip.dst", "udp.srcport"];
    const { result, frames } = await capture(
      network.fabric.at("underlay"),
      "to-edge",
      "udp dst port 4789",
      fields,
      () => stream(customer().namespace, vm().namespace, vmOf(1).address4, { count, flows }),
    );
    expect(result).toMatchObject({ sent: count, received: count, duplicates: 0, missing: [] });
    const found = new Map<number, string>();
    for (const frame of frames) {
      const port = Number(frame["udp.srcport"]?.split(",")[1]);
      const to = frame["ip.dst"]?.split(",")[0] ?? "";
      if (port < FIRST_PORT || port >= FIRST_PORT + flows) continue;
      expect(found.get(port) ?? to, `flow ${port}`).toBe(to);
      found.set(port, to);
    }
    expect(found.size).toBe(flows);
    return found;
  }

  it("shares flows among them, and moves only those of one that goes", async () => {
    // All three hosts know a way to VM 1; the edge knows none of its own.
    const { edge: text } = documentsFor({ encapsulation: "vxlan", outer: 4 });
    const gateways = (["s1", "s2"] as const).map(
      (host) => `  ${host}: {address: ${vtep4(host)}, mac: ${macOf(host)}}\n`,
    );
    await edge().write(
      text.replace("gateways:\n", `gateways:\n${gateways.join("")}`).replaceAll("via: [gw]", "via: [gw, s1, s2]"),
    );
    await edge().run("apply");
    await warmUp(customer(), vm());
    const before = await ways();
    const share = (address: string) => [...before.values()].filter((to) => to === address).length;
    for (const host of ["gw", "s1", "s2"] as const) expect(share(vtep4(host)), host).toBeGreaterThan(flows / 6);

    // Nobody answers for its address any more.
    await edge().run("gateway", "set", "s2", "--address", "10.2.0.77");
    const after = await ways();
    for (const [port, to] of before) {
      if (to === vtep4("s2")) expect(after.get(port), `flow ${port} of s2`).not.toBe(to);
      else expect(after.get(port), `flow ${port}`).toBe(to);
    }
    await edge().run("gateway", "set", "s2", "--address", vtep4("s2"));
    expect(await ways(), "each flow is where it was").toEqual(before);
  });
});
