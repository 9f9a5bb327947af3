// What is loaded in the kernel, whoever loaded it. All of it needs CAP_SYS_ADMIN.

import { readFileSync } from "node:fs";
import { causeText, UnumError } from "../errors.ts";
import { Btf } from "./btf.ts";
import { addon } from "./native.ts";

/** Ids of all maps, programs or links, ascending. @throws BpfError PERMISSION */
export function* objectIds(kind: "map" | "program" | "link"): Generator<number, void, undefined> {
  let id = addon().nextObjectId(kind, 0);
  while (id !== undefined) {
    yield id;
    id = addon().nextObjectId(kind, id);
  }
}

/** @throws BpfError PERMISSION; SYSTEM_CALL where there is none of that id */
export function btfById(id: number): Btf {
  return Btf.parse(addon().btfById(id));
}

const KERNEL_TYPES = "/sys/kernel/btf/vmlinux";
let kernelTypes: Btf | undefined;

/** The types of the kernel itself, read once. @throws UnumError BTF_INVALID where it was built without (CONFIG_DEBUG_INFO_BTF) */
export function kernelBtf(): Btf {
  try {
    kernelTypes ??= Btf.parse(readFileSync(KERNEL_TYPES));
  } catch (cause) {
    throw new UnumError("BTF_INVALID", `read ${KERNEL_TYPES}: ${causeText(cause)}`, { cause });
  }
  return kernelTypes;
}

/** Name of a number of enum bpf_prog_type; undefined where libbpf does not know it. */
export function programTypeName(type: number): string | undefined {
  return addon().programTypeName(type);
}

/** CLOCK_REALTIME of an instant that the kernel has as CLOCK_BOOTTIME. */
export function realTimeNs(bootTimeNs: bigint): bigint {
  const { realNs, bootNs } = addon().clocks();
  return realNs - bootNs + bootTimeNs;
}
