// The measured network as data: who is where. chain.bpf.c writes frames with the same addresses.

/** Names of the edge's two ports: frames come in at `in`, and leave at `out` unless they are sent back. */
export const PORTS = { in: "e0", out: "e1" } as const;

export const EDGE_ADDRESS = "10.2.0.1";
export const CUSTOMER = "10.1.0.2";
export const CIRCUIT_ADDRESS = "10.1.0.1/24";
export const CIRCUIT_PREFIX = "10.1.0.0/24";
/** All VMs: 10.64.0.0 + n is VM n. */
export const VM_PREFIX = "10.64.0.0/10";
export const FIRST_VM = 0x0a400000;
export const VMS_MAX = 1 << 22;
export const TENANT = "bench";
export const VNI = 100;

/** VM n is on server n modulo this. A power of two. */
export const SERVER_COUNT = 64;
export const serverName = (n: number): string => `s${n}`;
export const serverAddress = (n: number): string => `10.2.1.${n}`;

/** Whoever is beyond the edge's ports: frames end there, whatever their address. */
export const NEIGHBOUR_MAC = "02:00:00:00:00:fe";

/** Bytes of a frame without its FCS: in the customer's form, and with the outer headers. */
export const FRAME_BYTES = 64;
export const TUNNEL_BYTES = 50;

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
}

/** The document of an edge with the servers, one circuit and some of the VMs. */
export function documentOf({ circuit, capacity, vms = 0 }: DocumentOptions): string {
  const servers = Array.from({ length: SERVER_COUNT }, (_, n) => n);
  const lines = Array.from(
    { length: vms },
    (_, n) => `      ${vmAddress(n)}: {server: ${serverName(n % SERVER_COUNT)}, mac: ${vmMac(n)}}\n`,
  );
  return `version: 1
edge:
  address: ${EDGE_ADDRESS}
  interfaces:
    - {name: ${circuit}, role: access}
    - {name: ${circuit === PORTS.in ? PORTS.out : PORTS.in}, role: underlay}
  capacity: {vms: ${capacity}}
profiles:
  default: {encapsulation: vxlan, ttl: 64, dscp: copy}
servers:
${servers.map((n) => `  ${serverName(n)}: {address: ${serverAddress(n)}}\n`).join("")}tenants:
  ${TENANT}:
    vni: ${VNI}
    servers: [${servers.map(serverName).join(", ")}]
    circuits:
      hq: {interface: ${circuit}, address: ${CIRCUIT_ADDRESS}, peer: ${CUSTOMER}, peerMac: ${NEIGHBOUR_MAC}}
    routes:
      - {prefix: ${CIRCUIT_PREFIX}, circuit: hq}
${lines.length === 0 ? "" : `    vms:\n${lines.join("")}`}`;
}
