export * from "./arp.ts";
export * from "./interfaces.ts";
export * from "./next-hops.ts";
