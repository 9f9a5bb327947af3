// The measured network as data: who is where. frames.h writes frames with the same addresses.

import { type Mix, PLAIN } from "./mixes.ts";

/** Names of two of the edge's ports: frames come in at `in`, and leave at `out` unless they are sent back. */
export interface Ports {
  readonly in: string;
  readonly out: string;
}

/** A tenant with ports and servers of its own. */
export interface Side {
  readonly tenant: string;
  readonly vni: number;
  readonly ports: Ports;
  /** Server n is `s` and n, at `network` and n; over IPv6 at `network6` and n + 1. */
  readonly server: string;
  readonly network: string;
  readonly network6: string;
}

export const SIDE: Side = {
  ...{ tenant: "bench", vni: 100, ports: { in: "e0", out: "e1" } },
  ...{ server: "s", network: "10.2.1.", network6: "2001:db8:2:1::" },
};
/** For a second chain through the same edge. */
export const OTHER_SIDE: Side = {
  ...{ tenant: "other", vni: 200, ports: { in: "e2", out: "e3" } },
  ...{ server: "t", network: "10.2.2.", network6: "2001:db8:2:2::" },
};

export const { ports: PORTS, tenant: TENANT, vni: VNI } = SIDE;

export const EDGE_ADDRESS = "10.2.0.1";
export const EDGE_ADDRESS6 = "2001:db8:2::1";
export const CUSTOMER = "10.1.0.2";
export const CIRCUIT_ADDRESS = "10.1.0.1/24";
export const CIRCUIT_PREFIX = "10.1.0.0/24";
/** All VMs: 10.64.0.0 + n is VM n. */
export const VM_PREFIX = "10.64.0.0/10";
export const FIRST_VM = 0x0a400000;
/** With IPv6, 2001:db8:40:: + n is VM n: the first three words. */
export const VM6_WORDS = [0x20010db8, 0x00400000, 0] as const;
/** 10.2.1.0, as a number. */
export const FIRST_SERVER = 0x0a020100;
export const VMS_MAX = 1 << 22;

/** VM n is on server n modulo this. A power of two. */
export const SERVER_COUNT = 64;
export const serverName = (n: number, side = SIDE): string => `${side.server}${n}`;
export const serverAddress = (n: number, side = SIDE): string => `${side.network}${n}`;
const serverAddress6 = (n: number, side: Side): string => `${side.network6}${(n + 1).toString(16)}`;

/** Whoever is beyond the edge's ports: frames end there, whatever their address. */
export const NEIGHBOUR_MAC = "02:00:00:00:00:fe";

/** Bytes of a frame without its FCS, in the customer's form. */
export const FRAME_BYTES = 64;

export const vmAddress = (n: number): string => {
  const address = FIRST_VM + n;
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
};

export const vmMac = (n: number): string =>
  ["02", "01", ...[24, 16, 8, 0].map((shift) => ((n >>> shift) & 0xff).toString(16).padStart(2, "0"))].join(":");

export interface DocumentOptions {
  /** VMs that the table is made for. */
  readonly capacity: number;
  /** Whether the circuits are at the ports where frames leave, and not at those where they come in. */
  readonly circuitsOut?: boolean;
  /** VMs of the first side that are in the document itself. */
  readonly vms?: number;
  readonly mix?: Mix;
  readonly sides?: readonly Side[];
  /** Addresses of servers that are not the usual ones, by name. */
  readonly moved?: Readonly<Record<string, string>>;
}

/** Addresses of the circuit, and its network. */
const CIRCUITS = {
  4: [`address: ${CIRCUIT_ADDRESS}, peer: ${CUSTOMER}`, CIRCUIT_PREFIX],
  6: ['address6: "2001:db8:1::1/64", peer6: "2001:db8:1::2"', "2001:db8:1::/64"],
} as const;

export const SERVERS: readonly number[] = Array.from({ length: SERVER_COUNT }, (_, n) => n);

/** The document of an edge: each side has a tenant, its servers, one circuit, and, the first one, some of the VMs. */
export function documentOf(options: DocumentOptions): string {
  const { capacity, circuitsOut = false, vms = 0, mix = PLAIN, sides = [SIDE], moved = {} } = options;
  const vtep = mix.outer === 4 ? `address: ${EDGE_ADDRESS}` : `address6: ${EDGE_ADDRESS6}`;
  const addressOf = mix.outer === 4 ? serverAddress : serverAddress6;
  const interfaces = sides.flatMap(({ ports }) => [
    `    - {name: ${ports.in}, role: ${circuitsOut ? "underlay" : "access"}}\n`,
    `    - {name: ${ports.out}, role: ${circuitsOut ? "access" : "underlay"}}\n`,
  ]);
  const servers = sides.flatMap((side) =>
    SERVERS.map((n) => {
      const name = serverName(n, side);
      return `  ${name}: {address: "${moved[name] ?? addressOf(n, side)}"}\n`;
    }),
  );
  return `version: 1
edge:
  ${vtep}
  interfaces:
${interfaces.join("")}  capacity: {vms: ${capacity}}
profiles:
  default: {encapsulation: ${mix.format}, ttl: 64, dscp: copy}
servers:
${servers.join("")}tenants:
${sides.map((side, at) => tenantOf(side, circuitsOut, mix, at === 0 ? vms : 0)).join("")}`;
}

function tenantOf(side: Side, circuitsOut: boolean, mix: Mix, vms: number): string {
  const [addresses, prefix] = CIRCUITS[mix.inner];
  const port = circuitsOut ? side.ports.out : side.ports.in;
  const lines = Array.from(
    { length: vms },
    (_, n) => `      ${vmAddress(n)}: {server: ${serverName(n % SERVER_COUNT, side)}, mac: ${vmMac(n)}}\n`,
  );
  return `  ${side.tenant}:
    vni: ${side.vni}
    servers: [${SERVERS.map((n) => serverName(n, side)).join(", ")}]
    circuits:
      hq: {interface: ${port}, ${addresses}, peerMac: ${NEIGHBOUR_MAC}}
    routes:
      - {prefix: "${prefix}", circuit: hq}
${lines.length === 0 ? "" : `    vms:\n${lines.join("")}`}`;
}
