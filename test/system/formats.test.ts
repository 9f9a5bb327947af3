// The format of a server's tunnel changes under traffic, towards a switch that takes both.
//
//   customer ── e0 [edge] e1 ── underlay ── br-phy [ovs] br-int ── VM

import { expect, it } from "vitest";
import { settleGuest } from "../../lab/fabric.ts";
import { connect, ip } from "../../lab/network.ts";
import { capture, ping, startStream } from "../../lab/traffic.ts";
import { useFabric } from "../support/fabric.ts";

const VNI = 100;
const VM = { mac: "02:00:00:00:00:05", address: "172.16.0.5" };
const EDGE_MAC = "02:00:0a:02:00:01";

const document = `version: 1
edge:
  address: 10.2.0.1
  interfaces:
    - {name: e0, role: access}
    - {name: e1, role: underlay}
profiles:
  changing: {encapsulation: vxlan}
servers:
  s1: {address: 10.2.0.2, profile: changing}
tenants:
  acme:
    vni: ${VNI}
    circuits:
      hq: {interface: e0, address: 10.1.0.1/24, peer: 10.1.0.2}
    routes:
      - {prefix: 10.1.0.0/24, circuit: hq}
    vms:
      ${VM.address}: {server: s1, mac: ${VM.mac}}
`;

const network = useFabric(async (fabric) => {
  await fabric.add("customer", "edge", "ovs", "vm");
  await fabric.addBridge("underlay");
  await connect(
    { namespace: fabric.at("customer"), name: "c0", address: "10.1.0.2/24", gro: true },
    { namespace: fabric.at("edge"), name: "e0" },
  );
  await ip(fabric.at("customer"), "route add default via 10.1.0.1");
  await fabric.plug("edge", "e1", "underlay", { address: "10.2.0.1/24" });
  await fabric.plug("ovs", "u0", "underlay");
  const ovs = await fabric.openVSwitch("ovs");
  await ovs.addBridge("br-phy");
  await ip(fabric.at("ovs"), "address add 10.2.0.2/24 dev br-phy");
  await ovs.addPort("br-phy", "u0");
  await connect({ namespace: fabric.at("vm"), name: "eth0" }, { namespace: fabric.at("ovs"), name: "v0" });
  await settleGuest(
    fabric.at("vm"),
    "eth0",
    { mac: VM.mac, addresses: [`${VM.address}/32`], mtuBytes: 1400 },
    EDGE_MAC,
  );
  await ovs.addBridge("br-int");
  await ovs.addPort("br-int", "v0");
  for (const type of ["vxlan", "geneve"] as const) {
    await ovs.addTunnel("br-int", { name: type, type, options: { remote_ip: "10.2.0.1", key: VNI } });
  }
  await ovs.setFlows(
    "br-int",
    "in_port=vxlan,actions=output:v0",
    "in_port=geneve,actions=output:v0",
    "in_port=v0,actions=output:vxlan", // answers are not what is looked at
  );
  const edge = await fabric.edge("edge", document);
  await edge.run("apply");
  return { edge };
});

it("sends each packet in the old format or in the new one, none in a mix, and loses none", async () => {
  const customer = network.fabric.at("customer");
  expect((await ping(customer, VM.address, { count: 5 })).received).toBeGreaterThanOrEqual(3);
  const count = 20_000;
  const changes = 6;
  const fields = [
    "_ws.malformed",
    "udp.dstport",
    "udp.length",
    "vxlan.flags",
    "vxlan.vni",
    "geneve.version",
    "geneve.vni",
    "data.len",
  ];
  const { result, frames } = await capture(
    network.fabric.at("underlay"),
    "to-ovs",
    "udp dst port 4789 or udp dst port 6081",
    fields,
    async () => {
      const running = await startStream(customer, network.fabric.at("vm"), VM.address, { count, perSecond: 2000 });
      for (let change = 0; change < changes; change++) {
        const format = change % 2 === 0 ? "geneve" : "vxlan";
        await network.made.edge.run("profile", "set", "changing", "--encapsulation", format);
      }
      return running.end();
    },
  );
  expect(result).toMatchObject({ sent: count, received: count, duplicates: 0, missing: [] });
  const shapes = new Map<string, number>();
  for (const frame of frames) {
    const shape = fields.map((field) => frame[field]).join(" ");
    shapes.set(shape, (shapes.get(shape) ?? 0) + 1);
  }
  // 64 bytes in UDP, IPv4 and Ethernet, and in 8 bytes of either format and of UDP.
  const inner = 64 + 8 + 20 + 14;
  const outer = inner + 8 + 8;
  const [vxlan, geneve] = [...shapes].sort();
  expect([...shapes.keys()].sort()).toEqual([
    ` 4789,5300 ${outer},72 0x0800 ${VNI}   64`,
    ` 6081,5300 ${outer},72   0 0x000064 64`,
  ]);
  for (const [, seen] of [vxlan, geneve].filter((one) => one !== undefined)) expect(seen).toBeGreaterThan(500);
  expect(frames.length).toBe(count);
});
