// Frames beyond one page, and ports whose XDP program runs in the stack.

import { describe, expect, it } from "vitest";
import { addKernelTunnel } from "../../lab/fabric.ts";
import { connect, ip, runIn } from "../../lab/network.ts";
import { ping, pingText } from "../../lab/traffic.ts";
import { expectPings, expectTransfers, hostOf, useFabric, warmUp } from "../support/fabric.ts";

const VNI = 100;
const EDGE = { address4: "10.2.0.1", address6: "2001:db8:2::1", mac: "02:00:0a:02:00:01" };
const SERVERS = [
  { name: "s4", local: "10.2.0.2", remote: EDGE.address4, options: "", overheadBytes: 50 },
  { name: "s6", local: "2001:db8:2::2", remote: EDGE.address6, options: "udp6zerocsumrx", overheadBytes: 70 },
] as const;
const CUSTOMER = { address4: "10.1.0.2", address6: "2001:db8:1::2" };
const vmOf = (index: number) => ({
  mac: `02:00:00:00:00:0${index + 5}`,
  address4: `172.16.0.${index + 5}`,
  address6: `2001:db8:16::${index + 5}`,
});

const documentFor = (mode: "native" | "generic") => `version: 1
edge:
  address: ${EDGE.address4}
  address6: ${EDGE.address6}
  interfaces:
    - {name: e0, role: access, mode: ${mode}}
    - {name: e1, role: underlay, mode: ${mode}}
servers:
${SERVERS.map(({ name, local }) => `  ${name}: {address: "${local}"}\n`).join("")}tenants:
  acme:
    vni: ${VNI}
    circuits:
      hq: {interface: e0, address: 10.1.0.1/24, peer: ${CUSTOMER.address4}, address6: "2001:db8:1::1/64", peer6: "${CUSTOMER.address6}"}
    routes:
      - {prefix: 10.1.0.0/24, circuit: hq}
      - {prefix: "2001:db8:1::/64", circuit: hq}
    vms:
${SERVERS.map(({ name }, index) => {
  const { mac, address4, address6 } = vmOf(index);
  return [address4, address6].map((address) => `      "${address}": {server: ${name}, mac: ${mac}}\n`).join("");
}).join("")}`;

describe.each([
  { title: "jumbo frames", mode: "native", mtuBytes: 9000 },
  { title: "generic mode", mode: "generic", mtuBytes: 1500 },
] as const)("$title", ({ mode, mtuBytes }) => {
  const underlayBytes = mtuBytes + 100;
  const network = useFabric(async (fabric) => {
    await fabric.add("customer", "edge", ...SERVERS.flatMap(({ name }) => [name, `vm-${name}`]));
    await fabric.addBridge("underlay", underlayBytes);
    const addresses = [`${CUSTOMER.address4}/24`, `${CUSTOMER.address6}/64`];
    await connect(
      { namespace: fabric.at("customer"), name: "c0", address: addresses, mtuBytes, gro: true },
      { namespace: fabric.at("edge"), name: "e0", mtuBytes },
    );
    await ip(fabric.at("customer"), "route add default via 10.1.0.1", "route add default via 2001:db8:1::1");
    const vteps = [`${EDGE.address4}/24`, `${EDGE.address6}/64`];
    await fabric.plug("edge", "e1", "underlay", { address: vteps, mtuBytes: underlayBytes });
    for (const [index, { name, local, remote, options }] of SERVERS.entries()) {
      const prefix = local.includes(":") ? 64 : 24;
      await fabric.plug(name, "u0", "underlay", { address: `${local}/${prefix}`, mtuBytes: underlayBytes });
      const { mac, address4, address6 } = vmOf(index);
      const guest = { mac, addresses: [`${address4}/32`, `${address6}/128`], mtuBytes };
      const tunnel = { device: "eth0", vni: VNI, local, remote, options };
      await addKernelTunnel(fabric.at(name), fabric.at(`vm-${name}`), tunnel, guest, EDGE.mac);
    }
    const edge = await fabric.edge("edge", documentFor(mode));
    await edge.run("apply");
    return { edge };
  });
  const customer = () => hostOf(network.fabric.at("customer"), CUSTOMER.address4, CUSTOMER.address6);
  const vm = (index: number) =>
    hostOf(network.fabric.at(`vm-${SERVERS[index]?.name}`), vmOf(index).address4, vmOf(index).address6);

  it("has its program where it was asked for", async () => {
    const links: { ifname: string; xdp?: { mode: number } }[] = JSON.parse(
      await runIn(network.fabric.at("edge"), ["ip", "-json", "-details", "link"]),
    );
    // XDP_ATTACHED_DRV and XDP_ATTACHED_SKB of linux/if_link.h.
    const modes = links.filter(({ ifname }) => ifname.startsWith("e")).map(({ xdp }) => xdp?.mode);
    expect(modes).toEqual([mode === "native" ? 1 : 2, mode === "native" ? 1 : 2]);
  });

  it.each([0, 1])("carries packets up to the size of the port, to server %i", async (index) => {
    await warmUp(customer(), vm(index));
    await expectPings(customer(), vm(index));
    for (const [address, back, headers] of [
      [vmOf(index).address4, CUSTOMER.address4, 28],
      [vmOf(index).address6, CUSTOMER.address6, 48],
    ] as const) {
      for (const bytes of [mtuBytes, mtuBytes - 1, 4096, 3500].filter((bytes) => bytes <= mtuBytes)) {
        const size = { payloadBytes: bytes - headers, dontFragment: true };
        expect(await ping(customer().namespace, address, size), `${bytes} to ${address}`).toMatchObject({ lost: [] });
        expect(await ping(vm(index).namespace, back, size), `${bytes} to ${back}`).toMatchObject({ lost: [] });
      }
    }
  });

  it.each([0, 1])("carries TCP both ways, to server %i", async (index) => {
    await expectTransfers(customer(), vm(index), 16 << 20);
  });

  it("answers what is too big with the size that fits", async () => {
    await network.made.edge.run("profile", "set", "default", "--mtu", "1400");
    for (const [index, { overheadBytes }] of SERVERS.entries()) {
      const size = { payloadBytes: 1400, dontFragment: true, waitMs: 300 };
      const { result, text } = await pingText(customer().namespace, vmOf(index).address4, size);
      expect(result.received).toBe(0);
      expect(text).toMatch(new RegExp(`mtu ?= ?${1400 - overheadBytes}`));
    }
    await network.made.edge.run("profile", "set", "default", "--mtu", "none");
  });
});
