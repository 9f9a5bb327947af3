// Many sessions, strangers among them; and two ends of a wire that loses, delays and repeats, in a time that only the test moves.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseIp } from "../../src/address/index.ts";
import { type ControlPacket, encodeControl } from "../../src/bfd/packet.ts";
import type { SessionConfig } from "../../src/bfd/session.ts";
import type { Peer, StateChange } from "../../src/bfd/sessions.ts";
import { Sessions } from "../../src/bfd/sessions.ts";
import { Timers } from "../../src/bfd/timers.ts";
import { chance } from "../support/chance.ts";

const MS = 1000;
const CONFIG: SessionConfig = { intervalUs: 100 * MS, multiplier: 3 };
const AUTH = { type: "meticulous-keyed-sha1", keyId: 3, secret: Buffer.from("shared") } as const;

const peer = (name: string, address: string, more: Partial<Peer> = {}): Peer => ({
  name,
  address: parseIp(address),
  multihop: false,
  config: CONFIG,
  ...more,
});

/** One end, and what it did. */
class Side {
  readonly sent: { readonly to: Peer; readonly bytes: Uint8Array; readonly at: number }[] = [];
  readonly changes: (StateChange & { readonly at: number })[] = [];
  readonly sessions: Sessions;
  now = 0;

  constructor(seed: number) {
    this.sessions = new Sessions({
      random: chance(seed),
      send: (to, bytes) => void this.sent.push({ to, bytes, at: this.now }),
      changed: (change) => void this.changes.push({ ...change, at: this.now }),
    });
  }
}

describe("timers", () => {
  test("come in the order of their times, however they were set, moved and taken away", () => {
    const operations = fc.array(fc.tuple(fc.nat(20), fc.oneof(fc.nat(1000), fc.constant(Number.POSITIVE_INFINITY))));
    fc.assert(
      fc.property(operations, fc.nat(1000), (sets, now) => {
        const timers = new Timers<number>();
        const model = new Map<number, number>();
        for (const [key, at] of sets) {
          timers.set(key, at);
          if (at === Number.POSITIVE_INFINITY) model.delete(key);
          else model.set(key, at);
        }
        expect(timers.size).toBe(model.size);
        const due = [...model.values()].filter((at) => at <= now).sort((a, b) => a - b);
        const taken: number[] = [];
        for (let key = timers.take(now); key !== undefined; key = timers.take(now))
          taken.push(model.get(key) as number);
        expect(taken).toEqual(due);
        expect(timers.size).toBe(model.size - due.length);
      }),
    );
  });
});

describe("a packet finds its session", () => {
  const PACKET: ControlPacket = {
    diagnostic: 0,
    state: "down",
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    multiplier: 3,
    myDiscriminator: 77,
    yourDiscriminator: 0,
    desiredMinTxUs: 1,
    requiredMinRxUs: 1,
    requiredMinEchoRxUs: 0,
    authenticated: false,
  };
  const FROM = { from: parseIp("10.0.0.1"), multihop: false, ttl: 255 };

  const make = () => {
    const side = new Side(1);
    side.sessions.put(peer("s1", "10.0.0.1"), 0);
    side.sessions.put(peer("s2", "10.0.0.2", { multihop: true }), 0);
    side.sessions.put(peer("s6", "2001:db8::1"), 0);
    const discriminator = (name: string) => side.sessions.get(name)?.discriminator as number;
    const hear = (fields: Partial<ControlPacket> = {}, from: Partial<typeof FROM> = {}) =>
      side.sessions.receive({ ...FROM, ...from, bytes: encodeControl({ ...PACKET, ...fields }) }, 0);
    const states = () => [...side.sessions.entries()].map(([{ name }, { state }]) => `${name} ${state}`).join(", ");
    return { side, discriminator, hear, states };
  };

  test("by its sender, as long as it names none", () => {
    const { hear, states } = make();
    hear();
    hear({}, { from: parseIp("2001:db8::1") });
    hear({}, { from: parseIp("10.0.0.2"), multihop: true, ttl: 250 });
    expect(states()).toBe("s1 init, s2 init, s6 init");
  });

  test("by the discriminator that it names", () => {
    const { hear, states, discriminator } = make();
    hear({ state: "init", yourDiscriminator: discriminator("s1") });
    expect(states()).toBe("s1 up, s2 down, s6 down");
  });

  test.each<[string, (made: ReturnType<typeof make>) => void, string]>([
    ["from further away than it says", ({ hear }) => hear({}, { ttl: 254 }), "ttl"],
    ["of a stranger", ({ hear }) => hear({}, { from: parseIp("10.0.0.9") }), "unknown-peer"],
    ["to the other port", ({ hear }) => hear({}, { multihop: true }), "unknown-peer"],
    [
      "from one hop, of a peer that is many away",
      ({ hear }) => hear({}, { from: parseIp("10.0.0.2") }),
      "unknown-peer",
    ],
    ["with a discriminator that nobody has", ({ hear }) => hear({ yourDiscriminator: 5 }), "unknown-discriminator"],
    [
      "with another session's discriminator",
      ({ hear, discriminator }) => hear({ yourDiscriminator: discriminator("s6") }),
      "unknown-discriminator",
    ],
    [
      "that is authenticated, and need not be",
      ({ side }) => side.sessions.receive({ ...FROM, bytes: sealed() }, 0),
      "auth-presence",
    ],
    ["that is none", ({ side }) => side.sessions.receive({ ...FROM, bytes: new Uint8Array(24) }, 0), "version"],
  ])("unless it is %s", (_, send, reason) => {
    const made = make();
    send(made);
    expect(made.states()).toBe("s1 down, s2 down, s6 down");
    expect([...made.side.sessions.discards]).toEqual([[reason, 1]]);
    expect(made.side.sent).toEqual([]);
  });

  const sealed = () => encodeControl({ ...PACKET, authenticated: true }, 28);

  test("and none that fails one check changes a state", () => {
    const { side, states, discriminator } = make();
    const good = encodeControl({ ...PACKET, state: "init", yourDiscriminator: discriminator("s1") });
    const random = chance(42);
    const pick = (below: number) => Math.floor(random() * below);
    let discarded = 0;
    for (let i = 0; i < 200_000; i++) {
      const bytes = good.slice(0, random() < 0.1 ? pick(25) : 24);
      // The fields that are checked: version, length, multiplier, the multipoint bit, both discriminators.
      const at = [0, 3, 2, 1, 8 + pick(4)][pick(5)] as number;
      if (at < bytes.length) bytes[at] = at === 1 ? 0xa1 : at === 2 ? 0 : (bytes[at] as number) ^ (0x20 << pick(3));
      const from = random() < 0.2 ? parseIp(`10.0.1.${pick(256)}`) : FROM.from;
      if (at === 3 && bytes[3] === 24) continue;
      side.sessions.receive({ from, multihop: false, ttl: FROM.ttl, bytes }, 0);
      discarded++;
    }
    expect(states()).toBe("s1 down, s2 down, s6 down");
    expect([...side.sessions.discards.values()].reduce((sum, count) => sum + count, 0)).toBe(discarded);
    side.sessions.receive({ ...FROM, bytes: good }, 0);
    expect(states()).toBe("s1 up, s2 down, s6 down");
  });
});

describe("a peer that changes", () => {
  test("begins anew with another address, and goes on with another interval", () => {
    const side = new Side(3);
    side.sessions.put(peer("s1", "10.0.0.1"), 0);
    const first = side.sessions.get("s1");
    side.sessions.put(peer("s1", "10.0.0.1", { config: { ...CONFIG, intervalUs: 5 } }), 0);
    expect(side.sessions.get("s1")).toBe(first);
    side.sessions.put(peer("s1", "10.0.0.3", { config: CONFIG }), 0);
    expect(side.sessions.get("s1")).not.toBe(first);
    expect(side.sessions.size).toBe(1);
    side.sessions.delete("s1");
    expect([side.sessions.size, side.sessions.nextUs]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  test("may swap its address with another's", () => {
    const side = new Side(4);
    side.sessions.put(peer("a", "10.0.0.1"), 0);
    side.sessions.put(peer("b", "10.0.0.2"), 0);
    side.sessions.put(peer("a", "10.0.0.2"), 0);
    side.sessions.put(peer("b", "10.0.0.1"), 0);
    const down = { diagnostic: 0, state: "down", poll: false, final: false, demand: false, multiplier: 3 } as const;
    const rest = { controlPlaneIndependent: false, myDiscriminator: 5, yourDiscriminator: 0, requiredMinEchoRxUs: 0 };
    const times = { desiredMinTxUs: 1, requiredMinRxUs: 1, authenticated: false };
    const bytes = encodeControl({ ...down, ...rest, ...times });
    side.sessions.receive({ from: parseIp("10.0.0.2"), multihop: false, ttl: 255, bytes }, 0);
    expect([side.sessions.get("a")?.state, side.sessions.get("b")?.state]).toEqual(["init", "down"]);
  });

  test("keeps the discriminator that a process before gave it, unless another session has it", () => {
    const side = new Side(5);
    side.sessions.put(peer("a", "10.0.0.1"), 0, { discriminator: 9 });
    side.sessions.put(peer("b", "10.0.0.2"), 0, { discriminator: 9 });
    expect(side.sessions.get("a")?.discriminator).toBe(9);
    expect(side.sessions.get("b")?.discriminator).not.toBe(9);
  });
});

interface WireOptions {
  readonly seed: number;
  readonly loss: number;
  readonly delayUs: number;
  readonly configs: readonly [SessionConfig, SessionConfig];
}

/** Two ends with one session each. */
class Wire {
  now = 0;
  isCut = false;
  loss: number;
  readonly sides: readonly [Side, Side];
  readonly #delayUs: number;
  readonly #random: () => number;
  readonly #flying = new Timers<{ readonly to: 0 | 1; readonly bytes: Uint8Array }>();

  constructor({ seed, loss, delayUs, configs }: WireOptions) {
    this.#random = chance(seed);
    this.#delayUs = delayUs;
    this.loss = loss;
    this.sides = [new Side(seed + 1), new Side(seed + 2)];
    for (const [at, side] of this.sides.entries())
      side.sessions.put(peer("peer", `10.0.0.${at}`, { config: configs[at] as SessionConfig }), 0);
  }

  states(): string {
    return this.sides.map(({ sessions }) => sessions.get("peer")?.state).join(" ");
  }

  get detectUs(): readonly number[] {
    return this.sides.map(({ sessions }) => sessions.get("peer")?.detectUs as number);
  }

  run(forUs: number, until: () => boolean = () => false): boolean {
    const end = this.now + forUs;
    for (;;) {
      const next = Math.min(this.#flying.next, ...this.sides.map(({ sessions }) => sessions.nextUs));
      if (until()) return true;
      if (next > end) break;
      this.now = Math.max(this.now, next);
      for (const side of this.sides) side.now = this.now;
      for (let packet = this.#flying.take(this.now); packet !== undefined; packet = this.#flying.take(this.now)) {
        const from = parseIp(`10.0.0.${packet.to}`);
        const { bytes } = packet;
        (this.sides[packet.to] as Side).sessions.receive({ from, multihop: false, ttl: 255, bytes }, this.now);
      }
      for (const side of this.sides) side.sessions.sendDue(this.now);
      for (const side of this.sides) side.sessions.expireDue(this.now);
      this.#carry();
    }
    this.now = end;
    return false;
  }

  /** Sometimes lost, sometimes twice, and never in the order that they were sent in. */
  #carry(): void {
    for (const [at, side] of this.sides.entries()) {
      for (const { bytes } of side.sent.splice(0)) {
        for (const chanceOf of [1, 0.05]) {
          if (this.isCut || this.#random() < this.loss || this.#random() > chanceOf) continue;
          this.#flying.set({ to: at === 0 ? 1 : 0, bytes }, this.now + this.#random() * this.#delayUs);
        }
      }
    }
  }
}

const configs = fc.record({
  intervalUs: fc.constantFrom(5 * MS, 25 * MS, 100 * MS, 300 * MS, 2000 * MS),
  multiplier: fc.integer({ min: 1, max: 6 }),
});
const wires = fc.record({
  seed: fc.nat(),
  loss: fc.constantFrom(0, 0, 0.1, 0.3),
  delayUs: fc.constantFrom(0, 500, 3 * MS),
  configs: fc.tuple(configs, configs),
});

describe("two ends of a wire", () => {
  test("always come up, and know of a cut within the detection time, and come up again", () => {
    fc.assert(
      fc.property(wires, (options) => {
        const wire = new Wire(options);
        const up = () => wire.states() === "up up";
        expect(wire.run(120_000 * MS, up), "comes up").toBe(true);
        wire.loss = 0;
        // The timers are agreed on.
        expect(
          wire.run(60_000 * MS, () => up() && wire.sides.every(({ sessions }) => !sessions.get("peer")?.polling)),
          "settles",
        ).toBe(true);
        wire.run(10_000 * MS);
        expect(wire.states()).toBe("up up");
        const cutAt = wire.now;
        const limits = wire.detectUs;
        for (const side of wire.sides) side.changes.length = 0;
        wire.isCut = true;
        wire.run(Math.max(...limits) + options.delayUs);
        expect(wire.states()).toBe("down down");
        for (const [at, side] of wire.sides.entries()) {
          expect(side.changes).toMatchObject([{ from: "up", to: "down", diagnostic: "detection time expired" }]);
          expect((side.changes[0]?.at ?? 0) - cutAt).toBeLessThanOrEqual((limits[at] as number) + options.delayUs);
        }
        wire.isCut = false;
        expect(wire.run(60_000 * MS, up), "comes up again").toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("change their intervals again and again, and no session falls", () => {
    const change = fc.record({
      side: fc.constantFrom(0 as const, 1 as const),
      config: configs,
      afterUs: fc.nat(3000 * MS),
    });
    fc.assert(
      // A packet that is late by more than a multiplier of 1 bears is a loss.
      fc.property(wires, fc.array(change, { minLength: 1, maxLength: 12 }), (options, changes) => {
        const patient = (config: SessionConfig) => ({ ...config, multiplier: config.multiplier + 2 });
        const [a, b] = options.configs;
        const wire = new Wire({ ...options, loss: 0, configs: [patient(a), patient(b)] });
        expect(wire.run(60_000 * MS, () => wire.states() === "up up")).toBe(true);
        for (const side of wire.sides) side.changes.length = 0;
        for (const { side, config, afterUs } of changes) {
          wire.run(afterUs);
          const { sessions } = wire.sides[side];
          sessions.put(peer("peer", `10.0.0.${side}`, { config: patient(config) }), wire.now);
        }
        wire.run(30_000 * MS);
        expect(wire.states()).toBe("up up");
        expect(wire.sides.flatMap((side) => side.changes)).toEqual([]);
        for (const { sessions } of wire.sides) expect(sessions.get("peer")?.polling).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  test("believe each other with a key, and nobody without", () => {
    const config = { ...CONFIG, auth: AUTH };
    const wire = new Wire({ seed: 7, loss: 0.1, delayUs: 0, configs: [config, config] });
    expect(wire.run(60_000 * MS, () => wire.states() === "up up")).toBe(true);
    const other = new Wire({ seed: 8, loss: 0, delayUs: 0, configs: [config, CONFIG] });
    expect(other.run(30_000 * MS, () => other.states() !== "down down")).toBe(false);
    expect([...other.sides[0].sessions.discards.keys()]).toEqual(["auth-presence"]);
  });
});

describe("thousands of sessions", () => {
  test("are served in time", () => {
    const COUNT = 4096;
    const side = new Side(9);
    const config = { intervalUs: 300 * MS, multiplier: 3 };
    for (let i = 0; i < COUNT; i++) side.sessions.put(peer(`s${i}`, `10.1.${i >> 8}.${i & 255}`, { config }), 0);
    let late = 0;
    let sends = 0;
    for (side.now = 0; side.now < 3000 * MS; side.now += MS) {
      side.sessions.sendDue(side.now);
      late = Math.max(late, side.now - side.sessions.nextUs);
      sends += side.sent.splice(0).length;
    }
    expect(late).toBeLessThanOrEqual(0);
    // Down: once a second, jittered.
    expect(sends).toBeGreaterThan(3 * COUNT);
    expect(sends).toBeLessThan(5 * COUNT);
  });
});
