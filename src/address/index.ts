export * from "./ipv4.ts";
export * from "./mac.ts";
export * from "./prefix.ts";
export { quote } from "./text.ts";
