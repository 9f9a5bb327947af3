// Following a prefix of etcd, by a clock in hand: what is told, and that nothing which happens to a watch is lost.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EtcdError } from "../../src/etcd/index.ts";
import { Follower, type KeyStore, type Periods } from "../../src/source/etcd-follow.ts";
import { FakeEtcd, type FakeWatch } from "../support/etcd-fake.ts";
import { bytes } from "../support/keyed.ts";

const SIGN_MS = 5000;
const AUDIT_MS = 60_000;
const LATE_MS = 100;
const RETRY = { first: 100, max: 1000 };
const PERIODS: Periods = { signMs: SIGN_MS, auditMs: AUDIT_MS, retryMs: RETRY };

class Pairs implements KeyStore {
  readonly map = new Map<string, string>();

  put(key: Uint8Array, value: Uint8Array): void {
    this.map.set(Buffer.from(key).toString().slice(1), Buffer.from(value).toString());
  }

  delete(key: Uint8Array): void {
    this.map.delete(Buffer.from(key).toString().slice(1));
  }

  get text(): string {
    return [...this.map].map(([key, value]) => `${key}=${value}`).join(" ");
  }
}

const sameText = (a: Pairs, b: Pairs): boolean =>
  JSON.stringify([...a.map].sort()) === JSON.stringify([...b.map].sort());

let etcd: FakeEtcd;
let told: string[];
let follower: Follower<Pairs>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  etcd = new FakeEtcd();
  told = [];
});
afterEach(async () => {
  follower.close();
  await pass(0);
  // Nothing keeps the process, whatever a test did.
  expect(vi.getTimerCount()).toBe(0);
  expect(etcd.open).toEqual([]);
  vi.useRealTimers();
});

/** Time goes by, and all that it brings about happens. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  for (let n = 0; n < 20; n++) await Promise.resolve();
}

async function follow(periods: Partial<Periods> = {}): Promise<void> {
  follower = new Follower<Pairs>({
    client: etcd,
    prefix: bytes("/"),
    makeStore: () => new Pairs(),
    sameStore: sameText,
    periods: { ...PERIODS, ...periods },
    // All of a pause.
    random: () => 1,
    listener: {
      listed: ({ text }, revision, lost) => told.push(`listed ${revision}${lost ? ", lost" : ""}: ${text}`),
      changed: ({ text }, revision) => told.push(`changed ${revision}: ${text}`),
      failed: ({ message }) => told.push(`failed ${message}`),
      recovered: ({ text }) => told.push(`recovered: ${text}`),
    },
  });
  follower.start();
  await pass(0);
}

/** What was told since this was asked for last. */
function news(): string[] {
  const list = told;
  told = [];
  return list;
}

const lists = () => etcd.ranges.filter(({ limit }) => limit !== undefined).length;
const down = new EtcdError("unavailable", "etcd is down");

describe("a prefix that is followed", () => {
  test("is listed, and then its events are told, those of one revision at once", async () => {
    etcd.change(["/a", "1"], ["other", "x"]);
    await follow();
    expect(news()).toEqual(["listed 2: a=1"]);
    etcd.change(["/b", "2"], ["/c", "3"]);
    etcd.change(["/a", undefined]);
    etcd.change(["other", "y"]);
    etcd.change(["/b", "4"]);
    expect(news()).toEqual(["changed 3: a=1 b=2 c=3", "changed 4: b=2 c=3", "changed 6: b=4 c=3"]);
    expect(etcd.watches.map(({ request }) => request.startRevision)).toEqual([3]);
    expect(lists()).toBe(1);
  });

  test("without keys is a whole list all the same", async () => {
    await follow();
    expect(news()).toEqual(["listed 1: "]);
  });

  test("is not told again of what is in the list already", async () => {
    etcd.change(["/a", "1"]);
    etcd.change(["/a", "2"]);
    await follow();
    etcd.change(["/b", "1"]);
    news();
    etcd.watches[0]?.tellAgain(2);
    expect(news()).toEqual([]);
    etcd.change(["/c", "1"]);
    expect(news()).toEqual(["changed 5: a=2 b=1 c=1"]);
  });

  test("takes more events at once than a call has arguments", async () => {
    await follow();
    // While an audit records them, too.
    let proceed = () => {};
    etcd.beforeRange = () => new Promise<void>((resolve) => (proceed = resolve));
    await pass(AUDIT_MS);
    news();
    etcd.changeAll(Array.from({ length: 200_000 }, (_, n) => [`/${n % 100}`, `${n}`] as const));
    proceed();
    await pass(0);
    expect(news()).toHaveLength(1);
  });

  test("is read in pages of one revision, whatever is changed meanwhile", async () => {
    for (const key of ["a", "b", "c", "d", "e"]) etcd.change([`/${key}`, "1"]);
    etcd.pageKeys = 2;
    let pages = 0;
    etcd.beforeRange = () => {
      // Behind the page that is read, and before it.
      if (++pages > 1) etcd.change(["/a", `${pages}`], ["/e", undefined], [`/f${pages}`, "new"]);
    };
    await follow();
    expect(pages).toBe(3);
    expect(etcd.ranges.map(({ revision }) => revision)).toEqual([undefined, 6, 6]);
    expect(news()).toEqual([
      "listed 6: a=1 b=1 c=1 d=1 e=1",
      "changed 7: a=2 b=1 c=1 d=1 f2=new",
      "changed 8: a=3 b=1 c=1 d=1 f2=new f3=new",
    ]);
  });

  test("is listed again when its pages are compacted away, and half a list is none", async () => {
    for (const key of ["a", "b", "c"]) etcd.change([`/${key}`, "1"]);
    etcd.pageKeys = 1;
    let pages = 0;
    etcd.beforeRange = () => {
      if (++pages !== 2) return;
      etcd.change(["/b", undefined]);
      etcd.compact();
    };
    await follow();
    expect(news()).toEqual(["listed 5: a=1 c=1"]);
  });
});

describe("a watch that ends", () => {
  test("is taken up at the next revision, with no list", async () => {
    etcd.change(["/a", "1"]);
    await follow();
    etcd.change(["/a", "2"]);
    etcd.endWatches();
    etcd.change(["/a", "3"]);
    await pass(0);
    expect(news()).toEqual(["listed 2: a=1", "changed 3: a=2", "changed 4: a=3"]);
    expect(etcd.watches.map(({ request }) => request.startRevision)).toEqual([3, 4]);
    expect(lists()).toBe(1);
  });

  test("for what was compacted means a new list", async () => {
    etcd.change(["/a", "1"], ["/b", "1"]);
    await follow();
    etcd.beforeWatch = () => {
      etcd.change(["/a", "2"], ["/b", undefined]);
      etcd.change(["/c", "1"]);
      etcd.compact();
      etcd.beforeWatch = () => {};
    };
    etcd.endWatches();
    await pass(0);
    expect(news()).toEqual(["listed 2: a=1 b=1", "listed 4: a=2 c=1"]);
    etcd.change(["/d", "1"]);
    expect(news()).toEqual(["changed 5: a=2 c=1 d=1"]);
  });

  test("again and again is not taken up without pause", async () => {
    await follow();
    etcd.beforeWatch = () => queueMicrotask(() => queueMicrotask(() => etcd.endWatches(down)));
    etcd.endWatches();
    await pass(RETRY.max * 10);
    expect(etcd.watches.length).toBeLessThan(20);
    etcd.beforeWatch = () => {};
    await pass(RETRY.max);
    news();
    etcd.change(["/a", "1"]);
    expect(news()).toEqual(["changed 2: a=1"]);
  });
});

describe("another state than the one that was followed", () => {
  test("of another cluster is listed anew", async () => {
    etcd.change(["/a", "1"]);
    await follow();
    const other = new FakeEtcd();
    other.change(["/b", "1"]);
    other.change(["/b", "2"]);
    other.clusterId = "8";
    const watch = etcd.watches[0];
    etcd.range = other.range.bind(other);
    etcd.watch = other.watch.bind(other);
    watch?.end(down);
    await pass(0);
    expect(news()).toEqual(["listed 2: a=1", "listed 3: b=2"]);
    other.change(["/c", "1"]);
    expect(news()).toEqual(["changed 4: b=2 c=1"]);
    follower.close();
    expect(other.open).toEqual([]);
  });

  test("is noticed by a sign of life", async () => {
    etcd.change(["/a", "1"]);
    await follow();
    news();
    etcd.clusterId = "8";
    await pass(SIGN_MS);
    expect(news()).toEqual(["listed 2: a=1"]);
  });

  test("at each look is told, with pauses: members of two clusters are followed as one", async () => {
    await follow();
    etcd.beforeRange = () => {
      etcd.clusterId = "7";
    };
    etcd.beforeWatch = () => {
      etcd.clusterId = "8";
    };
    etcd.endWatches();
    await pass(10 * RETRY.max);
    expect(news()).toContain("failed follow etcd: it is cluster 8 now, and was 7");
    expect(lists()).toBeLessThan(20);
  });

  test("that was restored from a copy is listed anew", async () => {
    etcd.change(["/a", "1"]);
    etcd.change(["/a", "2"], ["/b", "1"]);
    await follow();
    etcd.goBackTo(2);
    await pass(0);
    expect(news()).toEqual(["listed 3: a=2 b=1", "listed 2: a=1"]);
    etcd.change(["/c", "1"]);
    expect(news()).toEqual(["changed 3: a=1 c=1"]);
  });

  test("is not what a member shows that lags behind", async () => {
    etcd.change(["/a", "1"]);
    etcd.change(["/a", "2"]);
    await follow();
    etcd.lagging = 2;
    etcd.endWatches();
    etcd.change(["/a", "3"]);
    await pass(SIGN_MS);
    expect(lists()).toBe(1);
    etcd.lagging = undefined;
    etcd.change(["/b", "1"]);
    expect(news()).toEqual(["listed 3: a=2", "changed 4: a=3", "changed 5: a=3 b=1"]);
    expect(etcd.open).toHaveLength(1);
  });
});

describe("silence", () => {
  test("is asked about, and a watch that answers goes on", async () => {
    await follow();
    await pass(3 * SIGN_MS);
    expect(etcd.watches).toHaveLength(1);
    expect(etcd.watches[0]?.asked).toBe(3);
    expect(news()).toEqual(["listed 1: "]);
  });

  test("for too long ends the watch, and another one is taken up", async () => {
    etcd.change(["/a", "1"]);
    await follow();
    etcd.mute = true;
    etcd.change(["/a", "2"]);
    await pass(2 * SIGN_MS - 1);
    expect(etcd.watches).toHaveLength(1);
    etcd.mute = false;
    await pass(1);
    expect(etcd.watches.map(({ ended, request }) => [ended, request.startRevision])).toEqual([
      [true, 3],
      [false, 3],
    ]);
    expect(news()).toEqual(["listed 2: a=1", "changed 3: a=2"]);
    expect(lists()).toBe(1);
  });
});

describe("failures", () => {
  test("are told once for each reason, with longer and longer pauses, and that they are over", async () => {
    etcd.change(["/a", "1"]);
    await follow();
    const fail = (error: EtcdError) => () => {
      throw error;
    };
    etcd.beforeWatch = fail(down);
    etcd.endWatches();
    await pass(0);
    expect(news()).toEqual(["listed 2: a=1", "failed etcd is down"]);
    const tries = [];
    for (let n = 0; n < 5; n++) {
      const before = etcd.watches.length;
      let ms = 0;
      for (; etcd.watches.length === before; ms++) await pass(1);
      tries.push(ms);
    }
    expect(tries).toEqual([100, 200, 400, 800, 1000]);
    expect(news()).toEqual([]);
    etcd.beforeWatch = fail(new EtcdError("permission-denied", "no way"));
    await pass(RETRY.max);
    expect(news()).toEqual(["failed no way"]);
    etcd.beforeWatch = () => {};
    await pass(RETRY.max);
    expect(news()).toEqual(["recovered: a=1"]);
    expect(lists()).toBe(1);
    // A single failure is none: another member takes over.
    await pass(SIGN_MS);
    etcd.endWatches();
    await pass(0);
    expect(news()).toEqual([]);
  });

  test("before the first list are told, and then there is the list", async () => {
    etcd.beforeRange = () => {
      throw down;
    };
    await follow();
    await pass(10 * RETRY.max);
    expect(news()).toEqual(["failed etcd is down"]);
    etcd.beforeRange = () => {};
    etcd.change(["/a", "1"]);
    await pass(RETRY.max);
    expect(news()).toEqual(["listed 2: a=1"]);
  });

  test("that are none of etcd's are told, too", async () => {
    etcd.beforeRange = () => {
      throw new TypeError("a defect");
    };
    await follow();
    expect(news()).toEqual([expect.stringContaining("follow etcd: a defect")]);
  });
});

describe("an audit", () => {
  test("that finds the same tells nothing", async () => {
    etcd.change(["/a", "1"]);
    await follow();
    await pass(3 * AUDIT_MS + 100);
    expect(news()).toEqual(["listed 2: a=1"]);
    expect(lists()).toBe(4);
    expect(etcd.watches).toHaveLength(1);
  });

  test("finds what the watch kept silent about", async () => {
    etcd.change(["/a", "1"], ["/b", "1"]);
    await follow();
    news();
    etcd.deaf = true;
    etcd.change(["/a", "2"], ["/b", undefined]);
    await pass(AUDIT_MS - 1);
    expect(news()).toEqual([]);
    etcd.deaf = false;
    await pass(1);
    expect(news()).toEqual(["listed 3, lost: a=2"]);
    etcd.change(["/c", "1"]);
    expect(news()).toEqual(["changed 4: a=2 c=1"]);
    await pass(AUDIT_MS);
    expect(news()).toEqual([]);
  });

  test("takes events that come meanwhile for what they are", async () => {
    for (const key of ["a", "b", "c"]) etcd.change([`/${key}`, "1"]);
    await follow();
    etcd.pageKeys = 1;
    news();
    // Before the list's revision is known, between its pages, and after the last.
    etcd.beforeRange = () => etcd.change([`/n${etcd.ranges.length}`, "1"], ["/b", `${etcd.ranges.length}`]);
    await pass(AUDIT_MS);
    expect(etcd.ranges.length).toBeGreaterThan(4);
    expect(news().filter((line) => line.startsWith("listed"))).toEqual([]);
    etcd.beforeRange = () => {};
    etcd.pageKeys = Number.POSITIVE_INFINITY;
    await pass(AUDIT_MS);
    expect(news()).toEqual([]);
  });

  test("that finds something lost keeps events that came after its revision", async () => {
    etcd.change(["/a", "1"], ["/b", "1"]);
    await follow();
    etcd.deaf = true;
    etcd.change(["/a", "2"]);
    etcd.deaf = false;
    etcd.pageKeys = 1;
    news();
    etcd.beforeRange = ({ revision }) => revision !== undefined && etcd.change(["/b", undefined], ["/c", "1"]);
    await pass(AUDIT_MS);
    expect(news()).toEqual(["changed 4: a=1 c=1", "listed 4, lost: a=2 c=1"]);
    etcd.change(["/d", "1"]);
    expect(news()).toEqual(["changed 5: a=2 c=1 d=1"]);
  });

  test("waits for two hundred times of what a list takes", async () => {
    etcd.beforeRange = () => new Promise((resolve) => setTimeout(resolve, 1000));
    await follow();
    await pass(1000);
    expect(news()).toEqual(["listed 1: "]);
    await pass(199_999);
    expect(lists()).toBe(1);
    await pass(1);
    expect(lists()).toBe(2);
    await pass(1000);
  });

  test("that fails takes the watch up anew, and comes again", async () => {
    await follow();
    etcd.beforeRange = () => {
      throw down;
    };
    await pass(AUDIT_MS);
    etcd.beforeRange = () => {};
    await pass(AUDIT_MS);
    expect(news()).toEqual(["listed 1: "]);
    expect(etcd.watches).toHaveLength(2);
    expect(lists()).toBe(3);
  });
});

describe("a revision that is waited for", () => {
  test("is there at once, by an event, or by a sign of life", async () => {
    etcd.change(["/a", "1"]);
    await follow();
    const reached: number[] = [];
    const wait = (revision: number) => void follower.reached(revision).then(() => reached.push(revision));
    wait(2);
    wait(3);
    wait(4);
    await pass(0);
    expect(reached).toEqual([2]);
    etcd.change(["/a", "2"]);
    await pass(0);
    expect(reached).toEqual([2, 3]);
    // Elsewhere than below the prefix: no event tells of it.
    etcd.change(["other", "2"]);
    wait(4);
    await pass(LATE_MS);
    expect(reached).toEqual([2, 3, 4, 4]);
  });

  test("is not there before its events, though a member says so", async () => {
    await follow();
    const revision = etcd.change(["other", "1"]);
    let seen: string | undefined;
    void follower.reached(revision + 1).then(() => {
      seen = news().at(-1);
    });
    await pass(LATE_MS);
    const watch = etcd.watches[0] as FakeWatch;
    // It passes its events, as a stream of answers beside that of events may.
    etcd.deaf = true;
    etcd.change(["/a", "1"]);
    etcd.deaf = false;
    watch.requestProgress();
    await pass(LATE_MS - 1);
    expect(seen).toBeUndefined();
    watch.tellAgain(revision + 1);
    await pass(0);
    expect(seen).toBe("changed 3: a=1");
  });

  test("is there by a new list", async () => {
    await follow();
    etcd.mute = true;
    const revision = etcd.change(["/a", "1"]);
    let reached = false;
    void follower.reached(revision).then(() => {
      reached = true;
    });
    await pass(0);
    expect(reached).toBe(false);
    follower.relist();
    await pass(0);
    expect(reached).toBe(true);
    expect(news()).toEqual(["listed 1: ", "listed 2: a=1"]);
  });
});

describe("asking for a new list", () => {
  test("is no failure, however often", async () => {
    etcd.change(["/a", "1"]);
    await follow();
    for (let n = 0; n < 3; n++) {
      follower.relist();
      await pass(0);
    }
    expect(news()).toEqual(Array(4).fill("listed 2: a=1"));
  });

  test("does not wait for the end of a pause, and tells of a failure again", async () => {
    etcd.beforeRange = () => {
      throw down;
    };
    await follow();
    await pass(10 * RETRY.max);
    expect(news()).toEqual(["failed etcd is down"]);
    const before = lists();
    follower.relist();
    await pass(0);
    expect(lists()).toBe(before + 1);
    // Whoever asked learns how it went.
    expect(news()).toEqual(["failed etcd is down"]);
    etcd.beforeRange = () => {};
    follower.relist();
    await pass(0);
    expect(news()).toEqual(["listed 1: "]);
  });
});

describe("closing", () => {
  test.each([
    ["a list", () => follow(), () => new Promise((resolve) => setTimeout(resolve, 50)), () => {}],
    ["a watch that is being made", () => follow(), () => {}, () => new Promise((resolve) => setTimeout(resolve, 50))],
  ])("during %s leaves nothing behind, and tells nothing more", async (_, begin, beforeRange, beforeWatch) => {
    etcd.beforeRange = beforeRange;
    etcd.beforeWatch = beforeWatch;
    await begin();
    news();
    const begun = etcd.watches.length;
    follower.close();
    await pass(50);
    expect(etcd.watches).toHaveLength(begun);
    etcd.change(["/a", "1"]);
    await pass(0);
    expect(news()).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
    expect(etcd.open).toEqual([]);
  });

  test("during a pause ends it", async () => {
    etcd.beforeRange = () => {
      throw down;
    };
    await follow();
    expect(vi.getTimerCount()).toBe(1);
    follower.close();
    await pass(0);
    expect(vi.getTimerCount()).toBe(0);
    const before = lists();
    await pass(10 * RETRY.max);
    expect(lists()).toBe(before);
  });

  test("during an audit does not adopt what it finds", async () => {
    etcd.change(["/a", "1"]);
    await follow();
    news();
    etcd.deaf = true;
    etcd.change(["/a", "2"]);
    etcd.beforeRange = () => new Promise((resolve) => setTimeout(resolve, 50));
    await pass(AUDIT_MS + 10);
    follower.close();
    await pass(100);
    expect(news()).toEqual([]);
  });
});
