// Neighbour discovery on circuits: the edge is found, learns its peer, and asks for it.

import { type Packet, packet } from "./packet-builder.ts";
import { macText } from "./packet-bytes.ts";
import { fromCircuit, mixEnds, toCircuit, verdictOn } from "./packet-circuits.ts";
import type { EdgeUnderTest } from "./packet-edge.ts";
import {
  answered,
  delivered,
  dropped,
  type Ending,
  type Fixture,
  passed,
  refused,
  tunneled,
} from "./packet-fixture.ts";
import { fromEndpoint, MIX, toEndpoint } from "./packet-frames.ts";
import type { Ipv6Fields } from "./packet-layers-ip.ts";
import type { NeighbourFields } from "./packet-layers-transport.ts";
import { LEARNED6, PORT_SPECS } from "./packet-world.ts";
import { SIX_CIRCUIT } from "./packet-world-mix.ts";

const OWN = "2001:db8:6::1";
const PEER = "2001:db8:6::2";
const ASKER_MAC = "02:c6:00:00:77:01";
const lan = { role: "access", port: "d0" } as const;
const SIX_OWN = "2001:db8:66::a:b0c2:d0e0";
const GROUP_MAC = "33:33:ff:00:00:01";
const GROUP = "ff02::1:ff00:1";

type Solicited = Partial<NeighbourFields & Pick<Ipv6Fields, "source" | "destination" | "ttl">> & {
  readonly to?: string;
};

/** A solicitation of the peer for the circuit's address, unless the fields say otherwise. */
function solicits({ source = PEER, destination = GROUP, ttl = 255, ...fields }: Solicited = {}): Packet {
  return packet()
    .ipv6({ source, destination, ttl })
    .neighbour({ kind: "solicitation", target: OWN, mac: ASKER_MAC, ...fields });
}

/** RFC 4861 section 7.2.4: a router's answer to a solicitation, which says that it overrides. */
function advertises(to: string, flags = 0xe0, own = OWN, mac: string = PORT_SPECS.d0.mac): Packet {
  return packet()
    .ipv6({ source: own, destination: to, ttl: 255, tos: 0xc0 })
    .neighbour({ kind: "advertisement", target: own, flags, mac });
}

/** The MAC that a circuit has learned by neighbour discovery. */
function learned(mac: string | undefined, circuit = "mix/lan") {
  return (edge: EdgeUnderTest): string | undefined => {
    const word = edge.plane.array("circuit_peers6").load(edge.index("circuit", circuit));
    const have = word.some((byte) => byte !== 0) ? macText(word) : undefined;
    return have === mac ? undefined : `${circuit} has learned ${have ?? "nothing"}, expected ${mac ?? "nothing"}`;
  };
}
const unchanged = learned(LEARNED6["mix/lan"]);
const nowAsker = learned(ASKER_MAC);

function asks(
  name: string,
  fields: Solicited,
  end: Ending,
  after: Fixture["after"] = unchanged,
  destination = GROUP_MAC,
): Fixture {
  const input = fromCircuit("mix/lan", solicits(fields), { ethernet: { destination, source: ASKER_MAC } });
  return { ...lan, name, input, end, ...(after === undefined ? {} : { after }) };
}
const answer = (to = PEER) => answered(toCircuit("mix/lan", advertises(to), ASKER_MAC), "redirect");

const option = (type: number, length: number) =>
  Uint8Array.of(type, length, ...new Uint8Array(8 * Math.max(1, length) - 2));

const solicitations: readonly Fixture[] = [
  asks("the peer asks for the circuit's address", {}, answer(), nowAsker),
  asks("the peer asks by unicast", { destination: OWN }, answer(), nowAsker, PORT_SPECS.d0.mac),
  asks("another host asks: it is answered, and not learned", { source: "2001:db8:6::77" }, answer("2001:db8:6::77")),
  asks("a host of a link-local address asks", { source: "fe80::77" }, answer("fe80::77")),
  {
    ...asks("an asker without an address: a duplicate is looked for", {}, passed),
    input: fromCircuit(
      "mix/lan",
      packet().ipv6({ source: "::", destination: GROUP, ttl: 255 }).neighbour({ kind: "solicitation", target: OWN }),
      { ethernet: { destination: GROUP_MAC, source: ASKER_MAC } },
    ),
    end: answered(toCircuit("mix/lan", advertises("ff02::1", 0xa0), "33:33:00:00:00:01"), "redirect"),
  },
  {
    ...asks("the peer asks without saying its MAC", {}, answer()),
    input: fromCircuit(
      "mix/lan",
      packet().ipv6({ source: PEER, destination: GROUP, ttl: 255 }).neighbour({ kind: "solicitation", target: OWN }),
      { ethernet: { destination: GROUP_MAC, source: ASKER_MAC } },
    ),
  },
  {
    ...asks("padding behind a solicitation does not go back", {}, answer(), nowAsker),
    input: fromCircuit("mix/lan", solicits(), { ethernet: { destination: GROUP_MAC, source: ASKER_MAC } }).padding(11),
  },
  asks("an unknown option in front of the MAC", { options: option(14, 1) }, answer(), nowAsker),
  asks(
    "two unknown options in front of the MAC",
    { options: Uint8Array.of(...option(14, 1), ...option(200, 2)) },
    answer(),
    nowAsker,
  ),
  asks("a target option in a solicitation says nothing", { options: option(2, 1) }, answer(), nowAsker),
  asks("somebody else is asked for", { target: "2001:db8:6::99" }, passed, nowAsker),
  asks("somebody else is asked for by somebody else", { target: "2001:db8:6::99", source: "2001:db8:6::77" }, passed),
  asks("an address that differs in its first byte", { target: "2101:db8:6::1" }, passed, nowAsker),
  asks("a group MAC is never learned", { mac: "33:33:00:00:00:01" }, dropped("malformed")),
  asks("no MAC at all is never learned", { mac: "00:00:00:00:00:00" }, dropped("malformed")),
];

/** What does not count is neither answered nor learned. */
const uncounted: readonly Fixture[] = [
  asks("an asker without an address that says its MAC", { source: "::" }, passed),
  asks("a hop limit of 254", { ttl: 254 }, passed),
  asks("a hop limit of 1", { ttl: 1 }, passed),
  asks("a wrong checksum", { checksum: 0x4242 }, passed),
  asks("a checksum of 0", { checksum: 0 }, passed),
  asks("code 1", { code: 1 }, passed),
  asks("an option of length 0", { options: option(14, 0) }, passed),
  asks("an option that ends behind the message", { options: Uint8Array.of(14, 9, 0, 0, 0, 0, 0, 0) }, passed),
  {
    ...asks("a message that is cut", {}, passed),
    input: fromCircuit(
      "mix/lan",
      packet().ipv6({ source: PEER, destination: GROUP, ttl: 255, length: 16 }).icmp6({ type: 135 }).payload(8),
      { ethernet: { destination: GROUP_MAC, source: ASKER_MAC } },
    ),
  },
  {
    ...asks("a message behind an extension header", {}, passed),
    input: fromCircuit(
      "mix/lan",
      packet()
        .ipv6({ source: PEER, destination: GROUP, ttl: 255 })
        .extension({ kind: 60 })
        .neighbour({ kind: "solicitation", target: OWN, mac: ASKER_MAC }),
      { ethernet: { destination: GROUP_MAC, source: ASKER_MAC } },
    ),
  },
  {
    ...asks("a router solicitation", {}, passed),
    input: fromCircuit(
      "mix/lan",
      packet().ipv6({ source: "fe80::2", destination: "ff02::2", ttl: 255 }).icmp6({ type: 133 }),
      {
        ethernet: { destination: "33:33:00:00:00:02" },
      },
    ),
  },
];

function announces(name: string, fields: Solicited, after: Fixture["after"], end: Ending = passed): Fixture {
  const { source = PEER, destination = "ff02::1", ttl = 255, ...rest } = fields;
  const message = packet()
    .ipv6({ source, destination, ttl })
    .neighbour({ kind: "advertisement", target: PEER, flags: 0x60, mac: ASKER_MAC, ...rest });
  const input = fromCircuit("mix/lan", message, { ethernet: { destination: "33:33:00:00:00:01", source: ASKER_MAC } });
  return { ...lan, name: `advertisement: ${name}`, input, end, ...(after === undefined ? {} : { after }) };
}

const advertisements: readonly Fixture[] = [
  announces("of the peer, which is learned", {}, nowAsker),
  announces("of the peer by unicast", { destination: OWN }, nowAsker),
  announces("of the peer from another of its addresses", { source: "fe80::2" }, nowAsker),
  announces("of another host", { target: "2001:db8:6::77" }, unchanged),
  announces("of another host with the peer as its source", { target: "2001:db8:6::77", source: PEER }, unchanged),
  announces("of the circuit's own address", { target: OWN }, unchanged),
  announces("with a wrong checksum", { checksum: 0x1111 }, unchanged),
  announces("from further away", { ttl: 64 }, unchanged),
  announces("with a group MAC", { mac: "03:00:00:00:00:01" }, unchanged, dropped("malformed")),
  {
    ...announces("without a MAC", {}, unchanged),
    input: fromCircuit(
      "mix/lan",
      packet().ipv6({ source: PEER, destination: OWN, ttl: 255 }).neighbour({ kind: "advertisement", target: PEER }),
      { ethernet: { source: ASKER_MAC } },
    ),
  },
  {
    ...announces("whose MAC is in a source option", {}, unchanged),
    input: fromCircuit(
      "mix/lan",
      packet()
        .ipv6({ source: PEER, destination: OWN, ttl: 255 })
        .neighbour({ kind: "advertisement", target: PEER, options: Uint8Array.of(1, 1, 2, 0xc6, 0, 0, 0x77, 1) }),
      { ethernet: { source: ASKER_MAC } },
    ),
  },
];

/** Other circuits: tags in and out, a configured MAC, one that was not known, and none with IPv6. */
const elsewhere: readonly Fixture[] = [
  ...(
    [
      ["mix/tag", "10.8", "2001:db8:8::", undefined],
      ["mix/qinq", "10.10", "2001:db8:10::", ASKER_MAC],
      ["mix/qq", "10.11", "2001:db8:11::", undefined],
      ["mix/ad", "10.45", "2001:db8:45::", undefined],
    ] as const
  ).map(([key, , network, mac]): Fixture => {
    const port = key === "mix/qq" ? "a1" : key === "mix/ad" ? "d0" : "a0";
    const message = solicits({ source: `${network}2`, target: `${network}1` });
    return {
      role: "access",
      port,
      name: `on ${key}`,
      input: fromCircuit(key, message, { ethernet: { destination: GROUP_MAC, source: ASKER_MAC } }),
      end: answered(
        toCircuit(key, advertises(`${network}2`, 0xe0, `${network}1`, PORT_SPECS[port].mac), ASKER_MAC),
        verdictOn(key),
      ),
      after: learned(mac, key),
    };
  }),
  {
    ...lan,
    name: "a peer is learned for the first time",
    input: fromCircuit("mix/six", solicits({ source: SIX_CIRCUIT.peer6, target: SIX_OWN }), {
      ethernet: { destination: "33:33:ff:c2:d0:e0", source: ASKER_MAC },
    }),
    end: answered(toCircuit("mix/six", advertises(SIX_CIRCUIT.peer6, 0xe0, SIX_OWN), ASKER_MAC), "redirect"),
    after: learned(ASKER_MAC, "mix/six"),
  },
  {
    role: "access",
    port: "a0",
    name: "on a circuit without IPv6",
    input: packet()
      .ethernet({ destination: GROUP_MAC, source: ASKER_MAC })
      .packet(solicits({ source: "2001:db8:1::2", target: "2001:db8:1::1" })),
    end: passed,
  },
  {
    ...lan,
    name: "on a circuit that has IPv4 only",
    input: fromCircuit("mix/four", solicits(), { ethernet: { destination: GROUP_MAC, source: ASKER_MAC } }),
    end: passed,
  },
  {
    role: "underlay",
    port: "u0",
    name: "out of a tunnel it is a packet to a link-local group",
    input: fromEndpoint("g6", MIX, solicits({ source: mixEnds("g6", 6).vm })),
    end: dropped("martian_address"),
  },
].map((fixture) => fixture as Fixture);

/** The packet is replaced by a question for the circuit's peer, at its solicited-node group. */
const question = toCircuit(
  "mix/six",
  packet()
    .ipv6({ source: SIX_OWN, destination: "ff02::1:ffc2:d0e1", ttl: 255, tos: 0xc0 })
    .neighbour({ kind: "solicitation", target: SIX_CIRCUIT.peer6, mac: PORT_SPECS.d0.mac }),
  "33:33:ff:c2:d0:e1",
);
const asked = refused("peer_unresolved", question, { as: "solicitations" });
const toSix = (source: string, ttl = 64, bytes = 40) =>
  packet().ipv6({ source, destination: SIX_CIRCUIT.peer6, ttl }).udp({ source: 1, destination: 2 }).payload(bytes);

const unresolved: readonly Fixture[] = [
  { ...lan, name: "from another circuit", input: fromCircuit("mix/lan", toSix(PEER)), end: asked },
  { ...lan, name: "a long packet", input: fromCircuit("mix/lan", toSix(PEER, 64, 1400)), end: asked },
  {
    ...lan,
    name: "a header and nothing else",
    input: fromCircuit("mix/lan", packet().ipv6({ source: PEER, destination: SIX_CIRCUIT.peer6 })),
    end: asked,
  },
  {
    ...lan,
    name: "a padded packet",
    input: fromCircuit("mix/lan", packet().ipv6({ source: PEER, destination: SIX_CIRCUIT.peer6 })).padding(30),
    end: asked,
  },
  ...(["s1", "g4", "n6"] as const).map(
    (server): Fixture => ({
      role: "underlay",
      port: "u0",
      name: `out of a tunnel of ${server}`,
      input: fromEndpoint(server, MIX, toSix(mixEnds(server, 6).vm)),
      end: asked,
      rx: `${server}/mix`,
    }),
  ),
  {
    role: "underlay",
    port: "u0",
    name: "out of a tunnel, a header and nothing else",
    input: fromEndpoint("n4", MIX, packet().ipv6({ source: mixEnds("n4", 6).vm, destination: SIX_CIRCUIT.peer6 })),
    end: asked,
    rx: "n4/mix",
  },
  {
    role: "underlay",
    port: "u0",
    name: "a peer that was learned is not asked for",
    input: fromEndpoint("n4", MIX, packet().ipv6({ source: mixEnds("n4", 6).vm, destination: PEER })),
    end: delivered(toCircuit("mix/lan", packet().ipv6({ source: mixEnds("n4", 6).vm, destination: PEER, ttl: 63 }))),
    rx: "n4/mix",
  },
];

/** Messages to the router's own MAC that are no neighbour discovery are packets as others are. */
const routed: Fixture = {
  ...lan,
  name: "a solicitation behind a hop, to a VM",
  input: fromCircuit("mix/lan", solicits({ destination: mixEnds("g4", 6).vm, ttl: 64 })),
  end: tunneled(
    "g4/mix",
    toEndpoint("g4", MIX, mixEnds("g4", 6).mac, solicits({ destination: mixEnds("g4", 6).vm, ttl: 63 })),
  ),
};

const named = (prefix: string, fixtures: readonly Fixture[]) =>
  fixtures.map((fixture) => ({ ...fixture, name: `${prefix}: ${fixture.name}` }));

export const neighbourFixtures: readonly Fixture[] = [
  ...named("neighbour", solicitations),
  ...named("neighbour that does not count", uncounted),
  ...advertisements,
  ...named("neighbour", elsewhere),
  ...named("an unknown peer is asked for", unresolved),
  routed,
];
