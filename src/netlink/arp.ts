// ARP requests from a circuit's address (RFC 826). The answer comes back to the port, where the packet path learns it.

import type { Ipv4, Mac } from "../address/index.ts";
import { BROADCAST_MAC, ipv4ToBytes, macToBytes, ZERO_MAC } from "../address/index.ts";
import { sendFrame } from "../bpf/rtnetlink.ts";

/** Who asks, through which port, and whom. */
export interface PeerQuestion {
  readonly ifindex: number;
  readonly mac: Mac;
  readonly address: Ipv4;
  readonly peer: Ipv4;
}

const ETHERTYPE_ARP = [0x08, 0x06];
/** Ethernet, IPv4, address lengths 6 and 4, operation 1. */
const REQUEST = [0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x01];

export function arpRequest({ mac, address, peer }: Omit<PeerQuestion, "ifindex">): Uint8Array {
  return Uint8Array.from([
    ...macToBytes(BROADCAST_MAC),
    ...macToBytes(mac),
    ...ETHERTYPE_ARP,
    ...REQUEST,
    ...macToBytes(mac),
    ...ipv4ToBytes(address),
    ...macToBytes(ZERO_MAC),
    ...ipv4ToBytes(peer),
  ]);
}

/** Asks once. Nobody waits for the answer: a packet that comes before it asks again. @throws BpfError when it cannot be sent */
export function askPeer(question: PeerQuestion): void {
  sendFrame(question.ifindex, arpRequest(question));
}
