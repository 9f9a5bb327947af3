// What packets taught: read with its age, and forgotten when it is about something else.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseIpv6 } from "../../src/address/index.ts";
import { monotonicNs } from "../../src/bpf/system.ts";
import type { Interface, State } from "../../src/control/state.ts";
import type { Plane } from "../../src/dataplane/index.ts";
import { observe, readLearnedPeers, readPathMtus } from "../../src/dataplane/index.ts";
import type { Circuit, Profile, Server } from "../../src/model/index.ts";
import { DEFAULT_PROFILE } from "../../src/model/index.ts";
import { applyState, deleteLink, load, makeInterfaces, newPins } from "../support/dataplane-kernel.ts";
import { stateOf } from "../support/dataplane-plans.ts";

let interfaces: ReadonlyMap<string, Interface>;
beforeAll(() => {
  interfaces = makeInterfaces("le0", "le1");
});
afterAll(() => {
  deleteLink("le0");
  deleteLink("le1");
});

let pins: ReturnType<typeof newPins>;
let plane: Plane;
beforeEach(() => {
  pins = newPins();
  plane = load(pins);
});
afterEach(() => {
  plane.close();
  pins[Symbol.dispose]();
});

const UNIT_SECONDS = 2 ** 34 / 1e9;
const state = () =>
  stateOf({ servers: { s1: 11, s2: 12 }, tenants: { acme: { vni: 9, circuits: { hq: "le0" } } } }, interfaces);

function withCircuit(change: Partial<Circuit>): State {
  const base = state();
  const acme = base.model.tenants.get("acme");
  const hq = acme?.circuits.get("hq");
  if (acme === undefined || hq === undefined) throw new Error("change a circuit: the state has none");
  const tenants = new Map([["acme", { ...acme, circuits: new Map([["hq", { ...hq, ...change }]]) }]]);
  return { ...base, interfaces, model: { ...base.model, tenants } };
}

/** As the packet path stores it: heard so many units of 2^34 ns ago. */
function teachPeer(map: "circuit_peers" | "circuit_peers6", unitsAgo: number): void {
  const heard = 0x8000 | ((Number(monotonicNs() >> 34n) - unitsAgo) & 0x7fff);
  const index = observe(plane).indexes.circuit.get("acme/hq") as number;
  plane.array(map).store(index, plane.layout.encode("circuit_peer", { mac: Uint8Array.of(2, 0, 0, 0, 9, 9), heard }));
}

function teachMtu(endpoint: string, mtu: number, seconds: number): void {
  const until = Number(monotonicNs() >> 30n) + seconds;
  const index = observe(plane).indexes.endpoint.get(endpoint) as number;
  plane.array("path_mtus").store(index, plane.layout.encode("path_mtu", { mtu, until }));
}

const peers = () => readLearnedPeers(plane, observe(plane).indexes);
const mtus = () => readPathMtus(plane, observe(plane).indexes);

describe("peers", () => {
  const address6 = { address6: "2001:db8:1::1/64" as Circuit["address6"], peer6: parseIpv6("2001:db8:1::2") };

  test("are read by family, each with its age", () => {
    applyState(plane, withCircuit(address6 as Partial<Circuit>));
    expect(peers()).toEqual(new Map());
    teachPeer("circuit_peers", 3);
    expect(peers().get("acme/hq")).toEqual({ mac: "02:00:00:00:09:09", heardSecondsAgo: Math.round(3 * UNIT_SECONDS) });
    teachPeer("circuit_peers6", 0);
    expect(peers().get("acme/hq")).toMatchObject({ mac6: "02:00:00:00:09:09", heard6SecondsAgo: 0 });
  });

  test.each<[string, Partial<Circuit>, [boolean, boolean]]>([
    ["nothing of it", {}, [true, true]],
    ["the length of its network", { address: "10.1.0.5/29" as Circuit["address"] } as Partial<Circuit>, [true, true]],
    ["its peer", { peer: "10.1.0.7" as Circuit["peer"] } as Partial<Circuit>, [false, true]],
    ["its IPv6 peer", { peer6: parseIpv6("2001:db8:1::7") }, [true, false]],
    ["its VLAN", { vlan: 5, tag: "802.1q" }, [false, false]],
    ["its port", { interface: "le1" }, [false, false]],
  ])("stay known unless the circuit changes in what they are about: %s", (_, change, [kept, kept6]) => {
    applyState(plane, withCircuit(address6 as Partial<Circuit>));
    teachPeer("circuit_peers", 0);
    teachPeer("circuit_peers6", 0);
    applyState(plane, withCircuit({ ...(address6 as Partial<Circuit>), ...change }));
    expect(peers().get("acme/hq")?.mac !== undefined).toBe(kept);
    expect(peers().get("acme/hq")?.mac6 !== undefined).toBe(kept6);
  });
});

describe("path MTUs", () => {
  const withServer = (change: Partial<Server>, profile: Partial<Profile> = {}): State => {
    const base = state();
    const s1 = base.model.servers.get("s1") as Server;
    const servers = new Map([...base.model.servers, ["s1", { ...s1, ...change }] as const]);
    const profiles = new Map([["default", { ...DEFAULT_PROFILE, ...profile }]]);
    return { ...base, model: { ...base.model, servers, profiles } };
  };

  test("are read by endpoint until they expire", () => {
    applyState(plane, state());
    expect(mtus()).toEqual(new Map());
    teachMtu("s1", 1400, 100);
    teachMtu("s2", 1300, -1);
    expect([...mtus().keys()]).toEqual(["s1"]);
    expect(mtus().get("s1")?.mtuBytes).toBe(1400);
    expect(Math.abs((mtus().get("s1")?.expiresInSeconds ?? 0) - 107)).toBeLessThan(3);
  });

  test.each<[string, () => State, boolean, boolean]>([
    ["nothing", () => withServer({}), true, true],
    ["its MAC", () => withServer({ mac: "02:00:00:00:00:77" as Server["mac"] }), true, true],
    ["its profile's TTL", () => withServer({}, { ttl: 9 }), true, true],
    ["its address", () => withServer({ address: "10.2.0.77" as Server["address"] }), false, true],
    ["its profile's format", () => withServer({}, { encapsulation: "geneve", port: 6081 }), false, false],
  ])("are forgotten when another way begins: %s", (_, next, kept, otherKept) => {
    applyState(plane, withServer({}));
    teachMtu("s1", 1400, 100);
    teachMtu("s2", 1400, 100);
    applyState(plane, next());
    expect([mtus().has("s1"), mtus().has("s2")]).toEqual([kept, otherKept]);
  });

  test("are not those of who had the index before", () => {
    applyState(plane, state());
    teachMtu("s1", 1400, 100);
    const index = observe(plane).indexes.endpoint.get("s1");
    applyState(plane, stateOf({ servers: { s2: 12 } }, interfaces));
    applyState(plane, stateOf({ servers: { s2: 12, s9: 19 } }, interfaces));
    expect(observe(plane).indexes.endpoint.get("s9")).toBe(index);
    expect(mtus()).toEqual(new Map());
  });
});
