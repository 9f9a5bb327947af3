export type { EtcdAddress, FileAddress, SourceAddress } from "./address.ts";
export { DEFAULT_PREFIX, parseSource, sourceName } from "./address.ts";
export { documentRevision, FileSource } from "./file.ts";
export { openEtcd, openSource } from "./open.ts";
export type { DesiredState, KeptOut, Reading, Source, VmsSince } from "./source.ts";
export { NOTHING_KEPT_OUT } from "./source.ts";
