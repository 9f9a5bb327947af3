// What the tables take of the kernel's memory, by their sizes: nearly all of it is there from the start, however few VMs there
// are. What the kernel adds to each map is left out, and so are routes and names, which take memory as they come.

import { cpus } from "node:os";
import { BpfObject } from "../src/bpf/object.ts";
import { vmBuckets } from "../src/dataplane/index.ts";
import { OBJECTS } from "./edges.ts";

export interface MemoryResult {
  /** VMs of either family that the tables are made for. */
  readonly vms: number;
  /** Of the VM table, for each VM that it is made for. */
  readonly bytesPerVm: number;
  readonly bytesPerVm6: number;
  /** Of all other tables together, per-CPU ones as this machine has them. */
  readonly otherBytes: number;
}

export function measureMemory(vms: number): MemoryResult {
  using object = BpfObject.open(`${OBJECTS}/unum.bpf.o`);
  const maps = object.maps.filter(({ typeName, internal }) => typeName.endsWith("array") && !internal);
  const elementBytes = ({ typeName, valueSize }: (typeof maps)[number]) =>
    typeName.startsWith("percpu") ? Math.ceil(valueSize / 8) * 8 * cpus().length : valueSize;
  const tableBytes = (name: "vms4" | "vms6") =>
    vmBuckets(name, vms) * (maps.find((map) => map.name === name)?.valueSize ?? Number.NaN);
  return {
    vms,
    bytesPerVm: tableBytes("vms4") / vms,
    bytesPerVm6: tableBytes("vms6") / vms,
    otherBytes: maps
      .filter(({ name }) => name !== "vms4" && name !== "vms6")
      .reduce((sum, map) => sum + elementBytes(map) * map.maxEntries, 0),
  };
}
