// VXLAN to and from the kernel's own device: over each family, with and without UDP checksums, both families inside.
//
//   customer ── e0 [edge] e1 ── underlay ─┬─ zero4   VM on a VXLAN device
//                                         ├─ zero6   takes UDP checksum 0 over IPv6
//                                         ├─ full4   sends checksums
//                                         └─ full6   sends checksums, and refuses packets without

import { describe, expect, it } from "vitest";
import { addKernelTunnel, type Fabric } from "../../lab/fabric.ts";
import { connect, ip } from "../../lab/network.ts";
import { capture, ping } from "../../lab/traffic.ts";
import { dropsWhile, expectPings, expectTransfers, hostOf, useFabric, warmUp } from "../support/fabric.ts";

const VNI = 100;
const EDGE = { address4: "10.2.0.1", address6: "2001:db8:2::1", mac: "02:00:0a:02:00:01" };
const CUSTOMER = { address4: "10.1.0.2", address6: "2001:db8:1::2" };

interface Server {
  readonly name: string;
  readonly profile: "plain" | "checked";
  readonly outer: 4 | 6;
  readonly number: number;
  /** Words for `ip link add … type vxlan`. */
  readonly options: string;
}

const SERVERS: readonly Server[] = [
  { name: "zero4", profile: "plain", outer: 4, number: 11, options: "noudpcsum" },
  { name: "zero6", profile: "plain", outer: 6, number: 12, options: "udp6zerocsumtx udp6zerocsumrx" },
  { name: "full4", profile: "checked", outer: 4, number: 13, options: "udpcsum" },
  { name: "full6", profile: "checked", outer: 6, number: 14, options: "noudp6zerocsumtx noudp6zerocsumrx" },
];

const remote = ({ outer, number }: Server) => (outer === 4 ? `10.2.0.${number}` : `2001:db8:2::${number}`);
const vmOf = ({ number }: Server) => ({
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
  plain: {udpChecksum: zero}
  checked: {udpChecksum: full}
servers:
${SERVERS.map((server) => `  ${server.name}: {address: "${remote(server)}", profile: ${server.profile}}\n`).join("")}tenants:
  acme:
    vni: ${VNI}
    circuits:
      hq: {interface: e0, address: 10.1.0.1/24, peer: ${CUSTOMER.address4}, address6: "2001:db8:1::1/64", peer6: "${CUSTOMER.address6}"}
    routes:
      - {prefix: 10.1.0.0/24, circuit: hq}
      - {prefix: "2001:db8:1::/64", circuit: hq}
    vms:
${SERVERS.map((server) => {
  const { mac, address4, address6 } = vmOf(server);
  return [address4, address6].map((address) => `      "${address}": {server: ${server.name}, mac: ${mac}}\n`).join("");
}).join("")}`;

/** The server's device, in its VM's namespace. */
async function addTunnel(fabric: Fabric, server: Server, options = server.options): Promise<void> {
  const { name, outer } = server;
  const { mac, address4, address6 } = vmOf(server);
  await addKernelTunnel(
    fabric.at(name),
    fabric.at(`vm-${name}`),
    { device: "eth0", vni: VNI, local: remote(server), remote: outer === 4 ? EDGE.address4 : EDGE.address6, options },
    { mac, addresses: [`${address4}/32`, `${address6}/128`], mtuBytes: 1400 },
    EDGE.mac,
  );
}

const network = useFabric(async (fabric) => {
  await fabric.add("customer", "edge", ...SERVERS.flatMap(({ name }) => [name, `vm-${name}`]));
  await fabric.addBridge("underlay");
  const addresses = [`${CUSTOMER.address4}/24`, `${CUSTOMER.address6}/64`];
  await connect(
    { namespace: fabric.at("customer"), name: "c0", address: addresses, gro: true },
    { namespace: fabric.at("edge"), name: "e0" },
  );
  await ip(fabric.at("customer"), "route add default via 10.1.0.1", "route add default via 2001:db8:1::1");
  await fabric.plug("edge", "e1", "underlay", { address: [`${EDGE.address4}/24`, `${EDGE.address6}/64`] });
  for (const server of SERVERS) {
    const prefix = server.outer === 4 ? 24 : 64;
    await fabric.plug(server.name, "u0", "underlay", { address: `${remote(server)}/${prefix}` });
    await addTunnel(fabric, server);
  }
  const edge = await fabric.edge("edge", document);
  await edge.run("apply");
  return { edge };
});

const customer = () => hostOf(network.fabric.at("customer"), CUSTOMER.address4, CUSTOMER.address6);
const vm = (server: Server) => {
  const { address4, address6 } = vmOf(server);
  return hostOf(network.fabric.at(`vm-${server.name}`), address4, address6);
};
const find = (name: string): Server => {
  const found = SERVERS.find((server) => server.name === name);
  if (!found) throw new Error(`find server ${name}: not in this network`);
  return found;
};

describe.each(SERVERS)("the kernel's VXLAN over IPv$outer, $profile: $name", (server) => {
  it("pings both ways, IPv4 and IPv6 inside", async () => {
    await warmUp(customer(), vm(server));
    const meter = await network.made.edge.meter();
    await expectPings(customer(), vm(server));
    expect((await meter())(server.name)).toEqual({ txPackets: 40, rxPackets: 40 });
  });

  it("carries TCP both ways, IPv4 and IPv6 inside", async () => {
    await expectTransfers(customer(), vm(server), 8 << 20);
  });
});

describe("UDP checksums", () => {
  it("are right where the profile has them, and zero where not", async () => {
    const fields = ["udp.checksum", "udp.checksum.status", "ip.dst", "ipv6.dst"];
    const { frames } = await capture(
      network.fabric.at("underlay"),
      "to-edge",
      "udp port 4789",
      fields,
      async () => {
        for (const server of SERVERS) {
          const { address4, address6 } = vmOf(server);
          for (const address of [address4, address6]) await ping(customer().namespace, address, { count: 5 });
        }
      },
      ["-o", "udp.check_checksum:TRUE"],
    );
    for (const server of SERVERS) {
      const sent = frames.filter((frame) =>
        `${frame["ip.dst"]},${frame["ipv6.dst"]}`.split(",").includes(remote(server)),
      );
      expect(sent.length, server.name).toBe(10);
      for (const frame of sent) {
        const checksum = frame["udp.checksum"]?.split(",")[0];
        if (server.profile === "plain") expect(Number(checksum), server.name).toBe(0);
        else expect(frame["udp.checksum.status"]?.split(",")[0], `${server.name} ${checksum}`).toBe("1"); // good
      }
    }
  });

  it.each(["full4", "full6"])("must be there from %s, whose profile has them", async (name) => {
    const server = find(name);
    const guest = network.fabric.at(`vm-${name}`);
    const remake = async (options: string) => {
      await ip(guest, "link delete eth0");
      await addTunnel(network.fabric, server, options);
    };
    await remake(server.outer === 4 ? "noudpcsum" : "udp6zerocsumtx noudp6zerocsumrx");
    const drops = await dropsWhile(network.made.edge, async () => {
      expect(await ping(guest, CUSTOMER.address4, { count: 5, waitMs: 300 })).toMatchObject({ sent: 5, received: 0 });
    });
    expect(drops.bad_checksum).toBeGreaterThanOrEqual(5);
    await remake(server.options);
    await warmUp(customer(), vm(server));
    await expectPings(customer(), vm(server), 3);
  });
});
