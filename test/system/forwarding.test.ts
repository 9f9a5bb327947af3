import { describe, expect, it } from "vitest";
import { runIn } from "../../lab/network.ts";
import { ACME, CIRCUIT, OVERLAY_MTU_BYTES } from "../../lab/plan.ts";
import { ping, pingText, transfer } from "../../lab/traffic.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage();
const known = ACME.vms.filter((vm) => !vm.hidden);
const hidden = ACME.vms.filter((vm) => vm.hidden);
const customer = () => stage.lab.namespace("customer");
const vm = (address: string) => stage.lab.vm(ACME, address);

describe("customer and VMs", () => {
  it("resolves the customer's MAC with the first packet that needs it", async () => {
    const first = await ping(vm("172.16.0.1"), CIRCUIT.customer, { count: 3 });
    expect(first.received).toBeGreaterThanOrEqual(2);
  });

  it.each(known)("pings both ways: $address on $server", async ({ address }) => {
    expect(await ping(customer(), address, { count: 10, intervalMs: 5 })).toMatchObject({ lost: [], duplicates: 0 });
    expect(await ping(vm(address), CIRCUIT.customer, { count: 10, intervalMs: 5 })).toMatchObject({
      lost: [],
      duplicates: 0,
    });
  });

  it.each(known)("carries TCP both ways intact: $address on $server", async ({ address }) => {
    expect(await transfer(customer(), vm(address), address, 8 << 20)).toMatchObject({ intact: true });
    expect(await transfer(vm(address), customer(), CIRCUIT.customer, 8 << 20)).toMatchObject({ intact: true });
  });

  it("carries packets of every size that fits", async () => {
    for (const payloadBytes of [0, 1, 17, 18, 19, 500, 1371, OVERLAY_MTU_BYTES - 28]) {
      const result = await ping(customer(), "172.16.0.1", {
        payloadBytes,
        dontFragment: true,
        count: 2,
        intervalMs: 2,
      });
      expect(result, `${payloadBytes} bytes`).toMatchObject({ lost: [] });
    }
  });
});

describe("VMs among each other", () => {
  it("go from server to server over the edge", async () => {
    expect(await ping(vm("172.16.0.1"), "172.16.0.4", { count: 10, intervalMs: 5 })).toMatchObject({ lost: [] });
    expect(await transfer(vm("172.16.0.4"), vm("172.16.0.1"), "172.16.0.1", 4 << 20)).toMatchObject({ intact: true });
  });
});

describe("a VM that only the gateway knows", () => {
  it.each(hidden)("is reached and reaches out over the gateway: $address", async ({ address }) => {
    const meter = await stage.edge.meter();
    expect(await ping(customer(), address, { count: 10, intervalMs: 5 })).toMatchObject({ lost: [] });
    expect((await meter())("gw1")).toEqual({ txPackets: 10, rxPackets: 10 });
    expect(await transfer(customer(), vm(address), address, 2 << 20)).toMatchObject({ intact: true });
    expect(await transfer(vm(address), customer(), CIRCUIT.customer, 2 << 20)).toMatchObject({ intact: true });
  });
});

describe("as a router", () => {
  const router = CIRCUIT.address.split("/")[0] ?? "";

  it("answers ARP and echo for the circuit's address", async () => {
    expect(await ping(customer(), router)).toMatchObject({ lost: [] });
    const neighbour = await runIn(customer(), ["ip", "neigh", "show", router]);
    const port = JSON.parse(await runIn(stage.lab.namespace("edge"), ["ip", "-json", "link", "show", "e0"]));
    expect(neighbour).toContain(port[0].address);
  });

  it("tells the customer that a packet's time to live is over", async () => {
    const { result, text } = await pingText(customer(), "172.16.0.1", { timeToLive: 1, count: 2, waitMs: 300 });
    expect(result.received).toBe(0);
    expect(text).toMatch(new RegExp(`From ${router} icmp_seq=1 Time to live exceeded`, "i"));
  });

  it("tells a VM that a packet's time to live is over, through its tunnel", async () => {
    const { text } = await pingText(vm("172.16.0.1"), CIRCUIT.customer, { timeToLive: 1, count: 2, waitMs: 300 });
    expect(text).toMatch(/From 10\.1\.0\.1 icmp_seq=1 Time to live exceeded/i);
  });

  it("tells the customer the size that fits the tunnel", async () => {
    const payloadBytes = OVERLAY_MTU_BYTES - 28 + 1;
    const { result, text } = await pingText(customer(), "172.16.0.2", {
      payloadBytes,
      dontFragment: true,
      waitMs: 300,
    });
    expect(result.received).toBe(0);
    expect(text).toMatch(/Frag needed and DF set \(mtu = 1450\)|mtu ?= ?1450/);
  });
});

describe("without our processes", () => {
  it("forwards: no process of the edge is left after apply", async () => {
    const pids = (await runIn(stage.lab.namespace("edge"), ["ip", "netns", "pids", "edge"])).trim();
    expect(pids.split("\n").filter(Boolean).length, pids).toBeLessThanOrEqual(1); // nsenter's own child
    expect(await ping(customer(), "172.16.0.1", { count: 5 })).toMatchObject({ lost: [] });
  });

  it("passes nothing after detach, and everything again after apply", async () => {
    await stage.edge.run("detach", "--all");
    expect(await ping(customer(), "172.16.0.1", { waitMs: 300 })).toMatchObject({ received: 0 });
    expect(await ping(vm("172.16.0.1"), CIRCUIT.customer, { waitMs: 300 })).toMatchObject({ received: 0 });
    const links: { xdp?: unknown }[] = JSON.parse(
      await runIn(stage.lab.namespace("edge"), ["ip", "-json", "-details", "link"]),
    );
    expect(links.filter((link) => link.xdp !== undefined)).toEqual([]);

    await stage.edge.run("apply");
    expect((await ping(customer(), "172.16.0.1", { count: 5 })).received).toBeGreaterThanOrEqual(4);
    expect(await ping(vm("172.16.0.4"), CIRCUIT.customer, { count: 5 })).toMatchObject({ lost: [] });
  });
});
