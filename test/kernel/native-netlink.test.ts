// Links, addresses, routes and neighbours of a namespace made here.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NetlinkChanges } from "../../src/bpf/rtnetlink.ts";
import {
  addresses,
  links,
  neighbour,
  neighbours,
  probeNeighbour,
  routeTo,
  sendFrame,
  watchNetlink,
} from "../../src/bpf/rtnetlink.ts";
import { frameOf, networkNamespace, openDescriptors, refusal, run } from "./native-support.ts";

describe("rtnetlink", () => {
  let near: ReturnType<typeof networkNamespace>;
  const far = `native-far-${process.pid}`;
  const byName = (name: string) => links().find((link) => link.name === name);

  beforeAll(() => {
    near = networkNamespace();
    run(`ip netns add ${far} && ip link add v0 mtu 1450 address 02:00:00:00:00:01 type veth peer name v1 netns ${far}`);
    run("ip addr add 10.9.0.1/24 dev v0 && ip -6 addr add fd09::1/64 dev v0 nodad && ip link set v0 up");
    run(`ip -n ${far} link set v1 address 02:00:00:00:00:02 && ip -n ${far} addr add 10.9.0.2/24 dev v1`);
    run(`ip -n ${far} -6 addr add fd09::2/64 dev v1 nodad && ip -n ${far} link set v1 up`);
    run("ip link add br0 type bridge && ip link add d0 type veth peer name d1 && ip link set d0 master br0");
    run("ip route add 10.20.0.0/16 via 10.9.0.2 mtu 1300 && ip route add unreachable 10.30.0.0/16");
    run("ip route add prohibit 10.31.0.0/16 && ip route add blackhole 10.32.0.0/16");
    run("ip route add 10.40.0.0/16 via inet6 fd09::2 dev v0");
  });
  afterAll(() => {
    run(`ip netns del ${far}`);
    near[Symbol.dispose]();
  });

  it("lists links as they are", () => {
    const v0 = byName("v0");
    expect(v0).toMatchObject({
      mac: "02:00:00:00:00:01",
      mtu: 1450,
      up: true,
      running: true,
      kind: "veth",
      loopback: false,
    });
    expect(v0?.peerIfindex).toBeGreaterThan(0);
    expect(v0?.peerNamespaceId).toBeGreaterThanOrEqual(0);
    expect(v0).not.toHaveProperty("xdp");
    expect(byName("lo")).toMatchObject({ ifindex: 1, loopback: true, mac: "00:00:00:00:00:00" });
    expect(byName("d0")).toMatchObject({ kind: "veth", master: byName("br0")?.ifindex, up: false });
  });

  it("lists addresses of both families", () => {
    const { ifindex } = byName("v0") ?? { ifindex: 0 };
    const mine = addresses().filter((address) => address.ifindex === ifindex);
    expect(mine).toContainEqual({ ifindex, family: 4, address: "10.9.0.1", prefixLength: 24 });
    expect(mine).toContainEqual({ ifindex, family: 6, address: "fd09::1", prefixLength: 64 });
  });

  it("finds routes, and says where there is none", () => {
    const { ifindex } = byName("v0") ?? { ifindex: 0 };
    expect(routeTo("10.9.0.2")).toEqual({ type: "unicast", ifindex, source: "10.9.0.1" });
    expect(routeTo("10.20.1.1")).toEqual({
      type: "unicast",
      ifindex,
      gateway: "10.9.0.2",
      source: "10.9.0.1",
      mtu: 1300,
    });
    expect(routeTo("10.40.1.1")).toMatchObject({ type: "unicast", ifindex, gateway: "fd09::2" });
    expect(routeTo("fd09::2")).toMatchObject({ type: "unicast", ifindex });
    expect(routeTo("10.9.0.1")).toMatchObject({ type: "local", ifindex: 1 });
    for (const nowhere of ["192.0.2.1", "10.30.0.1", "10.31.0.1", "10.32.0.1"])
      expect(routeTo(nowhere)).toBeUndefined();
    for (const wrong of ["10.9.0", "10.9.0.2/24", "010.9.0.2", "host"]) {
      expect(refusal(() => routeTo(wrong)).message).toMatch(/expected an IPv4 or IPv6 address/);
    }
  });

  it("has the kernel resolve a neighbour", async () => {
    const { ifindex } = byName("v0") ?? { ifindex: 0 };
    expect(neighbour(ifindex, "10.9.0.2")).toBeUndefined();
    for (const address of ["10.9.0.2", "fd09::2"]) {
      probeNeighbour(ifindex, address);
      await expect
        .poll(() => neighbour(ifindex, address), { timeout: 5000 })
        .toEqual({
          ifindex,
          address,
          mac: "02:00:00:00:00:02",
          state: expect.stringMatching(/^(reachable|stale|delay)$/),
        });
    }
    expect(
      neighbours()
        .filter(({ mac }) => mac === "02:00:00:00:00:02")
        .map(({ address }) => address),
    ).toEqual(expect.arrayContaining(["10.9.0.2", "fd09::2"]));
    run("ip neigh add 10.9.0.77 lladdr 02:00:00:00:00:77 dev v0 nud permanent");
    expect(neighbour(ifindex, "10.9.0.77")).toMatchObject({ state: "permanent", mac: "02:00:00:00:00:77" });
    probeNeighbour(ifindex, "10.9.0.99");
    expect(neighbour(ifindex, "10.9.0.99")).toMatchObject({ state: "incomplete" });
    expect(neighbour(ifindex, "10.9.0.99")).not.toHaveProperty("mac");
    expect(refusal(() => probeNeighbour(4242, "10.9.0.2")).message).toMatch(
      /^ask the kernel for neighbour 10.9.0.2 on interface 4242: no such device \(ENODEV\)$/,
    );
  });

  it("sends frames", () => {
    const { ifindex } = byName("v0") ?? { ifindex: 0 };
    const received = () => Number(run(`ip netns exec ${far} cat /sys/class/net/v1/statistics/rx_packets`));
    const before = received();
    for (let i = 0; i < 10; i++) sendFrame(ifindex, frameOf(100));
    expect(received()).toBeGreaterThanOrEqual(before + 10);
    expect(refusal(() => sendFrame(ifindex, new Uint8Array(13))).message).toMatch(/expected at least 14 bytes, got 13/);
    expect(refusal(() => sendFrame(4242, frameOf(60))).errnoName).toBe("ENXIO");
    expect(refusal(() => sendFrame(ifindex, frameOf(3000))).errnoName).toBe("EMSGSIZE");
  });

  it("reads a list that needs many messages, and leaves nothing open", () => {
    const before = openDescriptors();
    run("ip link add many type bridge && ip link set many up");
    const batch = Array.from({ length: 3000 }, (_, i) => `addr add 10.100.${i >> 8}.${i & 255}/32 dev many`).join("\n");
    run(`printf '%s\n' "${batch}" | ip -batch -`);
    expect(addresses().filter(({ address }) => address.startsWith("10.100.")).length).toBe(3000);
    expect(openDescriptors()).toBe(before);
  });

  it("tells of changes by their kind, and of nothing after it is closed", async () => {
    const descriptors = openDescriptors();
    const told: NetlinkChanges[] = [];
    const watch = watchNetlink((changes) => told.push(changes));
    const tells = async (what: string, ...kinds: (keyof NetlinkChanges)[]): Promise<void> => {
      told.length = 0;
      run(what);
      const isTold = (kind: keyof NetlinkChanges): boolean => told.some((changes) => changes[kind]);
      for (let tries = 0; !kinds.every(isTold) && tries < 500; tries++)
        await new Promise((done) => setTimeout(done, 10));
      for (const kind of kinds) expect(isTold(kind), `${what}: ${kind}`).toBe(true);
    };
    await tells("ip neigh replace 10.9.0.77 lladdr 02:00:00:00:00:77 dev v0 nud permanent", "neighbours");
    await tells("ip route add 10.50.0.0/16 via 10.9.0.2", "routes");
    await tells("ip rule add from 10.99.0.0/16 table 99", "routes");
    await tells("ip link set v0 mtu 1400", "links");
    await tells("ip addr add 10.9.7.1/24 dev v0", "addresses", "routes");
    // Most notices are of one kind.
    expect(told.some(({ neighbours, links: ofLinks }) => !neighbours || !ofLinks)).toBe(true);
    // Of thousands of notices, few calls are made.
    const many = 'seq 0 4999 | awk \'{ print "route add 10.60." int($1 / 256) "." $1 % 256 "/32 via 10.9.0.2" }\'';
    await tells(`${many} | ip -batch -`, "routes");
    expect(told.length).toBeLessThan(1000);
    watch.close();
    watch.close();
    told.length = 0;
    run("ip route del 10.50.0.0/16");
    await new Promise((done) => setTimeout(done, 50));
    expect(told).toEqual([]);
    expect(openDescriptors()).toEqual(descriptors);
  });
});
