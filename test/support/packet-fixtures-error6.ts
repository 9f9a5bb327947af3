// What the edge tells the senders of IPv6 packets that it drops (RFC 4443), byte by byte.

import { type Packet, packet } from "./packet-builder.ts";
import { fromCircuit, fromVm, mixEnds, toCircuit, toVm } from "./packet-circuits.ts";
import { dropped, type Fixture, refused } from "./packet-fixture.ts";
import { CUSTOMER_MAC, fromEndpoint, MIX, overheadOf, toEndpoint, VM_MAC } from "./packet-frames.ts";
import type { IcmpFields } from "./packet-layers-transport.ts";

const access = { role: "access", port: "d0" } as const;
const underlay = { role: "underlay", port: "u0" } as const;
const ROUTER = "2001:db8:6::1";
const { customer, vm } = mixEnds("g4", 6);

/** RFC 4443 section 2.4: as much of the packet as fits into 1280 bytes, and as its sender sent it. */
function told(original: Packet, fields: IcmpFields, to = customer, from = ROUTER): Packet {
  return packet()
    .ipv6({ source: from, destination: to, tos: 0xc0 })
    .icmp6(fields)
    .payload(original.bytes().subarray(0, 1232));
}
const expired = (original: Packet, to?: string, from?: string) => told(original, { type: 3 }, to, from);
const tooBig = (original: Packet, mtu: number, to?: string, from?: string) =>
  told(original, { type: 2, words: [0, mtu] }, to, from);

const start = (fields = {}) => packet().ipv6({ source: customer, destination: vm, ttl: 1, ...fields });
const dying = (bytes = 40, fields = {}) => start(fields).udp({ source: 4000, destination: 53 }).payload(bytes);
const icmp = (type: number, before = start()) => before.icmp6({ type, words: [1, 2] }).payload(40);

function answers(name: string, original: Packet, padding = 0, to = customer): Fixture {
  return {
    ...access,
    name,
    input: fromCircuit("mix/lan", original).padding(padding),
    end: refused("ttl_expired", toCircuit("mix/lan", expired(original, to), CUSTOMER_MAC)),
  };
}
function silent(name: string, original: Packet, ethernet = {}): Fixture {
  return { ...access, name, input: fromCircuit("mix/lan", original, { ethernet }), end: dropped("ttl_expired") };
}

const timeExceeded: readonly Fixture[] = [
  answers("a hop limit of 1", dying()),
  answers("a hop limit of 0", dying(40, { ttl: 0 })),
  ...[0, 1, 2, 3, 4, 5].map((bytes) => answers(`${bytes} bytes of payload`, dying(bytes))),
  answers("the longest packet that is quoted whole", dying(1232 - 48)),
  answers("a packet that is quoted but for its last byte", dying(1232 - 47)),
  answers("a long packet", dying(1400)),
  answers("a packet with every bit of the class", dying(40, { tos: 0xff })),
  answers("a packet with a flow label", dying(40, { flowLabel: 0xfffff })),
  answers("a packet behind options", start().extension({ kind: 60 }).udp({ source: 1, destination: 2 })),
  answers("a packet that expires on its way to another circuit", dying(40, { destination: "2001:db8:8::2" })),
  answers("a packet that would not fit either", dying(1430)),
  answers("padding is not quoted", dying(3), 15),
  answers("a first fragment", start().fragment({ more: true }).udp({ source: 1, destination: 2 })),
  answers("a later fragment", start().fragment({ offset: 9 }).payload(31)),
  answers("a header and nothing else", start()),
  answers("an address beyond the peer", dying(40, { source: "2001:db8:77::1" }), 0, "2001:db8:77::1"),
  ...[128, 129, 130, 132, 133, 136, 138, 200, 255].map((type) => answers(`ICMPv6 type ${type}`, icmp(type))),
  ...[0, 1, 2, 3, 4, 100, 127, 137].map((type) => silent(`no answer to ICMPv6 type ${type}`, icmp(type))),
  silent("no answer to an error behind options", icmp(3, start().extension({ kind: 60 }))),
  silent(
    "no answer to an error behind several headers",
    icmp(1, start().extension({ kind: 0 }).extension({ kind: 43 }).extension({ kind: 60, bytes: 40 })),
  ),
  silent("no answer to an error in a first fragment", icmp(1, start().fragment({ more: true }))),
  silent("no answer to a group MAC", dying(), { source: "01:00:00:00:00:01" }),
  silent("no answer to ICMPv6 without a type", start({ nextHeader: 58 })),
  {
    ...silent("no answer to ICMPv6 whose type is in the padding", start({ nextHeader: 58 })),
    input: fromCircuit("mix/lan", start({ nextHeader: 58 })).padding(new Uint8Array(26).fill(128)),
  },
  ...(["s1", "g4", "n4", "x6", "g6", "n6", "k6"] as const).map((server): Fixture => {
    const original = fromVm(server, 6, { ttl: 1 });
    return {
      ...underlay,
      name: `out of a tunnel of ${server}`,
      input: fromEndpoint(server, MIX, original),
      end: refused(
        "ttl_expired",
        toEndpoint(server, MIX, VM_MAC, expired(original, mixEnds(server, 6).vm), { tos: 0xc0 }),
        { tx: `${server}/mix` },
      ),
      rx: `${server}/mix`,
    };
  }),
  {
    ...underlay,
    name: "out of a tunnel that marked it: it is quoted as it was sent",
    input: fromEndpoint("g6", MIX, fromVm("g6", 6, { ttl: 1, tos: 2 }), { tos: 3 }),
    end: refused(
      "ttl_expired",
      toEndpoint("g6", MIX, VM_MAC, expired(fromVm("g6", 6, { ttl: 1, tos: 2 }), mixEnds("g6", 6).vm), { tos: 0xc0 }),
      { tx: "g6/mix" },
    ),
    rx: "g6/mix",
  },
  {
    ...underlay,
    name: "out of a tunnel that has no way back",
    input: fromEndpoint("lost6", MIX, fromVm("lost6", 6, { ttl: 1 })),
    end: dropped("ttl_expired"),
    rx: "lost6/mix",
  },
  {
    ...underlay,
    name: "between tunnels of a tenant without an address of its own",
    input: fromEndpoint("n6", 201, packet().ipv6({ source: "2001:db8:31::1", destination: "2001:db8:31::1", ttl: 1 })),
    end: dropped("split_horizon"),
    rx: "n6/red",
  },
].map((fixture) => ({ ...fixture, name: `time exceeded: ${fixture.name}` }) as Fixture);

/** Too long by a byte for a tunnel. */
const sizes: readonly Fixture[] = [
  ...(["s1", "g4", "n4", "x6", "g6", "n6", "fg6", "fn6"] as const).map((server): Fixture => {
    const mtu = Math.min(1500, { fg6: 1400, fn6: 1345 }[server as string] ?? 1500) - overheadOf(server);
    const original = toVm(server, 6, {}, mtu + 1 - 48);
    return {
      ...access,
      name: `the way to ${server} takes ${mtu} bytes`,
      input: fromCircuit("mix/lan", original),
      end: refused("too_big", toCircuit("mix/lan", tooBig(original, mtu), CUSTOMER_MAC)),
    };
  }),
  {
    ...access,
    port: "d1",
    name: "a circuit with a tag",
    input: fromCircuit("mix/jumbo", toCircuitPeer(1497)),
    end: refused(
      "too_big",
      toCircuit("mix/jumbo", tooBig(toCircuitPeer(1497), 1496, "2001:db8:7::2", "2001:db8:7::1"), CUSTOMER_MAC),
      { verdict: "tx" },
    ),
  },
  ...(["g4", "x6"] as const).map((server): Fixture => {
    const original = fromVm(server, 6, { destination: "2001:db8:10::2" }, 1493 - 48);
    return {
      ...underlay,
      name: `a circuit with two tags, out of a tunnel of ${server}`,
      input: fromEndpoint(server, MIX, original),
      end: refused(
        "too_big",
        toEndpoint(server, MIX, VM_MAC, tooBig(original, 1492, mixEnds(server, 6).vm, "2001:db8:10::1"), { tos: 0xc0 }),
        { tx: `${server}/mix` },
      ),
      rx: `${server}/mix`,
    };
  }),
].map((fixture) => ({ ...fixture, name: `packet too big: ${fixture.name}` }) as Fixture);

/** A packet of so many bytes to the customer of mix/tag. */
function toCircuitPeer(bytes: number): Packet {
  return packet()
    .ipv6({ source: "2001:db8:7::2", destination: "2001:db8:8::2" })
    .udp({ source: 1, destination: 2 })
    .payload(bytes - 48);
}

export const error6Fixtures: readonly Fixture[] = [...timeExceeded, ...sizes];
