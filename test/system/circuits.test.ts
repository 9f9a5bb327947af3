// Customers of four tenants on one port of the edge, told apart by their tags. All of them have the same addresses, and so
// have their VMs.
//
//   red    VLAN 100        ─┐
//   blue   VLAN 200        ─┤ switch ├── e0 [edge] e1 ── s1 ── VMs vm-red, vm-blue, …
//   green  VLAN 300, in it 7┤
//   plain  untagged        ─┘

import { describe, expect, it } from "vitest";
import { addKernelTunnel } from "../../lab/fabric.ts";
import { connect, ip, runIn } from "../../lab/network.ts";
import { capture, ping, pingText, traceroute } from "../../lab/traffic.ts";
import { setVlans, type VlanPort } from "../../lab/vlan-switch.ts";
import { dropsWhile, expectPings, expectTransfers, hostOf, useFabric, warmUp } from "../support/fabric.ts";

const EDGE = { vtep: "10.2.0.1", mac: "02:00:0a:02:00:01" };
const CUSTOMER = { address4: "10.1.0.2", address6: "2001:db8:1::2" };
const ROUTER = { address4: "10.1.0.1", address6: "2001:db8:1::1" };
const VM = { address4: "172.16.0.5", address6: "2001:db8:16::5", mac: "02:00:00:00:00:05" };
const SERVER = "10.2.0.2";
const PORT_MTU_BYTES = 1500;

interface Customer extends VlanPort {
  readonly name: string;
  readonly vni: number;
  readonly mac: string;
  /** Of its circuit, in the document. */
  readonly vlan: string;
}

const CUSTOMERS: readonly Customer[] = (
  [
    ["red", [{ type: "802.1q", id: 100 }], ", vlan: 100"],
    ["blue", [{ type: "802.1q", id: 200 }], ", vlan: 200"],
    [
      "green",
      [
        { type: "802.1ad", id: 300 },
        { type: "802.1q", id: 7 },
      ],
      ", vlan: 300, innerVlan: 7",
    ],
    ["plain", [], ""],
  ] as const
).map(([name, tags, vlan], index) => {
  return { name, port: `p-${name}`, tags, vlan, vni: 101 + index, mac: `02:00:00:00:01:0${index + 1}` };
});

/** A veth takes no longer frames for their tags. */
const mtuOf = ({ tags }: Customer) => PORT_MTU_BYTES - 4 * tags.length;

const document = `version: 1
edge:
  address: ${EDGE.vtep}
  interfaces:
    - {name: e0, role: access}
    - {name: e1, role: underlay}
servers:
  s1: {address: ${SERVER}}
tenants:
${CUSTOMERS.map(
  ({ name, vni, vlan }) => `  ${name}:
    vni: ${vni}
    circuits:
      hq: {interface: e0${vlan}, address: ${ROUTER.address4}/24, peer: ${CUSTOMER.address4}, address6: "${ROUTER.address6}/64", peer6: "${CUSTOMER.address6}"}
    routes:
      - {prefix: 10.1.0.0/24, circuit: hq}
      - {prefix: "2001:db8:1::/64", circuit: hq}
    vms:
      ${VM.address4}: {server: s1, mac: ${VM.mac}}
      "${VM.address6}": {server: s1, mac: ${VM.mac}}
`,
).join("")}`;

const network = useFabric(async (fabric) => {
  await fabric.add("edge", "switch", "s1", ...CUSTOMERS.flatMap(({ name }) => [name, `vm-${name}`]));
  await fabric.addBridge("underlay", 1600);
  await fabric.plug("edge", "e1", "underlay", { address: `${EDGE.vtep}/24`, mtuBytes: 1600 });
  await fabric.plug("s1", "u0", "underlay", { address: `${SERVER}/24`, mtuBytes: 1600 });
  const ovs = await fabric.openVSwitch("switch");
  await connect(
    { namespace: fabric.at("switch"), name: "trunk", gro: true },
    { namespace: fabric.at("edge"), name: "e0", mtuBytes: PORT_MTU_BYTES },
  );
  for (const who of CUSTOMERS) {
    const { name, port, vni, mac } = who;
    const customer = fabric.at(name);
    const addresses = [`${CUSTOMER.address4}/24`, `${CUSTOMER.address6}/64`];
    await connect(
      { namespace: customer, name: "c0", mac, address: addresses, mtuBytes: mtuOf(who) },
      { namespace: fabric.at("switch"), name: port, mtuBytes: PORT_MTU_BYTES },
    );
    await ip(customer, `route add default via ${ROUTER.address4}`, `route add default via ${ROUTER.address6}`);
    await addKernelTunnel(
      fabric.at("s1"),
      fabric.at(`vm-${name}`),
      { device: "eth0", vni, local: SERVER, remote: EDGE.vtep },
      { mac: VM.mac, addresses: [`${VM.address4}/32`, `${VM.address6}/128`], mtuBytes: 1500 },
      EDGE.mac,
    );
  }
  await ovs.addBridge("br0");
  await ovs.addPort("br0", "trunk", ...CUSTOMERS.map(({ port }) => port));
  await setVlans(ovs, "br0", "trunk", CUSTOMERS);
  const edge = await fabric.edge("edge", document);
  await edge.run("apply");
  return { edge, ovs };
});

const customer = ({ name }: Customer) => hostOf(network.fabric.at(name), CUSTOMER.address4, CUSTOMER.address6);
const vm = ({ name }: Customer) => hostOf(network.fabric.at(`vm-${name}`), VM.address4, VM.address6);
const portMac = async (): Promise<string> =>
  JSON.parse(await runIn(network.fabric.at("edge"), ["ip", "-json", "link", "show", "e0"]))[0].address;
const find = (name: string): Customer => {
  const found = CUSTOMERS.find((customer) => customer.name === name);
  if (!found) throw new Error(`find customer ${name}: not in this network`);
  return found;
};

describe.each(CUSTOMERS)("the circuit of $name", (who) => {
  it("answers ARP and neighbour solicitations with the port's MAC, and pings to its own addresses", async () => {
    await ip(customer(who).namespace, "neigh flush dev c0");
    for (const address of [ROUTER.address4, ROUTER.address6]) {
      expect(await ping(customer(who).namespace, address), address).toMatchObject({ sent: 3, lost: [] });
      const neighbour = await runIn(customer(who).namespace, ["ip", "neigh", "show", address]);
      expect(neighbour, address).toContain(await portMac());
    }
    expect(await runIn(customer(who).namespace, ["ip", "-6", "neigh", "show", ROUTER.address6])).toContain("router");
  });

  it("carries pings both ways in both families", async () => {
    await warmUp(customer(who), vm(who));
    await expectPings(customer(who), vm(who));
  });

  // Only this tenant's VM and customer listen: another one's would refuse.
  it("carries TCP both ways in both families, to its own VM", async () => {
    await expectTransfers(customer(who), vm(who), 2 << 20);
  });

  it("is a hop to traceroute in both families", async () => {
    for (const family of ["address4", "address6"] as const)
      expect(await traceroute(customer(who).namespace, VM[family])).toEqual([ROUTER[family], VM[family]]);
  });

  it("takes packets as large as its tags leave room, and says how large that is", async () => {
    const mtuBytes = mtuOf(who);
    const from = vm(who).namespace;
    for (const [address, headers] of [
      [CUSTOMER.address4, 28],
      [CUSTOMER.address6, 48],
    ] as const) {
      const fits = { payloadBytes: mtuBytes - headers, dontFragment: true };
      expect(await ping(from, address, fits), `${mtuBytes} to ${address}`).toMatchObject({ sent: 3, lost: [] });
      if (mtuBytes === 1500) continue; // more does not leave the VM
      const { result, text } = await pingText(from, address, {
        ...fits,
        payloadBytes: mtuBytes - headers + 1,
        waitMs: 300,
      });
      expect(result.received).toBe(0);
      expect(text).toMatch(new RegExp(`mtu ?= ?${mtuBytes}`));
    }
  });
});

it("shows the peers that it learned", async () => {
  const shown = await network.made.edge.run("show", "circuits");
  for (const { name, mac } of CUSTOMERS) expect(shown, name).toContain(mac);
});

it("asks for a peer that has not spoken, in either family", async () => {
  const red = find("red");
  await network.made.edge.run("detach", "--all");
  await network.made.edge.run("apply");
  for (const address of [CUSTOMER.address4, CUSTOMER.address6]) {
    const result = await ping(vm(red).namespace, address, { count: 6, intervalMs: 100, waitMs: 500 });
    expect(result.received, address).toBeGreaterThanOrEqual(4);
  }
});

// XDP's frames are not seen at the port that they leave by: what arrives at the switch is looked at.
it("writes tags of the circuit's own types", async () => {
  const fields = ["eth.src", "eth.type", "ieee8021ad.id", "vlan.id", "vlan.etype"];
  const mac = await portMac();
  const { frames } = await capture(network.fabric.at("switch"), "trunk", "", fields, async () => {
    for (const who of CUSTOMERS) await expectPings(customer(who), vm(who), 3);
  });
  const sent = frames.filter((frame) => frame["eth.src"] === mac);
  const shapes = new Set(
    sent.map((frame) =>
      fields
        .slice(1)
        .map((field) => frame[field] || "-")
        .join(" "),
    ),
  );
  expect([...shapes].sort()).toEqual([
    "0x0800 - - -",
    "0x8100 - 100 0x0800",
    "0x8100 - 100 0x86dd",
    "0x8100 - 200 0x0800",
    "0x8100 - 200 0x86dd",
    "0x86dd - - -",
    "0x88a8 300 7 0x0800",
    "0x88a8 300 7 0x86dd",
  ]);
});

describe("frames of no circuit", () => {
  it.each([
    ["another VLAN", [{ type: "802.1q", id: 101 }]],
    ["the right VLAN with the other tag type", [{ type: "802.1ad", id: 100 }]],
    [
      "an inner tag that is not the circuit's",
      [
        { type: "802.1ad", id: 300 },
        { type: "802.1q", id: 8 },
      ],
    ],
    ["only the outer one of two tags", [{ type: "802.1ad", id: 300 }]],
    [
      "one tag too many",
      [
        { type: "802.1q", id: 100 },
        { type: "802.1q", id: 7 },
      ],
    ],
  ] as const)("reach nobody: %s", async (_, tags) => {
    const red = find("red");
    await setVlans(network.made.ovs, "br0", "trunk", [{ port: red.port, tags }]);
    const mac = await portMac();
    await ip(customer(red).namespace, `neigh replace ${ROUTER.address4} lladdr ${mac} dev c0 nud permanent`);
    const meter = await network.made.edge.meter();
    const drops = await dropsWhile(network.made.edge, async () => {
      expect(await ping(customer(red).namespace, VM.address4, { count: 5, waitMs: 300 })).toMatchObject({
        ...{ sent: 5, received: 0 },
      });
    });
    expect((await meter())("s1").txPackets).toBe(0);
    expect(drops).toEqual({});
    await ip(customer(red).namespace, `neigh del ${ROUTER.address4} dev c0`);
    await setVlans(network.made.ovs, "br0", "trunk", CUSTOMERS);
  });
});
