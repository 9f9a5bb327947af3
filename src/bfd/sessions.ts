// All sessions of an edge: which of them a packet is for (RFC 5880 section 6.3, RFC 5881 section 4), and which of them is due.
// Strangers' packets are counted by reason, and nothing else is done about them.

import type { IpAddress } from "../address/index.ts";
import type { Unauthentic } from "./auth.ts";
import type { BfdState, ControlPacket, Diagnostic, Malformed } from "./packet.ts";
import { decodeControl } from "./packet.ts";
import type { SessionAction, SessionConfig, SessionEvent } from "./session.ts";
import { Session } from "./session.ts";
import { Timers } from "./timers.ts";

export interface Peer {
  /** Of the server or gateway. */
  readonly name: string;
  readonly address: IpAddress;
  /** RFC 5883 instead of 5881: another port, and any TTL. */
  readonly multihop: boolean;
  readonly config: SessionConfig;
}

/** A packet as it came in. */
export interface Received {
  readonly from: IpAddress;
  readonly multihop: boolean;
  /** TTL or hop limit. */
  readonly ttl: number;
  /** Microseconds that it had waited to be read; absent: not known. */
  readonly agoUs?: number;
  /** Payload of the datagram. Good until {@link Sessions.receive} returns. */
  readonly bytes: Uint8Array;
}

/** Why a packet was of no use. */
export type Discard =
  | Malformed
  | Unauthentic
  /** RFC 5881 section 5: single hop packets come with TTL 255, or from further away than they say. */
  | "ttl"
  /** No session has that sender. */
  | "unknown-peer"
  /** No session has that discriminator, or it is another peer's. */
  | "unknown-discriminator";

export interface StateChange {
  readonly name: string;
  readonly from: BfdState;
  readonly to: BfdState;
  readonly diagnostic: Diagnostic;
  readonly peerDiagnostic?: Diagnostic;
  /** The peer had cause to think so: nothing had been sent to it for its detection time. */
  readonly excused?: true;
}

export interface SessionsOptions {
  readonly random: () => number;
  /** Of a probe it is told when it left: {@link Session.probeLeft}. */
  readonly send: (peer: Peer, bytes: Uint8Array, probe?: Session) => void;
  /** The round-trip time of a session was measured. */
  readonly measured?: (name: string, us: number) => void;
  /** After the session changed, and before what tells the peer is sent. */
  readonly changed: (change: StateChange, session: Session) => void;
}

/** What another process left of a session. */
export interface Remains {
  readonly discriminator: number;
  /** Given for one that was up. */
  readonly detectUs?: number;
}

interface Entry {
  peer: Peer;
  readonly session: Session;
  /** That the timers know. */
  deadlineUs: number;
}

const TTL = 255;

const keyOf = ({ address, multihop }: Pick<Peer, "address" | "multihop">): string =>
  multihop ? `${address} multihop` : address;

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #byName = new Map<string, Entry>();
  readonly #byDiscriminator = new Map<number, Entry>();
  readonly #byPeer = new Map<string, Entry>();
  readonly #sends = new Timers<Entry>();
  /** In a time that stands still while nobody could be heard: there are thousands of them, and one number moves them all. */
  readonly #deadlines = new Timers<Entry>();
  #excusedUs = 0;
  readonly #discards = new Map<Discard, number>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Session | undefined {
    return this.#byName.get(name)?.session;
  }

  *entries(): Iterable<readonly [Peer, Session]> {
    for (const { peer, session } of this.#byName.values()) yield [peer, session];
  }

  /** Packets of no use so far. */
  get discards(): ReadonlyMap<Discard, number> {
    return this.#discards;
  }

  /** When something is due. */
  get nextUs(): number {
    return Math.min(this.#sends.next, this.#deadlines.next + this.#excusedUs);
  }

  /** The shortest detection time of the sessions that are up; infinite: none is. */
  get shortestDetectUs(): number {
    let shortest = Number.POSITIVE_INFINITY;
    for (const { session } of this.#byName.values())
      if (session.state === "up") shortest = Math.min(shortest, session.detectUs || shortest);
    return shortest;
  }

  /**
   * Begins a session, or changes one to what the peer is now. One whose peer has another address begins anew.
   * @param remains of a session that a process before this one had with the peer
   */
  put(peer: Peer, nowUs: number, remains?: Remains): void {
    const old = this.#byName.get(peer.name);
    if (old !== undefined && keyOf(old.peer) === keyOf(peer)) {
      old.peer = peer;
      this.#tell(old, { kind: "configure", config: peer.config }, nowUs);
      return;
    }
    if (old !== undefined) this.delete(peer.name);
    const discriminator =
      remains !== undefined && remains.discriminator !== 0 && !this.#byDiscriminator.has(remains.discriminator)
        ? remains.discriminator
        : this.#newDiscriminator();
    const resumed = remains?.detectUs === undefined ? undefined : { detectUs: remains.detectUs };
    const session = new Session(discriminator, peer.config, nowUs, this.#options.random, resumed);
    const entry: Entry = { peer, session, deadlineUs: Number.POSITIVE_INFINITY };
    this.#byName.set(peer.name, entry);
    this.#byDiscriminator.set(discriminator, entry);
    this.#byPeer.set(keyOf(peer), entry);
    this.#schedule(entry);
  }

  delete(name: string): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    this.#byName.delete(name);
    this.#byDiscriminator.delete(entry.session.discriminator);
    // Another name may have the address by now.
    if (this.#byPeer.get(keyOf(entry.peer)) === entry) this.#byPeer.delete(keyOf(entry.peer));
    this.#sends.delete(entry);
    this.#deadlines.delete(entry);
  }

  /** Takes a session out, or lets it begin again. */
  administer(name: string, down: boolean, nowUs: number): void {
    const entry = this.#byName.get(name);
    if (entry !== undefined) this.#tell(entry, { kind: "admin", down }, nowUs);
  }

  receive(received: Received, nowUs: number): void {
    const found = this.#find(received);
    if (typeof found === "string") this.#discard(found);
    else {
      const { packet } = found;
      const atUs = nowUs - (received.agoUs ?? 0);
      this.#tell(found.entry, { kind: "packet", packet, bytes: received.bytes, atUs }, nowUs);
    }
  }

  #find({ from, multihop, ttl, bytes }: Received): Discard | { readonly entry: Entry; readonly packet: ControlPacket } {
    if (!multihop && ttl !== TTL) return "ttl";
    const packet = decodeControl(bytes);
    if (typeof packet === "string") return packet;
    const entry = this.#byPeer.get(keyOf({ address: from, multihop }));
    if (entry === undefined) return "unknown-peer";
    const { yourDiscriminator } = packet;
    // Discriminators are known to those who see packets; the sender's address has to fit as well.
    if (yourDiscriminator !== 0 && this.#byDiscriminator.get(yourDiscriminator) !== entry)
      return "unknown-discriminator";
    return { entry, packet };
  }

  /** Sends what is due. */
  sendDue(nowUs: number): void {
    for (let entry = this.#sends.take(nowUs); entry !== undefined; entry = this.#sends.take(nowUs))
      this.#tell(entry, { kind: "send-due" }, nowUs);
  }

  /** Gives everybody so much more time to be heard: whoever reads packets was stopped for as long, and maybe the whole machine. */
  excuse(us: number): void {
    this.#excusedUs += us;
  }

  /** Ends what was not heard until then. For a caller who has read everything that had come in by that time. */
  expireDue(nowUs: number): void {
    const until = nowUs - this.#excusedUs;
    for (let entry = this.#deadlines.take(until); entry !== undefined; entry = this.#deadlines.take(until))
      this.#tell(entry, { kind: "deadline" }, nowUs);
  }

  #tell(entry: Entry, event: SessionEvent, nowUs: number): void {
    const { peer, session } = entry;
    const actions = session.on(event, nowUs);
    this.#schedule(entry);
    for (const action of actions) this.#act(peer, session, action);
  }

  #act(peer: Peer, session: Session, action: SessionAction): void {
    if (action.kind === "send") this.#options.send(peer, action.bytes, action.probe && session);
    else if (action.kind === "measured") this.#options.measured?.(peer.name, action.us);
    else if (action.kind === "discard") this.#discard(action.reason);
    else {
      const { kind: _, ...change } = action;
      this.#options.changed({ name: peer.name, ...change }, session);
    }
  }

  #schedule(entry: Entry): void {
    this.#sends.set(entry, entry.session.sendAtUs);
    // One that stays keeps what it was excused since.
    if (entry.session.deadlineUs === entry.deadlineUs) return;
    entry.deadlineUs = entry.session.deadlineUs;
    this.#deadlines.set(entry, entry.deadlineUs - this.#excusedUs);
  }

  #discard(reason: Discard): void {
    this.#discards.set(reason, (this.#discards.get(reason) ?? 0) + 1);
  }

  /** Not 0, no other session's, and not to be guessed (section 6.3 wants no more than the first two). */
  #newDiscriminator(): number {
    for (;;) {
      const discriminator = Math.floor(this.#options.random() * 2 ** 32) >>> 0;
      if (discriminator !== 0 && !this.#byDiscriminator.has(discriminator)) return discriminator;
    }
  }
}
