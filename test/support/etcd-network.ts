// Three edges that share what is in etcd, each with a customer and a server of its own:
//
//   customer1 ── e0 [edge1] e1 ──┐                        ┌ s1 ── vm1
//   customer2 ── e0 [edge2] e1 ──┼ underlay (bridge) ─────┼ s2 ── vm2
//   customer3 ── e0 [edge3] e1 ──┘                        └ s3 ── vm3
//                 m0 │
//                    └── mgmt (bridge) ── mgmt0, here: three members of etcd
//
// All edges show all VMs; customer n pings VM n, whose server answers to edge n.

import type { Edge } from "../../lab/edge.ts";
import { addKernelTunnel, type Fabric } from "../../lab/fabric.ts";
import { connect, ip, run } from "../../lab/network.ts";
import { EtcdCluster, type MemberPlace } from "./etcd.ts";
import type { Value } from "./keyed.ts";

export const NUMBERS = [1, 2, 3] as const;
export type Number3 = (typeof NUMBERS)[number];

export const vmAddress = (n: Number3): string => `172.16.0.${n}`;
const vmMac = (n: Number3): string => `02:00:00:00:16:0${n}`;
const serverAddress = (n: Number3): string => `10.2.0.1${n}`;
const edgeAddress = (n: Number3): string => `10.2.0.${n}`;
const edgeMac = (n: Number3): string => `02:00:00:00:02:0${n}`;

/** The part that is each edge's own. */
export const edgeDocument = (n: Number3): string => `version: 1
edge:
  address: ${edgeAddress(n)}
  mac: "${edgeMac(n)}"
  capacity: {vms: 1024, vms6: 1024}
  interfaces:
    - {name: e0, role: access}
    - {name: e1, role: underlay}
`;

/** What all of them share. */
export const SHARED: readonly (readonly [key: string, value: Value])[] = [
  ["profiles/fast", { ttl: 32 }],
  ...NUMBERS.map((n) => [`servers/s${n}`, { address: serverAddress(n) }] as const),
  ["tenants/acme", { vni: 100 }],
  ["tenants/acme/circuits/hq", { interface: "e0", address: "10.1.0.1/24", peer: "10.1.0.2" }],
  ["tenants/acme/routes/10.1.0.0_24", { circuit: "hq" }],
  ["tenants/other", { vni: 200 }],
  ...NUMBERS.map((n) => [`tenants/acme/vms/${vmAddress(n)}`, { server: `s${n}`, mac: vmMac(n) }] as const),
  // More than come and go while an edge is cut off: it would take that for a mistake.
  ...Array.from(
    { length: 64 },
    (_, n) => [`tenants/other/vms/172.16.0.${n}`, { server: "s1", mac: vmMac(1) }] as const,
  ),
];

const PLACES: readonly MemberPlace[] = NUMBERS.map((n) => {
  return { address: `10.9.0.${n}`, clientPort: 2379, peerPort: 2380 };
});

export interface EtcdNetwork {
  readonly cluster: EtcdCluster;
  readonly edges: readonly Edge[];
  /** As `unum run` takes it. */
  readonly source: string;
}

/** The members are to be stopped before the network goes. */
export async function buildEtcdNetwork(fabric: Fabric): Promise<EtcdNetwork> {
  await fabric.add(...NUMBERS.flatMap((n) => [`customer${n}`, `edge${n}`, `s${n}`, `vm${n}`]));
  await fabric.addBridge("underlay");
  await fabric.addBridge("mgmt");
  const mgmt = fabric.at("mgmt").name;
  await run("ip", ["link", "add", "mgmt0", "type", "veth", "peer", "name", "to-members", "netns", mgmt]);
  await ip(fabric.at("mgmt"), "link set to-members master br0 up");
  for (const { address } of PLACES) await run("ip", ["address", "add", `${address}/24`, "dev", "mgmt0"]);
  await run("ip", ["link", "set", "mgmt0", "up"]);
  const edges = await Promise.all(NUMBERS.map((n) => buildEdge(fabric, n)));
  const cluster = await EtcdCluster.start({ members: PLACES });
  return { cluster, edges, source: `etcd:http://${cluster.endpoints.join(",")}/unum/v1` };
}

async function buildEdge(fabric: Fabric, n: Number3): Promise<Edge> {
  const [customer, edge] = [fabric.at(`customer${n}`), fabric.at(`edge${n}`)];
  await connect(
    { namespace: customer, name: "c0", mac: "02:00:00:00:01:02", address: "10.1.0.2/24", gro: true },
    { namespace: edge, name: "e0" },
  );
  await ip(customer, "route add default via 10.1.0.1");
  await fabric.plug(`edge${n}`, "e1", "underlay", { address: `${edgeAddress(n)}/24` });
  await fabric.plug(`edge${n}`, "m0", "mgmt", { address: `10.9.0.1${n}/24` });
  await fabric.plug(`s${n}`, "u0", "underlay", { address: `${serverAddress(n)}/24` });
  await addKernelTunnel(
    fabric.at(`s${n}`),
    fabric.at(`vm${n}`),
    { device: "eth0", vni: 100, local: serverAddress(n), remote: edgeAddress(n) },
    { mac: vmMac(n), addresses: [`${vmAddress(n)}/32`], mtuBytes: 1450 },
    edgeMac(n),
  );
  return fabric.edge(`edge${n}`, edgeDocument(n));
}
