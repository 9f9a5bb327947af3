// The liveness thread's loop with a wire, maps and a clock that the test holds in its hands.

import { describe, expect, test } from "vitest";
import { parseIp } from "../../src/address/index.ts";
import type { ControlPacket } from "../../src/bfd/packet.ts";
import { decodeControl, encodeControl } from "../../src/bfd/packet.ts";
import type { Received } from "../../src/bfd/sessions.ts";
import { LivenessLoop, type Maps, type Wire } from "../../src/daemon/liveness-loop.ts";
import type { FromThread, LivenessPeer } from "../../src/daemon/liveness-protocol.ts";
import type { LivenessRow } from "../../src/dataplane/index.ts";
import { chance } from "../support/chance.ts";

const MS = 1000;
const S1: LivenessPeer = {
  name: "s1",
  address: parseIp("10.0.0.1"),
  multihop: false,
  index: 7,
  holdDownUs: 1000 * MS,
  config: { intervalUs: 100 * MS, multiplier: 3 },
};
const NOTHING: LivenessRow = { discriminator: 0, detectMs: 0, state: "unknown" };

const STRANGER: Received = { from: parseIp("10.9.9.9"), multihop: false, ttl: 255, bytes: new Uint8Array(24) };

class Bench {
  nowUs = 0;
  clockNs = 0;
  readonly rows = new Map<number, LivenessRow>();
  readonly heardNs = new Map<number, number>();
  readonly sent: ControlPacket[] = [];
  readonly told: FromThread[] = [];
  /** Comes in with the next turn. */
  readonly incoming: Received[] = [];
  /** Whether control packets pass the packet path. */
  isMarked = true;
  /** Until then, strangers send more than can be read. */
  floodUntilUs = 0;
  /** Happens once, after what came in was read. */
  afterRead: (() => void) | undefined;
  readonly loop: LivenessLoop;

  constructor() {
    const wire: Wire = {
      lost: 0,
      receive: (each) => {
        if (this.nowUs < this.floodUntilUs) {
          for (let i = 0; i < 64; i++) each(STRANGER);
          this.nowUs += 20;
          return true;
        }
        const batch = this.incoming.splice(0, 64);
        for (const received of batch) each(received);
        const { afterRead } = this;
        this.afterRead = undefined;
        afterRead?.();
        return batch.length === 64;
      },
      send: (_, bytes) => void this.sent.push(decodeControl(bytes) as ControlPacket),
      flush() {},
      wait: (us) => {
        this.nowUs += Math.max(1, us);
        return false;
      },
    };
    const tell = (message: FromThread) => void this.told.push(message);
    this.loop = new LivenessLoop({ wire, now: () => this.nowUs, random: chance(1), tell });
  }

  maps(): Maps {
    return {
      read: (index) => this.rows.get(index) ?? NOTHING,
      write: (index, row) => void this.rows.set(index, row),
      advance: (ns) => {
        this.clockNs += ns;
      },
      silenceNs: (index) => {
        const heard = this.heardNs.get(index);
        return heard === undefined ? undefined : this.clockNs - heard;
      },
      mute: (index) => void this.heardNs.delete(index),
    };
  }

  watch(...peers: readonly LivenessPeer[]): this {
    this.loop.watch({ kind: "watch", locals: [], mapId: 1, peers });
    return this;
  }

  get row(): LivenessRow {
    return this.rows.get(S1.index) ?? NOTHING;
  }

  hear(state: ControlPacket["state"], fields: Partial<ControlPacket> = {}): this {
    const packet: ControlPacket = {
      diagnostic: 0,
      state,
      poll: false,
      final: true,
      controlPlaneIndependent: false,
      demand: false,
      multiplier: 3,
      myDiscriminator: 99,
      yourDiscriminator: this.row.discriminator,
      desiredMinTxUs: 100 * MS,
      requiredMinRxUs: 100 * MS,
      requiredMinEchoRxUs: 0,
      authenticated: false,
      ...fields,
    };
    this.incoming.push({ from: S1.address, multihop: false, ttl: 255, bytes: encodeControl(packet) });
    if (this.isMarked && (state === "up" || state === "init")) this.heardNs.set(S1.index, this.clockNs);
    return this;
  }

  /** Lets time go by; the peer answers every 90 ms, unless it is silent. */
  run(forMs: number, isAnswering = true): this {
    const end = this.nowUs + forMs * MS;
    for (let hearAt = this.nowUs; this.nowUs < end; this.loop.turn()) {
      if (!isAnswering || this.nowUs < hearAt) continue;
      this.hear("up");
      hearAt = this.nowUs + 90 * MS;
    }
    return this;
  }

  up(): this {
    this.loop.useMaps(this.maps());
    this.watch(S1).hear("init").run(1000);
    expect(this.row.state).toBe("up");
    return this;
  }

  liveness(): readonly string[] {
    return this.told.flatMap((message) => (message.kind === "liveness" ? [message.liveness] : []));
  }
}

describe("the words that packets read", () => {
  test("have a session from the beginning, and count silence once packets are seen to hear it", () => {
    const bench = new Bench();
    bench.loop.useMaps(bench.maps());
    bench.watch(S1);
    expect(bench.row).toMatchObject({ detectMs: 0, state: "unknown" });
    expect(bench.row.discriminator).not.toBe(0);
    bench.hear("init").run(1000);
    expect(bench.row).toMatchObject({ detectMs: 305, state: "up" });
  });

  test("count nothing where control packets come another way, or begin to", () => {
    const bench = new Bench();
    bench.isMarked = false;
    bench.up();
    expect(bench.row.detectMs).toBe(0);
    bench.isMarked = true;
    expect(bench.run(500).row.detectMs).toBe(305);
    bench.isMarked = false;
    expect(bench.run(500).row).toMatchObject({ detectMs: 0, state: "up" });
    expect(bench.liveness()).toEqual(["up"]);
  });

  test("say stale within the detection time, and up after the hold-down", () => {
    const bench = new Bench().up();
    const from = bench.nowUs;
    while (bench.row.state === "up") bench.loop.turn();
    expect(bench.nowUs - from).toBeLessThanOrEqual(301 * MS);
    expect(bench.row).toMatchObject({ detectMs: 0, state: "stale" });
    bench.hear("init").run(900);
    expect(bench.row.state).toBe("stale");
    expect(bench.run(500).row).toMatchObject({ detectMs: 305, state: "up" });
  });

  test("are emptied when nobody is watched any more, and the peer is told", () => {
    const bench = new Bench().up().watch();
    expect(bench.row).toEqual(NOTHING);
    expect(bench.sent.at(-1)).toMatchObject({ state: "admin-down", diagnostic: 7 });
  });

  test("begin anew for an endpoint with another address", () => {
    const bench = new Bench().up();
    const before = bench.row.discriminator;
    bench.watch({ ...S1, address: parseIp("10.0.0.2") });
    expect(bench.row).toMatchObject({ detectMs: 0, state: "unknown" });
    expect(bench.row.discriminator).not.toBe(before);
  });

  test("are taken up by the next process, whose peer hears of nothing", () => {
    const first = new Bench().up();
    const next = new Bench();
    next.rows.set(S1.index, first.row);
    next.loop.useMaps(next.maps());
    next.watch(S1);
    expect(next.row).toEqual({ ...first.row, detectMs: 0 });
    next.run(1000);
    expect(next.sent.length).toBeGreaterThan(5);
    for (const packet of next.sent) expect(packet).toMatchObject({ state: "up", yourDiscriminator: 99 });
    expect(next.row).toEqual(first.row);
  });
});

describe("time", () => {
  test("is the clock's while the thread runs, and stands still while it does not", () => {
    const bench = new Bench().up();
    const [us, ns] = [bench.nowUs, bench.clockNs];
    bench.run(1000);
    const ratio = (bench.clockNs - ns) / 1000 / (bench.nowUs - us);
    expect(ratio).toBeGreaterThan(0.98);
    expect(ratio).toBeLessThanOrEqual(1.01);
    const before = bench.clockNs;
    bench.nowUs += 5_000 * MS;
    // What had come in meanwhile is read before anybody is given up.
    bench.hear("up");
    bench.loop.turn();
    expect(bench.clockNs - before).toBeLessThanOrEqual(10_000_000);
    expect(bench.row.state).toBe("up");
  });

  test("that this thread was stopped for is nobody's silence, and neither is what it was stopped for after a look", () => {
    const bench = new Bench().up();
    // Once before a look, and once after it: what came in then is read only with the next one.
    bench.nowUs += 5_000 * MS;
    bench.loop.turn();
    expect(bench.row.state).toBe("up");
    bench.run(500);
    bench.afterRead = () => {
      bench.nowUs += 400 * MS;
      bench.hear("up");
    };
    bench.loop.turn();
    bench.run(500);
    expect(bench.liveness()).toEqual(["up"]);
    // It is given no more time than that.
    bench.nowUs += 400 * MS;
    const from = bench.nowUs;
    while (bench.row.state === "up") bench.loop.turn();
    expect(bench.nowUs - from).toBeLessThanOrEqual(301 * MS);
  });

  test("that was ours alone is no news of a peer's that gave up", () => {
    const bench = new Bench().up();
    bench.nowUs += 5_000 * MS;
    bench.hear("down", { diagnostic: 1 });
    bench.loop.turn();
    expect(bench.told).toContainEqual(expect.objectContaining({ kind: "session", to: "down", excused: true }));
    expect(bench.row.state).toBe("up");
    bench.hear("init").run(1000);
    expect(bench.liveness()).toEqual(["up"]);
  });
});

test("a thousand flaps are told one by one, and end where they began", () => {
  const bench = new Bench().up();
  const before = bench.row;
  for (let flap = 0; flap < 1000; flap++) {
    while (bench.row.state === "up") bench.loop.turn();
    bench.hear("init").run(1100);
    expect(bench.row).toEqual(before);
  }
  const once = ["stale", "up"];
  expect(bench.liveness()).toEqual(["up", ...Array.from({ length: 1000 }, () => once).flat()]);
  expect(bench.rows.size).toBe(1);
  expect(bench.loop.report()).toMatchObject({ sessions: [{ state: "up", liveness: "up", downs: 1000 }], discards: {} });
});

test("a flood keeps nobody from being sent to, nor the dead alive", () => {
  const bench = new Bench().up();
  bench.sent.length = 0;
  const from = bench.nowUs;
  bench.floodUntilUs = from + 1000 * MS;
  while (bench.row.state === "up" && bench.nowUs < from + 1000 * MS) bench.loop.turn();
  expect(bench.row.state).toBe("stale");
  expect(bench.nowUs - from).toBeLessThanOrEqual(320 * MS);
  expect(bench.sent.filter(({ state }) => state === "up").length).toBeGreaterThanOrEqual(2);
});

describe("an endpoint that is drained", () => {
  const DRAINED: LivenessPeer = { ...S1, drained: true };

  test("is told so for as long as it lasts, and answers for its hold-down before it is used again", () => {
    const bench = new Bench().up().watch(DRAINED);
    expect(bench.sent.at(-1)).toMatchObject({ state: "admin-down", diagnostic: 7 });
    bench.sent.length = 0;
    bench.hear("down").run(3000, false);
    expect(bench.sent.length).toBeGreaterThan(2);
    expect(new Set(bench.sent.map(({ state }) => state))).toEqual(new Set(["admin-down"]));
    // Nobody is alarmed.
    expect(bench.liveness()).toEqual(["up"]);
    expect(bench.loop.report().sessions).toMatchObject([{ endpoint: "s1", drained: true, downs: 0 }]);
    bench.watch(S1);
    expect(bench.row.state).toBe("stale");
    bench.hear("init").run(900);
    expect(bench.row.state).toBe("stale");
    bench.run(500);
    expect(bench.row.state).toBe("up");
    expect(bench.liveness()).toEqual(["up", "up"]);
  });

  test("is drained by the next process, too, whatever the one before left", () => {
    const next = new Bench();
    next.rows.set(S1.index, new Bench().up().row);
    next.loop.useMaps(next.maps());
    next.watch(DRAINED);
    expect(next.sent.at(-1)).toMatchObject({ state: "admin-down" });
    expect(next.row).toMatchObject({ detectMs: 0, state: "stale" });
  });

  test("that never answered is used again at once", () => {
    const bench = new Bench();
    bench.loop.useMaps(bench.maps());
    bench.watch(DRAINED).run(2000, false);
    bench.watch(S1);
    expect(bench.row.state).toBe("unknown");
  });
});
