// What a run found, as it is kept: a JSON file, from which tables, page and chart are made.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "../lab/traffic.ts";
import { causeText, UnumError } from "../src/errors.ts";
import type { Bar } from "./bars.ts";
import type { DelayResult } from "./delays.ts";
import type { HostResult } from "./host.ts";
import type { Machine } from "./machine.ts";
import type { Clock, Pace, RowResult } from "./measure.ts";
import type { RowPlan } from "./rows.ts";
import type { TwoCoresResult } from "./two-cores.ts";

/** A row, with what of its plan is worth keeping. */
export interface ResultRow
  extends Omit<RowResult, "plan">,
    Pick<RowPlan, "name" | "title" | "frames" | "vms" | "over" | "kernel"> {
  readonly kind: RowPlan["subject"]["kind"];
}

export interface Result {
  readonly machine: Machine;
  /** All of the run, making tables included. */
  readonly seconds: number;
  readonly pace: Pace;
  readonly clock: Clock | undefined;
  readonly rows: readonly ResultRow[];
  readonly delays: readonly DelayResult[];
  readonly twoCores: TwoCoresResult | undefined;
  readonly host: HostResult | undefined;
  readonly bars: readonly Bar[];
}

/** Where every run leaves its result. */
export const LAST_RESULT = join(ROOT, "build/bench/result.json");

export function keptRow({ plan, ...result }: RowResult): ResultRow {
  const { name, title, frames, vms, over, kernel, subject } = plan;
  const others = { ...(over === undefined ? {} : { over }), ...(kernel === undefined ? {} : { kernel }) };
  return { name, title, frames, vms, ...others, kind: subject.kind, ...result };
}

/** @throws UnumError SYSTEM_CALL */
export function writeResult(path: string, result: Result): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    // A row a line: short, and what changed shows.
    const rows = result.rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n");
    const text = JSON.stringify({ ...result, rows: [] }, null, 2).replace(
      '"rows": []',
      () => `"rows": [\n${rows}\n  ]`,
    );
    writeFileSync(path, `${text}\n`);
  } catch (cause) {
    throw new UnumError("SYSTEM_CALL", `write ${path}: ${causeText(cause)}`, {
      remedy: "name another file with --json FILE",
      cause,
    });
  }
}

/** @throws UnumError SYSTEM_CALL */
export function readResult(path: string): Result {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Result;
  } catch (cause) {
    throw new UnumError("SYSTEM_CALL", `read result ${path}: ${causeText(cause)}`, {
      remedy: "measure first: sudo npm run bench",
      cause,
    });
  }
}
