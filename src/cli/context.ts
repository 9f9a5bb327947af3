// What a command works with: streams and settings, given from outside so that tests can give others.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { Option } from "commander";
import { DEFAULT_PIN_DIRECTORY } from "../dataplane/pins.ts";

export interface Streams {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

export interface Context {
  readonly streams: Streams;
  /** File with the programs: build/bpf/unum.bpf.o of this package. */
  readonly objectPath: string;
  /** How long unknown underlay neighbours may take to answer. */
  readonly resolveMs: number;
  /** Sets the exit status of the process; 0 unless a command says otherwise. */
  setExit(status: number): void;
}

export const DEFAULT_STATE_FILE = "/etc/unum/state.yaml";
/** Where a daemon answers. */
export const DEFAULT_SOCKET = "/run/unum/unum.sock";

export interface CommonOptions {
  readonly state: string;
  readonly pinDir: string;
  readonly json?: boolean;
}

/** The package's own directory, from its sources as from its compiled form. */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package.json"))) {
    const parent = dirname(directory);
    if (parent === directory) return process.cwd();
    directory = parent;
  }
  return directory;
}

export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
}

export function defaultContext(): Context {
  return {
    streams: { stdout: process.stdout, stderr: process.stderr },
    objectPath: join(packageRoot(), "build", "bpf", "unum.bpf.o"),
    resolveMs: 1000,
    setExit: (status) => {
      process.exitCode = status;
    },
  };
}

export function stateOption(text = "document with the desired state"): Option {
  return new Option("--state <file>", text).default(DEFAULT_STATE_FILE).env("UNUM_STATE");
}

export function sourceOption(text: string): Option {
  return new Option("--source <source>", text).env("UNUM_SOURCE");
}

export function pinDirOption(): Option {
  return new Option("--pin-dir <dir>", "directory on a BPF file system")
    .default(DEFAULT_PIN_DIRECTORY)
    .env("UNUM_PIN_DIR");
}

export function socketOption(): Option {
  return new Option("--socket <path>", "unix socket where the daemon answers")
    .default(DEFAULT_SOCKET)
    .env("UNUM_SOCKET");
}

export function jsonOption(): Option {
  return new Option("--json", "print JSON");
}

/** Adds --state, --pin-dir and --json. */
export function withCommonOptions(command: Command): Command {
  return command.addOption(stateOption()).addOption(pinDirOption()).addOption(jsonOption());
}

export function say(context: Context, text: string): void {
  context.streams.stdout.write(`${text}\n`);
}

export function warn(context: Context, text: string): void {
  context.streams.stderr.write(`unum: ${text}\n`);
}

/** Examples at the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}\n`;
}
