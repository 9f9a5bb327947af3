export * from "./interfaces.ts";
export * from "./next-hops.ts";
