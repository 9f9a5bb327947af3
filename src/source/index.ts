export { documentRevision, FileSource } from "./file.ts";
export { openSource } from "./parse.ts";
export type { DesiredState, Reading, Source } from "./source.ts";
