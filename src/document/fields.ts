// Readers of single values, as zod types. Each takes what the tree holds and says in one line what it expected.

import { isIPv4, isIPv6 } from "node:net";
import { z } from "zod";
import {
  parseInterfaceAddress,
  parseInterfaceAddress6,
  parseIp,
  parseIpPrefix,
  parseIpv4,
  parseIpv6,
  parseMac,
  quote,
} from "../address/index.ts";
import { causeText } from "../errors.ts";
import {
  isInterfaceName,
  isName,
  NAME_FORM,
  parseDurationUs,
  parseRate,
  parseSize,
  RANGES,
  suggestion,
} from "../model/index.ts";
import { Unusual } from "./tree.ts";

/** A reader's refusal; its message is the problem. */
class Refusal extends Error {}

/** What a value looks like in a message. */
export function shown(input: unknown): string {
  if (input === null) return "nothing";
  if (input instanceof Unusual) return `the number ${input.source.slice(0, 40)}`;
  if (typeof input === "string") return quote(input);
  if (typeof input === "number") return `the number ${input}`;
  if (Array.isArray(input)) return "a list";
  return typeof input === "object" ? "a map" : String(input);
}

export function refuse(input: unknown, expected: string): Refusal {
  return new Refusal(
    input === undefined ? `missing, expected ${expected}` : `${shown(input)} given, expected ${expected}`,
  );
}

/** A zod type of `read`, which throws a Refusal or an UnumError for what it does not take. */
export function field<T>(read: (input: unknown) => T) {
  return z.unknown().transform((input, context): T => {
    try {
      return read(input);
    } catch (error) {
      context.addIssue({ code: "custom", message: causeText(error) });
      return z.NEVER;
    }
  });
}

interface AddressOptions {
  /** The one family that is taken. */
  readonly family?: 4 | 6;
  /** Whether objects are found by the text, so that each must have one text only. */
  readonly identity?: boolean;
}

/** An address as text: `parse` is one of src/address, whose message is kept without its verb. */
function addressField<T extends string>(
  expected: string,
  parse: (text: string) => T,
  { family, identity = false }: AddressOptions = {},
) {
  return field((input): T => {
    if (typeof input !== "string") throw refuse(input, expected);
    const address = input.includes("/") ? input.slice(0, input.indexOf("/")) : input;
    if (family === 4 && isIPv6(address)) throw new Refusal(`${quote(input)} is IPv6, expected ${expected}`);
    if (family === 6 && isIPv4(address)) throw new Refusal(`${quote(input)} is IPv4, expected ${expected}`);
    let read: T;
    try {
      read = parse(input);
    } catch (error) {
      throw new Refusal(
        `${quote(input)} is not ${expected}: ${causeText(error).replace(/^parse [^"]*"(?:[^"\\]|\\.)*": /, "")}`,
      );
    }
    if (identity && read !== input) throw new Refusal(`${quote(input)} has another form, expected ${read}`);
    return read;
  });
}

export const ipv4 = addressField("an IPv4 address", parseIpv4, { family: 4 });
export const ipv6 = addressField("an IPv6 address", parseIpv6, { family: 6 });
export const ip = addressField("an IPv4 or IPv6 address", parseIp);
/** Of a VM: the key that it is found by. */
export const ipKey = addressField("an IPv4 or IPv6 address", parseIp, { identity: true });
/** Of a route, which is found by it. */
export const prefix = addressField("an IPv4 or IPv6 prefix", parseIpPrefix, { identity: true });
export const interfaceAddress = addressField("an IPv4 address with the length of its network", parseInterfaceAddress, {
  family: 4,
});
export const interfaceAddress6 = addressField(
  "an IPv6 address with the length of its network",
  parseInterfaceAddress6,
  {
    family: 6,
  },
);
export const mac = addressField("a MAC address", parseMac);

/** Plain decimal. Ranges are the model's to check. */
export const integer = (expected: string) =>
  field((input): number => {
    if (input instanceof Unusual && Number.isInteger(Number(input.source))) {
      const value = Number(input.source);
      const hint = /^0\d/.test(input.source) ? "without leading zeros" : `such as ${value}`;
      throw new Refusal(
        `the number ${input.source} is not written plainly, expected ${expected} in plain decimal, ${hint}`,
      );
    }
    if (typeof input !== "number") throw refuse(input, expected);
    return input;
  });

/** Numbers are names too: `standby: 2` is the server that the key `2:` made. */
export const name = (what: string) =>
  field((input): string => {
    const text = typeof input === "number" ? String(input) : input instanceof Unusual ? input.source : input;
    if (typeof text !== "string") {
      throw refuse(input, `the name of ${what}${typeof input === "boolean" ? " (in quotes)" : ""}`);
    }
    if (!isName(text)) throw new Refusal(`${quote(text)} is no name, expected ${NAME_FORM}`);
    return text;
  });

export const interfaceName = field((input): string => {
  const text = typeof input === "number" ? String(input) : input;
  if (typeof text !== "string") throw refuse(input, "the name of a network interface");
  if (!isInterfaceName(text))
    throw new Refusal(`${quote(text)} cannot be the name of a network interface, expected such as eth0`);
  return text;
});

/** Of a file. */
export const path = field((input): string => {
  if (typeof input === "string" && input !== "" && !input.includes("\0")) return input;
  throw refuse(input, "the path of a file");
});

export function choice<const T extends string>(...choices: readonly T[]) {
  const expected = choices.length === 1 ? choices[0] : `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  return field((input): T => {
    if (typeof input !== "string") throw refuse(input, expected as string);
    const found = choices.find((each) => each === input);
    if (found === undefined)
      throw new Refusal(`${quote(input)} given, expected ${expected}${suggestion(input, choices)}`);
    return found;
  });
}

export const boolean = field((input): boolean => {
  if (typeof input !== "boolean") throw refuse(input, "true or false");
  return input;
});

/** A text with a unit that `parse` makes a number of. */
function amount(expected: string, parse: (text: string) => number | undefined) {
  return field((input): number => {
    const value = typeof input === "string" ? parse(input) : undefined;
    if (value === undefined) throw refuse(input, expected);
    return value;
  });
}

/** In microseconds. */
export const durationUs = amount("a duration such as 300us, 100ms or 1s", parseDurationUs);

/** In bits per second. */
export const rate = amount("a rate in bit/s, kbit/s, Mbit/s or Gbit/s such as 100Mbit/s", parseRate);

/** In bytes. */
export const size = amount("a size in B, kB, KiB, MB or MiB such as 256KiB", parseSize);

/** A key that is a code point. */
export const dscpKey = field((input): number => {
  const value = /^(0|[1-9][0-9]?)$/.test(String(input)) ? Number(input) : -1;
  const { min, max } = RANGES.dscp;
  if (value < min || value > max) throw new Refusal(`${shown(input)} is no code point, expected ${min} to ${max}`);
  return value;
});
