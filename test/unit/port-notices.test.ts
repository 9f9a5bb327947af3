import { describe, expect, it } from "vitest";
import { noticesOf } from "../../src/dataplane/ports.ts";

describe("the notices of a new port", () => {
  const veth = { name: "e0", kind: "veth", up: true };

  it("tell of checksums at each veth in native mode", () => {
    for (const takes of [true, false, undefined]) {
      expect(noticesOf(veth, "native", takes).at(-1)).toContain("ethtool -K PEER tx off");
      expect(noticesOf(veth, "generic", takes)).toEqual([]);
    }
  });

  it("say what becomes of redirected frames", () => {
    expect(noticesOf(veth, "native", true)).toHaveLength(1);
    expect(noticesOf(veth, "native", false)[0]).toMatch(/e0 is a veth and drops .*gro off; ethtool -K PEER gro on/);
    expect(noticesOf(veth, "native", undefined)[0]).toMatch(/GRO on .* before e0 comes up/);
    expect(noticesOf({ ...veth, up: false }, "native", false)[0]).toMatch(/GRO on .* before e0 comes up/);
  });

  it("warn of a driver that cannot send them", () => {
    const nic = { name: "e1", up: true };
    expect(noticesOf(nic, "native", true)).toEqual([]);
    expect(noticesOf(nic, "native", undefined)).toEqual([]);
    expect(noticesOf(nic, "native", false)).toEqual([expect.stringMatching(/^e1 drops what XDP redirects to it/)]);
    expect(noticesOf({ ...nic, up: false }, "native", false)).toEqual([]);
  });
});
