// Addresses as rows hold them: `__be32` for IPv4, `__be32[4]` for IPv6 and for either. Zero: none.

import type { IpAddress, Ipv4, Ipv6 } from "../address/index.ts";
import { ipv4FromNumber, ipv4ToNumber, ipv6FromBytes, ipv6ToBytes, isV6 } from "../address/index.ts";

export const NO_WORDS: readonly number[] = [0, 0, 0, 0];

/** Of an IPv4 address the first word, the others zero. */
export function addressWords(address: IpAddress): readonly number[] {
  if (!isV6(address)) return [ipv4ToNumber(address), 0, 0, 0];
  const bytes = ipv6ToBytes(address);
  const view = new DataView(bytes.buffer);
  return [0, 4, 8, 12].map((at) => view.getUint32(at));
}

export function ipv6FromWords(words: readonly number[]): Ipv6 {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [at, word] of words.entries()) view.setUint32(4 * at, word);
  return ipv6FromBytes(bytes);
}

/** Undefined where the words say that there is none. */
export function optionalIpv6(words: readonly number[]): Ipv6 | undefined {
  return words.every((word) => word === 0) ? undefined : ipv6FromWords(words);
}

export function optionalIpv4(number: number): Ipv4 | undefined {
  return number === 0 ? undefined : ipv4FromNumber(number);
}
