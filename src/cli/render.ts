// Data → text: tables for people, JSON for programs.

import Table from "cli-table3";
import pc from "picocolors";
import type { Context } from "./context.ts";
import { say } from "./context.ts";

const PLAIN_BORDERS = Object.fromEntries(
  [
    "top",
    "top-mid",
    "top-left",
    "top-right",
    "bottom",
    "bottom-mid",
    "bottom-left",
    "bottom-right",
    "left",
    "left-mid",
    "mid",
    "mid-mid",
    "right",
    "right-mid",
  ].map((place) => [place, ""]),
);

export type Cell = string | number | bigint | undefined;

/** For headings, where the terminal can and nobody objects (no-color.org: an empty NO_COLOR is none). */
export function bold(context: Context): (text: string) => string {
  return pc.createColors(context.streams.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "").bold;
}

/** Columns aligned by spaces; numbers to the right; "-" where there is nothing. */
export function table(context: Context, headings: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const isNumber = headings.map((_, column) => rows.every((row) => typeof row[column] !== "string"));
  const view = new Table({
    head: headings.map((heading) => bold(context)(heading)),
    chars: { ...PLAIN_BORDERS, middle: "  " },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
    colAligns: isNumber.map((number) => (number && rows.length > 0 ? "right" : "left")),
  });
  for (const row of rows) view.push(row.map((cell) => (cell === undefined || cell === "" ? "-" : String(cell))));
  say(context, view.toString().replace(/ +$/gm, ""));
}

/** JSON in which integers beyond 2^53 are strings, since a reader would round them. */
export function json(context: Context, value: unknown): void {
  const replace = (_: string, item: unknown): unknown => {
    if (typeof item === "bigint") return item <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(item) : item.toString();
    if (item instanceof Map) return Object.fromEntries(item);
    return item;
  };
  say(context, JSON.stringify(value, replace, 2));
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
