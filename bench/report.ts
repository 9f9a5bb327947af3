// A result, for the terminal.

import pc from "picocolors";
import type { Result } from "./result.ts";
import {
  delaysTable,
  hostTable,
  inventoriesTable,
  machineText,
  methodText,
  rowsTable,
  type Table,
  twoCoresTable,
} from "./text.ts";

/** Columns side by side; empty without rows. */
function table({ headings, rows, texts }: Table): string {
  if (rows.length === 0) return "";
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

export function reportText(result: Result): string {
  const { rows, bars } = result;
  const failures = rows.flatMap(({ name, failure }) => (failure === undefined ? [] : [`${name}: ${failure}`]));
  const judged = bars.map(({ what, expected, measured, met }) => [
    what,
    expected,
    measured,
    met ? pc.green("met") : pc.red("not met"),
  ]);
  return [
    machineText(result).join("\n"),
    table(rowsTable(rows)),
    rows.length === 0 ? "" : methodText(result),
    table(delaysTable(result)),
    table(twoCoresTable(result)),
    table(hostTable(result)),
    table(inventoriesTable(result)),
    table({ headings: ["figure to reach", "bar", "measured", ""], rows: judged, texts: 1 }),
    ...failures.map((text) => pc.red(text)),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}
