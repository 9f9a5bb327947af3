// The host's side: how fast VMs get into the table, many at once and one by one.

import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CLI } from "../lab/edge.ts";
import { executeIn } from "../lab/network.ts";
import { SLOT_BYTES, WORD_BYTES } from "../src/bpf/bucket-table.ts";
import { readLayout } from "../src/dataplane/index.ts";
import { UnumError } from "../src/errors.ts";
import type { Chain } from "./chain.ts";
import { type ChangesResult, measureChanges } from "./changes.ts";
import { buildEdge, OBJECTS, packVms } from "./edges.ts";
import { type InventoryPlan, type InventoryRow, measureInventories } from "./inventories.ts";
import { timeFill } from "./lookups.ts";
import { type MemoryResult, measureMemory } from "./memory.ts";
import { documentOf, serverName, TENANT, vmAddress } from "./plan.ts";
import { percentile, type Spread, spread } from "./statistics.ts";

export interface HostPlan {
  readonly bulkVms: number;
  readonly bulkRepeats: number;
  readonly changes: number;
  readonly commands: number;
  /** Of VMs and of servers, while frames run. */
  readonly watched: number;
  readonly inventories: readonly InventoryPlan[];
}

export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export interface HostResult {
  /** Into a table that is made for so many VMs, and into one that is made for half as many again. */
  readonly bulk: { readonly vms: number; readonly tightPerSecond: Spread; readonly roomyPerSecond: Spread };
  /** One VM of a full table: by one call, and deleted and added again by two. */
  readonly change: { readonly vms: number; readonly replaceUs: Latency; readonly againMs: Latency };
  /** `unum vm set`, from its start to its end. */
  readonly command: { readonly vms: number; readonly ms: Spread };
  /** Undefined on one core. */
  readonly changes: ChangesResult | undefined;
  readonly memory: MemoryResult;
  readonly inventories: readonly InventoryRow[];
}

const NOTHING = new Uint8Array(0);
const latency = (samples: readonly number[]): Latency => ({
  p50: percentile(samples, 0.5),
  p99: percentile(samples, 0.99),
});

export async function measureHost(chain: Chain, plan: HostPlan, progress: (text: string) => void): Promise<HostResult> {
  progress(`bulk load: ${plan.bulkVms.toLocaleString("en")} VMs`);
  const bulk = measureBulk(plan);
  progress("one VM changed");
  const change = measureChange(chain, plan);
  progress("unum vm set");
  const command = await measureCommand(chain, plan);
  const inventories = await measureInventories(chain.edge, plan.inventories, progress);
  progress("changes while frames run");
  const changes = await measureChanges(plan.watched);
  return { bulk, change, command, changes, memory: measureMemory(1_000_000), inventories };
}

/** In a full table the freed slot is the only one to take, and it rests for a grace period. */
const AGAIN = 100;

/** A packed buffer into an empty table. */
function measureBulk({ bulkVms: vms, bulkRepeats }: HostPlan): HostResult["bulk"] {
  const slots = packVms(readLayout(`${OBJECTS}/unum.bpf.o`).btf, vms, [1]);
  const rates = (capacity: number) =>
    spread(Array.from({ length: bulkRepeats }, () => (vms / timeFill(slots, capacity)) * 1e9));
  return { vms, tightPerSecond: rates(vms), roomyPerSecond: rates(vms * 1.5) };
}

function timeUs(act: () => void): number {
  const began = process.hrtime.bigint();
  act();
  return Number(process.hrtime.bigint() - began) / 1000;
}

function measureChange(chain: Chain, { changes }: HostPlan): HostResult["change"] {
  const vms = 1_000_000;
  const edge = buildEdge(chain, "/sys/fs/bpf/change", { duty: "encapsulate", vms, capacity: vms });
  const { plane } = edge;
  try {
    const table = plane.table("vms4");
    const indexes = [...edge.endpoints.values()];
    const [here, there] = [packVms(plane.layout.btf, vms, indexes), packVms(plane.layout.btf, vms, indexes.reverse())];
    const slot = (slots: Uint8Array) => {
      const at = Math.floor(Math.random() * vms) * SLOT_BYTES;
      return slots.subarray(at, at + SLOT_BYTES);
    };
    const replace = Array.from({ length: changes }, () => {
      const puts = slot(there);
      return timeUs(() => table.changeAll({ puts, deletes: NOTHING }));
    });
    const again = Array.from({ length: AGAIN }, () => {
      const puts = slot(here);
      const us = timeUs(() => {
        table.changeAll({ puts: NOTHING, deletes: puts.subarray(0, WORD_BYTES) });
        table.changeAll({ puts, deletes: NOTHING });
      });
      return us / 1000;
    });
    return { vms, replaceUs: latency(replace), againMs: latency(again) };
  } finally {
    plane.close();
    plane.pins.remove();
  }
}

/** `unum vm set` on an edge with a document of a thousand VMs: process, document, plan, tables. */
async function measureCommand(chain: Chain, { commands }: HostPlan): Promise<HostResult["command"]> {
  const vms = 1000;
  const state = join(await mkdtemp(join(tmpdir(), "unum-bench-")), "state.yaml");
  await writeFile(state, documentOf({ capacity: 1_000_000, vms }));
  const unum = async (...args: string[]) => {
    const began = process.hrtime.bigint();
    const { status, stderr } = await executeIn(chain.edge, [process.execPath, CLI, ...args], {
      env: { ...process.env, UNUM_STATE: state, UNUM_PIN_DIR: "/sys/fs/bpf/command" },
    });
    if (status !== 0) throw new UnumError("INTERNAL", `run unum ${args.join(" ")}: exit status ${status}\n${stderr}`);
    return Number(process.hrtime.bigint() - began) / 1e6;
  };
  await unum("apply");
  const times: number[] = [];
  for (let n = 0; n < commands; n++) {
    times.push(await unum("vm", "set", TENANT, vmAddress(n), "--server", serverName((n + 1) % 64)));
  }
  await unum("detach", "--all");
  return { vms, ms: spread(times) };
}
