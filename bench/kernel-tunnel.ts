// What unum is compared with: the kernel's own unnumbered VXLAN tunnel, forwarding between the same two ports.

import { ip, sysctl } from "../lab/network.ts";
import type { Chain } from "./chain.ts";
import {
  CIRCUIT_ADDRESS,
  CUSTOMER,
  EDGE_ADDRESS,
  NEIGHBOUR_MAC,
  PORTS,
  SERVER_COUNT,
  serverAddress,
  VM_PREFIX,
  VNI,
} from "./plan.ts";

/** Stands for every VM behind the tunnel, so that the kernel asks for none of them. */
const BEYOND = "169.254.0.2";

/**
 * Lets the edge's namespace forward: frames for VMs into a tunnel to the first server, frames out of tunnels to the customer.
 * XDP programs at its ports come first, and never see any of this.
 */
export async function addKernelTunnel(chain: Chain): Promise<void> {
  const { out } = PORTS;
  await sysctl(chain.edge, 1, "ipv4/ip_forward");
  await ip(
    chain.edge,
    `address add ${EDGE_ADDRESS}/16 dev ${out}`,
    `address add ${CIRCUIT_ADDRESS} dev ${out}`,
    ...[CUSTOMER, ...Array.from({ length: SERVER_COUNT }, (_, n) => serverAddress(n))].map(
      (address) => `neigh add ${address} lladdr ${NEIGHBOUR_MAC} dev ${out} nud permanent`,
    ),
    // Frames of a tunnel are addressed to the MAC of the port, and the device takes only its own.
    `link add vx0 address ${chain.portMac} type vxlan external dstport 4789 nolearning`,
    "link set vx0 mtu 1450 up",
    `neigh add ${BEYOND} lladdr ${NEIGHBOUR_MAC} dev vx0 nud permanent`,
    `route add ${VM_PREFIX} encap ip id ${VNI} src ${EDGE_ADDRESS} dst ${serverAddress(0)} via ${BEYOND} dev vx0 onlink`,
  );
}
