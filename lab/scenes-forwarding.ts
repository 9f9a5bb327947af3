// Scenes about packets: who reaches whom, over how many tunnels, counted where.

import { BpfMap } from "../src/bpf/map.ts";
import type { Scene } from "./demonstration.ts";
import { PIN_DIRECTORY } from "./edge.ts";
import { runIn } from "./network.ts";
import { ACME, CIRCUIT } from "./plan.ts";
import { ping, transfer } from "./traffic.ts";

const VMS = ACME.vms.filter((vm) => !vm.hidden);
const TRANSFER_BYTES = 4 << 20;

export async function showTraffic({ lab, story }: Scene): Promise<void> {
  story.step("The customer and every VM reach each other");
  const customer = lab.namespace("customer");
  // The first packet to a silent customer asks for its MAC address and is dropped, as with any router.
  await ping(customer, VMS[0]?.address ?? "", { count: 1 });
  for (const vm of VMS) {
    const namespace = lab.vm(ACME, vm.address);
    const there = await ping(customer, vm.address, { count: 5 });
    const back = await ping(namespace, CIRCUIT.customer, { count: 5 });
    story.check(
      there.received === 5 && back.received === 5,
      `customer ⇄ ${vm.address} on ${vm.server}: pings`,
      `${there.received}/5 there, ${back.received}/5 back, ${there.averageMs ?? "?"} ms`,
    );
    const down = await transfer(customer, namespace, vm.address, TRANSFER_BYTES);
    const up = await transfer(namespace, customer, CIRCUIT.customer, TRANSFER_BYTES);
    const rate = (side: typeof down) =>
      `${((side.received.bytes * 8) / side.received.seconds / 1e6).toFixed(0)} Mbit/s`;
    story.check(
      down.intact && up.intact,
      "  TCP: 4 MiB each way, same SHA-256",
      `${rate(down)} there, ${rate(up)} back`,
    );
  }
}

interface Link {
  readonly ifname: string;
}

/** Entries of the pinned endpoint map that are in use; entry 0 is the sentinel. */
export function endpointWords(): readonly bigint[] {
  const map = BpfMap.openPinned(`${PIN_DIRECTORY}/maps/endpoints`);
  try {
    const bytes = map.readArray(0, map.info.maxEntries);
    return [...new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8)];
  } finally {
    map.close();
  }
}

export async function showTunnels({ lab, edge, story }: Scene): Promise<void> {
  story.step("One tunnel per server, however many VMs it runs");
  await edge.run("show", "servers");
  const links: Link[] = JSON.parse(await runIn(lab.namespace("edge"), ["ip", "-json", "link"]));
  const names = links.map((link) => link.ifname).sort();
  const entries = endpointWords().filter((word) => word !== 0n).length;
  story.check(entries === 3, "endpoint entries: s1, s2 and gw1", `${entries} entries for ${VMS.length} VMs`);
  story.check(names.join() === "e0,e1,lo", "no tunnel device at the edge", `its devices: ${names.join(", ")}`);
}

export async function showPaths({ lab, edge, story }: Scene): Promise<void> {
  story.step("Every packet is counted, by tunnel and direction");
  const meter = await edge.meter();
  const counts = { s1: 30, s2: 20 };
  await ping(lab.namespace("customer"), "172.16.0.1", { count: counts.s1, intervalMs: 5 });
  await ping(lab.namespace("customer"), "172.16.0.4", { count: counts.s2, intervalMs: 5 });
  const counted = await meter();
  for (const [server, count] of Object.entries(counts)) {
    const tx = counted(server).txPackets;
    const rx = counted(server).rxPackets;
    story.check(tx === count && rx === count, `${count} pings to a VM of ${server}`, `${tx} packets out, ${rx} in`);
  }
  await edge.run("counters");
}
