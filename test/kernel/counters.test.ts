import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { possibleCpus } from "../../src/bpf/system.ts";
import type { Interface } from "../../src/control/state.ts";
import type { Plane } from "../../src/dataplane/index.ts";
import { observe, readCounters } from "../../src/dataplane/index.ts";
import type { StructName } from "../../src/dataplane/layout.ts";
import { elementKey } from "../../src/dataplane/plane.ts";
import { applyState, deleteLink, load, makeInterfaces, newPins } from "../support/dataplane-kernel.ts";
import type { Sketch } from "../support/dataplane-plans.ts";
import { stateOf } from "../support/dataplane-plans.ts";

let interfaces: ReadonlyMap<string, Interface>;
beforeAll(() => {
  interfaces = makeInterfaces("ct0");
});
afterAll(() => deleteLink("ct0"));
const state = (sketch: Sketch) => stateOf(sketch, interfaces);

const NO_TRAFFIC = { txPackets: 0n, txBytes: 0n, rxPackets: 0n, rxBytes: 0n };

/** Writes what each CPU has counted: CPU n has base + n of the first field, twice that of the next, and so on. */
function count(plane: Plane, map: string, struct: StructName, index: number, base: bigint): void {
  const codec = plane.layout.codec(struct);
  const all = new Uint8Array(codec.size * possibleCpus());
  for (let cpu = 0; cpu < possibleCpus(); cpu++) {
    const row = codec.fields.map(({ name }, at) => [name, (base + BigInt(cpu)) * BigInt(at + 1)] as const);
    codec.encode(Object.fromEntries(row), all, cpu * codec.size);
  }
  plane.map(map).update(elementKey(index), all);
}

/** Sum of what `count` wrote into the first field. */
const sum = (base: bigint): bigint => {
  let total = 0n;
  for (let cpu = 0; cpu < possibleCpus(); cpu++) total += base + BigInt(cpu);
  return total;
};

const countTraffic = (plane: Plane, kind: "endpoint" | "tenant", name: string, base: bigint) => {
  const index = observe(plane).indexes[kind].get(name) as number;
  count(plane, `${kind}_counters`, "traffic_counters", index, base);
  return index;
};
const traffic = (base: bigint) => ({
  txPackets: sum(base),
  txBytes: 2n * sum(base),
  rxPackets: 3n * sum(base),
  rxBytes: 4n * sum(base),
});
const counters = (plane: Plane) => readCounters(plane, observe(plane));

const acme = { acme: { vni: 1, vms: { "10.0.0.1": "s1" } } };

describe("counters", () => {
  test("are sums over processors, by name", () => {
    using pins = newPins();
    using plane = load(pins);
    applyState(plane, state({ servers: { s1: 11, s2: 12 }, tenants: { ...acme, b: { vni: 2 } } }));
    countTraffic(plane, "endpoint", "s2", 1000n);
    countTraffic(plane, "tenant", "b", 1n << 60n);
    count(plane, "packet_counters", "packet_counters", 0, 50n);
    const reason = plane.layout.number("drop_reason", "DROP_NO_ROUTE");
    count(plane, "drop_counters", "drop_counter", reason, 7n);

    const { packets, drops, endpoints, tenants } = counters(plane);
    expect(endpoints).toEqual(
      new Map([
        ["s1", NO_TRAFFIC],
        ["s2", traffic(1000n)],
      ]),
    );
    expect(tenants.get("b")).toEqual(traffic(1n << 60n));
    expect(tenants.get("acme")).toEqual(NO_TRAFFIC);
    expect(packets.received).toBe(sum(50n));
    expect(packets.passed).toBe(2n * sum(50n));
    expect(packets.solicitations).toBe(7n * sum(50n));
    expect(drops.get("no_route")).toEqual({ packets: sum(7n), bytes: 2n * sum(7n) });
    for (const [name, drop] of drops) if (name !== "no_route") expect(drop, name).toEqual({ packets: 0n, bytes: 0n });
  });

  test("know every drop reason but the two that are none", () => {
    using pins = newPins();
    using plane = load(pins);
    const reasons = [...plane.layout.names("drop_reason", "DROP_").values()];
    const { drops } = counters(plane);
    expect([...drops.keys()]).toEqual(reasons.filter((name) => name !== "none" && name !== "reason_count"));
    expect(drops.size).toBeGreaterThan(20);
  });

  test("stay while their object changes", () => {
    using pins = newPins();
    using plane = load(pins);
    applyState(plane, state({ servers: { s1: 11 }, tenants: acme }));
    countTraffic(plane, "endpoint", "s1", 5n);
    countTraffic(plane, "tenant", "acme", 6n);
    applyState(plane, state({ servers: { s1: 99, s2: 12 }, standbys: { s1: "s2" }, tenants: { acme: { vni: 77 } } }));
    expect(counters(plane).endpoints.get("s1")).toEqual(traffic(5n));
    expect(counters(plane).tenants.get("acme")).toEqual(traffic(6n));
  });

  test("start from zero when another object takes an index", () => {
    using pins = newPins();
    using plane = load(pins);
    applyState(plane, state({ servers: { s1: 11 }, tenants: acme }));
    const endpoint = countTraffic(plane, "endpoint", "s1", 5n);
    const tenant = countTraffic(plane, "tenant", "acme", 6n);
    applyState(plane, state({}));
    expect(counters(plane).endpoints.size).toBe(0);
    applyState(plane, state({ servers: { s9: 19 }, tenants: { initech: { vni: 5 } } }));
    const { indexes } = observe(plane);
    expect([indexes.endpoint.get("s9"), indexes.tenant.get("initech")]).toEqual([endpoint, tenant]);
    expect(counters(plane).endpoints.get("s9")).toEqual(NO_TRAFFIC);
    expect(counters(plane).tenants.get("initech")).toEqual(NO_TRAFFIC);
  });
});
