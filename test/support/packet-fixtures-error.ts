// What the edge tells the senders of packets that it drops.

import type { Packet } from "./packet-builder.ts";
import { ANY, packet } from "./packet-builder.ts";
import { dropped, type Ending, type Fixture, refused } from "./packet-fixture.ts";
import {
  ACME,
  flow,
  fromCustomer,
  fromEndpoint,
  OTHER_CUSTOMER_MAC,
  reply,
  toCustomer,
  toEndpoint,
  VM_MAC,
} from "./packet-frames.ts";
import type { Ipv4Fields } from "./packet-layers-ip.ts";

const access = { role: "access", port: "a0" } as const;

/** RFC 1812 section 4.3.2.3: as much of the packet as fits into 576 bytes, and as its sender sent it. */
function icmpError(from: string, to: string, original: Packet, type: number, code: number, mtu = 0): Packet {
  return packet()
    .ipv4({ source: from, destination: to, ttl: 64, tos: 0xc0, id: ANY })
    .icmp({ type, code, words: [0, mtu] })
    .payload(original.bytes().subarray(0, 548));
}
const expired = (original: Packet, to = "10.1.0.2") => icmpError("10.1.0.1", to, original, 11, 0);

/** A customer is told that its packet expired. */
function told(name: string, original: Packet, padding = 0): Fixture {
  return {
    ...access,
    name,
    input: fromCustomer(original).padding(padding),
    end: refused("ttl_expired", toCustomer(expired(original))),
  };
}
function untold(name: string, original: Packet, ethernet = {}): Fixture {
  return { ...access, name, input: fromCustomer(original, "a0", ethernet), end: dropped("ttl_expired") };
}

const dying = (fields: Partial<Ipv4Fields> = {}, bytes?: number) => flow({ ttl: 1, ...fields }, bytes);
const icmpToVm = (type: number, ip: Partial<Ipv4Fields> = {}) =>
  packet()
    .ipv4({ source: "10.1.0.2", destination: "172.16.0.5", ttl: 1, ...ip })
    .icmp({ type, words: [1, 2] })
    .payload(40);

const timeExceeded: readonly Fixture[] = [
  told("a TTL of 1", dying()),
  told("a TTL of 0", dying({ ttl: 0 })),
  ...[0, 1, 2, 3, 4, 5].map((bytes) => told(`${bytes} bytes of payload`, dying({}, bytes))),
  told("the longest packet that is quoted whole", dying({}, 520)),
  told("a packet that is quoted but for its last byte", dying({}, 521)),
  told("a long packet", dying({}, 1400)),
  told("a packet with options", dying({ options: new Uint8Array(40).fill(1) })),
  told("a packet with DSCP and ECN", dying({ tos: 0xff })),
  told("a packet that would not fit either", dying({ dontFragment: true }, 1450)),
  told("a packet that expires on its way to another circuit", dying({ destination: "10.3.0.2" })),
  told("padding is not quoted", dying({}, 3), 15),
  told("a first fragment", dying({ moreFragments: true })),
  told("a header and nothing else", packet().ipv4({ source: "10.1.0.2", destination: "172.16.0.5", ttl: 1 })),
  told("an echo request: so that traceroute works", icmpToVm(8)),
  told("an echo reply", icmpToVm(0)),
  told("a timestamp request", icmpToVm(13)),
  told("a timestamp reply", icmpToVm(14)),
  ...[3, 4, 5, 11, 12, 1, 255].map((type) => untold(`no answer to ICMP type ${type}`, icmpToVm(type))),
  untold("no answer to ICMP type 3 behind options", icmpToVm(3, { options: new Uint8Array(8).fill(1) })),
  untold("no answer to a later fragment", dying({ fragmentOffset: 1 })),
  untold("no answer to a group MAC", dying(), { source: "01:00:00:00:00:01" }),
  {
    ...access,
    name: "no answer to ICMP whose type is in the padding",
    input: fromCustomer(packet().ipv4({ source: "10.1.0.2", destination: "172.16.0.5", ttl: 1, protocol: 1 })).padding(
      new Uint8Array(26).fill(8),
    ),
    end: dropped("ttl_expired"),
  },
  untold(
    "no answer to ICMP without a type",
    packet().ipv4({ source: "10.1.0.2", destination: "172.16.0.5", ttl: 1, protocol: 1 }),
  ),
  {
    ...access,
    port: "a1",
    name: "another tenant is answered from its own address",
    input: fromCustomer(dying(), "a1", { source: OTHER_CUSTOMER_MAC }),
    end: refused("ttl_expired", toCustomer(expired(dying()), "a1", OTHER_CUSTOMER_MAC), { verdict: "tx" }),
  },
  {
    ...access,
    name: "an address beyond the peer is answered the way it came",
    input: fromCustomer(dying({ source: "10.77.0.1" })),
    end: refused("ttl_expired", toCustomer(expired(dying({ source: "10.77.0.1" }), "10.77.0.1"))),
  },
  { ...fromTunnelToHq("from a tunnel", { ttl: 1 }, refusedInTunnel("ttl_expired", { ttl: 1 })) },
  {
    ...fromTunnelToHq(
      "from a tunnel that marked it: it is quoted as it was sent",
      { ttl: 1, tos: 2 },
      refusedInTunnel("ttl_expired", { ttl: 1, tos: 2 }),
    ),
    input: fromEndpoint("s1", ACME, reply({ ttl: 1, tos: 2 }), { ipv4: { tos: 3 } }),
  },
  {
    ...access,
    name: "no room to answer in",
    headroom: "cramped",
    input: fromCustomer(dying({}, 56)),
    end: dropped("ttl_expired"),
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel whose endpoint is not resolved for sending",
    input: fromEndpoint("s4", ACME, reply({ source: "172.16.0.8", ttl: 1 })),
    end: dropped("ttl_expired"),
    rx: "s4/acme",
  },
].map((fixture) => ({ ...fixture, name: `time exceeded: ${fixture.name}` }) as Fixture);

function fromTunnelToHq(name: string, fields: Partial<Ipv4Fields>, end: Ending): Fixture {
  return { role: "underlay", port: "u0", name, input: fromEndpoint("s1", ACME, reply(fields)), end, rx: "s1/acme" };
}

function refusedInTunnel(reason: string, fields: Partial<Ipv4Fields>): Ending {
  const frame = toEndpoint("s1", ACME, VM_MAC, expired(reply(fields), "172.16.0.5"), { ipv4: { tos: 0xc0 } });
  return refused(reason, frame, { tx: "s1/acme" });
}

/** Too long for the way to `destination`, where `mtu` would have fitted. */
function tooBig(name: string, destination: string, mtu: number): Fixture {
  const original = flow({ destination, dontFragment: true }, mtu + 1 - 28);
  return {
    ...access,
    name,
    input: fromCustomer(original),
    end: refused("too_big", toCustomer(icmpError("10.1.0.1", "10.1.0.2", original, 3, 4, mtu))),
  };
}

const branchBound = reply({ destination: "10.3.0.2", dontFragment: true }, 1173);
const fragmentationNeeded: readonly Fixture[] = [
  tooBig("the tunnel's MTU is what the interface leaves", "172.16.0.5", 1450),
  tooBig("the tunnel's MTU is what the profile leaves", "172.16.0.7", 1350),
  tooBig("a small profile", "172.16.0.9", 1290),
  tooBig("a jumbo interface", "100.64.0.70", 8950),
  tooBig("another circuit", "10.3.0.2", 1200),
  {
    role: "underlay",
    port: "u0",
    name: "a circuit, from a tunnel",
    input: fromEndpoint("s1", ACME, branchBound),
    end: refused(
      "too_big",
      toEndpoint("s1", ACME, VM_MAC, icmpError("10.3.0.1", "172.16.0.5", branchBound, 3, 4, 1200), {
        ipv4: { tos: 0xc0 },
      }),
      { tx: "s1/acme" },
    ),
    rx: "s1/acme",
  },
  {
    role: "underlay",
    port: "u0",
    name: "a circuit, from a tunnel, where it may be fragmented",
    input: fromEndpoint("s1", ACME, reply({ destination: "10.3.0.2" }, 1173)),
    end: dropped("needs_fragmentation"),
    rx: "s1/acme",
  },
].map((fixture) => ({ ...fixture, name: `fragmentation needed: ${fixture.name}` }) as Fixture);

export const errorFixtures: readonly Fixture[] = [...timeExceeded, ...fragmentationNeeded];
