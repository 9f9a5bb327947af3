// The kernel keeps 15 characters of a program's name; the name of its main function in its types is the whole of it.

import { btfById } from "../bpf/kernel-objects.ts";
import type { BpfProgram } from "../bpf/program.ts";

const KERNEL_NAME_MAX = 15;

export function fullName(program: BpfProgram): string {
  const { kernelName } = program.info;
  const { btfId, functionTypeId } = program.describe();
  if (kernelName.length < KERNEL_NAME_MAX || btfId === 0 || functionTypeId === 0) return kernelName;
  const type = btfById(btfId).type(functionTypeId);
  return type.kind === "func" ? type.name : kernelName;
}
