// etcd as a source: which states are told, under which revisions, and how they follow from one another.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parseModel } from "../../src/document/index.ts";
import { EtcdError } from "../../src/etcd/index.ts";
import type { Model, Vm } from "../../src/model/index.ts";
import { VmSet } from "../../src/model/index.ts";
import type { EtcdAddress } from "../../src/source/address.ts";
import { EtcdSource, edgeRevision } from "../../src/source/etcd.ts";
import { type DesiredState, parseSource, type Reading } from "../../src/source/index.ts";
import { type Change, FakeEtcd } from "../support/etcd-fake.ts";
import { GOOD, MAC, PREFIX, storeOf, type Value, valueBytes } from "../support/keyed.ts";

const SIGN_MS = 5000;
const AUDIT_MS = 60_000;
const LOOK_MS = 1000;
/** Long enough for whatever waits for more to come. */
const SOON_MS = 300;

const edgeText = (mac = "02:00:00:00:00:01", more = ""): string =>
  `version: 1\nedge: {address: 10.2.0.1, address6: 2001:db8:2::1, mac: "${mac}", interfaces: [{name: e0, role: access}]${more}}\n`;
const EDGE_TEXT = edgeText();
const edgeOf = (text: string) => parseModel(text, "edge.yaml").model.edge;

let directory: string;
let edgePath: string;
let etcd: FakeEtcd;
let source: EtcdSource;
let told: Reading[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  directory = mkdtempSync(join(tmpdir(), "unum-etcd-"));
  edgePath = join(directory, "edge.yaml");
  writeFileSync(edgePath, EDGE_TEXT);
  etcd = new FakeEtcd();
  told = [];
});
afterEach(async () => {
  source.close();
  await pass(0);
  expect(vi.getTimerCount()).toBe(0);
  expect(etcd.closed).toBe(true);
  vi.useRealTimers();
  rmSync(directory, { recursive: true, force: true });
});

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  for (let n = 0; n < 20; n++) await Promise.resolve();
}

function open(known?: Model, listener: (reading: Reading) => void = (reading) => told.push(reading)): void {
  source = new EtcdSource({
    address: parseSource("etcd:http://127.0.0.1:2379") as EtcdAddress,
    client: etcd,
    edgePath,
    known: () => known,
    periods: { signMs: SIGN_MS, auditMs: AUDIT_MS, retryMs: { first: 100, max: 1000 } },
    watch: { quietMs: 50, lookMs: LOOK_MS },
  });
  source.start(listener);
}

async function follow(known?: Model): Promise<void> {
  open(known);
  await pass(SOON_MS);
}

/** Changes objects, all at one revision. */
function change(...changes: readonly (readonly [key: string, value: Value | undefined])[]): number {
  return etcd.changeAll(
    changes.map(([key, value]): Change => [PREFIX + key, value === undefined ? undefined : valueBytes(value)]),
  );
}

/** Leaves nothing of what was before for watches to tell. */
function compact(): void {
  etcd.change(["elsewhere", "x"]);
  etcd.compact();
}

/** What was told since this was asked for last. */
function news(): Reading[] {
  const list = told;
  told = [];
  return list;
}

function state(reading: Reading | undefined): DesiredState {
  if (reading?.ok !== true) throw new Error(`a state was expected, not ${reading?.error.message ?? "silence"}`);
  return reading.state;
}

/** The one state that was told, and nothing else. */
function onlyState(): DesiredState {
  const list = news();
  expect(list).toHaveLength(1);
  return state(list[0]);
}

/** What etcd holds, as a model. */
const held = (edge = EDGE_TEXT): Model =>
  storeOf([...etcd.contents].map(([key, value]) => [key.slice(PREFIX.length), value])).build(edgeOf(edge)).model;

const label = (revision: number, edge = EDGE_TEXT): string => `${revision}-${edgeRevision(edge)}`;
const vmKey = (host: number): string => `tenants/acme/vms/172.16.0.${host}`;
const vm = (server: string): Vm => ({ server, mac: MAC }) as unknown as Vm;
const put = (host: number, server: string) => ({ tenant: "acme", address: `172.16.0.${host}`, to: vm(server) });
const down = new EtcdError("unavailable", "etcd is down");

describe("states", () => {
  test("are told whole at first, under the revisions of etcd and of the edge's document", async () => {
    change(...GOOD);
    await follow();
    const first = onlyState();
    expect(source.name).toBe("etcd:http://127.0.0.1:2379/unum/v1/");
    expect(first).toMatchObject({ revision: label(2), notices: [], keptOut: { count: 0, first: [] } });
    expect(first).not.toHaveProperty("since");
    expect(first.model).toEqual(held());
    expect(first.model.tenants.get("acme")?.vms.size).toBe(2);
  });

  test("of an etcd with nothing in it are states, too", async () => {
    await follow();
    expect(onlyState().model.tenants.size).toBe(0);
  });

  test("that differ in VMs alone say how, each from the one before", async () => {
    change(...GOOD);
    await follow();
    news();
    change([vmKey(5), vm("s2")]);
    change([vmKey(6), vm("s1")], [vmKey(5), undefined]);
    const [one, two] = news().map(state);
    expect(one).toMatchObject({ revision: label(3), since: { base: label(2), changes: [put(5, "s2")] } });
    expect(two?.since?.base).toBe(label(3));
    expect(two?.since?.changes).toEqual(
      expect.arrayContaining([put(6, "s1"), { tenant: "acme", address: "172.16.0.5", to: undefined }]),
    );
    expect(two?.since?.changes).toHaveLength(2);
    expect(two?.model).toEqual(held());
  });

  test("that differ in more are told whole, several changes at once", async () => {
    change(...GOOD);
    await follow();
    news();
    change(["servers/s3", { address: "10.2.0.30" }]);
    change([vmKey(6), vm("s3")]);
    change(["profiles/fast", { ttl: 10 }]);
    expect(news()).toEqual([]);
    await pass(SOON_MS);
    const whole = onlyState();
    expect(whole).not.toHaveProperty("since");
    expect(whole.revision).toBe(label(5));
    expect(whole.model).toEqual(held());
    // What comes later says how it differs from that.
    change([vmKey(6), vm("s1")]);
    expect(onlyState()).toMatchObject({ since: { base: label(5), changes: [put(6, "s1")] } });
    await pass(SOON_MS);
    expect(news()).toEqual([]);
  });

  test("whose model is asked for late have what came meanwhile, and nothing of it is left out later", async () => {
    change(...GOOD);
    await follow();
    news();
    change([vmKey(6), vm("s1")]);
    const early = onlyState();
    change([vmKey(7), vm("s1")]);
    const late = onlyState();
    expect(early.model).toEqual(held());
    expect(late.since?.changes).toEqual([put(7, "s1")]);
    change(["servers/s3", { address: "10.2.0.30" }]);
    expect(late.model).toEqual(held());
    change([vmKey(8), vm("s3")]);
    await pass(SOON_MS);
    const whole = onlyState();
    expect(whole).not.toHaveProperty("since");
    expect(whole.model).toEqual(held());
    expect(early.model).not.toEqual(whole.model);
  });

  test("after an interruption are told again, and the next one follows from them", async () => {
    change(...GOOD);
    await follow();
    news();
    etcd.beforeWatch = () => {
      throw down;
    };
    etcd.endWatches();
    await pass(5000);
    expect(news()).toEqual([{ ok: false, error: down }]);
    etcd.beforeWatch = () => {};
    await pass(1000);
    const again = onlyState();
    expect(again).toMatchObject({ revision: label(2), since: { base: label(2), changes: [] } });
    change([vmKey(6), vm("s1")]);
    expect(onlyState().since).toEqual({ base: label(2), changes: [put(6, "s1")] });
  });

  test("that the watch kept silent about are told whole", async () => {
    change(...GOOD);
    await follow();
    news();
    etcd.deaf = true;
    change([vmKey(6), vm("s1")], [vmKey(5), undefined]);
    await pass(AUDIT_MS);
    const whole = onlyState();
    expect(whole).not.toHaveProperty("since");
    expect(whole).toMatchObject({ revision: label(3) });
    expect(whole.model).toEqual(held());
  });
});

describe("deletions that are meant", () => {
  test("are those of the revision at which their key was put", async () => {
    change(...GOOD);
    change(["allow-mass-delete", "before"], ["tenants/other", undefined]);
    await follow();
    expect(onlyState()).not.toHaveProperty("meant");
    change([vmKey(5), undefined], ["allow-mass-delete", "now"]);
    expect(onlyState()).toMatchObject({ meant: true, revision: label(4) });
    change([vmKey(6), vm("s1")]);
    expect(onlyState()).not.toHaveProperty("meant");
  });

  test("are told with the whole state that has them", async () => {
    change(...GOOD);
    await follow();
    news();
    change(["servers/s1", undefined], ["allow-mass-delete", "now"]);
    change(["servers/s4", { address: "10.2.0.40" }]);
    await pass(SOON_MS);
    expect(onlyState()).toMatchObject({ meant: true });
    change(["servers/s4", undefined]);
    await pass(SOON_MS);
    expect(onlyState()).not.toHaveProperty("meant");
  });

  test("are found in a new list", async () => {
    change(...GOOD);
    await follow();
    news();
    etcd.beforeWatch = () => {
      change(["tenants/acme", undefined], [vmKey(5), undefined], ["allow-mass-delete", "now"]);
      compact();
      etcd.beforeWatch = () => {};
    };
    etcd.endWatches();
    await pass(SOON_MS);
    expect(onlyState()).toMatchObject({ meant: true });
  });
});

describe("what is kept out", () => {
  test("is named by its key, and the rest goes on", async () => {
    change(...GOOD);
    await follow();
    news();
    change(["lease/1", "{}"]);
    expect(onlyState()).toMatchObject({
      revision: label(3),
      since: { changes: [] },
      keptOut: { count: 1, first: [expect.stringMatching(/^\/unum\/v1\/lease\/1: /)] },
    });
    change([vmKey(5), "not JSON"]);
    const kept = onlyState();
    expect(kept.keptOut).toMatchObject({
      count: 2,
      first: [
        expect.stringMatching(/^\/unum\/v1\/lease/),
        expect.stringMatching(/^\/unum\/v1\/tenants\/acme\/vms\/172\.16\.0\.5: .*it keeps the value that it had/),
      ],
    });
    change(["lease/1", undefined], [vmKey(5), vm("s2")]);
    const mended = onlyState();
    expect(mended).toMatchObject({ keptOut: { count: 0, first: [] }, since: { changes: [put(5, "s2")] } });
    expect(mended.model).toEqual(held());
  });

  test("is counted where it is too much to be listed", async () => {
    change(...GOOD, ...Array.from({ length: 100 }, (_, n) => [`lease/${n}`, "{}"] as const));
    await follow();
    const { keptOut } = onlyState();
    expect(keptOut.count).toBe(100);
    expect(keptOut.first).toHaveLength(20);
  });

  test.each([
    ["a whole state", async () => {}],
    ["the list", async () => void change([vmKey(6), vm("s1")])],
    ["a step of VMs alone", async () => void change([vmKey(6), vm("s2")])],
    ["a change that no state tells of yet", async () => void change(["servers/s1", { address: "10.2.0.77" }])],
  ])("keeps the value that it had in %s when a new list has it as a bad one", async (_, before) => {
    change(...GOOD, [vmKey(6), vm("s1")]);
    await follow();
    await before();
    const good = held();
    const bad = [vmKey(6), "servers/s1", "profiles/fast", "tenants/acme/circuits/hq"];
    etcd.beforeWatch = () => {
      change(...bad.map((key) => [key, "bad"] as const));
      compact();
      etcd.beforeWatch = () => {};
    };
    etcd.endWatches();
    await pass(SOON_MS);
    const last = state(news().at(-1));
    expect(last.keptOut.count).toBe(bad.length);
    expect(last.model).toEqual(good);
  });

  test("keeps the value that the maps show when this begins", async () => {
    change(...GOOD);
    const known = held();
    change([vmKey(5), "bad"], ["servers/s1", "{"]);
    await follow(known);
    const first = onlyState();
    expect(first.model).toEqual(known);
    expect(first.keptOut.count).toBe(2);
  });
});

describe("the edge's document", () => {
  const OTHER = edgeText("02:00:00:00:00:02");
  const replace = async (text: string): Promise<void> => {
    writeFileSync(`${edgePath}.new`, text);
    renameSync(`${edgePath}.new`, edgePath);
    await pass(2 * LOOK_MS);
  };

  test("that changes makes another state of the same objects", async () => {
    change(...GOOD);
    await follow();
    news();
    await replace(OTHER);
    const whole = onlyState();
    expect(whole.revision).toBe(label(2, OTHER));
    expect(whole).not.toHaveProperty("since");
    expect(whole.model).toEqual(held(OTHER));
    change([vmKey(6), vm("s1")]);
    expect(onlyState()).toMatchObject({ revision: label(3, OTHER), since: { base: label(2, OTHER) } });
  });

  test.each([
    ["broken", () => replace("version: 1\nedge: {adress: 10.2.0.1}\n"), /edge\.yaml:2:.*adress/],
    ["one with objects", () => replace(`${EDGE_TEXT}servers: {}\n`), /servers belongs into etcd/],
    ["gone", () => Promise.resolve(rmSync(edgePath)).then(() => pass(2 * LOOK_MS)), /edge\.yaml/],
  ])("that is %s is told, and etcd is followed with the edge as it was", async (_, spoil, message) => {
    change(...GOOD, ["lease/1", "{}"]);
    await follow();
    news();
    await spoil();
    const kept = onlyState();
    expect(kept).toMatchObject({ revision: label(2), keptOut: { count: 2 } });
    expect(kept.keptOut.first[0]).toMatch(message);
    change([vmKey(6), vm("s1")]);
    const step = onlyState();
    expect(step.keptOut).toEqual(kept.keptOut);
    expect(step.model).toEqual(held());
    await replace(EDGE_TEXT);
    expect(onlyState()).toMatchObject({ revision: label(3), keptOut: { count: 1 } });
  });

  test("that is broken from the beginning is why there is no state", async () => {
    writeFileSync(edgePath, "version: 1\n");
    change(...GOOD);
    await follow();
    expect(news()).toMatchObject([{ ok: false, error: { code: "DOCUMENT_INVALID" } }]);
    change([vmKey(6), vm("s1")]);
    await pass(SOON_MS);
    expect(news()).toEqual([]);
    await replace(EDGE_TEXT);
    expect(onlyState().model).toEqual(held());
  });

  test("with no room for the VMs is why there is no newer state, until there is room", async () => {
    change(...GOOD);
    await follow();
    news();
    const small = edgeText(undefined, ", capacity: {vms: 1024, vmsMax: 1024}");
    await replace(small);
    const many = Array.from({ length: 1024 }, (_, n) => `tenants/acme/vms/172.16.${4 + (n >> 8)}.${n & 255}`);
    change(...many.map((key) => [key, vm("s1")] as const));
    await pass(SOON_MS);
    expect(news().at(-1)).toMatchObject({ ok: false, error: { code: "DOCUMENT_INVALID" } });
    // What is bad in a new list has the value of the last state that had room.
    etcd.beforeWatch = () => {
      change(["profiles/fast", "bad"]);
      compact();
      etcd.beforeWatch = () => {};
    };
    etcd.endWatches();
    await pass(SOON_MS);
    expect(news().at(-1)).toMatchObject({ ok: false, error: { code: "DOCUMENT_INVALID" } });
    change(["profiles/fast", { ttl: 9 }], [vmKey(5), undefined]);
    await pass(SOON_MS);
    expect(state(news().at(-1)).model).toEqual(held(small));
  });
});

describe("a revision that somebody wrote", () => {
  test("is had by a state with a revision that is as new, and with that document of the edge", () => {
    open();
    const cases: readonly (readonly [string, string, boolean])[] = [
      ["5-aa", "5", true],
      ["5-aa", "4", true],
      ["5-aa", "6", false],
      ["10-aa", "9", true],
      ["5-aa", "-aa", true],
      ["5-aa", "-bb", false],
      ["5-aa", "5-aa", true],
      ["6-aa", "5-aa", true],
      ["4-aa", "5-aa", false],
      ["5-aa", "5-bb", false],
    ];
    for (const [revision, expected, has] of cases)
      expect(source.includes(revision, expected), `${revision} has ${expected}`).toBe(has);
  });

  test("is told at once, also when it is not about VMs alone", async () => {
    change(...GOOD);
    await follow();
    news();
    const revision = change(["servers/s3", { address: "10.2.0.30" }]);
    const reading = await source.refresh(String(revision));
    expect(state(reading)).toMatchObject({ revision: label(3) });
    expect(news()).toEqual([reading]);
    expect(state(reading).model).toEqual(held());
    await pass(SOON_MS);
    expect(news()).toEqual([]);
  });

  test("is waited for when it is still on its way", async () => {
    change(...GOOD);
    await follow();
    etcd.lagging = 2;
    const revision = change([vmKey(6), vm("s1")]);
    let reading: Reading | undefined;
    void source.refresh(String(revision)).then((read) => {
      reading = read;
    });
    await pass(SIGN_MS);
    expect(reading).toBeUndefined();
    etcd.lagging = undefined;
    change([vmKey(7), vm("s1")]);
    await pass(0);
    expect(source.includes(state(reading).revision, String(revision))).toBe(true);
  });

  test("of the edge's document is read without waiting for it to be left alone", async () => {
    await follow();
    news();
    const text = edgeText("02:00:00:00:00:03");
    writeFileSync(edgePath, text);
    const reading = await source.refresh(`-${edgeRevision(text)}`);
    expect(state(reading).revision).toBe(label(1, text));
    expect(news()).toEqual([reading]);
  });
});

describe("looking again", () => {
  const refreshed = async (): Promise<Reading | undefined> => {
    let reading: Reading | undefined;
    void source.refresh().then((read) => {
      reading = read;
    });
    await pass(SOON_MS);
    return reading;
  };

  test("lists anew", async () => {
    change(...GOOD);
    await follow();
    etcd.deaf = true;
    change([vmKey(6), vm("s1")]);
    news();
    expect(state(await refreshed()).model).toEqual(held());
  });

  test("while etcd is away says so, each time", async () => {
    change(...GOOD);
    await follow();
    etcd.beforeWatch = etcd.beforeRange = () => {
      throw down;
    };
    etcd.endWatches();
    await pass(10_000);
    expect(await refreshed()).toMatchObject({ ok: false, error: { message: "etcd is down" } });
    expect(await refreshed()).toMatchObject({ ok: false, error: { message: "etcd is down" } });
    etcd.beforeWatch = etcd.beforeRange = () => {};
    expect(state(await refreshed()).model).toEqual(held());
  });
});

test("after it is closed nothing is told", async () => {
  change(...GOOD);
  await follow();
  change(["servers/s3", { address: "10.2.0.30" }]);
  news();
  source.close();
  await pass(AUDIT_MS);
  change([vmKey(6), vm("s1")]);
  await pass(AUDIT_MS);
  expect(news()).toEqual([]);
});

/** What an edge shows that goes the short way whenever it may. */
class Shown {
  #revision: string | undefined;
  #model: Model | undefined;
  #vms = new Map<string, Map<string, Vm>>();
  steps = 0;

  take(reading: Reading, alwaysWhole: boolean): void {
    const { revision, since } = state(reading);
    if (since !== undefined && since.base === this.#revision && !alwaysWhole) {
      this.steps++;
      for (const { tenant, address, to } of since.changes) {
        const vms = this.#vms.get(tenant);
        if (vms === undefined) throw new Error(`a step is about tenant ${tenant}, which is not there`);
        if (to === undefined) vms.delete(address);
        else vms.set(address, to);
      }
    } else {
      this.#model = state(reading).model;
      this.#vms = new Map([...this.#model.tenants].map(([name, { vms }]) => [name, new Map<string, Vm>(vms)]));
    }
    this.#revision = revision;
  }

  get model(): Model | undefined {
    if (this.#model === undefined) return undefined;
    const tenants = [...this.#model.tenants].map(([name, tenant]) => {
      return [name, { ...tenant, vms: VmSet.of([...(this.#vms.get(name) ?? [])] as never) }] as const;
    });
    return { ...this.#model, tenants: new Map(tenants) };
  }
}

/** Objects that can be read; what they refer to may not be there, and what one has another may have, too. */
const objects: readonly (readonly [string, Value])[] = [
  ...GOOD,
  ["servers/s1", { address: "10.2.0.2" }],
  ["servers/s2", { address: "10.2.0.2" }],
  ["servers/s3", { address: "10.2.0.4" }],
  ["tenants/other", { vni: 100 }],
  ["tenants/other/vms/172.16.0.5", { server: "s3", mac: MAC }],
  ["tenants/acme/vms/172.16.0.5", { server: "s2", mac: MAC }],
  ["tenants/acme/vms/172.16.0.5", { server: "s3", mac: MAC }],
  ["tenants/acme/vms/172.16.0.6", { server: "s1", mac: MAC }],
  ["tenants/acme/vms/10.1.0.2", { server: "s1", mac: MAC }],
  ["tenants/acme/vms/2001:db8:16::6", { server: "s1", mac: MAC }],
  ["tenants/ghost/vms/172.16.0.7", { server: "s2", mac: MAC }],
  ["lease/1", "{}"],
];
const vmObjects = objects.filter(([key]) => key.includes("/vms/"));

const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("change" as const),
      objects: fc.uniqueArray(
        fc.oneof(
          { weight: 3, arbitrary: fc.constantFrom(...vmObjects) },
          { weight: 1, arbitrary: fc.constantFrom(...objects) },
        ),
        { minLength: 1, maxLength: 4, selector: ([key]) => key },
      ),
      gone: fc.integer({ min: 0, max: 15 }),
    }),
  },
  fc.record({ do: fc.constantFrom("end", "compact", "relist", "wait", "soon", "hush", "speak", "audit" as const) }),
);

test("whatever happens to keys and watches, the state that was told last is what etcd holds", async () => {
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 40, size: "max" }), fc.boolean(), async (list, begun) => {
      etcd = new FakeEtcd();
      etcd.pageKeys = 3;
      if (begun) change(...GOOD);
      const [short, whole] = [new Shown(), new Shown()];
      open(undefined, (reading) => {
        if (!reading.ok) return;
        short.take(reading, false);
        whole.take(reading, true);
      });
      await pass(0);
      for (const each of list) {
        switch (each.do) {
          case "change":
            change(...each.objects.map(([key, value], n) => [key, each.gone & (1 << n) ? undefined : value] as const));
            break;
          case "end":
            etcd.endWatches();
            break;
          case "compact":
            etcd.compact();
            break;
          case "relist":
            void source.refresh();
            break;
          case "hush":
          case "speak":
            etcd.deaf = each.do === "hush";
            break;
          default:
            await pass({ wait: 0, soon: 20, audit: AUDIT_MS }[each.do]);
        }
      }
      etcd.deaf = false;
      await pass(AUDIT_MS + SIGN_MS);
      expect(short.model).toEqual(held());
      expect(whole.model).toEqual(held());
      steps += short.steps;
      source.close();
      await pass(0);
      expect(vi.getTimerCount()).toBe(0);
    }),
    { numRuns: 200 },
  );
  // It is about something.
  expect(steps).toBeGreaterThan(100);
});
