// Maps that a build of another layout left behind are taken over, up and down: every row says what it said, what packets have
// counted and learned goes on, and what cannot be taken over stays as it is to the last bit.

import { spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { XdpLink } from "../../src/bpf/link.ts";
import { BpfMap } from "../../src/bpf/map.ts";
import { BpfProgram } from "../../src/bpf/program.ts";
import { monotonicNs, possibleCpus } from "../../src/bpf/system.ts";
import type { Interface, State } from "../../src/control/state.ts";
import { attachPort, observe, Plane, readCounters, readLearnedPeers, readPathMtus } from "../../src/dataplane/index.ts";
import type { StructName } from "../../src/dataplane/layout.ts";
import { elementKey } from "../../src/dataplane/plane.ts";
import type { UnumError } from "../../src/errors.ts";
import {
  applyState,
  deleteLink,
  expectHolds,
  fingerprint,
  listPins,
  load,
  makeInterfaces,
  newPins,
  OBJECT,
  openDescriptors,
  ROOT,
} from "../support/dataplane-kernel.ts";
import { stateOf } from "../support/dataplane-plans.ts";
import { compileAfter, compileBefore, compileOtherSlots } from "../support/layout-variants.ts";
import type { Build } from "../support/packet-mutant-build.ts";

const PORTS = [
  { name: "mg0", role: "access", mode: "native" },
  { name: "mg1", role: "underlay", mode: "native" },
] as const;

let before: Build;
let after: Build;
let state: State;
let interfaces: ReadonlyMap<string, Interface>;
beforeAll(async () => {
  interfaces = makeInterfaces(...PORTS.map(({ name }) => name));
  [before, after] = [await compileBefore(), await compileAfter()];
  state = stateOf(
    {
      servers: { s1: 11, s2: 12 },
      gateways: { gw: 13 },
      standbys: { s1: "s2" },
      tenants: {
        acme: {
          vni: 9,
          vms: { "10.0.0.1": "s1", "10.0.0.2": "s2", "2001:db8::1": "s1" },
          routes: { "172.16.0.0/12": ["gw"], "2001:db8:1::/48": ["gw", "s1"] },
          circuits: { hq: "mg0" },
        },
        initech: { vni: 10, servers: ["s2"], vms: { "10.0.0.1": "s2" } },
      },
    },
    interfaces,
  );
});
afterAll(() => {
  for (const build of [before, after]) build?.remove();
  for (const { name } of PORTS) deleteLink(name);
});

let pins: ReturnType<typeof newPins>;
beforeEach(() => {
  pins = newPins();
});
afterEach(() => pins[Symbol.dispose]());

/** The state as it is attached: the maps know their ports by the links. */
const attached = (): State => ({
  ...state,
  model: { ...state.model, edge: { ...state.model.edge, interfaces: [...PORTS] } },
});

function writeElement(plane: Plane, map: string, struct: StructName, index: number, row: object): void {
  const bytes = plane.layout.encode(struct, row as never);
  const copies = plane.map(map).info.typeName.startsWith("percpu") ? possibleCpus() : 1;
  const all = new Uint8Array(bytes.length * copies);
  for (let at = 0; at < copies; at++) all.set(bytes, at * bytes.length);
  plane.map(map).update(elementKey(index), all);
}

/** What packets leave behind. */
function leaveTraces(plane: Plane): void {
  const { indexes } = observe(plane);
  const traffic = { tx_packets: 1n << 40n, tx_bytes: 2n, rx_packets: 3n, rx_bytes: 4n };
  writeElement(plane, "endpoint_counters", "traffic_counters", indexes.endpoint.get("s2") as number, traffic);
  writeElement(plane, "tenant_counters", "traffic_counters", indexes.tenant.get("initech") as number, traffic);
  writeElement(plane, "packet_counters", "packet_counters", 0, { received: 9n, dropped: 5n, solicitations: 7n });
  for (const [reason, packets] of [
    ["DROP_MALFORMED", 11n],
    ["DROP_BAD_CHECKSUM", 12n],
    ["DROP_RATE_LIMIT", 13n],
  ] as const) {
    const index = plane.layout.number("drop_reason", reason);
    writeElement(plane, "drop_counters", "drop_counter", index, { packets, bytes: 100n * packets });
  }
  const heard = 0x8000 | (Number(monotonicNs() >> 34n) & 0x7fff);
  const circuit = indexes.circuit.get("acme/hq") as number;
  writeElement(plane, "circuit_peers", "circuit_peer", circuit, { mac: Uint8Array.of(2, 1, 2, 3, 4, 5), heard });
  const until = Number(monotonicNs() >> 30n) + 300;
  writeElement(plane, "path_mtus", "path_mtu", indexes.endpoint.get("gw") as number, { mtu: 1400, until });
}

/** What people are shown of it, by name. */
function traces(plane: Plane) {
  const observed = observe(plane);
  // The host's own frames pass all the time.
  const { drops, packets, ...traffic } = readCounters(plane, observed);
  const { received, passed, ...others } = packets;
  const counters = { ...traffic, packets: { ...others, handled: received - passed } };
  const peers = [...readLearnedPeers(plane, observed.indexes)].map(([name, { mac }]) => [name, mac]);
  const mtus = [...readPathMtus(plane, observed.indexes)].map(([name, { mtuBytes }]) => [name, mtuBytes]);
  const known = [...drops].filter(([name]) => name !== "sunspots");
  return { counters, drops: new Map(known), peers, mtus };
}

const mapId = (name: string): number => {
  using map = BpfMap.openPinned(pins.map(name));
  return map.info.id;
};
const ids = () => new Map(pins.pinnedMaps().map((name) => [name, mapId(name)]));

/** Every port runs the pinned program of its role, which looks into the pinned maps and no others. */
function expectOneGeneration(): void {
  const pinned = new Set(ids().values());
  for (const { name, role } of PORTS) {
    using program = BpfProgram.openPinned(pins.program(role));
    using link = XdpLink.openPinned(pins.link(name));
    expect(link.info.programId, name).toBe(program.info.id);
    const others = program.info.mapIds.filter((id) => !pinned.has(id));
    // The constants of each load are pinned nowhere.
    expect(others, name).toHaveLength(1);
  }
}

/** An edge of that build with everything in it. */
function makeEdge(object: string): ReturnType<typeof traces> {
  using plane = load(pins, 0, object);
  for (const port of PORTS) attachPort(plane, port);
  applyState(plane, attached());
  expectHolds(plane, attached());
  leaveTraces(plane);
  return traces(plane);
}

function refusal(work: () => unknown): UnumError {
  try {
    work();
  } catch (thrown) {
    return thrown as UnumError;
  }
  throw new Error("expected a refusal: nothing was thrown");
}

describe("maps of another layout", () => {
  test("are taken over, up and down again, with every row and what packets left", () => {
    const left = makeEdge(OBJECT);
    expect(left.drops.get("rate_limit")).toEqual({
      packets: 13n * BigInt(possibleCpus()),
      bytes: 1300n * BigInt(possibleCpus()),
    });
    expect([left.peers, left.mtus]).toEqual([[["acme/hq", "02:01:02:03:04:05"]], [["gw", 1400]]]);
    const [names, first] = [listPins(pins), ids()];
    for (const [what, object] of [
      ["up", after.object],
      ["down", OBJECT],
      ["up again", after.object],
    ] as const) {
      const old = ids();
      using plane = load(pins, 0, object);
      expect(plane.upgraded, what).toBe(true);
      expectHolds(plane, attached(), what);
      expect(traces(plane), what).toEqual(left);
      expectOneGeneration();
      const now = ids();
      for (const same of ["vms4", "vms6", "edge", "sources4", "table_moves", "circuits", "reply_limits"])
        expect([same, now.get(same)]).toEqual([same, first.get(same)]);
      for (const other of ["meta", "names", "tenant_records", "tunnels", "members", "routes4", "drop_counters"])
        expect([other, now.get(other) === old.get(other)]).toEqual([other, false]);
      expect(listPins(pins)).toEqual(what === "down" ? names : [...names, "maps/weather"].sort());
      expect(plane.meta.writers).toBeGreaterThan(1n);
    }
  });

  test("of the release before the writers were counted are taken over", () => {
    const left = makeEdge(before.object);
    const old = ids();
    {
      using plane = load(pins);
      expectHolds(plane, attached());
      expect(traces(plane)).toEqual(left);
      expect(plane.meta.writers).toBe(1n);
      expectOneGeneration();
      expect([...ids()].filter(([name, id]) => old.get(name) !== id).map(([name]) => name)).toEqual(["meta"]);
    }
    using plane = load(pins, 0, before.object);
    expectHolds(plane, attached(), "down");
    expect(traces(plane)).toEqual(left);
  });

  test("whose VM slots differ are taken over as well", async () => {
    const others = await compileOtherSlots();
    try {
      const left = makeEdge(OBJECT);
      for (const object of [others.object, OBJECT]) {
        using plane = load(pins, 0, object);
        expectHolds(plane, attached());
        expect(traces(plane)).toEqual(left);
        expectOneGeneration();
      }
    } finally {
      others.remove();
    }
  });

  test("are no concern of who only reads, and told to them in words", () => {
    makeEdge(OBJECT);
    const found = refusal(() => Plane.open(pins, after.object));
    expect(found.code).toBe("MAP_INCOMPATIBLE");
    for (const text of [
      "map tenant_records: field colour is missing",
      "map tenant_records: field address6 is __be32[4] at byte 8, expected __be32[4] at byte 16",
      "map tunnels: field transmit is __u8 at byte 60, expected __u32 at byte 60",
      "map drop_counters: enum drop_reason has other numbers for the same names",
      "map endpoints: field state has other numbers for the same names",
      "map profiles: field flags has other numbers for the same names",
      "map weather: it is missing",
      "map meta: field weather is missing",
    ])
      expect(found.message).toContain(text);
    // One reason more.
    const [, has, expected] = /map drop_counters: it has (\d+) entries, expected (\d+)/.exec(found.message) ?? [];
    expect(Number(expected)).toBe(Number(has) + 1);
    expect(found.remedy).toBe("unum apply, or starting the daemon, takes them over while packets flow");
  });

  test("leave no descriptor behind", () => {
    makeEdge(OBJECT);
    load(pins, 0, after.object).close();
    const open = openDescriptors();
    for (const object of [OBJECT, after.object]) load(pins, 0, object).close();
    expect(openDescriptors()).toBe(open);
  });
});

describe("without CAP_SYS_ADMIN, which tells how others laid out their maps,", () => {
  const capabilities = "+bpf,+net_admin,+perfmon";
  const limits = [`--bounding-set=-all,${capabilities}`, `--inh-caps=-all,${capabilities}`];
  /** What a writer of that build says. */
  const takeOver = (object: string): string => {
    const command = [process.execPath, join(ROOT, "test/support/migrate.mjs"), pins.path, object];
    const { status, stderr } = spawnSync("setpriv", [...limits, ...command], { encoding: "utf8" });
    return status === 0 ? "taken over" : stderr;
  };

  test("a build with the same layouts takes over, and others are refused until root has done it", () => {
    makeEdge(OBJECT);
    const same = join(mkdtempSync(join(tmpdir(), "unum-same-")), "unum.bpf.o");
    copyFileSync(OBJECT, same);
    appendFileSync(same, Buffer.of(1));
    expect(takeOver(same)).toBe("taken over");
    const was = [fingerprint(pins), ids(), listPins(pins)];
    const refused = takeOver(after.object);
    expect(refused).toContain("its tables are of version 3, this unum has version 4, and what differs cannot be read");
    expect([fingerprint(pins), ids(), listPins(pins)]).toEqual(was);
    load(pins, 0, after.object).close();
    expect(takeOver(after.object)).toBe("taken over");
  });
});

describe("maps that cannot be taken over", () => {
  /** Refused by name, and nothing is any other than it was. */
  function expectRefused(object: string, ...texts: readonly string[]): void {
    const was = [fingerprint(pins), ids(), listPins(pins)];
    const open = openDescriptors();
    const found = refusal(() => load(pins, 0, object));
    expect(found.code).toBe("MAP_INCOMPATIBLE");
    for (const text of texts) expect(found.message).toContain(text);
    expect(found.remedy).toBe("use the unum that made them, or unum detach --all and apply the document again");
    expect([fingerprint(pins), ids(), listPins(pins)]).toEqual(was);
    expect(openDescriptors()).toBe(open);
    expectOneGeneration();
  }

  test("because a value is too large for its narrower field stay as they are", () => {
    makeEdge(after.object);
    {
      using plane = load(pins, 0, after.object);
      const tunnels = plane.map("tunnels");
      const row = plane.layout.decode("tunnel", tunnels.lookup(elementKey(7)) as Uint8Array) as object;
      tunnels.update(elementKey(7), plane.layout.encode("tunnel", { ...row, transmit: 300 } as never));
    }
    expectRefused(
      OBJECT,
      "map tenant_records: field colour is not expected",
      "copy map tunnels: encode tunnel.transmit: 300 does not fit",
    );
  });

  test("because a row has a number that this build has no name for stay as they are", () => {
    makeEdge(after.object);
    {
      using plane = load(pins, 0, after.object);
      const index = observe(plane).indexes.endpoint.get("s1") as number;
      const draining = plane.layout.number("endpoint_state", "ENDPOINT_STATE_DRAINING");
      const row = plane.layout.decode("endpoint", plane.array("endpoints").load(index)) as object;
      plane.array("endpoints").store(index, plane.layout.encode("endpoint", { ...row, state: draining } as never));
    }
    expectRefused(OBJECT, "encode endpoint.state: 2 does not fit, expected a number that both builds know");
  });

  test("because a map or a field is of another kind stay as they are", async () => {
    const other = await compileAfter(
      [["	__u64 colour;", "	__u8 colour[8];"]],
      [
        [
          "WORDS(weather, __u64, 4);",
          'struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } weather SEC(".maps");',
        ],
      ],
    );
    try {
      makeEdge(after.object);
      expectRefused(
        other.object,
        "map weather: it is of type array, expected hash",
        "map tenant_records: field colour cannot be made of __u64, it is __u8[8]",
      );
    } finally {
      other.remove();
    }
  });
});
