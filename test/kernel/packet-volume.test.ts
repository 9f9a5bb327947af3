// Random packets against the oracle. UNUM_PACKETS says how many a direction, UNUM_SEED repeats a run.

import { afterAll, describe, expect, it } from "vitest";
import { Oracle } from "../support/oracle.ts";
import { Jury } from "../support/oracle-jury.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { makePorts } from "../support/packet-ports.ts";
import { customerFrame, Random, tunnelFrame } from "../support/packet-random-frames.ts";
import { type PortName, type Role, WORLD } from "../support/packet-world.ts";

const PACKETS = Number(process.env.UNUM_PACKETS ?? 1_000_000);
const SEED = Number(process.env.UNUM_SEED ?? Date.now() % 2 ** 31);
const BATCH = 25_000;
const MINUTES = 60_000;

const ports = makePorts();
const edge = new EdgeUnderTest(ports);
const oracle = new Oracle(WORLD);
const jury = new Jury(edge, oracle);
const ENDPOINTS = [...Object.keys(WORLD.servers), ...Object.keys(WORLD.gateways)];
/** What no random packet meets: broken tables, and a driver without headroom. */
const ENDS = [
  ...["answered", "forwarded", "passed"],
  ...[
    "bad_checksum",
    "bad_tunnel_header",
    "congestion",
    "critical_option",
    "group_mac",
    "malformed",
    "martian_address",
  ],
  ...["needs_fragmentation", "no_next_hop", "no_path", "no_route", "not_a_member", "peer_unresolved", "policy"],
  ...["split_horizon", "spoofed_source", "to_circuit_address", "too_big", "ttl_expired", "tunnel_fragment"],
  ...["tunnel_mismatch", "unknown_endpoint", "unsupported_inner"],
];

afterAll(() => {
  edge.close();
  ports.close();
});

/** Each endpoint is up or down by chance. */
function shuffleStates(random: Random): void {
  for (const name of ENDPOINTS) {
    const down = random.chance(20);
    edge.setState(name, down ? random.pick(["stale", "admin_down"] as const) : random.pick(["up", "unknown"] as const));
    if (down) oracle.network.down.add(name);
    else oracle.network.down.delete(name);
    oracle.network.pathMtus.delete(name);
    // Equal paths have to be of one width: the oracle does not know which of them a flow takes.
    if (random.chance(25) && !name.startsWith("g")) oracle.network.pathMtus.set(name, random.pick([1280, 1400, 1499]));
  }
}

/** Many batches, each on one of the ports with a seed of its own. */
function volume(
  way: readonly (readonly [Role, PortName])[],
  make: (random: Random, port: PortName) => Uint8Array,
): void {
  let run = 0;
  for (let batch = 0; run < PACKETS; batch++) {
    const [role, port] = way[batch % way.length] as readonly [Role, PortName];
    const seed = SEED + batch;
    const random = new Random(seed);
    shuffleStates(random);
    const frames = Array.from({ length: Math.min(BATCH, PACKETS - run) }, () => make(random, port));
    const problem = jury.disagreement(role, port, frames, seed);
    if (problem !== undefined) expect.fail(problem);
    run += frames.length;
  }
  expect(run).toBe(PACKETS);
}

describe(`${PACKETS} random packets a direction, seed ${SEED}`, () => {
  it("from customers", { timeout: 10 * MINUTES }, () => {
    volume(
      [
        ["access", "a0"],
        ["access", "a2"],
        ["access", "a1"],
        ["access", "a3"],
        ["access", "d0"],
        ["access", "a0"],
        ["access", "d1"],
        ["both", "b0"],
      ],
      customerFrame,
    );
  });

  it("from tunnels", { timeout: 10 * MINUTES }, () => {
    volume(
      [
        ["underlay", "u0"],
        ["both", "b0"],
        ["underlay", "u0"],
      ],
      tunnelFrame,
    );
  });

  it("met every end that a random packet can have", () => {
    const met = [...jury.tally.keys()].map((key) => key.replace("dropped ", ""));
    expect(met).toEqual(expect.arrayContaining(ENDS));
  });

  it("no counter contradicts another", () => {
    expect(edge.counters.contradictions()).toEqual([]);
  });
});
