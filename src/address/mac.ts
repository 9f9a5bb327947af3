// Ethernet addresses as canonical text: six lower-case hexadecimal bytes joined by colons.

import type { Ipv4 } from "./ipv4.ts";
import { ipv4ToNumber } from "./ipv4.ts";
import { invalid } from "./text.ts";

declare const brand: unique symbol;

/** Such as "02:00:00:00:00:05", always lower case. */
export type Mac = string & { readonly [brand]: "Mac" };

const EXPECTED = "six hexadecimal bytes joined by colons such as 02:00:00:00:00:05";
const FORM = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

export const ZERO_MAC = "00:00:00:00:00:00" as Mac;
export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff" as Mac;

/**
 * Accepts upper case and returns lower case; every byte has two digits.
 * @throws UnumError ADDRESS_INVALID
 */
export function parseMac(text: unknown): Mac {
  if (typeof text !== "string") throw invalid("MAC address", text, "it is not text", EXPECTED);
  const lower = text.toLowerCase();
  // toLowerCase maps a few letters outside of ASCII into it: length and form are checked on the result.
  if (!FORM.test(lower)) throw invalid("MAC address", text, "it has not that form", EXPECTED);
  return lower as Mac;
}

export function isMac(text: string): boolean {
  return FORM.test(text.toLowerCase());
}

/** Six bytes in the order of the wire. */
export function macToBytes(mac: Mac): Uint8Array {
  const bytes = new Uint8Array(6);
  for (let i = 0; i < 6; i++) bytes[i] = Number.parseInt(mac.slice(3 * i, 3 * i + 2), 16);
  return bytes;
}

/** @throws UnumError ADDRESS_INVALID when fewer than six bytes follow `offset`. */
export function macFromBytes(bytes: Uint8Array, offset = 0): Mac {
  if (offset < 0 || offset + 6 > bytes.length) {
    throw invalid("MAC address", `${bytes.length} bytes`, `no six bytes at offset ${offset}`, "six bytes");
  }
  let text = "";
  for (let i = 0; i < 6; i++) {
    const byte = bytes[offset + i] as number;
    text += `${i === 0 ? "" : ":"}${byte < 16 ? "0" : ""}${byte.toString(16)}`;
  }
  return text as Mac;
}

/** Multicast or broadcast: the group bit of IEEE 802, the lowest of the first byte. */
export function macIsGroup(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

export function macIsZero(mac: Mac): boolean {
  return mac === ZERO_MAC;
}

/** Locally administered MAC 02:00 followed by the address: what an object has when its document gives none. */
export function macFromIpv4(address: Ipv4): Mac {
  const digits = ipv4ToNumber(address).toString(16).padStart(8, "0");
  return `02:00:${digits.match(/../g)?.join(":")}` as Mac;
}

/** Byte order, for sort(). */
export function compareMac(a: Mac, b: Mac): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
