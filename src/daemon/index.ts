export { ask, DaemonSilent } from "./client.ts";
export type { DaemonOptions } from "./daemon.ts";
export { Daemon } from "./daemon.ts";
export { parseHttpAddress } from "./http.ts";
export type { LogLevel } from "./log.ts";
export { LOG_LEVELS, openLog } from "./log.ts";
export { openManager } from "./notify.ts";
export type { Health, Status, Waited } from "./protocol.ts";
