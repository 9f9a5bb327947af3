// How long a path takes: what samples say of it, and how a session gets them by polls that ask for nothing.

import { describe, expect, test } from "vitest";
import type { ControlPacket } from "../../src/bfd/packet.ts";
import { decodeControl } from "../../src/bfd/packet.ts";
import { RoundTrip } from "../../src/bfd/round-trip.ts";
import { Session } from "../../src/bfd/session.ts";

const MS = 1000;
const S = 1_000_000;
const CONFIG = { intervalUs: 100 * MS, multiplier: 3, probeIntervalUs: 1 * S };
const PEER: ControlPacket = {
  diagnostic: 0,
  state: "up",
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  multiplier: 3,
  myDiscriminator: 22,
  yourDiscriminator: 11,
  desiredMinTxUs: 100 * MS,
  requiredMinRxUs: 100 * MS,
  requiredMinEchoRxUs: 0,
  authenticated: false,
};

describe("samples", () => {
  test("are smoothed as RFC 6298 says", () => {
    const trip = new RoundTrip();
    expect(trip.time).toBeUndefined();
    trip.add(800);
    expect(trip.time).toEqual({ smoothedUs: 800, variationUs: 400, leastUs: 800 });
    trip.add(1600);
    expect(trip.time).toEqual({ smoothedUs: 900, variationUs: 500, leastUs: 800 });
  });

  test("are forgotten by the least of them after ten", () => {
    const trip = new RoundTrip();
    trip.add(100);
    for (let i = 0; i < 9; i++) trip.add(500 + i);
    expect(trip.time?.leastUs).toBe(100);
    trip.add(900);
    expect(trip.time?.leastUs).toBe(500);
    trip.forget();
    expect(trip.time).toBeUndefined();
  });
});

/** A session that is up, whose peer answers probes after `delayUs`, or not at all. */
class Bench {
  now = 0;
  readonly session: Session;
  readonly sent: (ControlPacket & { readonly at: number })[] = [];
  readonly measured: number[] = [];

  constructor(config: typeof CONFIG | Omit<typeof CONFIG, "probeIntervalUs"> = CONFIG) {
    this.session = new Session(11, config, 0, () => 1);
    this.hear({ state: "init" }).hear({ final: true });
    this.sent.length = 0;
  }

  act(actions: ReturnType<Session["on"]>): this {
    for (const action of actions) {
      if (action.kind === "measured") this.measured.push(action.us);
      if (action.kind !== "send") continue;
      this.sent.push({ ...(decodeControl(action.bytes) as ControlPacket), at: this.now });
      expect(action.probe ?? false).toBe(this.sent.at(-1)?.poll === true && !this.session.polling);
    }
    return this;
  }

  hear(fields: Partial<ControlPacket>, atUs = this.now): this {
    const packet = { ...PEER, ...fields };
    return this.act(this.session.on({ kind: "packet", packet, bytes: new Uint8Array(), atUs }, this.now));
  }

  /** Sends what is due, up to a time; the peer is heard all the while. */
  run(untilUs: number, delayUs = Number.POSITIVE_INFINITY): this {
    while (this.session.sendAtUs <= untilUs) {
      this.now = this.session.sendAtUs;
      const before = this.sent.length;
      this.hear({}).act(this.session.on({ kind: "send-due" }, this.now));
      if (this.sent.length === before || this.sent.at(-1)?.poll !== true || delayUs > S) continue;
      this.now += delayUs;
      this.hear({ final: true });
    }
    this.now = untilUs;
    return this;
  }

  polls(): readonly number[] {
    return this.sent.filter(({ poll }) => poll).map(({ at }) => at);
  }
}

describe("a session", () => {
  test("probes once in a while, with packets that it sends anyway", () => {
    const bench = new Bench().run(10 * S, 3 * MS);
    expect(bench.polls().length).toBeGreaterThanOrEqual(9);
    expect(bench.polls().length).toBeLessThanOrEqual(10);
    expect(bench.measured).toEqual(bench.polls().map(() => 3 * MS));
    // One each 100 ms, with probes as without.
    const without = new Bench({ intervalUs: 100 * MS, multiplier: 3 }).run(10 * S);
    expect(without.polls()).toEqual([]);
    expect(Math.abs(bench.sent.length - without.sent.length)).toBeLessThanOrEqual(2);
  });

  test("counts from when the probe left to when its answer came in", () => {
    const bench = new Bench().run(200 * MS);
    const [at] = bench.polls() as [number];
    bench.session.probeLeft(at + 40);
    bench.now = at + 9 * MS;
    bench.hear({ final: true }, at + 5 * MS);
    expect(bench.measured).toEqual([5 * MS - 40]);
  });

  test("gives a probe without answer up, and takes no late one for that of the next", () => {
    const bench = new Bench().run(1.5 * S);
    // The first was not answered: its successor's turn is left out.
    expect(bench.polls().length).toBe(1);
    bench.run(2 * S).hear({ final: true });
    expect(bench.measured).toEqual([]);
    bench.run(2.5 * S, 1 * MS);
    expect(bench.measured).toEqual([1 * MS]);
  });

  test("does not probe during a poll sequence, nor takes an answer to a probe for its end", () => {
    const bench = new Bench().run(200 * MS);
    expect(bench.polls().length).toBe(1);
    bench.act(bench.session.on({ kind: "configure", config: { ...CONFIG, intervalUs: 300 * MS } }, bench.now));
    expect(bench.session.polling).toBe(true);
    bench.hear({ final: true });
    expect(bench.session.polling).toBe(true);
    expect(bench.measured).toEqual([]);
    bench.hear({ final: true });
    expect(bench.session.polling).toBe(false);
  });

  test("that falls has no probe under way any more", () => {
    const bench = new Bench()
      .run(200 * MS)
      .hear({ state: "down" })
      .hear({ state: "init" });
    bench.hear({ final: true });
    expect(bench.measured).toEqual([]);
  });
});
