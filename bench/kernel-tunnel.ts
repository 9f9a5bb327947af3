// What unum is compared with: the kernel's own VXLAN tunnels, forwarding between the same two ports.

import { ip, run, runIn, sysctl } from "../lab/network.ts";
import { Btf } from "../src/bpf/btf.ts";
import { BpfObject } from "../src/bpf/object.ts";
import { links } from "../src/bpf/rtnetlink.ts";
import { UnumError } from "../src/errors.ts";
import type { Chain } from "./chain.ts";
import { OBJECTS } from "./edges.ts";
import {
  CIRCUIT_ADDRESS,
  CUSTOMER,
  EDGE_ADDRESS,
  FIRST_SERVER,
  FIRST_VM,
  NEIGHBOUR_MAC,
  PORTS,
  SERVER_COUNT,
  SERVERS,
  serverAddress,
  VM_PREFIX,
  VNI,
  vmAddress,
} from "./plan.ts";

/** Stands for every VM behind a tunnel, so that the kernel asks for none of them. */
const BEYOND = "169.254.0.2";

/** The underlay and the customer, as the kernel of the edge's namespace knows them. */
async function addUnderlay(chain: Chain): Promise<void> {
  const { out } = PORTS;
  await sysctl(chain.edge, 1, "ipv4/ip_forward");
  await ip(
    chain.edge,
    `address add ${EDGE_ADDRESS}/16 dev ${out}`,
    `address add ${CIRCUIT_ADDRESS} dev ${out}`,
    ...[CUSTOMER, ...SERVERS.map((n) => serverAddress(n))].map(
      (address) => `neigh add ${address} lladdr ${NEIGHBOUR_MAC} dev ${out} nud permanent`,
    ),
  );
}

/** Frames of a tunnel are addressed to the MAC of the port, and a device takes only its own. */
function addDevice(chain: Chain, name: string, kind: string): readonly string[] {
  return [
    `link add ${name} address ${chain.portMac} type vxlan ${kind} dstport 4789 nolearning`,
    `link set ${name} mtu 1450 up`,
    `neigh add ${BEYOND} lladdr ${NEIGHBOUR_MAC} dev ${name} nud permanent`,
  ];
}

/**
 * One unnumbered tunnel, and one route for all VMs, to the first server. The way back is the same device's. XDP programs at
 * the ports come first, and never see any of this.
 */
export async function addUnnumberedTunnel(chain: Chain): Promise<void> {
  await addUnderlay(chain);
  await ip(
    chain.edge,
    ...addDevice(chain, "vx0", "external"),
    `route add ${VM_PREFIX} encap ip id ${VNI} src ${EDGE_ADDRESS} dst ${serverAddress(0)} via ${BEYOND} dev vx0 onlink`,
  );
}

/** The numbered way: a device with a number of its own for each server, and a route for each VM. */
export async function addNumberedTunnels(chain: Chain, vms: number): Promise<void> {
  await addUnderlay(chain);
  const device = (n: number) =>
    addDevice(chain, `vx${n}`, `id ${VNI + n} local ${EDGE_ADDRESS} remote ${serverAddress(n)}`);
  await ip(chain.edge, ...SERVERS.flatMap(device));
  const route = (n: number) => `route add ${vmAddress(n)} via ${BEYOND} dev vx${n % SERVER_COUNT} onlink`;
  await ip(chain.edge, ...Array.from({ length: vms }, (_, n) => route(n)));
}

/** The kernel's unnumbered device again, told by a program at tc which server each VM is on. */
export async function addTunnelKey(chain: Chain, vms: number): Promise<void> {
  await addUnderlay(chain);
  await ip(chain.edge, ...addDevice(chain, "vx0", "external"));
  const device = chain.within(chain.edge, () => links().find(({ name }) => name === "vx0"));
  if (device === undefined) throw new UnumError("INTERFACE_MISSING", `find vx0 in ${chain.edge.name}`);
  const object = BpfObject.open(`${OBJECTS}/tunnel_key.bpf.o`);
  const btf = Btf.parse(object.btf());
  object.setMaxEntries("vms", vms);
  object.load();
  const word = (value: number) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, btf.littleEndian);
    return bytes;
  };
  object.map("device").update(word(0), word(device.ifindex));
  const [map, key, value] = [object.map("vms"), new Uint8Array(4), new Uint8Array(12)];
  const [keyView, valueView] = [new DataView(key.buffer), new DataView(value.buffer)];
  value.set(
    NEIGHBOUR_MAC.split(":").map((part) => Number.parseInt(part, 16)),
    4,
  );
  for (let n = 0; n < vms; n++) {
    keyView.setUint32(0, FIRST_VM + n);
    valueView.setUint32(0, FIRST_SERVER + (n % SERVER_COUNT));
    map.update(key, value);
  }
  const pin = `/sys/fs/bpf/tunnel_key-${vms}`;
  object.program("tunnel_key").pin(pin);
  await runIn(chain.edge, ["tc", "qdisc", "add", "dev", PORTS.in, "clsact"]);
  await runIn(chain.edge, ["tc", "filter", "add", "dev", PORTS.in, "ingress", "bpf", "direct-action", "pinned", pin]);
  await run("rm", [pin]);
  // The filter and its maps stay with the port.
  object.close();
}
