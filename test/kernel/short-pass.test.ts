// VMs that change by themselves, in tables of the kernel: what is written is what a whole apply would write.

import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseIp, parseMac } from "../../src/address/index.ts";
import type { Interface, NextHop, State } from "../../src/control/state.ts";
import { EdgePass } from "../../src/daemon/pass.ts";
import type { VmStep } from "../../src/dataplane/index.ts";
import {
  groundOf,
  moveNextHops,
  observe,
  Plane,
  planVmStep,
  planWrites,
  takeVmStep,
  writeCount,
} from "../../src/dataplane/index.ts";
import { nowUnits } from "../../src/dataplane/remember.ts";
import { TABLE_SLOTS } from "../../src/dataplane/tables.ts";
import { parseModel } from "../../src/document/index.ts";
import type { Model, Vm, VmPut } from "../../src/model/index.ts";
import { VmSet } from "../../src/model/index.ts";
import { NOTHING_KEPT_OUT } from "../../src/source/index.ts";
import {
  applyState,
  deleteLink,
  dies,
  expectHolds,
  load,
  makeInterfaces,
  mortal,
  newPins,
  OBJECT,
  ROOT,
} from "../support/dataplane-kernel.ts";
import { stateOn } from "../support/dataplane-models.ts";
import type { Sketch } from "../support/dataplane-plans.ts";
import { stateOf } from "../support/dataplane-plans.ts";

const PROBE = join(ROOT, "build/bpf/probe.bpf.o");
const NICS = ["ds0", "ds1", "ds2"];
let interfaces: ReadonlyMap<string, Interface>;
beforeAll(() => {
  interfaces = makeInterfaces(...NICS);
});
afterAll(() => {
  for (const name of NICS) deleteLink(name);
});

const SEED = Number(process.env.UNUM_SEED ?? Date.now() % 2 ** 31);

function withChanges(model: Model, changes: readonly VmPut[]): Model {
  const tenants = new Map(
    [...model.tenants].map(([name, tenant]) => {
      const vms = new Map(tenant.vms);
      for (const { tenant: of, address, to } of changes) {
        if (of !== name) continue;
        if (to === undefined) vms.delete(address);
        else vms.set(address, to);
      }
      return [name, { ...tenant, vms: VmSet.of(vms) }];
    }),
  );
  return { ...model, tenants };
}

/** Changes of VMs of a model, each of another one. */
const changesOf = ({ tenants, servers }: Model): fc.Arbitrary<VmPut[]> => {
  const address = fc
    .tuple(fc.constantFrom("172.16.0.", "2001:db8:16::"), fc.integer({ min: 1, max: 7 }))
    .map(([network, host]) => parseIp(`${network}${host}`));
  const macs = [...tenants.values()].flatMap(({ vms }) => [...vms.values()].map(({ mac }) => mac));
  const policy = fc.constantFrom(undefined, "direct-only", "gateway-only", "direct-preferred");
  const vm: fc.Arbitrary<Vm> = fc
    .record({ server: fc.constantFrom(...servers.keys()), mac: fc.constantFrom(...macs), policy })
    .map(({ policy: own, ...rest }) => (own === undefined ? rest : { ...rest, policy: own }) as Vm);
  const change: fc.Arbitrary<VmPut> = fc.record({
    tenant: fc.constantFrom(...tenants.keys()),
    address,
    to: fc.option(vm, { nil: undefined }),
  });
  return fc.uniqueArray(change, { maxLength: 12, selector: ({ tenant, address: at }) => `${tenant} ${at}` });
};

const hasVms = ({ model }: State): boolean =>
  model.servers.size > 0 && [...model.tenants.values()].some(({ vms }) => vms.size > 0);

describe("next hops", () => {
  test(`that change by themselves come to what a whole apply would make of them (seed ${SEED})`, () => {
    using pins = newPins();
    using plane = load(pins);
    let moves = 0;
    for (const state of fc.sample(stateOn(interfaces), { numRuns: 15, seed: SEED })) {
      applyState(plane, state);
      const { indexes } = observe(plane);
      const names = [...state.model.servers.keys(), ...state.model.gateways.keys()];
      for (const [at, { ifindex, mac }] of [...interfaces.values()].entries()) {
        const moved = new Map<string, NextHop>();
        for (const [n, name] of names.entries()) {
          if ((n + at) % 3 === 0) continue;
          const nextHopMac = parseMac(`02:00:00:00:0${at}:0${n % 10}`);
          moved.set(name, { ifindex, sourceMac: mac, nextHopMac, mtuBytes: 1500 - at, transmit: "redirect" });
        }
        moves += moved.size;
        moveNextHops(plane, indexes, moved);
        const nextHops = new Map([...(observe(plane).state?.nextHops ?? []), ...moved]);
        expect(observe(plane).state?.nextHops).toEqual(nextHops);
        // Ways out that nobody takes any more are for the whole apply to take away.
        const writes = planWrites(plane, { ...state, nextHops }, observe(plane));
        expect(writeCount({ ...writes, egress: { puts: [], deletes: [] } })).toBe(0);
        expect(writes.egress.puts).toEqual([]);
      }
    }
    expect(moves).toBeGreaterThan(20);
  });

  test("of endpoints that the maps do not have are refused, before any other moves", () => {
    using pins = newPins();
    using plane = load(pins);
    const [sourceMac, nextHopMac] = [parseMac("02:00:00:00:00:01"), parseMac("02:00:00:00:00:02")];
    const next: NextHop = { ifindex: 1, sourceMac, nextHopMac, mtuBytes: 1500, transmit: "direct" };
    const before = observe(plane).rows;
    expect(() => moveNextHops(plane, observe(plane).indexes, new Map([["nobody", next]]))).toThrow(/nobody/);
    expect(observe(plane).rows).toEqual(before);
  });
});

describe("steps", () => {
  test(`make of the maps what a whole apply would (seed ${SEED})`, () => {
    using pins = newPins();
    using plane = load(pins);
    const states = fc.sample(stateOn(interfaces).filter(hasVms), { numRuns: 15, seed: SEED });
    let rows = 0;
    for (const [at, state] of states.entries()) {
      applyState(plane, state);
      const ground = groundOf(state.model, observe(plane).indexes);
      let { model } = state;
      for (const changes of fc.sample(changesOf(model), { numRuns: 6, seed: SEED ^ at })) {
        const what = `state ${at} of seed ${SEED}`;
        const step = planVmStep(plane, ground, changes);
        takeVmStep(plane, ground, step);
        rows += step.rows;
        model = withChanges(model, changes);
        expectHolds(plane, { ...state, model }, what);
        expect(planVmStep(plane, ground, changes).rows, what).toBe(0);
        expect(ground, what).toEqual(groundOf(model, observe(plane).indexes));
      }
    }
    expect(rows).toBeGreaterThan(100);
  });

  const sketch = (servers: Readonly<Record<string, string>>): Sketch => ({
    servers: { s1: 11, s2: 12, s3: 13 },
    standbys: { s2: "s3" },
    tenants: { acme: { vni: 100, vms: servers } },
  });
  const [one, two] = [parseIp("172.16.0.1"), parseIp("172.16.0.2")];
  const state = (vms: Readonly<Record<string, string>>) => stateOf(sketch(vms), interfaces);
  const vmOf = ({ model }: State, address: typeof one) => model.tenants.get("acme")?.vms.get(address);

  function change(plane: Plane, from: State, to: State, hands: Plane = plane): VmStep {
    const ground = groundOf(from.model, observe(plane).indexes);
    const changes = [one, two].map((address) => ({ tenant: "acme", address, to: vmOf(to, address) }));
    const step = planVmStep(plane, ground, changes);
    takeVmStep(hands, ground, step);
    return step;
  }

  test("let the server that a VM left speak for it a little longer, standbys of servers being members", () => {
    using pins = newPins();
    using plane = load(pins);
    const [from, to] = [state({ [one]: "s1" }), state({ [one]: "s2" })];
    applyState(plane, from);
    expect(change(plane, from, to)).toMatchObject({ changed: 1, rows: 4, newMembers: { length: 2 } });
    expectHolds(plane, to);
    expect(observe(plane).retired.size).toBe(1);
    expect(plane.slots("moved4").length).toBeGreaterThan(0);
    change(plane, to, from);
    expectHolds(plane, from);
    expect(observe(plane).retired.size).toBe(2);
  });

  test("that die at any write leave what the next whole apply completes", () => {
    const [from, to] = [state({ [one]: "s1", [two]: "s1" }), state({ [one]: "s2" })];
    for (let killAt = 1, died = true; died; killAt++) {
      using pins = newPins();
      {
        using plane = load(pins);
        applyState(plane, from);
        died = dies(() => void change(plane, from, to, mortal(plane, killAt)));
        expect(observe(plane).problems).toEqual([]);
      }
      using plane = load(pins);
      applyState(plane, to);
      expectHolds(plane, to, `killed at write ${killAt}`);
      if (!died) expect(killAt).toBeGreaterThan(4);
    }
  });

  test("for a tenant or a server that there is none of are refused, before anything is written", () => {
    using pins = newPins();
    using plane = load(pins);
    const from = state({ [one]: "s1" });
    applyState(plane, from);
    const ground = groundOf(from.model, observe(plane).indexes);
    const to = vmOf(from, one) as Vm;
    const plan = (put: VmPut) => () => planVmStep(plane, ground, [put]);
    expect(plan({ tenant: "gone", address: one, to })).toThrow(/no tenant "gone"/);
    expect(plan({ tenant: "acme", address: one, to: { ...to, server: "gone" } })).toThrow(/no server "gone"/);
    expectHolds(plane, from);
    expect(planWrites(plane, from, observe(plane)).members.puts).toEqual([]);
  });

  test("of more VMs than the table is for are refused", () => {
    using pins = newPins();
    using plane = load(pins);
    const from = state({ [one]: "s1" });
    applyState(plane, from);
    const ground = groundOf(from.model, observe(plane).indexes);
    const to = vmOf(from, one) as Vm;
    const many = Array.from({ length: plane.capacity.vms }, (_, n) => ({
      tenant: "acme",
      address: parseIp(`10.9.${n >> 8}.${n & 255}`),
      to,
    }));
    expect(() => planVmStep(plane, ground, many)).toThrow(/vms4 has no room/);
    expect(planVmStep(plane, ground, many.slice(1)).added).toBe(many.length - 1);
    expectHolds(plane, from);
  });
});

describe("a stream of moves", () => {
  /** Makes everything that is remembered as old as the machine. */
  function age(plane: Plane, table: "moved4" | "moved6"): void {
    const slots = plane.slots(table);
    const codec = plane.layout.codec(TABLE_SLOTS[table]);
    for (let at = 0; at < slots.length; at += codec.size)
      codec.encode({ ...codec.decode(slots, at), until: 1 }, slots, at);
    plane.table(table).changeAll({ puts: slots, deletes: new Uint8Array() });
  }

  test("fills no more than three quarters of its table, and is forgotten when that is needed", () => {
    using pins = newPins();
    const vms = 40_000;
    using plane = Plane.load(pins, OBJECT, { vmCapacity: vms, vm6Capacity: vms });
    const from = stateOf({ servers: { s1: 11, s2: 12 }, tenants: { acme: { vni: 100 } } }, interfaces);
    applyState(plane, {
      ...from,
      model: { ...from.model, edge: { ...from.model.edge, vmCapacity: vms, vm6Capacity: vms } },
    });
    const ground = groundOf(from.model, observe(plane).indexes);
    const mac = parseMac("02:00:00:00:00:01");
    const change = (server: string, first: number, count: number, network: (n: number) => string) => {
      const changes = Array.from({ length: count }, (_, n) => ({
        tenant: "acme",
        address: parseIp(network(first + n)),
        to: { server, mac },
      }));
      takeVmStep(plane, ground, planVmStep(plane, ground, changes));
    };
    const families = [
      ["moved4", 30_000, (n: number) => `10.9.${n >> 8}.${n & 255}`],
      ["moved6", 15_000, (n: number) => `2001:db8::${(n + 1).toString(16)}`],
    ] as const;
    for (const [table, many, network] of families) {
      const moved = plane.table(table);
      change("s1", 0, many, network);
      change("s2", 0, many, network);
      expect(moved.size, table).toBe(moved.capacity * 0.75);
      change("s1", 0, 1, network);
      expect(moved.size, table).toBe(moved.capacity * 0.75);
      age(plane, table);
    }
    // Once in a unit of time, about a second: the next ones are in another, and of both tables in the same.
    const unit = nowUnits();
    while (nowUnits() === unit) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    for (const [table, , network] of families) {
      change("s2", 0, 1, network);
      expect(plane.table(table).size, table).toBe(1);
    }
  });
});

describe("a plane at rest", () => {
  test("is resumed as long as nobody else took the lock to write", () => {
    using pins = newPins();
    using plane = load(pins);
    plane.rest();
    expect(() => plane.table("vms4")).toThrow(/no writer/);
    expect(plane.resume()).toBe(true);
    expect(plane.table("vms4").size).toBe(0);
    plane.rest();
    {
      using other = load(pins);
      expect(plane.resume()).toBe(false);
      expect(other.table("vms4").size).toBe(0);
    }
    expect(plane.resume()).toBe(false);
  });
});

describe("passes of the daemon", () => {
  test("are short until somebody else writes, or more is needed, and keep up what is there", async () => {
    using pins = newPins();
    const edge = new EdgePass({ pins, objectPath: OBJECT, probePath: PROBE, resolveMs: 0, permit: () => {} });
    const { model } = parseModel(
      "version: 1\nedge: {address: 10.0.0.1}\nservers: {s1: {address: 10.2.0.1}}\ntenants: {acme: {vni: 7}}\n",
      "test",
    );
    const whole = { massDelete: false };
    const desired = (revision: string) => ({ revision, model, notices: [], keptOut: NOTHING_KEPT_OUT });
    const vm: Vm = { server: "s1", mac: parseMac("02:00:00:00:00:01") };
    const short = (to: Vm | undefined) => ({
      massDelete: false,
      changes: [{ tenant: "acme", address: parseIp("172.16.0.1"), to }],
    });
    expect(await edge.run(undefined, whole)).toMatchObject({ rows: 0 });
    await expect(edge.run(desired("a"), short(vm))).rejects.toThrow(/no pass over everything/);
    await edge.run(desired("a"), whole);
    expect(await edge.run(desired("b"), short(vm))).toMatchObject({ added: 1, short: true });
    expect(edge.fill.find(({ table }) => table === "members")?.entries).toBe(1);
    // The guard is a whole pass's.
    await expect(edge.run(desired("c"), short(undefined))).rejects.toThrow(/1 of 1 VMs/);
    expect(await edge.run(undefined, whole)).toMatchObject({ rows: 0, removed: 0 });
    await edge.run(desired("a"), { massDelete: true });
    await expect(edge.run(desired("d"), short({ ...vm, policy: "direct-only" }))).rejects.toThrow(/path policies/);
    await edge.run(desired("a"), { massDelete: true });
    load(pins).close();
    await expect(edge.run(desired("e"), short(vm))).rejects.toThrow(/somebody else/);
    edge.close();
  });
});
