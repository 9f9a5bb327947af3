// The path between edge and server becomes narrower than its ends.
//
//   customer ── e0 [edge] e1 ── [router] narrow ── [server] ─┬─ vm4   tunnels over IPv4
//                                                            └─ vm6   tunnels over IPv6

import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { addKernelTunnel } from "../../lab/fabric.ts";
import { connect, ip, type Namespace, runIn } from "../../lab/network.ts";
import { ping, transfer } from "../../lab/traffic.ts";
import { expectPings, hostOf, useFabric, warmUp } from "../support/fabric.ts";

const VNI = 100;
const EDGE = { address4: "10.2.0.1", address6: "2001:db8:2::1", mac: "02:00:0a:02:00:01" };
const SERVER = { address4: "10.3.0.2", address6: "2001:db8:3::2" };
const CUSTOMER = { address4: "10.1.0.2", address6: "2001:db8:1::2" };
const NARROW_BYTES = 1400;
const TRANSFER_BYTES = 100_000_000;

interface Path {
  readonly outer: 4 | 6;
  /** Outer IP, UDP, VXLAN and Ethernet headers. */
  readonly overheadBytes: number;
}

const PATHS: readonly Path[] = [
  { outer: 4, overheadBytes: 50 },
  { outer: 6, overheadBytes: 70 },
];

const vmOf = ({ outer }: Path) => ({
  name: `vm${outer}`,
  mac: `02:00:00:00:00:0${outer}`,
  address4: `172.16.0.${outer}`,
  address6: `2001:db8:16::${outer}`,
});

const document = `version: 1
edge:
  address: ${EDGE.address4}
  address6: ${EDGE.address6}
  interfaces:
    - {name: e0, role: access}
    - {name: e1, role: underlay}
profiles:
  default: {ttl: 64}
servers:
  s4: {address: ${SERVER.address4}}
  s6: {address: "${SERVER.address6}"}
tenants:
  acme:
    vni: ${VNI}
    circuits:
      hq: {interface: e0, address: 10.1.0.1/24, peer: ${CUSTOMER.address4}, address6: "2001:db8:1::1/64", peer6: "${CUSTOMER.address6}"}
    routes:
      - {prefix: 10.1.0.0/24, circuit: hq}
      - {prefix: "2001:db8:1::/64", circuit: hq}
    vms:
${PATHS.map((path) => {
  const { mac, address4, address6 } = vmOf(path);
  return [address4, address6].map((address) => `      "${address}": {server: s${path.outer}, mac: ${mac}}\n`).join("");
}).join("")}`;

const network = useFabric(async (fabric) => {
  await fabric.add("customer", "edge", "server", "vm4", "vm6");
  await fabric.addRouter("router");
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
  await connect(
    { namespace: fabric.at("edge"), name: "e1", address: [`${EDGE.address4}/24`, `${EDGE.address6}/64`] },
    { namespace: fabric.at("router"), name: "wide", address: ["10.2.0.254/24", "2001:db8:2::fe/64"], gro: true },
  );
  await connect(
    { namespace: fabric.at("router"), name: "narrow", address: ["10.3.0.254/24", "2001:db8:3::fe/64"] },
    { namespace: fabric.at("server"), name: "u0", address: [`${SERVER.address4}/24`, `${SERVER.address6}/64`] },
  );
  await ip(fabric.at("edge"), "route add default via 10.2.0.254", "route add default via 2001:db8:2::fe");
  await ip(fabric.at("server"), "route add default via 10.3.0.254", "route add default via 2001:db8:3::fe");
  for (const path of PATHS) {
    const { name, mac, address4, address6 } = vmOf(path);
    const [local, remote] = path.outer === 4 ? [SERVER.address4, EDGE.address4] : [SERVER.address6, EDGE.address6];
    const options = path.outer === 4 ? "" : "udp6zerocsumrx";
    const guest = { mac, addresses: [`${address4}/32`, `${address6}/128`], mtuBytes: 1500 - path.overheadBytes };
    const tunnel = { device: "eth0", vni: VNI, local, remote, options };
    await addKernelTunnel(fabric.at("server"), fabric.at(name), tunnel, guest, EDGE.mac);
  }
  const edge = await fabric.edge("edge", document);
  await edge.run("apply");
  return { edge };
});

const customer = () => hostOf(network.fabric.at("customer"), CUSTOMER.address4, CUSTOMER.address6);
const vm = (path: Path) => hostOf(network.fabric.at(`vm${path.outer}`), vmOf(path).address4, vmOf(path).address6);
const setPath = (mtuBytes: number) => ip(network.fabric.at("router"), `link set narrow mtu ${mtuBytes}`);
const cases = PATHS.flatMap((path) =>
  (["address4", "address6"] as const).map((family) => ({ ...path, family, inner: family === "address4" ? 4 : 6 })),
);

/** Bytes that a device received. */
async function receivedBytes(namespace: Namespace, device: string): Promise<number> {
  const [link] = JSON.parse(await runIn(namespace, ["ip", "-json", "-statistics", "link", "show", device]));
  return Number(link.stats64.rx.bytes);
}

/** "Too big" messages of either family that a namespace's kernel sent. */
async function tooBigSent(namespace: Namespace): Promise<number> {
  const text = await runIn(namespace, ["nstat", "-asz", "IcmpOutDestUnreachs", "Icmp6OutPktTooBigs"]);
  return [...text.matchAll(/^Icmp\S+ +(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Lets no "too big" out of a namespace's kernel, or none into it, until the rules are taken away. */
async function filterTooBig(namespace: Namespace, hook: "input" | "output"): Promise<() => Promise<void>> {
  const rules = `table inet narrow {
  chain filter {
    type filter hook ${hook} priority 0; policy accept;
    icmp type destination-unreachable icmp code 4 counter drop
    icmpv6 type packet-too-big counter drop
  }
}`;
  await runIn(namespace, ["nft", "-f", "-"], { input: rules });
  return async () => {
    await runIn(namespace, ["nft", "delete", "table", "inet", "narrow"]);
  };
}

beforeAll(async () => {
  for (const path of PATHS) await warmUp(customer(), vm(path));
});

// Before the edge is told anything about the path: what it has learned it keeps for ten minutes.
describe("a path of 1400 bytes whose messages are filtered, here and at the customer", () => {
  beforeAll(async () => {
    const restore = [
      await filterTooBig(network.fabric.at("router"), "output"),
      await filterTooBig(network.fabric.at("customer"), "input"),
    ];
    await setPath(NARROW_BYTES);
    // The messages are let through last: a transfer that stalled goes on sending for a while after its end, and what it would
    // be told the customer would know for ten minutes.
    return async () => {
      await setPath(1500);
      await network.made.edge.run("profile", "set", "default", "--mtu", "none", "--mss-clamp", "off");
      for (const undo of restore) await undo();
    };
  });

  it("swallows what is larger: without the clamp, no TCP transfer", async () => {
    for (const path of PATHS) {
      await expectPings(customer(), vm(path), 3);
      const size = { payloadBytes: NARROW_BYTES - path.overheadBytes - 27, dontFragment: true, waitMs: 300 };
      expect(await ping(customer().namespace, vmOf(path).address4, size)).toMatchObject({ sent: 3, received: 0 });
      const before = await receivedBytes(vm(path).namespace, "eth0");
      const [from, to] = [customer().namespace, vm(path).namespace];
      const stalled = transfer(from, to, vmOf(path).address4, 1 << 20, { idleMs: 3000 }).catch(() => "stalled");
      expect(await stalled).toBe("stalled");
      expect((await receivedBytes(vm(path).namespace, "eth0")) - before).toBeLessThan(100_000);
    }
  });

  it.each(cases)(
    "carries 100 MB of TCP over IPv$outer, IPv$inner inside, with MTU and clamp in the profile",
    async (path) => {
      await network.made.edge.run("profile", "set", "default", "--mtu", String(NARROW_BYTES), "--mss-clamp", "auto");
      const there = await transfer(customer().namespace, vm(path).namespace, vmOf(path)[path.family], TRANSFER_BYTES);
      expect(there).toMatchObject({ intact: true, received: { bytes: TRANSFER_BYTES } });
    },
  );
});

describe("a path that shrinks to 1400 bytes in the middle of a transfer", () => {
  it.each(cases)("carries 100 MB of TCP over IPv$outer, IPv$inner inside", async (path) => {
    const { edge } = network.made;
    await setPath(1500);
    // What was learned in another case is forgotten with the endpoint's address.
    const address = path.outer === 4 ? SERVER.address4 : SERVER.address6;
    for (const at of [`${address}9`, address]) await edge.run("server", "set", `s${path.outer}`, "--address", at);
    const told = await tooBigSent(network.fabric.at("router"));
    const began = await receivedBytes(vm(path).namespace, "eth0");
    const arrived = async () => (await receivedBytes(vm(path).namespace, "eth0")) - began;
    const running = transfer(customer().namespace, vm(path).namespace, vmOf(path)[path.family], TRANSFER_BYTES);
    running.catch(() => {}); // told below
    while ((await arrived()) < TRANSFER_BYTES / 5) await sleep(10);
    const left = TRANSFER_BYTES - (await arrived());
    await setPath(NARROW_BYTES);
    expect(await running).toMatchObject({ intact: true, received: { bytes: TRANSFER_BYTES } });
    expect(left, "the path shrank too late").toBeGreaterThan(TRANSFER_BYTES / 10);
    const messages = (await tooBigSent(network.fabric.at("router"))) - told;
    expect(messages).toBeGreaterThan(0);
    expect(messages, "the edge goes on sending what does not fit").toBeLessThan(2000);

    // The customer is told by the edge from now on, not by the path.
    const fits = { payloadBytes: NARROW_BYTES - path.overheadBytes - 28, dontFragment: true };
    expect(await ping(customer().namespace, vmOf(path).address4, fits)).toMatchObject({ sent: 3, lost: [] });
    expect(await edge.run("show", "servers")).toContain(String(NARROW_BYTES));
  });
});
