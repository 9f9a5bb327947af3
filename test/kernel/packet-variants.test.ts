// Every good frame cut at every byte, and with every field at its limits: a verdict by design, never a wrong packet.

import { afterAll, describe, expect, it } from "vitest";
import { Oracle } from "../support/oracle.ts";
import { Jury } from "../support/oracle-jury.ts";
import { type Packet, packet } from "../support/packet-builder.ts";
import { concatenate } from "../support/packet-bytes.ts";
import { betweenVms, fromCircuit, fromVm, mixEnds, toVm, withTags } from "../support/packet-circuits.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import type { Fixture } from "../support/packet-fixture.ts";
import { FIXTURES } from "../support/packet-fixtures.ts";
import { ACME, flow, fromCustomer, fromEndpoint, MIX, reply } from "../support/packet-frames.ts";
import { mssOption } from "../support/packet-layers-transport.ts";
import { geneveOption } from "../support/packet-layers-tunnel.ts";
import { makePorts } from "../support/packet-ports.ts";
import { cuts, fieldVariants } from "../support/packet-variants.ts";
import { type PortName, type Role, WORLD } from "../support/packet-world.ts";

const ports = makePorts();
const edge = new EdgeUnderTest(ports);
const oracle = new Oracle(WORLD);
const jury = new Jury(edge, oracle);
let frames = 0;

afterAll(() => {
  edge.close();
  ports.close();
});

function agree(role: Role, port: PortName, variants: readonly Uint8Array[], name: string): void {
  oracle.network.forget();
  frames += variants.length;
  const problem = jury.disagreement(role, port, variants, name);
  if (problem !== undefined) expect.fail(problem);
}

/** Ports on which a program of that role is attached. */
const PLACES: readonly (readonly [Role, PortName])[] = [
  ["access", "a0"],
  ["access", "d0"],
  ["underlay", "u0"],
  ["both", "b0"],
];
/** Frames of a table that are cut: of the many that differ in a field only, so many from all over it. */
const CUT_MOST = 60;

function spread(fixtures: readonly Fixture[]): readonly Fixture[] {
  const usable = fixtures.filter(({ arrange, headroom }) => arrange === undefined && headroom === undefined);
  const step = Math.max(1, usable.length / CUT_MOST);
  return Array.from(
    { length: Math.min(usable.length, CUT_MOST) },
    (_, index) => usable[Math.floor(index * step)] as Fixture,
  );
}

describe("cut at every byte", () => {
  for (const [table, fixtures] of Object.entries(FIXTURES)) {
    const chosen = spread(fixtures);
    // Limits and path MTUs are about what stands in tables, not in frames.
    if (chosen.length === 0) continue;
    it(`the frames of ${table}`, () => {
      for (const { name, role, port, input } of chosen) {
        // Of a long payload the end says no more than its start.
        const frame = input.bytes().subarray(0, 260);
        agree(role, port, cuts(frame), name);
        if (role !== "both") agree("both", "b0", cuts(frame), name);
      }
    });
  }

  it("stacks of 0 to 5 VLAN tags of either kind", () => {
    for (const [tag, ids] of [
      [0x8100, [200, 7, 1, 1, 1]],
      [0x8100, [0, 1, 2, 3, 4]],
      [0x88a8, [300, 7, 1, 1, 1]],
      [0x88a8, [45, 300, 7, 1, 1]],
    ] as const) {
      for (let tags = 0; tags <= 5; tags++) {
        for (const inner of [flow(), toVm("g4", 4), toVm("n6", 6)]) {
          let frame = packet().ethernet({ destination: "02:00:00:0a:00:00", source: "02:c0:00:00:00:01" });
          for (let index = 0; index < tags; index++)
            frame = frame.vlan({ id: ids[index] as number, ...(index === 0 ? { tag } : {}) });
          for (const [role, port] of PLACES) agree(role, port, cuts(frame.packet(inner).bytes()), `${tags} tags`);
        }
      }
    }
  });
});

describe("tunnels in tunnels", () => {
  const ENDS = ["s1", "g6", "n4", "x6", "g4", "n6"] as const;
  /** A packet of a server to the edge, with `depth` more of them inside, each of another format and family. */
  const nested = (depth: number, at = 0): Packet => {
    const server = ENDS[at % ENDS.length] as (typeof ENDS)[number];
    if (depth === 0) return fromVm(server, at % 2 === 0 ? 4 : 6);
    const next = ENDS[(at + 1) % ENDS.length] as (typeof ENDS)[number];
    const outer = fromEndpoint(next, MIX, nested(depth - 1, at + 1)).bytes();
    return packet().payload(outer.subarray(14));
  };
  for (let depth = 0; depth <= 5; depth++) {
    it(`${depth} deep: only the outermost is opened`, () => {
      const inside = nested(depth);
      const type = (inside.bytes()[0] as number) >> 4 === 6 ? 0x86dd : 0x0800;
      for (const server of ENDS) {
        const frame = fromEndpoint(server, MIX, inside, { inner: { type } }).bytes();
        for (const [role, port] of PLACES) agree(role, port, cuts(frame.subarray(0, 400)), `${depth} deep`);
        const { verdict, moves } = edge.run("underlay", "u0", frame);
        const delivered = depth === 0 && server === "s1";
        expect([verdict, moves.get("packets.forwarded") ?? 0]).toEqual(delivered ? ["redirect", 1] : ["drop", 0]);
      }
    });
  }
});

/** Frames that every field of is varied. */
const chain = (start: Packet) =>
  start
    .extension({ kind: 0 })
    .extension({ kind: 60, bytes: 16 })
    .fragment()
    .udp({ source: 1, destination: 2 })
    .payload(9);
const { customer, vm } = mixEnds("g4", 6);
const solicitation = packet()
  .ipv6({ source: "2001:db8:6::77", destination: "2001:db8:6::1", ttl: 255 })
  .neighbour({ kind: "solicitation", target: "2001:db8:6::1", mac: "02:c6:00:00:77:01" });
const echo6 = (from: string) =>
  packet()
    .ipv6({ source: from, destination: "2001:db8:31::fe" })
    .icmp6({ type: 128, words: [1, 2] })
    .payload(20);
const echo4 = packet()
  .ipv4({ source: "172.16.0.5", destination: "10.1.0.1" })
  .icmp({ type: 8, words: [1, 2] })
  .payload(20);
const opening = packet()
  .ipv6({ source: customer, destination: mixEnds("m6", 6).vm })
  .tcp({ source: 1, destination: 2, flags: 2, options: mssOption(1460) });
const options = concatenate(geneveOption(1, new Uint8Array(4)), geneveOption(2, new Uint8Array(0)));

const SEEDS: readonly (readonly [name: string, role: Role, port: PortName, frame: Packet])[] = [
  ["a customer's packet", "access", "a0", fromCustomer(flow())],
  ["a customer's packet with options", "access", "a0", fromCustomer(flow({ options: new Uint8Array(12).fill(1) }))],
  ["a customer's packet that must not be fragmented", "access", "a0", fromCustomer(flow({ dontFragment: true }))],
  [
    "a customer's packet of a one-armed edge",
    "both",
    "b0",
    fromCustomer(flow({ source: "10.5.0.2", destination: "10.9.0.7" }), "b0"),
  ],
  ["a customer's echo request", "access", "a0", fromCustomer(echo4)],
  ["a customer's IPv6 packet", "access", "d0", fromCircuit("mix/lan", toVm("g4", 6))],
  [
    "a customer's IPv6 packet behind extension headers",
    "access",
    "d0",
    fromCircuit("mix/lan", chain(packet().ipv6({ source: customer, destination: vm }))),
  ],
  ["a customer's IPv6 echo request", "access", "d0", fromCircuit("mix/lan", echo6(customer))],
  ["a customer's opening of a connection", "access", "d0", fromCircuit("mix/lan", opening)],
  ["a neighbour solicitation", "access", "d0", fromCircuit("mix/lan", solicitation)],
  ["a tagged packet", "access", "a0", fromCircuit("mix/tag", toVm("n6", 4))],
  ["a packet with two tags", "access", "a0", fromCircuit("mix/qinq", toVm("x6", 6))],
  [
    "a packet with a priority tag",
    "access",
    "d0",
    withTags(packet().ethernet({ destination: "02:00:00:0d:00:00", source: "02:c0:00:00:00:01" }), {
      interface: "d0",
      vlan: 0,
    }).packet(toVm("c6", 4)),
  ],
  ["a tunnel packet", "underlay", "u0", fromEndpoint("s1", ACME, reply())],
  [
    "a tunnel packet with options",
    "underlay",
    "u0",
    fromEndpoint("s1", ACME, reply({ options: new Uint8Array(12).fill(1) })),
  ],
  ["an echo request out of a tunnel", "underlay", "u0", fromEndpoint("s1", ACME, echo4)],
  [
    "a packet that goes from tunnel to tunnel",
    "underlay",
    "u0",
    fromEndpoint("s1", ACME, reply({ destination: "172.16.0.6" })),
  ],
  ...(["x6", "g4", "g6", "n4", "n6", "c4", "k6"] as const).flatMap((server) =>
    ([4, 6] as const).map(
      (family) =>
        [
          `IPv${family} out of a tunnel of ${server}`,
          "underlay",
          "u0",
          fromEndpoint(server, MIX, fromVm(server, family)),
        ] as const,
    ),
  ),
  ["Geneve with options", "underlay", "u0", fromEndpoint("g6", MIX, fromVm("g6", 4), { geneve: { options } })],
  ["IPv6 from Geneve to NVGRE", "underlay", "u0", fromEndpoint("g4", MIX, betweenVms("g4", "n6", 6))],
  ["IPv6 echo out of a tunnel of NVGRE", "underlay", "u0", fromEndpoint("n6", MIX, echo6(mixEnds("n6", 6).vm))],
];

describe("every field at its limits", () => {
  for (const [name, role, port, seed] of SEEDS) {
    it(name, () => {
      const variants = fieldVariants(seed.bytes());
      agree(role, port, variants, name);
      if (role !== "both") agree("both", "b0", variants, name);
    });
  }
});

it("were many, and the counters agree about them", () => {
  expect(frames).toBeGreaterThan(300_000);
  expect(edge.counters.contradictions()).toEqual([]);
});
