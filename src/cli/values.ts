// Options' values, parsed at the edge of the program: what arrives inside is what it says.

import { InvalidArgumentError } from "commander";
import {
  parseInterfaceAddress,
  parseInterfaceAddress6,
  parseIp,
  parseIpPrefix,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "../address/index.ts";
import { causeText } from "../errors.ts";
import { isInterfaceName, isName, NAME_FORM, parseRate, parseSize, RANGES, rateText } from "../model/index.ts";

function checked<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (thrown) {
      throw new InvalidArgumentError(causeText(thrown));
    }
  };
}

export const ipv4 = checked(parseIpv4);
export const ipv6 = checked(parseIpv6);
export const ip = checked(parseIp);
export const mac = checked(parseMac);
export const prefix = checked(parseIpPrefix);
export const interfaceAddress = checked(parseInterfaceAddress);
export const interfaceAddress6 = checked(parseInterfaceAddress6);

export function name(text: string): string {
  if (isName(text)) return text;
  throw new InvalidArgumentError(`expected ${NAME_FORM}`);
}

export function interfaceName(text: string): string {
  if (isInterfaceName(text)) return text;
  throw new InvalidArgumentError("expected the name of an interface, up to 15 characters");
}

export function names(text: string): string[] {
  return text === "" ? [] : text.split(",").map((part) => name(part.trim()));
}

export function integer(range: keyof typeof RANGES): (text: string) => number {
  const { min, max } = RANGES[range];
  return (text) => {
    const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`expected ${min} to ${max}`);
  };
}

/** A number of things to show. */
export function positive(text: string): number {
  const value = /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError("expected a number above 0");
}

export function dscp(text: string): "copy" | number {
  if (text === "copy") return "copy";
  try {
    return integer("dscp")(text);
  } catch {
    throw new InvalidArgumentError(`expected "copy" or ${RANGES.dscp.min} to ${RANGES.dscp.max}`);
  }
}

/** One of a few words. */
export function oneOf(...words: readonly string[]): (text: string) => string {
  const quoted = words.map((word) => JSON.stringify(word));
  return (text) => {
    if (words.includes(text)) return text;
    throw new InvalidArgumentError(`expected ${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`);
  };
}

export const POLICIES = ["direct-preferred", "direct-only", "gateway-only"] as const;

/** "46=direct-only,8=gateway-only" as the map that the document has. */
export function dscpPolicies(text: string): Readonly<Record<string, string>> {
  const policies: Record<string, string> = {};
  for (const part of text.split(",")) {
    const [, dscp = "", policy = ""] = /^\s*([^=\s]+)=([^=\s]+)\s*$/.exec(part) ?? [];
    if (dscp === "")
      throw new InvalidArgumentError("expected code points and policies such as 46=direct-only,8=gateway-only");
    const point = String(integer("dscp")(dscp));
    if (Object.hasOwn(policies, point)) throw new InvalidArgumentError(`expected code point ${point} once`);
    policies[point] = oneOf(...POLICIES)(policy);
  }
  return policies;
}

/** A rate, as the document writes it. */
export function rate(text: string): string {
  const { min, max } = RANGES.bitsPerSecond;
  const value = parseRate(text) ?? -1;
  if (value >= min && value <= max) return text;
  throw new InvalidArgumentError(`expected ${rateText(min)} to ${rateText(max)}, such as 100Mbit/s`);
}

/** A size, as the document writes it. What a burst may be depends on its rate: the document's check knows it. */
export function size(text: string): string {
  if (parseSize(text) !== undefined) return text;
  throw new InvalidArgumentError("expected a size such as 1500B, 256KiB or 1MB");
}

export function onOff(text: string): boolean {
  if (text === "on") return true;
  if (text === "off") return false;
  throw new InvalidArgumentError('expected "on" or "off"');
}

/** What takes a field away. A symbol: commander makes an empty text of null. */
export const NONE = Symbol("none");

/** A value, or the word that takes the field away. */
export function orNone<T>(parse: (text: string) => T): (text: string) => T | typeof NONE {
  return (text) => (text === "none" ? NONE : parse(text));
}
