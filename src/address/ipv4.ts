// IPv4 addresses as canonical text: equal addresses are equal strings, so they can be keys of a Map.

import { invalid, strictDecimal } from "./text.ts";

declare const brand: unique symbol;

/** Dotted quad in its one canonical form, such as "10.2.0.1". Made by {@link parseIpv4} and friends only. */
export type Ipv4 = string & { readonly [brand]: "Ipv4" };

const EXPECTED = "four decimal numbers 0 to 255 such as 10.2.0.1";

/** What is wrong with `text` as an IPv4 address, or undefined when nothing is. */
function ipv4Fault(text: string): string | undefined {
  const octets = text.split(".", 6);
  if (octets.length !== 4) return text.includes(":") ? "it is not an IPv4 address" : "it has not four parts";
  for (const [index, octet] of octets.entries()) {
    if (strictDecimal(octet, 255) >= 0) continue;
    if (/^0[0-9]+$/.test(octet)) return `part ${index + 1} has a leading zero`;
    if (/^[0-9]+$/.test(octet)) return `part ${index + 1} is above 255`;
    return `part ${index + 1} is not a decimal number`;
  }
  return undefined;
}

/**
 * Strict RFC 6943 section 3.1.1 form: four decimal octets, no leading zeros, no spaces, no short forms.
 * @throws UnumError ADDRESS_INVALID
 */
export function parseIpv4(text: unknown): Ipv4 {
  if (typeof text !== "string") throw invalid("IPv4 address", text, "it is not text", EXPECTED);
  const fault = ipv4Fault(text);
  if (fault !== undefined) throw invalid("IPv4 address", text, fault, EXPECTED);
  return text as Ipv4;
}

export function isIpv4(text: string): text is Ipv4 {
  return ipv4Fault(text) === undefined;
}

/** The address as an unsigned 32-bit number in host meaning: 0.0.0.1 is 1. */
export function ipv4ToNumber(address: Ipv4): number {
  let value = 0;
  let octet = 0;
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === 0x2e) {
      value = value * 256 + octet;
      octet = 0;
    } else {
      octet = octet * 10 + (code - 0x30);
    }
  }
  return value * 256 + octet;
}

/** @throws UnumError ADDRESS_INVALID unless `value` is an integer 0 to 2^32 - 1. */
export function ipv4FromNumber(value: number): Ipv4 {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw invalid("IPv4 address", String(value), "it is not a 32-bit number", "an integer 0 to 4294967295");
  }
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as Ipv4;
}

/** Four bytes in network order. */
export function ipv4ToBytes(address: Ipv4): Uint8Array {
  const value = ipv4ToNumber(address);
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** @throws UnumError ADDRESS_INVALID when fewer than four bytes follow `offset`. */
export function ipv4FromBytes(bytes: Uint8Array, offset = 0): Ipv4 {
  if (offset < 0 || offset + 4 > bytes.length) {
    throw invalid("IPv4 address", `${bytes.length} bytes`, `no four bytes at offset ${offset}`, "four bytes");
  }
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}` as Ipv4;
}

/** Numeric order, for sort(). */
export function compareIpv4(a: Ipv4, b: Ipv4): number {
  return ipv4ToNumber(a) - ipv4ToNumber(b);
}

/** What an address is for, after RFC 6890: only `unicast` and `link-local` name a single host on a network. */
export type Ipv4Kind = "zero" | "loopback" | "link-local" | "multicast" | "reserved" | "broadcast" | "unicast";

export function ipv4Kind(address: Ipv4): Ipv4Kind {
  const value = ipv4ToNumber(address);
  const first = value >>> 24;
  if (first === 0) return "zero";
  if (first === 127) return "loopback";
  if (value >>> 16 === 0xa9fe) return "link-local";
  if (first >= 224 && first <= 239) return "multicast";
  if (value === 0xffffffff) return "broadcast";
  if (first >= 240) return "reserved";
  return "unicast";
}

/** Whether one host may have this address (RFC 1812 section 5.3.7 has the ones that none may). */
export function isUnicastIpv4(address: Ipv4): boolean {
  const kind = ipv4Kind(address);
  return kind === "unicast" || kind === "link-local";
}
