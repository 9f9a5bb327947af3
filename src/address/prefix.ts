// IPv4 prefixes and interface addresses as canonical text.

import type { Ipv4 } from "./ipv4.ts";
import { ipv4FromNumber, ipv4ToNumber, isIpv4 } from "./ipv4.ts";
import { invalid, strictDecimal } from "./text.ts";

declare const brand: unique symbol;

/** A network such as "172.16.0.0/12"; the bits after the length are zero. */
export type Ipv4Prefix = string & { readonly [brand]: "Ipv4Prefix" };

/** An address with the length of its network, such as "10.1.0.1/24"; the host part is kept. */
export type InterfaceAddress = string & { readonly [brand]: "InterfaceAddress" };

/** Netmask of a prefix length as an unsigned number. Not `<<` alone: a shift by 32 is a shift by 0. */
function mask(length: number): number {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}

function split(what: string, text: unknown, expected: string): { address: Ipv4; length: number } {
  if (typeof text !== "string") throw invalid(what, text, "it is not text", expected);
  const slash = text.indexOf("/");
  if (slash < 0) throw invalid(what, text, "it has no /length", expected);
  const length = strictDecimal(text.slice(slash + 1), 32);
  if (length < 0) throw invalid(what, text, "its length is not a number 0 to 32", expected);
  const address = text.slice(0, slash);
  if (!isIpv4(address)) throw invalid(what, text, "its address is not an IPv4 address", expected);
  return { address, length };
}

/**
 * Refuses host bits: 10.0.0.1/8 names the network 10.0.0.0/8 or the address 10.0.0.1, and nobody can tell which.
 * @throws UnumError ADDRESS_INVALID
 */
export function parsePrefix(text: unknown): Ipv4Prefix {
  const expected = "an IPv4 prefix such as 172.16.0.0/12";
  const { address, length } = split("IPv4 prefix", text, expected);
  const network = ipv4FromNumber((ipv4ToNumber(address) & mask(length)) >>> 0);
  if (network !== address) {
    throw invalid(
      "IPv4 prefix",
      text,
      "it has host bits set",
      `${network}/${length}, or ${address}/32 for one address`,
    );
  }
  return text as Ipv4Prefix;
}

/** @throws UnumError ADDRESS_INVALID */
export function parseInterfaceAddress(text: unknown): InterfaceAddress {
  split("interface address", text, "an IPv4 address with the length of its network such as 10.1.0.1/24");
  return text as InterfaceAddress;
}

/** Joins an address and a length 0 to 32, clearing host bits. */
export function prefixOf(address: Ipv4, length: number): Ipv4Prefix {
  return `${ipv4FromNumber((ipv4ToNumber(address) & mask(length)) >>> 0)}/${length}` as Ipv4Prefix;
}

/** Joins an address and a length 0 to 32. */
export function interfaceAddressOf(address: Ipv4, length: number): InterfaceAddress {
  return parseInterfaceAddress(`${address}/${length}`);
}

/** The address before the slash: the network of a prefix, the own address of an interface. */
export function prefixAddress(prefix: Ipv4Prefix | InterfaceAddress): Ipv4 {
  return prefix.slice(0, prefix.indexOf("/")) as Ipv4;
}

export function prefixLength(prefix: Ipv4Prefix | InterfaceAddress): number {
  return Number(prefix.slice(prefix.indexOf("/") + 1));
}

/** The network that an interface address lies in. */
export function networkOf(address: InterfaceAddress): Ipv4Prefix {
  return prefixOf(prefixAddress(address), prefixLength(address));
}

export function prefixContains(prefix: Ipv4Prefix | InterfaceAddress, address: Ipv4): boolean {
  const bits = mask(prefixLength(prefix));
  return ((ipv4ToNumber(prefixAddress(prefix)) ^ ipv4ToNumber(address)) & bits) === 0;
}

export function prefixesOverlap(a: Ipv4Prefix | InterfaceAddress, b: Ipv4Prefix | InterfaceAddress): boolean {
  return prefixLength(a) <= prefixLength(b) ? prefixContains(a, prefixAddress(b)) : prefixContains(b, prefixAddress(a));
}

/** Whether `address` is the network or the broadcast address of a network that has such (RFC 3021: /31 and /32 have none). */
export function isNetworkOrBroadcast(network: Ipv4Prefix | InterfaceAddress, address: Ipv4): boolean {
  const length = prefixLength(network);
  if (length >= 31 || !prefixContains(network, address)) return false;
  const host = (ipv4ToNumber(address) & ~mask(length)) >>> 0;
  return host === 0 || host === ~mask(length) >>> 0;
}

/** Numeric order by address, then shorter first, for sort(). */
export function comparePrefix(a: Ipv4Prefix | InterfaceAddress, b: Ipv4Prefix | InterfaceAddress): number {
  return ipv4ToNumber(prefixAddress(a)) - ipv4ToNumber(prefixAddress(b)) || prefixLength(a) - prefixLength(b);
}

/** The prefix of one address: "10.1.0.1/32". */
export function hostPrefix(address: Ipv4): Ipv4Prefix {
  return `${address}/32` as Ipv4Prefix;
}
