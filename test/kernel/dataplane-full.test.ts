import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ipv4FromNumber } from "../../src/address/index.ts";
import type { Interface, State } from "../../src/control/state.ts";
import type { Plane } from "../../src/dataplane/index.ts";
import { observe, planWrites } from "../../src/dataplane/index.ts";
import {
  applyState,
  deleteLink,
  expectHolds,
  fingerprint,
  load,
  makeInterfaces,
  newPins,
} from "../support/dataplane-kernel.ts";
import { VM_CAPACITY, VM6_CAPACITY } from "../support/dataplane-models.ts";
import type { Sketch } from "../support/dataplane-plans.ts";
import { stateOf } from "../support/dataplane-plans.ts";

let interfaces: ReadonlyMap<string, Interface>;
beforeAll(() => {
  interfaces = makeInterfaces("df0");
});
afterAll(() => deleteLink("df0"));

const servers = { s1: 11, s2: 12 };
const stateWith = (tenants: Sketch["tenants"]): State => stateOf({ servers, tenants: tenants ?? {} }, interfaces);
/** `count` VMs from host number `first` on. */
const vms = (count: number, first = 1) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [ipv4FromNumber(0xac100000 + first + at), "s1"]));
const vms6 = (count: number, first = 1) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`2001:db8::${(first + at).toString(16)}`, "s1"]));
const withVms6 = (...args: Parameters<typeof vms6>) => stateWith({ acme: { vni: 100, vms: vms6(...args) } });
const withVms = (...args: Parameters<typeof vms>) => stateWith({ acme: { vni: 100, vms: vms(...args) } });

/** `plane`, whose map has fewer entries than it has. */
function smaller(plane: Plane, name: string, maxEntries: number): Plane {
  return new Proxy(plane, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (property !== "map") return typeof value === "function" ? value.bind(target) : value;
      return (asked: string) => {
        const map = target.map(asked);
        return asked === name ? { info: { ...map.info, maxEntries } } : map;
      };
    },
  });
}

describe("the VM table", () => {
  test("refuses one VM too many before anything is written", () => {
    using pins = newPins();
    using plane = load(pins);
    applyState(plane, withVms(5));
    const before = fingerprint(pins);
    const tooMany = stateOf(
      { servers: { ...servers, s9: 19 }, tenants: { acme: { vni: 7, vms: vms(VM_CAPACITY + 1) } } },
      interfaces,
    );
    expect(() => applyState(plane, tooMany)).toThrow(
      expect.objectContaining({
        code: "TABLE_FULL",
        message: `plan vms4: ${VM_CAPACITY + 1} entries are wanted, it holds ${VM_CAPACITY}; nothing was written`,
        remedy: expect.stringContaining("edge.capacity.vms"),
      }),
    );
    expect(fingerprint(pins)).toEqual(before);
  });

  test("takes as many as it was made for, and as many others in their place", () => {
    using pins = newPins();
    using plane = load(pins);
    for (const first of [1, 5001, 4501]) {
      applyState(plane, withVms(VM_CAPACITY, first));
      expectHolds(plane, withVms(VM_CAPACITY, first), `from ${first}`);
    }
  });
});

describe("the IPv6 VM table", () => {
  test("refuses one VM too many before anything is written", () => {
    using pins = newPins();
    using plane = load(pins);
    applyState(plane, withVms6(5));
    const before = fingerprint(pins);
    expect(() => applyState(plane, withVms6(VM6_CAPACITY + 1))).toThrow(
      expect.objectContaining({
        code: "TABLE_FULL",
        message: `plan vms6: ${VM6_CAPACITY + 1} entries are wanted, it holds ${VM6_CAPACITY}; nothing was written`,
        remedy: expect.stringContaining("edge.capacity.vms6"),
      }),
    );
    expect(fingerprint(pins)).toEqual(before);
  });

  test("takes as many as it was made for, and as many others in their place, beside as many of IPv4", () => {
    using pins = newPins();
    using plane = load(pins);
    for (const first of [1, 5001, 4501]) {
      const both = stateWith({ acme: { vni: 100, vms: { ...vms(VM_CAPACITY, first), ...vms6(VM6_CAPACITY, first) } } });
      applyState(plane, both);
      expectHolds(plane, both, `from ${first}`);
    }
  });
});

describe("a table that old and new rows do not fit into together", () => {
  test("is refused before anything is written: IPv6 routes", () => {
    using pins = newPins();
    using plane = load(pins);
    applyState(plane, many("2001:db8:1::/48", "2001:db8:2::/48"));
    const other = many("2001:db8:3::/48", "2001:db8:2::/48");
    expect(() => planWrites(smaller(plane, "routes6", 2), other, observe(plane))).toThrow(
      expect.objectContaining({
        code: "TABLE_FULL",
        message: expect.stringContaining(
          "plan routes6: 3 entries are wanted, 1 of them until others are in their place",
        ),
      }),
    );
    expect(() => planWrites(smaller(plane, "routes6", 3), other, observe(plane))).not.toThrow();
  });

  const many = (...names: string[]) =>
    stateWith({ acme: { vni: 100, routes: Object.fromEntries(names.map((prefix) => [prefix, ["s1"]])) } });

  test("is refused before anything is written: routes", () => {
    using pins = newPins();
    using plane = load(pins);
    const a = many("10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8");
    const b = many("20.0.0.0/8", "21.0.0.0/8", "12.0.0.0/8");
    applyState(plane, a);
    const tight = smaller(plane, "routes4", 4);
    expect(() => planWrites(tight, b, observe(plane))).toThrow(
      expect.objectContaining({
        code: "TABLE_FULL",
        message:
          "plan routes4: 5 entries are wanted, 2 of them until others are in their place, it holds 4; nothing was written",
        remedy: "apply the removals first, then what is new",
      }),
    );
    expect(() => planWrites(smaller(plane, "routes4", 5), b, observe(plane))).not.toThrow();
    expect(() => planWrites(smaller(plane, "routes4", 2), b, observe(plane))).toThrow(
      expect.objectContaining({ message: "plan routes4: 3 entries are wanted, it holds 2; nothing was written" }),
    );
  });

  test.each([
    ["members", 1],
    ["sources4", 1],
    ["names", 4],
  ])("is refused before anything is written: %s", (table, entries) => {
    using pins = newPins();
    using plane = load(pins);
    const sketch = (first: number): Sketch => {
      const names = Array.from({ length: 3 }, (_, at) => `s${first + at}`);
      return {
        servers: Object.fromEntries(names.map((name, at) => [name, first + at])),
        tenants: { acme: { vni: 100, servers: names } },
      };
    };
    applyState(plane, stateOf(sketch(20), interfaces));
    const before = fingerprint(pins);
    const other = stateOf(sketch(30), interfaces);
    expect(() => planWrites(smaller(plane, table, entries), other, observe(plane))).toThrow(
      expect.objectContaining({ code: "TABLE_FULL", message: expect.stringContaining(`plan ${table}: `) }),
    );
    expect(fingerprint(pins)).toEqual(before);
  });
});
