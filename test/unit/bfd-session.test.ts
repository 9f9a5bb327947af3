// A session with a clock, a peer and chance that the test holds in its hands: RFC 5880 section 6.8.

import { describe, expect, test } from "vitest";
import type { BfdState, ControlPacket } from "../../src/bfd/packet.ts";
import { decodeControl } from "../../src/bfd/packet.ts";
import type { SessionAction, SessionConfig, SessionEvent } from "../../src/bfd/session.ts";
import { Session } from "../../src/bfd/session.ts";

const MS = 1000;
const CONFIG: SessionConfig = { intervalUs: 100 * MS, multiplier: 3 };
const OURS = 11;
const THEIRS = 22;

const FROM_PEER: ControlPacket = {
  diagnostic: 0,
  state: "down",
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  multiplier: 4,
  myDiscriminator: THEIRS,
  yourDiscriminator: OURS,
  desiredMinTxUs: 50 * MS,
  requiredMinRxUs: 60 * MS,
  requiredMinEchoRxUs: 0,
  authenticated: false,
};

/** What a session does, and a clock that only the test moves. */
class Bench {
  now = 0;
  readonly session: Session;
  readonly sent: ControlPacket[] = [];
  readonly states: (SessionAction & { kind: "state" })[] = [];

  constructor(config = CONFIG, random = () => 1, resumed?: { detectUs: number }) {
    this.session = new Session(OURS, config, 0, random, resumed);
  }

  on(event: SessionEvent): this {
    for (const action of this.session.on(event, this.now)) {
      if (action.kind === "send") this.sent.push(decodeControl(action.bytes) as ControlPacket);
      else if (action.kind === "state") this.states.push(action);
    }
    return this;
  }

  hear(fields: Partial<ControlPacket> = {}): this {
    return this.on({ kind: "packet", packet: { ...FROM_PEER, ...fields }, bytes: new Uint8Array() });
  }

  /** Brings it to a state, and forgets how. */
  reach(state: BfdState): this {
    if (state === "admin-down") this.on({ kind: "admin", down: true });
    if (state === "init") this.hear({ state: "down" });
    if (state === "up") this.hear({ state: "init" }).hear({ state: "up", final: true });
    expect(this.session.state).toBe(state);
    this.sent.length = 0;
    this.states.length = 0;
    return this;
  }

  /** To the next thing that is due, and does it. */
  step(): this {
    const { sendAtUs, deadlineUs } = this.session;
    this.now = Math.min(sendAtUs, deadlineUs);
    return this.on({ kind: sendAtUs <= deadlineUs ? "send-due" : "deadline" });
  }

  get last(): ControlPacket {
    return this.sent.at(-1) as ControlPacket;
  }
}

/** State × what the peer says it is in → state; section 6.2, and 6.8.6 for states that the figure leaves out. */
const TABLE: Readonly<Record<BfdState, Readonly<Record<BfdState, BfdState>>>> = {
  "admin-down": { "admin-down": "admin-down", down: "admin-down", init: "admin-down", up: "admin-down" },
  down: { "admin-down": "down", down: "init", init: "up", up: "down" },
  init: { "admin-down": "down", down: "init", init: "up", up: "up" },
  up: { "admin-down": "down", down: "down", init: "up", up: "up" },
};
const STATES = Object.keys(TABLE) as BfdState[];

describe("the state machine", () => {
  for (const state of STATES) {
    for (const remote of STATES) {
      const next = TABLE[state][remote];
      test(`${state}, and the peer says ${remote}: ${next}`, () => {
        const bench = new Bench().reach(state).hear({ state: remote, diagnostic: 7 });
        expect(bench.session.state).toBe(next);
        if (next === state) {
          expect([bench.states, bench.sent]).toEqual([[], []]);
          return;
        }
        const down = next === "down";
        expect(bench.states).toEqual([
          {
            kind: "state",
            from: state,
            to: next,
            diagnostic: down ? "neighbour signalled session down" : "none",
            ...(down && { peerDiagnostic: "administratively down" }),
          },
        ]);
        // The peer is told at once.
        expect(bench.sent).toMatchObject([{ state: next, yourDiscriminator: THEIRS }]);
      });
    }

    test(`${state}, and nothing is heard`, () => {
      const bench = new Bench().reach(state);
      while (bench.session.deadlineUs < Number.POSITIVE_INFINITY) bench.step();
      const fell = state === "init" || state === "up";
      expect(bench.session.state).toBe(fell ? "down" : state);
      expect(bench.states.map(({ to, diagnostic }) => [to, diagnostic])).toEqual(
        fell ? [["down", "detection time expired"]] : [],
      );
      expect(bench.session.remoteDiscriminator).toBe(0);
    });

    test(`${state}, and taken out and put back`, () => {
      const bench = new Bench().reach(state).on({ kind: "admin", down: true });
      expect(bench.session.state).toBe("admin-down");
      if (state !== "admin-down") expect(bench.last).toMatchObject({ state: "admin-down", diagnostic: 7 });
      bench.on({ kind: "admin", down: false });
      expect(bench.session.state).toBe("down");
      expect(bench.last).toMatchObject({ state: "down", diagnostic: 0 });
    });

    test(`${state}, and polled`, () => {
      const bench = new Bench().reach(state).hear({ state: state === "down" ? "up" : state, poll: true });
      if (state === "admin-down") expect(bench.sent).toEqual([]);
      else expect(bench.sent).toMatchObject([{ poll: false, final: true }]);
    });
  }
});

describe("what is sent", () => {
  test("is once a second, from soon on, while the session is not up", () => {
    const bench = new Bench().step().step().step();
    expect(bench.now).toBe(250 * MS + 2 * 1000 * MS);
    expect(bench.sent).toMatchObject(
      Array(3).fill({
        state: "down",
        yourDiscriminator: 0,
        desiredMinTxUs: 1000 * MS,
        requiredMinRxUs: 100 * MS,
        requiredMinEchoRxUs: 0,
        multiplier: 3,
        poll: false,
      }),
    );
  });

  test("is as often as both sides bear, once it is up", () => {
    const at = (fields: Partial<ControlPacket>) => new Bench().reach("up").hear({ state: "up", ...fields }).session;
    expect(at({ requiredMinRxUs: 60 * MS }).sendIntervalUs).toBe(100 * MS);
    expect(at({ requiredMinRxUs: 170 * MS }).sendIntervalUs).toBe(170 * MS);
    // Zero: no periodic packets.
    expect(at({ requiredMinRxUs: 0 }).sendAtUs).toBe(Number.POSITIVE_INFINITY);
    expect(at({ demand: true }).sendAtUs).toBe(Number.POSITIVE_INFINITY);
    expect(at({ demand: true, state: "init" }).sendIntervalUs).toBe(100 * MS);
  });

  test.each([
    [1, [0.75, 0.9]],
    [3, [0.75, 1]],
  ] as const)("is spread: multiplier %i", (multiplier, [least, most]) => {
    for (const [random, part] of [
      [0, least],
      [1, most],
    ] as const) {
      const bench = new Bench({ ...CONFIG, multiplier }, () => random).reach("up").step();
      const before = bench.now;
      expect(bench.step().now - before).toBeCloseTo(part * 100 * MS, 3);
    }
  });

  test("announces the fast interval by a poll, until it is answered", () => {
    const bench = new Bench().hear({ state: "init" });
    expect(bench.last).toMatchObject({ state: "up", poll: true, desiredMinTxUs: 100 * MS });
    bench.hear({ state: "up" }).step();
    expect(bench.last.poll).toBe(true);
    bench.hear({ state: "up", final: true }).step();
    expect(bench.last.poll).toBe(false);
  });

  test("an answer is no question, also during a poll", () => {
    const bench = new Bench().hear({ state: "init" }).hear({ state: "up", poll: true });
    expect(bench.last).toMatchObject({ poll: false, final: true });
    expect(bench.session.polling).toBe(true);
  });

  test("comes sooner when the peer wants it sooner", () => {
    const bench = new Bench().reach("up").hear({ state: "up", requiredMinRxUs: 2000 * MS });
    bench.step();
    expect(bench.session.sendAtUs - bench.now).toBe(2000 * MS);
    bench.now += 500 * MS;
    bench.hear({ state: "up" });
    expect(bench.session.sendAtUs).toBe(bench.now);
  });
});

describe("the detection time", () => {
  test("is the peer's multiplier of the slower of both", () => {
    const bench = new Bench().reach("up");
    expect(bench.session.detectUs).toBe(4 * 100 * MS);
    expect(bench.hear({ state: "up", desiredMinTxUs: 200 * MS }).session.detectUs).toBe(4 * 200 * MS);
    expect(bench.session.deadlineUs).toBe(bench.now + 800 * MS);
  });

  test("counts from the last packet, to the microsecond", () => {
    const bench = new Bench().reach("up");
    bench.now = 399_999;
    bench.on({ kind: "deadline" });
    expect(bench.session.state).toBe("up");
    bench.now = 400_000;
    bench.on({ kind: "deadline" });
    expect(bench.session.state).toBe("down");
    expect(bench.last).toMatchObject({ state: "down", diagnostic: 1, yourDiscriminator: 0, desiredMinTxUs: 1000 * MS });
  });
});

describe("another configuration", () => {
  const configure = (bench: Bench, config: Partial<SessionConfig>) =>
    bench.on({ kind: "configure", config: { ...CONFIG, ...config } });

  test("that slows down holds for what is sent when the peer knows, for what is expected at once", () => {
    const bench = configure(new Bench().reach("up"), { intervalUs: 500 * MS });
    expect(bench.last).toMatchObject({ poll: true, desiredMinTxUs: 500 * MS, requiredMinRxUs: 500 * MS });
    expect([bench.session.sendIntervalUs, bench.session.detectUs]).toEqual([100 * MS, 4 * 500 * MS]);
    bench.hear({ state: "up", final: true });
    expect([bench.session.sendIntervalUs, bench.session.detectUs]).toEqual([500 * MS, 4 * 500 * MS]);
  });

  test("that speeds up the other way round", () => {
    const bench = configure(new Bench().reach("up"), { intervalUs: 60 * MS });
    expect([bench.session.sendIntervalUs, bench.session.detectUs]).toEqual([60 * MS, 4 * 100 * MS]);
    bench.hear({ state: "up", final: true });
    expect([bench.session.sendIntervalUs, bench.session.detectUs]).toEqual([60 * MS, 4 * 60 * MS]);
  });

  test("during a poll is asked about again", () => {
    const bench = configure(configure(new Bench().reach("up"), { intervalUs: 500 * MS }), { intervalUs: 600 * MS });
    bench.hear({ state: "up", final: true });
    expect([bench.session.polling, bench.session.sendIntervalUs]).toEqual([true, 100 * MS]);
    bench.hear({ state: "up", final: true });
    expect([bench.session.polling, bench.session.sendIntervalUs]).toEqual([false, 600 * MS]);
  });

  test("is no matter of polls while the session is not up", () => {
    const bench = configure(new Bench(), { intervalUs: 3000 * MS });
    expect([bench.sent, bench.session.polling, bench.session.sendIntervalUs]).toEqual([[], false, 3000 * MS]);
  });
});

describe("a session of a process before", () => {
  const resumed = () => new Bench(CONFIG, () => 1, { detectUs: 700 * MS });

  test("is up, says nothing until it hears its peer, and then goes on", () => {
    const bench = resumed();
    expect([bench.session.state, bench.session.sendAtUs]).toEqual(["up", Number.POSITIVE_INFINITY]);
    bench.now = 50 * MS;
    bench.hear({ state: "up" });
    expect([bench.session.state, bench.session.sendAtUs]).toEqual(["up", bench.now]);
    bench.step();
    expect(bench.last).toMatchObject({ state: "up", yourDiscriminator: THEIRS, desiredMinTxUs: 100 * MS });
    expect(bench.states).toEqual([]);
  });

  test("is down when its peer had noticed", () => {
    const bench = resumed().hear({ state: "down", diagnostic: 1 });
    expect(bench.states).toMatchObject([{ to: "down", peerDiagnostic: "detection time expired", excused: true }]);
  });

  test("is down when nobody is there", () => {
    const bench = resumed().step();
    expect([bench.now, bench.session.state]).toEqual([700 * MS, "down"]);
    // The peer may have given up long ago, and be about to say so.
    expect(bench.states).toMatchObject([{ to: "down", diagnostic: "detection time expired", excused: true }]);
  });
});

describe("authentication", () => {
  const auth = { type: "meticulous-keyed-sha1", keyId: 1, secret: Buffer.from("k") } as const;

  test("is a matter of both sides", () => {
    const bare = new Session(OURS, CONFIG, 0, () => 0);
    const packet = { ...FROM_PEER, authenticated: true };
    expect(bare.on({ kind: "packet", packet, bytes: new Uint8Array(52) }, 0)).toEqual([
      { kind: "discard", reason: "auth-presence" },
    ]);
    const guarded = new Session(OURS, { ...CONFIG, auth }, 0, () => 0);
    expect(guarded.on({ kind: "packet", packet: FROM_PEER, bytes: new Uint8Array(24) }, 0)).toEqual([
      { kind: "discard", reason: "auth-presence" },
    ]);
    expect([bare.state, guarded.state]).toEqual(["down", "down"]);
  });

  test("cannot be resumed: the peer would not believe the new numbers", () => {
    expect(new Session(OURS, { ...CONFIG, auth }, 0, () => 0, { detectUs: 1 }).state).toBe("down");
  });
});

describe("a peer that gave up", () => {
  const gaveUp = { state: "down", diagnostic: 1 } as const;

  test("is excused when nothing was sent to it in time, before or after the next packet", () => {
    const before = new Bench().reach("up").step();
    before.now += 300 * MS;
    before.hear(gaveUp);
    expect(before.states).toMatchObject([{ to: "down", excused: true }]);

    const after = new Bench().reach("up").step();
    after.now += 300 * MS;
    after.on({ kind: "send-due" }).hear(gaveUp);
    expect(after.states).toMatchObject([{ to: "down", excused: true }]);
  });

  test("is not when it was sent what was agreed", () => {
    const bench = new Bench().reach("up").step().step().step();
    bench.now += 299 * MS;
    bench.hear(gaveUp);
    expect(bench.states).toMatchObject([{ to: "down", peerDiagnostic: "detection time expired" }]);
    expect(bench.states[0]?.excused).toBeUndefined();
  });

  test("is not for slow packets before it was up, nor for another reason", () => {
    const bench = new Bench().step().step();
    bench.now += 900 * MS;
    bench.reach("up").step().hear(gaveUp);
    expect(bench.states[0]?.excused).toBeUndefined();
    const other = new Bench().reach("up").step();
    other.now += 300 * MS;
    other.hear({ state: "down", diagnostic: 7 });
    expect(other.states[0]?.excused).toBeUndefined();
  });
});
