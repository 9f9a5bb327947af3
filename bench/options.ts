// Options of `npm run bench`.

import { cpus } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { causeText, UnumError } from "../src/errors.ts";
import { DELAY_ROWS } from "./delays.ts";
import type { HostPlan } from "./host.ts";
import type { InventoryPlan } from "./inventories.ts";
import type { Pace } from "./measure.ts";
import { type RowPlan, selectRows, withBuilds } from "./rows.ts";
import type { TwoCoresPlan } from "./two-cores.ts";

export const USAGE = `npm run bench [-- OPTION...]

Measures the packet path and the host's side, and prints a table. Needs root; makes its own network,
touches no interface of this machine, and leaves nothing behind but the result.
  --quick        fewer rows, rounds and VMs: less than a minute
  --rows WORDS   only rows with one of these words in their name, and those they are held against;
                 "host" stands for the host's side, "delay" for the time of a frame alone, and
                 "two-cores" for two chains at once. Comma-separated
  --rounds N     rounds, at least 1 (7; with --quick 5)
  --packets N    frames of one run, at least 500000, or setting up the run is what is measured
  --cpu N        core to run on (the last one)
  --json FILE    where to write the result as well as to build/bench/result.json
  --build FILE   measure another build of build/bpf/unum.bpf.o as well; its cost is that over this one.
                 May be given several times
  --list         the names of the rows
  --chart        measures nothing: makes docs/performance.md and its chart of the last result, or of
                 that in --json FILE; needs no root`;

export interface BenchOptions {
  readonly help: boolean;
  readonly list: boolean;
  readonly chart: boolean;
  readonly rows: readonly RowPlan[];
  readonly pace: Pace;
  /** Undefined: not asked for. */
  readonly host: HostPlan | undefined;
  readonly twoCores: TwoCoresPlan | undefined;
  /** Frames; undefined: not asked for. */
  readonly delays: number | undefined;
  readonly cpu: number;
  readonly json: string | undefined;
}

const INVENTORIES: readonly InventoryPlan[] = [
  { vms: 1_000_000, repeats: 3 },
  { vms: 4_000_000, repeats: 1 },
];
const FULL_HOST: HostPlan = {
  bulkVms: 4_000_000,
  bulkRepeats: 5,
  changes: 50_000,
  commands: 11,
  watched: 50,
  inventories: INVENTORIES,
};
const QUICK_HOST: HostPlan = {
  bulkVms: 1_000_000,
  bulkRepeats: 5,
  changes: 20_000,
  commands: 5,
  watched: 15,
  inventories: [],
};
const FULL_TWO_CORES: TwoCoresPlan = { rounds: 7, packets: 1_000_000 };
const QUICK_TWO_CORES: TwoCoresPlan = { rounds: 5, packets: 500_000 };

function usage(what: string, expected: string): UnumError {
  return new UnumError("USAGE", `read ${what}: expected ${expected}`, { remedy: "npm run bench -- --help" });
}

function integer(option: string, text: string | undefined, fallback: number, min: number, max: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw usage(`--${option} ${text}`, `an integer from ${min} to ${max}`);
}

function parse(args: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...{ quick: flag, help: { ...flag, short: "h" }, list: flag, chart: flag },
        ...{ rows: text, rounds: text, packets: text, cpu: text, json: text },
        build: { ...text, multiple: true },
      },
    }).values;
  } catch (cause) {
    throw new UnumError("USAGE", `read arguments: ${causeText(cause)}`, { remedy: "npm run bench -- --help", cause });
  }
}

/** Parts that are no rows, by the words of --rows. */
const PARTS = ["host", "delay", "two-cores"] as const;

/** @throws UnumError USAGE */
export function readOptions(args: readonly string[]): BenchOptions {
  const { quick = false, help, list, chart, rows, rounds, packets, cpu, json, build = [] } = parse(args);
  const words = rows === undefined ? [] : rows.split(",").filter((word) => word !== "");
  const wants = (part: (typeof PARTS)[number]) => words.length === 0 || words.includes(part);
  // A frame alone goes through rows as they are.
  const rowWords = words.flatMap((word) =>
    word === "delay" ? DELAY_ROWS : (PARTS as readonly string[]).includes(word) ? [] : [word],
  );
  const noRows = words.length > 0 && rowWords.length === 0;
  const selected = noRows ? [] : selectRows(rowWords, quick);
  if (selected.length === 0 && !noRows) {
    throw usage(`--rows ${rows}`, `words in names of rows (see --list), or of ${PARTS.join(", ")}`);
  }
  return {
    help: help === true,
    list: list === true,
    chart: chart === true,
    rows: withBuilds(
      selected,
      build.map((file) => resolve(file)),
    ),
    pace: {
      rounds: integer("rounds", rounds, quick ? 5 : 7, 1, 1000),
      packets: integer("packets", packets, 500_000, 500_000, 100_000_000),
      warmUpPackets: quick ? 20_000 : 50_000,
    },
    host: wants("host") ? (quick ? QUICK_HOST : FULL_HOST) : undefined,
    twoCores: wants("two-cores") ? (quick ? QUICK_TWO_CORES : FULL_TWO_CORES) : undefined,
    delays: wants("delay") ? (quick ? 50_000 : 200_000) : undefined,
    cpu: integer("cpu", cpu, cpus().length - 1, 0, cpus().length - 1),
    json: json === undefined ? undefined : resolve(json),
  };
}
