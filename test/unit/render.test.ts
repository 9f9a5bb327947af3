// Tables for people: bold headings where a terminal shows them, plain text everywhere else.

import { afterEach, expect, test, vi } from "vitest";
import { table } from "../../src/cli/render.ts";
import { keeping } from "../support/cli.ts";

afterEach(() => vi.unstubAllEnvs());

function shown(isTTY: boolean, noColor: string | undefined): string {
  vi.stubEnv("NO_COLOR", noColor);
  const { context, outcome } = keeping();
  Object.assign(context.streams.stdout, { isTTY });
  table(context, ["name", "count"], [["s1", 7n]]);
  return outcome().stdout;
}

const PLAIN = "name  count\ns1        7\n";

test("headings are bold on a terminal", () => {
  expect(shown(true, undefined)).toContain("\u001b[1mname\u001b[22m");
  expect(shown(true, "")).toContain("\u001b[1mname\u001b[22m");
});

test("nothing is where NO_COLOR says so, whatever its value, and where no terminal is", () => {
  for (const value of ["1", "0", "no"]) expect(shown(true, value)).toBe(PLAIN);
  expect(shown(false, undefined)).toBe(PLAIN);
});
