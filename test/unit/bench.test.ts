// The parts of the bench that measure nothing: options, rows, and what is made of a result.

import { describe, expect, test } from "vitest";
import { judge } from "../../bench/bars.ts";
import { chartSvg, spreadLabels, tickStep } from "../../bench/chart.ts";
import { percentileNs } from "../../bench/delays.ts";
import { readOptions } from "../../bench/options.ts";
import { fillPage } from "../../bench/page.ts";
import { documentOf, OTHER_SIDE, SIDE } from "../../bench/plan.ts";
import type { Result, ResultRow } from "../../bench/result.ts";
import { ROWS } from "../../bench/rows.ts";
import { parseModel } from "../../src/document/index.ts";

const names = (...args: string[]) => readOptions(args).rows.map(({ name }) => name);

const spread = (median: number) => ({ median, min: median - 5, max: median + 5 });

function row(name: string, vms: number, costNs: number, kind: ResultRow["kind"] = "unum"): ResultRow {
  const frames = { form: "inner", mix: { format: "vxlan", outer: 4, inner: 4 } } as const;
  const samples = [costNs + 200, costNs + 210, costNs + 190];
  const figures = { nsPerPacket: spread(costNs + 200), costNs: spread(costNs), samples, loss: 0 };
  return { name, title: `title of ${name}`, frames, vms, kind, over: "redirect", ...figures };
}

const RESULT: Result = {
  machine: {
    ...{ cpu: "CPU <1> & more", cores: 2, hypervisor: "", memoryGiB: 8, kernel: "6.18", node: "v20", clang: "14" },
    ...{ load: 0, commit: "0", date: "2026-01-01" },
  },
  seconds: 1,
  pace: { rounds: 3, packets: 500_000, warmUpPackets: 1 },
  clock: "cpu",
  rows: [
    row("encapsulate", 1000, 55),
    row("encapsulate-4m", 4_000_000, 240),
    row("hash", 1000, 40, "lookup"),
    row("hash-4m", 4_000_000, 600, "lookup"),
    row("buckets", 1000, 35, "lookup"),
    row("buckets-4m", 4_000_000, 175, "lookup"),
    row("kernel-encapsulate", 1000, 1600, "kernel"),
  ],
  delays: [],
  twoCores: undefined,
  host: undefined,
  bars: [],
};

describe("options", () => {
  test("nothing said means every row and every part", () => {
    const options = readOptions([]);
    expect(options.rows).toEqual(ROWS);
    expect([options.host, options.twoCores, options.delays].every((part) => part !== undefined)).toBe(true);
  });

  test("a row brings along what it is held against", () => {
    expect(names("--rows", "encapsulate-4m")).toEqual(["redirect", "encapsulate-4m", "kernel-encapsulate"]);
    expect(names("--rows", "decapsulate-nvgre46")).toEqual(["redirect-nvgre46", "decapsulate-nvgre46"]);
  });

  test("words of parts are no rows, but for the rows that a frame alone goes through", () => {
    expect(names("--rows", "host,two-cores")).toEqual([]);
    expect(names("--rows", "delay")).toEqual(["redirect", "encapsulate", "kernel-encapsulate"]);
    const { host, twoCores, delays } = readOptions(["--rows", "two-cores"]);
    expect([host, delays, twoCores === undefined]).toEqual([undefined, undefined, false]);
  });

  test("--quick has fewer rows, and those that the bars of the packet path are about", () => {
    expect(names("--quick").length).toBeLessThan(25);
    expect(names("--quick")).toEqual(expect.arrayContaining(["encapsulate", "encapsulate-back", "kernel-encapsulate"]));
  });

  test("what is none of it is refused", () => {
    expect(() => readOptions(["--rows", "nonsense"])).toThrow("host, delay, two-cores");
    expect(() => readOptions(["--packets", "1000"])).toThrow("from 500000");
  });
});

describe("rows", () => {
  test("have names of their own, and are held against rows that come before them", () => {
    const seen = new Set<string>();
    for (const { name, over } of ROWS) {
      expect(seen.has(name), name).toBe(false);
      if (over !== undefined) expect(seen.has(over), `${name} over ${over}`).toBe(true);
      seen.add(name);
    }
    for (const { kernel } of ROWS) if (kernel !== undefined) expect(seen.has(kernel), kernel).toBe(true);
  });

  test("the documents of one and of two sides are documents", () => {
    const { model } = parseModel(documentOf({ capacity: 10_000, sides: [SIDE, OTHER_SIDE], vms: 3 }), "bench");
    expect([...model.tenants.values()].map(({ vms, circuits }) => [vms.size, circuits.size])).toEqual([
      [3, 1],
      [0, 1],
    ]);
    expect(model.servers.size).toBe(128);
  });
});

test("percentiles of counted steps are middles of steps, and the last step has none", () => {
  expect(percentileNs([0, 98, 1, 1], 0.5)).toBe(24);
  expect(percentileNs([0, 98, 1, 0, 1], 0.99)).toBe(40);
  expect(percentileNs([0, 98, 1, 1], 1)).toBeUndefined();
  expect(percentileNs([], 0.5)).toBeUndefined();
});

test("bars are judged by what was measured, and left out where nothing was", () => {
  const bars = judge(RESULT.rows, undefined, undefined);
  expect(bars.map(({ what, measured, met }) => [what, measured, met])).toEqual([
    ["encapsulate, over a bare redirect", "55.0 ns", true],
    ["added by 4 M VMs over 1 thousand", "185.0 ns", true],
    ["the same of a lookup, to what a hash map adds", "0.25 ×", true],
  ]);
});

describe("the chart", () => {
  test("has a bar for each row and a line for each table, and nothing that is not XML", () => {
    const svg = chartSvg(RESULT);
    expect(svg.match(/<rect/g)).toHaveLength(3);
    expect(svg.match(/<polyline/g)).toHaveLength(3);
    expect(svg).toContain("CPU &lt;1> &amp; more");
    expect(svg).not.toMatch(/NaN|undefined/);
    expect((svg.match(/<g /g) ?? []).length).toBe((svg.match(/<\/g>/g) ?? []).length);
  });

  test("is a chart without anything to show, too", () => {
    expect(chartSvg({ ...RESULT, rows: [] })).not.toMatch(/NaN|Infinity|undefined/);
  });

  test("ticks are round, and at most six", () => {
    expect([7, 60, 364, 1000, 1800].map(tickStep)).toEqual([2, 20, 100, 200, 500]);
  });

  test("labels that would lie over each other are moved apart, in their order", () => {
    expect(spreadLabels([30, 10, 12, 80], 15)).toEqual([40, 10, 25, 80]);
  });
});

describe("the page", () => {
  const page = "# Page\n\n<!-- begin a -->\nold\n<!-- end a -->\nkept\n<!-- begin b -->\n<!-- end b -->\n";

  test("is filled between its markers, and the same when filled again", () => {
    const filled = fillPage(page, { a: "| new |", b: "2" });
    expect(filled).toBe(
      "# Page\n\n<!-- begin a -->\n\n| new |\n\n<!-- end a -->\nkept\n<!-- begin b -->\n\n2\n\n<!-- end b -->\n",
    );
    expect(fillPage(filled, { a: "| new |", b: "2" })).toBe(filled);
  });

  test("without a marker is refused by its name", () => {
    expect(() => fillPage(page, { c: "" })).toThrow("<!-- begin c -->");
  });
});
