#!/usr/bin/env node
// npm run bench: measures in scripts/sandbox, so that nothing is left of it however it ends.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants, cpus, setPriority } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../lab/network.ts";
import { ROOT } from "../lab/traffic.ts";
import { causeText, UnumError } from "../src/errors.ts";
import { judge } from "./bars.ts";
import { Chain } from "./chain.ts";
import { measureDelays } from "./delays.ts";
import { measureHost } from "./host.ts";
import { describeMachine } from "./machine.ts";
import { measureRows } from "./measure.ts";
import { type BenchOptions, readOptions, USAGE } from "./options.ts";
import { writePage } from "./page.ts";
import { prepareRows } from "./prepare.ts";
import { reportText } from "./report.ts";
import { keptRow, LAST_RESULT, readResult, writeResult } from "./result.ts";
import { ROWS } from "./rows.ts";
import { measureTwoCores } from "./two-cores.ts";

const args = process.argv.slice(2);

try {
  const options = readOptions(args);
  if (options.help) console.log(USAGE);
  else if (options.list) for (const { name, title } of ROWS) console.log(`${name.padEnd(20)}${title}`);
  else if (options.chart) console.log(`written: ${writePage(readResult(options.json ?? LAST_RESULT)).join(", ")}`);
  else process.exitCode = process.env.UNUM_BENCH_INSIDE === "1" ? await measure(options) : await runInSandbox();
} catch (error) {
  console.error(`bench: ${causeText(error)}`);
  if (error instanceof UnumError && error.remedy !== undefined) console.error(`  ${error.remedy}`);
  process.exitCode = error instanceof UnumError ? error.exitCode : 1;
}

/** Outside: starts the inside, which dies with this process. Returns the exit status. */
async function runInSandbox(): Promise<number> {
  if (process.geteuid?.() !== 0) {
    throw new UnumError("PERMISSION", "run bench: it loads programs and makes network namespaces, which needs root", {
      remedy: "sudo npm run bench",
    });
  }
  const command = [join(ROOT, "scripts/sandbox"), process.execPath, fileURLToPath(import.meta.url), ...args];
  const child = spawn("sh", command, { stdio: "inherit", env: { ...process.env, UNUM_BENCH_INSIDE: "1" } });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => child.kill("SIGTERM"));
  const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return status ?? 128 + constants.signals[signal ?? "SIGKILL"];
}

/** Inside. Returns 1 when a row does not count. */
async function measure(options: BenchOptions): Promise<number> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const progress = (text: string) => console.error(`bench: ${seconds().toFixed(0).padStart(3)} s  ${text}`);
  const { pace } = options;
  const machine = await describeMachine();
  const chain = await Chain.build();
  const prepared = await prepareRows(chain, options.rows, progress);
  await stayOn(options.cpu);
  const measured = prepared.length === 0 ? undefined : await measureRows(prepared, pace, progress);
  if (options.delays !== undefined) progress("a frame alone");
  const delays = options.delays === undefined ? [] : measureDelays(prepared, options.delays);
  // The host's side attaches programs of its own.
  chain.setProgram(undefined);
  for (const { plane } of prepared) plane?.close();
  await stayOn(undefined);
  if (options.twoCores) progress("two chains at once");
  const twoCores = options.twoCores && (await measureTwoCores(options.twoCores));
  const host = options.host && (await measureHost(chain, options.host, progress));
  chain.close();

  const rows = (measured?.rows ?? []).map(keptRow);
  const bars = judge(rows, host, twoCores);
  const result = { machine, seconds: seconds(), pace, clock: measured?.clock, rows, delays, twoCores, host, bars };
  const files = [LAST_RESULT, ...(options.json === undefined ? [] : [options.json])];
  console.log(`\n${reportText(result)}\n`);
  for (const file of files) writeResult(file, result);
  console.log(`written to ${files.join(" and ")}`);
  return rows.some(({ failure }) => failure !== undefined) ? 1 : 0;
}

/**
 * Keeps this thread on a core, with everything that frames make the kernel do; the other threads may go where they like.
 * Undefined: on all cores, as others.
 */
async function stayOn(cpu: number | undefined): Promise<void> {
  const cores = cpu === undefined ? `0-${cpus().length - 1}` : String(cpu);
  await run("taskset", ["--pid", "--cpu-list", cores, String(process.pid)]);
  setPriority(cpu === undefined ? constants.priority.PRIORITY_NORMAL : constants.priority.PRIORITY_HIGHEST);
}
