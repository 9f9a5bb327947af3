// Programs without the parts that a document does not need: what they have works as ever, and what they lack is the stack's.

import { afterAll, describe, expect, it } from "vitest";
import { neededFeatures } from "../../src/dataplane/index.ts";
import { parseModel } from "../../src/document/index.ts";
import { type Packet, packet } from "../support/packet-builder.ts";
import { toVm } from "../support/packet-circuits.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { dropped, type Ending, type Fixture, fixtureProblem, passed, tunneled } from "../support/packet-fixture.ts";
import { FIXTURES } from "../support/packet-fixtures.ts";
import {
  ACME,
  CUSTOMER_MAC,
  flow,
  fromCustomer,
  fromEndpoint,
  MIX,
  reply,
  toEndpoint,
} from "../support/packet-frames.ts";
import { makePorts } from "../support/packet-ports.ts";
import { type HOPS, PLAIN_WORLD, PORT_SPECS, type World } from "../support/packet-world.ts";
import { PLAIN_HOPS } from "../support/packet-world-plain.ts";

const ports = makePorts();
afterAll(() => ports.close());

const withEdge = (world: World, hops: typeof HOPS, work: (edge: EdgeUnderTest) => void): void => {
  const edge = new EdgeUnderTest(ports, { world, hops });
  try {
    work(edge);
    expect(edge.counters.contradictions()).toEqual([]);
  } finally {
    edge.close();
  }
};

/** Tables that need no part. */
const PLAIN_TABLES = [
  ...["encapsulation", "selection", "what is not ours", "rows that no apply writes", "tunnel packets"],
  ...["from tunnels onward", "ARP", "echo", "errors that are told", "malformed inner packets"],
] as const;

/** Frames that an edge with more parts takes for something else. */
const PLAIN_ENDS: Readonly<Record<string, Ending>> = {
  "outer GRE, which others have tunnels in": passed,
  "an inner EtherType of IPv6 over IPv4": dropped("unsupported_inner"),
};

const ours = { destination: PORT_SPECS.a0.mac, source: CUSTOMER_MAC };
const access = { role: "access", port: "a0", end: passed } as const;
const tagged = (name: string, frame: Packet): Fixture => ({ ...access, name, input: frame });

const LACKED: readonly Fixture[] = [
  tagged("a tag", packet().ethernet(ours).vlan({ id: 200 }).packet(flow())),
  tagged("a priority tag", packet().ethernet(ours).vlan({ id: 0, priority: 5 }).packet(flow())),
  tagged("two tags", packet().ethernet(ours).vlan({ id: 300, tag: 0x88a8 }).vlan({ id: 7 }).packet(flow())),
  tagged("IPv6", packet().ethernet(ours).packet(toVm("s1", 6))),
  tagged(
    "a neighbour solicitation",
    packet()
      .ethernet(ours)
      .ipv6({ source: "2001:db8:6::2", destination: "2001:db8:6::1", ttl: 255 })
      .neighbour({ kind: "solicitation", target: "2001:db8:6::1", mac: CUSTOMER_MAC }),
  ),
  ...(["g4", "n4", "x6", "g6", "n6"] as const).map(
    (server): Fixture => ({
      role: "underlay",
      port: "u0",
      name: `a tunnel packet of ${server}`,
      input: fromEndpoint(server, MIX, reply()),
      end: passed,
    }),
  ),
];

describe("programs without any part", () => {
  it("are what the plain world needs", () => {
    const { model } = parseModel(JSON.stringify(PLAIN_WORLD), "world.json");
    expect([...neededFeatures(model)]).toEqual([]);
  });

  it("do with plain packets what programs with all parts do", { timeout: 120_000 }, () => {
    withEdge(PLAIN_WORLD, PLAIN_HOPS, (edge) => {
      let run = 0;
      for (const table of PLAIN_TABLES) {
        for (const fixture of FIXTURES[table] ?? []) {
          const problem = fixtureProblem(edge, { ...fixture, end: PLAIN_ENDS[fixture.name] ?? fixture.end });
          if (problem !== undefined) expect.fail(problem);
          run++;
        }
      }
      expect(run).toBeGreaterThan(300);
    });
  });

  it("leave to the stack what they lack", () => {
    withEdge(PLAIN_WORLD, PLAIN_HOPS, (edge) => {
      for (const fixture of LACKED) {
        const problem = fixtureProblem(edge, fixture);
        if (problem !== undefined) expect.fail(problem);
      }
    });
  });

  it("send no more than the smallest MTU that a profile may have", () => {
    const narrow: World = { ...PLAIN_WORLD, profiles: { ...PLAIN_WORLD.profiles, default: { mtu: 576 } } };
    withEdge(narrow, PLAIN_HOPS, (edge) => {
      for (const bytes of [500, 525, 526, 527, 528, 600]) {
        const fits = bytes <= 526;
        const problem = fixtureProblem(edge, {
          ...access,
          name: `${bytes} bytes into a path of 576`,
          input: fromCustomer(flow({}, bytes - 28)),
          end: fits
            ? tunneled("s1/acme", toEndpoint("s1", ACME, "02:00:00:00:00:05", flow({ ttl: 63 }, bytes - 28)))
            : dropped("needs_fragmentation"),
        });
        if (problem !== undefined) expect.fail(problem);
      }
    });
  });
});
