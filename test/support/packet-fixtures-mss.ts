// The MSS of TCP connections through tunnels whose profile clamps: both directions, both families, and what is left alone.

import { type Packet, packet } from "./packet-builder.ts";
import { FAMILIES, type Family, fromCircuit, mixEnds, toCircuit } from "./packet-circuits.ts";
import { delivered, type Fixture, tunneled } from "./packet-fixture.ts";
import { endpointOf, fromEndpoint, MIX, overheadOf, toEndpoint } from "./packet-frames.ts";
import type { TcpFields } from "./packet-layers-transport.ts";
import { mssOption } from "./packet-layers-transport.ts";
import type { MixServer } from "./packet-world-mix.ts";

const CLAMPING = ["m4", "m6", "mn4"] as const;
const SYN = 0x02;
const access = { role: "access", port: "d0" } as const;
const underlay = { role: "underlay", port: "u0" } as const;

/** What is left for a segment in the tunnel of `server`. */
function segment(server: string, family: Family): number {
  const mtu = Math.min(1500, endpointOf(server).profile.mtu ?? 1500);
  return mtu - overheadOf(server) - (family === 6 ? 60 : 40);
}

type Ends = { readonly source: string; readonly destination: string; readonly ttl?: number };
const header = (family: Family, ends: Ends) => (family === 6 ? packet().ipv6(ends) : packet().ipv4(ends));

function opening(family: Family, ends: Ends, options: Uint8Array, fields: Partial<TcpFields> = {}): Packet {
  return header(family, ends).tcp({ source: 40000, destination: 443, flags: SYN, options, ...fields });
}

const NOP = Uint8Array.of(1);
const bytes = (...parts: readonly (Uint8Array | readonly number[])[]) =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

/** The option in every place there is, and beside others. */
const places: readonly (readonly [name: string, options: (mss: number) => Uint8Array])[] = [
  ["alone", (mss) => mssOption(mss)],
  ["at an odd place", (mss) => bytes(NOP, mssOption(mss), [1, 1, 1])],
  ["at another odd place", (mss) => bytes([1, 1, 1], mssOption(mss), NOP)],
  ["behind a window scale", (mss) => bytes([3, 3, 7], mssOption(mss), NOP)],
  ["behind timestamps", (mss) => bytes([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], mssOption(mss))],
  ["as the last of forty bytes", (mss) => bytes(new Uint8Array(36).fill(1), mssOption(mss))],
  ["as Linux sends it", (mss) => bytes(mssOption(mss), [4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7])],
];

/** A connection is opened from the circuit, and from the tunnel. */
function opens(
  server: MixServer,
  family: Family,
  name: string,
  before: Uint8Array,
  after: Uint8Array,
  fields: Partial<TcpFields> = {},
): readonly Fixture[] {
  const { customer, vm, mac } = mixEnds(server, family);
  const out = { source: customer, destination: vm };
  const back = { source: vm, destination: customer };
  return [
    {
      ...access,
      name: `IPv${family} to ${server}: ${name}`,
      input: fromCircuit("mix/lan", opening(family, out, before, fields)),
      end: tunneled(`${server}/mix`, toEndpoint(server, MIX, mac, opening(family, { ...out, ttl: 63 }, after, fields))),
    },
    {
      ...underlay,
      name: `IPv${family} from ${server}: ${name}`,
      input: fromEndpoint(server, MIX, opening(family, back, before, fields)),
      end: delivered(toCircuit("mix/lan", opening(family, { ...back, ttl: 63 }, after, fields))),
      rx: `${server}/mix`,
    },
  ];
}

const clamped = CLAMPING.flatMap((server) =>
  FAMILIES.flatMap((family) => {
    const mss = segment(server, family);
    return [
      ...places.flatMap(([name, options]) => opens(server, family, name, options(1460), options(mss))),
      ...opens(server, family, "an acknowledgement too", mssOption(9000), mssOption(mss), { flags: 0x12 }),
      ...opens(server, family, "with every flag", mssOption(65535), mssOption(mss), { flags: 0xff }),
      ...opens(server, family, "one above what fits", mssOption(mss + 1), mssOption(mss)),
    ];
  }),
);

/** Nothing is changed, and least of all a checksum. */
const alone = CLAMPING.flatMap((server) =>
  FAMILIES.flatMap((family) => {
    const mss = segment(server, family);
    const same = (name: string, options: Uint8Array, fields: Partial<TcpFields> = {}) =>
      opens(server, family, `left alone: ${name}`, options, options, fields);
    return [
      ...same("just what fits", mssOption(mss)),
      ...same("less than fits", mssOption(536)),
      ...same("nothing", mssOption(0)),
      ...same("not an opening", mssOption(1460), { flags: 0x10 }),
      ...same("a reset", mssOption(1460), { flags: 0x04 }),
      ...same("no option", new Uint8Array(0)),
      ...same("an option behind the end of options", bytes([0, 0, 0, 0], mssOption(1460))),
      ...same("an option of length 3", bytes([2, 3, 0xff, 1])),
      ...same("an option of length 5", bytes([2, 5, 0xff, 0xff, 0xff, 1, 1, 1])),
      ...same("an option of length 0 before it", bytes([8, 0, 1, 1], mssOption(1460))),
      ...same("an option of length 1 before it", bytes([8, 1, 1, 1], mssOption(1460))),
      ...same("an option that ends behind the header before it", bytes([8, 40, 1, 1], mssOption(1460))),
      ...same("a header that is longer than the packet", mssOption(1460), { headerWords: 15 }),
      ...same("a header that is shorter than a header", mssOption(1460), { headerWords: 4 }),
      ...same("a header without room for options", mssOption(1460), { headerWords: 5 }),
      ...same("an option that the header cuts", bytes([1, 1], mssOption(1460), [1, 1]), { headerWords: 6 }),
    ];
  }),
);

/** A wrong checksum stays wrong by as much: the sum of what changed is what is added. */
const wrong: readonly Fixture[] = FAMILIES.flatMap((family) => {
  const mss = segment("m4", family);
  const [before, after] = [mssOption(1460), mssOption(mss)];
  const { customer, vm, mac } = mixEnds("m4", family);
  const ends = { source: customer, destination: vm };
  const off = 1460 - mss;
  return [
    {
      ...access,
      name: `IPv${family}: a wrong checksum stays wrong`,
      input: fromCircuit("mix/lan", opening(family, ends, before, { checksum: 0x1000 })),
      end: tunneled(
        "m4/mix",
        toEndpoint("m4", MIX, mac, opening(family, { ...ends, ttl: 63 }, after, { checksum: 0x1000 + off })),
      ),
    },
  ];
});

/** Of two tunnels the narrower one counts; a profile that does not clamp leaves all to the other. */
const between: readonly Fixture[] = (
  [
    ["m4", "m6", "m6"],
    ["m6", "m4", "m6"],
    ["mn4", "m4", "mn4"],
    ["m4", "g4", "m4"],
    ["g4", "m6", "m6"],
    ["fg4", "m4", "m4"],
  ] as const
).flatMap(([from, to, narrow]) =>
  FAMILIES.map((family): Fixture => {
    const ends = { source: mixEnds(from, family).vm, destination: mixEnds(to, family).vm };
    const after = mssOption(segment(narrow, family));
    return {
      ...underlay,
      name: `IPv${family} from ${from} to ${to}`,
      input: fromEndpoint(from, MIX, opening(family, ends, mssOption(1460))),
      end: tunneled(
        `${to}/mix`,
        toEndpoint(to, MIX, mixEnds(to, family).mac, opening(family, { ...ends, ttl: 63 }, after)),
      ),
      rx: `${from}/mix`,
    };
  }),
);

/** TCP that may not be looked into, and what only looks like it. */
const others: readonly Fixture[] = FAMILIES.flatMap((family): Fixture[] => {
  const { customer, vm, mac } = mixEnds("m4", family);
  const tcp = { source: 40000, destination: 443, flags: SYN, options: mssOption(1460) };
  const lowered = { ...tcp, options: mssOption(segment("m4", family)) };
  const make = (ttl: number, build: (start: Packet) => Packet, fields = {}) =>
    build(header(family, { source: customer, destination: vm, ttl, ...fields }));
  const one = (name: string, before: (start: Packet) => Packet, after = before, fields = {}): Fixture => ({
    ...access,
    name: `IPv${family}: ${name}`,
    input: fromCircuit("mix/lan", make(64, before, fields)),
    end: tunneled("m4/mix", toEndpoint("m4", MIX, mac, make(63, after, fields))),
  });
  const data = (start: Packet) => start.tcp(tcp).payload(100);
  return [
    one("an opening with data in it", data, (start) => start.tcp(lowered).payload(100)),
    ...(family === 6
      ? [
          one("a first fragment", (start) => start.fragment({ more: true }).tcp(tcp)),
          one("a later fragment", (start) => start.fragment({ offset: 9 }).tcp(tcp)),
          one(
            "behind options",
            (start) => start.extension({ kind: 60 }).tcp(tcp),
            (start) => start.extension({ kind: 60 }).tcp(lowered),
          ),
          one(
            "behind long options",
            (start) => start.extension({ kind: 60, bytes: 1200 }).tcp(tcp),
            (start) => start.extension({ kind: 60, bytes: 1200 }).tcp(lowered),
          ),
        ]
      : [
          one("a first fragment", (start) => start.tcp(tcp), undefined, { moreFragments: true }),
          one("a later fragment", (start) => start.tcp(tcp), undefined, { fragmentOffset: 9 }),
          one(
            "behind IP options",
            (start) => start.tcp(tcp),
            (start) => start.tcp(lowered),
            { options: new Uint8Array(40).fill(1) },
          ),
        ]),
    one("UDP of the same bytes", (start) => start.udp({ source: 40000, destination: 443 }).payload(mssOption(1460))),
  ];
});

export const mssFixtures: readonly Fixture[] = [...clamped, ...alone, ...wrong, ...between, ...others].map(
  (fixture) => ({
    ...fixture,
    name: `MSS: ${fixture.name}`,
  }),
);
