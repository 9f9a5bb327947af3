import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Interface, State } from "../../src/control/state.ts";
import { observe, planWrites, writeCount } from "../../src/dataplane/index.ts";
import type { Model } from "../../src/model/index.ts";
import {
  applyState,
  deleteLink,
  dies,
  expectHolds,
  fingerprint,
  load,
  makeInterfaces,
  mortal,
  newPins,
  watched,
} from "../support/dataplane-kernel.ts";
import { stateOn } from "../support/dataplane-models.ts";
import { danglingReferences } from "../support/dataplane-references.ts";

const NICS = ["da0", "da1", "da2"];
let interfaces: ReadonlyMap<string, Interface>;
beforeAll(() => {
  interfaces = makeInterfaces(...NICS);
});
afterAll(() => {
  for (const name of NICS) deleteLink(name);
});

const SEED = Number(process.env.UNUM_SEED ?? Date.now() % 2 ** 31);
const samples = (count: number, seed = SEED): State[] => fc.sample(stateOn(interfaces), { numRuns: count, seed });

describe("applying", () => {
  test(`makes the maps equal to each of many states in turn, and then has nothing to do (seed ${SEED})`, () => {
    using pins = newPins();
    using plane = load(pins);
    for (const [at, state] of samples(60).entries()) {
      applyState(plane, state);
      expectHolds(plane, state, `state ${at} of seed ${SEED}`);
    }
  });

  test("nothing leaves no row behind", () => {
    using pins = newPins();
    using plane = load(pins);
    const [full] = samples(1, 5) as [State];
    const model: Model = { ...full.model, servers: new Map(), gateways: new Map(), tenants: new Map() };
    const empty = { model, interfaces: new Map(), nextHops: new Map() };
    applyState(plane, full);
    applyState(plane, empty);
    expectHolds(plane, empty);
    const { rows, vms, retired } = observe(plane);
    expect({ ...rows, vms, retired }).toMatchObject({
      tenants: new Map(),
      endpoints: new Map(),
      circuits: new Map(),
      groups: new Map(),
      tenantLimits: new Map(),
      tenantDetails: new Map(),
      routes4: new Map(),
      routes6: new Map(),
      attachments: new Map(),
      services4: new Map(),
      sources4: new Map(),
      sources6: new Map(),
      members: new Map(),
      egress: new Set(),
      vms: { vms4: new Uint8Array(), vms6: new Uint8Array() },
      retired: new Map(),
    });
    expect(plane.slots("moved4").length).toBe(0);
    expect(plane.slots("moved6").length).toBe(0);
  });

  test("a plan that is not carried out writes nothing", () => {
    using pins = newPins();
    using plane = load(pins);
    const [a, b] = samples(2) as [State, State];
    applyState(plane, a);
    const before = fingerprint(pins);
    expect(writeCount(planWrites(plane, b, observe(plane)))).toBeGreaterThan(0);
    applyState(plane, a);
    expect(fingerprint(pins)).toEqual(before);
  });
});

describe("a packet", () => {
  test(`finds nothing that leads nowhere, between any two writes (seed ${SEED})`, () => {
    using pins = newPins();
    using plane = load(pins);
    let looks = 0;
    for (const [at, state] of samples(12, SEED ^ 2).entries()) {
      const hands = watched(plane, (write) => {
        looks++;
        const dangling = danglingReferences(plane.layout, observe(plane));
        expect(dangling, `before write ${write} of state ${at} of seed ${SEED ^ 2}`).toEqual([]);
      });
      applyState(plane, state, hands);
      expect(danglingReferences(plane.layout, observe(plane))).toEqual([]);
    }
    expect(looks).toBeGreaterThan(200);
  });
});

/** Any way from a to b that does not give one tenant's network another number. */
function keepingNetworks(a: State, b: State): State {
  const vnis = new Map([...a.model.tenants].map(([name, { vni }]) => [name, vni]));
  const spare = [901, 902, 903];
  const tenants = new Map(
    [...b.model.tenants].map(([name, tenant]) => [name, { ...tenant, vni: vnis.get(name) ?? (spare.pop() as number) }]),
  );
  return { ...b, model: { ...b.model, tenants } };
}

describe("a writer that dies at any write", () => {
  test("leaves what the next one completes, whenever it was", () => {
    const [a, other] = samples(2, 11) as [State, State];
    const b = keepingNetworks(a, other);
    using pins = newPins();
    for (let killAt = 1, died = true; died; killAt++) {
      const what = `killed at write ${killAt}`;
      {
        using plane = load(pins);
        applyState(plane, a);
        died = dies(() => applyState(plane, b, mortal(plane, killAt)));
        // Whatever packets can follow leads somewhere.
        expect(observe(plane).problems, what).toEqual([]);
      }
      using plane = load(pins);
      applyState(plane, b);
      expectHolds(plane, b, what);
      if (!died) expect(killAt).toBeGreaterThan(25);
    }
  });

  test("of any two states, with whatever networks, is followed by one that completes", () => {
    using pins = newPins();
    const states = samples(25, SEED ^ 1);
    for (const [at, state] of states.entries()) {
      {
        using plane = load(pins);
        dies(() => applyState(plane, state, mortal(plane, 1 + ((at * 7) % 40))));
      }
      const next = states[(at + 3) % states.length] as State;
      using plane = load(pins);
      applyState(plane, next);
      expectHolds(plane, next, `state ${at} of seed ${SEED}`);
    }
  });
});
