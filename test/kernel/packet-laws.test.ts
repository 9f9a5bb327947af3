// Two edges of the same program, one at each end of a tunnel: what goes in comes out, but for the TTL of two hops.

import { afterAll, describe, expect, it } from "vitest";
import { get16, get32, put16 } from "../support/packet-bytes.ts";
import { frameDifference } from "../support/packet-dissect.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { makePorts } from "../support/packet-ports.ts";
import { customerFrame, fixChecksum, Random } from "../support/packet-random.ts";
import { PORT_SPECS, WORLD, type World } from "../support/packet-world.ts";

const PACKETS = Number(process.env.UNUM_LAW_PACKETS ?? 50_000);
const SEED = Number(process.env.UNUM_SEED ?? Date.now() % 2 ** 31);
const VM_MAC = "02:00:00:00:00:05";

/** The customer's end: everything of acme is on s1. */
const near: World = {
  ...WORLD,
  tenants: {
    acme: {
      vni: 100,
      circuits: { hq: { interface: "a0", address: "10.1.0.1/24", peer: "10.1.0.2" } },
      routes: [{ prefix: "0.0.0.0/0", via: ["s1"] }],
    },
  },
};

/** s1 as an edge of its own: the VMs are behind a circuit, and the tunnel comes from a gateway. */
const far: World = {
  ...WORLD,
  edge: { ...WORLD.edge, address: "10.2.0.11" },
  servers: {},
  gateways: { hub: { address: "10.2.0.1", mac: "02:ed:00:00:00:01" } },
  tenants: {
    acme: {
      vni: 100,
      sourceCheck: "off",
      servers: ["hub"],
      circuits: { vms: { interface: "a3", address: "172.16.0.1/12", peer: "172.16.0.2", peerMac: VM_MAC } },
      routes: [{ prefix: "0.0.0.0/0", circuit: "vms" }],
    },
  },
};

const ports = makePorts();
const customerEnd = new EdgeUnderTest(ports, { world: near });
const serverEnd = new EdgeUnderTest(ports, { world: far, hops: { hub: { port: "u0", mac: "02:11:00:00:00:01" } } });

afterAll(() => {
  customerEnd.close();
  serverEnd.close();
  ports.close();
});

/** The far circuit's own address, and its network's broadcast. */
const UNREACHABLE = new Set([0xac100001, 0xac1fffff]);

/** What the VM must see of the customer's frame: new MACs, a TTL two lower, and nothing behind the packet. */
function afterTwoHops(frame: Uint8Array): Uint8Array {
  const expected = frame.slice(0, 14 + get16(frame, 16));
  for (const [at, mac] of [
    [0, VM_MAC],
    [6, PORT_SPECS.a3.mac],
  ] as const) {
    for (const [index, part] of mac.split(":").entries()) expected[at + index] = Number.parseInt(part, 16);
  }
  expected[22] = (expected[22] as number) - 2;
  put16(expected, 24, 0);
  fixChecksum(expected, 14);
  return expected;
}

describe(`${PACKETS} packets through two edges, seed ${SEED}`, () => {
  it("decapsulate(encapsulate(packet)) is the packet, but for its TTL", { timeout: 600_000 }, () => {
    const random = new Random(SEED);
    let through = 0;
    let seen = 0;
    while (seen < PACKETS) {
      const frames = Array.from({ length: Math.min(20_000, PACKETS - seen) }, () => customerFrame(random, "a0"));
      seen += frames.length;
      const entered = customerEnd.runMany("access", "a0", frames);
      const tunneled = entered.flatMap(({ verdict, frame }, index) =>
        verdict === "redirect" && get16(frame, 12) === 0x0800 && frame[23] === 17 && get16(frame, 36) === 4789
          ? [{ frame, index }]
          : [],
      );
      const left = serverEnd.runMany(
        "underlay",
        "u0",
        tunneled.map(({ frame }) => frame),
      );
      for (const [position, { frame, index }] of tunneled.entries()) {
        const input = frames[index] as Uint8Array;
        const output = left[position];
        expect(frame.length, "outer length is inner length and 50").toBe(14 + 50 + get16(input, 16));
        // With a TTL of 2 the second hop is one too many; and some addresses are the far circuit's own.
        if ((input[22] as number) <= 2 || UNREACHABLE.has(get32(input, 30))) continue;
        expect(output?.verdict, `number ${index}`).toBe("redirect");
        if (output === undefined) continue;
        const difference = frameDifference(output.frame, afterTwoHops(input));
        if (difference !== undefined) expect.fail(`number ${index}: ${difference}`);
        through++;
      }
    }
    expect(seen).toBe(PACKETS);
    expect(through).toBeGreaterThan(PACKETS / 3);
  });

  it("lets both edges agree on what they counted", () => {
    expect(customerEnd.counters.contradictions()).toEqual([]);
    expect(serverEnd.counters.contradictions()).toEqual([]);
  });
});
