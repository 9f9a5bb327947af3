// Builds the demonstration network. Nothing in it is ours except what will run at the edge's ports:
//
//   customer ── e0 [edge] e1 ──┐
//                              ├ underlay (bridge) ┬─ s1   VXLAN device ─ bridge ─ VM VM VM
//                              │                   ├─ s2   VXLAN device ─ bridge ─ VM VM VM, VM
//                              │                   └─ gw1  VXLAN device, routes to the last VM

import {
  bridge,
  connect,
  createNamespace,
  type End,
  ip,
  type Namespace,
  removeNamespace,
  run,
  sysctl,
} from "./network.ts";
import {
  ACME,
  CIRCUIT,
  EDGE_MAC,
  GATEWAY_MAC,
  OVERLAY_MTU_BYTES,
  ROUTER,
  type TenantPlan,
  UNDERLAY,
  type VmPlan,
} from "./plan.ts";

/** A built network. Namespaces: edge, underlay, s1, s2, gw1, one per customer, one per VM (`TENANT-vmN`). */
export interface Lab {
  readonly tenants: readonly TenantPlan[];
  /** Throws when there is none of that name. */
  namespace(name: string): Namespace;
  vm(tenant: TenantPlan, address: string): Namespace;
  [Symbol.asyncDispose](): Promise<void>;
}

const namespaceOf = (tenant: TenantPlan, vm: VmPlan) => `${tenant.name}-vm${vm.address.split(".").at(-1)}`;
const vxlanOf = (tenant: TenantPlan) => `vxlan${tenant.vni}`;
const bridgeOf = (tenant: TenantPlan) => `br${tenant.vni}`;
/** Interface of a VM's server, and of the VM, that join them. */
const legs = (tenant: TenantPlan, vm: VmPlan, server: string) => {
  const host = vm.address.split(".").at(-1);
  return { outer: `t${tenant.vni}vm${host}`, inner: `eth-${server}` };
};

export async function buildLab(tenants: readonly TenantPlan[] = [ACME]): Promise<Lab> {
  const namespaces = new Map<string, Namespace>();
  const namespace = (name: string) => {
    const found = namespaces.get(name);
    if (!found) throw new Error(`find namespace ${name}: the lab has ${[...namespaces.keys()].join(", ")}`);
    return found;
  };
  const lab: Lab = {
    tenants,
    namespace,
    vm: (tenant, address) => namespace(namespaceOf(tenant, findVm(tenant, address))),
    async [Symbol.asyncDispose]() {
      await Promise.all([...namespaces.values()].map(removeNamespace));
    },
  };
  const names = [
    ...["edge", "underlay", "s1", "s2", "gw1"],
    ...tenants.flatMap((tenant) => [tenant.customer, ...tenant.vms.map((vm) => namespaceOf(tenant, vm))]),
  ];
  try {
    await Promise.all(names.map(async (name) => namespaces.set(name, await createNamespace(name))));
    await buildUnderlay(lab);
    await Promise.all(tenants.map((tenant) => buildTenant(lab, tenant)));
  } catch (error) {
    await lab[Symbol.asyncDispose]().catch(() => {}); // the first failure is the one to tell
    throw error;
  }
  return lab;
}

function findVm(tenant: TenantPlan, address: string): VmPlan {
  const found = tenant.vms.find((vm) => vm.address === address);
  if (!found)
    throw new Error(`find VM ${address}: ${tenant.name} has ${tenant.vms.map((vm) => vm.address).join(", ")}`);
  return found;
}

async function buildUnderlay(lab: Lab): Promise<void> {
  const underlay = lab.namespace("underlay");
  await ip(underlay, "link add br0 type bridge", "link set br0 up");
  const port = (name: string): End => ({ namespace: underlay, name, master: "br0" });
  const host = (name: keyof typeof UNDERLAY, device: string): End => ({
    namespace: lab.namespace(name),
    name: device,
    address: `${UNDERLAY[name]}/24`,
  });
  await Promise.all([
    connect(host("edge", "e1"), { ...port("to-edge"), gro: true }),
    ...(["s1", "s2", "gw1"] as const).map((name) => connect(host(name, "u0"), port(`to-${name}`))),
  ]);
  await sysctl(lab.namespace("gw1"), 1, "ipv4/ip_forward");
}

async function buildTenant(lab: Lab, tenant: TenantPlan): Promise<void> {
  const customer = lab.namespace(tenant.customer);
  await connect(
    { namespace: customer, name: "c0", address: `${CIRCUIT.customer}/24`, mac: "02:00:0a:01:00:02", gro: true },
    { namespace: lab.namespace("edge"), name: tenant.port },
  );
  await ip(customer, `route add default via ${CIRCUIT.address.split("/")[0]}`);
  await Promise.all([buildServer(lab, tenant, "s1"), buildServer(lab, tenant, "s2"), buildGateway(lab, tenant)]);
  await Promise.all(
    tenant.vms.map(async (vm) => {
      await attachVm(lab, tenant, vm.address, vm.server);
      await routeVm(lab, tenant, vm.address, vm.server, vm.hidden ? GATEWAY_MAC : EDGE_MAC);
    }),
  );
}

/** The kernel's VXLAN device, with fixed entries: learning would open a way around the edge. */
async function addVxlan(namespace: Namespace, tenant: TenantPlan, local: string, mac: string): Promise<void> {
  const device = vxlanOf(tenant);
  await ip(
    namespace,
    `link add ${device} address ${mac} type vxlan id ${tenant.vni} dstport 4789 local ${local} nolearning`,
    `link set ${device} mtu ${OVERLAY_MTU_BYTES} up`,
  );
  await bridge(namespace, `fdb append ${EDGE_MAC} dev ${device} dst ${UNDERLAY.edge} self`);
}

async function buildServer(lab: Lab, tenant: TenantPlan, name: "s1" | "s2"): Promise<void> {
  const server = lab.namespace(name);
  const device = vxlanOf(tenant);
  await addVxlan(server, tenant, UNDERLAY[name], `02:01:00:00:00:0${name.slice(1)}`);
  await ip(
    server,
    `link add ${bridgeOf(tenant)} type bridge`,
    `link set ${bridgeOf(tenant)} mtu ${OVERLAY_MTU_BYTES} up`,
    `link set ${device} master ${bridgeOf(tenant)}`,
  );
  await bridge(
    server,
    `fdb append ${GATEWAY_MAC} dev ${device} dst ${UNDERLAY.gw1} self`,
    ...[EDGE_MAC, GATEWAY_MAC].map((mac) => `fdb add ${mac} dev ${device} master static`),
  );
}

/** A router between the edge and the servers, in the overlay. */
async function buildGateway(lab: Lab, tenant: TenantPlan): Promise<void> {
  const gateway = lab.namespace("gw1");
  const device = vxlanOf(tenant);
  const hidden = tenant.vms.filter((vm) => vm.hidden);
  // One tenant's gateway is one routing table; the lab's other tenants have no hidden VMs.
  if (hidden.length === 0) return;
  await addVxlan(gateway, tenant, UNDERLAY.gw1, GATEWAY_MAC);
  await ip(
    gateway,
    `neigh add ${ROUTER} lladdr ${EDGE_MAC} dev ${device} nud permanent`,
    `route add ${CIRCUIT.prefix} via ${ROUTER} dev ${device} onlink`,
    ...hidden.flatMap((vm) => [
      `neigh add ${vm.address} lladdr ${vm.mac} dev ${device} nud permanent`,
      `route add ${vm.address}/32 dev ${device}`,
    ]),
  );
  const underlayOf = (vm: VmPlan) => UNDERLAY[vm.server as keyof typeof UNDERLAY];
  await bridge(gateway, ...hidden.map((vm) => `fdb append ${vm.mac} dev ${device} dst ${underlayOf(vm)} self`));
}

/** Plugs a VM into a server, beside where it already is: that is what a live migration looks like to the network. */
export async function attachVm(lab: Lab, tenant: TenantPlan, address: string, server: string): Promise<void> {
  const vm = findVm(tenant, address);
  const { outer, inner } = legs(tenant, vm, server);
  const namespace = lab.vm(tenant, address);
  const mtuBytes = OVERLAY_MTU_BYTES;
  await connect(
    { namespace, name: inner, mac: vm.mac, address: `${address}/32`, mtuBytes },
    { namespace: lab.namespace(server), name: outer, master: bridgeOf(tenant), mtuBytes },
  );
  await bridge(lab.namespace(server), `fdb add ${vm.mac} dev ${outer} master static`);
}

/** Makes a VM send through a server, to the edge or to the gateway. */
export async function routeVm(lab: Lab, tenant: TenantPlan, address: string, server: string, router: string) {
  const { inner } = legs(tenant, findVm(tenant, address), server);
  await ip(
    lab.vm(tenant, address),
    `neigh replace ${ROUTER} lladdr ${router} dev ${inner} nud permanent`,
    `route replace default via ${ROUTER} dev ${inner} onlink`,
  );
}

/** Unplugs a VM from a server that it left. */
export async function detachVm(lab: Lab, tenant: TenantPlan, address: string, server: string): Promise<void> {
  const { inner } = legs(tenant, findVm(tenant, address), server);
  await run("ip", ["-n", lab.vm(tenant, address).name, "link", "delete", inner]);
}

/** Gives a server a further underlay address, that it answers for and does not send from. */
export async function addServerAddress(lab: Lab, server: "s1" | "s2", address: string): Promise<void> {
  await ip(lab.namespace(server), `address add ${address}/24 dev u0`);
}

/** Makes a server's tunnels send from another of its addresses. */
export async function sendFrom(lab: Lab, server: "s1" | "s2", address: string): Promise<void> {
  await ip(
    lab.namespace(server),
    ...lab.tenants.map((tenant) => `link set ${vxlanOf(tenant)} type vxlan id ${tenant.vni} local ${address}`),
  );
}
