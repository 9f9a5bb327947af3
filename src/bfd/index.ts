export type { AuthKey, AuthType } from "./auth.ts";
export type { LivenessOptions } from "./liveness.ts";
export { LivenessPolicy } from "./liveness.ts";
export type { BfdState, Diagnostic } from "./packet.ts";
export type { Session, SessionConfig } from "./session.ts";
export type { Discard, Peer, Received, Remains, StateChange } from "./sessions.ts";
export { Sessions } from "./sessions.ts";
export { favourThread, Transport, Wake } from "./transport.ts";
