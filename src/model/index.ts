export * from "./duration.ts";
export * from "./limits.ts";
export * from "./names.ts";
export type { ModelPath, Problem } from "./problems.ts";
export * from "./types.ts";
export type { ValidateOptions } from "./validate.ts";
export { validateModel } from "./validate.ts";
