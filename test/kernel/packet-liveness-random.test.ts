// Control packets of BFD, damaged at random, against the oracle: what becomes of them, and whom they show to be alive.
// UNUM_PACKETS says how many, UNUM_SEED repeats a run; UNUM_MUTANTS how many rules are broken to see it noticed.

import { afterAll, describe, expect, it } from "vitest";
import { Oracle } from "../support/oracle.ts";
import { Jury, type Tally } from "../support/oracle-jury.ts";
import { packet } from "../support/packet-builder.ts";
import { get16, put16 } from "../support/packet-bytes.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { type Mutant, mutant } from "../support/packet-mutant.ts";
import { compileMutant } from "../support/packet-mutant-build.ts";
import { makePorts } from "../support/packet-ports.ts";
import { Random } from "../support/packet-random.ts";
import { EDGE, PORT_SPECS, type PortName, type Role, WORLD, type World } from "../support/packet-world.ts";

const PACKETS = Number(process.env.UNUM_PACKETS ?? 100_000);
const SEED = Number(process.env.UNUM_SEED ?? Date.now() % 2 ** 31);
const ROUND = 2000;

const bfd = { interval: "100ms", multiplier: 3 };
const profiles = Object.fromEntries(
  Object.entries({ default: {}, ...WORLD.profiles }).map(([name, profile]) => [name, { ...profile, bfd }]),
);
const WATCHED: World = { ...WORLD, profiles };
const ENDPOINTS = Object.entries({ ...WORLD.servers, ...WORLD.gateways });
const CLOCK = 7_000_000_000n;

/** Every third endpoint has a session with nobody here. */
const DISCRIMINATORS = new Map(
  ENDPOINTS.flatMap(([name], at) => (at % 3 === 2 ? [] : [[name, 0x01020300 + at] as const])),
);

const ports = makePorts();
afterAll(() => ports.close());

const time = (ns: bigint) => new Uint8Array(BigUint64Array.of(ns).buffer);

/** An edge whose host has those sessions. */
function watching(object?: string): EdgeUnderTest {
  const edge = new EdgeUnderTest(ports, { world: WATCHED, ...(object !== undefined && { object }) });
  for (const [name, discriminator] of DISCRIMINATORS) {
    const word = edge.plane.layout.encode("liveness", { discriminator, detect_ms: 0, state: 0 });
    edge.plane.array("liveness").store(edge.index("endpoint", name), word);
  }
  edge.plane.array("liveness_clock").store(0, time(CLOCK));
  return edge;
}

/** A control packet with nothing wrong with it, but that its sender may be a stranger. */
function whole(random: Random): Uint8Array {
  const [name, { address }] = random.pick(ENDPOINTS);
  const is6 = address.includes(":");
  const stranger = is6 ? "2001:db8:2::77" : "10.2.0.77";
  const bytes = random.pick([24, 24, 24, 52]);
  const body = Buffer.alloc(bytes);
  body.writeUInt8(0x20 | random.below(9), 0);
  body.writeUInt8((random.below(4) << 6) | random.below(64), 1);
  body.writeUInt8(3, 2);
  body.writeUInt8(bytes, 3);
  body.writeUInt32BE(random.word(), 4);
  body.writeUInt32BE(random.chance(80) ? (DISCRIMINATORS.get(name) ?? 5) : 0, 8);
  const ends = {
    source: random.chance(5) ? stranger : address,
    destination: is6 ? EDGE.address6 : EDGE.address,
    ttl: 255,
  };
  const frame = packet().ethernet({ destination: PORT_SPECS.u0.mac, source: "02:11:00:00:00:ff" });
  const ip = is6 ? frame.ipv6(ends) : frame.ipv4(ends);
  const port = random.chance(70) ? 3784 : 4784;
  return ip.udp({ source: 50_000, destination: port }).payload(new Uint8Array(body)).bytes();
}

/** Up to three things go wrong: a bit, a byte, a length, an end. */
function damaged(random: Random): Uint8Array {
  let frame = whole(random);
  const udp = get16(frame, 12) === 0x86dd ? 54 : 34;
  for (let faults = random.below(4); faults > 0; faults--) {
    // Behind the Ethernet header: what is before it is others' matter. Most of it in the packet itself.
    const from = random.chance(70) ? udp : 14;
    const at = from + random.below(Math.max(1, frame.length - from));
    switch (random.below(6)) {
      case 0:
      case 1:
        if (at < frame.length) frame[at] = (frame[at] as number) ^ (1 << random.below(8));
        break;
      case 2:
        if (at < frame.length) frame[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
        break;
      case 3:
        if (frame.length >= udp + 6) put16(frame, udp + 4, random.pick([0, 7, 8, 31, 32, 33, 60, 0xffff]));
        break;
      case 4:
        frame = frame.slice(0, Math.max(14, at));
        break;
      default:
        frame = new Uint8Array([...frame, ...Array.from({ length: 1 + random.below(40) }, () => random.below(256))]);
    }
  }
  return frame;
}

/** The first disagreement with the oracle; or how packets ended. */
function tryOut(edge: EdgeUnderTest, role: Role, port: PortName, count: number): string | Tally {
  const oracle = new Oracle(WATCHED);
  const heard = new Set<string>();
  oracle.network.sessions = { discriminators: DISCRIMINATORS, heard };
  const jury = new Jury(edge, oracle);
  const random = new Random(SEED);
  const marks = edge.plane.array("liveness_heard");
  for (let left = count; left > 0; ) {
    heard.clear();
    for (const [name] of ENDPOINTS) marks.store(edge.index("endpoint", name), time(0n));
    // Few at times, so that not all of them are heard in each round.
    const frames = Array.from({ length: Math.min(left, random.pick([3, 10, ROUND])) }, () => damaged(random));
    left -= frames.length;
    const problem = jury.disagreement(role, port, frames, SEED);
    if (problem !== undefined) return problem;
    const marked = ENDPOINTS.map(([name]) => name).filter((name) => {
      const bytes = marks.load(edge.index("endpoint", name)).slice();
      return new BigUint64Array(bytes.buffer)[0] === CLOCK;
    });
    if (marked.sort().join() !== [...heard].sort().join())
      return `seed ${SEED}: marks of ${marked.join(", ")}, expected ${[...heard].sort().join(", ")}`;
  }
  return jury.tally;
}

describe(`${PACKETS} control packets, some of them damaged, seed ${SEED}`, () => {
  it.each([
    ["underlay", "u0"],
    ["both", "b0"],
  ] as const)("are what the oracle says they are: %s", { timeout: 600_000 }, (role, port) => {
    const edge = watching();
    try {
      const tally = tryOut(edge, role, port, PACKETS);
      if (typeof tally === "string") expect.fail(tally);
      const reasons = ["stranger", "ttl", "length", "version", "discriminator"];
      expect([...tally.keys()]).toEqual(
        expect.arrayContaining(["passed", ...reasons.map((name) => `dropped liveness_${name}`)]),
      );
    } finally {
      edge.close();
    }
  });
});

const RULES: readonly Mutant[] = [
  mutant(
    "liveness.h",
    "strangers are heard",
    "if (!endpoint)\n\t\treturn OUTCOME_DROP",
    "if (false)\n\t\treturn OUTCOME_DROP",
  ),
  mutant("liveness.h", "other people's sessions are looked at", "if (!word.discriminator)", "if (false)"),
  mutant("liveness.h", "routers count as neighbours", "&& ttl != LIVENESS_TTL)", "&& ttl < 200)"),
  mutant("liveness.h", "the multihop port needs TTL 255", "header->dest == bpf_htons(LIVENESS_PORT) && ttl", "ttl"),
  mutant("liveness.h", "a length may be too long", "||\n\t    packet->length > payload)", ")"),
  mutant("liveness.h", "a length may be too short", "|| packet->length < LIVENESS_BYTES ", ""),
  mutant("liveness.h", "a UDP length may be too short", "|| payload > 0xffff ", ""),
  mutant("liveness.h", "versions do not count", "packet->version_diagnostic >> 5 != 1", "false"),
  mutant(
    "liveness.h",
    "discriminators do not count",
    "packet->your_discriminator != bpf_htonl(word.discriminator))",
    "false)",
  ),
  mutant(
    "liveness.h",
    "whoever is down is alive",
    "packet->state_flags >> 7 && packet->your_discriminator",
    "packet->your_discriminator",
  ),
  mutant(
    "liveness.h",
    "whoever knows nobody is alive",
    "packet->state_flags >> 7 && packet->your_discriminator",
    "packet->state_flags >> 7",
  ),
];
/** Each takes a compilation: others in each run. */
const BROKEN = Number(process.env.UNUM_MUTANTS ?? 3);

describe(`the oracle disagrees when (${BROKEN} of ${RULES.length}, seed ${SEED})`, () => {
  for (let n = 0; n < Math.min(BROKEN, RULES.length); n++) {
    const rule = RULES[(SEED + n) % RULES.length] as Mutant;
    it(rule.name, async () => {
      const build = await compileMutant(rule);
      try {
        const edge = watching(build.object);
        try {
          expect(typeof tryOut(edge, "underlay", "u0", 20_000)).toBe("string");
        } finally {
          edge.close();
        }
      } finally {
        build.remove();
      }
    });
  }
});
