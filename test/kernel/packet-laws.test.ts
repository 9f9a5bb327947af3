// Two edges of the same program, one at each end of a tunnel: what goes in comes out, but for the TTL of two hops. In every format,
// over both families, and around both.

import { afterAll, describe, expect, it } from "vitest";
import { get16, macBytes, put16 } from "../support/packet-bytes.ts";
import { frameDifference } from "../support/packet-dissect.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { makePorts } from "../support/packet-ports.ts";
import { customerFrame, fixChecksum, Random } from "../support/packet-random-frames.ts";
import { placesOn } from "../support/packet-random-world.ts";
import { EDGE, PORT_SPECS, type ProfileDocument, WORLD, type World } from "../support/packet-world.ts";

const PACKETS = Number(process.env.UNUM_LAW_PACKETS ?? 6000);
const SEED = Number(process.env.UNUM_SEED ?? Date.now() % 2 ** 31);
const VM_MAC = "02:00:00:00:00:05";
const FAR = { 4: "10.2.0.11", 6: "2001:db8:2::11" } as const;

interface Mix {
  readonly name: string;
  readonly family: 4 | 6;
  readonly profile: ProfileDocument;
}

const MIXES: readonly Mix[] = ([4, 6] as const).flatMap((family) =>
  (
    [
      {},
      { udpChecksum: "full" },
      { encapsulation: "geneve" },
      { encapsulation: "geneve", udpChecksum: "full", dontFragment: false, entropy: "l3" },
      { encapsulation: "nvgre" },
    ] as const satisfies readonly ProfileDocument[]
  ).map((profile) => ({ name: `${JSON.stringify(profile)} over IPv${family}`, family, profile })),
);

const overhead = ({ family, profile }: Mix) =>
  (family === 6 ? 40 : 20) + (profile.encapsulation === "nvgre" ? 8 : 16) + 14;

/** The customer's end: everything of the customer's network is on one server. */
const near = ({ family, profile }: Mix): World => ({
  ...WORLD,
  profiles: { default: {}, tunnel: profile },
  servers: { far: { address: FAR[family], profile: "tunnel" } },
  gateways: {},
  tenants: {
    mix: {
      vni: 100,
      circuits: {
        lan: {
          ...{ interface: "d0", address: "10.6.0.1/24", peer: "10.6.0.2" },
          ...{ address6: "2001:db8:6::1/64", peer6: "2001:db8:6::2" },
        },
      },
      routes: [
        { prefix: "0.0.0.0/0", via: ["far"] },
        { prefix: "::/0", via: ["far"] },
      ],
    },
  },
});

/** The server as an edge of its own: the VMs are behind a circuit, and the tunnel comes from a gateway. */
const far = ({ family, profile }: Mix): World => ({
  ...WORLD,
  edge: { ...WORLD.edge, address: FAR[4], address6: FAR[6] },
  profiles: { default: {}, tunnel: profile },
  servers: {},
  gateways: { hub: { address: family === 6 ? EDGE.address6 : EDGE.address, profile: "tunnel", mac: EDGE.mac } },
  tenants: {
    mix: {
      vni: 100,
      sourceCheck: "off",
      servers: ["hub"],
      circuits: {
        vms: {
          ...{ interface: "d1", address: "203.0.113.1/24", peer: "203.0.113.2", peerMac: VM_MAC },
          ...{ address6: "2001:db8:ffff::1/64", peer6: "2001:db8:ffff::2" },
        },
      },
      routes: [
        { prefix: "0.0.0.0/0", circuit: "vms" },
        { prefix: "::/0", circuit: "vms" },
      ],
    },
  },
});

const ports = makePorts();
afterAll(() => ports.close());

const PLACES = placesOn("d0").filter(({ tenant, circuit }) => tenant === "mix" && circuit.vlan === undefined);
const isIpv6 = (frame: Uint8Array) => get16(frame, 12) === 0x86dd;
const packetBytes = (frame: Uint8Array) => (isIpv6(frame) ? 40 + get16(frame, 18) : get16(frame, 16));
const ttlAt = (frame: Uint8Array) => (isIpv6(frame) ? 21 : 22);

/** What the VM must see of the customer's frame: new MACs, a TTL two lower, and nothing behind the packet. */
function afterTwoHops(frame: Uint8Array): Uint8Array {
  const expected = frame.slice(0, 14 + packetBytes(frame));
  expected.set(macBytes(VM_MAC), 0);
  expected.set(macBytes(PORT_SPECS.d1.mac), 6);
  expected[ttlAt(frame)] = (expected[ttlAt(frame)] as number) - 2;
  if (!isIpv6(frame)) {
    put16(expected, 24, 0);
    fixChecksum(expected, 14);
  }
  return expected;
}

/** Frames without tags, which would not come back. */
function untagged(random: Random): Uint8Array {
  for (;;) {
    const frame = customerFrame(random, "d0", PLACES);
    if (get16(frame, 12) !== 0x8100) return frame;
  }
}

describe.each(MIXES)(`${PACKETS} packets through two edges, seed ${SEED}: $name`, (mix) => {
  it("decapsulate(encapsulate(packet)) is the packet, but for its TTL", { timeout: 600_000 }, () => {
    const customerEnd = new EdgeUnderTest(ports, {
      world: near(mix),
      hops: { far: { port: "u0", mac: "02:11:00:00:00:11" } },
    });
    const serverEnd = new EdgeUnderTest(ports, {
      world: far(mix),
      hops: { hub: { port: "u0", mac: "02:11:00:00:00:01" } },
    });
    try {
      const random = new Random(SEED);
      const frames = Array.from({ length: PACKETS }, () => untagged(random));
      const entered = customerEnd.runMany("access", "d0", frames);
      const tunneled = entered.flatMap(({ verdict, frame }, index) => {
        const input = frames[index] as Uint8Array;
        const grown = frame.length === 14 + overhead(mix) + packetBytes(input);
        return verdict === "redirect" && grown && isIpv6(frame) === (mix.family === 6) ? [{ frame, index }] : [];
      });
      const left = serverEnd.runMany(
        "underlay",
        "u0",
        tunneled.map(({ frame }) => frame),
      );
      const through = { 4: 0, 6: 0 };
      for (const [position, { frame, index }] of tunneled.entries()) {
        const input = frames[index] as Uint8Array;
        const output = left[position];
        // An error of the edge's own is redirected too, and with a TTL of 2 the second hop is one too many.
        if (
          !Buffer.from(frame.subarray(0, 6)).equals(macBytes("02:11:00:00:00:11")) ||
          (input[ttlAt(input)] as number) <= 2
        )
          continue;
        expect(output?.verdict, `number ${index}`).toBe("redirect");
        if (output === undefined) continue;
        const difference = frameDifference(output.frame, afterTwoHops(input));
        if (difference !== undefined) expect.fail(`number ${index}: ${difference}`);
        through[isIpv6(input) ? 6 : 4]++;
      }
      expect(through[4]).toBeGreaterThan(PACKETS / 5);
      expect(through[6]).toBeGreaterThan(PACKETS / 5);
      expect(customerEnd.counters.contradictions()).toEqual([]);
      expect(serverEnd.counters.contradictions()).toEqual([]);
    } finally {
      customerEnd.close();
      serverEnd.close();
    }
  });
});
