// Equal paths and entropy ports: how flows spread, and what keeps them where they are. And how often the edge answers.

import { availableParallelism } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packet } from "../support/packet-builder.ts";
import { addressText, get16, get32, ipText } from "../support/packet-bytes.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { ACME, flow, fromCustomer } from "../support/packet-frames.ts";
import { makePorts } from "../support/packet-ports.ts";
import { HOPS, type HopSpec, PORT_SPECS, WORLD, type World } from "../support/packet-world.ts";

const FLOWS = 8000;
/** The source port of UDP behind an IPv4 header. */
const entropyPort = (frame: Uint8Array) => get16(frame, 34);
const GATEWAYS = Array.from({ length: 8 }, (_, index) => `h${index}`);
const gatewayAddress = (name: string) => `10.2.1.${name.slice(1)}`;

/** acme, whose everything else goes to eight gateways. */
const world: World = {
  ...WORLD,
  gateways: Object.fromEntries(
    GATEWAYS.map((name) => [name, { address: gatewayAddress(name), mac: "02:90:00:00:01:01" }]),
  ),
  tenants: {
    acme: {
      vni: ACME,
      circuits: { hq: { interface: "a0", address: "10.1.0.1/24", peer: "10.1.0.2" } },
      routes: [{ prefix: "0.0.0.0/0", via: GATEWAYS }],
      vms: {
        "172.16.0.5": { server: "s1", mac: "02:00:00:00:00:05" },
        "172.16.0.7": { server: "s3", mac: "02:00:00:00:00:07" },
      },
    },
  },
};
const hops: Record<string, HopSpec> = { ...HOPS };
for (const name of GATEWAYS) hops[name] = { port: "u0", mac: "02:11:00:00:01:01" };

const ports = makePorts();
const edge = new EdgeUnderTest(ports, { world, hops });

afterAll(() => {
  edge.close();
  ports.close();
});

const flows = Array.from({ length: FLOWS }, (_, index) =>
  fromCustomer(
    packet()
      .ipv4({
        source: addressText(0x0a010002 + (index % 200)),
        destination: addressText(0x08080000 + Math.floor(index / 40)),
      })
      .udp({ source: 1024 + index, destination: 53 }),
  ).bytes(),
);

/** The gateway of each flow. */
function choices(): string[] {
  const runs = edge.runMany("access", "a0", flows);
  return runs.map(({ verdict, frame }) => {
    expect(verdict).toBe("redirect");
    const address = addressText(get32(frame, 30));
    return GATEWAYS.find((name) => gatewayAddress(name) === address) ?? `nobody (${address})`;
  });
}

function shares(chosen: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of chosen) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** Each gateway has its share, within five standard deviations. */
function expectEven(counts: ReadonlyMap<string, number>, total: number, gateways: readonly string[]): void {
  const share = total / gateways.length;
  const tolerance = 5 * Math.sqrt(share);
  for (const name of gateways) {
    expect(Math.abs((counts.get(name) ?? 0) - share), `${name} has ${counts.get(name)} of ${total}`).toBeLessThan(
      tolerance,
    );
  }
  expect([...counts.keys()].sort()).toEqual([...gateways].sort());
}

describe("equal paths", () => {
  let before: string[] = [];
  beforeAll(() => {
    before = choices();
  });

  it("get equal shares of the flows", () => {
    expectEven(shares(before), FLOWS, GATEWAYS);
  });

  it("keep each flow", () => {
    expect(choices()).toEqual(before);
  });

  for (const gone of [["h3"], ["h0", "h7"], ["h1", "h2", "h4", "h5"]]) {
    it(`without ${gone.join(" and ")} only their flows move, over all others, and come back`, () => {
      for (const name of gone) edge.setState(name, "stale");
      const after = choices();
      for (const name of gone) edge.setState(name, "up");
      const moved = before.flatMap((name, index) => (gone.includes(name) ? [index] : []));
      for (const [index, name] of before.entries()) {
        if (!gone.includes(name)) expect(after[index], `flow ${index}`).toBe(name);
      }
      const left = GATEWAYS.filter((name) => !gone.includes(name));
      const inherited = shares(moved.map((index) => after[index] as string));
      // The walk starts at a place of the flow's own: neighbours of a gap inherit more, but nobody inherits all.
      for (const name of left) expect(inherited.get(name) ?? 0, `${name} inherits`).toBeGreaterThan(0);
      expect(Math.max(...inherited.values())).toBeLessThan(moved.length * 0.75);
      expect(choices()).toEqual(before);
    });
  }
});

/** Equal paths of every format over both families, for flows of IPv6. */
describe("equal paths of different formats", () => {
  const FORMATS = ["vxlan", "geneve", "nvgre"] as const;
  const MIXED = Array.from({ length: 6 }, (_, index) => ({
    name: `m${index}`,
    format: FORMATS[index % 3] as (typeof FORMATS)[number],
    address: index < 3 ? `10.2.3.${index}` : `2001:db8:2:3::${index}`,
  }));
  const names = MIXED.map(({ name }) => name);
  const mixedWorld: World = {
    ...WORLD,
    profiles: { default: {}, ...Object.fromEntries(FORMATS.map((format) => [format, { encapsulation: format }])) },
    servers: {},
    gateways: Object.fromEntries(
      MIXED.map(({ name, format, address }) => [name, { address, profile: format, mac: "02:90:00:00:01:01" }]),
    ),
    tenants: {
      mix: {
        vni: 7,
        circuits: { lan: { interface: "d0", address6: "2001:db8:6::1/64", peer6: "2001:db8:6::2" } },
        routes: [{ prefix: "::/0", via: names }],
      },
    },
  };
  const mixedHops = Object.fromEntries(names.map((name) => [name, { port: "u0", mac: "02:11:00:00:01:01" }] as const));
  const mixed = new EdgeUnderTest(ports, { world: mixedWorld, hops: mixedHops });
  afterAll(() => mixed.close());

  const frames = Array.from({ length: 6000 }, (_, index) =>
    packet()
      .ethernet({ destination: PORT_SPECS.d0.mac, source: "02:c0:00:00:00:01" })
      .ipv6({
        source: `2001:db8:6::${(2 + (index % 200)).toString(16)}`,
        destination: `2001:4860::${(1 + Math.floor(index / 30)).toString(16)}`,
      })
      .tcp({ source: 1024 + index, destination: 443 })
      .bytes(),
  );
  /** The gateway of each flow, and what its headers say about the flow. */
  const sent = (): { readonly name: string; readonly entropy: string }[] =>
    mixed.runMany("access", "d0", frames).map(({ verdict, frame }) => {
      expect(verdict).toBe("redirect");
      const six = get16(frame, 12) === 0x86dd;
      const to = ipText(six ? frame.subarray(38, 54) : frame.subarray(30, 34));
      const found = MIXED.find(({ address }) => address === to);
      if (found === undefined) expect.fail(`a flow goes to ${to}`);
      const at = six ? 54 : 34;
      const label = six ? (get32(frame, 14) & 0xfffff).toString(16) : "";
      const other = found.format === "nvgre" ? (frame[at + 7] as number) : get16(frame, at);
      return { name: found.name, entropy: `${label}/${other}` };
    });

  it("get equal shares, and keep each flow with all that its headers say about it", () => {
    const first = sent();
    expectEven(shares(first.map(({ name }) => name)), frames.length, names);
    expect(sent()).toEqual(first);
  });

  for (const gone of [["m1"], ["m0", "m5"], ["m1", "m2", "m3"]]) {
    it(`without ${gone.join(" and ")} only their flows move, and come back`, () => {
      const before = sent();
      for (const name of gone) mixed.setState(name, "stale");
      const after = sent();
      for (const name of gone) mixed.setState(name, "up");
      for (const [index, { name }] of before.entries()) {
        if (gone.includes(name)) expect(gone).not.toContain(after[index]?.name);
        else expect(after[index], `flow ${index}`).toEqual(before[index]);
      }
      expect(sent()).toEqual(before);
    });
  }

  it("have flow labels and flow ids of all values", () => {
    const all = sent();
    const labels = new Set(all.flatMap(({ entropy }) => (entropy.startsWith("/") ? [] : [entropy.split("/")[0]])));
    // Of 2^20 labels, 3000 flows hit nearly 3000.
    expect(labels.size).toBeGreaterThan(2700);
    const nvgre = all.filter(({ name }) => MIXED.find((one) => one.name === name)?.format === "nvgre");
    expect(new Set(nvgre.map(({ entropy }) => entropy.split("/")[1])).size).toBeGreaterThan(250);
  });
});

describe("entropy ports", () => {
  const port = (frame: Uint8Array) => entropyPort(edge.run("access", "a0", frame).frame);
  const udpFlow = (source: number, destination: number, to = "172.16.0.5") =>
    fromCustomer(
      packet().ipv4({ source: "10.1.0.2", destination: to }).udp({ source, destination }).payload(8),
    ).bytes();

  it("are all used, and none of them too often", () => {
    const counts = new Map<number, number>();
    for (const { frame } of edge.runMany("access", "a0", flows)) {
      const value = entropyPort(frame);
      expect(value).toBeGreaterThanOrEqual(49152);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    // Of 16384 ports, 8000 flows hit 16384 × (1 − e^(−8000/16384)) = 6329 different ones on average.
    expect(counts.size).toBeGreaterThan(6100);
    expect(Math.max(...counts.values())).toBeLessThan(12);
  });

  it("do not follow the choice of the path", () => {
    const sets = new Map<string, Set<number>>();
    for (const { frame } of edge.runMany("access", "a0", flows)) {
      const to = addressText(get32(frame, 30));
      sets.set(to, (sets.get(to) ?? new Set()).add(entropyPort(frame) & 0xff));
    }
    for (const [to, values] of sets) expect(values.size, to).toBeGreaterThan(220);
  });

  it("are the same for every packet of a flow", () => {
    const base = port(fromCustomer(flow()).bytes());
    for (const fields of [
      { ttl: 9 },
      { tos: 0xba },
      { id: 7 },
      { dontFragment: true },
      { options: new Uint8Array(8).fill(1) },
    ]) {
      expect(port(fromCustomer(flow(fields)).bytes()), JSON.stringify(fields)).toBe(base);
    }
    expect(port(fromCustomer(flow({}, 1000)).bytes())).toBe(base);
  });

  it("differ by ports where the profile says l4, and do not where it says l3", () => {
    const numbers = Array.from({ length: 64 }, (_, index) => index);
    const l4 = new Set(numbers.map((index) => port(udpFlow(1000 + index, 53))));
    const l3 = new Set(numbers.map((index) => port(udpFlow(1000 + index, 53, "172.16.0.7"))));
    expect(l4.size).toBeGreaterThan(60);
    expect(l3.size).toBe(1);
  });

  it("of fragments do not depend on what happens to be where ports would be", () => {
    const fragment = (payload: number, offset: number) =>
      fromCustomer(
        packet()
          .ipv4({
            source: "10.1.0.2",
            destination: "172.16.0.5",
            protocol: 17,
            fragmentOffset: offset,
            moreFragments: true,
          })
          .payload(new Uint8Array(64).fill(payload)),
      ).bytes();
    const found = new Set([0, 1, 2, 3].flatMap((value) => [port(fragment(value, 0)), port(fragment(value, 8))]));
    expect(found.size).toBe(1);
  });
});

describe("answers", () => {
  /** Of 400 frames in a row. */
  const answers = (frame: Uint8Array, counter: string): number => {
    edge.counters.moves();
    edge.runMany(
      "access",
      "a0",
      Array.from({ length: 400 }, () => frame),
    );
    return edge.counters.moves().get(counter) ?? 0;
  };
  const dying = (source: string) => fromCustomer(flow({ source, ttl: 1 })).bytes();

  it("about dropped packets are limited for each source", () => {
    edge.forget();
    const first = answers(dying("10.1.0.2"), "packets.icmpErrors");
    expect(first).toBeGreaterThanOrEqual(16);
    // One burst for each CPU that the test happens to run on, and what was earned meanwhile.
    expect(first).toBeLessThanOrEqual(16 * availableParallelism() + 8);
  });

  it("to one source do not use up those of another", () => {
    edge.forget();
    answers(dying("10.1.0.2"), "packets.icmpErrors");
    const others = ["10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"].map((source) =>
      answers(dying(source), "packets.icmpErrors"),
    );
    // Two sources may share a place in the table, four do not.
    expect(others.filter((count) => count >= 16).length).toBeGreaterThanOrEqual(2);
  });

  it("come again after a while", async () => {
    edge.forget();
    answers(dying("10.1.0.2"), "packets.icmpErrors");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const later = answers(dying("10.1.0.2"), "packets.icmpErrors");
    // 300 ms earn 6 each CPU.
    expect(later).toBeGreaterThanOrEqual(5);
  });

  it("to echo are not limited", () => {
    const echo = packet()
      .ipv4({ source: "10.1.0.2", destination: "10.1.0.1" })
      .icmp({ type: 8, words: [1, 1] });
    expect(answers(fromCustomer(echo).bytes(), "packets.answered")).toBe(400);
  });
});

it("no counter contradicts another", () => {
  expect(edge.counters.contradictions()).toEqual([]);
});
