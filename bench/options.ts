// Options of `npm run bench`.

import { cpus } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { causeText, UnumError } from "../src/errors.ts";
import type { HostPlan } from "./host.ts";
import type { Pace } from "./measure.ts";
import { type RowPlan, selectRows, withBuilds } from "./rows.ts";

export const USAGE = `npm run bench [-- OPTION...]

Measures the packet path and the host's side, and prints a table. Needs root; makes its own network,
touches no interface of this machine, and leaves nothing behind but the result.
  --quick        fewer rows, rounds and VMs: less than a minute
  --rows WORDS   only rows with one of these words in their name, and those they are held against;
                 "host" stands for the host's side. Comma-separated
  --rounds N     rounds, at least 1 (11; with --quick 5)
  --packets N    frames of one run, at least 500000, or setting up the run is what is measured
  --cpu N        core to run on (the last one)
  --json FILE    where to write the result as well as to build/bench/result.json
  --build FILE   measure another build of build/bpf/unum.bpf.o as well; its cost is that over this one.
                 May be given several times
  --list         the names of the rows`;

export interface BenchOptions {
  readonly help: boolean;
  readonly list: boolean;
  readonly rows: readonly RowPlan[];
  readonly pace: Pace;
  /** Undefined: not asked for. */
  readonly host: HostPlan | undefined;
  readonly cpu: number;
  readonly json: string | undefined;
}

const FULL_HOST: HostPlan = { bulkVms: 4_000_000, bulkRepeats: 5, changes: 50_000, commands: 11 };
const QUICK_HOST: HostPlan = { bulkVms: 1_000_000, bulkRepeats: 3, changes: 20_000, commands: 5 };

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
        ...{ quick: flag, help: { ...flag, short: "h" }, list: flag },
        ...{ rows: text, rounds: text, packets: text, cpu: text, json: text },
        build: { ...text, multiple: true },
      },
    }).values;
  } catch (cause) {
    throw new UnumError("USAGE", `read arguments: ${causeText(cause)}`, { remedy: "npm run bench -- --help", cause });
  }
}

/** @throws UnumError USAGE */
export function readOptions(args: readonly string[]): BenchOptions {
  const { quick, help, list, rows, rounds, packets, cpu, json, build = [] } = parse(args);
  const words = rows === undefined ? [] : rows.split(",").filter((word) => word !== "");
  const rowWords = words.filter((word) => word !== "host");
  const onlyHost = words.length > 0 && rowWords.length === 0;
  const selected = onlyHost ? [] : selectRows(rowWords, quick === true);
  if (selected.length === 0 && !onlyHost)
    throw usage(`--rows ${rows}`, 'words in names of rows (see --list), or "host"');
  return {
    help: help === true,
    list: list === true,
    rows: withBuilds(
      selected,
      build.map((file) => resolve(file)),
    ),
    pace: {
      rounds: integer("rounds", rounds, quick ? 5 : 11, 1, 1000),
      packets: integer("packets", packets, quick ? 500_000 : 1_000_000, 500_000, 100_000_000),
      warmUpPackets: quick ? 20_000 : 100_000,
    },
    host: words.length === 0 || words.includes("host") ? (quick ? QUICK_HOST : FULL_HOST) : undefined,
    cpu: integer("cpu", cpu, cpus().length - 1, 0, cpus().length - 1),
    json: json === undefined ? undefined : resolve(json),
  };
}
