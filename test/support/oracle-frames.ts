// Frames that the oracle expects, written byte by byte; and whether a frame that left is one of them.

import { flowKeys } from "./oracle-ipv4.ts";
import type { OracleCircuit, OracleEndpoint, OracleNetwork } from "./oracle-network.ts";
import { checksum, get16, macBytes, put16, put24, put32 } from "./packet-bytes.ts";
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

/** A frame that may leave, and where. */
export interface Output {
  readonly port: PortName;
  readonly frame: Uint8Array;
  /** IPv4 headers of 20 bytes whose identification the edge chooses. */
  readonly freeIds: readonly number[];
  /** What the entropy port must be constant for; absent: there is none. */
  readonly flow?: string;
  readonly tx?: { readonly endpoint: string; readonly tenant: string; readonly innerBytes: number };
}

const ENTROPY_AT = 34;
export const OUTER = 50;

/** The inner packet as it will leave: what the steps of the pipeline know about it. */
export interface InnerPacket {
  /** The IPv4 packet as it came in, without what is behind it. */
  readonly bytes: Uint8Array;
  readonly tos: number;
  /** True: forwarded, so its TTL goes down. False: made by the edge. */
  readonly forwarded: boolean;
  readonly flow: string;
  readonly flow3: string;
  readonly freeId: boolean;
}

function putPacket(frame: Uint8Array, at: number, { bytes, tos, forwarded }: InnerPacket): void {
  frame.set(bytes, at);
  frame[at + 1] = tos;
  if (forwarded) frame[at + 8] = (bytes[8] as number) - 1;
  const headerEnd = at + ((bytes[0] as number) & 15) * 4;
  put16(frame, at + 10, 0);
  put16(frame, at + 10, checksum(frame, at, headerEnd));
}

export function onCircuit(circuit: OracleCircuit, mac: Uint8Array, inner: InnerPacket): Output {
  const frame = new Uint8Array(14 + inner.bytes.length);
  frame.set(mac, 0);
  frame.set(macOf(circuit.spec.mac), 6);
  put16(frame, 12, 0x0800);
  putPacket(frame, 14, inner);
  return { port: circuit.port, frame, freeIds: inner.freeId ? [14] : [] };
}

export function inTunnel(
  network: OracleNetwork,
  endpoint: OracleEndpoint,
  tenant: { readonly name: string; readonly vni: number },
  mac: Uint8Array,
  inner: InnerPacket,
): Output | undefined {
  const { hop, profile } = endpoint;
  if (hop === undefined) return undefined;
  const length = inner.bytes.length + OUTER;
  const frame = new Uint8Array(14 + length);
  frame.set(macOf(hop.mac), 0);
  frame.set(macOf(PORT_SPECS[hop.port].mac), 6);
  put16(frame, 12, 0x0800);
  frame[14] = 0x45;
  const dscp = profile.dscp === "copy" ? inner.tos & 0xfc : profile.dscp << 2;
  frame[15] = dscp | (profile.ecn === "normal" ? inner.tos & 3 : 0);
  put16(frame, 16, length);
  put16(frame, 20, profile.dontFragment ? 0x4000 : 0);
  frame[22] = profile.ttl;
  frame[23] = 17;
  put32(frame, 26, network.address);
  put32(frame, 30, endpoint.address);
  put16(frame, 24, checksum(frame, 14, 34));
  put16(frame, 36, profile.port);
  put16(frame, 38, length - 20);
  frame[42] = 0x08;
  put24(frame, 46, tenant.vni);
  frame.set(mac, 50);
  frame.set(network.mac, 56);
  put16(frame, 62, 0x0800);
  putPacket(frame, 64, inner);
  const freeIds = profile.dontFragment ? [] : [14];
  return {
    port: hop.port,
    frame,
    freeIds: inner.freeId ? [...freeIds, 64] : freeIds,
    flow: profile.entropy === "l3" ? inner.flow3 : inner.flow,
    tx: { endpoint: endpoint.name, tenant: tenant.name, innerBytes: inner.bytes.length },
  };
}

/** A packet of the edge's own: an ICMP error about `original` (RFC 792, 1812), as an IPv4 packet. */
export function icmpErrorPacket(
  from: number,
  to: number,
  original: Uint8Array,
  type: number,
  code: number,
  mtu: number,
): InnerPacket {
  const quote = original.subarray(0, 576 - 28);
  const bytes = new Uint8Array(28 + quote.length);
  bytes[0] = 0x45;
  bytes[1] = 0xc0;
  put16(bytes, 2, bytes.length);
  bytes[8] = 64;
  bytes[9] = 1;
  put32(bytes, 12, from);
  put32(bytes, 16, to);
  bytes[20] = type;
  bytes[21] = code;
  put16(bytes, 26, mtu);
  bytes.set(quote, 28);
  put16(bytes, 22, checksum(bytes, 20));
  const flow = `${from}>${to}:1`;
  return { bytes, tos: 0xc0, forwarded: false, flow, flow3: flow, freeId: true };
}

/** The reply to an echo request: type 0, addresses exchanged, a TTL of the edge's own. */
export function echoReplyPacket(request: InnerPacket): InnerPacket {
  const bytes = request.bytes.slice();
  bytes.set(request.bytes.subarray(16, 20), 12);
  bytes.set(request.bytes.subarray(12, 16), 16);
  bytes[8] = 64;
  const dontFragment = get16(bytes, 6) & 0x4000;
  put16(bytes, 4, 0);
  put16(bytes, 6, dontFragment);
  // Only the type changes, so a request with a wrong checksum has a reply with one that is wrong by as much: RFC 1071's sum
  // goes down by 0x0800, and the checksum up by it.
  bytes[20] = 0;
  const sum = get16(bytes, 22) + 0x0800;
  put16(bytes, 22, sum > 0xffff ? sum - 0xffff : sum);
  return { ...request, ...flowKeys(bytes), bytes, forwarded: false, freeId: dontFragment === 0 };
}

/** Takes over what the edge may choose; false: it chose what it may not. */
export function adopt(output: Output, actual: Uint8Array): boolean {
  const { frame, freeIds, flow } = output;
  if (actual.length !== frame.length) return false;
  for (const at of freeIds) {
    put16(frame, at + 4, get16(actual, at + 4));
    put16(frame, at + 10, 0);
    put16(frame, at + 10, checksum(frame, at, at + 20));
  }
  if (flow !== undefined) {
    const port = get16(actual, ENTROPY_AT);
    if (port < 49152) return false;
    put16(frame, ENTROPY_AT, port);
  }
  return true;
}

export function entropyPort(frame: Uint8Array): number {
  return get16(frame, ENTROPY_AT);
}
