// Path MTU that the underlay tells: ICMP about outer packets of ours is believed when it proves to be, and every rule is broken once.

import { ANY, type Packet, packet } from "./packet-builder.ts";
import { FAMILIES, type Family, fromCircuit, mixEnds, toCircuit, toVm } from "./packet-circuits.ts";
import type { EdgeUnderTest } from "./packet-edge.ts";
import { type Fixture, passed, refused, tunneled } from "./packet-fixture.ts";
import { CUSTOMER_MAC, endpointOf, MIX, overheadOf, toEndpoint } from "./packet-frames.ts";
import type { Ipv4Fields, Ipv6Fields } from "./packet-layers-ip.ts";
import type { IcmpFields, UdpFields } from "./packet-layers-transport.ts";
import { EDGE, PORT_SPECS } from "./packet-world.ts";
import type { MixServer } from "./packet-world-mix.ts";

const underlay = { role: "underlay", port: "u0" } as const;
const access = { role: "access", port: "d0" } as const;
const TOLD = 1400;
/** RFC 1191 section 6.3: ten minutes, in the units of the row: 2^30 nanoseconds. */
const KEPT = 600 * (1e9 / 2 ** 30);

interface Message {
  readonly outer?: Partial<Ipv4Fields & Ipv6Fields>;
  readonly icmp?: Partial<IcmpFields>;
  readonly quoted?: Partial<Ipv4Fields & Ipv6Fields>;
  readonly udp?: Partial<UdpFields>;
  readonly vni?: number;
  /** Of the quoted packet behind its IP header. */
  readonly quote?: number;
  readonly flags?: number;
}

/** The start of what the edge sent to `server`, as a router quotes it. */
function quoteOf(server: string, { quoted, udp, vni = MIX, quote = 60, flags }: Message): Packet {
  const { address, format, overIpv6, port } = endpointOf(server);
  const length = overIpv6 ? 1460 : 1500;
  const ends = { source: overIpv6 ? EDGE.address6 : EDGE.address, destination: address, ttl: 5, length };
  const ip = overIpv6
    ? packet().ipv6({ ...ends, ...quoted })
    : packet().ipv4({ ...ends, dontFragment: true, ...quoted });
  const start =
    format === "nvgre"
      ? ip.nvgre({ vni, flowId: 7, ...(flags === undefined ? {} : { flags }) })
      : ip.udp({ source: 50001, destination: port, length: 1440, checksum: 0, ...udp });
  const tunnel = format === "vxlan" ? start.vxlan({ vni }) : format === "geneve" ? start.geneve({ vni }) : start;
  const whole = tunnel.payload(200).bytes();
  // Lengths and checksums are those of the packet that was sent.
  return packet().payload(whole.subarray(0, (overIpv6 ? 40 : 20) + quote));
}

function message(server: string, fields: Message): Packet {
  const { overIpv6 } = endpointOf(server);
  const start = packet().ethernet({ destination: PORT_SPECS.u0.mac, source: "02:11:00:00:00:fe" });
  const quote = quoteOf(server, fields);
  const router = { ttl: 60, ...fields.outer };
  if (overIpv6)
    return start
      .ipv6({ source: "2001:db8:ffff::1", destination: EDGE.address6, ...router })
      .icmp6({ type: 2, words: [0, TOLD], ...fields.icmp })
      .packet(quote);
  return start
    .ipv4({ source: "10.99.0.1", destination: EDGE.address, ...router })
    .icmp({ type: 3, code: 4, words: [0, TOLD], ...fields.icmp })
    .packet(quote);
}

interface Row {
  readonly mtu: number;
  readonly until: number;
}

function rowOf(edge: EdgeUnderTest, server: string): Row {
  return edge.row("path_mtus", "path_mtu", edge.index("endpoint", server)) as unknown as Row;
}

const now = () => Number(process.hrtime.bigint() >> 30n);

/** The MTU that was learned, kept for as long as it should be; 0: none. */
function learned(server: string, mtu: number) {
  return (edge: EdgeUnderTest): string | undefined => {
    const row = rowOf(edge, server);
    if (row.mtu !== mtu) return `the MTU learned of the path to ${server} is ${row.mtu}, expected ${mtu}`;
    const left = row.until - now();
    if (mtu !== 0 && Math.abs(left - KEPT) > 2)
      return `it is kept for ${left} units, expected about ${Math.round(KEPT)}`;
    return undefined;
  };
}

function known(server: string, mtu: number, left = 100) {
  return (edge: EdgeUnderTest) =>
    edge.change("path_mtus", "path_mtu", edge.index("endpoint", server), { mtu, until: now() + left });
}

/** What a message teaches about the path to its server. */
function told(server: string, name: string, fields: Message, mtu: number, before?: Fixture["arrange"]): Fixture {
  return {
    ...underlay,
    name: `path MTU, ${server}: ${name}`,
    input: message(server, fields),
    end: passed,
    arrange: before ?? known(server, 0, 0),
    after: learned(server, mtu),
  };
}

const SIX: readonly string[] = ["x6", "g6", "n6", "c6"];
const SERVERS = ["s1", "g4", "n4", "x6", "g6", "n6", "c6"] as const;

const believed = SERVERS.flatMap((server): Fixture[] => {
  const six = SIX.includes(server);
  const least = six ? 1280 : 576;
  return [
    told(server, "a router tells", {}, TOLD),
    told(server, "the least that is believed", { icmp: { words: [0, least] } }, least),
    told(server, "one below the least", { icmp: { words: [0, least - 1] } }, 0),
    told(server, "no MTU, as routers did once", { icmp: { words: [0, 0] } }, 0),
    told(server, "just below what the interface takes", { icmp: { words: [0, 1499] } }, 1499),
    // About longer packets than that, as were sent while the interface took more.
    told(server, "what the interface takes", { icmp: { words: [0, 1500] }, quoted: { length: 9500 } }, 0),
    told(server, "more than the interface takes", { icmp: { words: [0, 9000] }, quoted: { length: 9500 } }, 0),
    ...(six ? [told(server, "more than 16 bits", { icmp: { words: [1, 1400] } }, 0)] : []),
    told(server, "the shortest quote: eight bytes behind its IP header", { quote: 8 }, TOLD),
    told(server, "a quote of seven bytes", { quote: 7 }, 0),
    told(server, "a quote that ends in the tunnel header", { quote: 12 }, TOLD),
    told(server, "a long quote", { quote: 200 }, TOLD),
    told(server, "an odd quote", { quote: 61 }, TOLD),
    told(server, "what is narrower than what is known", {}, TOLD, known(server, 1450)),
    told(
      server,
      "what is wider than what is known",
      { icmp: { words: [0, 1450] } },
      1400,
      known(server, 1400, Math.round(KEPT)),
    ),
    told(
      server,
      "what is wider than what was known too long ago",
      { icmp: { words: [0, 1450] } },
      1450,
      known(server, 1400, -5),
    ),
  ];
});

const disbelieved = SERVERS.flatMap((server): Fixture[] => {
  const six = SIX.includes(server);
  const isGre = endpointOf(server).format === "nvgre";
  const self = six ? EDGE.address6 : EDGE.address;
  const another = six ? "2001:db8:2::2" : "10.2.0.2";
  const none = (name: string, fields: Message) => told(server, name, fields, 0);
  return [
    none("another type", { icmp: { type: six ? 1 : 11 } }),
    none("another code", { icmp: { code: six ? 1 : 3 } }),
    none("a wrong checksum", { icmp: { checksum: 0x4242 } }),
    none("a message to another machine", { outer: { destination: another } }),
    none("a quote from another machine", { quoted: { source: another } }),
    none("a quote to nobody", { quoted: { destination: six ? "2001:db8:2::200" : "10.2.0.200" } }),
    none("a quote to ourselves", { quoted: { destination: self } }),
    none("a quote of another version", { quoted: { version: six ? 4 : 6 } }),
    none("a quote of another protocol", six ? { quoted: { nextHeader: 6 } } : { quoted: { protocol: 6 } }),
    none("a quote of a packet that is no longer than that", { quoted: { length: six ? TOLD - 40 : TOLD } }),
    none("a network that nobody has", { vni: MIX ^ 0x100 }),
    none("a network that the endpoint is not in", { vni: 100 ^ (server === "s1" ? 100 ^ 400000 : 0) }),
    ...(isGre
      ? [none("a quote of GRE without a key", { flags: 0 })]
      : [
          none("a quote to another port", { udp: { destination: 4798 } }),
          none("a quote from a port that is none of the edge's", { udp: { source: 49151 } }),
          none("a quote from a low port", { udp: { source: 53 } }),
          told(server, "a quote from the first of the edge's ports", { udp: { source: 49152 } }, TOLD),
          told(server, "a quote from the last of the edge's ports", { udp: { source: 65535 } }, TOLD),
        ]),
    ...(six
      ? []
      : [
          none("a wrong checksum of the IP header", { outer: { checksum: 0x1234 } }),
          none("a first fragment", { outer: { moreFragments: true } }),
          none("a later fragment", { outer: { fragmentOffset: 1 } }),
        ]),
  ];
});

/** What was learned holds for what is sent: just so much fits, and the sender is told. */
const used = (["s1", "g4", "n4", "x6", "g6", "n6", "c6"] as const).flatMap((server: MixServer) =>
  FAMILIES.flatMap((family): Fixture[] => {
    const mtu = TOLD - overheadOf(server);
    const headers = family === 6 ? 48 : 28;
    const { mac } = mixEnds(server, family);
    const fits = (ttl: number) => toVm(server, family, { dontFragment: true, ttl }, mtu - headers);
    const big = toVm(server, family, { dontFragment: true }, mtu + 1 - headers);
    const sends = (name: string, left: number): Fixture => ({
      ...access,
      name: `path MTU, ${server}: IPv${family}, ${name}`,
      input: fromCircuit("mix/lan", fits(64)),
      end: tunneled(`${server}/mix`, toEndpoint(server, MIX, mac, fits(63))),
      arrange: known(server, TOLD, left),
    });
    return [
      sends("just what fits", 100),
      {
        ...sends("a byte more", 100),
        input: fromCircuit("mix/lan", big),
        end: refused("too_big", toCircuit("mix/lan", tooBig(family, big, mtu), CUSTOMER_MAC)),
      },
      {
        ...sends("a byte more, and what was learned is too old", -1),
        input: fromCircuit("mix/lan", big),
        end: tunneled(
          `${server}/mix`,
          toEndpoint(server, MIX, mac, toVm(server, family, { dontFragment: true, ttl: 63 }, mtu + 1 - headers)),
        ),
      },
    ];
  }),
);

function tooBig(family: Family, original: Packet, mtu: number): Packet {
  const quote = packet().payload(original.bytes().subarray(0, family === 6 ? 1232 : 548));
  if (family === 6)
    return packet()
      .ipv6({ source: "2001:db8:6::1", destination: "2001:db8:6::2", tos: 0xc0 })
      .icmp6({ type: 2, words: [0, mtu] })
      .packet(quote);
  return packet()
    .ipv4({ source: "10.6.0.1", destination: "10.6.0.2", tos: 0xc0, id: ANY })
    .icmp({ type: 3, code: 4, words: [0, mtu] })
    .packet(quote);
}

/** IPv6 has to fit in 1280 bytes whatever the path: less is not told (RFC 8200 section 5). */
const least: Fixture = {
  ...access,
  name: "path MTU: IPv6 is told of 1280 bytes at least",
  input: fromCircuit("mix/lan", toVm("g6", 6, {}, 1280 - 48)),
  end: refused("too_big", toCircuit("mix/lan", tooBig(6, toVm("g6", 6, {}, 1280 - 48), 1280), CUSTOMER_MAC)),
  arrange: known("g6", 1300),
};

/** On other ports, and through other programs, nobody is believed. */
const elsewhere: readonly Fixture[] = [
  { ...told("s1", "a message on an access port", {}, 0), role: "access", port: "a0", input: message("s1", {}) },
  { ...told("x6", "a message on a port of role both", {}, TOLD), role: "both", port: "b0", input: message("x6", {}) },
  { ...told("s1", "a message on a port of role both", {}, TOLD), role: "both", port: "b0", input: message("s1", {}) },
];

export const pathMtuFixtures: readonly Fixture[] = [...believed, ...disbelieved, ...used, least, ...elsewhere];
