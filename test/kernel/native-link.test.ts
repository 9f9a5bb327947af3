// Programs at the XDP hook of a veth.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { XdpLink, xdpAttached, xdpTakesRedirects } from "../../src/bpf/link.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { links, sendFrame } from "../../src/bpf/rtnetlink.ts";
import {
  bytesToWords,
  frameOf,
  indexKey,
  networkNamespace,
  openDescriptors,
  pinDirectory,
  refusal,
  run,
  testObject,
} from "./native-support.ts";

describe("an XDP link", () => {
  let object: BpfObject;
  let namespace: ReturnType<typeof networkNamespace>;
  let descriptors: number;
  const ifindexOf = (name: string) => links().find((link) => link.name === name)?.ifindex as number;

  beforeAll(() => {
    object = BpfObject.open(testObject("native-programs"));
    object.load();
  });
  afterAll(() => object.close());
  beforeEach(() => {
    descriptors = openDescriptors();
    namespace = networkNamespace();
    run("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up");
    for (const name of ["count_and_judge", "drop"]) object.program(name);
  });
  afterEach(() => {
    namespace[Symbol.dispose]();
    expect(openDescriptors()).toBeLessThanOrEqual(descriptors + 2);
  });

  it("attaches, is seen, and ends with its handle", () => {
    const v0 = ifindexOf("v0");
    const program = object.program("count_and_judge");
    expect(xdpAttached(v0)).toEqual({ mode: "none", programId: 0 });
    for (const mode of ["native", "generic"] as const) {
      const link = XdpLink.attach(program, v0, mode);
      const { id } = program.info;
      expect(xdpAttached(v0)).toEqual({ mode, programId: id, programName: "count_and_judge" });
      expect(links().find(({ ifindex }) => ifindex === v0)?.xdp).toEqual({ mode, programId: id });
      expect(link.info).toEqual({ id: expect.any(Number), programId: id, ifindex: v0 });
      link.close();
      expect(xdpAttached(v0)).toEqual({ mode: "none", programId: 0 });
      expect(refusal(() => link.info).message).toBe("the link of program count_and_judge to interface v0 is closed");
    }
  });

  it("sees the frames that arrive", async () => {
    using _ = XdpLink.attach(object.program("count_and_judge"), ifindexOf("v0"), "native");
    const counted = () =>
      bytesToWords(object.map("words").lookup(indexKey(ifindexOf("v0") % 10)) as Uint8Array)[0] ?? 0n;
    const before = counted();
    for (let i = 0; i < 5; i++) sendFrame(ifindexOf("v1"), frameOf(60));
    // The kernel itself may speak IPv6 on a new link.
    await expect.poll(counted).toBeGreaterThanOrEqual(before + 5n);
  });

  it("knows whether redirected frames get out, whatever GRO at the peer says", () => {
    const [v0, v1] = [ifindexOf("v0"), ifindexOf("v1")];
    if (xdpTakesRedirects(v0) === undefined) return; // an old kernel: drops none for want of the mark
    const gro = (state: "on" | "off") => run(`ethtool -K v1 gro ${state} >/dev/null`);
    expect(xdpTakesRedirects(v0)).toBe(false);
    gro("on");
    expect([xdpTakesRedirects(v0), xdpTakesRedirects(v1)]).toEqual([true, false]);
    gro("off");
    expect(xdpTakesRedirects(v0)).toBe(false);
    // A peer that turns GRO on while it is down, after v0 came up, tells nobody.
    run("ip link set v1 down");
    gro("on");
    run("ip link set v1 up");
    expect(xdpTakesRedirects(v0)).toBe(false);
    gro("off");
    gro("on");
    expect(xdpTakesRedirects(v0)).toBe(true);
    expect(refusal(() => xdpTakesRedirects(4242)).code).toBe("INTERFACE_MISSING");
  });

  it("names whose program is there already", () => {
    const v0 = ifindexOf("v0");
    using _ = XdpLink.attach(object.program("drop"), v0, "native");
    const error = refusal(() => XdpLink.attach(object.program("count_and_judge"), v0, "native"));
    expect(error.code).toBe("FOREIGN_PROGRAM");
    expect(error.message).toBe(
      "attach program count_and_judge to interface v0 in native mode: device or resource busy (EBUSY): " +
        `program ${object.program("drop").info.id} (drop) already runs there in native mode`,
    );
    expect(error.remedy).toContain("ip link set dev");
  });

  it("says why it cannot attach", () => {
    const program = object.program("count_and_judge");
    const missing = refusal(() => XdpLink.attach(program, 4242, "native"));
    expect(missing.code).toBe("INTERFACE_MISSING");
    expect(missing.message).toBe("find interface with index 4242: no such device or address (ENXIO)");
    const unfit = refusal(() => XdpLink.attach(program, 1, "native"));
    expect(unfit.code).toBe("INTERFACE_UNFIT");
    expect(unfit.message).toMatch(/interface lo in native mode: .*EOPNOTSUPP/);
    expect(unfit.remedy).toMatch(/generic mode/);
    expect(refusal(() => XdpLink.attach(object.program("no_xdp"), ifindexOf("v0"), "native")).errnoName).toBe("EINVAL");
    expect(refusal(() => XdpLink.attach(program, ifindexOf("v0"), "fast" as never)).code).toBe("ARGUMENT_INVALID");
    expect(refusal(() => xdpAttached(4242)).code).toBe("INTERFACE_MISSING");
  });

  it("changes its program in place, or keeps the old one", () => {
    const v0 = ifindexOf("v0");
    using link = XdpLink.attach(object.program("count_and_judge"), v0, "native");
    link.update(object.program("drop"));
    expect(link.info.programId).toBe(object.program("drop").info.id);
    expect(xdpAttached(v0).programName).toBe("drop");
    expect(refusal(() => link.update(object.program("no_xdp"))).message).toMatch(
      /^update link of program count_and_judge to interface v0 to program no_xdp: invalid argument \(EINVAL\)/,
    );
    expect(xdpAttached(v0).programName).toBe("drop");
  });

  it("outlives the process by its pin, until it is detached", () => {
    using pins = pinDirectory();
    const v0 = ifindexOf("v0");
    const link = XdpLink.attach(object.program("drop"), v0, "native");
    link.pin(`${pins.path}/v0`);
    link.close();
    expect(xdpAttached(v0).mode).toBe("native");
    using pinned = XdpLink.openPinned(`${pins.path}/v0`);
    expect(pinned.info.ifindex).toBe(v0);
    pinned.detach();
    expect(xdpAttached(v0).mode).toBe("none");
    expect(pinned.info.ifindex).toBe(0);
    expect(refusal(() => pinned.update(object.program("drop"))).message).toMatch(
      /its interface is gone, or it was detached$/,
    );
    object.map("words").pin(`${pins.path}/words`);
    expect(refusal(() => XdpLink.openPinned(`${pins.path}/words`)).message).toMatch(/: it is a map$/);
  });

  it("sees that its interface is gone", () => {
    using link = XdpLink.attach(object.program("drop"), ifindexOf("v0"), "native");
    run("ip link del v0");
    expect(link.info.ifindex).toBe(0);
    expect(refusal(() => link.update(object.program("drop"))).errnoName).toBe("ENOLINK");
  });
});
