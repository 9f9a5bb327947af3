// Options' values, parsed at the edge of the program: what arrives inside is what it says.

import { InvalidArgumentError } from "commander";
import { parseInterfaceAddress, parseIpv4, parseMac, parsePrefix } from "../address/index.ts";
import { causeText } from "../errors.ts";
import { isInterfaceName, isName, NAME_FORM, RANGES } from "../model/index.ts";

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
export const mac = checked(parseMac);
export const prefix = checked(parsePrefix);
export const interfaceAddress = checked(parseInterfaceAddress);

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

export function dscp(text: string): "copy" | number {
  if (text === "copy") return "copy";
  try {
    return integer("dscp")(text);
  } catch {
    throw new InvalidArgumentError(`expected "copy" or ${RANGES.dscp.min} to ${RANGES.dscp.max}`);
  }
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
