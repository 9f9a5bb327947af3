// The demonstration network as data: who is where, with which addresses. topology.ts builds it.

/** A VM of a tenant, on a server. */
export interface VmPlan {
  readonly address: string;
  readonly mac: string;
  /** Name of its server in the document and of the server's namespace. */
  readonly server: string;
  /** A hidden VM is in no document: only the gateway knows it, and is its router. */
  readonly hidden?: boolean;
}

/** A tenant with one customer site. */
export interface TenantPlan {
  readonly name: string;
  readonly vni: number;
  /** The edge's port, and the name of the customer's namespace. */
  readonly port: string;
  readonly customer: string;
  readonly vms: readonly VmPlan[];
}

/** Addresses in the underlay, by namespace. */
export const UNDERLAY = { edge: "10.2.0.1", s1: "10.2.0.2", s2: "10.2.0.3", gw1: "10.2.0.9" } as const;

/** The edge as a router of every overlay: 02:00 and its address. The document's default. */
export const EDGE_MAC = "02:00:0a:02:00:01";
export const GATEWAY_MAC = "02:00:00:00:00:09";

/** The circuit, the same for every tenant: their addresses may overlap. */
export const CIRCUIT = { prefix: "10.1.0.0/24", address: "10.1.0.1/24", customer: "10.1.0.2" } as const;
/** What every tenant's VMs are in, and what the gateway can reach. */
export const VM_PREFIX = "172.16.0.0/12";
/** VMs and gateway use it as the address of the edge in the overlay. */
export const ROUTER = "169.254.0.1";
/** 1500 of the underlay less IPv4, UDP, VXLAN and Ethernet headers. */
export const OVERLAY_MTU_BYTES = 1450;

const vm = (host: number, server: string): VmPlan => ({
  address: `172.16.0.${host}`,
  mac: `02:00:00:00:00:${host.toString(16).padStart(2, "0")}`,
  server,
});

/** Two servers with three VMs each, and one VM that only the gateway knows. */
export const ACME: TenantPlan = {
  name: "acme",
  vni: 100,
  port: "e0",
  customer: "customer",
  vms: [...[1, 2, 3].map((n) => vm(n, "s1")), ...[4, 5, 6].map((n) => vm(n, "s2")), { ...vm(7, "s2"), hidden: true }],
};

/** A second tenant with the addresses of the first, elsewhere. */
export const GLOBEX: TenantPlan = {
  name: "globex",
  vni: 200,
  port: "e2",
  customer: "customer-globex",
  vms: [vm(1, "s2"), vm(4, "s1")],
};

/** The document that describes this network to the edge. */
export function documentOf(tenants: readonly TenantPlan[]): string {
  const ports = tenants.map((tenant) => `    - {name: ${tenant.port}, role: access}`).join("\n");
  return `version: 1
edge:
  address: ${UNDERLAY.edge}
  interfaces:
${ports}
    - {name: e1, role: underlay}
profiles:
  default: {encapsulation: vxlan, ttl: 64, dscp: copy}
servers:
  s1: {address: ${UNDERLAY.s1}}
  s2: {address: ${UNDERLAY.s2}}
gateways:
  gw1: {address: ${UNDERLAY.gw1}, mac: ${GATEWAY_MAC}}
tenants:
${tenants.map(tenantText).join("")}`;
}

function tenantText(tenant: TenantPlan): string {
  const vms = tenant.vms.filter((vm) => !vm.hidden);
  return `  ${tenant.name}:
    vni: ${tenant.vni}
    circuits:
      hq: {interface: ${tenant.port}, address: ${CIRCUIT.address}, peer: ${CIRCUIT.customer}}
    routes:
      - {prefix: ${VM_PREFIX}, via: [gw1]}      # what no VM below matches
      - {prefix: ${CIRCUIT.prefix}, circuit: hq}
    vms:
${vms.map((vm) => `      ${vm.address}: {server: ${vm.server}, mac: ${vm.mac}}\n`).join("")}`;
}
