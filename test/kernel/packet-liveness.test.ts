// BFD as the packet path takes it: whose control packets reach the host, what marks they leave, and where packets go when an endpoint
// is stale, by the host's word or by its silence.

import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { type Packet, packet } from "../support/packet-builder.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { dropped, type Ending, type Fixture, fixtureProblem, passed, tunneled } from "../support/packet-fixture.ts";
import { ACME, flow, fromCustomer, toEndpoint } from "../support/packet-frames.ts";
import { makePorts } from "../support/packet-ports.ts";
import { EDGE, PORT_SPECS, WORLD, type World } from "../support/packet-world.ts";

const bfd = { interval: "100ms", multiplier: 3 };
const profiles = Object.fromEntries(
  Object.entries({ default: {}, ...WORLD.profiles }).map(([name, profile]) => [name, { ...profile, bfd }]),
);
const WATCHED: World = { ...WORLD, profiles };

const ports = makePorts();
const edge = new EdgeUnderTest(ports, { world: WATCHED });
afterAll(() => {
  edge.close();
  ports.close();
});

const MS = 1_000_000n;
const DISCRIMINATOR = 0x0a0b0c0d;
const CLOCK = 5_000n * MS;

const store = (map: string, index: number, ns: bigint) =>
  edge.plane.array(map).store(index, new Uint8Array(BigUint64Array.of(ns).buffer));
const load = (map: string, index: number) => new BigUint64Array(edge.plane.array(map).load(index).slice().buffer)[0];
const indexOf = (name: string) => edge.index("endpoint", name);

interface Told {
  readonly state?: "unknown" | "up" | "stale";
  readonly detectMs?: number;
  readonly discriminator?: number;
}
/** What the host says of an endpoint. */
function tell(name: string, { state = "up", detectMs = 0, discriminator = DISCRIMINATOR }: Told = {}): void {
  const number = edge.plane.layout.number("endpoint_state", `ENDPOINT_STATE_${state.toUpperCase()}`);
  const word = edge.plane.layout.encode("liveness", { discriminator, detect_ms: detectMs, state: number });
  edge.plane.array("liveness").store(indexOf(name), word);
}

beforeEach(() => {
  edge.apply(WATCHED);
  store("liveness_clock", 0, CLOCK);
  for (const name of edge.counters.observed.indexes.endpoint.keys()) {
    tell(name);
    store("liveness_heard", indexOf(name), 0n);
  }
});

function check(fixture: Omit<Fixture, "name">): void {
  const problem = fixtureProblem(edge, { name: "a packet", ...fixture });
  if (problem !== undefined) expect.fail(problem);
}

interface Control {
  readonly from?: string;
  readonly to?: string;
  readonly ttl?: number;
  readonly port?: number;
  readonly version?: number;
  /** 1 down, 2 init, 3 up. */
  readonly state?: number;
  readonly length?: number;
  readonly bytes?: number;
  readonly your?: number;
  readonly options?: Uint8Array;
}

/** A control packet, RFC 5880 section 4.1. */
function control(fields: Control = {}): Packet {
  const { from = "10.2.0.11", to, ttl = 255, port = 3784, version = 1, state = 3, length = 24, bytes = 24 } = fields;
  const payload = Buffer.alloc(24);
  payload.writeUInt8(version << 5, 0);
  payload.writeUInt8(state << 6, 1);
  payload.writeUInt8(3, 2);
  payload.writeUInt8(length, 3);
  payload.writeUInt32BE(77, 4);
  payload.writeUInt32BE(fields.your ?? DISCRIMINATOR, 8);
  const frame = packet().ethernet({ destination: PORT_SPECS.u0.mac, source: "02:11:00:00:00:ff" });
  const is6 = from.includes(":");
  const ends = { source: from, destination: to ?? (is6 ? EDGE.address6 : EDGE.address), ttl };
  const ip = is6 ? frame.ipv6(ends) : frame.ipv4({ ...ends, ...(fields.options && { options: fields.options }) });
  const padded = Buffer.concat([payload, Buffer.alloc(Math.max(0, bytes - 24))]).subarray(0, bytes);
  return ip.udp({ source: 50_000, destination: port }).payload(new Uint8Array(padded));
}

const hears = (input: Packet, end: Ending) => {
  check({ role: "underlay", port: "u0", input, end });
  check({ role: "both", port: "b0", input, end });
};

const V6 = Object.entries({ ...WORLD.servers, ...WORLD.gateways }).find(([, { address }]) => address.includes(":"));
const [name6, address6] = [V6?.[0] as string, V6?.[1].address as string];

/** What it is, how it ends, and whether it is a sign of life. */
type ControlRow = [string, Control, Ending, boolean];

const CONTROLS: readonly ControlRow[] = [
  ["up", {}, passed, true],
  ["in state init", { state: 2 }, passed, true],
  ["down", { state: 1 }, passed, false],
  ["down, to nobody", { state: 1, your: 0 }, passed, false],
  ["that claims to be up, to nobody", { your: 0 }, passed, false],
  ["with something behind it", { bytes: 60 }, passed, true],
  ["with a key", { bytes: 52, length: 52 }, passed, true],
  ["from many hops away", { port: 4784, ttl: 250 }, passed, true],
  ["from a neighbour, that a router sent on", { ttl: 254 }, dropped("liveness_ttl"), false],
  ["from a stranger", { from: "10.2.0.77" }, dropped("liveness_stranger"), false],
  ["from a stranger, many hops away", { from: "10.9.0.77", port: 4784 }, dropped("liveness_stranger"), false],
  ["from a stranger to somebody else", { from: "10.2.0.77", to: "10.2.0.200" }, passed, false],
  ["of version 0", { version: 0 }, dropped("liveness_version"), false],
  ["of version 2", { version: 2 }, dropped("liveness_version"), false],
  ["cut short", { bytes: 23 }, dropped("liveness_length"), false],
  ["without anything in it", { bytes: 0 }, dropped("liveness_length"), false],
  ["that says it is shorter than it can be", { length: 23 }, dropped("liveness_length"), false],
  ["that says it is longer than it is", { length: 25 }, dropped("liveness_length"), false],
  ["of another session", { your: DISCRIMINATOR + 1 }, dropped("liveness_discriminator"), false],
  ["to the port of echo", { port: 3785 }, passed, false],
];

describe("a control packet", () => {
  it.each<ControlRow>([...CONTROLS])("%s", (_, fields, end, isMarked) => {
    hears(control(fields), end);
    expect(load("liveness_heard", indexOf("s1"))).toBe(isMarked ? CLOCK : 0n);
  });

  it.each<[string, Control, Ending, boolean]>([
    ["up", {}, passed, true],
    ["that a router sent on", { ttl: 254 }, dropped("liveness_ttl"), false],
    ["from a stranger", { from: "2001:db8:2::77" }, dropped("liveness_stranger"), false],
    ["of version 0", { version: 0 }, dropped("liveness_version"), false],
    ["cut short", { bytes: 23 }, dropped("liveness_length"), false],
    ["of another session", { your: 1 }, dropped("liveness_discriminator"), false],
  ])("over IPv6 %s", (_, fields, end, isMarked) => {
    hears(control({ from: address6, ...fields }), end);
    expect(load("liveness_heard", indexOf(name6))).toBe(isMarked ? CLOCK : 0n);
  });

  it("meets every reason that there is for one", () => {
    const reasons = [...edge.plane.layout.names("drop_reason", "DROP_").values()];
    const met = CONTROLS.map(([, , end]) => (end.kind === "dropped" ? end.reason : ""));
    expect(reasons.filter((reason) => reason.startsWith("liveness_") && !met.includes(reason))).toEqual([]);
  });

  it("of an endpoint that has no session here is somebody else's", () => {
    tell("s1", { discriminator: 0 });
    hears(control({ ttl: 3, version: 0 }), passed);
    expect(load("liveness_heard", indexOf("s1"))).toBe(0n);
  });

  it("cut anywhere is never taken for a whole one", () => {
    const frame = control().bytes();
    for (let length = 14; length < frame.length; length++) edge.run("underlay", "u0", frame.subarray(0, length));
    expect(load("liveness_heard", indexOf("s1"))).toBe(0n);
  });
});

describe("a VM's packets go", () => {
  const VM = { destination: "172.16.0.5", mac: "02:00:00:00:00:05" };
  const through = (server: string) =>
    tunneled(`${server}/acme`, toEndpoint(server, ACME, VM.mac, flow({ destination: VM.destination, ttl: 63 })));
  const reaches = (end: Ending) =>
    check({ role: "access", port: "a0", input: fromCustomer(flow({ destination: VM.destination })), end });
  const heardAgo = (name: string, ms: bigint) => store("liveness_heard", indexOf(name), CLOCK - ms * MS);

  it("to its server while that answers, or nobody knows", () => {
    reaches(through("s1"));
    tell("s1", { state: "unknown" });
    reaches(through("s1"));
  });

  it("to the standby of one that is stale, and back", () => {
    tell("s1", { state: "stale" });
    reaches(through("s2"));
    tell("s1");
    reaches(through("s1"));
  });

  it("to the standby of one that was silent for longer than it may, by the host's clock", () => {
    tell("s1", { detectMs: 300 });
    heardAgo("s1", 300n);
    reaches(through("s1"));
    store("liveness_heard", indexOf("s1"), CLOCK - 300n * MS - 1n);
    reaches(through("s2"));
    // One packet of its session, and it is back.
    hears(control(), passed);
    reaches(through("s1"));
  });

  it("to its server however long it was silent, where the host does not count", () => {
    heardAgo("s1", 4999n);
    reaches(through("s1"));
  });

  it("to its server when a mark is newer than the clock", () => {
    tell("s1", { detectMs: 300 });
    store("liveness_heard", indexOf("s1"), CLOCK + 5n);
    reaches(through("s1"));
  });

  it("over the gateways that answer when server and standby do not", () => {
    for (const name of ["s1", "s2", "gw1"]) tell(name, { state: "stale" });
    reaches(
      tunneled(
        "gw2/acme",
        toEndpoint("gw2", ACME, "02:90:00:00:00:02", flow({ destination: VM.destination, ttl: 63 })),
      ),
    );
    tell("gw2", { state: "stale" });
    reaches(dropped("no_path"));
  });

  it("to its server whatever was said of it, when it is watched no more", () => {
    tell("s1", { state: "stale" });
    edge.apply(WORLD);
    reaches(through("s1"));
  });

  it("to a server that moved, whatever was said of it where it was", () => {
    tell("s1", { state: "stale" });
    const servers = { ...WATCHED.servers, s1: { ...WATCHED.servers.s1, address: "10.2.0.99" } };
    edge.apply({ ...WATCHED, servers });
    expect(edge.plane.layout.decode("liveness", edge.plane.array("liveness").load(indexOf("s1")))).toMatchObject({
      discriminator: 0,
      state: 0,
    });
  });
});
