// What the checks of all kinds of objects share.

import type { IpAddress, Mac } from "../address/index.ts";
import { ipv4Kind, ipv6Kind, isV6, macIsGroup, macIsZero } from "../address/index.ts";
import type { Range } from "./limits.ts";
import { RANGES } from "./limits.ts";
import { suggestion } from "./names.ts";
import type { ModelPath, Problems } from "./problems.ts";
import { burstRange, rateText, sizeText } from "./rate.ts";
import type { Model, RateLimit } from "./types.ts";

/** What the checks share. */
export interface Validation {
  readonly model: Model;
  readonly problems: Problems;
  /** Whether a section, or an object in it, could not be read: references to it are not wrong for that. */
  unread(...path: string[]): boolean;
}

/** @returns whether `value` is in the range */
export function requireRange({ problems }: Validation, path: ModelPath, value: number, range: Range): boolean {
  if (Number.isInteger(value) && value >= range.min && value <= range.max) return true;
  problems.add(path, `${value} is out of range, expected ${range.min} to ${range.max}`);
  return false;
}

const KIND_TEXT = {
  zero: "an address of this network",
  unspecified: "the unspecified address",
  loopback: "a loopback address",
  "link-local": "a link-local address",
  multicast: "a multicast address",
  reserved: "a reserved address",
  broadcast: "the broadcast address",
  mapped: "an IPv4-mapped address",
} as const;

/** What an address is that no single host has, or undefined. IPv4 link-local addresses are hosts' own (RFC 3927). */
function notUnicast(address: IpAddress): string | undefined {
  if (isV6(address)) {
    const kind = ipv6Kind(address);
    return kind === "unicast" ? undefined : KIND_TEXT[kind];
  }
  const kind = ipv4Kind(address);
  return kind === "unicast" || kind === "link-local" ? undefined : KIND_TEXT[kind];
}

/** One host must be able to have the address. */
export function requireUnicast({ problems }: Validation, path: ModelPath, address: IpAddress, whose: string): void {
  const what = notUnicast(address);
  if (what !== undefined) problems.add(path, `${address} is ${what}, expected the address of ${whose}`);
}

/** One interface must be able to have the MAC. */
export function requireStationMac({ problems }: Validation, path: ModelPath, mac: Mac): void {
  if (macIsGroup(mac)) problems.add(path, `${mac} is a group address, expected the MAC of one interface`);
  else if (macIsZero(mac)) problems.add(path, `${mac} is no address, expected the MAC of one interface`);
}

/** A limit that a packet can pass, and that is one. */
export function requireRateLimit(validation: Validation, path: ModelPath, limit: RateLimit | undefined): void {
  if (limit === undefined) return;
  const require = (field: string, value: number, { min, max }: Range, text: (value: number) => string): boolean => {
    if (Number.isInteger(value) && value >= min && value <= max) return true;
    const message = `${text(value)} is out of range, expected ${text(min)} to ${text(max)}`;
    validation.problems.add([...path, field], message);
    return false;
  };
  const { bitsPerSecond, burstBytes } = limit;
  if (!require("rate", bitsPerSecond, RANGES.bitsPerSecond, rateText)) return;
  require("burst", burstBytes, burstRange(bitsPerSecond), sizeText);
}

/**
 * Why `name` is not the name of a server.
 * @param except a server that cannot have been meant
 */
export function missingServer({ model }: Pick<Validation, "model">, name: string, except?: string): string {
  if (model.gateways.has(name)) return `${JSON.stringify(name)} is a gateway, expected a server`;
  const candidates = [...model.servers.keys()].filter((candidate) => candidate !== except);
  return `no server is named ${JSON.stringify(name)}${suggestion(name, candidates) || ", expected one"}`;
}

/** @param hint what was probably meant, or nothing */
export function missingProfile(name: string, hint: string): string {
  return `no profile is named ${JSON.stringify(name)}${hint || ", expected one"}`;
}

export function missingEndpoint(name: string, hint: string): string {
  return `no server or gateway is named ${JSON.stringify(name)}${hint || ", expected one"}`;
}

export function missingCircuit(tenant: string, name: string, hint: string): string {
  return `tenant ${tenant} has no circuit named ${JSON.stringify(name)}${hint || ", expected one"}`;
}
