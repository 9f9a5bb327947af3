// What encapsulation takes from the path MTU. The one place in the host that knows; bpf/packet.h has the packets' own.

import type { IpFamily } from "../address/index.ts";
import type { Encapsulation, Model, Profile } from "./types.ts";

const IP_BYTES = { 4: 20, 6: 40 } as const;
const ETHERNET_BYTES = 14;
/** What is between the outer IP header and the inner frame: UDP and an 8-byte header, or GRE with its key. */
const TUNNEL_BYTES = { vxlan: 16, geneve: 16, nvgre: 8 } as const satisfies Record<Encapsulation, number>;

/** Bytes by which the outer IP packet is larger than the inner one. */
export function overheadBytes({ encapsulation }: Pick<Profile, "encapsulation">, outer: IpFamily): number {
  return IP_BYTES[outer] + TUNNEL_BYTES[encapsulation] + ETHERNET_BYTES;
}

/** Largest packet that every network carries, which is not told to be smaller: RFC 791 section 3.2, RFC 8200 section 5. */
export const SMALLEST_MTU_BYTES = { 4: 68, 6: 1280 } as const satisfies Record<IpFamily, number>;

/** Whether a packet of a tenant can be IPv6. */
export function usesInner6({ tenants }: Model): boolean {
  for (const { address6, circuits, routes, vms } of tenants.values()) {
    if (address6 !== undefined) return true;
    for (const circuit of circuits.values()) if (circuit.address6 !== undefined) return true;
    for (const prefix of routes.keys()) if (prefix.includes(":")) return true;
    if (vms.packed6.count > 0) return true;
  }
  return false;
}
