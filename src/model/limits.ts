// Numbers that a model may hold, and what is meant where a document says nothing.

import type { Profile } from "./types.ts";

export interface Range {
  readonly min: number;
  readonly max: number;
}

export const RANGES = {
  /** RFC 7348 section 5: 24 bits; 0 is not given to a tenant. */
  vni: { min: 1, max: 0xffffff },
  port: { min: 1, max: 65535 },
  ttl: { min: 1, max: 255 },
  /** RFC 2474: six bits. */
  dscp: { min: 0, max: 63 },
  /** RFC 791: 576 is what every host takes; 65535 is the largest IPv4 packet. */
  mtuBytes: { min: 576, max: 65535 },
  vmCapacity: { min: 1024, max: 16_777_216 },
  vm6Capacity: { min: 1024, max: 16_777_216 },
  /** IEEE 802.1Q: 0 is no VLAN, 4095 is reserved. */
  vlan: { min: 1, max: 4094 },
  bitsPerSecond: { min: 64_000, max: 400_000_000_000 },
  /** RFC 5880 section 6.8.1: 32 bits of microseconds, and a multiplier of 8 bits. */
  bfdIntervalUs: { min: 1000, max: 60_000_000 },
  bfdMultiplier: { min: 1, max: 255 },
  bfdHoldDownUs: { min: 0, max: 600_000_000 },
  bfdKeyId: { min: 0, max: 255 },
} as const satisfies Record<string, Range>;

/** Tenants, circuits, and servers and gateways together: OBJECTS_MAX of bpf/maps.h, less the sentinel. */
export const OBJECTS_MAX = 16383;

/** One slow packet of BFD, so that a session has also been up at its own pace. */
export const DEFAULT_BFD_HOLD_DOWN_US = 1_000_000;

/** Bytes of a path that the map names keeps. */
export const KEY_FILE_MAX = 127;

/** Elements of the map profiles, less the sentinel. */
export const PROFILES_MAX = 1023;

/** Equal-cost endpoints of one route (ROUTE_GROUP_MAX of bpf/abi.h). */
export const VIA_MAX = 31;

/** Length of a name in characters. */
export const NAME_MAX = 63;

/** Length of an interface name: IFNAMSIZ of linux/if.h without its NUL. */
export const INTERFACE_NAME_MAX = 15;

export const DEFAULT_VM_CAPACITY = 1_048_576;
export const DEFAULT_VM6_CAPACITY = 262_144;

/** VMs that the tables may grow to where the document gives no limit: 89 and 50 MB of the kernel's memory. */
export const DEFAULT_VM_CAPACITY_MAX = 4_194_304;
export const DEFAULT_VM6_CAPACITY_MAX = 1_048_576;

/** Profile of an endpoint that names none. */
export const DEFAULT_PROFILE_NAME = "default";

/** UDP destination ports by IANA; NVGRE has none. */
export const DEFAULT_PORTS = { vxlan: 4789, geneve: 6081 } as const;

/** The profile "default" where a document defines none, and the fields that a profile leaves out. */
export const DEFAULT_PROFILE: Profile = Object.freeze({
  encapsulation: "vxlan",
  port: DEFAULT_PORTS.vxlan,
  ttl: 64,
  dscp: "copy",
  decapsulationDscp: "keep",
  ecn: "normal",
  dontFragment: true,
  udpChecksum: "zero",
  entropy: "l4",
  mssClamp: "off",
});

/** What a tenant's packets do where nothing else is said. */
export const DEFAULT_POLICY = "direct-preferred";
