// Addresses of either family.

import type { Ipv4 } from "./ipv4.ts";
import { compareIpv4, ipv4FromBytes, ipv4ToBytes, parseIpv4 } from "./ipv4.ts";
import type { Ipv6 } from "./ipv6.ts";
import { compareIpv6, ipv6FromBytes, ipv6ToBytes, parseIpv6 } from "./ipv6.ts";
import type { Mac } from "./mac.ts";
import { macFromBytes, macFromIpv4 } from "./mac.ts";
import { invalid } from "./text.ts";

export type IpAddress = Ipv4 | Ipv6;
export type IpFamily = 4 | 6;

/**
 * Either family, by its form: a colon makes it IPv6.
 * @throws UnumError ADDRESS_INVALID
 */
export function parseIp(text: unknown): IpAddress {
  const expected = "an IPv4 address such as 10.2.0.1 or an IPv6 address such as 2001:db8::1";
  if (typeof text !== "string") throw invalid("IP address", text, "it is not text", expected);
  if (text.includes(":")) return parseIpv6(text);
  if (text.includes(".")) return parseIpv4(text);
  throw invalid("IP address", text, "it is neither", expected);
}

export function ipFamily(address: IpAddress): IpFamily {
  return address.includes(":") ? 6 : 4;
}

export function isV6(address: IpAddress): address is Ipv6 {
  return ipFamily(address) === 6;
}

/** In wire order: 4 bytes or 16. */
export function ipToBytes(address: IpAddress): Uint8Array {
  return isV6(address) ? ipv6ToBytes(address) : ipv4ToBytes(address);
}

/** Of 4 or 16 bytes in wire order. */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  return bytes.length === 16 ? ipv6FromBytes(bytes) : ipv4FromBytes(bytes);
}

/** IPv4 before IPv6, each in numeric order, for sort(). */
export function compareIp(a: IpAddress, b: IpAddress): number {
  if (isV6(a)) return isV6(b) ? compareIpv6(a, b) : 1;
  return isV6(b) ? -1 : compareIpv4(a, b);
}

/**
 * Locally administered MAC of an object whose document gives none: 02:00 and the four bytes of an IPv4 address, 02:06
 * and a hash of an IPv6 one. Folding the words by xor would give 2001:db8:0:1::2 and 2001:db8:0:2::1 the same.
 */
export function macFromIp(address: IpAddress): Mac {
  if (!isV6(address)) return macFromIpv4(address);
  let hash = 0x811c9dc5; // FNV-1a, 32 bits
  for (const byte of ipv6ToBytes(address)) hash = Math.imul(hash ^ byte, 0x01000193);
  return macFromBytes(Uint8Array.of(2, 6, hash >>> 24, hash >>> 16, hash >>> 8, hash));
}
