// Makes what rows need: tables, programs, and networks for those that the kernel forwards.

import { join } from "node:path";
import type { BpfProgram } from "../src/bpf/program.ts";
import type { Plane } from "../src/dataplane/index.ts";
import { Chain } from "./chain.ts";
import { buildEdge } from "./edges.ts";
import { addNumberedTunnels, addTunnelKey, addUnnumberedTunnel } from "./kernel-tunnel.ts";
import { LookupTables } from "./lookups.ts";
import type { KernelTunnels, RowPlan } from "./rows.ts";

/** A row that is ready to run. */
export interface Row {
  readonly plan: RowPlan;
  readonly chain: Chain;
  /** Undefined: no program, the stack forwards. */
  readonly program: BpfProgram | undefined;
  readonly plane?: Plane;
}

/** `progress` is told what takes long. */
export async function prepareRows(
  chain: Chain,
  plans: readonly RowPlan[],
  progress: (text: string) => void,
): Promise<readonly Row[]> {
  const lookups = new Map<number, LookupTables>();
  const kernels = new Map<string, Chain>();
  const rows: Row[] = [];
  for (const plan of plans) {
    const { subject, name, vms } = plan;
    if (subject.kind !== "bare") progress(`${name}: ${vms.toLocaleString("en")} VMs`);
    if (subject.kind === "bare") rows.push({ plan, chain, program: chain.object.program(subject.program) });
    else if (subject.kind === "kernel") {
      const key = `${subject.tunnels}-${vms}-`;
      const own = kernels.get(key) ?? (await buildKernel(key, subject.tunnels, vms));
      kernels.set(key, own);
      rows.push({ plan, chain: own, program: undefined });
    } else if (subject.kind === "lookup") {
      const tables = lookups.get(vms) ?? new LookupTables(chain, vms);
      lookups.set(vms, tables);
      rows.push({ plan, chain, program: tables.program(subject.program) });
    } else {
      const { kind, ...edge } = subject;
      // Names in bpffs have no dot.
      const { plane } = buildEdge(chain, join("/sys/fs/bpf", name.replaceAll(".", "-")), { ...edge, vms });
      rows.push({ plan, chain, plane, program: plane.program(edge.duty === "decapsulate" ? "underlay" : "access") });
    }
  }
  return rows;
}

/** A chain of its own, so that one way of forwarding does not meet the routes of another. */
async function buildKernel(name: string, tunnels: KernelTunnels, vms: number): Promise<Chain> {
  const chain = await Chain.build(name);
  if (tunnels === "unnumbered") await addUnnumberedTunnel(chain);
  else if (tunnels === "numbered") await addNumberedTunnels(chain, vms);
  else await addTunnelKey(chain, vms);
  return chain;
}
