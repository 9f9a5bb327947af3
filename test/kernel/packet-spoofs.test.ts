// Tunnel packets that differ from an accepted one in a single field: none is accepted, and each is dropped under the reason of
// that field. UNUM_SPOOFS says how many of each.

import { afterAll, describe, expect, it } from "vitest";
import { addressNumber, get32, ipBytes, ipText, put16, put24, put32, sameBytes } from "../support/packet-bytes.ts";
import { fromVm } from "../support/packet-circuits.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { ACME, endpointOf, fromEndpoint, MIX, OTHER, reply } from "../support/packet-frames.ts";
import { makePorts } from "../support/packet-ports.ts";
import { fixChecksum, Random } from "../support/packet-random-frames.ts";
import { EDGE, WORLD } from "../support/packet-world.ts";
import { MIX_VM_SERVERS, mixVm } from "../support/packet-world-mix.ts";

const SPOOFS = Number(process.env.UNUM_SPOOFS ?? 50_000);
const SEED = Number(process.env.UNUM_SEED ?? Date.now() % 2 ** 31);
const BATCH = 20_000;

const ports = makePorts();
const edge = new EdgeUnderTest(ports);
let run = 0;

afterAll(() => {
  edge.close();
  ports.close();
});

/** s3 is a member of acme alone, and speaks for one VM of its own. */
const accepted = fromEndpoint("s3", ACME, reply({ source: "172.16.0.7" })).bytes();
const endpoints = [...Object.values(WORLD.servers), ...Object.values(WORLD.gateways)]
  .filter(({ address }) => !address.includes(":"))
  .map(({ address }) => addressNumber(address));
const addresses = [...Object.values(WORLD.servers), ...Object.values(WORLD.gateways)].map(({ address }) => address);
const servedPorts = new Set([...Object.values(WORLD.profiles).map(({ port }) => port ?? 4789), 6081]);
const EDGE_ADDRESS = addressNumber(EDGE.address);

type Spoil = (frame: Uint8Array, random: Random) => void;

/** A value that is not in the set. */
function another(random: Random, bound: number, forbidden: ReadonlySet<number>): number {
  for (;;) {
    const value = bound === 2 ** 32 ? random.word() : random.below(bound);
    if (!forbidden.has(value)) return value;
  }
}

/** A random value, or the real one with a single bit changed. */
function near(random: Random, real: number, bits: number, forbidden: ReadonlySet<number>): number {
  const flipped = (real ^ (1 << random.below(bits))) >>> 0;
  return random.chance(50) && !forbidden.has(flipped) ? flipped : another(random, 2 ** bits, forbidden);
}

/** Every frame has the same end: that verdict, and that reason if it is dropped. */
function none(
  verdict: "drop" | "pass",
  reason: string | undefined,
  spoil: Spoil,
  real = accepted,
  planned = SPOOFS,
): void {
  for (let done = 0, batch = 0; done < planned; batch++) {
    const random = new Random(SEED + batch);
    const frames = Array.from({ length: Math.min(BATCH, planned - done) }, () => {
      const frame = real.slice();
      spoil(frame, random);
      fixChecksum(frame, 14);
      fixChecksum(frame, 64);
      return frame;
    });
    edge.counters.moves();
    const runs = edge.runMany("underlay", "u0", frames);
    const moves = edge.counters.moves();
    const wrong = runs.findIndex(
      (one, index) =>
        one.verdict !== verdict || (verdict === "pass" && !sameBytes(one.frame, frames[index] as Uint8Array)),
    );
    expect(wrong, `seed ${SEED + batch}, verdict ${runs[wrong]?.verdict}`).toBe(-1);
    expect(moves.get("packets.received")).toBe(frames.length);
    expect(moves.get(verdict === "pass" ? "packets.passed" : "packets.dropped")).toBe(frames.length);
    if (reason !== undefined)
      expect(moves.get(`drops.${reason}.packets`), JSON.stringify([...moves])).toBe(frames.length);
    expect([...moves.keys()].filter((path) => /^(endpoints|tenants)/.test(path))).toEqual([]);
    done += frames.length;
    run += frames.length;
  }
}

describe(`${SPOOFS} of each, seed ${SEED}`, () => {
  it("the packet that they differ from is accepted", () => {
    expect(edge.run("underlay", "u0", accepted).verdict).toBe("redirect");
  });

  it("outer source of nobody", () => {
    none("drop", "unknown_endpoint", (frame, random) =>
      put32(frame, 26, near(random, get32(frame, 26), 32, new Set(endpoints))),
    );
  });

  it("outer source of a member whose tunnels are of another profile", () => {
    const others = ["10.2.0.11", "10.2.0.12", "10.2.0.14", "10.2.0.15", "10.2.0.91"].map(addressNumber);
    none("drop", "tunnel_mismatch", (frame, random) => {
      put32(frame, 26, random.pick(others));
      put16(frame, 34, 49152 + random.below(16384));
    });
  });

  it("outer source of a member that has another VM", () => {
    none("drop", "spoofed_source", (frame, random) => {
      put32(frame, 26, addressNumber(random.pick(["10.2.0.11", "10.2.0.12", "10.2.0.14", "10.2.0.15", "10.2.0.16"])));
      put16(frame, 36, 4789);
      put16(frame, 34, 49152 + random.below(16384));
    });
  });

  it("outer source of an endpoint that is no member", () => {
    none("drop", "not_a_member", (frame, random) => {
      put32(frame, 26, addressNumber("10.2.0.19"));
      put16(frame, 36, 4789);
      put16(frame, 34, 49152 + random.below(16384));
    });
  });

  it("outer destination of another machine", () => {
    none("pass", undefined, (frame, random) =>
      put32(frame, 30, near(random, EDGE_ADDRESS, 32, new Set([EDGE_ADDRESS]))),
    );
  });

  it("another tunnel port of the edge", () => {
    none("drop", "tunnel_mismatch", (frame, random) => {
      put16(frame, 36, 4789);
      put16(frame, 34, random.below(65536));
    });
  });

  it("a port that is no tunnel's", () => {
    none("pass", undefined, (frame, random) => put16(frame, 36, near(random, 8472, 16, servedPorts)));
  });

  it("another VNI", () => {
    none("drop", "not_a_member", (frame, random) => put24(frame, 46, near(random, ACME, 24, new Set([0, ACME]))));
  });

  it("the VNI of another tenant with the same addresses", () => {
    none("drop", "not_a_member", (frame, random) => {
      put24(frame, 46, OTHER);
      put16(frame, 34, random.below(65536));
    });
  });

  it("inner source of another server's VM", () => {
    const others = Object.entries(WORLD.tenants.acme?.vms ?? {}).filter(([, { server }]) => server !== "s3");
    none("drop", "spoofed_source", (frame, random) => {
      put32(frame, 76, addressNumber(random.pick(others)[0]));
      put16(frame, 68, random.below(65536));
    });
  });

  it("inner source that neither a VM nor a route to an endpoint covers", () => {
    const covered = (address: number) => {
      const [first, second] = [address >>> 24, (address >>> 16) & 255];
      const martian = first === 0 || first === 127 || first >= 224;
      return (
        martian ||
        (first === 172 && second >= 16 && second < 32) ||
        (first === 100 && second === 64) ||
        address === addressNumber("192.168.9.9")
      );
    };
    none("drop", "spoofed_source", (frame, random) => {
      let address = random.word();
      while (covered(address)) address = random.word();
      put32(frame, 76, address);
    });
  });

  /** A quarter as many for each other format and family: one endpoint, one VM. */
  const OTHERS = ["fg6", "fn6", "k4", "c6"] as const;
  const FEWER = Math.ceil(SPOOFS / 4);
  for (const server of OTHERS) {
    const { overIpv6, format, profile } = endpointOf(server);
    const real = fromEndpoint(server, MIX, fromVm(server, 6)).bytes();
    const [sourceAt, sourceBytes] = overIpv6 ? [22, 16] : [26, 4];
    const udpAt = overIpv6 ? 54 : 34;
    const formatAt = format === "nvgre" ? udpAt : udpAt + 8;
    const innerAt = formatAt + 22;
    const flip = (frame: Uint8Array, random: Random, at: number, bytes: number): void => {
      const place = at + random.below(bytes);
      frame[place] = (frame[place] as number) ^ (1 << random.below(8));
    };
    const each = (verdict: "drop" | "pass", reason: string | undefined, spoil: Spoil): void => {
      none(verdict, reason, spoil, real, FEWER);
    };

    it(`${server}: the packet that they differ from is accepted`, () => {
      expect(edge.run("underlay", "u0", real).verdict).toBe("redirect");
    });
    it(`${server}: outer source of nobody`, () => {
      const known = new Set(addresses);
      each("drop", "unknown_endpoint", (frame, random) => {
        do {
          frame.set(real.subarray(sourceAt, sourceAt + sourceBytes), sourceAt);
          flip(frame, random, sourceAt, sourceBytes);
        } while (known.has(ipText(frame.subarray(sourceAt, sourceAt + sourceBytes))));
      });
    });
    it(`${server}: outer destination of another machine`, () => {
      each("pass", undefined, (frame, random) => flip(frame, random, sourceAt + sourceBytes, sourceBytes));
    });
    it(`${server}: another VNI`, () => {
      each("drop", "not_a_member", (frame, random) =>
        put24(frame, formatAt + 4, near(random, MIX, 24, new Set([0, MIX]))),
      );
    });
    it(`${server}: inner source of another server's VM`, () => {
      const others = MIX_VM_SERVERS.filter((other) => other !== server).map((other) => ipBytes(mixVm(other).ipv6));
      each("drop", "spoofed_source", (frame, random) => frame.set(random.pick(others), innerAt + 8));
    });
    it(`${server}: inner source that neither a VM nor a route to an endpoint covers`, () => {
      // Under 2000::/8, of which the world's addresses have 2001:db8.
      each("drop", "spoofed_source", (frame, random) => {
        for (let at = innerAt + 9; at < innerAt + 24; at++) frame[at] = random.below(256);
        frame[innerAt + 8] = 0x20;
        if (frame[innerAt + 9] === 1) frame[innerAt + 9] = 2;
      });
    });
    if (profile.udpChecksum === "full") {
      it(`${server}: any other byte of the packet under its checksum`, () => {
        each("drop", "bad_checksum", (frame, random) => {
          // Behind every field that has a reason of its own: the inner UDP datagram.
          flip(frame, random, innerAt + 40, frame.length - innerAt - 40);
        });
      });
    }
  }

  it("were as many as planned", () => {
    // Of the others, two have a checksum to spoil as well.
    expect(run).toBe(11 * SPOOFS + (5 * OTHERS.length + 2) * FEWER);
    expect(edge.counters.contradictions()).toEqual([]);
  });
});
