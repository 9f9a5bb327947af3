export type { NetlinkChanges } from "../bpf/rtnetlink.ts";
export { watchNetlink } from "../bpf/rtnetlink.ts";
export * from "./fingerprint.ts";
export * from "./interfaces.ts";
export * from "./next-hops.ts";
export * from "./questions.ts";
export * from "./solicit.ts";
