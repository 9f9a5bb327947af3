// The command line, run in this process with streams of its own, or as a process.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { Writable } from "node:stream";
import type { Context } from "../../src/cli/context.ts";
import { run } from "../../src/cli/main.ts";

const ROOT = join(import.meta.dirname, "../..");
/** The compiled command line. */
export const CLI = join(ROOT, "dist/src/cli/main.js");

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function sink(): { stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

/** A context whose output is kept. */
export function keeping(): { context: Context; outcome: () => Outcome } {
  const [stdout, stderr] = [sink(), sink()];
  let status = 0;
  const context: Context = {
    streams: { stdout: stdout.stream, stderr: stderr.stream },
    objectPath: join(ROOT, "build/bpf/unum.bpf.o"),
    resolveMs: 0,
    setExit: (given) => {
      status = given;
    },
  };
  return { context, outcome: () => ({ status, stdout: stdout.text(), stderr: stderr.text() }) };
}

/** Runs a command line in this process. */
export async function unum(...argv: readonly string[]): Promise<Outcome> {
  const { context, outcome } = keeping();
  await run(argv, context);
  return outcome();
}

/** Runs a command line as a process. */
export function unumProcess(argv: readonly string[], { closeStdout = false } = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [CLI, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  if (closeStdout) child.stdout.destroy();
  else child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === null) reject(new Error(`run unum ${argv.join(" ")}: it was ended by ${signal}`));
      else
        resolve({ status: code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
  });
}
