// One BFD session in asynchronous mode, active role: the state variables of RFC 5880 section 6.8.1 and what happens to them. It has
// no clock, no socket and no chance of its own: `on(event, now)` says what is to be done, `sendAtUs` and `deadlineUs` when to call
// again. All times are microseconds of one monotonic clock.

import { Authenticator, type AuthKey, SECTION_BYTES, type Unauthentic } from "./auth.ts";
import type { BfdState, ControlPacket } from "./packet.ts";
import { DIAGNOSTICS, type Diagnostic, encodeControl } from "./packet.ts";

export interface SessionConfig {
  /** Both what is sent and what is asked for, once the session is up; microseconds. */
  readonly intervalUs: number;
  readonly multiplier: number;
  readonly auth?: AuthKey;
  /** Between two measurements of the round-trip time, at least; without it there are none. */
  readonly probeIntervalUs?: number;
}

export type SessionEvent =
  /**
   * `bytes` are those of the packet, for its authentication. It was chosen for this session by its discriminator or sender. `atUs` is
   * when it came in, if that was before now.
   */
  | { readonly kind: "packet"; readonly packet: ControlPacket; readonly bytes: Uint8Array; readonly atUs?: number }
  | { readonly kind: "send-due" }
  | { readonly kind: "deadline" }
  | { readonly kind: "configure"; readonly config: SessionConfig }
  | { readonly kind: "admin"; readonly down: boolean };

interface StateAction {
  readonly kind: "state";
  readonly from: BfdState;
  readonly to: BfdState;
  readonly diagnostic: Diagnostic;
  /** What the peer gave as its reason, when it was the peer who went down. */
  readonly peerDiagnostic?: Diagnostic;
  /** The peer heard nothing in time because nothing was sent: this process stood still, or was not there. */
  readonly excused?: true;
}

export type SessionAction =
  /** A probe is answered at once: its caller says when it really left, by {@link Session.probeLeft}. */
  | { readonly kind: "send"; readonly bytes: Uint8Array; readonly probe?: true }
  /** A probe was answered. */
  | { readonly kind: "measured"; readonly us: number }
  | StateAction
  | { readonly kind: "discard"; readonly reason: Unauthentic };

/** A session that another process had, and that its peer may still believe in. */
export interface Resumed {
  /** Nothing heard for so long: it is down. */
  readonly detectUs: number;
}

/** Section 6.8.3: while a session is not up, packets come no faster. */
export const SLOW_US = 1_000_000;
/** A peer that gave up while nothing was sent says so within this time after. */
const EXCUSE_US = 1_000_000;
/** Sessions that begin together do not send together. */
const SPREAD_US = 250_000;

const NOTHING: readonly SessionAction[] = [];
const NEVER = Number.POSITIVE_INFINITY;

const diagnosticText = (number: number): Diagnostic => DIAGNOSTICS[number] ?? "none";

export class Session {
  readonly discriminator: number;
  readonly #random: () => number;
  #config: SessionConfig;
  #authenticator: Authenticator | undefined;
  #state: BfdState = "down";
  #diagnostic: Diagnostic = "none";

  #remoteState: BfdState = "down";
  #remoteDiscriminator = 0;
  #remoteDemand = false;
  #remoteMultiplier = 0;
  #remoteDesiredTxUs = SLOW_US;
  #remoteMinRxUs = 1;

  /** When the last probe left; undefined: it was answered, or counts no more. */
  #probedAtUs: number | undefined;
  #probeAtUs = 0;

  /** As packets have it; what holds may lag behind it until a poll has ended. */
  #announcedTxUs: number;
  #announcedRxUs: number;
  #usedTxUs: number;
  #usedRxUs: number;
  #polling = false;
  #pollAgain = false;

  #heardAtUs = Number.NEGATIVE_INFINITY;
  #sentAtUs = Number.NEGATIVE_INFINITY;
  #sendAtUs: number;
  #deadlineUs = NEVER;
  /** The peer's detection time as of the last packet. */
  #patienceUs = NEVER;
  /** When a silence of ours ended that was as long. */
  #silenceEndUs = Number.NEGATIVE_INFINITY;

  /** @param random 0 to 1: jitter, and the first sequence number */
  constructor(
    discriminator: number,
    config: SessionConfig,
    nowUs: number,
    random: () => number,
    resumed?: Resumed | undefined,
  ) {
    this.discriminator = discriminator;
    this.#random = random;
    this.#config = config;
    this.#setAuth(config.auth);
    this.#announcedTxUs = this.#usedTxUs = Math.max(SLOW_US, config.intervalUs);
    this.#announcedRxUs = this.#usedRxUs = config.intervalUs;
    this.#sendAtUs = nowUs + random() * SPREAD_US;
    if (resumed === undefined || config.auth !== undefined) return;
    // The peer's discriminator is not known, and no packet can say "up" without it: it is waited for.
    this.#state = "up";
    this.#announcedTxUs = this.#usedTxUs = config.intervalUs;
    this.#sendAtUs = NEVER;
    // Since when the peer hears nothing is not known either.
    this.#patienceUs = 0;
    this.#deadlineUs = nowUs + Math.max(resumed.detectUs, config.intervalUs * config.multiplier);
  }

  get state(): BfdState {
    return this.#state;
  }

  get diagnostic(): Diagnostic {
    return this.#diagnostic;
  }

  get remoteState(): BfdState {
    return this.#remoteState;
  }

  get remoteDiscriminator(): number {
    return this.#remoteDiscriminator;
  }

  get polling(): boolean {
    return this.#polling;
  }

  /** When to call with `send-due`; infinite: not before something else happened. */
  get sendAtUs(): number {
    return this.#sendAtUs;
  }

  /** When to call with `deadline`, unless a packet comes. */
  get deadlineUs(): number {
    return this.#deadlineUs;
  }

  /** Section 6.8.4; of the peer's packets. */
  get detectUs(): number {
    return this.#remoteMultiplier * Math.max(this.#usedRxUs, this.#remoteDesiredTxUs);
  }

  /** Between two periodic packets, before jitter; infinite: there are none (section 6.8.7). */
  get sendIntervalUs(): number {
    if (this.#remoteMinRxUs === 0) return NEVER;
    const quiet = this.#remoteDemand && this.#state === "up" && this.#remoteState === "up" && !this.#polling;
    return quiet ? NEVER : Math.max(this.#usedTxUs, this.#remoteMinRxUs);
  }

  on(event: SessionEvent, nowUs: number): readonly SessionAction[] {
    switch (event.kind) {
      case "packet":
        return this.#receive(event.packet, event.bytes, nowUs, event.atUs ?? nowUs);
      case "send-due":
        return nowUs < this.#sendAtUs ? NOTHING : [this.#send(nowUs)];
      case "deadline":
        return nowUs < this.#deadlineUs ? NOTHING : this.#expire(nowUs);
      case "configure":
        return this.#configure(event.config, nowUs);
      case "admin":
        return this.#administer(event.down, nowUs);
    }
  }

  /** The probe that was just given out was on its way at this time, not before. */
  probeLeft(atUs: number): void {
    if (this.#probedAtUs !== undefined) this.#probedAtUs = atUs;
  }

  /** Section 6.8.6, from authentication on. */
  #receive(packet: ControlPacket, bytes: Uint8Array, nowUs: number, atUs: number): readonly SessionAction[] {
    const unauthentic = this.#authenticate(packet, bytes, nowUs);
    if (unauthentic !== undefined) return [{ kind: "discard", reason: unauthentic }];
    const before = this.sendIntervalUs;
    this.#remoteDiscriminator = packet.myDiscriminator;
    this.#remoteState = packet.state;
    this.#remoteDemand = packet.demand;
    this.#remoteMultiplier = packet.multiplier;
    this.#remoteDesiredTxUs = packet.desiredMinTxUs;
    this.#remoteMinRxUs = packet.requiredMinRxUs;
    const actions: SessionAction[] = [];
    if (packet.final) {
      if (this.#probedAtUs !== undefined) actions.push({ kind: "measured", us: Math.max(0, atUs - this.#probedAtUs) });
      this.#probedAtUs = undefined;
      this.#endPoll();
    }
    this.#heardAtUs = nowUs;
    const measured = actions.length;
    if (this.#state !== "admin-down") {
      const next = this.#transition(packet.state);
      if (next !== undefined) actions.push(this.#enter(next, nowUs, packet));
      // An answer has the new state in it, too.
      if (packet.poll) actions.push(this.#send(nowUs, true));
      else if (actions.length > measured) actions.push(this.#send(nowUs));
    }
    this.#deadlineUs = this.#heardAtUs + this.detectUs;
    this.#hurry(before, nowUs);
    return actions;
  }

  #authenticate(packet: ControlPacket, bytes: Uint8Array, nowUs: number): Unauthentic | undefined {
    const authenticator = this.#authenticator;
    if (packet.authenticated !== (authenticator !== undefined)) return "auth-presence";
    if (authenticator === undefined) return undefined;
    if (nowUs - this.#heardAtUs >= 2 * this.detectUs) authenticator.forget();
    return authenticator.verify(bytes, packet.multiplier);
  }

  /** The state machine of section 6.2; undefined: nothing changes. */
  #transition(remote: BfdState): BfdState | undefined {
    if (remote === "admin-down") return this.#state === "down" ? undefined : "down";
    switch (this.#state) {
      case "down":
        if (remote === "down") return "init";
        return remote === "init" ? "up" : undefined;
      case "init":
        return remote === "init" || remote === "up" ? "up" : undefined;
      default:
        return remote === "down" ? "down" : undefined;
    }
  }

  #enter(to: BfdState, nowUs: number, cause?: ControlPacket): StateAction {
    const from = this.#state;
    const silent = this.#wasSilent(nowUs) || nowUs - this.#silenceEndUs < EXCUSE_US;
    this.#state = to;
    if (to === "down" && cause !== undefined) this.#diagnostic = "neighbour signalled session down";
    if (to === "up") this.#diagnostic = "none";
    this.#settle();
    if (to !== "down" || cause === undefined) return { kind: "state", from, to, diagnostic: this.#diagnostic };
    const peerDiagnostic = diagnosticText(cause.diagnostic);
    const excused = silent && from === "up" && peerDiagnostic === "detection time expired";
    return {
      kind: "state",
      from,
      to,
      diagnostic: this.#diagnostic,
      peerDiagnostic,
      ...(excused && { excused }),
    };
  }

  /** Whether the peer, which counts on this session's multiplier and interval, must have given up since the last packet. */
  #wasSilent(nowUs: number): boolean {
    return this.#patienceUs < NEVER && nowUs - this.#sentAtUs >= this.#patienceUs;
  }

  /** Timers of the state that was just entered. Faster ones are told to the peer by a poll. */
  #settle(): void {
    const { intervalUs } = this.#config;
    const isUp = this.#state === "up";
    this.#announcedTxUs = this.#usedTxUs = isUp ? intervalUs : Math.max(SLOW_US, intervalUs);
    this.#announcedRxUs = this.#usedRxUs = intervalUs;
    this.#polling = isUp;
    this.#pollAgain = false;
    this.#probedAtUs = undefined;
  }

  /**
   * Section 6.8.7: a poll is answered at once, so one that asks for nothing measures the path. It goes with a packet that is sent
   * anyway. One that has no answer when the next is due is given up, and its turn is left out: a late answer is nobody's.
   */
  #probes(nowUs: number): boolean {
    const { probeIntervalUs } = this.#config;
    if (probeIntervalUs === undefined || nowUs < this.#probeAtUs) return false;
    if (this.#state !== "up" || this.#remoteState !== "up" || this.#polling) return false;
    this.#probeAtUs = nowUs + probeIntervalUs;
    const isLost = this.#probedAtUs !== undefined;
    this.#probedAtUs = isLost ? undefined : nowUs;
    return !isLost;
  }

  #endPoll(): void {
    if (!this.#polling) return;
    // The answer may be to the poll before: its timers are asked about once more.
    if (this.#pollAgain) {
      this.#pollAgain = false;
      return;
    }
    this.#polling = false;
    this.#usedTxUs = this.#announcedTxUs;
    this.#usedRxUs = this.#announcedRxUs;
  }

  /** Nothing was heard for a detection time. */
  #expire(nowUs: number): readonly SessionAction[] {
    this.#deadlineUs = NEVER;
    // One that was resumed: nobody knows for how long nothing was sent.
    const excused = this.#state === "up" && this.#remoteDiscriminator === 0;
    this.#remoteDiscriminator = 0;
    this.#remoteState = "down";
    this.#remoteDemand = false;
    this.#remoteMinRxUs = 1;
    if (this.#state === "up" || this.#state === "init") {
      this.#diagnostic = "detection time expired";
      const change = this.#enter("down", nowUs);
      return [{ ...change, ...(excused && { excused }) }, this.#send(nowUs)];
    }
    this.#hurry(NEVER, nowUs);
    return NOTHING;
  }

  /** Section 6.8.3. What slows packets down, or shortens patience, holds when the peer has said that it knows. */
  #configure(config: SessionConfig, nowUs: number): readonly SessionAction[] {
    const old = this.#config;
    this.#config = config;
    if (!sameKey(old.auth, config.auth)) this.#setAuth(config.auth);
    if (old.intervalUs === config.intervalUs && old.multiplier === config.multiplier) return NOTHING;
    if (this.#state !== "up") {
      this.#settle();
      return NOTHING;
    }
    const before = this.sendIntervalUs;
    const { intervalUs } = config;
    if (intervalUs !== this.#announcedTxUs) {
      this.#usedTxUs = Math.min(this.#usedTxUs, intervalUs);
      this.#usedRxUs = Math.max(this.#usedRxUs, intervalUs);
      this.#announcedTxUs = this.#announcedRxUs = intervalUs;
      // So may be the answer to a probe.
      this.#pollAgain = this.#polling || this.#probedAtUs !== undefined;
      this.#probedAtUs = undefined;
      this.#polling = true;
      if (this.#remoteDiscriminator !== 0) this.#deadlineUs = this.#heardAtUs + this.detectUs;
    }
    // A session that was resumed has nothing to say before it heard its peer.
    if (this.#remoteDiscriminator === 0) return NOTHING;
    const sent = this.#send(nowUs);
    this.#hurry(before, nowUs);
    return [sent];
  }

  /** Section 6.8.16. The peer is told as long as it lasts. */
  #administer(down: boolean, nowUs: number): readonly SessionAction[] {
    if (down === (this.#state === "admin-down")) return NOTHING;
    this.#diagnostic = down ? "administratively down" : "none";
    const change = this.#enter(down ? "admin-down" : "down", nowUs);
    return [change, this.#send(nowUs)];
  }

  #setAuth(key: AuthKey | undefined): void {
    this.#authenticator = key && new Authenticator(key, Math.floor(this.#random() * 2 ** 32));
  }

  #send(nowUs: number, final = false): SessionAction {
    const authenticator = this.#authenticator;
    const probe = !final && this.#probes(nowUs);
    const bytes = encodeControl(
      {
        diagnostic: DIAGNOSTICS.indexOf(this.#diagnostic),
        state: this.#state,
        poll: (this.#polling || probe) && !final,
        final,
        // A session ends with its process. That packets are forwarded on is no business of the peer's.
        controlPlaneIndependent: false,
        demand: false,
        multiplier: this.#config.multiplier,
        myDiscriminator: this.discriminator,
        yourDiscriminator: this.#remoteDiscriminator,
        desiredMinTxUs: this.#announcedTxUs,
        requiredMinRxUs: this.#announcedRxUs,
        requiredMinEchoRxUs: 0,
        authenticated: authenticator !== undefined,
      },
      authenticator === undefined ? 0 : SECTION_BYTES,
    );
    authenticator?.seal(bytes);
    if (this.#wasSilent(nowUs)) this.#silenceEndUs = nowUs;
    this.#sentAtUs = nowUs;
    this.#sendAtUs = nowUs + this.#jittered(this.sendIntervalUs);
    this.#patienceUs = this.#config.multiplier * this.sendIntervalUs;
    return { kind: "send", bytes, ...(probe && { probe }) };
  }

  /** Section 6.8.7: up to a quarter less, and at least a tenth where one lost packet is one too many. */
  #jittered(intervalUs: number): number {
    const range = this.#config.multiplier === 1 ? 0.15 : 0.25;
    return intervalUs * (0.75 + range * this.#random());
  }

  /** A shorter interval holds at once, counted from the last packet. */
  #hurry(beforeUs: number, nowUs: number): void {
    const intervalUs = this.sendIntervalUs;
    if (intervalUs === NEVER) this.#sendAtUs = NEVER;
    else if (intervalUs < beforeUs || this.#sendAtUs === NEVER) {
      const at = this.#sentAtUs + this.#jittered(intervalUs);
      this.#sendAtUs = Math.min(this.#sendAtUs, Math.max(at, nowUs));
    }
  }
}

function sameKey(a: AuthKey | undefined, b: AuthKey | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.type === b.type && a.keyId === b.keyId && Buffer.compare(a.secret, b.secret) === 0;
}
