// What was measured, for people and for programs.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import pc from "picocolors";
import { causeText, UnumError } from "../src/errors.ts";
import type { Bar } from "./bars.ts";
import type { HostResult, Latency } from "./host.ts";
import type { Machine } from "./machine.ts";
import type { Measured, Pace, RowResult } from "./measure.ts";
import type { Spread } from "./statistics.ts";

export interface Report {
  readonly machine: Machine;
  readonly pace: Pace;
  readonly measured: Measured | undefined;
  readonly host: HostResult | undefined;
  readonly bars: readonly Bar[];
}

const fixed = (value: number | undefined, digits = 0): string =>
  value === undefined ? "" : Number.isNaN(value) ? "?" : value.toFixed(digits);
const range = ({ min, max }: Spread, digits = 0): string => `${fixed(min, digits)}–${fixed(max, digits)}`;
const count = (value: number): string => value.toLocaleString("en");

/** Columns side by side; the first ones are text, the others are numbers. */
function table(headings: readonly string[], rows: readonly (readonly string[])[], texts = 1): string {
  const widths = headings.map((_, column) => Math.max(...[headings, ...rows].map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    widths
      .map((width, column) =>
        column < texts ? (row[column] ?? "").padEnd(width) : (row[column] ?? "").padStart(width),
      )
      .join("  ")
      .trimEnd();
  return [pc.bold(line(headings)), ...rows.map(line)].join("\n");
}

function rowsText(rows: readonly RowResult[]): string {
  return table(
    ["row", "", "VMs", "ns/packet", "min–max", "cost ns", "min–max", "× kernel", "loss"],
    rows.map(({ plan, nsPerPacket, costNs, timesKernel, loss, failure }) => [
      plan.name,
      plan.title,
      plan.subject.kind === "bare" ? "" : count(plan.vms),
      fixed(nsPerPacket.median),
      range(nsPerPacket),
      fixed(costNs?.median),
      costNs === undefined ? "" : range(costNs),
      fixed(timesKernel?.median, 1),
      failure === undefined ? `${fixed(loss * 100, loss === 0 ? 0 : 2)} %` : "failed",
    ]),
    2,
  );
}

function hostText({ bulk, change, command }: HostResult): string {
  const millions = (perSecond: number) => fixed(perSecond / 1e6, 1);
  const latency = ({ p50, p99 }: Latency, unit: string) => [`${fixed(p50, 1)} ${unit}`, `p99 ${fixed(p99, 1)} ${unit}`];
  const rate = ({ median, min, max }: Spread) => [`${millions(median)} M VMs/s`, `${millions(min)}–${millions(max)}`];
  return table(
    ["the host's side", "median", ""],
    [
      [`bulk load of ${count(bulk.vms)} VMs, table made for them`, ...rate(bulk.tightPerSecond)],
      ["… table made for half as many again", ...rate(bulk.roomyPerSecond)],
      [`one of ${count(change.vms)} VMs changed`, ...latency(change.replaceUs, "µs")],
      ["one of them deleted and added again", ...latency(change.againMs, "ms")],
      [`unum vm set, ${count(command.vms)} VMs in the document`, `${fixed(command.ms.median)} ms`, range(command.ms)],
    ],
  );
}

const CLOCKS = { cpu: "processor time", elapsed: "elapsed time less what other processes took" } as const;

export function reportText({ machine, pace, measured, host, bars }: Report): string {
  const where = machine.hypervisor === "" ? "" : `, virtual (${machine.hypervisor})`;
  const parts = [
    `${machine.cpu}, ${machine.cores} cores${where}, ${machine.memoryGiB} GiB; Linux ${machine.kernel}; load ${machine.load}`,
    `commit ${machine.commit}, ${machine.date}; Node ${machine.node}, clang ${machine.clang}`,
  ].join("\n");
  const { rows = [], clock } = measured ?? {};
  const how = `medians of ${pace.rounds} rounds of ${count(pace.packets)} frames, rows in turn, by ${CLOCKS[clock ?? "cpu"]}`;
  const failures = rows.flatMap(({ plan, failure }) => (failure === undefined ? [] : [`${plan.name}: ${failure}`]));
  const judged = bars.map(({ what, expected, measured: value, met }) => [
    what,
    expected,
    value,
    met ? pc.green("met") : pc.red("not met"),
  ]);
  return [
    parts,
    ...(rows.length === 0 ? [] : [`${rowsText(rows)}\n\n${how}`]),
    ...(host === undefined ? [] : [hostText(host)]),
    ...(judged.length === 0 ? [] : [table(["figure to reach", "bar", "measured", ""], judged)]),
    ...failures.map((text) => pc.red(text)),
  ].join("\n\n");
}

/** @throws UnumError SYSTEM_CALL */
export function writeReport(path: string, { machine, pace, measured, host, bars }: Report): void {
  const data = {
    machine,
    pace,
    clock: measured?.clock,
    rows: (measured?.rows ?? []).map(({ plan: { name, title, frames, vms, over, kernel }, ...result }) => ({
      ...{ name, title, frames, vms, over, kernel },
      ...result,
    })),
    host,
    bars,
  };
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${JSON.stringify(data, null, 2)}\n`);
  } catch (cause) {
    throw new UnumError("SYSTEM_CALL", `write ${path}: ${causeText(cause)}`, {
      remedy: "name another file with --json FILE",
      cause,
    });
  }
}
