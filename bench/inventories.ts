// The host's side with VMs by the million: from the lines of a file to forwarding, as an operator does it. Each measurement is a
// process of the compiled command line, with its memory.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CLI } from "../lab/edge.ts";
import type { Namespace } from "../lab/network.ts";
import { inside } from "../lab/network.ts";
import { UnumError } from "../src/errors.ts";
import { documentOf, SERVER_COUNT, serverName, TENANT, vmAddress, vmMac } from "./plan.ts";
import type { Spread } from "./statistics.ts";
import { spread } from "./statistics.ts";

/** An inventory of so many VMs. */
export interface InventoryPlan {
  readonly vms: number;
  readonly repeats: number;
}

/** One command on one inventory. */
export interface InventoryRow {
  readonly vms: number;
  /** What was done, such as "first apply". */
  readonly title: string;
  /** From the start of the process to its end. */
  readonly seconds: Spread;
  /** Largest resident set, mapped tables included. */
  readonly peakMiB: Spread;
}

interface Sample {
  readonly seconds: number;
  readonly peakMiB: number;
}

/** Prints the largest resident set of the process that it is loaded into. */
const REPORT = `process.on("exit", () => process.stderr.write("\\npeak " + process.resourceUsage().maxRSS + "\\n"));`;

/** VM n; with `shift`, on another server. */
const line = (n: number, shift = 0): string =>
  `{"tenant":"${TENANT}","address":"${vmAddress(n)}","server":"${serverName((n + shift) % SERVER_COUNT)}","mac":"${vmMac(n)}"}\n`;

/** Lines a chunk at a time: all of them would not fit into a string. */
function* chunks(vms: number, shift: number): Iterable<string> {
  let text = "";
  for (let n = 0; n < vms; n++) {
    text += line(n, shift);
    if (text.length < 1 << 20) continue;
    yield text;
    text = "";
  }
  yield text;
}

function writeInventory(path: string, vms: number, shift = 0): Promise<void> {
  return writeFile(path, chunks(vms, shift));
}

function unum(namespace: Namespace, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Sample> {
  const report = `data:text/javascript,${encodeURIComponent(REPORT)}`;
  const [command, given] = inside(namespace, [process.execPath, "--import", report, CLI, ...args]);
  const began = process.hrtime.bigint();
  const child = spawn(command, given, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      const peak = /^peak (\d+)$/m.exec(stderr)?.[1];
      if (status === 0 && peak !== undefined) {
        resolve({ seconds: Number(process.hrtime.bigint() - began) / 1e9, peakMiB: Number(peak) / 1024 });
      } else reject(new UnumError("INTERNAL", `run unum ${args.join(" ")}: exit status ${status}\n${stderr}`));
    });
  });
}

/** What was done first, and again; for the bars. */
export const [FIRST_APPLY, SECOND_APPLY] = ["first apply: lines to forwarding", "second apply: nothing to do"];

/** Every command on every inventory, in a namespace whose neighbours are resolved. */
export async function measureInventories(
  namespace: Namespace,
  plans: readonly InventoryPlan[],
  progress: (text: string) => void,
): Promise<readonly InventoryRow[]> {
  const scratch = await mkdtemp(join(tmpdir(), "unum-bulk-"));
  const [state, inventory, moved] = ["state.yaml", "vms.ndjson", "moved.ndjson"].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  const env = { UNUM_STATE: state, UNUM_PIN_DIR: "/sys/fs/bpf/bulk-lines" };
  const rows: InventoryRow[] = [];
  try {
    for (const { vms, repeats } of plans) {
      const samples = new Map<string, Sample[]>();
      const measure = async (title: string, ...args: string[]): Promise<void> => {
        samples.set(title, [...(samples.get(title) ?? []), await unum(namespace, args, env)]);
      };
      await writeFile(state, `${documentOf({ capacity: vms })}\nvmInventory: vms.ndjson\n`);
      await writeInventory(moved, vms / 100, 1);
      for (let repeat = 0; repeat < repeats; repeat++) {
        progress(`an inventory of ${vms.toLocaleString("en")} VMs, ${repeat + 1} of ${repeats}`);
        await writeInventory(inventory, vms);
        await measure(FIRST_APPLY, "apply");
        await measure(SECOND_APPLY, "apply");
        await measure("import that moves one in a hundred", "vm", "import", moved);
        await measure(
          "one VM of the inventory set",
          "vm",
          "set",
          TENANT,
          vmAddress(vms - 1),
          "--server",
          serverName(7),
        );
        await measure("all VMs shown", "show", "vms", "--pin-dir", env.UNUM_PIN_DIR);
        await unum(namespace, ["detach", "--all"], env);
      }
      for (const [title, all] of samples) {
        const of = (field: keyof Sample) => spread(all.map((sample) => sample[field]));
        rows.push({ vms, title, seconds: of("seconds"), peakMiB: of("peakMiB") });
      }
    }
    return rows;
  } finally {
    await rm(scratch, { recursive: true });
  }
}
