// Shapes of a document's objects: which fields there are and what each holds. Unknown fields are refused. The maps and
// lists between the objects are walked by build.ts, so that one bad object does not hide the others.

import { z } from "zod";
import { DEFAULT_BFD_HOLD_DOWN_US, DEFAULT_POLICY, DEFAULT_PROFILE, DEFAULT_PROFILE_NAME } from "../model/index.ts";
import * as field from "./fields.ts";

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
  vmInventory: field.path.optional(),
});

export const edge = z.strictObject({
  address: field.ipv4.optional(),
  address6: field.ipv6.optional(),
  mac: field.mac.optional(),
  interfaces: section,
  capacity: section,
});

export const capacity = z.strictObject({
  vms: field.integer("a number of VMs").optional(),
  vms6: field.integer("a number of VMs").optional(),
  vmsMax: field.integer("a number of VMs").optional(),
  vms6Max: field.integer("a number of VMs").optional(),
});

export const port = z.strictObject({
  name: field.interfaceName,
  role: field.choice("access", "underlay", "both"),
  mode: field.choice("native", "generic").default("native"),
});

export const profile = z.strictObject({
  encapsulation: field.choice("vxlan", "geneve", "nvgre").default(DEFAULT_PROFILE.encapsulation),
  port: field.integer("a UDP port").optional(),
  ttl: field.integer("a TTL").default(DEFAULT_PROFILE.ttl),
  dscp: field
    .field((input) => {
      if (input === "copy" || typeof input === "number") return input;
      throw field.refuse(input, "copy or a code point 0 to 63");
    })
    .default(DEFAULT_PROFILE.dscp),
  decapsulationDscp: field.choice("keep", "copy").default(DEFAULT_PROFILE.decapsulationDscp),
  ecn: field.choice("normal", "compatibility").default(DEFAULT_PROFILE.ecn),
  dontFragment: field.boolean.default(DEFAULT_PROFILE.dontFragment),
  udpChecksum: field.choice("zero", "full").default(DEFAULT_PROFILE.udpChecksum),
  entropy: field.choice("l4", "l3").default(DEFAULT_PROFILE.entropy),
  mtu: field.integer("the bytes of an outer packet").optional(),
  mssClamp: field.choice("off", "auto").default(DEFAULT_PROFILE.mssClamp),
  rateLimit: section,
  bfd: section,
});

export const rateLimit = z.strictObject({ rate: field.rate, burst: field.size.optional() });

export const bfd = z.strictObject({
  interval: field.durationUs,
  multiplier: field.integer("a multiplier"),
  multihop: field.boolean.default(false),
  holdDown: field.durationUs.default(DEFAULT_BFD_HOLD_DOWN_US),
  auth: section,
});

export const bfdAuth = z.strictObject({
  type: field.choice("keyed-sha1", "meticulous-keyed-sha1"),
  keyId: field.integer("the number of a key"),
  keyFile: field.path,
});

const profileName = field.name("a profile").default(DEFAULT_PROFILE_NAME);

/** An endpoint that is used says nothing. */
const drained = field.boolean.optional().transform((is) => (is === true ? is : undefined));

export const server = z.strictObject({
  address: field.ip,
  profile: profileName,
  standby: field.name("a server").optional(),
  mac: field.mac.optional(),
  drained,
});

export const gateway = z.strictObject({ address: field.ip, profile: profileName, mac: field.mac, drained });

export const policy = field.choice("direct-preferred", "direct-only", "gateway-only");

export const tenant = z.strictObject({
  vni: field.integer("a VNI"),
  sourceCheck: field.choice("vm", "member", "off").default("vm"),
  servers: section,
  address: field.ipv4.optional(),
  address6: field.ipv6.optional(),
  policy: policy.default(DEFAULT_POLICY),
  dscpPolicy: section,
  rateLimit: section,
  circuits: section,
  routes: section,
  vms: section,
});

export const circuit = z.strictObject({
  interface: field.interfaceName,
  vlan: field.integer("a VLAN ID").optional(),
  innerVlan: field.integer("a VLAN ID").optional(),
  tag: field.choice("802.1q", "802.1ad").optional(),
  address: field.interfaceAddress.optional(),
  peer: field.ipv4.optional(),
  address6: field.interfaceAddress6.optional(),
  peer6: field.ipv6.optional(),
  peerMac: field.mac.optional(),
});

export const route = z.strictObject({
  prefix: field.prefix,
  via: section,
  circuit: field.name("a circuit").optional(),
});

/** A route that is found by its prefix already. */
export const routeOfPrefix = route.omit({ prefix: true });

export const vm = z.strictObject({ server: field.name("a server"), mac: field.mac, policy: policy.optional() });

const inventoryFields = {
  address: field.ipKey,
  server: field.name("a server"),
  mac: field.mac,
  policy: policy.optional(),
};
/** A line of an inventory; a line of one tenant's need not name it. */
export const inventoryVm = z.strictObject({ tenant: field.name("a tenant"), ...inventoryFields });
export const inventoryVmOfTenant = z.strictObject({ tenant: field.name("a tenant").optional(), ...inventoryFields });

export const endpointName = field.name("a server or gateway");
export const vmAddress = field.ipKey;
export const routePrefix = field.prefix;
export const dscp = field.dscpKey;
