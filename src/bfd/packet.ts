// The BFD control packet, RFC 5880 section 4.1: bytes ↔ fields. What it takes to be a packet at all is checked here, in the order
// of section 6.8.6; what it means to a session is session.ts's to say.

/** Without authentication. */
export const CONTROL_BYTES = 24;
/** With the longest authentication section that there is, keyed SHA1. */
export const CONTROL_BYTES_MAX = CONTROL_BYTES + 28;

/** By their numbers. */
export const BFD_STATES = ["admin-down", "down", "init", "up"] as const;
export type BfdState = (typeof BFD_STATES)[number];

/** Why a session went down, by their numbers. */
export const DIAGNOSTICS = [
  "none",
  "detection time expired",
  "echo failed",
  "neighbour signalled session down",
  "forwarding plane reset",
  "path down",
  "concatenated path down",
  "administratively down",
  "reverse concatenated path down",
] as const;
export type Diagnostic = (typeof DIAGNOSTICS)[number];

export interface ControlPacket {
  readonly diagnostic: number;
  readonly state: BfdState;
  readonly poll: boolean;
  readonly final: boolean;
  /** The sender's forwarding does not share the fate of its control plane. */
  readonly controlPlaneIndependent: boolean;
  readonly demand: boolean;
  readonly multiplier: number;
  readonly myDiscriminator: number;
  /** 0: not known to the sender. */
  readonly yourDiscriminator: number;
  readonly desiredMinTxUs: number;
  /** 0: the sender wants no periodic packets. */
  readonly requiredMinRxUs: number;
  readonly requiredMinEchoRxUs: number;
  /** An authentication section follows: auth.ts reads it. */
  readonly authenticated: boolean;
}

/** Why bytes are no control packet. */
export type Malformed =
  | "version"
  | "length"
  | "multiplier"
  | "multipoint"
  | "my-discriminator"
  /** None is named, in a state that takes one. */
  | "your-discriminator";

const VERSION = 1;
/** Bits of the second byte, under the state. */
const BIT = { poll: 0x20, final: 0x10, independent: 0x08, authenticated: 0x04, demand: 0x02, multipoint: 0x01 };
/** The least that an authentication section takes. */
const AUTH_BYTES_MIN = 2;

/** @param bytes payload of the datagram, all of it: what follows the packet's own length is not looked at */
export function decodeControl(bytes: Uint8Array): ControlPacket | Malformed {
  if (bytes.length < CONTROL_BYTES) return "length";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = view.getUint8(0);
  const flags = view.getUint8(1);
  const length = view.getUint8(3);
  if (first >> 5 !== VERSION) return "version";
  const authenticated = (flags & BIT.authenticated) !== 0;
  if (length < CONTROL_BYTES + (authenticated ? AUTH_BYTES_MIN : 0) || length > bytes.length) return "length";
  const multiplier = view.getUint8(2);
  if (multiplier === 0) return "multiplier";
  if ((flags & BIT.multipoint) !== 0) return "multipoint";
  const myDiscriminator = view.getUint32(4);
  if (myDiscriminator === 0) return "my-discriminator";
  const yourDiscriminator = view.getUint32(8);
  const state = BFD_STATES[flags >> 6] as BfdState;
  if (yourDiscriminator === 0 && (state === "init" || state === "up")) return "your-discriminator";
  return {
    diagnostic: first & 0x1f,
    state,
    poll: (flags & BIT.poll) !== 0,
    final: (flags & BIT.final) !== 0,
    controlPlaneIndependent: (flags & BIT.independent) !== 0,
    demand: (flags & BIT.demand) !== 0,
    multiplier,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTxUs: view.getUint32(12),
    requiredMinRxUs: view.getUint32(16),
    requiredMinEchoRxUs: view.getUint32(20),
    authenticated,
  };
}

/** @param authBytes of an authentication section that whoever sends it writes behind (auth.ts) */
export function encodeControl(packet: ControlPacket, authBytes = 0): Uint8Array {
  const bytes = new Uint8Array(CONTROL_BYTES + authBytes);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, (VERSION << 5) | packet.diagnostic);
  view.setUint8(
    1,
    (BFD_STATES.indexOf(packet.state) << 6) |
      (packet.poll ? BIT.poll : 0) |
      (packet.final ? BIT.final : 0) |
      (packet.controlPlaneIndependent ? BIT.independent : 0) |
      (authBytes > 0 ? BIT.authenticated : 0) |
      (packet.demand ? BIT.demand : 0),
  );
  view.setUint8(2, packet.multiplier);
  view.setUint8(3, bytes.length);
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, packet.yourDiscriminator);
  view.setUint32(12, packet.desiredMinTxUs);
  view.setUint32(16, packet.requiredMinRxUs);
  view.setUint32(20, packet.requiredMinEchoRxUs);
  return bytes;
}
