export type { AuthKey, AuthType } from "./auth.ts";
export type { BfdState, ControlPacket, Diagnostic } from "./packet.ts";
export { CONTROL_BYTES_MAX } from "./packet.ts";
export type { Session, SessionConfig } from "./session.ts";
export type { Discard, Peer, Received, Remains, StateChange } from "./sessions.ts";
export { Sessions } from "./sessions.ts";
