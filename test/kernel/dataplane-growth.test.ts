// A VM table of another size takes the place of the one that packets look into, and no state in between is one that a writer
// could harm.

import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { XdpLink } from "../../src/bpf/link.ts";
import { BpfMap } from "../../src/bpf/map.ts";
import { BpfProgram } from "../../src/bpf/program.ts";
import type { Plane } from "../../src/dataplane/index.ts";
import { attachPort, Plane as Planes } from "../../src/dataplane/index.ts";
import { parseModel } from "../../src/document/index.ts";
import { applyEdge, loadOptionsOf, planEdge } from "../../src/edge/reconcile.ts";
import {
  deleteLink,
  fingerprint,
  listPins,
  load,
  makeLink,
  newPins,
  OBJECT,
  openDescriptors,
} from "../support/dataplane-kernel.ts";

const PORTS = [
  { name: "gr0", role: "access", mode: "native" },
  { name: "gr1", role: "underlay", mode: "native" },
] as const;
beforeAll(() => {
  for (const { name } of PORTS) makeLink(name);
});
afterAll(() => {
  for (const { name } of PORTS) deleteLink(name);
});

let pins: ReturnType<typeof newPins>;
beforeEach(() => {
  pins = newPins();
});
afterEach(() => pins[Symbol.dispose]());

/** A document with so many VMs, of each family. */
function documentOf(vms: number, capacity: string): string {
  const each = (address: (n: number) => string) =>
    Array.from({ length: vms }, (_, n) => `      "${address(n)}": {server: s1, mac: 02:00:00:00:00:05}`);
  return `
version: 1
edge: {address: 10.2.0.1, capacity: {${capacity}}}
servers: {s1: {address: 10.2.0.2}}
tenants:
  acme:
    vni: 9
    vms:
${[...each((n) => `172.16.${n >> 8}.${n & 255}`), ...each((n) => `2001:db8::${(n + 1).toString(16)}`)].join("\n")}
`;
}

const SMALL = "vms: 1024, vms6: 1024";

async function apply(text: string) {
  const { model } = parseModel(text, "test");
  using plane = Planes.load(pins, OBJECT, { ...loadOptionsOf(model), lockWaitMs: 0 });
  const plan = await planEdge(plane, model, { resolveMs: 0 });
  return { plan, applied: applyEdge(plane, plan) };
}

function attachAll(): void {
  using plane = load(pins);
  for (const port of PORTS) attachPort(plane, port);
}

function sizes() {
  return ["vms4", "vms6"].map((name) => {
    using map = BpfMap.openPinned(pins.map(name));
    return map.info.maxEntries;
  });
}

/** Entries of a VM table, in an order of their own. */
function entries(plane: Plane, name: "vms4" | "vms6"): string[] {
  const [bytes, step] = [Buffer.from(plane.slots(name)), name === "vms4" ? 16 : 32];
  return Array.from({ length: bytes.length / step }, (_, at) =>
    bytes.subarray(at * step, (at + 1) * step).toString("hex"),
  ).sort();
}

/** Every port runs the pinned program of its role, which looks into the pinned tables. */
function expectOneGeneration(): void {
  const tables = ["vms4", "vms6"].map((name) => {
    using map = BpfMap.openPinned(pins.map(name));
    return map.info.id;
  });
  for (const { name, role } of PORTS) {
    using program = BpfProgram.openPinned(pins.program(role));
    using link = XdpLink.openPinned(pins.link(name));
    expect(link.info.programId, name).toBe(program.info.id);
    expect(program.info.mapIds, name).toEqual(expect.arrayContaining(tables));
  }
}

describe("a document with more VMs than the tables were made for", () => {
  test("is carried out in tables of twice the size, as often as need be, and the ports go on", async () => {
    await apply(documentOf(1000, SMALL));
    attachAll();
    const links = PORTS.map(({ name }) => {
      using link = XdpLink.openPinned(pins.link(name));
      return link.info.id;
    });
    expect(sizes()).toEqual([342, 768]);
    const { plan } = await apply(documentOf(2500, SMALL));
    expect(plan.programs).toEqual([
      "the table of VMs is copied into one for 4096, it was made for 1024",
      "the table of IPv6 VMs is copied into one for 4096, it was made for 1024",
    ]);
    expect(sizes()).toEqual([1366, 3072]);
    expectOneGeneration();
    const after = PORTS.map(({ name }) => {
      using link = XdpLink.openPinned(pins.link(name));
      return link.info.id;
    });
    expect(after).toEqual(links);
    using plane = Planes.open(pins, OBJECT);
    expect([entries(plane, "vms4").length, entries(plane, "vms6").length]).toEqual([2500, 2500]);
    expect((await apply(documentOf(2500, SMALL))).plan).toMatchObject({ rows: 0, programs: [], changes: [] });
  });

  test("keeps the larger tables when the VMs go, until the limit says otherwise", async () => {
    await apply(documentOf(2500, SMALL));
    expect((await apply(documentOf(10, SMALL))).plan.programs).toEqual([]);
    expect(sizes()).toEqual([1366, 3072]);
    const { plan } = await apply(documentOf(10, `${SMALL}, vmsMax: 1024, vms6Max: 2048`));
    expect(plan.programs).toEqual([
      "the table of VMs is copied into one for 1024, it was made for 4096",
      "the table of IPv6 VMs is copied into one for 2048, it was made for 4096",
    ]);
    expect(sizes()).toEqual([342, 1536]);
  });

  test("is refused where the limit is below", () => {
    expect(() => parseModel(documentOf(2500, `${SMALL}, vmsMax: 2048`), "test")).toThrow(
      "2500 VMs do not fit into the 2048 that the table may grow to, expected a larger vmsMax",
    );
  });

  test("is made for all of them where there are no tables yet", async () => {
    const { plan } = await apply(documentOf(2500, SMALL));
    expect(plan.programs).toEqual([]);
    expect(sizes()).toEqual([1366, 3072]);
  });
});

describe("full tables of many thousands", () => {
  /** Slots with keys and values of any bits, none of them twice. */
  function slotsOf(count: number, slotBytes: number): Uint8Array {
    const words = new Uint32Array((count * slotBytes) / 4);
    for (let at = 0, n = 1; at < words.length; n++) {
      for (const end = at + slotBytes / 4; at < end; at++) words[at] = Math.imul(n, 0x9e3779b1 + 2 * (at % 8));
    }
    return new Uint8Array(words.buffer);
  }

  test("fit into copies of twice their size, and back into their own", () => {
    const [vms, vms6] = [200_000, 100_000];
    using plane = Planes.load(pins, OBJECT, { vmCapacity: vms, vm6Capacity: vms6 });
    const none = new Uint8Array(0);
    plane.table("vms4").changeAll({ puts: slotsOf(vms, 16), deletes: none });
    plane.table("vms6").changeAll({ puts: slotsOf(vms6, 32), deletes: none });
    const digest = (name: "vms4" | "vms6") => createHash("sha256").update(entries(plane, name).join()).digest("hex");
    const before = [digest("vms4"), digest("vms6")];
    for (const times of [2, 1]) {
      plane.require(new Set(), new Set(), { vms: times * vms, vms6: times * vms6 });
      expect([plane.table("vms4").size, plane.table("vms6").size]).toEqual([vms, vms6]);
      expect([digest("vms4"), digest("vms6")]).toEqual(before);
    }
  });
});

describe("tables of another size", () => {
  const ENTRIES = 900;
  const NONE = new Set<never>();
  const meta = (plane: Plane) => [plane.capacity.vms, plane.capacity.vms6];

  test("hold what the old ones held, whatever the size, and every other map is as it was", async () => {
    await apply(documentOf(ENTRIES, SMALL));
    attachAll();
    using plane = load(pins);
    const held = [entries(plane, "vms4"), entries(plane, "vms6")];
    const { vms4: _, vms6: __, meta: ___, ...others } = fingerprint(pins);
    for (const [vms, vms6] of [
      [5000, 1024],
      [1024, 9999],
      [1024, 1024],
      [2048, 2048],
    ] as const) {
      plane.require(NONE, NONE, { vms, vms6 });
      expect(meta(plane)).toEqual([vms, vms6]);
      expect([entries(plane, "vms4"), entries(plane, "vms6")]).toEqual(held);
      expectOneGeneration();
      const { vms4: _, vms6: __, meta: ___, ...now } = fingerprint(pins);
      expect(now).toEqual(others);
    }
  });

  test("that are too small are refused, and nothing changes", async () => {
    await apply(documentOf(3000, SMALL));
    attachAll();
    using plane = load(pins);
    const before = [fingerprint(pins), sizes(), listPins(pins)];
    expect(() => plane.require(NONE, NONE, { vms: 1024, vms6: 1024 })).toThrow(
      expect.objectContaining({ code: "TABLE_FULL" }),
    );
    expect([fingerprint(pins), sizes(), listPins(pins)]).toEqual(before);
    expectOneGeneration();
  });

  test("leave no descriptor behind", async () => {
    await apply(documentOf(10, SMALL));
    using plane = load(pins);
    plane.require(NONE, NONE, { vms: 2048, vms6: 2048 });
    plane.slots("vms4");
    const before = openDescriptors();
    for (const vms of [1024, 4096, 1024]) plane.require(NONE, NONE, { vms, vms6: 2048 });
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  test("whose maker is killed anywhere are finished or given up before anybody writes", async () => {
    await apply(documentOf(ENTRIES, SMALL));
    attachAll();
    let held: string[][];
    {
      using plane = load(pins);
      held = [entries(plane, "vms4"), entries(plane, "vms6")];
    }
    const clean = listPins(pins);
    let vms = 1024;
    for (let round = 1, died = true; died; round++) {
      vms = vms === 1024 ? 3000 : 1024;
      {
        using plane = load(pins);
        died = killedAt(round, () => plane.require(NONE, NONE, { vms, vms6: vms }));
      }
      using plane = load(pins);
      const what = `killed at step ${round}`;
      expect(listPins(pins), what).toEqual(clean);
      expect([entries(plane, "vms4"), entries(plane, "vms6")], what).toEqual(held);
      // Where links had changed over already, they are on the pinned tables again.
      expectOneGeneration();
      plane.require(NONE, NONE, { vms, vms6: vms });
      expect(meta(plane), what).toEqual([vms, vms]);
      expectOneGeneration();
      // Two rows of meta, two links, pins of three programs and of two tables.
      if (!died) expect(round).toBe(15);
    }
  });
});

/** Whether `work` came to its `round`th change of what outlives it, and died there. */
function killedAt(round: number, work: () => void): boolean {
  let calls = 0;
  const step = () => {
    if (++calls === round) throw new Error("killed");
  };
  const restore: (() => void)[] = [];
  const spy = (prototype: object, name: string) => {
    const original = Reflect.get(prototype, name) as (...args: unknown[]) => unknown;
    Reflect.set(prototype, name, function (this: unknown, ...args: unknown[]) {
      step();
      const result = original.apply(this, args);
      if (name === "pin") step(); // pinned beside, and not yet in its place
      return result;
    });
    restore.push(() => Reflect.set(prototype, name, original));
  };
  spy(XdpLink.prototype, "update");
  spy(BpfProgram.prototype, "pin");
  spy(BpfMap.prototype, "pin");
  spy(BpfMap.prototype, "update");
  try {
    work();
    return false;
  } catch (thrown) {
    if ((thrown as Error).message !== "killed") throw thrown;
    return true;
  } finally {
    for (const undo of restore) undo();
  }
}
