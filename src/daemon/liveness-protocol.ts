// What the daemon and its liveness thread say to each other.

import type { IpAddress } from "../address/index.ts";
import type { BfdState, Diagnostic, Peer, RoundTripTime } from "../bfd/index.ts";
import type { Liveness } from "../dataplane/index.ts";

export interface LivenessPeer extends Peer {
  /** In the maps. */
  readonly index: number;
  readonly holdDownUs: number;
  /** The operator took it out: its session is administratively down (RFC 5880 section 6.8.16). */
  readonly drained?: true;
}

/** All that is to be watched, and where. It takes the place of what was said before. */
export interface Watch {
  readonly kind: "watch";
  /** Own addresses that sessions are at. */
  readonly locals: readonly IpAddress[];
  /** Of the pinned map: another one says that all maps are others. */
  readonly mapId: number;
  readonly peers: readonly LivenessPeer[];
}

export type ToThread = Watch | { readonly kind: "stop" };

/** A session, as `unum status` has it. */
export interface SessionStatus {
  readonly endpoint: string;
  readonly address: IpAddress;
  readonly multihop: boolean;
  readonly state: BfdState;
  readonly remoteState: BfdState;
  readonly diagnostic: Diagnostic;
  /** What packets go by, unless the endpoint is drained. */
  readonly liveness: Liveness;
  readonly drained: boolean;
  /** Milliseconds; 0: nothing is known of the peer yet. */
  readonly detectMs: number;
  /** Whether the packet path hears it, too, and gives it up by itself. */
  readonly heardByPackets: boolean;
  /** Times that it went down since it began. */
  readonly downs: number;
  /** Of the tunnel's path, while the session is up. */
  readonly roundTrip?: RoundTripTime;
}

export type FromThread =
  | {
      readonly kind: "session";
      readonly endpoint: string;
      readonly from: BfdState;
      readonly to: BfdState;
      readonly diagnostic: Diagnostic;
      readonly peerDiagnostic?: Diagnostic;
      readonly excused?: true;
    }
  | { readonly kind: "liveness"; readonly endpoint: string; readonly liveness: Liveness }
  | { readonly kind: "alarm"; readonly allSilent: boolean }
  | { readonly kind: "report"; readonly report: LivenessReport }
  /** An address could not be listened at; undefined: all can. It is tried again. */
  | { readonly kind: "trouble"; readonly message: string | undefined };

export interface LivenessReport {
  readonly sessions: readonly SessionStatus[];
  /** Control packets that were of no use, by reason. */
  readonly discards: Readonly<Record<string, number>>;
  /** Control packets that could not be sent. */
  readonly lost: number;
  readonly allSilent: boolean;
}
