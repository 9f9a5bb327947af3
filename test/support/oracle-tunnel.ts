// Outer headers as the oracle reads them: is a frame a tunnel packet for this edge, and what does it carry?

import { pseudoSum } from "./oracle-frames.ts";
import { type Address, addressAt, type Family } from "./oracle-ip.ts";
import { hear, isLivenessPort } from "./oracle-liveness.ts";
import type { OracleEndpoint, OracleNetwork } from "./oracle-network.ts";
import { get16, get24, onesSum } from "./packet-bytes.ts";

/** A tunnel packet whose outer headers are in order. */
export interface TunnelPacket {
  readonly from: OracleEndpoint;
  readonly vni: number;
  /** Where the inner Ethernet header begins, and where the outer packet ends. */
  readonly innerAt: number;
  readonly end: number;
  readonly tos: number;
  /** The outer UDP checksum is one that its sender's profile promised, and is not right. */
  readonly badSum: boolean;
}

/** What the outer headers come to: of the stack, dropped for one of these reasons, or a tunnel packet. */
export type Matched = "passed" | readonly string[] | TunnelPacket;

/** Where things are in outer headers of either family. */
interface Outer {
  readonly family: Family;
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly payloadAt: number;
  readonly hasOptions: boolean;
  readonly isFragment: boolean;
  readonly isLaterFragment: boolean;
  /** Where it says that it ends. */
  readonly end: number;
  readonly tos: number;
  readonly ttl: number;
}

function outerOf(frame: Uint8Array): Outer | undefined {
  const type = get16(frame, 12);
  if (type === 0x0800 && frame.length >= 34) {
    const headerBytes = ((frame[14] as number) & 15) * 4;
    if ((frame[14] as number) >> 4 !== 4 || headerBytes < 20) return undefined;
    return {
      family: 4,
      source: addressAt(frame, 26, 4),
      destination: addressAt(frame, 30, 4),
      protocol: frame[23] as number,
      payloadAt: 14 + headerBytes,
      hasOptions: headerBytes > 20,
      isFragment: (get16(frame, 20) & 0x3fff) !== 0,
      isLaterFragment: (get16(frame, 20) & 0x1fff) !== 0,
      end: 14 + get16(frame, 16),
      tos: frame[15] as number,
      ttl: frame[22] as number,
    };
  }
  if (type === 0x86dd && frame.length >= 54 && (frame[14] as number) >> 4 === 6) {
    return {
      family: 6,
      source: addressAt(frame, 22, 6),
      destination: addressAt(frame, 38, 6),
      protocol: frame[20] as number,
      payloadAt: 54,
      hasOptions: false,
      isFragment: false,
      isLaterFragment: false,
      end: 54 + get16(frame, 18),
      tos: (get16(frame, 14) >> 4) & 0xff,
      ttl: frame[21] as number,
    };
  }
  return undefined;
}

export function matchTunnel(network: OracleNetwork, frame: Uint8Array): Matched {
  if ((frame[0] as number) & 1) return "passed";
  const outer = outerOf(frame);
  if (outer === undefined || outer.destination !== network.addresses[outer.family]) return "passed";
  const from = network.byAddress.get(outer.source);
  const { protocol, family } = outer;
  if (protocol !== 17 && protocol !== 47) return from === undefined ? "passed" : extension(family, protocol);
  if (outer.isLaterFragment) return from === undefined ? "passed" : ["tunnel_fragment"];
  const isGre = protocol === 47;
  // Without its port nobody knows whose a datagram is; NVGRE has none.
  const isCut = frame.length < outer.payloadAt + 8;
  if (isCut && !(isGre && family === 4)) return "passed";
  const port = isGre ? 0 : get16(frame, outer.payloadAt + 2);
  const served = network.ports[family].has(port) && isGre === (port === 0);
  const matches =
    from !== undefined && from.profile.port === port && (from.profile.encapsulation === "nvgre") === isGre;
  if (!matches) {
    if (network.sessions !== undefined && !isGre && isLivenessPort(port))
      return hear(network.sessions, frame, outer.payloadAt, outer.ttl, from);
    if (!served) return "passed";
    if (outer.isFragment) return ["tunnel_fragment"];
    return [from === undefined ? "unknown_endpoint" : "tunnel_mismatch"];
  }
  if (outer.isFragment) return ["tunnel_fragment"];
  if (outer.hasOptions) return ["bad_tunnel_header"];
  return readTunnel(frame, outer, from);
}

/** Between the ends of a tunnel there are no extension headers. */
function extension(family: Family, protocol: number): Matched {
  if (family === 4) return "passed";
  if (protocol === 44) return ["tunnel_fragment"];
  return [0, 43, 60].includes(protocol) ? ["bad_tunnel_header"] : "passed";
}

function readTunnel(frame: Uint8Array, outer: Outer, from: OracleEndpoint): Matched {
  const { family, payloadAt, end, tos } = outer;
  const { encapsulation, udpChecksum } = from.profile;
  const udpBytes = encapsulation === "nvgre" ? 0 : 8;
  const at = payloadAt + udpBytes;
  if (end > frame.length || end < at + 8 + 14) return ["malformed"];
  if (udpBytes > 0 && get16(frame, payloadAt + 4) !== end - payloadAt) return ["malformed"];
  if (family === 4 && onesSum(frame, 14, 34) !== 0xffff) return ["bad_checksum"];
  const header = readFormat(frame, at, end, encapsulation);
  if (Array.isArray(header)) return header;
  const { vni, innerAt } = header as { vni: number; innerAt: number };
  let badSum = false;
  if (udpBytes > 0 && udpChecksum === "full") {
    const pseudo = pseudoSum(frame, family === 6 ? 22 : 26, family, 17, end - payloadAt);
    badSum = get16(frame, payloadAt + 6) === 0 || onesSum(frame, payloadAt, end, pseudo) !== 0xffff;
  }
  return { from, vni, innerAt, end, tos, badSum };
}

function readFormat(
  frame: Uint8Array,
  at: number,
  end: number,
  encapsulation: "vxlan" | "geneve" | "nvgre",
): readonly string[] | { readonly vni: number; readonly innerAt: number } {
  const vni = get24(frame, at + 4);
  if (encapsulation === "vxlan") {
    if (((frame[at] as number) & 8) === 0 || vni === 0) return ["bad_tunnel_header"];
    return { vni, innerAt: at + 8 };
  }
  if (encapsulation === "nvgre") {
    const faults: string[] = [];
    if (get16(frame, at) !== 0x2000 || vni === 0) faults.push("bad_tunnel_header");
    if (get16(frame, at + 2) !== 0x6558) faults.push("unsupported_inner");
    return faults.length > 0 ? faults : { vni, innerAt: at + 8 };
  }
  return readGeneve(frame, at, end, vni);
}

/** RFC 8926 sections 3.4 and 3.5. Of several faults each may name the drop. */
function readGeneve(
  frame: Uint8Array,
  at: number,
  end: number,
  vni: number,
): readonly string[] | { readonly vni: number; readonly innerAt: number } {
  const faults = new Set<string>();
  const [first, flags] = [frame[at] as number, frame[at + 1] as number];
  const innerAt = at + 8 + (first & 63) * 4;
  if (first >> 6 !== 0 || flags & 0x80 || vni === 0) faults.add("bad_tunnel_header");
  if (get16(frame, at + 2) !== 0x6558) faults.add("unsupported_inner");
  if (flags & 0x40) faults.add("critical_option");
  if (innerAt + 14 > end) return ["malformed", ...faults];
  for (let option = at + 8; option < innerAt; ) {
    const next = option + 4 + 4 * ((frame[option + 3] as number) & 31);
    if (next > innerAt) faults.add("bad_tunnel_header");
    if ((frame[option + 2] as number) & 0x80) faults.add("critical_option");
    option = next;
  }
  return faults.size > 0 ? [...faults] : { vni, innerAt };
}
