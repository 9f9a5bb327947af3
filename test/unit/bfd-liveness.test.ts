// Which endpoints are used, by what their sessions do.

import { describe, expect, test } from "vitest";
import { type Liveness, LivenessPolicy } from "../../src/bfd/liveness.ts";

const S = 1_000_000;
const HOLD = { holdDownUs: 1 * S };

function make(known: Readonly<Record<string, Liveness>>, isUp = false) {
  const told: string[] = [];
  const policy = new LivenessPolicy({
    publish: (name, liveness) => void told.push(`${name} ${liveness}`),
    alarm: (allSilent) => void told.push(allSilent ? "all silent" : "some answer"),
  });
  for (const [name, liveness] of Object.entries(known)) policy.watch(name, HOLD, liveness, isUp, 0);
  told.length = 0;
  /** What was told by doing it. */
  const by = (act: () => void): readonly string[] => {
    act();
    return told.splice(0);
  };
  const up = (name: string, at: number) => by(() => policy.session(name, true, false, at));
  const down = (name: string, at: number, excused = false) => by(() => policy.session(name, false, excused, at));
  const advance = (at: number) => by(() => policy.advance(at));
  return { policy, by, up, down, advance };
}

describe("an endpoint", () => {
  test("is used until it answered, for as long as that takes", () => {
    const { down, advance, up } = make({ a: "unknown", b: "up" }, true);
    expect(advance(3600 * S)).toEqual([]);
    expect(up("a", 0)).toEqual([]);
    expect(down("a", 3600 * S)).toEqual([]);
  });

  test("that answered and falls silent is stale at once, and back after its hold-down", () => {
    const { policy, down, up, advance } = make({ a: "unknown", other: "unknown" });
    expect(up("a", 1)).toEqual(["a up"]);
    expect(down("a", 2)).toEqual(["a stale"]);
    expect(up("a", 3)).toEqual([]);
    expect(policy.nextUs).toBe(3 + S);
    expect(advance(2 + S)).toEqual([]);
    expect(advance(3 + S)).toEqual(["a up"]);
  });

  test("that flaps stays away: each time the hold-down begins anew", () => {
    const { down, up, advance } = make({ a: "stale", other: "unknown" });
    for (let at = 0; at < 100 * S; at += S) {
      expect(up("a", at)).toEqual([]);
      expect(down("a", at + S - 1)).toEqual([]);
      expect(advance(at + S - 1)).toEqual([]);
    }
    up("a", 100 * S);
    expect(advance(101 * S)).toEqual(["a up"]);
  });

  test("that gave up because nothing was sent to it has a while to be found again", () => {
    const { down, up, advance } = make({ a: "unknown", other: "unknown" });
    up("a", 0);
    expect(down("a", 1, true)).toEqual([]);
    expect(up("a", 2)).toEqual([]);
    expect(down("a", 3, true)).toEqual([]);
    expect(advance(2 + 5 * S)).toEqual([]);
    expect(advance(3 + 5 * S)).toEqual(["a stale"]);
  });

  test("of a process before is what that said, until it answers or had the time to", () => {
    const { advance, up } = make({ gone: "up", there: "up", dead: "stale", other: "unknown" });
    expect(up("there", 1)).toEqual([]);
    expect(up("dead", 1)).toEqual([]);
    expect(advance(1 + S)).toEqual(["dead up"]);
    expect(advance(5 * S)).toEqual(["gone stale"]);
  });

  test("that is watched no more is used", () => {
    const { policy, by } = make({ a: "stale", other: "unknown" });
    expect(by(() => policy.unwatch("a"))).toEqual(["a unknown"]);
    expect(policy.nextUs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("all of them silent", () => {
  test("means that it is us: they are used, and it is told", () => {
    const { policy, down, up, advance } = make({ a: "up", b: "up" }, true);
    expect(down("a", 1)).toEqual(["a stale"]);
    expect(down("b", 2)).toEqual(["a up", "all silent"]);
    expect([policy.get("a"), policy.get("b"), policy.allSilent]).toEqual(["up", "up", true]);
    up("b", 3);
    expect(advance(3 + S)).toEqual(["a stale", "some answer"]);
  });

  test("is not said of a single one, nor while there is one that never answered", () => {
    expect(make({ a: "up" }, true).down("a", 1)).toEqual(["a stale"]);
    const { down } = make({ a: "up", b: "unknown" }, true);
    expect(down("a", 1)).toEqual(["a stale"]);
  });
});

test("a drained endpoint is no sign that this edge is cut off, nor hides that it is", () => {
  const { policy, by, down } = make({ a: "up", b: "up", c: "up" }, true);
  expect(by(() => policy.watch("a", { ...HOLD, drained: true }, "up", false, 1))).toEqual(["a stale"]);
  expect(down("b", 2)).toEqual(["b stale"]);
  expect(down("c", 3)).toEqual(["b up", "all silent"]);
});
