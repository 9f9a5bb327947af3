// The edge as the router of a circuit: it answers ARP, learns its peer, and asks for it.

import type { Packet } from "./packet-builder.ts";
import { packet } from "./packet-builder.ts";
import { macText } from "./packet-bytes.ts";
import type { EdgeUnderTest } from "./packet-edge.ts";
import { answered, delivered, dropped, type Fixture, passed, refused } from "./packet-fixture.ts";
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
} from "./packet-frames.ts";
import type { ArpFields } from "./packet-layers.ts";
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
const requests: readonly Fixture[] = [
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
    name: "no MAC at all is never learned",
    input: arpRequest({ senderMac: "00:00:00:00:00:00" }),
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

/** The packet is replaced by a question for the circuit's peer. */
const asked = (port: PortName, address: string, peer: string, verdict: "tx" | "redirect" = "redirect") =>
  refused(
    "peer_unresolved",
    packet()
      .ethernet({ destination: BROADCAST, source: PORT_SPECS[port].mac })
      .arp({ operation: 1, senderMac: PORT_SPECS[port].mac, sender: address, target: peer }),
    { as: "solicitations", verdict },
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

export const arpFixtures: readonly Fixture[] = [...requests, ...unresolved];
