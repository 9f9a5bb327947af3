// IPv6 addresses as canonical text (RFC 5952 section 4): equal addresses are equal strings, so they can be keys of a Map.

import { isIPv6 } from "node:net";
import { invalid } from "./text.ts";

declare const brand: unique symbol;

/** Lower case, no leading zeros, the longest run of zero groups as "::", such as "2001:db8::1". */
export type Ipv6 = string & { readonly [brand]: "Ipv6" };

const WHAT = "IPv6 address";
const EXPECTED = "groups of hexadecimal digits such as 2001:db8::1";

const DOT = 0x2e;
const COLON = 0x3a;

/** Value of a lower or upper case hexadecimal digit. */
function digit(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}

/**
 * The eight groups of a text that is known to be an IPv6 address.
 * @param into receives them; reused by callers that compare millions
 */
function readGroups(text: string, into: Uint16Array): Uint16Array {
  let count = 0;
  /** Groups before "::", or -1. */
  let gap = -1;
  let i = 0;
  if (text.charCodeAt(0) === COLON) i = 1;
  while (i < text.length) {
    if (text.charCodeAt(i) === COLON) {
      gap = count;
      i++;
      continue;
    }
    let hexadecimal = 0;
    let end = i;
    while (end < text.length && text.charCodeAt(end) !== COLON && text.charCodeAt(end) !== DOT) {
      hexadecimal = hexadecimal * 16 + digit(text.charCodeAt(end));
      end++;
    }
    if (text.charCodeAt(end) === DOT) {
      // The last two groups may be written as IPv4 (RFC 4291 section 2.2).
      const octets = text.slice(i).split(".").map(Number) as [number, number, number, number];
      into[count++] = octets[0] * 256 + octets[1];
      into[count++] = octets[2] * 256 + octets[3];
      break;
    }
    into[count++] = hexadecimal;
    i = end + 1;
  }
  if (gap >= 0) {
    const after = count - gap;
    into.copyWithin(8 - after, gap, count);
    into.fill(0, gap, 8 - after);
  }
  return into;
}

/** RFC 5952 section 4.2: "::" stands for the longest run of zero groups, the first of equal ones, never for one alone. */
function writeGroups(groups: Uint16Array): Ipv6 {
  let [start, length] = [-1, 1];
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
    i = end + 1;
  }
  let text = "";
  for (let i = 0; i < 8; ) {
    if (i === start) {
      text += "::";
      i += length;
      continue;
    }
    if (i > 0 && !text.endsWith("::")) text += ":";
    text += (groups[i] as number).toString(16);
    i++;
  }
  return text as Ipv6;
}

function isMapped(groups: Uint16Array): boolean {
  return groups[5] === 0xffff && groups.subarray(0, 5).every((group) => group === 0);
}

/** What is wrong with `text` as an IPv6 address, or undefined when nothing is. */
function ipv6Fault(text: string): string | undefined {
  if (text.includes("%")) return "it has a zone, and an address must mean the same on every link";
  if (text.startsWith("[")) return "it is in brackets";
  if (!text.includes(":")) return "it is not an IPv6 address";
  if (!isIPv6(text)) return "it has not that form";
  if (isMapped(readGroups(text, new Uint16Array(8)))) return "it is an IPv4-mapped address";
  return undefined;
}

/**
 * Takes every form of RFC 4291 section 2.2 and returns the canonical one. No zone, no brackets; IPv4-mapped addresses
 * (::ffff:0:0/96) are refused, because they are a way to write an IPv4 address and not one of a host on the wire.
 * @throws UnumError ADDRESS_INVALID
 */
export function parseIpv6(text: unknown): Ipv6 {
  if (typeof text !== "string") throw invalid(WHAT, text, "it is not text", EXPECTED);
  const fault = ipv6Fault(text);
  if (fault !== undefined) throw invalid(WHAT, text, fault, EXPECTED);
  return writeGroups(readGroups(text, new Uint16Array(8)));
}

/** Whether parseIpv6 takes `text`, which need not be in canonical form. */
export function isIpv6(text: string): boolean {
  return ipv6Fault(text) === undefined;
}

/** Sixteen bytes in network order. */
export function ipv6ToBytes(address: Ipv6): Uint8Array {
  const groups = readGroups(address, new Uint16Array(8));
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 8; i++) {
    const group = groups[i] as number;
    bytes[2 * i] = group >>> 8;
    bytes[2 * i + 1] = group & 255;
  }
  return bytes;
}

/** @throws UnumError ADDRESS_INVALID when fewer than sixteen bytes follow `offset`. */
export function ipv6FromBytes(bytes: Uint8Array, offset = 0): Ipv6 {
  if (offset < 0 || offset + 16 > bytes.length) {
    throw invalid(WHAT, `${bytes.length} bytes`, `no sixteen bytes at offset ${offset}`, "sixteen bytes");
  }
  const groups = new Uint16Array(8);
  for (let i = 0; i < 8; i++) {
    groups[i] = ((bytes[offset + 2 * i] as number) << 8) | (bytes[offset + 2 * i + 1] as number);
  }
  return writeGroups(groups);
}

const [left, right] = [new Uint16Array(8), new Uint16Array(8)];

/** Numeric order, for sort(). */
export function compareIpv6(a: Ipv6, b: Ipv6): number {
  if (a === b) return 0;
  readGroups(a, left);
  readGroups(b, right);
  for (let i = 0; i < 8; i++) {
    const difference = (left[i] as number) - (right[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What an address is for, after RFC 4291 section 2.4. */
export type Ipv6Kind = "unspecified" | "loopback" | "link-local" | "multicast" | "mapped" | "unicast";

export function ipv6Kind(address: Ipv6): Ipv6Kind {
  if (address === "::") return "unspecified";
  if (address === "::1") return "loopback";
  const groups = readGroups(address, new Uint16Array(8));
  const first = groups[0] as number;
  if (first >>> 8 === 0xff) return "multicast";
  if (first >>> 6 === 0xfe80 >>> 6) return "link-local";
  return isMapped(groups) ? "mapped" : "unicast";
}

/** Whether the address names one host wherever it is used: link-local ones mean another host on every link. */
export function isUnicastIpv6(address: Ipv6): boolean {
  return ipv6Kind(address) === "unicast";
}
