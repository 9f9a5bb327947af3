// Attaching proves what works: ports whose other end answers, does not, or answers only to the stack; and what is in the way.

import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { XdpLink, xdpAttached, xdpLinkId } from "../../src/bpf/link.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { interfaceFeatures, links } from "../../src/bpf/rtnetlink.ts";
import type { Plane } from "../../src/dataplane/index.ts";
import { findFaults } from "../../src/dataplane/index.ts";
import { parseModel } from "../../src/document/index.ts";
import { attachProven, portNotices } from "../../src/edge/attach.ts";
import { load, newPins, OBJECT, openDescriptors } from "../support/dataplane-kernel.ts";

const run = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });
const far = `attach-far-${process.pid}`;
const FAR = `ip netns exec ${far}`;

let pins: ReturnType<typeof newPins>;
let plane: Plane;
beforeEach(() => {
  run(`ip netns add ${far} && ip -n ${far} link set lo up`);
  run(`ip link add at0 address 02:00:00:00:00:01 type veth peer name at1 netns ${far}`);
  run(`ip -n ${far} link set at1 up && ip link set at0 up`);
  pins = newPins();
  plane = load(pins);
});
afterEach(() => {
  plane.close();
  pins[Symbol.dispose]();
  run(`ip link delete at0 2>/dev/null; ip netns delete ${far}`);
});

const gro = (state: "on" | "off") => run(`${FAR} ethtool -K at1 gro ${state}`);

/** A customer of both families on the far end, untagged. */
function customer(): void {
  run(`ip -n ${far} addr add 10.1.0.2/24 dev at1 && ip -n ${far} -6 addr add 2001:db8:1::2/64 dev at1 nodad`);
}

const MODEL = parseModel(
  `
version: 1
edge: {address: 10.2.0.1, interfaces: [{name: at0, role: access}]}
tenants:
  acme:
    vni: 9
    circuits:
      hq: {interface: at0, address: 10.1.0.1/24, peer: 10.1.0.2, address6: "2001:db8:1::1/64", peer6: "2001:db8:1::2"}
`,
  "test",
).model;

const attach = (mode: "native" | "generic" = "native") =>
  attachProven(plane, { name: "at0", role: "access", mode }, MODEL);

/** The port runs its program, whatever was proven. */
function expectRuns(): void {
  using link = XdpLink.openPinned(pins.link("at0"));
  expect(link.info.programId).toBe(plane.program("access").info.id);
}

describe("a port whose circuit's peer answers", () => {
  test("works, in both modes", () => {
    customer();
    gro("on");
    for (const mode of ["native", "generic"] as const) {
      const { action, proof } = attach(mode);
      expect({ action, proof }).toEqual({
        action: "attached",
        proof: { result: "works", asked: ["10.1.0.2", "2001:db8:1::2"] },
      });
      expectRuns();
    }
    expect(attach("generic")).toEqual({ name: "at0", action: "unchanged", faults: [] });
  });

  test("by IPv6 alone works", () => {
    run(`ip -n ${far} -6 addr add 2001:db8:1::2/64 dev at1 nodad`);
    gro("on");
    expect(attach().proof?.result).toBe("works");
  });

  test("but drops what XDP sends to it receives, and is told why", () => {
    customer();
    gro("off");
    const attached = attach();
    expect(attached.proof?.result).toBe("cannot-send");
    expectRuns();
    const text = portNotices(attached).join("\n");
    expect(text).toContain("at0 receives, but what XDP sends through it does not arrive");
    expect(text).toMatch(/turn GRO on at its peer/);
  });
});

describe("a port where nobody answers", () => {
  /** No router solicitations and the like from the far end. */
  const hush = () => run(`${FAR} sh -c "echo 1 > /proc/sys/net/ipv6/conf/at1/disable_ipv6"`);

  test("is silent, and says who was asked", () => {
    hush();
    const attached = attach();
    expect(attached.proof).toEqual({ result: "silent", asked: ["10.1.0.2", "2001:db8:1::2"] });
    expect(portNotices(attached)[0]).toBe(
      "at0: no packet reached it, though 10.1.0.2, 2001:db8:1::2 had been asked for an answer",
    );
    expectRuns();
  });

  test("and nobody is known to ask proves nothing", () => {
    hush();
    const attached = attachProven(plane, { name: "at0", role: "access", mode: "native" }, undefined);
    expect(attached.proof).toEqual({ result: "silent", asked: [] });
    expect(portNotices(attached)[0]).toContain("nobody was there to ask");
  });

  test("because it is down says so", () => {
    run("ip link set at0 down");
    const attached = attach();
    expect(attached.proof?.result).toBe("down");
    expect(portNotices(attached)[0]).toContain("ip link set dev at0 up");
  });
});

describe("an underlay port", () => {
  test("asks the neighbours that the kernel knows there", () => {
    run("ip addr add 10.2.0.1/24 dev at0 && ip -6 addr add 2001:db8:2::1/64 dev at0 nodad");
    run(`ip -n ${far} addr add 10.2.0.2/24 dev at1 && ip -n ${far} -6 addr add 2001:db8:2::2/64 dev at1 nodad`);
    run("ping -c 1 -W 2 10.2.0.2 && ping -6 -c 1 -W 2 2001:db8:2::2");
    gro("on");
    const { proof } = attachProven(plane, { name: "at0", role: "underlay", mode: "native" }, undefined);
    expect(proof?.result).toBe("works");
    expect(proof?.asked).toEqual(expect.arrayContaining(["10.2.0.2", "2001:db8:2::2"]));
  });
});

describe("what is in the way", () => {
  test("somebody else's program, with its link and how to remove it", () => {
    using object = BpfObject.open(OBJECT.replace("unum.bpf.o", "probe.bpf.o"));
    object.load();
    const { ifindex = 0 } = links().find(({ name }) => name === "at0") ?? {};
    using link = XdpLink.attach(object.program("unum_probe"), ifindex, "native");
    const { id, programId } = link.info;
    expect(xdpLinkId(ifindex, programId)).toBe(id);
    expect(() => attach()).toThrow(
      expect.objectContaining({
        code: "FOREIGN_PROGRAM",
        message: `attach at0: it already runs XDP program "unum_probe" (id ${programId}, held by link ${id}) in native mode, which is not of these pins`,
        remedy: `stop what attached it, or remove it: bpftool link detach id ${id}`,
      }),
    );
    expect(xdpAttached(ifindex).programId).toBe(programId);
  });

  test("a bridge that the port belongs to", () => {
    run("ip link add atbr type bridge && ip link set at0 master atbr");
    try {
      expect(findFaults("at0", "native")[0]).toEqual({
        what: "at0 is a port of the bridge atbr, which gets nothing that is a circuit's or a tunnel's",
        remedy: "ip link set dev at0 nomaster",
      });
    } finally {
      run("ip link delete atbr");
    }
  });

  test("checksums that the peer leaves unfinished, where it can be seen", () => {
    run("ip link add av0 type veth peer name av1 && ip link set av0 up && ip link set av1 up");
    try {
      const { ifindex = 0 } = links().find(({ name }) => name === "av1") ?? {};
      run("ethtool -K av1 gro on");
      expect(interfaceFeatures(ifindex)).toMatchObject({ "tx-checksum-ip-generic": true, "rx-gro": true });
      expect(findFaults("av0", "native").map(({ remedy }) => remedy)).toContain("ethtool -K av1 tx off");
      run("ethtool -K av1 tx off");
      expect(interfaceFeatures(ifindex)).toMatchObject({ "tx-checksum-ip-generic": false });
      expect(findFaults("av0", "native").map(({ remedy }) => remedy)).not.toContain("ethtool -K av1 tx off");
    } finally {
      run("ip link delete av0");
    }
  });
});

test("a conversation leaves nothing behind", () => {
  customer();
  attach();
  run("true");
  const before = openDescriptors();
  for (const mode of ["generic", "native"] as const) attach(mode);
  expect(openDescriptors()).toBe(before);
  const programs = JSON.parse(run("bpftool -j prog show")) as { name?: string }[];
  expect(programs.filter(({ name }) => name?.startsWith("unum_probe"))).toEqual([]);
});

test("a port whose attacher is killed during the conversation is free", () => {
  customer();
  expect(() => {
    const { ifindex = 0 } = links().find(({ name }) => name === "at0") ?? {};
    const update = XdpLink.prototype.update;
    XdpLink.prototype.update = () => {
      expect(xdpAttached(ifindex).programName).toBe("unum_probe");
      throw new Error("killed");
    };
    try {
      attach();
    } finally {
      XdpLink.prototype.update = update;
    }
  }).toThrow("killed");
  expect(pins.linkedInterfaces()).toEqual([]);
  expect(attach().action).toBe("attached");
});
