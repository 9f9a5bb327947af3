// Asks for the MAC of a circuit's peer: ARP requests (RFC 826), neighbour solicitations (RFC 4861 section 4.3). The answer comes
// back to the port, where the packet path learns it.

import type { IpAddress, Ipv4, Ipv6, Mac } from "../address/index.ts";
import { BROADCAST_MAC, ipv4ToBytes, ipv6ToBytes, isV6, macToBytes, ZERO_MAC } from "../address/index.ts";
import { sendFrame } from "../bpf/rtnetlink.ts";
import type { Circuit } from "../model/index.ts";

/** Who asks, through which port, and whom. Both addresses are of one family. */
export interface PeerQuestion {
  readonly ifindex: number;
  readonly mac: Mac;
  readonly tags: Pick<Circuit, "vlan" | "innerVlan" | "tag">;
  readonly address: IpAddress;
  readonly peer: IpAddress;
}

const ETHERTYPE = { ipv6: 0x86dd, arp: 0x0806, "802.1q": 0x8100, "802.1ad": 0x88a8 } as const;
/** Ethernet, IPv4, address lengths 6 and 4, operation 1. */
const ARP_REQUEST = [0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x01];

const IPPROTO_ICMPV6 = 58;
const ND_NEIGHBOR_SOLICIT = 135;
/** RFC 4861 section 7.1.1: any other was forwarded by a router, and is not believed. */
const HOP_LIMIT = 255;
const OPTION_SOURCE_LINK_LAYER_ADDRESS = 1;

const word = (value: number): number[] => [value >>> 8, value & 255];

function ethernet(question: Omit<PeerQuestion, "ifindex">, destination: Mac | Uint8Array, etherType: number): number[] {
  const { mac, tags } = question;
  const { vlan, innerVlan, tag = "802.1q" } = tags;
  const outer = vlan === undefined ? [] : [...word(ETHERTYPE[tag]), ...word(vlan)];
  const inner = innerVlan === undefined ? [] : [...word(ETHERTYPE["802.1q"]), ...word(innerVlan)];
  const to = typeof destination === "string" ? macToBytes(destination) : destination;
  return [...to, ...macToBytes(mac), ...outer, ...inner, ...word(etherType)];
}

function arpRequest(question: Omit<PeerQuestion, "ifindex">, address: Ipv4, peer: Ipv4): Uint8Array {
  return Uint8Array.from([
    ...ethernet(question, BROADCAST_MAC, ETHERTYPE.arp),
    ...ARP_REQUEST,
    ...macToBytes(question.mac),
    ...ipv4ToBytes(address),
    ...macToBytes(ZERO_MAC),
    ...ipv4ToBytes(peer),
  ]);
}

/** RFC 1071, over bytes of even number. */
function checksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function neighbourSolicitation(question: Omit<PeerQuestion, "ifindex">, address: Ipv6, peer: Ipv6): Uint8Array {
  const [source, target] = [ipv6ToBytes(address), ipv6ToBytes(peer)];
  // RFC 4291 section 2.7.1: ff02::1:ff00:0/104 and the last three bytes; RFC 2464 section 7 has its MAC.
  const group = [0xff, 0x02, ...new Array(9).fill(0), 1, 0xff, ...target.subarray(13)];
  const option = [OPTION_SOURCE_LINK_LAYER_ADDRESS, 1, ...macToBytes(question.mac)];
  const message = (sum: number) => [ND_NEIGHBOR_SOLICIT, 0, ...word(sum), 0, 0, 0, 0, ...target, ...option];
  const { length } = message(0);
  const pseudoHeader = [...source, ...group, 0, 0, ...word(length), 0, 0, 0, IPPROTO_ICMPV6];
  return Uint8Array.from([
    ...ethernet(question, Uint8Array.of(0x33, 0x33, ...group.slice(12)), ETHERTYPE.ipv6),
    ...[0x60, 0, 0, 0, ...word(length), IPPROTO_ICMPV6, HOP_LIMIT],
    ...source,
    ...group,
    ...message(checksum([...pseudoHeader, ...message(0)])),
  ]);
}

/** The frame that asks. */
export function solicitation(question: Omit<PeerQuestion, "ifindex">): Uint8Array {
  const { address, peer } = question;
  if (isV6(address) && isV6(peer)) return neighbourSolicitation(question, address, peer);
  return arpRequest(question, address as Ipv4, peer as Ipv4);
}

/** Asks once. Nobody waits for the answer: a packet that comes before it asks again. @throws BpfError when it cannot be sent */
export function askPeer(question: PeerQuestion): void {
  sendFrame(question.ifindex, solicitation(question));
}
