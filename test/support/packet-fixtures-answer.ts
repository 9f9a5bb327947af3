// The edge as the router of a circuit: ARP, echo, and what it tells the senders of packets that it drops.

import type { Packet } from "./packet-builder.ts";
import { ANY, packet, pattern } from "./packet-builder.ts";
import { macText } from "./packet-bytes.ts";
import type { EdgeUnderTest } from "./packet-edge.ts";
import { answered, delivered, dropped, type Ending, type Fixture, passed, refused } from "./packet-fixture.ts";
import {
  ACME,
  BRANCH_MAC,
  CUSTOMER_MAC,
  flow,
  fromCustomer,
  fromEndpoint,
  LAN_MAC,
  OTHER_CUSTOMER_MAC,
  reply,
  toCustomer,
  toEndpoint,
  VM_MAC,
} from "./packet-frames.ts";
import type { ArpFields, Ipv4Fields } from "./packet-layers.ts";
import type { PortName } from "./packet-world.ts";
import { PORT_SPECS } from "./packet-world.ts";

const access = { role: "access", port: "a0" } as const;
const BROADCAST = "ff:ff:ff:ff:ff:ff";

function arpRequest(fields: Partial<ArpFields> = {}, destination = BROADCAST): Packet {
  const sender = { senderMac: CUSTOMER_MAC, sender: "10.1.0.2", target: "10.1.0.1", ...fields };
  return packet()
    .ethernet({ destination, source: sender.senderMac })
    .arp({ operation: 1, ...sender });
}

function arpReply(to: string, toAddress: string, port: PortName = "a0", address = "10.1.0.1"): Packet {
  const { mac } = PORT_SPECS[port];
  return packet()
    .ethernet({ destination: to, source: mac })
    .arp({ operation: 2, senderMac: mac, sender: address, targetMac: to, target: toAddress });
}

/** The MAC that a circuit without a configured one has learned is `mac`, or none. */
function learned(circuit: string, mac: string | undefined) {
  return (edge: EdgeUnderTest): string | undefined => {
    const word = edge.plane.array("circuit_peers").load(edge.index("circuit", circuit));
    const have = word.some((byte) => byte !== 0) ? macText(word) : undefined;
    return have === mac ? undefined : `${circuit} has learned ${have ?? "nothing"}, expected ${mac ?? "nothing"}`;
  };
}

const NEW_MAC = "02:c0:00:00:77:01";
const hq = (mac: string) => learned("acme/hq", mac);
const arp: readonly Fixture[] = [
  {
    ...access,
    name: "the peer asks for the circuit's address",
    input: arpRequest(),
    end: answered(arpReply(CUSTOMER_MAC, "10.1.0.2"), "redirect"),
    after: hq(CUSTOMER_MAC),
  },
  {
    ...access,
    name: "the peer asks with a new MAC",
    input: arpRequest({ senderMac: NEW_MAC }),
    end: answered(arpReply(NEW_MAC, "10.1.0.2"), "redirect"),
    after: hq(NEW_MAC),
  },
  {
    ...access,
    name: "the peer asks by unicast",
    input: arpRequest({}, PORT_SPECS.a0.mac),
    end: answered(arpReply(CUSTOMER_MAC, "10.1.0.2"), "redirect"),
  },
  {
    ...access,
    name: "another host asks: it is answered, and not learned",
    input: arpRequest({ senderMac: NEW_MAC, sender: "10.1.0.3" }),
    end: answered(arpReply(NEW_MAC, "10.1.0.3"), "redirect"),
    after: hq(CUSTOMER_MAC),
  },
  {
    ...access,
    name: "a probe for the circuit's address",
    input: arpRequest({ senderMac: NEW_MAC, sender: "0.0.0.0" }),
    end: answered(arpReply(NEW_MAC, "0.0.0.0"), "redirect"),
    after: hq(CUSTOMER_MAC),
  },
  {
    ...access,
    name: "a padded request keeps its length",
    input: arpRequest().padTo(60),
    end: answered(arpReply(CUSTOMER_MAC, "10.1.0.2").padding(18), "redirect"),
  },
  {
    ...access,
    name: "a request for somebody else",
    input: arpRequest({ target: "10.1.0.7" }),
    end: passed,
    after: hq(CUSTOMER_MAC),
  },
  {
    ...access,
    name: "a request for somebody else teaches the peer's MAC",
    input: arpRequest({ target: "10.1.0.7", senderMac: NEW_MAC }),
    end: passed,
    after: hq(NEW_MAC),
  },
  {
    ...access,
    name: "the peer's reply is learned, and the stack's too",
    input: arpRequest({ operation: 2, senderMac: NEW_MAC, targetMac: PORT_SPECS.a0.mac }),
    end: passed,
    after: hq(NEW_MAC),
  },
  {
    ...access,
    name: "another host's reply is not learned",
    input: arpRequest({ operation: 2, senderMac: NEW_MAC, sender: "10.1.0.3" }),
    end: passed,
    after: hq(CUSTOMER_MAC),
  },
  {
    ...access,
    name: "the peer announces itself",
    input: arpRequest({ senderMac: NEW_MAC, target: "10.1.0.2" }),
    end: passed,
    after: hq(NEW_MAC),
  },
  {
    ...access,
    name: "a group MAC is never learned",
    input: arpRequest({ senderMac: "03:00:00:00:00:01" }),
    end: dropped("malformed"),
    after: hq(CUSTOMER_MAC),
  },
  {
    ...access,
    port: "a3",
    name: "an address on another circuit is not learned there",
    input: arpRequest({ senderMac: NEW_MAC, target: "10.4.0.0" }),
    end: answered(arpReply(NEW_MAC, "10.1.0.2", "a3", "10.4.0.0"), "redirect"),
    after: learned("acme/lab", undefined),
  },
  {
    ...access,
    port: "a3",
    name: "a peer is learned for the first time",
    input: arpRequest({ senderMac: NEW_MAC, sender: "10.4.0.1", target: "10.4.0.0" }),
    end: answered(arpReply(NEW_MAC, "10.4.0.1", "a3", "10.4.0.0"), "redirect"),
    after: learned("acme/lab", NEW_MAC),
  },
  {
    ...access,
    port: "a2",
    name: "a configured MAC is not replaced by a learned one",
    input: arpRequest({ senderMac: NEW_MAC, sender: "10.3.0.2", target: "10.3.0.1" }),
    end: answered(arpReply(NEW_MAC, "10.3.0.2", "a2", "10.3.0.1"), "redirect"),
    after: learned("acme/branch", undefined),
  },
  {
    ...access,
    port: "a1",
    name: "a port that can is answered by XDP_TX",
    input: arpRequest({ senderMac: OTHER_CUSTOMER_MAC }),
    end: answered(arpReply(OTHER_CUSTOMER_MAC, "10.1.0.2", "a1"), "tx"),
  },
  {
    role: "both",
    port: "b0",
    name: "a port of role both is a router too",
    input: arpRequest({ senderMac: LAN_MAC, sender: "10.5.0.2", target: "10.5.0.1" }),
    end: answered(arpReply(LAN_MAC, "10.5.0.2", "b0", "10.5.0.1"), "tx"),
  },
  { role: "underlay", port: "u0", name: "on an underlay port ARP is the stack's", input: arpRequest(), end: passed },
  { ...access, port: "u0", name: "on a port without circuits ARP is the stack's", input: arpRequest(), end: passed },
  { ...access, name: "ARP for another kind of hardware", input: arpRequest({ hardware: 6 }), end: passed },
  { ...access, name: "ARP for another protocol", input: arpRequest({ protocol: 0x86dd }), end: passed },
  { ...access, name: "ARP with hardware addresses of 8 bytes", input: arpRequest({ hardwareBytes: 8 }), end: passed },
  { ...access, name: "ARP with protocol addresses of 16 bytes", input: arpRequest({ protocolBytes: 16 }), end: passed },
  {
    ...access,
    name: "an operation that is neither request nor reply",
    input: arpRequest({ operation: 8 }),
    end: passed,
  },
].map((fixture) => ({ ...fixture, name: `ARP: ${fixture.name}` }) as Fixture);

interface Echo {
  readonly ip?: Partial<Ipv4Fields>;
  readonly type?: number;
  readonly code?: number;
  readonly words?: readonly [number, number];
  readonly payload?: Uint8Array;
}
const echo = ({ ip, type = 8, code = 0, words = [7, 1], payload = pattern(56) }: Echo = {}) =>
  packet()
    .ipv4({ source: "10.1.0.2", destination: "10.1.0.1", ...ip })
    .icmp({ type, code, words })
    .payload(payload);
/** The edge's reply to that request. */
const echoReply = ({ ip = {}, ...rest }: Echo = {}) => {
  const { source = "10.1.0.2", destination = "10.1.0.1", dontFragment = false, tos = 0 } = ip;
  return echo({
    ...rest,
    type: 0,
    ip: { source: destination, destination: source, ttl: 64, id: dontFragment ? 0 : ANY, dontFragment, tos },
  });
};

function ping(name: string, request: Echo): Fixture {
  return {
    ...access,
    name,
    input: fromCustomer(echo(request)),
    end: answered(toCustomer(echoReply(request)), "redirect"),
  };
}

function ignored(name: string, inner: Packet): Fixture {
  return { ...access, name, input: fromCustomer(inner), end: dropped("to_circuit_address") };
}

const toEdge = { destination: "10.1.0.1" };
const echoes: readonly Fixture[] = [
  ping("an ordinary request", {}),
  ping("a request that must not be fragmented", { ip: { dontFragment: true } }),
  ping("with a TTL of 1: it has arrived", { ip: { ttl: 1 } }),
  ping("with a TTL of 0", { ip: { ttl: 0 } }),
  ping("with DSCP and ECN", { ip: { tos: 0xba } }),
  ping("without payload", { payload: new Uint8Array(0) }),
  ping("with an odd payload", { payload: pattern(33) }),
  ping("of zeros only", { words: [0, 0], payload: new Uint8Array(0) }),
  ping("of ones only", { words: [0xffff, 0xffff], payload: new Uint8Array(64).fill(0xff) }),
  ping("whose checksum is 0", { words: [0xf7ff, 0], payload: new Uint8Array(0) }),
  ping("as long as a frame", { payload: pattern(1472) }),
  {
    ...access,
    name: "from another host of the network",
    input: fromCustomer(echo({ ip: { source: "10.1.0.9" } }), "a0", { source: NEW_MAC }),
    end: answered(toCustomer(echoReply({ ip: { source: "10.1.0.9" } }), "a0", NEW_MAC), "redirect"),
  },
  {
    ...access,
    name: "from this circuit to another circuit's address",
    input: fromCustomer(echo({ ip: { destination: "10.3.0.1" } })),
    end: answered(toCustomer(echoReply({ ip: { destination: "10.3.0.1" } })), "redirect"),
  },
  {
    ...access,
    port: "a1",
    name: "to another tenant's same address",
    input: fromCustomer(echo(), "a1", { source: OTHER_CUSTOMER_MAC }),
    end: answered(toCustomer(echoReply(), "a1", OTHER_CUSTOMER_MAC), "tx"),
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel",
    input: fromEndpoint("s1", ACME, echo({ ip: { source: "172.16.0.5" } })),
    end: answered(toEndpoint("s1", ACME, VM_MAC, echoReply({ ip: { source: "172.16.0.5" } })), "redirect", "s1/acme"),
    rx: "s1/acme",
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel with padding",
    input: fromEndpoint("s1", ACME, echo({ ip: { source: "172.16.0.5", dontFragment: true } })).padding(30),
    end: answered(
      toEndpoint("s1", ACME, VM_MAC, echoReply({ ip: { source: "172.16.0.5", dontFragment: true } })),
      "redirect",
      "s1/acme",
    ),
    rx: "s1/acme",
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel whose endpoint is not resolved for sending",
    input: fromEndpoint("s4", ACME, echo({ ip: { source: "172.16.0.8" } })),
    end: dropped("no_next_hop"),
    rx: "s4/acme",
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel, with ECN that the tunnel marked",
    input: fromEndpoint("s1", ACME, echo({ ip: { source: "172.16.0.5", tos: 2 } }), { ipv4: { tos: 3 } }),
    end: answered(
      toEndpoint("s1", ACME, VM_MAC, echoReply({ ip: { source: "172.16.0.5", tos: 3 } }), { ipv4: { tos: 3 } }),
      "redirect",
      "s1/acme",
    ),
    rx: "s1/acme",
  },
  ignored("UDP to the circuit's address", flow(toEdge)),
  ignored("a reply to nobody", echo({ type: 0 })),
  ignored("a timestamp request", echo({ type: 13 })),
  ignored("an echo request with a code", echo({ code: 1 })),
  ignored("an error message", echo({ type: 3 })),
  ignored("a request with IP options", echo({ ip: { options: new Uint8Array(4).fill(1) } })),
  ignored("a first fragment of a request", echo({ ip: { moreFragments: true } })),
  ignored("a later fragment of a request", echo({ ip: { fragmentOffset: 8 } })),
  ignored(
    "an ICMP header cut short",
    packet()
      .ipv4({ source: "10.1.0.2", destination: "10.1.0.1", protocol: 1 })
      .payload(Uint8Array.of(8, 0, 0xf7, 0xff, 0, 0, 0)),
  ),
  {
    role: "underlay",
    port: "u0",
    name: "UDP to the circuit's address from a tunnel",
    input: fromEndpoint("s1", ACME, reply({ destination: "10.1.0.1" })),
    end: dropped("to_circuit_address"),
    rx: "s1/acme",
  },
].map((fixture) => ({ ...fixture, name: `echo: ${fixture.name}` }) as Fixture);

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
  tooBig("a small profile", "172.16.0.9", 650),
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

/** The packet is replaced by a question for the circuit's peer. */
const asked = (port: PortName, address: string, peer: string, verdict: "tx" | "redirect" = "redirect") =>
  refused(
    "peer_unresolved",
    packet()
      .ethernet({ destination: BROADCAST, source: PORT_SPECS[port].mac })
      .arp({ operation: 1, senderMac: PORT_SPECS[port].mac, sender: address, target: peer }),
    { as: "arpRequests", verdict },
  );

const toLab = { destination: "10.4.0.1" };
const unresolved: readonly Fixture[] = [
  {
    ...access,
    name: "from another circuit",
    input: fromCustomer(flow(toLab)),
    end: asked("a3", "10.4.0.0", "10.4.0.1"),
  },
  {
    ...access,
    name: "a header and nothing else",
    input: fromCustomer(packet().ipv4({ source: "10.1.0.2", ...toLab })),
    end: asked("a3", "10.4.0.0", "10.4.0.1"),
  },
  {
    ...access,
    name: "a padded packet",
    input: fromCustomer(flow(toLab, 0)).padTo(60),
    end: asked("a3", "10.4.0.0", "10.4.0.1"),
  },
  {
    ...access,
    name: "a jumbo packet",
    input: fromCustomer(flow(toLab, 8000)),
    end: asked("a3", "10.4.0.0", "10.4.0.1"),
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel",
    input: fromEndpoint("s1", ACME, reply(toLab)),
    end: asked("a3", "10.4.0.0", "10.4.0.1"),
    rx: "s1/acme",
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel, a header and nothing else",
    input: fromEndpoint("s1", ACME, packet().ipv4({ source: "172.16.0.5", ...toLab })),
    end: asked("a3", "10.4.0.0", "10.4.0.1"),
    rx: "s1/acme",
  },
  {
    role: "underlay",
    port: "u0",
    name: "a peer that is known is not asked for",
    input: fromEndpoint("s1", ACME, reply({ destination: "10.3.0.2" })),
    end: delivered(toCustomer(reply({ destination: "10.3.0.2", ttl: 63 }), "a2", BRANCH_MAC)),
    rx: "s1/acme",
  },
].map((fixture) => ({ ...fixture, name: `peer unresolved: ${fixture.name}` }) as Fixture);

export const arpFixtures = arp;
export const echoFixtures = echoes;
export const errorFixtures: readonly Fixture[] = [...timeExceeded, ...fragmentationNeeded, ...unresolved];
