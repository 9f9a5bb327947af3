// Tunnels to and from Open vSwitch: each format over each family, with both families inside.
//
//   customer ── e0 [edge] e1 ── underlay ─┬─ br-phy [ovs-vxlan] ─┬─ br-vxlan4 ── VM
//                                         │                      └─ br-vxlan6 ── VM
//                                         ├─ br-phy [ovs-geneve] ─ …
//                                         └─ br-phy [ovs-nvgre] ─ …
//
// A switch sends from the one address that its device has in the family: each format has a switch of its own.

import { describe, expect, it } from "vitest";
import { type Fabric, settleGuest } from "../../lab/fabric.ts";
import { addAddress, connect, ip } from "../../lab/network.ts";
import type { OpenVSwitch, TunnelPort } from "../../lab/open-vswitch.ts";
import { capture, ping } from "../../lab/traffic.ts";
import { expectPings, expectTransfers, hostOf, useFabric, warmUp } from "../support/fabric.ts";

const VNI = 100;
const EDGE = { address4: "10.2.0.1", address6: "2001:db8:2::1", mac: "02:00:0a:02:00:01" };
const CUSTOMER = { address4: "10.1.0.2", address6: "2001:db8:1::2" };
const OVERLAY_MTU_BYTES = 1400;

const FORMATS = ["vxlan", "geneve", "nvgre"] as const;

interface Tunnel {
  readonly name: string;
  readonly format: (typeof FORMATS)[number];
  readonly outer: 4 | 6;
  readonly number: number;
}

const TUNNELS: readonly Tunnel[] = FORMATS.flatMap((format, kind) =>
  ([4, 6] as const).map((outer) => ({
    name: `${format}${outer}`,
    format,
    outer,
    number: 10 + kind * 2 + (outer === 6 ? 1 : 0),
  })),
);

const remote = ({ outer, number }: Tunnel) => (outer === 4 ? `10.2.0.${number}` : `2001:db8:2::${number}`);
const vmOf = ({ number }: Tunnel) => ({
  mac: `02:00:00:00:00:${number}`,
  address4: `172.16.0.${number}`,
  address6: `2001:db8:16::${number}`,
});

const document = `version: 1
edge:
  address: ${EDGE.address4}
  address6: ${EDGE.address6}
  interfaces:
    - {name: e0, role: access}
    - {name: e1, role: underlay}
profiles:
  vxlan: {encapsulation: vxlan}
  geneve: {encapsulation: geneve}
  nvgre: {encapsulation: nvgre}
servers:
${TUNNELS.map((tunnel) => `  ${tunnel.name}: {address: "${remote(tunnel)}", profile: ${tunnel.format}}\n`).join("")}tenants:
  acme:
    vni: ${VNI}
    circuits:
      hq: {interface: e0, address: 10.1.0.1/24, peer: ${CUSTOMER.address4}, address6: "2001:db8:1::1/64", peer6: "${CUSTOMER.address6}"}
    routes:
      - {prefix: 10.1.0.0/24, circuit: hq}
      - {prefix: "2001:db8:1::/64", circuit: hq}
    vms:
${TUNNELS.map((tunnel) => {
  const { mac, address4, address6 } = vmOf(tunnel);
  return [address4, address6].map((address) => `      "${address}": {server: ${tunnel.name}, mac: ${mac}}\n`).join("");
}).join("")}`;

/** A tunnel port for the edge. NVGRE has the VNI in the upper 24 bits of its key, and a flow's number in the others. */
function portOf(tunnel: Tunnel): TunnelPort {
  const ends = { local_ip: remote(tunnel), remote_ip: tunnel.outer === 4 ? EDGE.address4 : EDGE.address6 };
  const { name, format } = tunnel;
  if (format === "nvgre")
    return { name: `p-${name}`, type: "gre", options: { ...ends, in_key: "flow", out_key: VNI << 8 } };
  return { name: `p-${name}`, type: format, options: { ...ends, key: VNI } };
}

async function addVm(fabric: Fabric, tunnel: Tunnel): Promise<void> {
  const { mac, address4, address6 } = vmOf(tunnel);
  const vm = fabric.at(tunnel.name);
  await connect(
    { namespace: vm, name: "eth0" },
    { namespace: fabric.at(`ovs-${tunnel.format}`), name: `v-${tunnel.name}` },
  );
  const guest = { mac, addresses: [`${address4}/32`, `${address6}/128`], mtuBytes: OVERLAY_MTU_BYTES };
  await settleGuest(vm, "eth0", guest, EDGE.mac);
}

const network = useFabric(async (fabric) => {
  await fabric.add("customer", "edge", ...FORMATS.map((format) => `ovs-${format}`), ...TUNNELS.map(({ name }) => name));
  await fabric.addBridge("underlay");
  await connect(
    {
      namespace: fabric.at("customer"),
      name: "c0",
      address: [`${CUSTOMER.address4}/24`, `${CUSTOMER.address6}/64`],
      gro: true,
    },
    { namespace: fabric.at("edge"), name: "e0" },
  );
  await ip(fabric.at("customer"), "route add default via 10.1.0.1", "route add default via 2001:db8:1::1");
  await fabric.plug("edge", "e1", "underlay", { address: [`${EDGE.address4}/24`, `${EDGE.address6}/64`] });
  const switches = new Map<string, OpenVSwitch>();
  for (const format of FORMATS) {
    const host = `ovs-${format}`;
    const tunnels = TUNNELS.filter((tunnel) => tunnel.format === format);
    await fabric.plug(host, "u0", "underlay");
    const ovs = await fabric.openVSwitch(host);
    switches.set(format, ovs);
    await ovs.addBridge("br-phy");
    const prefixes = tunnels.map((tunnel) => `${remote(tunnel)}/${tunnel.outer === 4 ? 24 : 64}`);
    await ip(fabric.at(host), ...prefixes.map((address) => addAddress(address, "br-phy")));
    await ovs.addPort("br-phy", "u0");
    for (const tunnel of tunnels) {
      await addVm(fabric, tunnel);
      await ovs.addBridge(`br-${tunnel.name}`);
      await ovs.addPort(`br-${tunnel.name}`, `v-${tunnel.name}`);
      await ovs.addTunnel(`br-${tunnel.name}`, portOf(tunnel));
    }
  }
  const edge = await fabric.edge("edge", document);
  await edge.run("apply");
  return { switches, edge };
});

const switchOf = ({ format }: Tunnel): OpenVSwitch => {
  const found = network.made.switches.get(format);
  if (!found) throw new Error(`find the switch for ${format}: not in this network`);
  return found;
};
const customer = () => hostOf(network.fabric.at("customer"), CUSTOMER.address4, CUSTOMER.address6);
const vm = (tunnel: Tunnel) => {
  const { address4, address6 } = vmOf(tunnel);
  return hostOf(network.fabric.at(tunnel.name), address4, address6);
};

describe.each(TUNNELS)("Open vSwitch, $format over IPv$outer", (tunnel) => {
  it("pings both ways, IPv4 and IPv6 inside", async () => {
    await warmUp(customer(), vm(tunnel));
    const traffic = () => switchOf(tunnel).traffic(`br-${tunnel.name}`, `p-${tunnel.name}`);
    const [meter, before] = [await network.made.edge.meter(), await traffic()];
    await expectPings(customer(), vm(tunnel));
    const [counted, after] = [await meter(), await traffic()];
    // Two families, two ways, request and answer: both sides of the tunnel saw each packet.
    expect(counted(tunnel.name)).toEqual({ txPackets: 40, rxPackets: 40 });
    expect(after.rxPackets - before.rxPackets).toBe(40);
  });

  it("carries TCP both ways, IPv4 and IPv6 inside", async () => {
    await expectTransfers(customer(), vm(tunnel));
  });
});

it("carries VMs of different formats among each other", async () => {
  for (const [index, tunnel] of TUNNELS.entries()) {
    const other = TUNNELS[(index + 3) % TUNNELS.length] ?? tunnel;
    await warmUp(vm(tunnel), vm(other));
    await expectPings(vm(tunnel), vm(other), 5);
  }
});

// XDP's frames are not seen at the port that they leave by: what arrives at the next one is looked at.
it("sends frames that tshark finds well-formed, each in its format and with its VNI", async () => {
  const fields = [
    "_ws.malformed",
    "ip.proto",
    "ipv6.nxt",
    "udp.dstport",
    "vxlan.vni",
    "geneve.vni",
    "gre.key",
    "icmp.seq",
  ];
  const { frames } = await capture(
    network.fabric.at("underlay"),
    "to-edge",
    "not arp and not icmp6",
    fields,
    async () => {
      for (const tunnel of TUNNELS) await ping(network.fabric.at("customer"), vmOf(tunnel).address4, { count: 3 });
    },
  );
  expect(frames.length).toBeGreaterThanOrEqual(TUNNELS.length * 6);
  expect(frames.filter((frame) => frame["_ws.malformed"] !== "")).toEqual([]);
  expect(frames.filter((frame) => frame["vxlan.vni"] === String(VNI)).length).toBe(12);
  expect(frames.filter((frame) => Number(frame["geneve.vni"]) === VNI).length).toBe(12);
  expect(frames.filter((frame) => Number(frame["gre.key"]) >> 8 === VNI).length).toBe(12);
});
