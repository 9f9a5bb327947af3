// What the checks of all kinds of objects share.

import type { Ipv4, Mac } from "../address/index.ts";
import { ipv4Kind, isUnicastIpv4, macIsGroup, macIsZero } from "../address/index.ts";
import type { Range } from "./limits.ts";
import { suggestion } from "./names.ts";
import type { ModelPath, Problems } from "./problems.ts";
import type { Model } from "./types.ts";

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
  loopback: "a loopback address",
  multicast: "a multicast address",
  reserved: "a reserved address",
  broadcast: "the broadcast address",
} as const;

/** One host must be able to have the address. */
export function requireUnicast({ problems }: Validation, path: ModelPath, address: Ipv4, whose: string): void {
  if (isUnicastIpv4(address)) return;
  const kind = ipv4Kind(address) as keyof typeof KIND_TEXT;
  problems.add(path, `${address} is ${KIND_TEXT[kind]}, expected the address of ${whose}`);
}

/** One interface must be able to have the MAC. */
export function requireStationMac({ problems }: Validation, path: ModelPath, mac: Mac): void {
  if (macIsGroup(mac)) problems.add(path, `${mac} is a group address, expected the MAC of one interface`);
  else if (macIsZero(mac)) problems.add(path, `${mac} is no address, expected the MAC of one interface`);
}

/**
 * Why `name` is not the name of a server.
 * @param except a server that cannot have been meant
 */
export function missingServer({ model }: Validation, name: string, except?: string): string {
  if (model.gateways.has(name)) return `${JSON.stringify(name)} is a gateway, expected a server`;
  const candidates = [...model.servers.keys()].filter((candidate) => candidate !== except);
  return `no server is named ${JSON.stringify(name)}${suggestion(name, candidates) || ", expected one"}`;
}
