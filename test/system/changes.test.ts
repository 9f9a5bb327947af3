import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ACME, CIRCUIT, EDGE_MAC, UNDERLAY } from "../../lab/plan.ts";
import { endpointWords } from "../../lab/scenes-forwarding.ts";
import { addServerAddress, attachVm, detachVm, routeVm, sendFrom } from "../../lab/topology.ts";
import { ping, startPing } from "../../lab/traffic.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage();
const customer = () => stage.lab.namespace("customer");
const setVm = (address: string, mac: string, server: string) =>
  stage.edge.run("vm", "set", "acme", address, "--server", server, "--mac", mac);

describe("changes under traffic", () => {
  it("moves a VM there and back ten times with no packet lost in either direction", async () => {
    const { address, mac } = { address: "172.16.0.3", mac: "02:00:00:00:00:03" };
    await attachVm(stage.lab, ACME, address, "s2");
    const there = await startPing(customer(), address, 2);
    const back = await startPing(stage.lab.vm(ACME, address), CIRCUIT.customer, 2);
    const meter = await stage.edge.meter();
    for (let move = 0; move < 10; move++) {
      const server = move % 2 === 0 ? "s2" : "s1";
      await setVm(address, mac, server);
      await routeVm(stage.lab, ACME, address, server, EDGE_MAC);
    }
    const counted = await meter();
    const results = [await there.end(), await back.end()];
    for (const result of results) {
      expect(result.sent).toBeGreaterThan(200);
      expect(result).toMatchObject({ lost: [], duplicates: 0 });
    }
    for (const server of ["s1", "s2"]) expect(counted(server).txPackets).toBeGreaterThan(50);
    await detachVm(stage.lab, ACME, address, "s2");
  });

  it("deletes a VM: it is reached as an unknown one, over the gateway, which does not know it", async () => {
    const { address, mac } = { address: "172.16.0.2", mac: "02:00:00:00:00:02" };
    await stage.edge.run("vm", "delete", "acme", address);
    const meter = await stage.edge.meter();
    expect(await ping(customer(), address, { waitMs: 200 })).toMatchObject({ received: 0 });
    const counted = await meter();
    expect(counted("gw1").txPackets).toBe(3);
    expect(counted("s1").txPackets).toBe(0);
    await setVm(address, mac, "s1");
    expect(await ping(customer(), address)).toMatchObject({ lost: [] });
  });

  it("changes a server's address with one store, and every VM of it follows", async () => {
    await addServerAddress(stage.lab, "s1", "10.2.0.22");
    const running = await startPing(customer(), "172.16.0.4", 2);
    const before = endpointWords();
    await stage.edge.run("server", "set", "s1", "--address", "10.2.0.22");
    await sendFrom(stage.lab, "s1", "10.2.0.22");
    const changed = endpointWords().filter((word, index) => word !== before[index]);
    expect(changed.length).toBe(1);
    for (const address of ["172.16.0.1", "172.16.0.2", "172.16.0.3"]) {
      expect(await ping(customer(), address), address).toMatchObject({ lost: [] });
    }
    expect(await running.end(), "VMs of s2 notice nothing").toMatchObject({ lost: [] });
    await stage.edge.run("server", "set", "s1", "--address", UNDERLAY.s1);
    await sendFrom(stage.lab, "s1", UNDERLAY.s1);
    expect(await ping(customer(), "172.16.0.1")).toMatchObject({ lost: [] });
  });

  it("leaves the gateway as soon as a VM's server is known, with no packet lost", async () => {
    const [vm] = ACME.vms.filter((vm) => vm.hidden);
    if (!vm) throw new Error("find the hidden VM: not in the plan");
    const running = await startPing(customer(), vm.address, 2);
    await setVm(vm.address, vm.mac, vm.server);
    await routeVm(stage.lab, ACME, vm.address, vm.server, EDGE_MAC);
    await sleep(20); // what is on its way through the gateway
    const meter = await stage.edge.meter();
    await sleep(300);
    const counted = await meter();
    expect(await running.end()).toMatchObject({ lost: [] });
    expect(counted("gw1")).toEqual({ txPackets: 0, rxPackets: 0 });
    expect(counted(vm.server).txPackets).toBeGreaterThan(100);
  });
});
