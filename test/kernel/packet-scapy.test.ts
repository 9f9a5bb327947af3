// Encapsulated frames against what scapy builds of the same fields, and as tshark reads them. UNUM_SCAPY_PACKETS says how many.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adopt } from "../support/oracle-frames.ts";
import { type ScapyPair, scapyPairs, tsharkDissections } from "../support/oracle-scapy.ts";
import { get16 } from "../support/packet-bytes.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { makePorts } from "../support/packet-ports.ts";
import type { PortName } from "../support/packet-world.ts";
import "../support/packet-matcher.ts";

const PACKETS = Number(process.env.UNUM_SCAPY_PACKETS ?? 10_000);
const SEED = Number(process.env.UNUM_SEED ?? Date.now() % 2 ** 31);
const MINUTES = 60_000;

const ports = makePorts();
const edge = new EdgeUnderTest(ports);
let pairs: readonly ScapyPair[] = [];
const sent: Uint8Array[] = [];

beforeAll(() => {
  pairs = scapyPairs(PACKETS, SEED);
}, 5 * MINUTES);

afterAll(() => {
  edge.close();
  ports.close();
});

describe(`${PACKETS} packets of scapy, seed ${SEED}`, () => {
  it("are all there", () => {
    expect(pairs.length).toBe(PACKETS);
    expect(new Set(pairs.map(({ port }) => port)).size).toBe(3);
  });

  it("leave as scapy builds them, but for the entropy port", () => {
    for (const port of ["a0", "a1", "b0"] as const) {
      const mine = pairs.filter((pair) => pair.port === port);
      const role = port === "b0" ? "both" : "access";
      const runs = edge.runMany(
        role,
        port,
        mine.map(({ incoming }) => incoming),
      );
      for (const [index, run] of runs.entries()) {
        const { leaving, dontFragment } = mine[index] as ScapyPair;
        expect(["tx", "redirect"], `packet ${index} of ${port}`).toContain(run.verdict);
        const expected = {
          port: port as PortName,
          frame: leaving.slice(),
          freeIds: dontFragment ? [] : [14],
          flow: "",
        };
        expect(
          run.frame.length === leaving.length && adopt(expected, run.frame),
          `packet ${index} of ${port}: its entropy port or length`,
        ).toBe(true);
        if (Buffer.compare(run.frame, expected.frame) !== 0) expect(run.frame).toEqualFrame(expected.frame);
        sent.push(run.frame);
      }
    }
    expect(sent.length).toBe(PACKETS);
  });

  it("are 50 bytes longer than their packet", () => {
    for (const frame of sent) expect(get16(frame, 16)).toBe(get16(frame, 66) + 50);
  });

  it("are read by tshark as VXLAN of the tenant, nothing malformed, every checksum good", {
    timeout: 5 * MINUTES,
  }, () => {
    const read = tsharkDissections(sent);
    const planned = (["a0", "a1", "b0"] as const).flatMap((port) =>
      pairs.filter((pair) => pair.port === port).map(({ vni }) => String(vni)),
    );
    expect(read.length).toBe(PACKETS);
    expect(read.map(({ vni }) => vni)).toEqual(planned);
    expect(read.filter(({ malformed }) => malformed !== "")).toEqual([]);
    expect(read.filter(({ ipChecksums }) => ipChecksums !== "1,1")).toEqual([]);
    // The outer UDP has none (3); the inner protocol's is good, or there is no such protocol.
    expect(read.filter(({ transportChecksums }) => !/^3(,1)?$/.test(transportChecksums))).toEqual([]);
  });

  it("and no counter contradicts another", () => {
    expect(edge.counters.contradictions()).toEqual([]);
  });
});
