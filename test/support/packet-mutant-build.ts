// Compiles the packet path with something in it changed.

import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Mutant } from "./packet-mutants.ts";

const root = join(import.meta.dirname, "../..");
const INCLUDE = `/usr/include/${arch() === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
const run = promisify(execFile);

export interface Build {
  readonly object: string;
  remove(): void;
}

/** The object file of the packet path with some of its files edited. */
export async function compileEdited(edits: Readonly<Record<string, (text: string) => string>>): Promise<Build> {
  const directory = mkdtempSync(join(tmpdir(), "unum-mutant-"));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    cpSync(join(root, "bpf"), join(directory, "bpf"), { recursive: true });
    for (const [file, edit] of Object.entries(edits)) {
      const path = join(directory, "bpf", file);
      writeFileSync(path, edit(readFileSync(path, "utf8")));
    }
    const object = join(directory, "unum.bpf.o");
    // Unused variables are what a broken line leaves behind.
    const options = [
      "-O2",
      "-g",
      "-w",
      "-target",
      "bpf",
      "-mcpu=v3",
      `-I${INCLUDE}`,
      "-I.",
      "-c",
      "bpf/unum.bpf.c",
      "-o",
      object,
    ];
    await run("clang", options, { cwd: directory });
    return { object, remove };
  } catch (thrown) {
    remove();
    throw thrown;
  }
}

/** That of a mutant. Throws when the line to break is not there once. */
export function compileMutant({ name, file, from, to }: Mutant): Promise<Build> {
  return compileEdited({
    [file]: (text) => {
      const parts = text.split(from);
      if (parts.length === 2) return parts.join(to);
      throw new Error(
        `break bpf/${file} so that ${name}: ${JSON.stringify(from)} stands there ${parts.length - 1} times, expected once; bring test/support/packet-mutants.ts up to date`,
      );
    },
  });
}
