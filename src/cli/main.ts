#!/usr/bin/env node
// The one error boundary: what a command throws becomes text on stderr and an exit status here.

import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CommanderError } from "commander";
import { DocumentError, problemText } from "../document/problem.ts";
import { UnumError } from "../errors.ts";
import type { Context } from "./context.ts";
import { defaultContext } from "./context.ts";
import { unumProgram } from "./program.ts";

const USAGE_STATUS = 2;
const FAILED_STATUS = 1;

function errorLines(thrown: unknown): string[] {
  if (thrown instanceof DocumentError && thrown.problems.length > 0) {
    const [first] = thrown.message.split("\n", 1);
    return [...thrown.problems.map(problemText), `unum: ${first}; nothing was changed [${thrown.code}]`];
  }
  if (!(thrown instanceof UnumError)) {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return [`unum: internal error: ${text}`];
  }
  const lines = [`unum: ${thrown.message} [${thrown.code}]`];
  const log = (thrown as { verifierLog?: string }).verifierLog;
  if (log !== undefined) {
    const wanted = process.env.UNUM_VERIFIER_LOG !== undefined;
    lines.push(wanted ? log : "  UNUM_VERIFIER_LOG=1 in the environment prints all that the verifier said");
  }
  if (thrown.remedy !== undefined) lines.push(`  ${thrown.remedy}`);
  return lines;
}

/** Runs one command line. Resolves when it is done; never throws. */
export async function run(argv: readonly string[], context: Context): Promise<void> {
  try {
    const program = unumProgram(context);
    if (argv.length === 0) {
      program.outputHelp({ error: true });
      context.setExit(USAGE_STATUS);
      return;
    }
    await program.parseAsync([...argv], { from: "user" });
  } catch (thrown) {
    // commander has said already what is wrong; help and version end this way too, with status 0.
    if (thrown instanceof CommanderError) {
      context.setExit(thrown.exitCode === 0 ? 0 : USAGE_STATUS);
      return;
    }
    for (const line of errorLines(thrown)) context.streams.stderr.write(`${line}\n`);
    context.setExit(thrown instanceof UnumError ? thrown.exitCode : FAILED_STATUS);
  }
}

/** A reader that goes away (unum show vms | head) ends the command quietly. */
function endOnClosedPipe(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  endOnClosedPipe(process.stdout);
  endOnClosedPipe(process.stderr);
  await run(process.argv.slice(2), defaultContext());
}
