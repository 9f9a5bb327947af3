// Circuits by their tags: untagged, 802.1Q, 802.1ad, two tags of either kind, and the same addresses behind several of them.

import { ANY, type Packet, packet } from "./packet-builder.ts";
import {
  circuitNamed,
  FAMILIES,
  type Family,
  fromCircuit,
  ip,
  mixEnds,
  portOf,
  toCircuit,
  verdictOn,
} from "./packet-circuits.ts";
import { answered, delivered, dropped, type Fixture, passed, refused, tunneled } from "./packet-fixture.ts";
import { CUSTOMER_MAC, flow, fromEndpoint, MIX, toEndpoint } from "./packet-frames.ts";
import type { VlanFields } from "./packet-layers.ts";
import { PORT_SPECS } from "./packet-world.ts";

const CIRCUITS = ["mix/lan", "mix/jumbo", "mix/tag", "mix/qinq", "mix/qq", "mix/ad"] as const;

/** Peer and own address of a circuit. */
function ends(key: string, family: Family): { readonly peer: string; readonly own: string } {
  const { address, peer, address6, peer6 } = circuitNamed(key);
  const [own, other] = family === 6 ? [address6, peer6] : [address, peer];
  if (own === undefined || other === undefined) throw new Error(`find the addresses of ${key}: it has no IPv${family}`);
  return { peer: other, own: own.split("/")[0] as string };
}

const udp = (header: Packet) => header.udp({ source: 4000, destination: 53 }).payload(31);
const access = (key: string) => ({ role: "access", port: portOf(key) }) as const;
const both = CIRCUITS.flatMap((key) => FAMILIES.map((family) => [key, family] as const));

const into = both.map(([key, family]): Fixture => {
  const { vm, mac } = mixEnds("g6", family);
  const make = (ttl: number) => udp(ip(family, { source: ends(key, family).peer, destination: vm, ttl }));
  return {
    ...access(key),
    name: `IPv${family} from ${key} into a tunnel`,
    input: fromCircuit(key, make(64), { vlan: { priority: 5 } }),
    end: tunneled("g6/mix", toEndpoint("g6", MIX, mac, make(63))),
  };
});

const outOf = both.map(([key, family]): Fixture => {
  const make = (ttl: number) =>
    udp(ip(family, { source: mixEnds("g6", family).vm, destination: ends(key, family).peer, ttl }));
  return {
    role: "underlay",
    port: "u0",
    name: `IPv${family} out of a tunnel onto ${key}`,
    input: fromEndpoint("g6", MIX, make(64)),
    end: delivered(toCircuit(key, make(63)), "redirect"),
    rx: "g6/mix",
  };
});

/** From one circuit to another, whatever tags either has. */
const across = CIRCUITS.flatMap((from) =>
  CIRCUITS.flatMap((to) =>
    FAMILIES.flatMap((family): Fixture[] => {
      if (from === to) return [];
      const make = (ttl: number) =>
        udp(ip(family, { source: ends(from, family).peer, destination: ends(to, family).peer, ttl }));
      return [
        {
          ...access(from),
          name: `IPv${family} from ${from} to ${to}`,
          input: fromCircuit(from, make(2)),
          end: delivered(toCircuit(to, make(1)), portOf(from) === portOf(to) ? verdictOn(to) : "redirect"),
        },
      ];
    }),
  ),
);

/** Echo, and an error, on each circuit: both are the edge's own frames with its tags. */
const own = both.flatMap(([key, family]): Fixture[] => {
  const { peer, own } = ends(key, family);
  const words = [7, 8] as const;
  const request = ip(family, { source: peer, destination: own, ttl: 9, dontFragment: true });
  const echo = family === 6 ? request.icmp6({ type: 128, words }) : request.icmp({ type: 8, words });
  const turned = { source: own, destination: peer };
  const reply =
    family === 6
      ? packet().ipv6(turned).icmp6({ type: 129, words })
      : packet()
          .ipv4({ ...turned, dontFragment: true })
          .icmp({ type: 0, words });
  const dying = udp(ip(family, { source: peer, destination: mixEnds("g4", family).vm, ttl: 1 }));
  return [
    {
      ...access(key),
      name: `IPv${family} echo on ${key}`,
      input: fromCircuit(key, echo.payload(33), { vlan: { priority: 3 } }),
      // Turned round in place: its tags come back as they are.
      end: answered(
        fromCircuit(key, reply.payload(33), {
          ethernet: { destination: CUSTOMER_MAC, source: PORT_SPECS[portOf(key)].mac },
          vlan: { priority: 3 },
        }),
        verdictOn(key),
      ),
    },
    {
      ...access(key),
      name: `IPv${family} time exceeded on ${key}`,
      input: fromCircuit(key, dying, { vlan: { priority: 6 } }),
      end: refused("ttl_expired", toCircuit(key, expired(family, own, peer, dying), CUSTOMER_MAC), {
        verdict: verdictOn(key),
      }),
    },
  ];
});

/** RFC 792 and 4443: time exceeded, with the packet as it was sent. */
function expired(family: Family, from: string, to: string, original: Packet): Packet {
  const ends = { source: from, destination: to, tos: 0xc0 };
  if (family === 6) return packet().ipv6(ends).icmp6({ type: 3 }).packet(quoted(original, 1232));
  return packet()
    .ipv4({ ...ends, id: ANY })
    .icmp({ type: 11 })
    .packet(quoted(original, 548));
}

function quoted(original: Packet, most: number): Packet {
  return packet().payload(original.bytes().subarray(0, most));
}

const ours = { destination: PORT_SPECS.a0.mac, source: CUSTOMER_MAC };
const toVm = ip(4, { source: "10.8.0.2", destination: "172.31.0.1" }).udp({ source: 1, destination: 2 });

/** A packet of mix/tag's or mix/qinq's customer behind other tags: of the stack. */
function tagged(name: string, tags: readonly VlanFields[], inner = toVm, type?: number): Fixture {
  let frame = packet().ethernet({ ...ours, ...(type === undefined ? {} : { type }) });
  for (const tag of tags) frame = frame.vlan(tag);
  return { role: "access", port: "a0", name: `passes to the stack: ${name}`, input: frame.packet(inner), end: passed };
}
const ad = 0x88a8;
const foreign: readonly Fixture[] = [
  tagged("a VLAN of nobody", [{ id: 199 }]),
  tagged("a VLAN that differs in its highest bit", [{ id: 200 | 0x800 }]),
  tagged("a circuit's VLAN in an 802.1ad tag", [{ id: 200, tag: ad }]),
  tagged("a circuit's VLAN with another one inside", [{ id: 200 }, { id: 7 }]),
  tagged("a circuit's VLAN with a priority tag inside", [{ id: 200 }, { id: 0, priority: 7 }]),
  tagged("a circuit's VLAN behind a priority tag", [{ id: 0 }, { id: 200 }]),
  tagged("an 802.1ad tag without a VLAN", [{ id: 0, tag: ad }]),
  tagged("only the outer tag of a circuit with two", [{ id: 300, tag: ad }]),
  tagged("only the inner tag of a circuit with two", [{ id: 7 }]),
  tagged("a circuit's tags the other way round", [{ id: 7, tag: ad }, { id: 300 }]),
  tagged("802.1Q where the circuit's outer tag is 802.1ad", [{ id: 300 }, { id: 7 }]),
  tagged("an inner tag of 802.1ad", [
    { id: 300, tag: ad },
    { id: 7, tag: ad },
  ]),
  tagged("three tags", [{ id: 300, tag: ad }, { id: 7 }, { id: 1 }]),
  tagged("four tags", [{ id: 200 }, { id: 200 }, { id: 200 }, { id: 200 }]),
  tagged("a tag with something else behind it", [{ id: 200, type: 0x88cc }]),
  tagged("a tag and nothing else", [{ id: 200, type: 0x88cc }], packet()),
  tagged("a tag of an older kind", [{ id: 200 }], toVm, 0x9100),
  {
    ...tagged("another router's MAC behind a tag", []),
    input: fromCircuit("mix/tag", toVm, { ethernet: { destination: "02:00:00:0a:00:99" } }),
  },
  {
    ...tagged("IPv6 on a circuit without it", []),
    port: "d0",
    input: fromCircuit("mix/four", ip(6, { source: "2001:db8:6::2", destination: "2001:db8:31::1" })),
  },
  {
    ...tagged("IPv4 on a circuit without it", []),
    port: "d0",
    input: fromCircuit("mix/six", ip(4, { source: "10.6.0.2", destination: "172.31.0.1" })),
  },
  {
    ...tagged("ARP on a circuit without IPv4", []),
    port: "d0",
    input: fromCircuit(
      "mix/six",
      packet().arp({ operation: 1, senderMac: CUSTOMER_MAC, sender: "10.6.0.2", target: "10.6.0.1" }),
    ),
  },
  { ...tagged("tags on an underlay port", []), role: "underlay", port: "u0", input: fromCircuit("mix/tag", toVm) },
];

/** The same addresses in three tenants, of which two share the NIC with the third one's own. */
const same = (
  [
    ["mix/tag", "s1", "s1", "mix", MIX, "02:31:00:00:00:01"],
    ["red/tag", "g4", "n6", "red", 201, "02:31:00:00:02:01"],
    ["blue/tag", "n4", "g6", "blue", 202, "02:31:00:00:02:02"],
  ] as const
).flatMap(([key, server4, server6, tenant, vni, mac]) =>
  FAMILIES.map((family): Fixture => {
    const server = family === 6 ? server6 : server4;
    const make = (ttl: number) =>
      udp(
        ip(family, {
          source: ends(key, family).peer,
          destination: family === 6 ? "2001:db8:31::1" : "172.31.0.1",
          ttl,
        }),
      );
    return {
      role: "access",
      port: "a0",
      name: `IPv${family}: the address that several tenants have, from ${key}`,
      input: fromCircuit(key, make(64)),
      end: tunneled(`${server}/${tenant}`, toEndpoint(server, vni, mac, make(63))),
    };
  }),
);

const backs = (
  [
    ["red/tag", "red", 201, "g4"],
    ["blue/tag", "blue", 202, "n4"],
  ] as const
).map(([key, tenant, vni, server]): Fixture => {
  const make = (ttl: number) => udp(ip(4, { source: "172.31.0.1", destination: "10.8.0.2", ttl }));
  return {
    role: "underlay",
    port: "u0",
    name: `the address that several tenants have, to ${key}`,
    input: fromEndpoint(server, vni, make(64)),
    end: delivered(toCircuit(key, make(63))),
    rx: `${server}/${tenant}`,
  };
});

const priority: Fixture = {
  role: "access",
  port: "a0",
  name: "a priority tag is no tag",
  input: packet().ethernet(ours).vlan({ id: 0, priority: 5 }).packet(flow()),
  end: tunneled("s1/acme", toEndpoint("s1", 100, "02:00:00:00:00:05", flow({ ttl: 63 }))),
};

const arp = (["mix/tag", "mix/qinq", "mix/ad", "mix/qq"] as const).map((key): Fixture => {
  const { peer, own } = ends(key, 4);
  const { mac } = PORT_SPECS[portOf(key)];
  const request = packet().arp({ operation: 1, senderMac: CUSTOMER_MAC, sender: peer, target: own });
  const reply = packet().arp({ operation: 2, senderMac: mac, sender: own, targetMac: CUSTOMER_MAC, target: peer });
  return {
    ...access(key),
    name: `ARP on ${key}`,
    input: fromCircuit(key, request, { ethernet: { destination: "ff:ff:ff:ff:ff:ff" } }),
    end: answered(toCircuit(key, reply, CUSTOMER_MAC), verdictOn(key)),
  };
});

/** A veth drops what exceeds its MTU and an Ethernet header, so tags go off what fits. */
const sizes = (
  [
    ["mix/tag", 1496],
    ["mix/qinq", 1492],
    ["mix/lan", 1500],
  ] as const
).flatMap(([key, mtu]): Fixture[] => {
  const make = (bytes: number, ttl: number) =>
    ip(4, { source: "10.11.0.2", destination: ends(key, 4).peer, ttl })
      .udp({ source: 1, destination: 2 })
      .payload(bytes - 28);
  const name = `the most that fits onto ${key}`;
  return [
    {
      ...access("mix/qq"),
      name,
      input: fromCircuit("mix/qq", make(mtu, 64)),
      end: delivered(toCircuit(key, make(mtu, 63))),
    },
    {
      ...access("mix/qq"),
      name: `${name}, and a byte`,
      input: fromCircuit("mix/qq", make(mtu + 1, 64)),
      end: dropped("needs_fragmentation"),
    },
  ];
});

export const circuitFixtures: readonly Fixture[] = [
  ...[...into, ...outOf, ...across, ...own, ...foreign, ...same, ...backs],
  ...[priority, ...arp, ...sizes],
];
