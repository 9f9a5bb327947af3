// The measured network as data: who is where. chain.bpf.c writes frames with the same addresses.

import { type Mix, PLAIN } from "./mixes.ts";

/** Names of the edge's two ports: frames come in at `in`, and leave at `out` unless they are sent back. */
export const PORTS = { in: "e0", out: "e1" } as const;

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
export const VMS_MAX = 1 << 22;
export const TENANT = "bench";
export const VNI = 100;

/** VM n is on server n modulo this. A power of two. */
export const SERVER_COUNT = 64;
export const serverName = (n: number): string => `s${n}`;
export const serverAddress = (n: number): string => `10.2.1.${n}`;
export const serverAddress6 = (n: number): string => `2001:db8:2:1::${(n + 1).toString(16)}`;

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
  /** Port of the circuit. */
  readonly circuit: string;
  /** VMs that the table is made for. */
  readonly capacity: number;
  /** VMs that are in the document itself. */
  readonly vms?: number;
  readonly mix?: Mix;
}

/** Addresses of the circuit, and its network. */
const CIRCUITS = {
  4: [`address: ${CIRCUIT_ADDRESS}, peer: ${CUSTOMER}`, CIRCUIT_PREFIX],
  6: ['address6: "2001:db8:1::1/64", peer6: "2001:db8:1::2"', "2001:db8:1::/64"],
} as const;

/** The document of an edge with the servers, one circuit and some of the VMs. */
export function documentOf({ circuit, capacity, vms = 0, mix = PLAIN }: DocumentOptions): string {
  const [addresses, prefix] = CIRCUITS[mix.inner];
  const [addressOf, vtep] =
    mix.outer === 4 ? [serverAddress, `address: ${EDGE_ADDRESS}`] : [serverAddress6, `address6: ${EDGE_ADDRESS6}`];
  const servers = Array.from({ length: SERVER_COUNT }, (_, n) => n);
  const lines = Array.from(
    { length: vms },
    (_, n) => `      ${vmAddress(n)}: {server: ${serverName(n % SERVER_COUNT)}, mac: ${vmMac(n)}}\n`,
  );
  return `version: 1
edge:
  ${vtep}
  interfaces:
    - {name: ${circuit}, role: access}
    - {name: ${circuit === PORTS.in ? PORTS.out : PORTS.in}, role: underlay}
  capacity: {vms: ${capacity}}
profiles:
  default: {encapsulation: ${mix.format}, ttl: 64, dscp: copy}
servers:
${servers.map((n) => `  ${serverName(n)}: {address: "${addressOf(n)}"}\n`).join("")}tenants:
  ${TENANT}:
    vni: ${VNI}
    servers: [${servers.map(serverName).join(", ")}]
    circuits:
      hq: {interface: ${circuit}, ${addresses}, peerMac: ${NEIGHBOUR_MAC}}
    routes:
      - {prefix: "${prefix}", circuit: hq}
${lines.length === 0 ? "" : `    vms:\n${lines.join("")}`}`;
}
