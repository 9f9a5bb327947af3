// Control packets of BFD as the oracle takes them, after docs/packet-path.md and RFC 5880: whose they are, what is wrong with them,
// and whether they show that their sender is alive.

import type { OracleEndpoint } from "./oracle-network.ts";
import { get16, get32 } from "./packet-bytes.ts";

/** The host's sessions, and who was heard. */
export interface OracleSessions {
  /** By name of the endpoint. */
  readonly discriminators: ReadonlyMap<string, number>;
  /** Endpoints whose packets left a mark. */
  readonly heard: Set<string>;
}

export const isLivenessPort = (port: number): boolean => port === 3784 || port === 4784;

/** @param at offset of a UDP header that is in the frame as a whole */
export function hear(
  { discriminators, heard }: OracleSessions,
  frame: Uint8Array,
  at: number,
  ttl: number,
  from: OracleEndpoint | undefined,
): "passed" | readonly string[] {
  if (from === undefined) return ["liveness_stranger"];
  const discriminator = discriminators.get(from.name);
  // The endpoint has a session with somebody else on this machine.
  if (discriminator === undefined) return "passed";
  if (get16(frame, at + 2) === 3784 && ttl !== 255) return ["liveness_ttl"];
  const datagram = get16(frame, at + 4) - 8;
  const packet = frame.subarray(at + 8);
  const says = packet[3] ?? 0;
  if (packet.length < 24 || says < 24 || says > datagram) return ["liveness_length"];
  if ((packet[0] as number) >> 5 !== 1) return ["liveness_version"];
  const your = get32(packet, 8);
  if (your !== 0 && your !== discriminator) return ["liveness_discriminator"];
  const isInitOrUp = (packet[1] as number) >= 0x80;
  if (your !== 0 && isInitOrUp) heard.add(from.name);
  return "passed";
}
