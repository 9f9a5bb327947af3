// The manual page: whole, and in the language of man(7).

import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { commandTree, everyCommand } from "../../src/cli/command-tree.ts";
import { defaultContext, packageVersion } from "../../src/cli/context.ts";
import { manualPage } from "../../src/cli/manual.ts";
import { unumProgram } from "../../src/cli/program.ts";
import { ERROR_CATALOGUE } from "../../src/errors.ts";

const tree = commandTree(unumProgram(defaultContext()));
const page = manualPage(tree, { version: packageVersion() });
const hasGroff = spawnSync("groff", ["--version"]).status === 0;

/** The page as text, with nothing struck twice and its lines joined. */
function rendered(): { readonly text: string; readonly warnings: string } {
  const { stdout, stderr } = spawnSync("groff", ["-man", "-ww", "-Tascii", "-P-cbu", "-rLL=200n"], {
    input: page,
    encoding: "utf8",
  });
  return { text: stdout.replace(/\s+/g, " "), warnings: stderr };
}

describe("the manual page", () => {
  test.skipIf(!hasGroff)("is read without a warning, and shows every command, option, example and error code", () => {
    const { text, warnings } = rendered();
    expect(warnings).toBe("");
    const wanted = [...everyCommand(tree)]
      .filter(({ commands }) => commands.length === 0)
      .flatMap(({ path, text, options, examples }) => [
        path,
        text,
        ...options.map(({ flag }) => flag),
        ...options.map(({ text }) => text),
        ...examples,
      ]);
    expect(wanted.length).toBeGreaterThan(300);
    const missing = [...wanted, ...Object.keys(ERROR_CATALOGUE)].filter(
      (words) => !text.includes(words.replace(/\s+/g, " ")),
    );
    expect([...new Set(missing)]).toEqual([]);
  });

  test("has nothing in it that man(7) would take for a request", () => {
    const requests = /^\.(TH|SH|SS|TP|PP|BR|B|RS|RE|br|nf|fi|nh)\b/;
    const lines = page.split("\n").filter((line) => /^[.']/.test(line));
    expect(lines.filter((line) => !requests.test(line))).toEqual([]);
  });
});
