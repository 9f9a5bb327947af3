// For the edge's own addresses: those of circuits in IPv6, and those of a tenant, which need no circuit.

import { ANY, type Packet, packet, pattern } from "./packet-builder.ts";
import { FAMILIES, type Family, fromCircuit, mixEnds, toCircuit, verdictOn } from "./packet-circuits.ts";
import { answered, dropped, type Fixture } from "./packet-fixture.ts";
import { CUSTOMER_MAC, fromEndpoint, MIX, toEndpoint, VM_MAC } from "./packet-frames.ts";
import type { MixServer } from "./packet-world-mix.ts";

const words = [0x1111, 0x2222] as const;
const access = { role: "access", port: "d0" } as const;
const underlay = { role: "underlay", port: "u0" } as const;

interface Echo {
  readonly from: string;
  readonly to: string;
  readonly tos?: number;
  readonly bytes?: number;
  readonly checksum?: number;
  readonly ttl?: number;
}

function request(family: Family, { from, to, tos = 0, bytes = 56, ttl = 3, ...rest }: Echo): Packet {
  const ends = { source: from, destination: to, tos, ttl };
  return family === 6
    ? packet()
        .ipv6({ ...ends, flowLabel: 0x77 })
        .icmp6({ type: 128, words, ...rest })
        .payload(bytes)
    : packet()
        .ipv4({ ...ends, id: 9 })
        .icmp({ type: 8, words, ...rest })
        .payload(bytes);
}

/** A hop limit, an identification and a flow label of the edge's own; the rest is the request's. */
function reply(family: Family, { from, to, tos = 0, bytes = 56 }: Echo): Packet {
  const ends = { source: to, destination: from, tos };
  return family === 6
    ? packet().ipv6(ends).icmp6({ type: 129, words }).payload(bytes)
    : packet()
        .ipv4({ ...ends, id: ANY })
        .icmp({ type: 0, words })
        .payload(bytes);
}

const SELF = { 4: "172.31.255.254", 6: "2001:db8:31::fe" } as const;
const CIRCUIT = { 4: "10.6.0.1", 6: "2001:db8:6::1" } as const;
const OTHER_CIRCUIT = { 4: "10.8.0.1", 6: "2001:db8:8::1" } as const;

function fromLan(family: Family, name: string, to: string, fields: Partial<Echo> = {}): Fixture {
  const echo = { from: mixEnds("s1", family).customer, to, ...fields };
  return {
    ...access,
    name: `IPv${family} echo: ${name}`,
    input: fromCircuit("mix/lan", request(family, echo)),
    end: answered(toCircuit("mix/lan", reply(family, echo), CUSTOMER_MAC), verdictOn("mix/lan")),
  };
}

function fromTunnel(family: Family, server: MixServer, to: string): Fixture {
  const echo = { from: mixEnds(server, family).vm, to };
  return {
    ...underlay,
    name: `IPv${family} echo to ${to} through a tunnel of ${server}`,
    input: fromEndpoint(server, MIX, request(family, echo)),
    end: answered(toEndpoint(server, MIX, VM_MAC, reply(family, echo)), "redirect", `${server}/mix`),
    rx: `${server}/mix`,
  };
}

const echoes = FAMILIES.flatMap((family): Fixture[] => [
  fromLan(family, "the circuit's address", CIRCUIT[family]),
  fromLan(family, "another circuit's address", OTHER_CIRCUIT[family]),
  fromLan(family, "the tenant's own address", SELF[family]),
  fromLan(family, "every bit of the class", SELF[family], { tos: 0xff }),
  fromLan(family, "a hop limit of 1", SELF[family], { ttl: 1 }),
  fromLan(family, "a hop limit of 0", CIRCUIT[family], { ttl: 0 }),
  ...[0, 1, 2, 1400].map((bytes) => fromLan(family, `${bytes} bytes`, CIRCUIT[family], { bytes })),
  ...(["s1", "g4", "n4", "x6", "g6", "n6"] as const).flatMap((server) => [
    fromTunnel(family, server, CIRCUIT[family]),
    fromTunnel(family, server, SELF[family]),
  ]),
]);

/** What the edge says nothing to. */
function refused(family: Family, name: string, inner: Packet): readonly Fixture[] {
  return [
    {
      ...access,
      name: `IPv${family}, not answered: ${name}`,
      input: fromCircuit("mix/lan", inner),
      end: dropped("to_circuit_address"),
    },
  ];
}

const silent = FAMILIES.flatMap((family) =>
  [CIRCUIT[family], SELF[family]].flatMap((to): readonly Fixture[] => {
    const from = mixEnds("s1", family).customer;
    const ip = (fields = {}) =>
      family === 6
        ? packet().ipv6({ source: from, destination: to, ...fields })
        : packet().ipv4({ source: from, destination: to, ...fields });
    const message = (start: Packet, type: number, code = 0) =>
      family === 6 ? start.icmp6({ type, code, words }) : start.icmp({ type, code, words });
    const types = family === 6 ? [0, 1, 2, 3, 127, 129, 130, 133, 137, 255] : [0, 3, 5, 11, 13, 255];
    return [
      ...types.flatMap((type) => refused(family, `ICMP type ${type} to ${to}`, message(ip(), type).payload(30))),
      ...refused(family, `an echo request with code 1 to ${to}`, message(ip(), family === 6 ? 128 : 8, 1)),
      ...refused(family, `UDP to ${to}`, ip().udp({ source: 1, destination: 33434 })),
      ...refused(family, `TCP to ${to}`, ip().tcp({ source: 1, destination: 179 })),
      ...refused(family, `a header and nothing else to ${to}`, ip()),
      ...refused(
        family,
        `seven bytes of ICMP to ${to}`,
        ip(family === 6 ? { nextHeader: 58 } : { protocol: 1 }).payload(
          Uint8Array.of(family === 6 ? 128 : 8, 0, 0, 0, 0, 0, 0),
        ),
      ),
      ...(family === 6
        ? [
            ...refused(6, `an echo request behind options to ${to}`, message(ip().extension({ kind: 60 }), 128)),
            ...refused(6, `an echo request in an atomic fragment to ${to}`, message(ip().fragment(), 128)),
            ...refused(6, `a first fragment of an echo request to ${to}`, message(ip().fragment({ more: true }), 128)),
            ...refused(6, `IPv4's ICMP in IPv6 to ${to}`, ip().icmp({ type: 8 })),
          ]
        : [
            ...refused(4, `a first fragment of an echo request to ${to}`, message(ip({ moreFragments: true }), 8)),
            ...refused(4, `a later fragment of an echo request to ${to}`, message(ip({ fragmentOffset: 1 }), 8)),
            ...refused(
              4,
              `an echo request with options to ${to}`,
              message(ip({ options: new Uint8Array(4).fill(1) }), 8),
            ),
          ]),
    ];
  }),
);

const others: readonly Fixture[] = [
  {
    ...underlay,
    name: "UDP out of a tunnel to the tenant's own address",
    input: fromEndpoint(
      "g6",
      MIX,
      packet()
        .ipv6({ source: mixEnds("g6", 6).vm, destination: SELF[6] })
        .udp({ source: 1, destination: 2 }),
    ),
    end: dropped("to_circuit_address"),
    rx: "g6/mix",
  },
  ...FAMILIES.map(
    (family): Fixture => ({
      ...underlay,
      name: `IPv${family}: the tenant's own address is nobody's source`,
      input: fromEndpoint("g6", MIX, request(family, { from: SELF[family], to: mixEnds("s1", family).customer })),
      end: dropped("spoofed_source"),
    }),
  ),
  ...FAMILIES.map(
    (family): Fixture => ({
      ...underlay,
      name: `IPv${family} echo from a VM whose server is not reached`,
      input: fromEndpoint("lost6", MIX, request(family, { from: mixEnds("lost6", family).vm, to: SELF[family] })),
      end: dropped("no_next_hop"),
      rx: "lost6/mix",
    }),
  ),
  {
    ...access,
    name: "an echo request with a wrong checksum: the reply's is wrong by as much",
    input: fromCircuit("mix/lan", request(6, { from: "2001:db8:6::2", to: CIRCUIT[6], checksum: 0x1234 })),
    end: answered(
      toCircuit(
        "mix/lan",
        packet()
          .ipv6({ source: CIRCUIT[6], destination: "2001:db8:6::2" })
          .icmp6({ type: 129, words, checksum: 0x1134 })
          .payload(pattern(56)),
        CUSTOMER_MAC,
      ),
      "redirect",
    ),
  },
];

export const selfFixtures: readonly Fixture[] = [...echoes, ...silent, ...others];
