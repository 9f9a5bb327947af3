// Frames that the oracle expects, written byte by byte; and whether a frame that left is one of them.

import { addressBytes, type Reading } from "./oracle-ip.ts";
import type { OracleCircuit, OracleEndpoint, OracleNetwork, OracleTenant } from "./oracle-network.ts";
import { checksum, concatenate, get16, get32, macBytes, put16, put24, put32 } from "./packet-bytes.ts";
import { PORT_SPECS, type PortName } from "./packet-world.ts";

const macs = new Map<string, Uint8Array>();
/** Bytes of a MAC that is asked for again and again. */
export function macOf(text: string): Uint8Array {
  const known = macs.get(text);
  if (known !== undefined) return known;
  const bytes = macBytes(text);
  macs.set(text, bytes);
  return bytes;
}

/** What spreads the flows of a tunnel, and where it stands in the frame. */
interface Entropy {
  readonly udp?: number;
  readonly flowLabel?: number;
  readonly flowId?: number;
}

/** A frame that may leave, and where. */
export interface Output {
  readonly port: PortName;
  readonly frame: Uint8Array;
  /** IPv4 headers of 20 bytes whose identification the edge chooses. */
  readonly freeIds: readonly number[];
  readonly entropy?: Entropy;
  /** What the entropy must be constant for; absent: there is none. */
  readonly flow?: string;
  /** Where a UDP header begins whose checksum has to be right whatever the edge chose. */
  readonly checksumAt?: number;
  readonly tx?: { readonly endpoint: string; readonly tenant: string; readonly innerBytes: number };
}

/** The inner packet as it will leave. */
export interface InnerPacket extends Reading {
  /** True: forwarded, so its TTL goes down. False: made by the edge. */
  readonly forwarded: boolean;
  readonly freeId: boolean;
  /** Largest MSS that its TCP may offer; absent: any. */
  readonly mss?: number;
}

function putPacket(frame: Uint8Array, at: number, inner: InnerPacket): void {
  const { bytes, tos, ttl, forwarded, family } = inner;
  frame.set(bytes, at);
  const left = forwarded ? ttl - 1 : ttl;
  if (family === 6) {
    put16(frame, at, 0x6000 | (tos << 4) | ((bytes[1] as number) & 15));
    frame[at + 7] = left;
  } else {
    frame[at + 1] = tos;
    frame[at + 8] = left;
    put16(frame, at + 10, 0);
    put16(frame, at + 10, checksum(frame, at, at + ((bytes[0] as number) & 15) * 4));
  }
  clampMss(frame.subarray(at, at + bytes.length), inner);
}

/** RFC 9293 section 3.7.1: of a whole TCP packet that opens a connection. */
function clampMss(packet: Uint8Array, { mss, protocol, isFragment, payloadAt }: InnerPacket): void {
  if (mss === undefined || protocol !== 6 || isFragment || packet.length < payloadAt + 20) return;
  const tcp = packet.subarray(payloadAt);
  const end = ((tcp[12] as number) >> 4) * 4;
  if (((tcp[13] as number) & 2) === 0 || end > tcp.length) return;
  for (let at = 20; at + 2 <= end; ) {
    const kind = tcp[at] as number;
    const length = kind === 1 ? 1 : (tcp[at + 1] as number);
    if (kind === 0 || length === 0 || (kind !== 1 && length < 2)) return;
    if (kind === 2) {
      if (length !== 4 || at + 4 > end || get16(tcp, at + 2) <= mss) return;
      replaceInSum(tcp, 16, at + 2, mss);
      return;
    }
    at += length;
  }
}

/** Puts a number at any offset, and lets the checksum at `sumAt` go wrong or right as it was (RFC 1624 equation 3). */
function replaceInSum(bytes: Uint8Array, sumAt: number, at: number, value: number): void {
  const first = at & ~1;
  let sum = ~get16(bytes, sumAt) & 0xffff;
  const words = [first, first + 2].filter((word) => word < at + 2);
  for (const word of words) sum += ~get16(bytes, word) & 0xffff;
  put16(bytes, at, value);
  for (const word of words) sum += get16(bytes, word);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  put16(bytes, sumAt, ~sum & 0xffff);
}

const etherTypeOf = (inner: InnerPacket) => (inner.family === 6 ? 0x86dd : 0x0800);

/** Addresses, the circuit's tags and the EtherType: all that is in front of a packet on a circuit. */
export function circuitHeader(circuit: OracleCircuit, mac: Uint8Array, type: number): Uint8Array {
  const header = new Uint8Array(14 + 4 * circuit.tags.length);
  header.set(mac, 0);
  header.set(macOf(circuit.spec.mac), 6);
  let at = 12;
  for (const [tagType, vlan] of circuit.tags) {
    put16(header, at, tagType);
    put16(header, at + 2, vlan);
    at += 4;
  }
  put16(header, at, type);
  return header;
}

export function onCircuit(circuit: OracleCircuit, mac: Uint8Array, inner: InnerPacket): Output {
  const header = circuitHeader(circuit, mac, etherTypeOf(inner));
  const frame = new Uint8Array(header.length + inner.bytes.length);
  frame.set(header, 0);
  putPacket(frame, header.length, inner);
  return { port: circuit.port, frame, freeIds: inner.freeId ? [header.length] : [] };
}

/** A frame that goes back as it came, with a packet of the same length in it. */
export function turned(
  circuit: OracleCircuit,
  mac: Uint8Array,
  tags: Uint8Array,
  inner: InnerPacket,
  padding: Uint8Array,
): Output {
  const packet = new Uint8Array(inner.bytes.length);
  putPacket(packet, 0, inner);
  const frame = concatenate(mac, macOf(circuit.spec.mac), tags, packet, padding);
  return { port: circuit.port, frame, freeIds: inner.freeId ? [12 + tags.length] : [] };
}

/** The outer IP header at 14; returns where it ends. */
function putOuterIp(frame: Uint8Array, network: OracleNetwork, endpoint: OracleEndpoint, tos: number): number {
  const { profile, family } = endpoint;
  const length = frame.length - 14;
  const protocol = profile.encapsulation === "nvgre" ? 47 : 17;
  const own = addressBytes(network.addresses[family] as string);
  put16(frame, 12, family === 6 ? 0x86dd : 0x0800);
  if (family === 6) {
    put32(frame, 14, 6 * 2 ** 28 + tos * 2 ** 20);
    put16(frame, 18, length - 40);
    frame[20] = protocol;
    frame[21] = profile.ttl;
    frame.set(own, 22);
    frame.set(addressBytes(endpoint.address), 38);
    return 54;
  }
  frame[14] = 0x45;
  frame[15] = tos;
  put16(frame, 16, length);
  put16(frame, 20, profile.dontFragment ? 0x4000 : 0);
  frame[22] = profile.ttl;
  frame[23] = protocol;
  frame.set(own, 26);
  frame.set(addressBytes(endpoint.address), 30);
  put16(frame, 24, checksum(frame, 14, 34));
  return 34;
}

export function inTunnel(
  network: OracleNetwork,
  endpoint: OracleEndpoint,
  tenant: OracleTenant,
  mac: Uint8Array,
  inner: InnerPacket,
): Output | undefined {
  const { hop, profile, family, overhead } = endpoint;
  if (hop === undefined) return undefined;
  const frame = new Uint8Array(14 + overhead + inner.bytes.length);
  frame.set(macOf(hop.mac), 0);
  frame.set(macOf(PORT_SPECS[hop.port].mac), 6);
  const dscp = profile.dscp === "copy" ? inner.tos & 0xfc : profile.dscp << 2;
  let at = putOuterIp(frame, network, endpoint, dscp | (profile.ecn === "normal" ? inner.tos & 3 : 0));
  const flowLabel = family === 6 ? { flowLabel: 14 } : {};
  let entropy: Entropy = { ...flowLabel, flowId: at + 7 };
  const udpAt = at;
  if (profile.encapsulation !== "nvgre") {
    entropy = { ...flowLabel, udp: at };
    put16(frame, at + 2, profile.port);
    put16(frame, at + 4, frame.length - at);
    at += 8;
  }
  if (profile.encapsulation === "vxlan") put16(frame, at, 0x0800);
  else {
    put16(frame, at, profile.encapsulation === "nvgre" ? 0x2000 : 0);
    put16(frame, at + 2, 0x6558);
  }
  put24(frame, at + 4, tenant.vni);
  frame.set(mac, at + 8);
  frame.set(network.mac, at + 14);
  put16(frame, at + 20, etherTypeOf(inner));
  putPacket(frame, at + 22, inner);
  const freeIds = profile.dontFragment || family === 6 ? [] : [14];
  return {
    port: hop.port,
    frame,
    freeIds: inner.freeId ? [...freeIds, at + 22] : freeIds,
    entropy,
    flow: profile.entropy === "l3" ? inner.flow3 : inner.flow,
    ...(profile.udpChecksum === "full" && profile.encapsulation !== "nvgre" ? { checksumAt: udpAt } : {}),
    tx: { endpoint: endpoint.name, tenant: tenant.name, innerBytes: inner.bytes.length },
  };
}

/** The sum of a pseudo-header whose addresses are at `at` (RFC 768, 8200 section 8.1). */
export function pseudoSum(bytes: Uint8Array, at: number, family: 4 | 6, protocol: number, length: number): number {
  let sum = protocol + length;
  for (let word = at; word < at + (family === 6 ? 32 : 8); word += 2) sum += get16(bytes, word);
  return sum;
}

/** Takes over what the edge may choose; false: it chose what it may not. */
export function adopt(output: Output, actual: Uint8Array): boolean {
  const { frame, freeIds, entropy, checksumAt } = output;
  if (actual.length !== frame.length) return false;
  for (const at of freeIds) {
    put16(frame, at + 4, get16(actual, at + 4));
    put16(frame, at + 10, 0);
    put16(frame, at + 10, checksum(frame, at, at + 20));
  }
  if (entropy?.flowLabel !== undefined) {
    const at = entropy.flowLabel;
    put32(frame, at, Math.floor(get32(frame, at) / 2 ** 20) * 2 ** 20 + (get32(actual, at) % 2 ** 20));
  }
  if (entropy?.flowId !== undefined) frame[entropy.flowId] = actual[entropy.flowId] as number;
  if (entropy?.udp !== undefined) {
    const port = get16(actual, entropy.udp);
    if (port < 49152) return false;
    put16(frame, entropy.udp, port);
  }
  if (checksumAt !== undefined) {
    const family = get16(frame, 12) === 0x86dd ? 6 : 4;
    const pseudo = pseudoSum(frame, family === 6 ? 22 : 26, family, 17, frame.length - checksumAt);
    put16(frame, checksumAt + 6, 0);
    put16(frame, checksumAt + 6, checksum(frame, checksumAt, frame.length, pseudo) || 0xffff);
  }
  return true;
}

/** What a frame's headers say about its flow; bits of one hash, so that each must be constant for a flow. */
export function entropyOf({ entropy }: Output, frame: Uint8Array): Readonly<Record<string, number>> {
  return {
    ...(entropy?.udp === undefined ? {} : { port: get16(frame, entropy.udp) }),
    ...(entropy?.flowLabel === undefined ? {} : { "flow label": get32(frame, entropy.flowLabel) % 2 ** 20 }),
    ...(entropy?.flowId === undefined ? {} : { "flow id": frame[entropy.flowId] as number }),
  };
}
