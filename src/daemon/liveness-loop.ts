// The liveness thread at work: sessions, what they mean, and the maps that packets read. It waits for packets, timers and its
// daemon in one place, and for nothing else, so a pass over millions of VMs does not delay it.

import type { Received, Session, StateChange } from "../bfd/index.ts";
import { LivenessPolicy, RoundTrip, Sessions } from "../bfd/index.ts";
import type { Liveness, LivenessRow } from "../dataplane/index.ts";
import { DETECT_MS_MAX } from "../dataplane/index.ts";
import type { FromThread, LivenessPeer, LivenessReport, SessionStatus, Watch } from "./liveness-protocol.ts";

/** bfd/transport.ts, or what a test has in its place. */
export interface Wire {
  receive(each: (received: Received) => void): boolean;
  send(peer: LivenessPeer, bytes: Uint8Array): void;
  flush(): void;
  wait(us: number): boolean;
  readonly lost: number;
}

/** dataplane/liveness.ts, or what a test has in its place. */
export interface Maps {
  read(index: number): LivenessRow;
  write(index: number, row: LivenessRow): void;
  advance(ns: number): void;
  silenceNs(index: number): number | undefined;
  mute(index: number): void;
}

export interface LivenessLoopOptions {
  readonly wire: Wire;
  /** Monotonic microseconds. */
  readonly now: () => number;
  readonly random: () => number;
  readonly tell: (message: FromThread) => void;
}

interface Watched {
  peer: LivenessPeer;
  downs: number;
  liveness: Liveness;
  /** The packet path was seen to hear it; then it may give it up by itself. */
  isHeard: boolean;
  /** As it is in the maps. */
  detectMs: number;
  readonly roundTrip: RoundTrip;
}

/** The clock of packets goes in steps: a fraction of the shortest patience, and within these. */
const TICK_US = { min: 1000, max: 10_000, fraction: 40 };
/** However long this thread was stopped, packets see no more of it: nobody was heard meanwhile. */
const STEP_US_MAX = 10_000;
/** So long after it was to read, this thread was stopped, or its processor was taken away. */
const LATE_US = 10_000;
/** Nothing to do at all. */
const IDLE_US = 500_000;
/** What has come in is read before anybody is given up, unless it does not end: a flood must not keep the dead alive. */
const BATCHES_MAX = 512;
/** The packet path leaves the session this much more time than it takes itself. */
const MARGIN_MS = 5;
/** Reports of thousands of sessions are not for every change. */
const REPORT_US = 200_000;
const TIMES_US = 1_000_000;

export class LivenessLoop {
  readonly #options: LivenessLoopOptions;
  readonly #sessions: Sessions;
  readonly #policy: LivenessPolicy;
  readonly #watched = new Map<string, Watched>();
  #maps: Maps | undefined;
  #tickUs = TICK_US.max;
  #tickedAtUs: number;
  #readAtUs: number;
  /** When the next look at what came in is to be, at the latest. */
  #readByUs: number;
  #reportAtUs = 0;
  #isChanged = false;
  #isMeasured = false;
  #reportedAtUs = 0;
  #useless = 0;

  constructor(options: LivenessLoopOptions) {
    this.#options = options;
    this.#tickedAtUs = this.#readAtUs = this.#readByUs = options.now();
    this.#sessions = new Sessions({
      random: options.random,
      send: (peer, bytes, probe) => this.#send(peer as LivenessPeer, bytes, probe),
      measured: (name, us) => this.#measured(name, us),
      changed: (change, session) => this.#changed(change, session),
    });
    this.#policy = new LivenessPolicy({
      publish: (name, liveness) => this.#publish(name, liveness),
      alarm: (allSilent) => options.tell({ kind: "alarm", allSilent }),
    });
  }

  /** Other maps hold nothing yet of what is watched. */
  useMaps(maps: Maps | undefined): void {
    this.#maps = maps;
    for (const [name, watched] of this.#watched) {
      watched.isHeard = false;
      this.#store(name, watched);
    }
  }

  /** Watches these endpoints and no others. */
  watch({ peers }: Watch): void {
    const nowUs = this.#options.now();
    const wanted = new Map(peers.map((peer) => [peer.name, peer]));
    for (const [name, { peer }] of this.#watched) {
      const now = wanted.get(name);
      // Another address or place in the maps is another endpoint.
      if (now?.address === peer.address && now.index === peer.index && now.multihop === peer.multihop) continue;
      this.#unwatch(name, peer);
    }
    for (const peer of peers) this.#put(peer, nowUs);
    this.#measure();
    this.#isChanged = true;
  }

  #put(peer: LivenessPeer, nowUs: number): void {
    const old = this.#watched.get(peer.name);
    if (old !== undefined) {
      old.peer = peer;
      this.#sessions.put(peer, nowUs);
      this.#policy.watch(peer.name, peer, old.liveness, false, nowUs);
      this.#sessions.administer(peer.name, peer.drained === true, nowUs);
      return;
    }
    const left = this.#maps?.read(peer.index);
    const watched: Watched = {
      ...{ peer, downs: 0, liveness: left?.state ?? "unknown", isHeard: false, detectMs: 0 },
      roundTrip: new RoundTrip(),
    };
    this.#watched.set(peer.name, watched);
    // A session that packets went by is taken up where it was; the peer need not notice.
    const wasUp = left !== undefined && left.state === "up" && left.detectMs > 0;
    const remains = left && { discriminator: left.discriminator, ...(wasUp && { detectUs: left.detectMs * 1000 }) };
    this.#sessions.put(peer, nowUs, remains);
    const isUp = this.#sessions.get(peer.name)?.state === "up";
    this.#policy.watch(peer.name, peer, watched.liveness, isUp, nowUs);
    // Its packets went elsewhere before this was told: the peer hears of it last.
    if (peer.drained) this.#sessions.administer(peer.name, true, nowUs);
    this.#store(peer.name, watched);
  }

  #unwatch(name: string, { index }: LivenessPeer): void {
    this.#policy.unwatch(name);
    // The peer learns that this is meant.
    this.#sessions.administer(name, true, this.#options.now());
    this.#sessions.delete(name);
    this.#watched.delete(name);
    this.#maps?.write(index, { discriminator: 0, detectMs: 0, state: "unknown" });
  }

  /** Reads, sends, gives up and waits, once. True: the daemon wants something. */
  turn(): boolean {
    const { wire, now } = this.#options;
    let more = true;
    for (let batches = 0; more && batches < BATCHES_MAX; batches++) {
      this.#beginRead();
      more = wire.receive((received) => this.#sessions.receive(received, now()));
      // What is to be sent does not wait for the end of what comes in.
      this.#sessions.sendDue(now());
      wire.flush();
    }
    const nowUs = now();
    // Not by what the clock says now: whoever was heard between the last look and this line is not read yet.
    this.#sessions.expireDue(this.#readAtUs);
    this.#policy.advance(nowUs);
    wire.flush();
    this.#tick(nowUs);
    this.#report(nowUs);
    const patienceUs = this.#patienceUs(nowUs);
    this.#readByUs = nowUs + patienceUs;
    return wire.wait(patienceUs);
  }

  #beginRead(): void {
    const nowUs = this.#options.now();
    const lateUs = nowUs - this.#readByUs;
    this.#readAtUs = this.#readByUs = nowUs;
    // Peers may have been stopped as well, if it was the machine. What the clock of packets leaves out is no silence for sessions.
    if (lateUs > LATE_US) this.#sessions.excuse(lateUs);
  }

  #patienceUs(nowUs: number): number {
    const idle = this.#sessions.size === 0 ? IDLE_US : this.#tickUs;
    const next = Math.min(this.#sessions.nextUs, this.#policy.nextUs) - nowUs;
    return Math.max(0, Math.min(idle, next));
  }

  #tick(nowUs: number): void {
    const passedUs = nowUs - this.#tickedAtUs;
    if (passedUs < TICK_US.min) return;
    this.#tickedAtUs = nowUs;
    this.#maps?.advance(Math.min(passedUs, STEP_US_MAX) * 1000);
  }

  #measure(): void {
    const shortest = this.#sessions.shortestDetectUs / TICK_US.fraction;
    this.#tickUs = Math.max(TICK_US.min, Math.min(TICK_US.max, shortest));
  }

  #send(peer: LivenessPeer, bytes: Uint8Array, probe: Session | undefined): void {
    const { wire, now } = this.#options;
    const watched = this.#watched.get(peer.name);
    if (watched !== undefined) this.#listen(watched);
    if (probe === undefined) {
      wire.send(peer, bytes);
      return;
    }
    // It waits for no others, nor they for the time that it is taken at.
    wire.flush();
    wire.send(peer, bytes);
    probe.probeLeft(now());
    wire.flush();
  }

  #measured(name: string, us: number): void {
    this.#watched.get(name)?.roundTrip.add(us);
    this.#isMeasured = true;
  }

  /**
   * Packets may give an endpoint up by themselves only while its control packets come their way: a path over a port without the
   * packet path has none of them. Looked at as often as something is sent.
   */
  #listen(watched: Watched): void {
    const { index, name } = watched.peer;
    const session = this.#sessions.get(name);
    if (session?.state !== "up" || watched.liveness !== "up") return;
    const silenceNs = this.#maps?.silenceNs(index);
    const isHeard = silenceNs !== undefined && silenceNs < (session.detectUs * 1000) / 2;
    // Whether nobody hears it, or only packets do not: the session's deadline says.
    const isSilent = session.deadlineUs - this.#options.now() < session.detectUs / 2;
    if (isHeard || !isSilent) watched.isHeard = isHeard;
    // Intervals may have been agreed on anew, too.
    if (watched.detectMs !== this.#detectMs(session, watched)) this.#store(name, watched);
  }

  /** What the maps are to have. */
  #detectMs(session: Session, { liveness, isHeard }: Watched): number {
    const detectMs = Math.ceil(session.detectUs / 1000) + MARGIN_MS;
    const counts = isHeard && liveness === "up" && session.state === "up" && detectMs <= DETECT_MS_MAX;
    return counts ? detectMs : 0;
  }

  #changed(change: StateChange, session: Session): void {
    const { name: endpoint, ...rest } = change;
    const watched = this.#watched.get(endpoint);
    if (watched === undefined) return;
    if (change.from === "up" && change.to !== "admin-down") watched.downs++;
    if (change.to === "up" || change.from === "up") {
      watched.isHeard = false;
      this.#maps?.mute(watched.peer.index);
      watched.roundTrip.forget();
      this.#policy.session(endpoint, session.state === "up", change.excused === true, this.#options.now());
      this.#store(endpoint, watched);
      this.#measure();
    }
    this.#options.tell({ kind: "session", endpoint, ...rest });
    this.#isChanged = true;
  }

  #publish(name: string, liveness: Liveness): void {
    const watched = this.#watched.get(name);
    if (watched === undefined || watched.liveness === liveness) return;
    watched.liveness = liveness;
    this.#store(name, watched);
    // One that is drained is silent because it is to be.
    if (watched.peer.drained !== true) this.#options.tell({ kind: "liveness", endpoint: name, liveness });
    this.#isChanged = true;
  }

  #store(name: string, watched: Watched): void {
    const session = this.#sessions.get(name);
    if (session === undefined) return;
    const detectMs = this.#detectMs(session, watched);
    if (detectMs !== watched.detectMs) this.#isChanged = true;
    watched.detectMs = detectMs;
    const { peer, liveness: state } = watched;
    this.#maps?.write(peer.index, { discriminator: session.discriminator, detectMs, state });
  }

  #report(nowUs: number): void {
    if (nowUs < this.#reportAtUs) return;
    let useless = this.#options.wire.lost;
    for (const count of this.#sessions.discards.values()) useless += count;
    // Times come all the time: they wait for something else that is to be told, but not for long.
    const hasTimes = this.#isMeasured && nowUs - this.#reportedAtUs >= TIMES_US;
    if (!this.#isChanged && !hasTimes && useless === this.#useless) return;
    this.#isChanged = this.#isMeasured = false;
    this.#reportedAtUs = nowUs;
    this.#useless = useless;
    this.#reportAtUs = nowUs + REPORT_US;
    this.#options.tell({ kind: "report", report: this.report() });
  }

  report(): LivenessReport {
    const sessions: SessionStatus[] = [];
    for (const [endpoint, { peer, liveness, isHeard, downs, roundTrip }] of this.#watched) {
      const session = this.#sessions.get(endpoint);
      if (session === undefined) continue;
      const { state, remoteState, diagnostic, detectUs } = session;
      const { address, multihop } = peer;
      sessions.push({
        ...{ endpoint, address, multihop, state, remoteState, diagnostic, liveness, downs },
        drained: peer.drained === true,
        detectMs: detectUs / 1000,
        heardByPackets: isHeard,
        ...(roundTrip.time && { roundTrip: roundTrip.time }),
      });
    }
    const discards = Object.fromEntries(this.#sessions.discards);
    return { sessions, discards, lost: this.#options.wire.lost, allSilent: this.#policy.allSilent };
  }
}
