// Authentication by a shared key, RFC 5880 section 6.7.4: keyed and meticulous keyed SHA1. Of the packet with the key in the place
// of the digest, the digest is sent; a sequence number keeps old packets from being sent again by others.

import { createHash, timingSafeEqual } from "node:crypto";
import { CONTROL_BYTES } from "./packet.ts";

export type AuthType = "keyed-sha1" | "meticulous-keyed-sha1";

export interface AuthKey {
  readonly type: AuthType;
  /** 0 to 255: which of several keys the packet was made with. */
  readonly keyId: number;
  /** 1 to 20 bytes. */
  readonly secret: Uint8Array;
}

/** Why a packet is not believed. */
export type Unauthentic =
  /** It is authenticated, and the session is not, or the other way round. */
  | "auth-presence"
  /** Another type, key or length than the session's. */
  | "auth-section"
  | "auth-sequence"
  | "auth-digest";

/** Numbers of section 4.1. */
const TYPE: Readonly<Record<AuthType, number>> = { "keyed-sha1": 4, "meticulous-keyed-sha1": 5 };
const DIGEST_BYTES = 20;
/** Type, length, key, a reserved byte, sequence number, digest. */
export const SECTION_BYTES = 28;
const AT = { type: 0, length: 1, key: 2, sequence: 4, digest: 8 };
const SEQUENCES = 2 ** 32;

function digest(packet: Uint8Array, secret: Uint8Array): Uint8Array {
  const bytes = packet.slice(0, CONTROL_BYTES + SECTION_BYTES);
  bytes.fill(0, CONTROL_BYTES + AT.digest);
  bytes.set(secret, CONTROL_BYTES + AT.digest);
  return createHash("sha1").update(bytes).digest();
}

/** One session's keys and sequence numbers. Pure but for the numbers it keeps. */
export class Authenticator {
  readonly #key: AuthKey;
  #sent: number;
  /** Last number that was believed; undefined: any will be. */
  #heard: number | undefined;

  /** @param first sequence number to begin with: at random, so that a restart does not repeat old ones */
  constructor(key: AuthKey, first: number) {
    this.#key = key;
    this.#sent = first >>> 0;
  }

  /** Writes the section behind a packet that was encoded with room for it. Each call takes another number. */
  seal(packet: Uint8Array): void {
    this.#sent = (this.#sent + 1) % SEQUENCES;
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    view.setUint8(CONTROL_BYTES + AT.type, TYPE[this.#key.type]);
    view.setUint8(CONTROL_BYTES + AT.length, SECTION_BYTES);
    view.setUint8(CONTROL_BYTES + AT.key, this.#key.keyId);
    view.setUint32(CONTROL_BYTES + AT.sequence, this.#sent);
    packet.set(digest(packet, this.#key.secret), CONTROL_BYTES + AT.digest);
  }

  /**
   * Whether a received packet is from who has the key, and newer than the last one that was. The number is believed only with the
   * digest, so a forged packet cannot move the window.
   * @param multiplier of the peer: so many packets may have been lost, three times over
   */
  verify(packet: Uint8Array, multiplier: number): Unauthentic | undefined {
    if (packet.length < CONTROL_BYTES + SECTION_BYTES || packet[3] !== CONTROL_BYTES + SECTION_BYTES)
      return "auth-section";
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const { type, keyId, secret } = this.#key;
    if (view.getUint8(CONTROL_BYTES + AT.type) !== TYPE[type]) return "auth-section";
    if (view.getUint8(CONTROL_BYTES + AT.length) !== SECTION_BYTES) return "auth-section";
    if (view.getUint8(CONTROL_BYTES + AT.key) !== keyId) return "auth-section";
    const sequence = view.getUint32(CONTROL_BYTES + AT.sequence);
    if (this.#heard !== undefined) {
      const ahead = (sequence - this.#heard + SEQUENCES) % SEQUENCES;
      if (ahead > 3 * multiplier || (ahead === 0 && type === "meticulous-keyed-sha1")) return "auth-sequence";
    }
    const received = packet.subarray(CONTROL_BYTES + AT.digest, CONTROL_BYTES + AT.digest + DIGEST_BYTES);
    if (!timingSafeEqual(received, digest(packet, secret))) return "auth-digest";
    this.#heard = sequence;
    return undefined;
  }

  /** Nothing was heard for two detection times: any number will be believed (section 6.8.1, bfd.AuthSeqKnown). */
  forget(): void {
    this.#heard = undefined;
  }
}
