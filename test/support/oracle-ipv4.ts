// IPv4 as the oracle reads it (RFC 791, 1812).

import { get16, get32, onesSum } from "./packet-bytes.ts";

export function addressOf(packet: Uint8Array, which: "source" | "destination"): number {
  return get32(packet, which === "source" ? 12 : 16);
}

/** RFC 1812 section 5.3.7: this network, loopback, multicast, reserved, broadcast. */
export function isMartian(address: number): boolean {
  const first = address >>> 24;
  return first === 0 || first === 127 || first >= 224;
}

/** Why the packet at `at`, for which there are `available` bytes, is not forwarded; undefined: it is sound. */
export function faultOf(frame: Uint8Array, at: number, available: number): string | undefined {
  if (frame.length < at + 20) return "malformed";
  const packet = frame.subarray(at);
  const headerBytes = ((packet[0] as number) & 15) * 4;
  const length = get16(packet, 2);
  if ((packet[0] as number) >> 4 !== 4 || headerBytes < 20 || length < headerBytes || length > available)
    return "malformed";
  if (packet.length < headerBytes) return "malformed";
  if (onesSum(packet, 0, headerBytes) !== 0xffff) return "bad_checksum";
  if (isMartian(addressOf(packet, "source")) || isMartian(addressOf(packet, "destination"))) return "martian_address";
  return undefined;
}

const PROTOCOLS_WITH_PORTS = new Set([6, 17, 33, 132, 136]);

/** What makes packets one flow: addresses and protocol, and ports where a whole packet has them. */
export function flowKeys(packet: Uint8Array): { readonly flow: string; readonly flow3: string } {
  const headerBytes = ((packet[0] as number) & 15) * 4;
  const protocol = packet[9] as number;
  const flow3 = `${get32(packet, 12)}>${get32(packet, 16)}:${protocol}`;
  const whole = (get16(packet, 6) & 0x3fff) === 0;
  if (!whole || !PROTOCOLS_WITH_PORTS.has(protocol) || packet.length < headerBytes + 4) return { flow: flow3, flow3 };
  return { flow: `${flow3}:${get32(packet, headerBytes)}`, flow3 };
}
