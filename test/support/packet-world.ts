// The network that packet tests take place in: one document, and the machine around it.

import { LIMITED_TENANTS, MIX_GATEWAYS, MIX_HOPS, MIX_PROFILES, MIX_SERVERS, MIX_TENANTS } from "./packet-world-mix.ts";
import { PLAIN_GATEWAYS, PLAIN_HOPS, PLAIN_PROFILES, PLAIN_SERVERS, PLAIN_TENANTS } from "./packet-world-plain.ts";
import { type HopSpec, PORT_SPECS, PORTS, type World } from "./packet-world-types.ts";

export * from "./packet-world-types.ts";

export const EDGE = { address: "10.2.0.1", address6: "2001:db8:2::1", mac: "02:ed:00:00:00:01" } as const;

const interfaces = PORTS.map((name) => ({ name, role: PORT_SPECS[name].role }));

export const WORLD: World = {
  version: 1,
  edge: { ...EDGE, interfaces, capacity: { vms: 1024, vms6: 1024 } },
  profiles: { ...PLAIN_PROFILES, ...MIX_PROFILES },
  servers: { ...PLAIN_SERVERS, ...MIX_SERVERS },
  gateways: { ...PLAIN_GATEWAYS, ...MIX_GATEWAYS },
  tenants: { ...PLAIN_TENANTS, ...MIX_TENANTS, ...LIMITED_TENANTS },
};

/** The same with what its first part needs, and nothing else: a program without any feature is enough for it. */
export const PLAIN_WORLD: World = {
  version: 1,
  edge: { address: EDGE.address, mac: EDGE.mac, interfaces, capacity: { vms: 1024, vms6: 1024 } },
  profiles: PLAIN_PROFILES,
  servers: PLAIN_SERVERS,
  gateways: PLAIN_GATEWAYS,
  tenants: PLAIN_TENANTS,
};

export const HOPS: Readonly<Record<string, HopSpec>> = { ...PLAIN_HOPS, ...MIX_HOPS };

/** MACs that circuits without a peerMac have learned when a test starts, by ARP and by neighbour discovery. */
export const LEARNED: Readonly<Record<string, string>> = {
  "acme/hq": "02:c0:00:00:00:01",
  "mix/lan": "02:c6:00:00:00:04",
  "mix/qinq": "02:ca:00:00:00:04",
};
export const LEARNED6: Readonly<Record<string, string>> = {
  "mix/lan": "02:c6:00:00:00:06",
  "mix/qinq": "02:ca:00:00:00:06",
};
