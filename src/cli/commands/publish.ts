import { Command, Option } from "commander";
import { UnumError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { DEFAULT_STATE_FILE, examples, sourceOption, withCommonOptions } from "../context.ts";
import type { PublishOptions } from "../publish.ts";

/** `unum publish`: what etcd holds becomes what a document says. */
export function publishCommand(context: Context): Command {
  const command = new Command("publish")
    .description("make what etcd holds, for all edges that follow it, equal to a document")
    .argument("[file]", `the document (default: --state, ${DEFAULT_STATE_FILE})`)
    .addOption(sourceOption("etcd:URL (default: what the daemon follows)"))
    .addOption(new Option("--dry-run", "say what would be put and deleted; status 3 when that is something"))
    .addOption(
      new Option("--allow-mass-delete", "more than half of the objects of a kind may go, here and at all edges"),
    );
  withCommonOptions(command).addHelpText(
    "after",
    examples(
      "unum publish --source etcd:http://127.0.0.1:2379/unum/v1 --dry-run state.yaml",
      "unum publish --source etcd:https://10.9.0.1:2379/unum/v1?ca=/etc/unum/ca.pem state.yaml",
    ) +
      `
Objects go into etcd in the order in which they need each other, as many in one transaction as it takes,
and what the document lacks goes last. A key that somebody else changes meanwhile is not overwritten. The
document's edge is not published: it is each edge's own.
`,
  );
  return command.action(async (argument: string | undefined, options: PublishOptions) => {
    const { changedSource } = await import("../source.ts");
    const change = await changedSource(options);
    if (change.kind !== "etcd")
      throw new UnumError("USAGE", "publish: no etcd is named, and no daemon that follows one is there", {
        remedy: "name it with --source etcd:URL; a document for this edge alone is for unum apply",
      });
    const { publishDocument } = await import("../publish.ts");
    await publishDocument(context, options, change, argument ?? options.state);
  });
}
