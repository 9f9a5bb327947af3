// The same VMs in unum's bucket table and in the kernel's hash map, and programs that look them up and do nothing else.

import { Btf } from "../src/bpf/btf.ts";
import { BucketTable, SLOT_BYTES, WORD_BYTES } from "../src/bpf/bucket-table.ts";
import { BpfObject } from "../src/bpf/object.ts";
import type { BpfProgram } from "../src/bpf/program.ts";
import { vmBuckets } from "../src/dataplane/index.ts";
import { UnumError } from "../src/errors.ts";
import { CHAIN_OBJECT, type Chain } from "./chain.ts";
import { packVms } from "./edges.ts";

const SEED = 0x1d8a_37c2_90be_654fn;

export class LookupTables {
  readonly #object: BpfObject;

  /** Makes and fills both, with VMs 0 to count - 1. */
  constructor(chain: Chain, count: number) {
    const buckets = vmBuckets("vms4", count);
    const object = BpfObject.open(CHAIN_OBJECT);
    this.#object = object;
    const btf = Btf.parse(object.btf());
    object.setMaxEntries("buckets", buckets);
    object.setMaxEntries("hash", count);
    const settings = object.readOnlyData();
    const view = new DataView(settings.buffer, settings.byteOffset, settings.byteLength);
    view.setBigUint64(settingOffset(btf, "table_seed"), SEED, btf.littleEndian);
    view.setUint32(settingOffset(btf, "vms4_buckets"), buckets, btf.littleEndian);
    object.setReadOnlyData(settings);
    object.load();
    chain.setWayOut(object);

    const slots = packVms(btf, count, [1]);
    const table = BucketTable.open(object.map("buckets"), {
      seed: SEED,
      moves: { map: object.map("moves"), offset: 0 },
    });
    table.changeAll({ puts: slots, deletes: new Uint8Array(0) });
    table.close();
    const hash = object.map("hash");
    for (let at = 0; at < slots.length; at += SLOT_BYTES) {
      hash.update(slots.subarray(at, at + WORD_BYTES), slots.subarray(at + WORD_BYTES, at + SLOT_BYTES));
    }
  }

  program(name: "lookup_buckets" | "lookup_hash"): BpfProgram {
    return this.#object.program(name);
  }
}

function settingOffset(btf: Btf, name: string): number {
  const found = btf.section(".rodata").find((variable) => variable.name === name);
  if (found === undefined)
    throw new UnumError("BTF_INVALID", `configure ${name}: the bench's object has no such setting`);
  return found.offset;
}
