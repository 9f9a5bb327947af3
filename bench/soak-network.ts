// An edge whose source is one member of etcd, with one customer, one server and its VM that are real:
//
//   customer ── e0 [edge] e1 ── u0 [s0] ── vm          m0 of the edge ── mgmt0, here: etcd

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Edge } from "../lab/edge.ts";
import { addKernelTunnel, type Fabric } from "../lab/fabric.ts";
import { connect, execute, ip, run } from "../lab/network.ts";
import { UnumError } from "../src/errors.ts";

export const MEMBER = "10.9.0.1:2379";
/** `s0` and so on, at 10.2.1.0 and so on. */
export const SERVER_COUNT = 200;
/** Of the VM that answers. It never moves. */
export const REAL_VM = "172.16.0.1";
const [EDGE, SERVER, MAC, VM_MAC] = ["10.2.0.1", "10.2.1.0", "02:00:00:00:02:01", "02:00:00:00:16:01"];

export const EDGE_DOCUMENT = `version: 1
edge:
  address: ${EDGE}
  mac: "${MAC}"
  capacity: {vms: 1048576, vms6: 1024}
  interfaces:
    - {name: e0, role: access}
    - {name: e1, role: underlay}
`;

export async function buildSoakNetwork(fabric: Fabric): Promise<Edge> {
  await fabric.add("customer", "edge", "s0", "vm");
  const [customer, edge, server, vm] = ["customer", "edge", "s0", "vm"].map((name) => fabric.at(name));
  if (!customer || !edge || !server || !vm)
    throw new UnumError("INTERNAL", "build the network: a namespace is missing");
  await connect(
    { namespace: customer, name: "c0", address: "10.1.0.2/24", gro: true },
    { namespace: edge, name: "e0" },
  );
  await ip(customer, "route add default via 10.1.0.1");
  await connect(
    { namespace: edge, name: "e1", address: `${EDGE}/16` },
    { namespace: server, name: "u0", address: `${SERVER}/16`, gro: true },
  );
  // All servers are one: each answers for its address.
  await ip(server, ...Array.from({ length: SERVER_COUNT - 1 }, (_, n) => `address add 10.2.1.${n + 1}/16 dev u0`));
  const tunnel = { device: "eth0", vni: 100, local: SERVER, remote: EDGE };
  await addKernelTunnel(server, vm, tunnel, { mac: VM_MAC, addresses: [`${REAL_VM}/32`], mtuBytes: 1450 }, MAC);
  await run("ip", ["link", "add", "mgmt0", "type", "veth", "peer", "name", "m0", "netns", edge.name]);
  await run("ip", ["address", "add", "10.9.0.1/24", "dev", "mgmt0"]);
  await run("ip", ["link", "set", "mgmt0", "up"]);
  await ip(edge, "address add 10.9.0.2/24 dev m0", "link set m0 up");
  return fabric.edge("edge", EDGE_DOCUMENT);
}

/** One member of etcd. Its data is in memory, as all temporary files are in the sandbox: disks are not what is measured. */
export async function startMember(directory: string): Promise<ChildProcess> {
  const url = `http://${MEMBER}`;
  const peer = "http://10.9.0.1:2380";
  const args = [
    ...["--name=m0", `--data-dir=${join(directory, "etcd")}`],
    ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`, `--listen-peer-urls=${peer}`],
    ...[`--initial-advertise-peer-urls=${peer}`, `--initial-cluster=m0=${peer}`],
    // A million VMs are more than the 2 GB that etcd allows unless told.
    ...[`--quota-backend-bytes=${8 * 2 ** 30}`, "--max-txn-ops=1024", "--snapshot-count=100000"],
    ...["--auto-compaction-mode=periodic", "--auto-compaction-retention=1m", "--logger=zap", "--log-level=error"],
  ];
  const child = spawn("etcd", args, { stdio: ["ignore", "ignore", "inherit"] });
  const failed = once(child, "error").then(([error]) => {
    throw new UnumError("SYSTEM_CALL", `start etcd: ${(error as Error).message}`, { remedy: "install etcd-server" });
  });
  failed.catch(() => {});
  for (let tries = 0; tries < 100; tries++) {
    const health = execute("etcdctl", [`--endpoints=${url}`, "endpoint", "health", "--command-timeout=1s"]);
    if ((await Promise.race([health, failed])).status === 0) return child;
  }
  throw new UnumError("SYSTEM_CALL", "start etcd: it does not become healthy");
}
