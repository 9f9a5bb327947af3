// Every good frame cut at every byte, and with every field at its limits: a verdict by design, never a wrong packet.

import { afterAll, describe, expect, it } from "vitest";
import { Oracle } from "../support/oracle.ts";
import { Jury } from "../support/oracle-jury.ts";
import { type Packet, packet } from "../support/packet-builder.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { FIXTURES } from "../support/packet-fixtures.ts";
import { ACME, flow, fromCustomer, fromEndpoint, reply } from "../support/packet-frames.ts";
import { makePorts } from "../support/packet-ports.ts";
import { customerFields, cuts, fieldVariants, tunnelFields } from "../support/packet-variants.ts";
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
  ["underlay", "u0"],
  ["both", "b0"],
];

describe("cut at every byte", () => {
  for (const [table, fixtures] of Object.entries(FIXTURES)) {
    it(`the frames of ${table}`, () => {
      for (const { name, role, port, input, arrange, headroom } of fixtures) {
        if (arrange !== undefined || headroom !== undefined) continue;
        // Of a long payload the end says no more than its start.
        const frame = input.bytes().subarray(0, 260);
        for (const place of PLACES) agree(...place, cuts(frame), name);
        if (!PLACES.some(([, known]) => known === port)) agree(role, port, cuts(frame), name);
      }
    });
  }

  it("stacks of 0 to 5 VLAN tags", () => {
    for (let tags = 0; tags <= 5; tags++) {
      let frame = packet().ethernet({ destination: "02:00:00:0a:00:00", source: "02:c0:00:00:00:01" });
      for (let tag = 0; tag < tags; tag++) frame = frame.vlan({ id: tag });
      for (const [role, port] of PLACES) agree(role, port, cuts(frame.packet(flow()).bytes()), `${tags} tags`);
    }
  });
});

describe("tunnels in tunnels", () => {
  /** A VXLAN packet of s1 to the edge, with `depth` more of them inside. */
  const nested = (depth: number): Packet => {
    if (depth === 0) return reply();
    const inside = packet()
      .ipv4({ source: "172.16.0.5", destination: "10.2.0.1" })
      .udp({ source: 50000, destination: 4789, checksum: 0 })
      .vxlan({ vni: ACME })
      .ethernet({ destination: "02:ed:00:00:00:01", source: "02:aa:00:00:00:05" });
    return inside.packet(nested(depth - 1));
  };
  for (let depth = 0; depth <= 5; depth++) {
    it(`${depth} deep: only the outermost is opened`, () => {
      const frame = fromEndpoint("s1", ACME, nested(depth)).bytes();
      for (const [role, port] of PLACES) agree(role, port, cuts(frame), `${depth} deep`);
      const { verdict, moves } = edge.run("underlay", "u0", frame);
      expect([verdict, moves.get("drops.no_route.packets") ?? 0]).toEqual(depth === 0 ? ["redirect", 0] : ["drop", 1]);
    });
  }
});

describe("every field at its limits", () => {
  const options = new Uint8Array(12).fill(1);
  for (const [name, fields] of [
    ["plain", {}],
    ["with options", { options }],
    ["that must not be fragmented", { dontFragment: true }],
  ] as const) {
    it(`a customer's packet, ${name}`, () => {
      const frame = fromCustomer(flow(fields)).bytes();
      const variants = fieldVariants(frame, customerFields(frame), [14]);
      for (const [role, port] of PLACES) agree(role, port, variants, name);
      const armed = fromCustomer(flow({ source: "10.5.0.2", destination: "10.9.0.7", ...fields }), "b0").bytes();
      agree("both", "b0", fieldVariants(armed, customerFields(armed), [14]), name);
    });

    it(`a tunnel packet, ${name}`, () => {
      const frame = fromEndpoint("s1", ACME, reply(fields)).bytes();
      const variants = fieldVariants(frame, tunnelFields(frame), [14, 64]);
      for (const [role, port] of PLACES) agree(role, port, variants, name);
    });
  }

  it("a packet that goes from tunnel to tunnel", () => {
    const frame = fromEndpoint("s1", ACME, reply({ destination: "172.16.0.6" })).bytes();
    agree("underlay", "u0", fieldVariants(frame, tunnelFields(frame), [14, 64]), "relay");
  });

  it("an echo request to a circuit's address, from its circuit and from a tunnel", () => {
    const echo = packet()
      .ipv4({ source: "172.16.0.5", destination: "10.1.0.1" })
      .icmp({ type: 8, words: [1, 2] })
      .payload(20);
    const tunnel = fromEndpoint("s1", ACME, echo).bytes();
    const icmp = [
      { at: 84, bytes: 1, values: Array.from({ length: 256 }, (_, type) => type) },
      { at: 85, bytes: 1, values: [0, 1, 255] },
    ] as const;
    agree("underlay", "u0", fieldVariants(tunnel, [...tunnelFields(tunnel), ...icmp], [14, 64]), "echo");
    const circuit = fromCustomer(echo).bytes();
    agree("access", "a0", fieldVariants(circuit, customerFields(circuit), [14]), "echo");
  });
});

it("were many, and the counters agree about them", () => {
  expect(frames).toBeGreaterThan(100_000);
  expect(edge.counters.contradictions()).toEqual([]);
});
