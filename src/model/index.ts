export * from "./duration.ts";
export * from "./limits.ts";
export * from "./names.ts";
export * from "./overhead.ts";
export type { ModelPath, Problem } from "./problems.ts";
export * from "./rate.ts";
export * from "./types.ts";
export type { ValidateOptions } from "./validate.ts";
export { validateModel } from "./validate.ts";
