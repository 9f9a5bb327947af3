// Holds the documentation against what it is about: what is not in it was forgotten.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { defaultContext } from "../../src/cli/context.ts";
import { unumProgram } from "../../src/cli/program.ts";
import { parseModel } from "../../src/document/index.ts";
import * as shapes from "../../src/document/shapes.ts";
import { ERROR_CATALOGUE } from "../../src/errors.ts";
import { overheadBytes, RANGES, rateText, SMALLEST_MTU_BYTES } from "../../src/model/index.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

/** A page from the heading on to the next one like it. */
function sectionOf(page: string, heading: string): string {
  const [, found = ""] = read(page).split(`\n## ${heading}\n`);
  return found.split("\n## ", 1)[0] ?? "";
}

/** Rows of tables whose first cell is one word of code, with the other cells. */
function rowsOf(text: string): ReadonlyMap<string, readonly string[]> {
  const rows = new Map<string, readonly string[]>();
  for (const line of text.split("\n")) {
    const [, first, ...cells] = line.split("|").map((cell) => cell.trim());
    const word = /^`([^`]+)`$/.exec(first ?? "")?.[1];
    if (word !== undefined) rows.set(word, cells.slice(0, -1));
  }
  return rows;
}

/** Fenced blocks of a language. */
function blocksOf(page: string, language: string): readonly string[] {
  return [...read(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , text = ""]) => text);
}

/** Drop reasons of bpf/abi.h, with the two that are none. */
const enumerators = [...read("bpf/abi.h").matchAll(/^\tDROP_([A-Z0-9_]+),/gm)].map(([, name = ""]) =>
  name.toLowerCase(),
);

describe("docs/operations.md", () => {
  test("has a row for every drop reason, and for no other", () => {
    const reasons = enumerators.filter((name) => name !== "none" && name !== "reason_count");
    expect(reasons.length).toBeGreaterThan(20);
    const documented = [...rowsOf(sectionOf("docs/operations.md", "Drop reasons")).keys()];
    expect(documented).toEqual(reasons);
  });

  test("has a row for every error code with its exit status, in the order of the catalogue", () => {
    const documented = [...rowsOf(sectionOf("docs/operations.md", "Error codes"))].map(([code, [exit]]) => [
      code,
      Number(exit),
    ]);
    expect(documented).toEqual(Object.entries(ERROR_CATALOGUE).map(([code, { exit }]) => [code, exit]));
  });

  test("names every command and every option", () => {
    const text = read("docs/operations.md");
    const missing: string[] = [];
    const visit = (command: Command, path: string): void => {
      for (const child of command.commands) visit(child, `${path} ${child.name()}`);
      if (command.commands.length > 0) return;
      if (!text.includes(`\`${path} `) && !text.includes(`\`${path}\``)) missing.push(path);
      for (const { long } of command.options) if (!text.includes(`\`${long}`)) missing.push(`${path} ${long}`);
    };
    visit(unumProgram(defaultContext()), "unum");
    expect(missing).toEqual([]);
  });

  test("says what each command's options are in that command's row", () => {
    const common = new Set(["--state", "--pin-dir", "--json"]);
    const rows = read("docs/operations.md").split("\n");
    const wrong: string[] = [];
    const visit = (command: Command, path: string): void => {
      for (const child of command.commands) visit(child, `${path} ${child.name()}`);
      const row = rows.find((line) => line.startsWith("| `unum") && line.split("|")[1]?.includes(`\`${path}`));
      for (const { long } of command.options) {
        if (path !== "unum" && !common.has(long ?? "") && row?.includes(`\`${long}\``) !== true)
          wrong.push(`${path} ${long}`);
      }
    };
    visit(unumProgram(defaultContext()), "unum");
    expect(wrong).toEqual([]);
  });
});

describe("docs/maps.md", () => {
  const maps = rowsOf(sectionOf("docs/maps.md", "The maps"));
  const defined = [...read("bpf/maps.h").matchAll(/^(?:WORDS|PER_CPU)\((\w+),|^\} (\w+) SEC\("\.maps"\);/gm)].map(
    ([, word, other]) => word ?? other ?? "",
  );

  test("has a row for every map", () => {
    expect(defined.length).toBeGreaterThan(20);
    expect([...maps.keys()].sort()).toEqual([...defined].sort());
  });

  test("says how many elements each of them has", () => {
    const text = read("bpf/maps.h");
    const objects = Number(/#define OBJECTS_MAX (\d+)/.exec(text)?.[1]);
    const known: Readonly<Record<string, number>> = { OBJECTS_MAX: objects, DROP_REASON_COUNT: enumerators.length - 1 };
    const wrong: string[] = [];
    for (const [, name = "", expression = ""] of text.matchAll(/^(?:WORDS|PER_CPU)\((\w+), struct \w+, (.+)\);/gm)) {
      // The host sets the sizes of the VM tables.
      if (name === "vms4" || name === "vms6") continue;
      const [, first = "", operator, second = "1"] = /^(\w+)(?: ([*/]) (\w+))?$/.exec(expression) ?? [];
      const [a, b] = [first, second].map((part) => known[part] ?? Number(part)) as [number, number];
      const elements = operator === "/" ? a / b : a * b;
      if (maps.get(name)?.[2] !== elements.toLocaleString("en-US")) wrong.push(`${name}: ${elements}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe("docs/document.md", () => {
  test("has every field of every object", () => {
    const text = read("docs/document.md");
    const missing = Object.entries(shapes).flatMap(([object, shape]) => {
      const fields = "shape" in shape ? Object.keys(shape.shape) : [];
      return fields.filter((name) => !new RegExp(`\\b${name}\\b`).test(text)).map((name) => `${object}.${name}`);
    });
    expect(missing).toEqual([]);
  });

  test("has the ranges that values are held to", () => {
    const text = read("docs/document.md");
    const shown = ["vni", "port", "ttl", "dscp", "mtuBytes", "vmCapacity", "vm6Capacity", "vlan"] as const;
    const missing = shown.filter((name) => !text.includes(`${RANGES[name].min} to ${RANGES[name].max}`));
    expect(missing).toEqual([]);
    const { min, max } = RANGES.bitsPerSecond;
    expect(text).toContain(`${rateText(min)} to ${rateText(max)}`);
  });

  test("has the overhead of every format over every family", () => {
    const text = read("docs/document.md");
    const documented = [
      ...text.matchAll(/^\| (`\w+`(?:, `\w+`)*) \| IPv([46]) \| (\d+) \| (\d+) \| (\d+) \|$/gm),
    ].flatMap(([, formats = "", family, ...numbers]) =>
      [...formats.matchAll(/\w+/g)].map(([format]) => [format, Number(family), ...numbers.map(Number)]),
    );
    const expected = (["vxlan", "geneve", "nvgre"] as const).flatMap((encapsulation) =>
      ([4, 6] as const).map((family) => {
        const overhead = overheadBytes({ encapsulation }, family);
        const least = (inner: 4 | 6) => Math.max(RANGES.mtuBytes.min, overhead + SMALLEST_MTU_BYTES[inner]);
        return [encapsulation, family, overhead, least(4), least(6)];
      }),
    );
    expect(documented.sort()).toEqual(expected.sort());
  });
});

describe("documents in the pages", () => {
  const documents = pages.flatMap((page) => blocksOf(page, "yaml").map((text) => ({ page, text })));

  test("are good ones", () => {
    expect(documents.map(({ page }) => page)).toEqual(expect.arrayContaining(["README.md", "docs/document.md"]));
    for (const { page, text } of documents) expect(parseModel(text, page).notices).toEqual([]);
  });

  test("the README's has ten lines", () => {
    expect(blocksOf("README.md", "yaml").map((text) => text.trim().split("\n").length)).toEqual([10]);
  });
});

describe("links", () => {
  /** As GitHub makes them: lower case, no punctuation, dashes for blanks. */
  const anchorsOf = (page: string): ReadonlySet<string> =>
    new Set(
      [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
        heading
          .toLowerCase()
          .replace(/[^\p{L}\p{N}\s_-]/gu, "")
          .replaceAll(" ", "-"),
      ),
    );

  test("lead somewhere", () => {
    const broken: string[] = [];
    let checked = 0;
    for (const page of pages) {
      const text = read(page).replace(/^```[\s\S]*?^```$/gm, "");
      for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = "", anchor] = target.split("#");
        const file = path === "" ? page : normalize(join(dirname(page), path));
        checked++;
        if (!existsSync(join(root, file))) broken.push(`${page}: ${target}`);
        else if (anchor !== undefined && !anchorsOf(file).has(anchor)) broken.push(`${page}: ${target}`);
      }
    }
    expect(checked).toBeGreaterThan(20);
    expect(broken).toEqual([]);
  });

  test("lead to every page", () => {
    const linked = new Set(
      pages.flatMap((page) =>
        [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target = ""]) =>
          normalize(join(dirname(page), target)),
        ),
      ),
    );
    const reached = (page: string): boolean => linked.has(page) || linked.has(`${dirname(page)}/`);
    expect(pages.filter((page) => page !== "README.md" && !reached(page)).map((page) => relative(".", page))).toEqual(
      [],
    );
  });
});
