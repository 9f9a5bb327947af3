// bpftool beside unum: what either prints for the same question, in each of the three forms.

import { spawnSync } from "node:child_process";
import { expect } from "vitest";
import { unum } from "./cli.ts";

/** bpftool's options for a form, and unum's. */
export const FORMS = [
  { form: "plain", bpftool: [], unum: [] },
  { form: "json", bpftool: ["-j"], unum: ["--json"] },
  { form: "pretty", bpftool: ["-p"], unum: ["--json", "--pretty"] },
] as const;

export type Form = (typeof FORMS)[number];

export interface Printed {
  readonly stdout: string;
  /** Whether the exit status was 0. */
  readonly good: boolean;
}

export function bpftool(...args: readonly string[]): Printed {
  const { stdout, status, error } = spawnSync("bpftool", args, { encoding: "utf8", maxBuffer: 1 << 30 });
  if (error !== undefined) throw error;
  return { stdout, good: status === 0 };
}

/** When a program was loaded is computed from two clocks that are read one after the other. */
export function withoutSeconds({ stdout, good }: Printed): Printed {
  const text = stdout.replace(/(loaded_at \d+-\d+-\d+T)\d\d:\d\d:\d\d/g, "$1…").replace(/("loaded_at": ?)\d+/g, "$1…");
  return { stdout: text, good };
}

/**
 * Asks both, plain, as JSON and as pretty JSON, and holds the bytes against each other. Returns how many there were.
 * @param words the same for both, such as `map show id 7`
 * @param own unum's, if they differ
 */
export async function expectSame(words: readonly string[], own: readonly string[] = words): Promise<number> {
  let bytes = 0;
  for (const form of FORMS) {
    const { status, stdout } = await unum(...own, ...form.unum);
    const theirs = withoutSeconds(bpftool(...form.bpftool, ...words));
    expect(withoutSeconds({ stdout, good: status === 0 }), `${own.join(" ")} (${form.form})`).toEqual(theirs);
    bytes += theirs.stdout.length;
  }
  return bytes;
}
