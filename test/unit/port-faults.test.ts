import { describe, expect, it } from "vitest";
import type { Link } from "../../src/bpf/rtnetlink.ts";
import type { Situation } from "../../src/dataplane/port-faults.ts";
import { driverFaults, faultText, portFaults } from "../../src/dataplane/port-faults.ts";

const nic: Link = { ifindex: 5, name: "e0", mtu: 1500, up: true, running: true, loopback: false };
const veth: Link = { ...nic, kind: "veth", peerIfindex: 6 };

const textsOf = (change: Partial<Situation>): string[] =>
  portFaults({ link: nic, mode: "native", offloads: {}, all: [nic], takesRedirects: true, ...change }).map(faultText);

describe("a veth", () => {
  const peer = (offloads: Record<string, boolean>) => ({ name: "p0", offloads });

  it("is asked for finished checksums where its peer is out of sight, or leaves them unfinished", () => {
    expect(textsOf({ link: veth }).at(-1)).toContain("ethtool -K PEER tx off");
    expect(textsOf({ link: veth, peer: peer({ "tx-checksum-ip-generic": true }) })).toEqual([
      "e0 is a veth whose peer p0 leaves checksums unfinished, and XDP cannot finish them (ethtool -K p0 tx off)",
    ]);
    expect(textsOf({ link: veth, peer: peer({ "tx-checksum-ip-generic": false }) })).toEqual([]);
    expect(textsOf({ link: veth, mode: "generic" })).toEqual([]);
  });

  it("is told what becomes of redirected frames", () => {
    const silent = peer({});
    expect(textsOf({ link: veth, peer: silent, takesRedirects: false })[0]).toMatch(
      /e0 is a veth and drops .*ethtool -K p0 gro off; ethtool -K p0 gro on/,
    );
    expect(textsOf({ link: veth, takesRedirects: undefined })[0]).toMatch(/GRO on before e0 comes up/);
    expect(textsOf({ link: { ...veth, up: false }, takesRedirects: false })[0]).toMatch(/GRO on before e0 comes up/);
  });
});

describe("a NIC", () => {
  it("whose driver cannot send what XDP redirects is told", () => {
    expect(textsOf({})).toEqual([]);
    expect(textsOf({ takesRedirects: undefined })).toEqual([]);
    expect(textsOf({ takesRedirects: false })[0]).toMatch(/^e0 drops what XDP redirects to it.*--mode generic/);
    expect(textsOf({ link: { ...nic, up: false }, takesRedirects: false })).toEqual([]);
  });

  it("that merges frames is told, in native mode", () => {
    expect(textsOf({ offloads: { "rx-lro": true, "rx-gro-hw": false } })).toEqual([
      "e0 merges frames as they come (rx-lro), and XDP must see each (ethtool -K e0 lro off)",
    ]);
    expect(textsOf({ offloads: { "rx-lro": true }, mode: "generic" })).toEqual([]);
  });

  it("that is a tap has a VM to be told", () => {
    expect(textsOf({ link: { ...nic, kind: "tun" } })[0]).toContain("csum=off");
  });
});

describe("devices around a port", () => {
  const above = (kind: string): Link => ({ ...nic, ifindex: 9, name: "x9", kind });

  it.each([
    ["bridge", "e0 is a port of the bridge x9, which gets nothing that is a circuit's or a tunnel's"],
    ["bond", "e0 belongs to the bond x9, which receives and sends through any of its ports"],
    ["team", "e0 belongs to the team x9, which receives and sends through any of its ports"],
  ])("it belongs to a %s", (kind, what) => {
    const link = { ...nic, master: 9 };
    const [text] = textsOf({ link, all: [link, above(kind)], mode: "generic" });
    expect(text).toContain(what);
    expect(text).toContain("ip link set dev e0 nomaster");
  });

  it("a VRF is no fault", () => {
    const link = { ...nic, master: 9 };
    expect(textsOf({ link, all: [link, above("vrf")] })).toEqual([]);
  });

  it.each(["vlan", "macvlan", "ipvlan"])("a %s is on top of it", (kind) => {
    const upper = { ...above(kind), peerIfindex: 5 };
    expect(textsOf({ all: [nic, upper] })).toEqual([expect.stringContaining(`x9 (${kind}) is on top of e0`)]);
    expect(textsOf({ all: [nic, { ...upper, peerIfindex: 7 }, { ...upper, kind: "veth" }] })).toEqual([]);
  });

  it("it is a VLAN device itself", () => {
    const link = { ...nic, kind: "vlan", peerIfindex: 9 };
    expect(textsOf({ link, all: [link, { ...above("vlan"), kind: "veth", name: "e9" }] })[0]).toMatch(
      /e0 is a VLAN device.*attach e9, and give the circuit a vlan/,
    );
  });
});

describe("a driver that refuses", () => {
  it("may have been asked for too large an MTU, or to merge frames", () => {
    expect(driverFaults(nic, {})).toEqual([]);
    const faults = driverFaults({ ...nic, mtu: 9000 }, { "rx-gro-hw": true });
    expect(faults.map(({ remedy }) => remedy)).toEqual(["ip link set dev e0 mtu 1500", "ethtool -K e0 rx-gro-hw off"]);
    expect(faults[0]?.what).toContain("MTU of 9000");
  });
});
