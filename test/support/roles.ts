// Edge, gateway and server are the same program with other documents. All four of them run it here, and share one bpffs.
//
//   customer ── e0 [edge] e1 ──┐
//                              ├ underlay ─┬─ u0 [gw]
//                              │           ├─ u0 [s1] v0 ── vm1
//                              │           └─ u0 [s2] v0 ── vm2

import type { Edge } from "../../lab/edge.ts";
import type { Fabric } from "../../lab/fabric.ts";
import { connect, ip } from "../../lab/network.ts";

export const CUSTOMER = { address4: "10.1.0.2", address6: "2001:db8:1::2" };
export const EDGE_ROUTER = { address4: "10.1.0.1", address6: "2001:db8:1::1" };
export const GATEWAY_ROUTER = { address4: "172.16.255.254", address6: "2001:db8:16:ffff::fe" };
/** Nobody has these: whoever is asked for them asks the next. */
export const LOOP = {
  prefix4: "192.0.2.0/24",
  address4: "192.0.2.1",
  prefix6: "2001:db8:bad::/64",
  address6: "2001:db8:bad::1",
};

export const HOSTS = ["edge", "gw", "s1", "s2"] as const;
export type HostName = (typeof HOSTS)[number];
const number = (host: HostName) => HOSTS.indexOf(host) + 1;
export const vtep4 = (host: HostName) => `10.2.0.${number(host)}`;
export const vtep6 = (host: HostName) => `2001:db8:2::${number(host)}`;
export const macOf = (host: HostName) => `02:00:00:00:02:0${number(host)}`;

/** VM n is on server n, in a network of its own there. */
export const vmOf = (n: 1 | 2) => ({
  name: `vm${n}`,
  mac: `02:00:00:00:16:0${n}`,
  address4: `172.16.${n}.5`,
  address6: `2001:db8:16:${n}::5`,
  prefix4: `172.16.${n}.0/24`,
  prefix6: `2001:db8:16:${n}::/64`,
  router4: `172.16.${n}.1`,
  router6: `2001:db8:16:${n}::1`,
});

/** How the tunnels are made: in which format, over which family. */
export interface Underlay {
  readonly encapsulation: "vxlan" | "geneve" | "nvgre";
  readonly outer: 4 | 6;
}

export type Documents = Readonly<Record<HostName, string>>;

export function documentsFor({ encapsulation, outer }: Underlay): Documents {
  const vtep = outer === 4 ? vtep4 : vtep6;
  const head = (host: HostName, ...interfaces: string[]) => `version: 1
edge:
  address: ${vtep4(host)}
  address6: ${vtep6(host)}
  mac: ${macOf(host)}
  interfaces: [${interfaces.join(", ")}]
profiles:
  default: {encapsulation: ${encapsulation}}
`;
  const peers = (kind: "servers" | "gateways", ...hosts: HostName[]) =>
    `${kind}:\n${hosts.map((host) => `  ${host}: {address: "${vtep(host)}", mac: ${macOf(host)}}\n`).join("")}`;
  const via = (prefixes: readonly string[], ...hosts: string[]) =>
    prefixes.map((prefix) => `      - {prefix: "${prefix}", via: [${hosts.join(", ")}]}\n`).join("");
  const [customers, vms1, vms2, loop] = [
    ["10.1.0.0/24", "2001:db8:1::/64"],
    [vmOf(1).prefix4, vmOf(1).prefix6],
    [vmOf(2).prefix4, vmOf(2).prefix6],
    [LOOP.prefix4, LOOP.prefix6],
  ];
  const server = (host: "s1" | "s2", other: "s1" | "s2", own: 1 | 2, loopTo: string) => {
    const vm = vmOf(own);
    return `${head(host, "{name: u0, role: underlay}", "{name: v0, role: access}")}${peers("gateways", "gw")}${peers("servers", other)}tenants:
  acme:
    vni: 100
    servers: [${other}]
    circuits:
      ${vm.name}: {interface: v0, address: ${vm.router4}/24, peer: ${vm.address4}, address6: "${vm.router6}/64", peer6: "${vm.address6}"}
    routes:
      - {prefix: ${vm.prefix4}, circuit: ${vm.name}}
      - {prefix: "${vm.prefix6}", circuit: ${vm.name}}
${via([...customers, "172.16.0.0/16", "2001:db8:16::/48"], "gw")}${via(loop, loopTo)}`;
  };
  return {
    edge: `${head("edge", "{name: e0, role: access}", "{name: e1, role: underlay}")}${peers("gateways", "gw")}tenants:
  acme:
    vni: 100
    circuits:
      hq: {interface: e0, address: ${EDGE_ROUTER.address4}/24, peer: ${CUSTOMER.address4}, address6: "${EDGE_ROUTER.address6}/64", peer6: "${CUSTOMER.address6}"}
    routes:
      - {prefix: 10.1.0.0/24, circuit: hq}
      - {prefix: "2001:db8:1::/64", circuit: hq}
${via(["172.16.0.0/12", "2001:db8:16::/48", ...loop], "gw")}`,
    gw: `${head("gw", "{name: u0, role: underlay}")}${peers("servers", "edge", "s1", "s2")}tenants:
  acme:
    vni: 100
    address: ${GATEWAY_ROUTER.address4}
    address6: "${GATEWAY_ROUTER.address6}"
    routes:
${via(customers, "edge")}${via(vms1, "s1")}${via(vms2, "s2")}${via(loop, "s1")}`,
    s1: server("s1", "s2", 1, "s2"),
    s2: server("s2", "s1", 2, "gw"),
  };
}

export async function buildRoles(fabric: Fabric): Promise<Readonly<Record<HostName, Edge>>> {
  await fabric.add("customer", ...HOSTS, "vm1", "vm2");
  await fabric.addBridge("underlay");
  const both = (address4: string, address6: string) => [`${address4}/24`, `${address6}/64`];
  await connect(
    { namespace: fabric.at("customer"), name: "c0", address: both(CUSTOMER.address4, CUSTOMER.address6), gro: true },
    { namespace: fabric.at("edge"), name: "e0" },
  );
  const routes = ({ address4, address6 }: typeof EDGE_ROUTER) => [
    `route add default via ${address4}`,
    `route add default via ${address6}`,
  ];
  await ip(fabric.at("customer"), ...routes(EDGE_ROUTER));
  for (const host of HOSTS) {
    const address = both(vtep4(host), vtep6(host));
    await fabric.plug(host, host === "edge" ? "e1" : "u0", "underlay", { address });
  }
  for (const n of [1, 2] as const) {
    const vm = vmOf(n);
    const namespace = fabric.at(vm.name);
    await connect(
      { namespace, name: "eth0", mac: vm.mac, address: both(vm.address4, vm.address6), gro: true },
      { namespace: fabric.at(`s${n}`), name: "v0" },
    );
    await ip(namespace, ...routes({ address4: vm.router4, address6: vm.router6 }));
  }
  const edges = await Promise.all(HOSTS.map((host) => fabric.edge(host, "")));
  return Object.fromEntries(HOSTS.map((host, index) => [host, edges[index]])) as Record<HostName, Edge>;
}
