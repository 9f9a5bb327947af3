// docs/performance.svg: what a packet costs by row, and how that grows with the number of VMs. Plain SVG, readable on light
// and on dark pages; text is text.

import type { Result, ResultRow } from "./result.ts";
import { count } from "./text.ts";

/** A line over the number of VMs, of the rows with such names. */
export interface Line {
  readonly label: string;
  readonly pattern: RegExp;
  /** Class in the style sheet. */
  readonly color: string;
}

const SIZE = "(-60k|-1m|-4m)?$";
export const LINES: readonly Line[] = [
  { label: "hash map", pattern: new RegExp(`^hash${SIZE}`), color: "c4" },
  { label: "/24 pages", pattern: new RegExp(`^pages${SIZE}`), color: "c3" },
  { label: "buckets", pattern: new RegExp(`^buckets${SIZE}`), color: "c2" },
  { label: "unum encapsulates", pattern: new RegExp(`^encapsulate${SIZE}`), color: "c1" },
  { label: "unum decapsulates", pattern: new RegExp(`^decapsulate${SIZE}`), color: "c5" },
];

const [WIDTH, LABELS, BAR, TOP, PLOT, GAP] = [860, 300, 20, 56, 260, 64];

/** One bar each, in this order; rows that were not measured are left out. */
const BARS = [
  ...["encapsulate-back", "encapsulate", "encapsulate-1m", "encapsulate-4m", "decapsulate", "decapsulate-4m"],
  ...["encapsulate-geneve44", "encapsulate-nvgre44", "encapsulate-vxlan66"],
  ...["kernel-tc", "kernel-encapsulate", "kernel-numbered", "kernel-decapsulate"],
];

/** On a light page and on a dark one. */
const COLORS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  ...{ c1: ["#0969da", "#4493f8"], c2: ["#1a7f37", "#3fb950"], c3: ["#9a6700", "#d29922"] },
  ...{ c4: ["#cf222e", "#f85149"], c5: ["#8250df", "#ab7df8"], kernel: ["#8c959f", "#8c959f"] },
};
const colors = (of: 0 | 1): string =>
  Object.entries(COLORS)
    .map(([name, pair]) => `.${name} .fill { fill: ${pair[of]} } .${name} .stroke { stroke: ${pair[of]} }`)
    .join("\n");

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #24292f }
.page { fill: #ffffff }
.title { font-size: 15px; font-weight: 600 }
.small { font-size: 11px; fill: #57606a }
.axis { stroke: #8c959f; fill: none }
.grid { stroke: #d0d7de; stroke-dasharray: 2 3 }
.whisker { stroke: #24292f }
.stroke { stroke-width: 2; fill: none }
${colors(0)}
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } text { fill: #e6edf3 } .small { fill: #9198a1 } .grid { stroke: #3d444d } .whisker { stroke: #e6edf3 }
${colors(1)}
}`;

const round = (value: number): string => String(Math.round(value * 10) / 10);
const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function text(x: number, y: number, words: string, options: { anchor?: string; class?: string } = {}): string {
  const { anchor = "start", class: name = "" } = options;
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" class="${name}">${escaped(words)}</text>`;
}

/** The least of 1, 2, 5 times a power of ten that is at least a fifth of the greatest value. */
export function tickStep(max: number): number {
  const power = 10 ** Math.floor(Math.log10(max / 5));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step * 5 >= max) ?? max;
}

/** Rows of formats are named by these alone; on the chart they are those that encapsulate. */
const isMixed = (title: string, kind: ResultRow["kind"]): boolean => kind === "unum" && !title.startsWith("unum");

function bars(rows: readonly ResultRow[]): { readonly svg: readonly string[]; readonly height: number } {
  const shown = BARS.flatMap((name) => rows.filter((row) => row.name === name && row.costNs !== undefined));
  const max = Math.max(1, ...shown.map(({ costNs }) => costNs?.max ?? 0));
  const scale = (WIDTH - LABELS - 70) / max;
  const svg = shown.flatMap(({ title, vms, costNs, kind }, at) => {
    if (costNs === undefined) return [];
    const [y, middle] = [TOP + at * BAR, TOP + at * BAR + BAR / 2 - 2];
    const [from, to] = [LABELS + Math.max(0, costNs.min) * scale, LABELS + Math.max(0, costNs.max) * scale];
    return [
      text(LABELS - 8, y + 12, `${isMixed(title, kind) ? "unum, " : ""}${title}, ${count(vms)}`, { anchor: "end" }),
      `<g class="${kind === "kernel" ? kind : "c1"}"><rect x="${LABELS}" y="${y}" width="${round(Math.max(1, costNs.median * scale))}" height="${BAR - 5}" rx="2" class="fill"/></g>`,
      `<path d="M${round(from)} ${round(middle)}H${round(to)}" class="whisker"/>`,
      text(to + 6, y + 12, `${costNs.median.toFixed(0)}`),
    ];
  });
  return { svg, height: TOP + shown.length * BAR };
}

/** Labels at the ends of lines, each at least so far below the one above it. */
export function spreadLabels(wanted: readonly number[], distance: number): readonly number[] {
  const order = [...wanted.keys()].sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  const places = [...wanted];
  let last = Number.NEGATIVE_INFINITY;
  for (const at of order) {
    last = Math.max(wanted[at] ?? 0, last + distance);
    places[at] = last;
  }
  return places;
}

function lines(rows: readonly ResultRow[], top: number): readonly string[] {
  const series = LINES.map((line) => ({
    ...line,
    points: rows.flatMap(({ name, vms, costNs }) => (costNs && line.pattern.test(name) ? [{ vms, ...costNs }] : [])),
  })).filter(({ points }) => points.length > 1);
  if (series.length === 0) return [];
  const all = series.flatMap(({ points }) => points);
  const [least, most, max] = [
    Math.min(...all.map(({ vms }) => vms)),
    Math.max(...all.map(({ vms }) => vms)),
    Math.max(...all.map((point) => point.median)),
  ];
  const [left, right, bottom] = [60, WIDTH - 150, top + PLOT];
  const x = (vms: number) => left + (Math.log(vms / least) / Math.log(most / least)) * (right - left);
  const y = (ns: number) => bottom - (Math.max(0, ns) / max) * PLOT;
  const step = tickStep(max);
  const ticks = Array.from({ length: Math.floor(max / step) + 1 }, (_, n) => n * step);
  const places = spreadLabels(
    series.map(({ points }) => y(points.at(-1)?.median ?? 0) + 4),
    15,
  );
  return [
    ...ticks.flatMap((ns) => [
      `<path d="M${left} ${round(y(ns))}H${right}" class="grid"/>`,
      text(left - 8, y(ns) + 4, String(ns), { anchor: "end", class: "small" }),
    ]),
    ...[...new Set(all.map(({ vms }) => vms))].flatMap((vms) => [
      `<path d="M${round(x(vms))} ${bottom}v5" class="axis"/>`,
      text(x(vms), bottom + 20, `${count(vms)}`, { anchor: "middle", class: "small" }),
    ]),
    `<path d="M${left} ${bottom}H${right}" class="axis"/>`,
    ...series.flatMap(({ label, color, points }, at) => [
      `<g class="${color}">`,
      `<polyline class="stroke" points="${points.map(({ vms, median }) => `${round(x(vms))},${round(y(median))}`).join(" ")}"/>`,
      ...points.map(({ vms, median }) => `<circle class="fill" r="3" cx="${round(x(vms))}" cy="${round(y(median))}"/>`),
      text(right + 10, places[at] ?? 0, label, { class: "fill" }),
      "</g>",
    ]),
  ];
}

export function chartSvg({ rows, machine }: Result): string {
  const { svg, height } = bars(rows);
  const below = height + GAP;
  const graph = lines(rows, below + 20);
  const end = graph.length === 0 ? height + 20 : below + 20 + PLOT + 40;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${end}" role="img" aria-label="What a packet costs">`,
    `<style>${STYLE}\n</style>`,
    // Pages and readers do not always agree on light and dark: the chart brings its own.
    `<path d="M0 0H${WIDTH}V${end}H0z" class="page"/>`,
    text(16, 24, "What a packet costs, ns above a bare redirect (or XDP_TX)", { class: "title" }),
    text(16, 42, `row, VMs; median, least to greatest. ${machine.cpu}, Linux ${machine.kernel}`, { class: "small" }),
    ...svg,
    ...(graph.length === 0 ? [] : [text(16, below, "How that grows with VMs at random", { class: "title" })]),
    ...graph,
    "</svg>",
  ].join("\n")}\n`;
}
