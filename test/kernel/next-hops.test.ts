// Next hops of endpoints of both families, over neighbours that answer in a namespace of their own.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { IpAddress } from "../../src/address/index.ts";
import { parseIp, parseMac } from "../../src/address/index.ts";
import { links } from "../../src/bpf/rtnetlink.ts";
import { askPeer, hasAddress, resolveNextHops } from "../../src/netlink/index.ts";
import { networkNamespace, run } from "./native-support.ts";

const FAR_MAC = "02:00:00:00:00:02";

describe("next hops", () => {
  let near: ReturnType<typeof networkNamespace>;
  const far = `hops-far-${process.pid}`;

  beforeAll(() => {
    near = networkNamespace();
    run(`ip netns add ${far} && ip link add h0 mtu 1450 address 02:00:00:00:00:01 type veth peer name h1 netns ${far}`);
    run("ip addr add 10.9.0.1/24 dev h0 && ip -6 addr add 2001:db8:9::1/64 dev h0 nodad && ip link set h0 up");
    run(`ip -n ${far} link set h1 address ${FAR_MAC} && ip -n ${far} addr add 10.9.0.2/24 dev h1`);
    run(`ip -n ${far} -6 addr add 2001:db8:9::2/64 dev h1 nodad && ip -n ${far} -6 addr add fe80::2/64 dev h1 nodad`);
    run(`ip -n ${far} link set h1 up`);
    run("ip -6 route add 2001:db8:20::/48 via fe80::2 dev h0 mtu 1400");
    run("ip -6 route add unreachable 2001:db8:30::/48 && ip -6 route add blackhole 2001:db8:31::/48");
    run("ip link add loop type bridge && ip link set loop up && ip -6 addr add 2001:db8:40::1/128 dev loop nodad");
    // A link-local address of our own is needed to ask from, and duplicate address detection takes its time.
    run("ip -6 addr add fe80::1/64 dev h0 nodad");
  });
  afterAll(() => {
    run(`ip netns del ${far}`);
    near[Symbol.dispose]();
  });

  const resolve = async (addresses: Record<string, string>, waitMs = 3000) =>
    resolveNextHops(
      new Map(Object.entries(addresses).map(([name, address]): [string, IpAddress] => [name, parseIp(address)])),
      { waitMs },
    );
  const ifindex = () => links().find(({ name }) => name === "h0")?.ifindex;

  it("are resolved for both families: on the link, over a router's link-local address, with the route's MTU", async () => {
    const hops = await resolve({ four: "10.9.0.2", six: "2001:db8:9::2", beyond: "2001:db8:20::7" });
    const common = { ifindex: ifindex(), sourceMac: "02:00:00:00:00:01", nextHopMac: FAR_MAC, transmit: "redirect" };
    expect(Object.fromEntries(hops)).toEqual({
      four: { ...common, mtuBytes: 1450 },
      six: { ...common, mtuBytes: 1450 },
      beyond: { ...common, mtuBytes: 1400 },
    });
  });

  it("are left out where nobody answers, where no route leads, and where the endpoint is this machine", async () => {
    const addresses = {
      silent: "2001:db8:9::99",
      nowhere: "2001:db8:99::1",
      unreachable: "2001:db8:30::1",
      blackhole: "2001:db8:31::1",
      self: "2001:db8:9::1",
      other: "2001:db8:40::1",
    };
    expect(await resolve(addresses, 200)).toEqual(new Map());
  });

  it("begin at addresses that this machine has", () => {
    for (const own of ["10.9.0.1", "2001:db8:9::1", "2001:db8:40::1"]) expect(hasAddress(parseIp(own))).toBe(true);
    for (const other of ["10.9.0.2", "2001:db8:9::2"]) expect(hasAddress(parseIp(other))).toBe(false);
  });

  it("of circuits are asked for as the kernel's own neighbours are: the far end answers, and learns us", async () => {
    // The far end takes the question for one of a host of its own, and has an entry for it afterwards.
    const known = (address: string) => run(`ip -n ${far} neigh show ${address} dev h1`);
    for (const [address, peer] of [
      ["10.9.0.77", "10.9.0.2"],
      ["2001:db8:9::77", "2001:db8:9::2"],
    ] as const) {
      expect(known(address)).not.toContain("lladdr");
      askPeer({
        ifindex: ifindex() as number,
        mac: parseMac("02:00:00:00:00:77"),
        tags: {},
        address: parseIp(address),
        peer: parseIp(peer),
      });
      await expect.poll(() => known(address), { timeout: 3000 }).toContain("lladdr 02:00:00:00:00:77");
    }
  });
});
