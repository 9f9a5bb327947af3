// The command tree.

import { Command } from "commander";
import { applyCommand } from "./commands/apply.ts";
import { attachCommand, detachCommand } from "./commands/attach.ts";
import { checkCommand } from "./commands/check.ts";
import { completionCommand } from "./commands/completion.ts";
import { countersCommand } from "./commands/counters.ts";
import { mapCommand } from "./commands/map.ts";
import { netCommand } from "./commands/net.ts";
import { objectCommands } from "./commands/objects.ts";
import { planCommand } from "./commands/plan.ts";
import { linkCommand, progCommand } from "./commands/prog.ts";
import { publishCommand } from "./commands/publish.ts";
import { runCommand } from "./commands/run.ts";
import { showCommand } from "./commands/show.ts";
import { statusCommand } from "./commands/status.ts";
import type { Context } from "./context.ts";
import { packageVersion } from "./context.ts";

const AFTER = `
Exit status: 0 done, 1 failed, 2 used in a way that does not exist, 3 differences (plan).

A first edge:
  unum check state.yaml        is the document right?
  unum plan state.yaml         what would change?
  unum apply state.yaml        make it so, attach the ports
  unum show servers            one tunnel per server
  unum counters                packets, bytes, drops by reason

Followed from then on:
  unum run --source file:/etc/unum/state.yaml
  unum status

Many edges that follow one etcd:
  unum publish --source etcd:https://10.9.0.1:2379/unum/v1?ca=/etc/unum/ca.pem state.yaml
`;

export function unumProgram(context: Context): Command {
  const program = new Command("unum")
    .description("XDP edge for virtual networks: one unnumbered tunnel per server")
    .version(packageVersion())
    .addHelpText("after", AFTER);
  const commands = [
    checkCommand(context),
    planCommand(context),
    applyCommand(context),
    publishCommand(context),
    runCommand(context),
    statusCommand(context),
    attachCommand(context),
    detachCommand(context),
    showCommand(context),
    countersCommand(context),
    mapCommand(context),
    progCommand(context),
    linkCommand(context),
    netCommand(context),
    ...objectCommands(context),
    completionCommand(context),
  ];
  for (const command of commands) program.addCommand(command);
  inherit(program, context);
  return program;
}

/** Streams from the context, and errors that are thrown to main instead of ending the process. */
function inherit(command: Command, context: Context): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => context.streams.stdout.write(text),
    writeErr: (text) => context.streams.stderr.write(text),
  });
  for (const child of command.commands) inherit(child, context);
}
