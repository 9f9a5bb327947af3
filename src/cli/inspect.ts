// What the commands that speak as bpftool does have in common: their form, and where their text goes.

import { once } from "node:events";
import { Option } from "commander";
import type { Form, Output } from "../inspect/index.ts";
import type { Context } from "./context.ts";

export interface InspectOptions extends Form {
  readonly pinDir: string;
}

/** Bytes that are held before they are written. */
const CHUNK_BYTES = 1 << 16;

export function prettyOption(): Option {
  return new Option("--pretty", "print JSON over many lines");
}

/** At the end of each command's help. */
export const FORM_HELP = `
What is printed is what bpftool prints, plain, with --json (its -j) and with --json --pretty (its -p); bpftool is not needed.
`;

/** The same for commands that list objects: how their list and bpftool's go together. */
export function listHelp(own: string, word: string): string {
  return `${FORM_HELP}Without a name it is about what is pinned below --pin-dir: ${own}. \`bpftool ${word} show\` lists
all of the machine's: these lines are among its lines.
`;
}

/** Writes what a view shows as it goes along, and waits for whoever reads. A view that fails has shown what comes before. */
export async function print(context: Context, output: Output, view: () => Iterable<void> | void): Promise<void> {
  const { stdout } = context.streams;
  const flush = async (): Promise<void> => {
    if (!stdout.write(output.take())) await once(stdout, "drain");
  };
  try {
    for (const _ of view() ?? []) if (output.length > CHUNK_BYTES) await flush();
  } finally {
    if (output.length > 0) output.json?.finish();
    await flush();
  }
}

/** Shows several objects: all of an edge, or all of one name, as a list; one as itself. Closes them. */
export function showAll<T extends { close(): void }>(
  output: Output,
  { objects, all }: { readonly objects: readonly T[]; readonly all: boolean },
  show: (output: Output, object: T) => void,
): void {
  const list = all || objects.length > 1;
  try {
    if (list) output.json?.startArray();
    for (const object of objects) show(output, object);
    if (list) output.json?.endArray();
  } finally {
    for (const object of objects) object.close();
  }
}
