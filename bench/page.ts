// docs/performance.md and its chart, of a result. What people wrote on the page stays; what lies between two markers of a name
// is made anew.

import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "../lab/traffic.ts";
import { UnumError } from "../src/errors.ts";
import { chartSvg, LINES } from "./chart.ts";
import { type Result, type ResultRow, writeResult } from "./result.ts";
import {
  count,
  delaysTable,
  fixed,
  hostTable,
  inventoriesTable,
  machineText,
  methodText,
  range,
  rowsTable,
  type Table,
  twoCoresTable,
} from "./text.ts";

/** Beside each other: the page, its chart, and the figures that both are made of. */
const [PAGE, CHART, FIGURES] = ["md", "svg", "json"].map((ending) => join(ROOT, `docs/performance.${ending}`)) as [
  string,
  string,
  string,
];

/** Returns what was written. @throws UnumError INTERNAL where the page lacks a marker */
export function writePage(result: Result): readonly string[] {
  const page = fillPage(readFileSync(PAGE, "utf8"), sectionsOf(result));
  writeFileSync(PAGE, page);
  writeFileSync(CHART, chartSvg(result));
  writeResult(FIGURES, result);
  return [PAGE, CHART, FIGURES].map((path) => relative(ROOT, path));
}

/** Puts texts between their markers: `<!-- begin NAME -->` and `<!-- end NAME -->`, each on a line of its own. */
export function fillPage(page: string, sections: Readonly<Record<string, string>>): string {
  return Object.entries(sections).reduce((text, [name, content]) => {
    const [begin, end] = [`<!-- begin ${name} -->\n`, `<!-- end ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) {
      throw new UnumError("INTERNAL", `fill docs/performance.md: expected lines ${begin.trim()} and ${end} in it`);
    }
    return `${text.slice(0, from + begin.length)}\n${content}\n\n${text.slice(to)}`;
  }, page);
}

function markdown({ headings, rows, texts }: Table): string {
  if (rows.length === 0) return "Not measured in this run.";
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = headings.map((_, column) => (column < texts ? "---" : "--:"));
  return [line(headings), `|${rule.join("|")}|`, ...rows.map(line)].join("\n");
}

function sectionsOf(result: Result): Readonly<Record<string, string>> {
  const { rows, bars } = result;
  const isMix = ({ name }: ResultRow) => /(vxlan|geneve|nvgre)[46]{2}$/.test(name) || name === "redirect-inner6";
  const plain = rows.filter((row) => !isMix(row) && row.kind !== "lookup");
  const judged = bars.map(({ what, expected, measured, met }) => [
    what,
    expected,
    measured,
    met ? "met" : "**not met**",
  ]);
  return {
    machine: ["```", ...machineText(result), methodText(result), "```"].join("\n"),
    bars: markdown({ headings: ["figure", "bar", "measured", ""], rows: judged, texts: 1 }),
    rows: markdown(rowsTable(plain)),
    sizes: markdown(sizesTable(rows)),
    formats: markdown(formatsTable(rows.filter(isMix))),
    delays: markdown(delaysTable(result)),
    "two cores": markdown(twoCoresTable(result)),
    host: markdown(hostTable(result)),
    inventories: markdown(inventoriesTable(result)),
  };
}

const cost = ({ costNs }: ResultRow): string =>
  costNs === undefined ? "" : `${fixed(costNs.median)} (${range(costNs)})`;

/** The lines of the chart in figures: a row for each number of VMs, a column for each line. */
function sizesTable(rows: readonly ResultRow[]): Table {
  const series = LINES.map(({ label, pattern }) => ({ label, rows: rows.filter(({ name }) => pattern.test(name)) }));
  const shown = series.filter((line) => line.rows.length > 1);
  const sizes = [...new Set(shown.flatMap((line) => line.rows.map(({ vms }) => vms)))].sort((a, b) => a - b);
  return {
    headings: ["VMs", ...shown.map(({ label }) => label)],
    texts: 0,
    rows: sizes.map((vms) => [
      count(vms),
      ...shown.map((line) => {
        const row = line.rows.find((candidate) => candidate.vms === vms);
        return row === undefined ? "" : cost(row);
      }),
    ]),
  };
}

/** Both directions of a format side by side. */
function formatsTable(rows: readonly ResultRow[]): Table {
  const find = (name: string) => rows.find((row) => row.name === name);
  const mixes = rows.flatMap(({ name, title }) => (name.startsWith("encapsulate-") ? [{ name, title }] : []));
  return {
    headings: ["format", "encapsulate, cost ns", "decapsulate, cost ns"],
    texts: 1,
    rows: mixes.map(({ name, title }) => {
      const [there, back] = [find(name), find(name.replace("encapsulate", "decapsulate"))];
      return [title, there === undefined ? "" : cost(there), back === undefined ? "" : cost(back)];
    }),
  };
}
