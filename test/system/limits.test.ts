import { describe, expect, it } from "vitest";
import { ACME, CIRCUIT } from "../../lab/plan.ts";
import { ping, stream } from "../../lab/traffic.ts";
import { dropsWhile } from "../support/fabric.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage();
const customer = () => stage.lab.namespace("customer");
const vm = () => stage.lab.vm(ACME, "172.16.0.1");

/** A packet of the stream is 1250 bytes on the underlay, 10 000 bits, and 50 bytes less without the tunnel. */
const PAYLOAD_BYTES = 1250 - 50 - 28;
const OUTER_BITS = 10_000;
const INNER_BITS = 9_600;
const RATE = 10e6;
const BURST_BYTES = 65_536;
/** Three times the rate, for two seconds. */
const OFFERED = { count: 6000, perSecond: 3000, bytes: PAYLOAD_BYTES };

describe.each([
  ["of the profile, towards its endpoints", ["profile", "set", "default"], OUTER_BITS, "there"],
  ["of the tenant, towards its endpoints", ["tenant", "set", "acme"], INNER_BITS, "there"],
  ["of the tenant, from its endpoints", ["tenant", "set", "acme"], INNER_BITS, "back"],
] as const)("the rate limit %s", (_, command, bits, direction) => {
  it("lets through what it says, and counts the rest", async () => {
    await ping(customer(), "172.16.0.1");
    await stage.edge.run(...command, "--rate", "10Mbit/s", "--burst", "64KiB");
    let received = 0;
    let expected = 0;
    const drops = await dropsWhile(stage.edge, async () => {
      const result =
        direction === "there"
          ? await stream(customer(), vm(), "172.16.0.1", OFFERED)
          : await stream(vm(), customer(), CIRCUIT.customer, OFFERED);
      expect(result).toMatchObject({ sent: OFFERED.count, duplicates: 0 });
      received = result.received;
      expected = (RATE * result.seconds + BURST_BYTES * 8) / bits;
    });
    expect(received).toBeGreaterThan(expected * 0.7);
    expect(received).toBeLessThan(expected * 1.3);
    expect(drops).toEqual({ rate_limit: OFFERED.count - received });
    await stage.edge.run(...command, "--rate", "none");
  });

  it("is gone when it is taken away", async () => {
    const drops = await dropsWhile(stage.edge, async () => {
      const result = await stream(customer(), vm(), "172.16.0.1", OFFERED);
      expect(result).toMatchObject({ sent: OFFERED.count, received: OFFERED.count, missing: [] });
    });
    expect(drops).toEqual({});
  });
});
