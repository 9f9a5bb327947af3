// Prefixes and interface addresses of both families as canonical text. An address of one family is in no prefix of the
// other.

import type { IpAddress, IpFamily } from "./ip.ts";
import { compareIp, ipFamily, isV6 } from "./ip.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipv4FromNumber, ipv4ToNumber, isIpv4 } from "./ipv4.ts";
import type { Ipv6 } from "./ipv6.ts";
import { ipv6FromBytes, ipv6ToBytes, isIpv6, parseIpv6 } from "./ipv6.ts";
import { invalid, strictDecimal } from "./text.ts";

declare const brand: unique symbol;

/** A network such as "172.16.0.0/12"; the bits after the length are zero. */
export type Ipv4Prefix = string & { readonly [brand]: "Ipv4Prefix" };
/** A network such as "2001:db8::/32"; the bits after the length are zero. */
export type Ipv6Prefix = string & { readonly [brand]: "Ipv6Prefix" };
export type IpPrefix = Ipv4Prefix | Ipv6Prefix;

/** An address with the length of its network, such as "10.1.0.1/24"; the host part is kept. */
export type InterfaceAddress = string & { readonly [brand]: "InterfaceAddress" };
/** Such as "2001:db8:1::1/64". */
export type InterfaceAddress6 = string & { readonly [brand]: "InterfaceAddress6" };

/** Anything of one family that has an address before a slash. */
type With4 = Ipv4Prefix | InterfaceAddress;
type With6 = Ipv6Prefix | InterfaceAddress6;

const BITS = { 4: 32, 6: 128 } as const;

/** Netmask of a prefix length as an unsigned number. Not `<<` alone: a shift by 32 is a shift by 0. */
function mask(length: number): number {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}

function network4(address: Ipv4, length: number): Ipv4 {
  return ipv4FromNumber((ipv4ToNumber(address) & mask(length)) >>> 0);
}

function network6(address: Ipv6, length: number): Ipv6 {
  const bytes = ipv6ToBytes(address);
  for (let i = 0; i < 16; i++) (bytes[i] as number) &= mask(Math.min(Math.max(length - 8 * i, 0), 8)) >>> 24;
  return ipv6FromBytes(bytes);
}

function split(what: string, text: unknown, family: IpFamily, expected: string): { address: string; length: number } {
  if (typeof text !== "string") throw invalid(what, text, "it is not text", expected);
  const slash = text.indexOf("/");
  if (slash < 0) throw invalid(what, text, "it has no /length", expected);
  const length = strictDecimal(text.slice(slash + 1), BITS[family]);
  if (length < 0) throw invalid(what, text, `its length is not a number 0 to ${BITS[family]}`, expected);
  const address = text.slice(0, slash);
  if (family === 4 ? !isIpv4(address) : !isIpv6(address)) {
    throw invalid(what, text, `its address is not an IPv${family} address`, expected);
  }
  return { address, length };
}

function refuseHostBits(what: string, text: unknown, address: IpAddress, length: number, network: IpAddress): void {
  if (network === address) return;
  const expected = `${network}/${length}, or ${hostPrefix(address)} for one address`;
  throw invalid(what, text, "it has host bits set", expected);
}

/**
 * Refuses host bits: 10.0.0.1/8 names the network 10.0.0.0/8 or the address 10.0.0.1, and nobody can tell which.
 * @throws UnumError ADDRESS_INVALID
 */
export function parsePrefix(text: unknown): Ipv4Prefix {
  const parts = split("IPv4 prefix", text, 4, "an IPv4 prefix such as 172.16.0.0/12");
  const address = parts.address as Ipv4;
  refuseHostBits("IPv4 prefix", text, address, parts.length, network4(address, parts.length));
  return text as Ipv4Prefix;
}

/**
 * Canonical text of an IPv6 prefix without host bits.
 * @throws UnumError ADDRESS_INVALID
 */
export function parsePrefix6(text: unknown): Ipv6Prefix {
  const parts = split("IPv6 prefix", text, 6, "an IPv6 prefix such as 2001:db8::/32");
  const address = parseIpv6(parts.address);
  refuseHostBits("IPv6 prefix", text, address, parts.length, network6(address, parts.length));
  return `${address}/${parts.length}` as Ipv6Prefix;
}

/**
 * Either family, by its form: a colon makes it IPv6.
 * @throws UnumError ADDRESS_INVALID
 */
export function parseIpPrefix(text: unknown): IpPrefix {
  if (typeof text === "string") return text.includes(":") ? parsePrefix6(text) : parsePrefix(text);
  throw invalid("prefix", text, "it is not text", "a prefix such as 172.16.0.0/12 or 2001:db8::/32");
}

/** @throws UnumError ADDRESS_INVALID */
export function parseInterfaceAddress(text: unknown): InterfaceAddress {
  split("interface address", text, 4, "an IPv4 address with the length of its network such as 10.1.0.1/24");
  return text as InterfaceAddress;
}

/** @throws UnumError ADDRESS_INVALID */
export function parseInterfaceAddress6(text: unknown): InterfaceAddress6 {
  const expected = "an IPv6 address with the length of its network such as 2001:db8:1::1/64";
  const { address, length } = split("interface address", text, 6, expected);
  return `${parseIpv6(address)}/${length}` as InterfaceAddress6;
}

/** Joins an address and a length 0 to 32, or 128, clearing host bits. */
export function prefixOf(address: Ipv4, length: number): Ipv4Prefix;
export function prefixOf(address: Ipv6, length: number): Ipv6Prefix;
export function prefixOf(address: IpAddress, length: number): IpPrefix;
export function prefixOf(address: IpAddress, length: number): IpPrefix {
  return `${isV6(address) ? network6(address, length) : network4(address, length)}/${length}` as IpPrefix;
}

/** Joins an address and a length 0 to 32, or 128. */
export function interfaceAddressOf(address: Ipv4, length: number): InterfaceAddress;
export function interfaceAddressOf(address: Ipv6, length: number): InterfaceAddress6;
export function interfaceAddressOf(address: IpAddress, length: number): InterfaceAddress | InterfaceAddress6 {
  const text = `${address}/${length}`;
  return isV6(address) ? parseInterfaceAddress6(text) : parseInterfaceAddress(text);
}

/** The address before the slash: the network of a prefix, the own address of an interface. */
export function prefixAddress(prefix: With4): Ipv4;
export function prefixAddress(prefix: With6): Ipv6;
export function prefixAddress(prefix: With4 | With6): IpAddress;
export function prefixAddress(prefix: With4 | With6): IpAddress {
  return prefix.slice(0, prefix.indexOf("/")) as IpAddress;
}

export function prefixLength(prefix: With4 | With6): number {
  return Number(prefix.slice(prefix.indexOf("/") + 1));
}

/** The network that an interface address lies in. */
export function networkOf(address: InterfaceAddress): Ipv4Prefix;
export function networkOf(address: InterfaceAddress6): Ipv6Prefix;
export function networkOf(address: InterfaceAddress | InterfaceAddress6): IpPrefix;
export function networkOf(address: InterfaceAddress | InterfaceAddress6): IpPrefix {
  return prefixOf(prefixAddress(address), prefixLength(address));
}

export function prefixContains(prefix: With4 | With6, address: IpAddress): boolean {
  const [network, length] = [prefixAddress(prefix), prefixLength(prefix)];
  if (isV6(network)) return isV6(address) && network6(network, length) === network6(address, length);
  return !isV6(address) && ((ipv4ToNumber(network) ^ ipv4ToNumber(address)) & mask(length)) === 0;
}

export function prefixesOverlap(a: With4 | With6, b: With4 | With6): boolean {
  return prefixLength(a) <= prefixLength(b) ? prefixContains(a, prefixAddress(b)) : prefixContains(b, prefixAddress(a));
}

/**
 * Whether `address` belongs to the network as a whole and to no host of it: the network and broadcast addresses of IPv4
 * (RFC 3021: /31 and /32 have none), the subnet-router anycast address of IPv6 (RFC 4291 section 2.6.1; RFC 6164: /127
 * has none, and neither has /128).
 */
export function isNetworkOrBroadcast(network: With4 | With6, address: IpAddress): boolean {
  const length = prefixLength(network);
  if (length >= BITS[ipFamily(address)] - 1 || !prefixContains(network, address)) return false;
  if (isV6(address)) return network6(address, length) === address;
  const host = (ipv4ToNumber(address) & ~mask(length)) >>> 0;
  return host === 0 || host === ~mask(length) >>> 0;
}

/** IPv4 first; numeric order by address, then shorter first, for sort(). */
export function comparePrefix(a: With4 | With6, b: With4 | With6): number {
  return compareIp(prefixAddress(a), prefixAddress(b)) || prefixLength(a) - prefixLength(b);
}

/** The prefix of one address: "10.1.0.1/32", "2001:db8::1/128". */
export function hostPrefix(address: Ipv4): Ipv4Prefix;
export function hostPrefix(address: Ipv6): Ipv6Prefix;
export function hostPrefix(address: IpAddress): IpPrefix;
export function hostPrefix(address: IpAddress): IpPrefix {
  return `${address}/${BITS[ipFamily(address)]}` as IpPrefix;
}
