// IPv4 and IPv6 as the oracle reads them (RFC 791, 1812, 8200).

import { get16, get32, onesSum } from "./packet-bytes.ts";

export type Family = 4 | 6;

/** An address as a key: its bytes, one character each. */
export type Address = string;

export function addressAt(bytes: Uint8Array, at: number, family: Family): Address {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, family === 6 ? 16 : 4).toString("latin1");
}

export function addressBytes(address: Address): Uint8Array {
  return Uint8Array.from(address, (letter) => letter.charCodeAt(0));
}

export function familyOf(address: Address): Family {
  return address.length === 16 ? 6 : 4;
}

/** A packet as far as forwarding has to understand it. */
export interface Reading {
  readonly family: Family;
  /** All of it, and nothing of what is behind it. */
  readonly bytes: Uint8Array;
  readonly tos: number;
  readonly ttl: number;
  readonly source: Address;
  readonly destination: Address;
  /** What the last header that was looked at names, and where that begins. */
  readonly protocol: number;
  readonly payloadAt: number;
  readonly isFragment: boolean;
  readonly isLaterFragment: boolean;
  readonly mayBeFragmented: boolean;
  /** What makes packets one flow: addresses and protocol, and ports where a whole packet has them. */
  readonly flow: string;
  readonly flow3: string;
}

/** RFC 1812 section 5.3.7: this network, loopback, multicast, reserved, broadcast. */
function isMartian4(address: Address): boolean {
  const first = address.charCodeAt(0);
  return first === 0 || first === 127 || first >= 224;
}

export function isLinkLocalOrMulticast6(address: Address): boolean {
  const first = address.charCodeAt(0);
  return first === 0xff || (first === 0xfe && (address.charCodeAt(1) & 0xc0) === 0x80);
}

const ZEROS = "\0".repeat(16);

/** RFC 4291: unspecified, loopback, IPv4-mapped, link-local, multicast. */
function isMartian6(address: Address): boolean {
  if (isLinkLocalOrMulticast6(address) || address === ZEROS) return true;
  return address === `${ZEROS.slice(1)}\x01` || address.startsWith(`${ZEROS.slice(6)}\xff\xff`);
}

const PROTOCOLS_WITH_PORTS = new Set([6, 17, 33, 132, 136]);

function flowsOf(
  bytes: Uint8Array,
  source: Address,
  destination: Address,
  protocol: number,
  portsAt: number | undefined,
): { readonly flow: string; readonly flow3: string } {
  const flow3 = `${source}>${destination}:${protocol}`;
  if (portsAt === undefined || !PROTOCOLS_WITH_PORTS.has(protocol) || bytes.length < portsAt + 4)
    return { flow: flow3, flow3 };
  return { flow: `${flow3}:${get32(bytes, portsAt)}`, flow3 };
}

/** The packet of `family` at `at`, for which there are `available` bytes; or why it is not forwarded. */
export function read(frame: Uint8Array, at: number, available: number, family: Family): Reading | string {
  return family === 6 ? read6(frame, at, available) : read4(frame, at, available);
}

/** A reading of what the edge itself made, and so is sound. */
export function readOwn(bytes: Uint8Array, family: Family): Reading {
  const reading = read(bytes, 0, bytes.length, family);
  if (typeof reading === "string") throw new Error(`read a packet of the oracle's own: ${reading}`);
  return reading;
}

function read4(frame: Uint8Array, at: number, available: number): Reading | string {
  if (frame.length < at + 20) return "malformed";
  const packet = frame.subarray(at);
  const payloadAt = ((packet[0] as number) & 15) * 4;
  const length = get16(packet, 2);
  if ((packet[0] as number) >> 4 !== 4 || payloadAt < 20 || length < payloadAt || length > available)
    return "malformed";
  if (packet.length < payloadAt) return "malformed";
  if (onesSum(packet, 0, payloadAt) !== 0xffff) return "bad_checksum";
  const source = addressAt(packet, 12, 4);
  const destination = addressAt(packet, 16, 4);
  if (isMartian4(source) || isMartian4(destination)) return "martian_address";
  const bytes = packet.subarray(0, length);
  const place = get16(packet, 6);
  const isFragment = (place & 0x3fff) !== 0;
  const protocol = packet[9] as number;
  return {
    family: 4,
    bytes,
    tos: packet[1] as number,
    ttl: packet[8] as number,
    source,
    destination,
    protocol,
    payloadAt,
    isFragment,
    isLaterFragment: (place & 0x1fff) !== 0,
    mayBeFragmented: (place & 0x4000) === 0,
    ...flowsOf(bytes, source, destination, protocol, isFragment ? undefined : payloadAt),
  };
}

/** Hop-by-hop, routing, fragment, authentication, destination options. */
const EXTENSIONS = new Set([0, 43, 44, 51, 60]);
const DEEPEST_CHAIN = 6;

function read6(frame: Uint8Array, at: number, available: number): Reading | string {
  if (frame.length < at + 40) return "malformed";
  const packet = frame.subarray(at);
  const length = 40 + get16(packet, 4);
  if ((packet[0] as number) >> 4 !== 6 || length > available) return "malformed";
  const source = addressAt(packet, 8, 6);
  const destination = addressAt(packet, 24, 6);
  if (isMartian6(source) || isMartian6(destination)) return "martian_address";
  const bytes = packet.subarray(0, length);
  let protocol = packet[6] as number;
  let payloadAt = 40;
  let [isFragment, isLaterFragment] = [false, false];
  for (let depth = 0; depth < DEEPEST_CHAIN && EXTENSIONS.has(protocol) && !isLaterFragment; depth++) {
    if (length < payloadAt + 8) return "malformed";
    const units = packet[payloadAt + 1] as number;
    const size = protocol === 44 ? 8 : protocol === 51 ? (units + 2) * 4 : (units + 1) * 8;
    if (protocol === 44) {
      const place = get16(packet, payloadAt + 2);
      isLaterFragment = place >> 3 !== 0;
      isFragment ||= isLaterFragment || (place & 1) !== 0;
    }
    protocol = packet[payloadAt] as number;
    payloadAt += size;
    if (payloadAt > length) return "malformed";
  }
  return {
    family: 6,
    bytes,
    tos: (get16(packet, 0) >> 4) & 0xff,
    ttl: packet[7] as number,
    source,
    destination,
    protocol,
    payloadAt,
    isFragment,
    isLaterFragment,
    mayBeFragmented: false,
    ...flowsOf(bytes, source, destination, protocol, isFragment ? undefined : payloadAt),
  };
}
