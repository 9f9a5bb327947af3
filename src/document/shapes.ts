// Shapes of a document's objects: which fields there are and what each holds. Unknown fields are refused. The maps and
// lists between the objects are walked by build.ts, so that one bad object does not hide the others.

import { z } from "zod";
import { DEFAULT_PROFILE, DEFAULT_PROFILE_NAME } from "../model/index.ts";
import * as field from "./fields.ts";
import { LATER_ENCAPSULATIONS, laterText } from "./later.ts";

const section = z.unknown().optional();

export const version = field.field((input) => {
  if (input === 1) return input;
  throw field.refuse(input, "version 1 of the document format");
});

export const document = z.strictObject({
  version,
  edge: section,
  profiles: section,
  servers: section,
  gateways: section,
  tenants: section,
});

export const edge = z.strictObject({
  address: field.ipv4,
  mac: field.mac.optional(),
  interfaces: section,
  capacity: section,
});

export const capacity = z.strictObject({ vms: field.integer("a number of VMs").optional() });

export const port = z.strictObject({
  name: field.interfaceName,
  role: field.choice("access", "underlay", "both"),
  mode: field.choice("native", "generic").default("native"),
});

const encapsulation = field.field((input): "vxlan" => {
  if (input === "vxlan") return input;
  if (typeof input === "string" && LATER_ENCAPSULATIONS.has(input))
    throw new Error(`${laterText(input)}, expected vxlan`);
  throw field.refuse(input, "vxlan");
});

/** Names of what a later release offers, with the one setting that this one has. */
const only = (value: string) =>
  field.field((input) => {
    if (input === value) return undefined;
    throw new Error(`${laterText(field.shown(input))}, expected ${value}`);
  });

export const profile = z.strictObject({
  encapsulation: encapsulation.default(DEFAULT_PROFILE.encapsulation),
  port: field.integer("a UDP port").default(DEFAULT_PROFILE.port),
  ttl: field.integer("a TTL").default(DEFAULT_PROFILE.ttl),
  dscp: field
    .field((input) => {
      if (input === "copy" || typeof input === "number") return input;
      throw field.refuse(input, "copy or a code point 0 to 63");
    })
    .default(DEFAULT_PROFILE.dscp),
  ecn: field.choice("normal", "compatibility").default(DEFAULT_PROFILE.ecn),
  dontFragment: field.boolean.default(DEFAULT_PROFILE.dontFragment),
  entropy: field.choice("l4", "l3").default(DEFAULT_PROFILE.entropy),
  mtu: field.integer("the bytes of an outer packet").optional(),
  bfd: section,
  udpChecksum: only("zero").optional(),
});

export const bfd = z.strictObject({ interval: field.durationUs, multiplier: field.integer("a multiplier") });

const profileName = field.name("a profile").default(DEFAULT_PROFILE_NAME);

export const server = z.strictObject({
  address: field.ipv4,
  profile: profileName,
  standby: field.name("a server").optional(),
  mac: field.mac.optional(),
});

export const gateway = z.strictObject({ address: field.ipv4, profile: profileName, mac: field.mac });

export const tenant = z.strictObject({
  vni: field.integer("a VNI"),
  sourceCheck: field.choice("vm", "member", "off").default("vm"),
  servers: section,
  circuits: section,
  routes: section,
  vms: section,
});

export const circuit = z.strictObject({
  interface: field.interfaceName,
  address: field.interfaceAddress,
  peer: field.ipv4,
  peerMac: field.mac.optional(),
});

export const route = z.strictObject({
  prefix: field.prefix,
  via: section,
  circuit: field.name("a circuit").optional(),
});

export const vm = z.strictObject({ server: field.name("a server"), mac: field.mac });

export const endpointName = field.name("a server or gateway");
export const address = field.ipv4;
