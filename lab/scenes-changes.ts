// Scenes about changes under traffic: a VM moves, a server gets another address, a path is left for a better one.

import type { Scene } from "./demonstration.ts";
import { ACME, CIRCUIT, EDGE_MAC } from "./plan.ts";
import { endpointWords } from "./scenes-forwarding.ts";
import { addServerAddress, attachVm, detachVm, routeVm, sendFrom } from "./topology.ts";
import { ping, startPing, transfer } from "./traffic.ts";

export async function showMove({ lab, edge, story }: Scene): Promise<void> {
  const vm = ACME.vms.find((vm) => vm.address === "172.16.0.3");
  if (!vm) throw new Error("find VM 172.16.0.3: not in the plan");
  story.step(`VM ${vm.address} moves from s1 to s2 while it is pinged`);
  story.note("As in a live migration, both servers have it for a moment.");
  await attachVm(lab, ACME, vm.address, "s2");
  const meter = await edge.meter();
  const running = await startPing(lab.namespace("customer"), vm.address, 2);
  await edge.run("vm", "set", "acme", vm.address, "--server", "s2", "--mac", vm.mac);
  await routeVm(lab, ACME, vm.address, "s2", EDGE_MAC);
  await detachVm(lab, ACME, vm.address, "s1");
  await new Promise((resolve) => setTimeout(resolve, 200));
  const result = await running.end();
  const counted = await meter();
  const [stayed, moved] = [counted("s1").rxPackets, counted("s2").rxPackets];
  story.check(result.lost.length === 0, "no ping lost", `${result.received} of ${result.sent} answered`);
  story.check(moved > 0 && stayed > 0, "answered by s1 before and by s2 after", `${stayed} and ${moved} packets`);
}

export async function showAddressChange({ lab, edge, story }: Scene): Promise<void> {
  const to = "10.2.0.22";
  story.step(`Server s1 gets another underlay address, ${to}`);
  await addServerAddress(lab, "s1", to);
  const before = endpointWords();
  await edge.run("server", "set", "s1", "--address", to);
  await sendFrom(lab, "s1", to);
  const after = endpointWords();
  const stores = after.filter((word, index) => word !== before[index]).length;
  story.check(stores === 1, "one 8-byte word of the endpoint table changed, for all VMs of s1", `${stores} store`);
  for (const address of ["172.16.0.1", "172.16.0.2"]) {
    const result = await ping(lab.namespace("customer"), address, { count: 5 });
    story.check(result.received === 5, `${address} answers from there`, `${result.received} of ${result.sent} pings`);
  }
}

export async function showGateway({ lab, edge, story }: Scene): Promise<void> {
  const vm = ACME.vms.find((vm) => vm.hidden);
  if (!vm) throw new Error("find the hidden VM: not in the plan");
  const customer = lab.namespace("customer");
  const namespace = lab.vm(ACME, vm.address);
  story.step(`VM ${vm.address}, that the edge does not know, is reached over the gateway`);
  const unknown = await edge.meter();
  const over = await ping(customer, vm.address, { count: 10 });
  const flow = await transfer(customer, namespace, vm.address, 1 << 20);
  const back = await transfer(namespace, customer, CIRCUIT.customer, 1 << 20);
  const overGateway = (await unknown())("gw1").txPackets;
  story.check(over.received === 10, "it answers", `${over.received} of ${over.sent} pings`);
  story.check(flow.intact && back.intact, "TCP: 1 MiB each way, same SHA-256");
  story.check(overGateway > 10, "over gw1", `${overGateway} packets to gw1`);

  story.note("Once the edge is told where the VM is, the gateway is left. One command, under a running ping:");
  const running = await startPing(customer, vm.address, 5);
  await edge.run("vm", "set", "acme", vm.address, "--server", vm.server, "--mac", vm.mac);
  await routeVm(lab, ACME, vm.address, vm.server, EDGE_MAC);
  const told = await edge.meter();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const result = await running.end();
  const counted = await told();
  const [direct, still] = [counted(vm.server).txPackets, counted("gw1").txPackets];
  story.check(result.lost.length === 0, "no ping lost", `${result.received} of ${result.sent} answered`);
  story.check(
    still === 0 && direct > 0,
    `directly to ${vm.server} from then on`,
    `${direct} packets to ${vm.server}, ${still} to gw1`,
  );
}

export async function showDetach({ lab, edge, story }: Scene): Promise<void> {
  story.step("Every command has ended long ago: links and maps are pinned, packets need no process of ours");
  const customer = lab.namespace("customer");
  const before = await ping(customer, "172.16.0.1");
  story.check(before.received === before.sent, "still forwarding", `${before.received} of ${before.sent} pings`);
  await edge.run("detach", "--all");
  const detached = await ping(customer, "172.16.0.1", { waitMs: 200 });
  story.check(detached.received === 0, "after detach nothing passes", `${detached.received} of ${detached.sent} pings`);
  await edge.run("apply");
  const again = await ping(customer, "172.16.0.1", { count: 5 });
  story.check(again.received > 0, "after apply it does again", `${again.received} of ${again.sent} pings`);
}
