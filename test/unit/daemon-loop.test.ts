// The loop with a source, a clock and passes that the test holds in its hands.

import { describe, expect, test } from "vitest";
import { parseIp, parseMac } from "../../src/address/index.ts";
import { backoffMs } from "../../src/daemon/backoff.ts";
import type { LoopEvent, Pass, PassOptions, PassResult } from "../../src/daemon/loop.ts";
import { Loop } from "../../src/daemon/loop.ts";
import { healthOf } from "../../src/daemon/status.ts";
import { parseModel } from "../../src/document/index.ts";
import { UnumError } from "../../src/errors.ts";
import type { Vm, VmPut } from "../../src/model/index.ts";
import type { Reading } from "../../src/source/index.ts";
import { NOTHING_KEPT_OUT } from "../../src/source/index.ts";

const { model } = parseModel("version: 1\nedge: {address: 10.0.0.1}\n", "test");
const state = (revision: string) => ({ revision, model, notices: [], keptOut: NOTHING_KEPT_OUT });
const good = (revision: string): Reading => ({ ok: true, state: state(revision) });
const bad = (message: string): Reading => ({ ok: false, error: new UnumError("DOCUMENT_INVALID", message) });
const RESULT: PassResult = { added: 1, changed: 0, removed: 0, rows: 3, planMs: 1, applyMs: 1, ports: [], notices: [] };
const SHORT: PassResult = { ...RESULT, short: true };
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
    revision: string | undefined;
    options: PassOptions;
    end: (result?: PassResult) => void;
    fail: (error: Error) => void;
  }[] = [];
  const pass: Pass = (of, options) =>
    new Promise((resolve, reject) =>
      passes.push({ revision: of?.revision, options, end: (r = RESULT) => resolve(r), fail: reject }),
    );
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

  test("before the first state has what the maps hold kept up, which is no state of it", async () => {
    const { loop, clock, passes, revisions, end, fail, kinds } = start();
    loop.offer(bad("gone"));
    await fail("NETLINK");
    expect(loop.view.failure).toMatchObject({ revision: undefined, attempts: 1 });
    clock.fire();
    await end();
    clock.fire();
    await end(UNCHANGED);
    expect(revisions()).toEqual([undefined, undefined, undefined]);
    expect(passes[0]?.options).toEqual({ massDelete: false });
    expect(kinds()).toEqual(["source-failed", "failed", "kept-up"]);
    expect(loop.view).toMatchObject({ applied: undefined, failure: undefined, behindSince: undefined });
    loop.offer(good("a"));
    await end();
    expect(loop.view.applied?.state.revision).toBe("a");
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
    expect(revisions()).toEqual(["a", "b", undefined, undefined, "c"]);
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

const VM = { server: "s1", mac: parseMac("02:00:00:00:00:01") };
const put = (address: string, to: Vm | undefined = VM): VmPut => ({ tenant: "acme", address: parseIp(address), to });
const then = (base: string, revision: string, ...changes: VmPut[]): Reading => ({
  ok: true,
  state: { ...state(revision), since: { base, changes } },
});

describe("changes of VMs", () => {
  const [one, two] = [put("10.0.0.1"), put("10.0.0.2")];

  test("are handed over by themselves after a pass that succeeded, of each VM the last", async () => {
    const { loop, passes, revisions, end } = start();
    loop.offer(good("a"));
    await end();
    loop.offer(then("a", "b", one));
    expect(passes[1]?.options).toEqual({ massDelete: false, changes: [one] });
    const gone = put("10.0.0.2", undefined);
    loop.offer(then("b", "c", two));
    loop.offer(then("c", "d", gone, one));
    await end(SHORT);
    expect(revisions()).toEqual(["a", "b", "d"]);
    expect(passes[2]?.options.changes).toEqual([gone, one]);
    await end(SHORT);
    expect(loop.view).toMatchObject({ applied: { state: { revision: "d" } }, behindSince: undefined });
  });

  test("that come during a whole pass are next, also when another whole one is due", async () => {
    const { loop, passes, end } = start();
    loop.offer(good("a"));
    loop.offer(then("a", "b", one));
    loop.request("underlay");
    await end();
    expect(passes[1]).toMatchObject({ revision: "b", options: { changes: [one] } });
    await end(SHORT);
    expect(passes[2]).toMatchObject({ revision: "b", options: { massDelete: false } });
    expect(passes[2]?.options.changes).toBeUndefined();
  });

  test.each([
    ["of another state", then("x", "b", one)],
    ["that nobody tells", good("b")],
  ])("%s are a matter for a whole pass", async (_, reading) => {
    const { loop, passes, end } = start();
    loop.offer(good("a"));
    await end();
    loop.offer(reading);
    expect(passes[1]?.options.changes).toBeUndefined();
    await end();
    loop.offer(then("b", "c", two));
    expect(passes[2]?.options.changes).toEqual([two]);
  });

  test("before and after a state that differs in more are a matter for a whole pass", async () => {
    const { loop, passes, end } = start();
    loop.offer(good("a"));
    await end();
    loop.request("underlay");
    loop.offer(then("a", "b", one));
    loop.offer(good("c"));
    loop.offer(then("c", "d", two));
    await end(UNCHANGED);
    expect(passes[2]).toMatchObject({ revision: "d" });
    expect(passes[2]?.options.changes).toBeUndefined();
  });

  test("that cannot be made by themselves have a whole pass made at once, and nothing is told to fail", async () => {
    const { loop, passes, fail, end, kinds } = start();
    loop.offer(good("a"));
    await end();
    loop.offer(then("a", "b", one));
    const outcome = loop.outcome(then("a", "b"));
    loop.offer(then("b", "c", two));
    await fail("TABLE_FULL");
    expect(passes[2]).toMatchObject({ revision: "c", options: { massDelete: false } });
    expect(passes[2]?.options.changes).toBeUndefined();
    expect(loop.view).toMatchObject({ failure: undefined, refusal: undefined });
    await end();
    expect(await outcome).toMatchObject({ ok: true, revision: "c" });
    expect(kinds().slice(2)).toEqual(["source-read", "source-read", "short-failed", "applied"]);
    loop.offer(then("c", "d", one));
    expect(passes[3]?.options.changes).toEqual([one]);
  });

  test("after a whole pass that failed or was refused need another one", async () => {
    for (const code of ["NETLINK", "TABLE_FULL"] as const) {
      const { loop, passes, fail, end } = start();
      loop.offer(good("a"));
      await end();
      loop.offer(good("b"));
      await fail(code);
      loop.offer(then("b", "c", one));
      expect(passes[2]).toMatchObject({ revision: "c" });
      expect(passes[2]?.options.changes).toBeUndefined();
      await end();
      loop.offer(then("c", "d", two));
      expect(passes[3]?.options.changes).toEqual([two]);
    }
  });

  test("without end keep neither the resync nor who asks for one from its turn", async () => {
    const { loop, clock, passes, end } = start();
    loop.offer(good("r0"));
    await end();
    const resync = clock.next;
    for (let n = 1; n <= 5; n++) {
      loop.offer(then(`r${n - 1}`, `r${n}`, one));
      await end(SHORT);
    }
    expect(clock.next).toBe(resync);
    loop.offer(then("r5", "r6", one));
    clock.fire();
    loop.offer(then("r6", "r7", one));
    await end(SHORT);
    expect(passes.at(-1)).toMatchObject({ revision: "r7" });
    expect(passes.at(-1)?.options.changes).toBeUndefined();
    await end(UNCHANGED);
    expect(clock.next).toBe(resync);

    let answer: unknown;
    loop.request("underlay");
    loop.offer(then("r7", "r8", one));
    void loop.outcome(good("r8"), { resync: true }).then((outcome) => {
      answer = outcome;
    });
    loop.offer(then("r8", "r9", two));
    await end(UNCHANGED);
    expect(passes.at(-1)?.options.changes).toHaveLength(2);
    await end(SHORT);
    expect(answer).toBeUndefined();
    await end(UNCHANGED);
    expect(answer).toMatchObject({ ok: true, revision: "r9", result: UNCHANGED });
  });

  test("are told apart from others, for they may be many", async () => {
    const { loop, events, end } = start();
    loop.offer(good("a"));
    await end();
    loop.offer(then("a", "b", one));
    await end(SHORT);
    expect(events.filter(({ kind }) => kind === "source-read")).toMatchObject([{ short: false }, { short: true }]);
  });
});

describe("a state whose removals are meant", () => {
  test("is let pass, and so is what follows until a pass succeeded", async () => {
    const { loop, passes, fail, end } = start();
    loop.offer({ ok: true, state: { ...state("a"), meant: true } });
    expect(passes[0]?.options).toEqual({ massDelete: true });
    loop.offer(good("b"));
    await fail("NETLINK");
    expect(passes[1]).toMatchObject({ revision: "b", options: { massDelete: true } });
    await end();
    loop.offer(good("c"));
    expect(passes[2]?.options).toEqual({ massDelete: false });
  });
});

test("objects that are kept out are told when they are others than before", () => {
  const { loop, kinds } = start();
  const keptOut = { count: 1, first: ["tenants/acme: no"] };
  const without = (revision: string): Reading => ({ ok: true, state: { ...state(revision), keptOut } });
  for (const reading of [good("a"), without("b"), without("c"), good("d")]) loop.offer(reading);
  expect(kinds()).toEqual(["source-read", "source-read", "kept-out", "source-read", "source-read", "kept-out"]);
  const view = { ...loop.view, desired: { state: { ...state("e"), keptOut: { ...keptOut, count: 3 } }, at: 0 } };
  expect(healthOf(view, 0).problems).toEqual(["kept out: tenants/acme: no", "kept out: 2 more"]);
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

describe("a port that cannot be attached", () => {
  const error = new UnumError("INTERFACE_MISSING", "attach e9: there is no such interface");
  const vm = (host: number): VmPut => ({ tenant: "acme", address: parseIp(`172.16.0.${host}`), to: undefined });
  const since = (base: string, revision: string, host: number): Reading => ({
    ok: true,
    state: { ...state(revision), since: { base, changes: [vm(host)] } },
  });

  test("keeps no VM from being changed, is tried again less and less often, and is told once", async () => {
    const { loop, passes, clock, events, end } = start();
    loop.offer(good("r1"));
    await end({ ...RESULT, incomplete: error });
    expect(loop.view).toMatchObject({ applied: { state: { revision: "r1" } }, failure: { error, attempts: 1 } });
    loop.offer(since("r1", "r2", 1));
    expect(passes.at(-1)?.options.changes).toEqual([vm(1)]);
    await end(SHORT);
    // What is wrong goes on being wrong.
    expect(loop.view).toMatchObject({ applied: { state: { revision: "r2" } }, failure: { error, attempts: 1 } });
    const waits: (number | undefined)[] = [];
    for (let tries = 0; tries < 4; tries++) {
      waits.push(clock.next);
      clock.fire();
      expect(passes.at(-1)?.options.changes).toBeUndefined();
      await end({ ...UNCHANGED, incomplete: error });
    }
    expect(waits).toEqual([...waits].sort((a, b) => Number(a) - Number(b)));
    expect(new Set(waits).size).toBe(4);
    expect(events.filter(({ kind }) => kind === "failed")).toHaveLength(1);
    clock.fire();
    await end(UNCHANGED);
    expect(loop.view.failure).toBeUndefined();
    expect(events.at(-1)).toMatchObject({ kind: "applied", revision: "r2" });
  });

  test("is what who waits for the state is told", async () => {
    const { loop, end } = start();
    const reading = good("r1");
    loop.offer(reading);
    const outcome = loop.outcome(reading);
    await end({ ...RESULT, incomplete: error });
    expect(await outcome).toMatchObject({ ok: false, error });
  });
});

describe("passes that nothing asked for", () => {
  test("come as often as they are wished for, and take no more than a small part of the time", async () => {
    const { loop, clock, end } = start();
    loop.offer(good("r1"));
    await end({ ...RESULT, planMs: 40 });
    expect(clock.next).toBe(10_000);
    clock.fire();
    await end({ ...UNCHANGED, planMs: 1000 });
    expect(clock.next).toBe(150_000);
  });
});
