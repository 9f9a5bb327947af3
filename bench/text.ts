// Figures in words, the same in the terminal and on the page.

import type { Latency } from "./host.ts";
import type { Result, ResultRow } from "./result.ts";
import type { Spread } from "./statistics.ts";

export const fixed = (value: number | undefined, digits = 0): string =>
  value === undefined ? "" : Number.isNaN(value) ? "?" : value.toFixed(digits);
export const range = ({ min, max }: Spread, digits = 0): string => `${fixed(min, digits)}–${fixed(max, digits)}`;
export const count = (value: number): string => value.toLocaleString("en");

/** A table: headings, and rows of as many cells. */
export interface Table {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The first columns, that are words; the others are numbers. */
  readonly texts: number;
}

export function rowsTable(rows: readonly ResultRow[]): Table {
  return {
    headings: ["row", "", "VMs", "ns/packet", "min–max", "cost ns", "min–max", "× kernel", "loss"],
    texts: 2,
    rows: rows.map((row) => [
      row.name,
      row.title,
      row.kind === "bare" ? "" : count(row.vms),
      fixed(row.nsPerPacket.median),
      range(row.nsPerPacket),
      fixed(row.costNs?.median),
      row.costNs === undefined ? "" : range(row.costNs),
      fixed(row.timesKernel?.median, 1),
      row.failure === undefined ? `${fixed(row.loss * 100, row.loss === 0 ? 0 : 2)} %` : "failed",
    ]),
  };
}

export function delaysTable({ delays }: Result): Table {
  const time = (ns: number | undefined) => (ns === undefined ? "> 130 µs" : `${fixed(ns / 1000, 2)} µs`);
  return {
    headings: ["one frame alone, both hops", "median", "p99"],
    texts: 1,
    rows: delays.map(({ title, medianNs, p99Ns }) => [title, time(medianNs), time(p99Ns)]),
  };
}

export function twoCoresTable({ twoCores }: Result): Table {
  const rows = [
    ["unum encapsulates", twoCores?.unum ?? []] as const,
    ["bare redirect", twoCores?.bare ?? []] as const,
  ].flatMap(([what, cores]) =>
    cores.map(({ cpu, aloneNs, togetherNs, loss }) => [
      `${what}, core ${cpu}`,
      `${fixed(aloneNs.median)} ns`,
      `${fixed(togetherNs.median)} ns`,
      `${fixed(loss.median * 100, 1)} %`,
      `${fixed(loss.min * 100, 1)}–${fixed(loss.max * 100, 1)}`,
    ]),
  );
  return { headings: ["two chains, one edge", "alone", "together", "loss", "min–max"], texts: 1, rows };
}

export function hostTable({ host }: Result): Table {
  const headings = ["the host's side", "median", ""];
  if (host === undefined) return { headings, texts: 1, rows: [] };
  const { bulk, change, command, changes, memory } = host;
  const millions = (perSecond: number) => fixed(perSecond / 1e6, 1);
  const latency = ({ p50, p99 }: Latency, unit: string) => [`${fixed(p50, 1)} ${unit}`, `p99 ${fixed(p99, 1)} ${unit}`];
  const rate = ({ median, min, max }: Spread) => [`${millions(median)} M VMs/s`, `${millions(min)}–${millions(max)}`];
  const spread = (of: Spread, unit: string, digits = 0) => [`${fixed(of.median, digits)} ${unit}`, range(of, digits)];
  const seen = changes && [
    ["one VM moved → first packet to its new server", ...spread(changes.vmUs, "µs")],
    ["address of a server changed → first packet there", ...spread(changes.serverUs, "µs")],
    ["… until the call returns: no packet uses the old one", ...spread(changes.serverCallMs, "ms", 1)],
  ];
  return {
    headings,
    texts: 1,
    rows: [
      [`bulk load of ${count(bulk.vms)} VMs, table made for them`, ...rate(bulk.tightPerSecond)],
      ["… table made for half as many again", ...rate(bulk.roomyPerSecond)],
      [`one of ${count(change.vms)} VMs changed`, ...latency(change.replaceUs, "µs")],
      ["one of them deleted and added again", ...latency(change.againMs, "ms")],
      ...(seen ?? []),
      [`unum vm set, ${count(command.vms)} VMs in the document`, ...spread(command.ms, "ms")],
      [`memory of a VM, table made for ${count(memory.vms)}`, `${fixed(memory.bytesPerVm, 1)} bytes`, ""],
      ["… IPv6", `${fixed(memory.bytesPerVm6, 1)} bytes`, ""],
      ["all other tables", `${fixed(memory.otherBytes / 2 ** 20, 1)} MiB`, ""],
    ],
  };
}

export function inventoriesTable({ host }: Result): Table {
  return {
    headings: ["unum, an inventory of so many VMs", "VMs", "seconds", "min–max", "most memory"],
    texts: 1,
    rows: (host?.inventories ?? []).map(({ title, vms, seconds, peakMiB }) => [
      title,
      count(vms),
      fixed(seconds.median, 1),
      range(seconds, 1),
      `${fixed((peakMiB.max * 2 ** 20) / 1e6)} MB`,
    ]),
  };
}

const CLOCKS = { cpu: "processor time", elapsed: "elapsed time less what other processes took" } as const;

export function machineText({ machine }: Result): readonly string[] {
  const where = machine.hypervisor === "" ? "" : `, virtual (${machine.hypervisor})`;
  return [
    `${machine.cpu}, ${machine.cores} cores${where}, ${machine.memoryGiB} GiB; Linux ${machine.kernel}; load ${machine.load}`,
    `commit ${machine.commit}, ${machine.date}; Node ${machine.node}, clang ${machine.clang}`,
  ];
}

export const methodText = ({ pace, clock, seconds }: Result): string =>
  `medians of ${pace.rounds} rounds of ${count(pace.packets)} frames, rows in turn, by ${CLOCKS[clock ?? "cpu"]}; ${fixed(seconds)} s in all`;
