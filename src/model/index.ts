export * from "./capacity.ts";
export { missingCircuit, missingEndpoint, missingProfile, missingServer } from "./checks.ts";
export * from "./duration.ts";
export * from "./limits.ts";
export * from "./names.ts";
export * from "./overhead.ts";
export type { ModelPath, Problem } from "./problems.ts";
export * from "./rate.ts";
export * from "./types.ts";
export type { ValidateOptions } from "./validate.ts";
export { validateModel } from "./validate.ts";
export { ownAddresses } from "./validate-tenant.ts";
export { isPlainRecord, vmProblems } from "./validate-vm.ts";
export type { VmPut } from "./vm-put.ts";
export { POLICY_MASK } from "./vm-records.ts";
export type { PackedVms } from "./vm-set.ts";
export {
  NamePool,
  NO_VMS,
  recordAddress,
  recordVm,
  VM_POLICIES,
  VmSet,
  VmSetBuilder,
  writeAddress,
  writeRecord,
} from "./vm-set.ts";
export type { RecordTest } from "./vm-store.ts";
export { VmStore } from "./vm-store.ts";
