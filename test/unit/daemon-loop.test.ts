// The loop with a source, a clock and passes that the test holds in its hands.

import { describe, expect, test } from "vitest";
import { backoffMs } from "../../src/daemon/backoff.ts";
import type { LoopEvent, Pass, PassOptions, PassResult } from "../../src/daemon/loop.ts";
import { Loop } from "../../src/daemon/loop.ts";
import { parseModel } from "../../src/document/index.ts";
import { UnumError } from "../../src/errors.ts";
import type { Reading } from "../../src/source/index.ts";

const { model } = parseModel("version: 1\nedge: {address: 10.0.0.1}\n", "test");
const state = (revision: string) => ({ revision, model, notices: [] });
const good = (revision: string): Reading => ({ ok: true, state: state(revision) });
const bad = (message: string): Reading => ({ ok: false, error: new UnumError("DOCUMENT_INVALID", message) });
const RESULT: PassResult = { added: 1, changed: 0, removed: 0, rows: 3, planMs: 1, applyMs: 1, ports: [], notices: [] };
const UNCHANGED: PassResult = { ...RESULT, added: 0, rows: 0 };

class TestClock {
  #now = 0;
  #timer: { at: number; callback: () => void } | undefined;
  now() {
    return this.#now;
  }
  after(ms: number, callback: () => void) {
    const timer = { at: this.#now + ms, callback };
    this.#timer = timer;
    return () => {
      if (this.#timer === timer) this.#timer = undefined;
    };
  }
  /** How long until something happens by itself. */
  get next() {
    return this.#timer && this.#timer.at - this.#now;
  }
  /** Lets that happen. */
  fire() {
    const timer = this.#timer;
    if (timer === undefined) throw new Error("fire a timer: none is set");
    this.#timer = undefined;
    this.#now = timer.at;
    timer.callback();
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Passes that end when the test says so. */
function hold() {
  const passes: {
    revision: string;
    options: PassOptions;
    end: (result?: PassResult) => void;
    fail: (error: Error) => void;
  }[] = [];
  const pass: Pass = ({ revision }, options) =>
    new Promise((resolve, reject) => passes.push({ revision, options, end: (r = RESULT) => resolve(r), fail: reject }));
  return { passes, pass };
}

function start({ allowMassDelete = false, random = () => 0.5 } = {}) {
  const { passes, pass } = hold();
  const clock = new TestClock();
  const events: LoopEvent[] = [];
  const tell = (event: LoopEvent) => void events.push(event);
  const loop = new Loop({ pass, clock, random, resyncMs: 10_000, allowMassDelete, tell });
  const end = async (result?: PassResult) => {
    passes.at(-1)?.end(result);
    await settled();
  };
  const fail = async (code: "TABLE_FULL" | "MASS_DELETE" | "NETLINK", message = "it does not work") => {
    passes.at(-1)?.fail(new UnumError(code, message));
    await settled();
  };
  const revisions = () => passes.map(({ revision }) => revision);
  const kinds = () => events.map(({ kind }) => kind);
  return { loop, clock, events, passes, end, fail, revisions, kinds };
}

describe("the newest state", () => {
  test("wins: one pass at a time, and none for what came between", async () => {
    const { loop, revisions, end } = start();
    loop.offer(good("a"));
    for (const revision of ["b", "c", "d"]) loop.offer(good(revision));
    await settled();
    expect(revisions()).toEqual(["a"]);
    expect(loop.view.applied).toBeUndefined();
    await end();
    expect(revisions()).toEqual(["a", "d"]);
    expect(loop.view.applied?.state.revision).toBe("a");
    expect(loop.view.behindSince).toBe(0);
    await end();
    expect(revisions()).toEqual(["a", "d"]);
    expect(loop.view.applied?.state.revision).toBe("d");
    expect(loop.view.behindSince).toBeUndefined();
  });

  test("is looked at again after the resync period, which is told only when it wrote", async () => {
    const { loop, clock, revisions, end, kinds } = start();
    loop.offer(good("a"));
    await end();
    expect(clock.next).toBe(10_000);
    clock.fire();
    await end(UNCHANGED);
    clock.fire();
    await end();
    expect(revisions()).toEqual(["a", "a", "a"]);
    expect(kinds()).toEqual(["source-read", "applied", "applied"]);
  });

  test("is passed again when the underlay changed, during a pass too", async () => {
    const { loop, revisions, end } = start();
    loop.request("underlay");
    await settled();
    expect(revisions()).toEqual([]);
    loop.offer(good("a"));
    loop.request("underlay");
    await end();
    await end(UNCHANGED);
    expect(revisions()).toEqual(["a", "a"]);
  });
});

describe("a source that fails", () => {
  test("leaves the last good state in force, and is told", async () => {
    const { loop, clock, end, kinds, revisions } = start();
    loop.offer(good("a"));
    await end();
    loop.offer(bad("state.yaml:3:4: no"));
    await settled();
    expect(loop.view.sourceError?.message).toBe("state.yaml:3:4: no");
    expect(loop.view.applied?.state.revision).toBe("a");
    clock.fire();
    await end(UNCHANGED);
    expect(revisions()).toEqual(["a", "a"]);
    loop.offer(good("a"));
    await end(UNCHANGED);
    expect(loop.view.sourceError).toBeUndefined();
    expect(kinds()).toEqual(["source-read", "applied", "source-failed", "source-read"]);
  });

  test("before the first state makes no pass at all", async () => {
    const { loop, passes } = start();
    loop.offer(bad("gone"));
    loop.request("resync");
    await settled();
    expect(passes).toEqual([]);
  });
});

describe("a pass that fails", () => {
  test("is tried again, later from time to time, and told once", async () => {
    const { loop, clock, fail, end, kinds } = start();
    loop.offer(good("a"));
    const waits: (number | undefined)[] = [];
    for (let attempt = 1; attempt <= 9; attempt++) {
      await fail("NETLINK");
      expect(loop.view.failure).toMatchObject({ attempts: attempt, revision: "a" });
      waits.push(clock.next);
      clock.fire();
      await settled();
    }
    // Half of the doubled wait, and half of the other half, which chance decides.
    expect(waits).toEqual([75, 150, 300, 600, 1200, 2400, 4800, 7500, 7500]);
    expect(kinds()).toEqual(["source-read", "failed"]);
    await fail("NETLINK", "something else");
    clock.fire();
    await end();
    expect(kinds()).toEqual(["source-read", "failed", "failed", "applied"]);
    expect(loop.view.failure).toBeUndefined();
    expect(clock.next).toBe(10_000);
  });

  test("gives way to a newer state at once", async () => {
    const { loop, fail, end, revisions } = start();
    loop.offer(good("a"));
    await fail("NETLINK");
    loop.offer(good("b"));
    await end();
    expect(revisions()).toEqual(["a", "b"]);
    expect(loop.view.failure).toBeUndefined();
  });
});

describe.each(["TABLE_FULL", "MASS_DELETE"] as const)("a state that is refused for %s", (code) => {
  test("is not tried again, while the one before is kept up, until the source changes", async () => {
    const { loop, clock, fail, end, revisions, kinds } = start();
    loop.offer(good("a"));
    await end();
    loop.offer(good("b"));
    await fail(code);
    expect(loop.view.refusal).toMatchObject({ revision: "b", error: { code } });
    expect(clock.next).toBe(10_000);
    clock.fire();
    await end(UNCHANGED);
    clock.fire();
    await end(UNCHANGED);
    expect(loop.view.refusal?.revision).toBe("b");
    loop.offer(good("c"));
    await end();
    expect(revisions()).toEqual(["a", "b", "a", "a", "c"]);
    expect(kinds()).toEqual(["source-read", "applied", "source-read", "refused", "source-read", "applied"]);
    expect(loop.view).toMatchObject({ refusal: undefined, behindSince: undefined });
  });
});

describe("permission to delete", () => {
  test("is given to every pass, or to those of one revision", async () => {
    const always = start({ allowMassDelete: true });
    always.loop.offer(good("a"));
    expect(always.passes[0]?.options).toEqual({ massDelete: true });

    const { loop, passes, fail, end } = start();
    loop.offer(good("a"));
    expect(passes[0]?.options).toEqual({ massDelete: false });
    await fail("MASS_DELETE");
    loop.allowMassDelete("other");
    await settled();
    expect(passes).toHaveLength(1);
    loop.allowMassDelete("a");
    expect(passes[1]).toMatchObject({ revision: "a", options: { massDelete: true } });
    await end();
    loop.offer(good("b"));
    expect(passes[2]?.options).toEqual({ massDelete: false });
  });

  test("may come while the pass that needs it is under way", async () => {
    const { loop, passes, fail, end, kinds } = start();
    loop.offer(good("a"));
    const outcome = loop.outcome(good("a"));
    loop.allowMassDelete("a");
    await fail("MASS_DELETE");
    expect(passes).toHaveLength(2);
    await end();
    expect(await outcome).toMatchObject({ ok: true, revision: "a" });
    expect(kinds()).not.toContain("refused");
  });
});

describe("who waits for a revision", () => {
  test("is answered by the pass that is under way for it, and at once when the maps show it", async () => {
    const { loop, passes, end } = start();
    loop.offer(good("a"));
    const outcome = loop.outcome(good("a"));
    await end();
    expect(await outcome).toEqual({ ok: true, revision: "a", result: RESULT });
    expect(await loop.outcome(good("a"))).toMatchObject({ ok: true, revision: "a" });
    expect(passes).toHaveLength(1);
  });

  test("is not answered by a pass that began before it was read", async () => {
    const { loop, end } = start();
    loop.offer(good("a"));
    loop.offer(good("b"));
    let answer: unknown;
    void loop.outcome(good("b")).then((outcome) => {
      answer = outcome;
    });
    await end();
    expect(answer).toBeUndefined();
    await end();
    expect(answer).toMatchObject({ ok: true, revision: "b" });
  });

  test("has the maps looked at again if it asks for that", async () => {
    const { loop, passes, end } = start();
    loop.offer(good("a"));
    await end();
    const outcome = loop.outcome(good("a"), { resync: true });
    await end(UNCHANGED);
    expect(passes).toHaveLength(2);
    expect(await outcome).toMatchObject({ ok: true, result: UNCHANGED });
  });

  test("is told why not", async () => {
    const { loop, fail, end } = start();
    expect(await loop.outcome(bad("no"))).toMatchObject({ ok: false, error: { code: "DOCUMENT_INVALID" } });
    loop.offer(good("a"));
    const failed = loop.outcome(good("a"));
    await fail("NETLINK");
    expect(await failed).toMatchObject({ ok: false, revision: "a", error: { code: "NETLINK" } });
    const retried = loop.outcome(good("a"));
    await end();
    expect(await retried).toMatchObject({ ok: true });
    loop.offer(good("b"));
    const refused = loop.outcome(good("b"));
    await fail("TABLE_FULL");
    expect(await refused).toMatchObject({ ok: false, revision: "b", error: { code: "TABLE_FULL" } });
    expect(await loop.outcome(good("b"))).toMatchObject({ ok: false, error: { code: "TABLE_FULL" } });
  });

  test("is told of the newer state when its own was overtaken", async () => {
    const { loop, fail, end } = start();
    loop.offer(good("a"));
    const outcome = loop.outcome(good("a"));
    loop.offer(good("b"));
    await fail("NETLINK");
    await end();
    expect(await outcome).toMatchObject({ ok: true, revision: "b" });
  });
});

describe("stopping", () => {
  test("lets the pass end, begins no other, and leaves nobody waiting", async () => {
    const { loop, clock, passes, end } = start();
    loop.offer(good("a"));
    loop.offer(good("b"));
    const outcome = loop.outcome(good("b"));
    let stopped = false;
    const stopping = loop.stop().then(() => {
      stopped = true;
    });
    await settled();
    expect(stopped).toBe(false);
    await end();
    await stopping;
    expect(passes).toHaveLength(1);
    expect(clock.next).toBeUndefined();
    expect(await outcome).toMatchObject({ ok: false, error: { code: "DAEMON_SILENT" } });
    loop.offer(good("c"));
    expect(passes).toHaveLength(1);
  });
});

test("backoff doubles, stays between half and all of it, and ends at its limit", () => {
  const at = (attempt: number, chance: number) => backoffMs(attempt, () => chance, { firstMs: 100, maxMs: 10_000 });
  expect([1, 2, 3].map((attempt) => [at(attempt, 0), at(attempt, 1)])).toEqual([
    [50, 100],
    [100, 200],
    [200, 400],
  ]);
  expect([at(8, 1), at(1000, 1), at(1000, 0)]).toEqual([10_000, 10_000, 5000]);
});
