// What may stand for a value on the command line, as far as a shell can know it.

import type { TreeValue } from "../command-tree.ts";

export type Suggestion =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "files" | "directories" }
  /** Names that are the files of a directory. The directory is shell text, for sh and its like. */
  | { readonly kind: "names"; readonly directory: string };

const BY_NAME: Readonly<Record<string, Suggestion>> = {
  file: { kind: "files" },
  path: { kind: "files" },
  source: { kind: "words", words: ["file:", "etcd:"] },
  dir: { kind: "directories" },
  nic: { kind: "names", directory: "/sys/class/net" },
  interface: { kind: "names", directory: "/sys/class/net" },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is for the shell.
  map: { kind: "names", directory: "${UNUM_PIN_DIR:-/sys/fs/bpf/unum}/maps" },
  prog: { kind: "words", words: ["access", "underlay", "both", "id", "tag", "name", "pinned"] },
  link: { kind: "names", directory: "/sys/class/net" },
  dev: { kind: "words", words: ["dev"] },
};

/** Undefined: anything. */
export function suggestionFor(value: TreeValue | undefined): Suggestion | undefined {
  if (value === undefined) return undefined;
  return value.choices.length > 0 ? { kind: "words", words: value.choices } : BY_NAME[value.name];
}

/** A text in single quotes, as sh, bash and zsh read it. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
