// Frames into, out of and between tunnels against what scapy builds of the same fields, in every mix of format, families and tags;
// and what was sent as tshark reads it. UNUM_SCAPY_PACKETS says how many.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chosenBy, type ScapyPair, scapyPairs, tsharkDissections } from "../support/oracle-scapy.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { overheadOf } from "../support/packet-frames.ts";
import { makePorts } from "../support/packet-ports.ts";
import { PORT_SPECS, PORTS, type PortName } from "../support/packet-world.ts";
import "../support/packet-matcher.ts";

const PACKETS = Number(process.env.UNUM_SCAPY_PACKETS ?? 20_000);
/** Of what was sent, as many are read by tshark. */
const READ = Math.min(PACKETS, 10_000);
const SEED = Number(process.env.UNUM_SEED ?? Date.now() % 2 ** 31);
const MINUTES = 60_000;

const ports = makePorts();
const edge = new EdgeUnderTest(ports);
let pairs: readonly ScapyPair[] = [];
const sent: { readonly pair: ScapyPair; readonly frame: Uint8Array }[] = [];

beforeAll(async () => {
  pairs = await scapyPairs(PACKETS, SEED);
}, 20 * MINUTES);

afterAll(() => {
  edge.close();
  ports.close();
});

/** Runs frames through the programs that they come to, as many at once as there are for a port. */
function judge(port: PortName, mine: readonly ScapyPair[]): void {
  const runs = edge.runMany(
    PORT_SPECS[port].role,
    port,
    mine.map(({ incoming }) => incoming),
  );
  for (const [index, { verdict, frame }] of runs.entries()) {
    const pair = mine[index] as ScapyPair;
    const direct = pair.leaves === port && PORT_SPECS[port].transmit === "direct";
    expect(verdict, `packet ${index} of ${port}, ${pair.mix}`).toBe(direct ? "tx" : "redirect");
    const expected = chosenBy(pair, frame);
    if (expected === undefined) expect.fail(`packet ${index} of ${port}, ${pair.mix}: its entropy port`);
    if (Buffer.compare(frame, expected) !== 0) expect(frame, pair.mix).toEqualFrame(expected);
    sent.push({ pair, frame });
  }
}

describe(`${PACKETS} packets of scapy, seed ${SEED}`, () => {
  it("are all there, in every mix", () => {
    expect(pairs.length).toBe(PACKETS);
    for (const way of ["in", "out"]) {
      for (const format of ["vxlan", "geneve", "nvgre"]) {
        for (const outer of [4, 6]) {
          for (const inner of [4, 6]) {
            for (const tags of [0, 1, 2]) {
              const mix = `${way} ${format} over IPv${outer}, IPv${inner}, ${tags} tags`;
              expect(pairs.filter((pair) => pair.mix === mix).length, mix).toBeGreaterThan(PACKETS / 2000);
            }
          }
        }
      }
    }
    const over = new Set(pairs.flatMap(({ way, mix }) => (way === "over" ? [mix] : [])));
    // Three formats over two families on either side, around two families.
    expect(over.size).toBe(72);
  });

  it("leave as scapy builds them, but for what the edge chooses", { timeout: 10 * MINUTES }, () => {
    for (const port of PORTS) {
      const mine = pairs.filter((pair) => pair.port === port);
      for (let first = 0; first < mine.length; first += 5000) judge(port, mine.slice(first, first + 5000));
    }
    expect(sent.length).toBe(PACKETS);
  });

  it("are as much longer as their headers are", () => {
    for (const { pair, frame } of sent) {
      if (pair.way !== "in" || pair.tunnel === null) continue;
      const outer = frame.length - 14;
      const inner = pair.leaving.length - 14 - overheadOf(pair.tunnel.endpoint);
      expect(outer - inner, pair.mix).toBe(overheadOf(pair.tunnel.endpoint));
    }
  });

  it("are read by tshark as packets of the tenant, nothing malformed, every checksum good", {
    timeout: 10 * MINUTES,
  }, () => {
    const step = sent.length / READ;
    const sample = Array.from({ length: READ }, (_, index) => sent[Math.floor(index * step)] as (typeof sent)[number]);
    const read = tsharkDissections(sample.map(({ frame }) => frame));
    expect(read.length).toBe(READ);
    for (const [index, { vni, malformed, ipChecksums, transportChecksums }] of read.entries()) {
      const { pair } = sample[index] as (typeof sent)[number];
      const where = `${pair.mix}: ${JSON.stringify(read[index])}`;
      expect(malformed, where).toBe("");
      expect(vni, where).toBe(pair.tunnel === null ? "" : String(pair.vni));
      // Good (1), and none of the outer UDP unless its profile says so: absent (3), which over IPv6 tshark calls illegal (4).
      const { tunnel } = pair;
      const none = tunnel === null || tunnel.format === "nvgre" || tunnel.summed ? "" : tunnel.six ? "4" : "3";
      expect(`${ipChecksums},${transportChecksums}`.replace(/[1,]/g, ""), where).toBe(none);
    }
  });

  it("and no counter contradicts another", () => {
    expect(edge.counters.contradictions()).toEqual([]);
  });
});
