// Packets of the edge's own, as the oracle expects them: ICMP errors, replies to echo, ARP and neighbour discovery.

import { circuitHeader, type InnerPacket, macOf, type Output, pseudoSum } from "./oracle-frames.ts";
import { type Address, addressBytes, type Family, type Reading, readOwn } from "./oracle-ip.ts";
import type { OracleCircuit } from "./oracle-network.ts";
import { checksum, concatenate, get16, put16, put32 } from "./packet-bytes.ts";

const CONTROL = 0xc0;

/** An IPv6 packet of the edge's own around an ICMPv6 message, whose checksum is zero yet. */
function icmp6Packet(from: Address, to: Address, hopLimit: number, message: Uint8Array): Uint8Array {
  const bytes = concatenate(new Uint8Array(40), message);
  put16(bytes, 0, 0x6000 | (CONTROL << 4));
  put16(bytes, 4, message.length);
  bytes[6] = 58;
  bytes[7] = hopLimit;
  bytes.set(addressBytes(from), 8);
  bytes.set(addressBytes(to), 24);
  put16(bytes, 42, checksum(bytes, 40, bytes.length, pseudoSum(bytes, 8, 6, 58, message.length)));
  return bytes;
}

export type Complaint = { readonly kind: "expired" } | { readonly kind: "too big"; readonly mtu: number };

/** RFC 1812 section 4.3.2: up to 576 bytes in all. RFC 4443 section 3: up to 1280. */
export function errorPacket(from: Address, original: Reading, complaint: Complaint): InnerPacket {
  const { family, source } = original;
  const bytes = family === 6 ? error6(from, original, complaint) : error4(from, original, complaint);
  const protocol = family === 6 ? 58 : 1;
  const flow = `${from}>${source}:${protocol}`;
  return { ...readOwn(bytes, family), forwarded: false, freeId: family === 4, flow, flow3: flow };
}

function error4(from: Address, { source, bytes: original }: Reading, complaint: Complaint): Uint8Array {
  const quote = original.subarray(0, 576 - 28);
  const bytes = new Uint8Array(28 + quote.length);
  bytes[0] = 0x45;
  bytes[1] = CONTROL;
  put16(bytes, 2, bytes.length);
  bytes[8] = 64;
  bytes[9] = 1;
  bytes.set(addressBytes(from), 12);
  bytes.set(addressBytes(source), 16);
  put16(bytes, 10, checksum(bytes, 0, 20));
  bytes.set(complaint.kind === "expired" ? [11, 0] : [3, 4], 20);
  if (complaint.kind === "too big") put16(bytes, 26, complaint.mtu);
  bytes.set(quote, 28);
  put16(bytes, 22, checksum(bytes, 20));
  return bytes;
}

function error6(from: Address, { source, bytes: original }: Reading, complaint: Complaint): Uint8Array {
  const quote = original.subarray(0, 1280 - 48);
  const message = concatenate(new Uint8Array(8), quote);
  message[0] = complaint.kind === "expired" ? 3 : 2;
  if (complaint.kind === "too big") put32(message, 4, Math.max(1280, complaint.mtu));
  return icmp6Packet(from, source, 64, message);
}

/** RFC 1122 section 3.2.2, RFC 4443 section 2.4: never about an error, nor about what may be one. */
export function mayBeToldOf({ family, protocol, bytes, payloadAt, isLaterFragment }: Reading): boolean {
  if (family === 4 && isLaterFragment) return false;
  if (protocol !== (family === 6 ? 58 : 1) || isLaterFragment) return true;
  const type = bytes[payloadAt];
  if (type === undefined) return false;
  return family === 6 ? type >= 128 && type !== 137 : [0, 8, 13, 14].includes(type);
}

/** Whether it is an echo request that the edge answers: whole, and nothing between the headers. */
export function isEcho({ family, bytes, isFragment, payloadAt, protocol }: Reading): boolean {
  if (isFragment || bytes.length < payloadAt + 8) return false;
  if (family === 6 ? payloadAt !== 40 || protocol !== 58 : payloadAt !== 20 || protocol !== 1) return false;
  return bytes[payloadAt] === (family === 6 ? 128 : 8) && bytes[payloadAt + 1] === 0;
}

/**
 * The reply: addresses exchanged, and a TTL of the edge's own. Only the type changes, so a request with a wrong checksum has a
 * reply with one that is wrong by as much: RFC 1071's sum changes by the types' difference, and the checksum against it.
 */
export function echoReply(request: InnerPacket): InnerPacket {
  const { family, source, destination } = request;
  const bytes = request.bytes.slice();
  const [at, addressesAt] = family === 6 ? [40, 8] : [20, 12];
  bytes.set(addressBytes(destination), addressesAt);
  bytes.set(addressBytes(source), addressesAt + source.length);
  bytes[family === 6 ? 7 : 8] = 64;
  // The flow label is the sender's of a packet, and the edge gives its own packets none.
  if (family === 6) bytes.set([(bytes[1] as number) & 0xf0, 0, 0], 1);
  if (family === 4) {
    put16(bytes, 4, 0);
    put16(bytes, 6, get16(bytes, 6) & 0x4000);
    put16(bytes, 10, 0);
    put16(bytes, 10, checksum(bytes, 0, 20));
  }
  bytes[at] = family === 6 ? 129 : 0;
  const sum = get16(bytes, at + 2) + (family === 6 ? 0xffff - 0x0100 : 0x0800);
  put16(bytes, at + 2, sum > 0xffff ? sum - 0xffff : sum);
  const turned = readOwn(bytes, family);
  const freeId = family === 4 && (get16(bytes, 6) & 0x4000) === 0;
  return { ...turned, tos: request.tos, forwarded: false, freeId };
}

/** RFC 826: a request for the circuit's address, turned round in place; its tags and what was behind it stay. */
export function arpReply(circuit: OracleCircuit, arp: Uint8Array, tags: Uint8Array): Output {
  const reply = arp.slice();
  const own = macOf(circuit.spec.mac);
  const senderMac = arp.slice(8, 14);
  put16(reply, 6, 2);
  reply.set(own, 8);
  reply.set(addressBytes(circuit.ipv4?.address ?? ""), 14);
  reply.set(senderMac, 18);
  reply.set(arp.subarray(14, 18), 24);
  return { port: circuit.port, frame: concatenate(senderMac, own, tags, reply), freeIds: [] };
}

function made(circuit: OracleCircuit, mac: Uint8Array, type: number, packet: Uint8Array): Output {
  return { port: circuit.port, frame: concatenate(circuitHeader(circuit, mac, type), packet), freeIds: [] };
}

function neighbourMessage(type: number, flags: number, target: Address, option: number, mac: Uint8Array): Uint8Array {
  return concatenate(Uint8Array.of(type, 0, 0, 0, flags, 0, 0, 0), addressBytes(target), Uint8Array.of(option, 1), mac);
}

const NOBODY = "\0".repeat(16);
const ALL_NODES = `\xff\x02${"\0".repeat(13)}\x01`;
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

/** RFC 4861 section 7.2.4: that the circuit's address is here. */
export function advertisement(circuit: OracleCircuit, asker: Address, askerMac: Uint8Array): Output {
  const own = circuit.ipv6?.address ?? "";
  const anonymous = asker === NOBODY;
  const message = neighbourMessage(136, anonymous ? 0xa0 : 0xe0, own, 2, macOf(circuit.spec.mac));
  const packet = icmp6Packet(own, anonymous ? ALL_NODES : asker, 255, message);
  return made(circuit, anonymous ? ALL_NODES_MAC : askerMac, 0x86dd, packet);
}

/** What the edge asks where it has a packet for a peer without a MAC. */
export function question(circuit: OracleCircuit, family: Family): Output {
  const own = macOf(circuit.spec.mac);
  if (family === 6) {
    const { address, peer } = circuit.ipv6 ?? { address: "", peer: "" };
    const tail = peer.slice(13);
    const group = `\xff\x02${"\0".repeat(9)}\x01\xff${tail}`;
    const groupMac = Uint8Array.of(0x33, 0x33, 0xff, ...addressBytes(tail));
    return made(circuit, groupMac, 0x86dd, icmp6Packet(address, group, 255, neighbourMessage(135, 0, peer, 1, own)));
  }
  const { address, peer } = circuit.ipv4 ?? { address: "", peer: "" };
  const arp = concatenate(
    Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1),
    own,
    addressBytes(address),
    new Uint8Array(6),
    addressBytes(peer),
  );
  return made(circuit, new Uint8Array(6).fill(0xff), 0x0806, arp);
}
