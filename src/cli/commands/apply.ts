import { Command } from "commander";
import { applyEdge, loadOptionsOf, planEdge } from "../../edge/reconcile.ts";
import type { CommonOptions, Context } from "../context.ts";
import { DEFAULT_STATE_FILE, examples, withCommonOptions } from "../context.ts";
import { loadPlane, sayApplied, sayNotices } from "../edge.ts";
import { Progress } from "../progress.ts";

/** `unum apply`: maps and ports become what the document says. */
export function applyCommand(context: Context): Command {
  const command = new Command("apply")
    .description("make maps and ports equal to a document, while packets flow")
    .argument("[file]", `the document (default: --state, ${DEFAULT_STATE_FILE})`)
    .addHelpText(
      "after",
      examples("unum apply state.yaml", "unum apply --pin-dir /sys/fs/bpf/edge2 state.yaml") +
        "\nA document without edge.interfaces leaves the attached ports as they are.\n",
    )
    .action(async (argument: string | undefined, options: CommonOptions) => {
      const started = performance.now();
      const { loadDocument } = await import("../../document/index.ts");
      const file = argument ?? options.state;
      using progress = new Progress(context);
      const { model, notices } = loadDocument(file, { progress: progress.reader() });
      const plane = loadPlane(context, options, loadOptionsOf(model));
      try {
        if (options.json !== true) sayNotices(context, file, notices);
        progress.phase("comparing");
        const plan = await planEdge(plane, model, context);
        progress.phase("writing");
        const applied = applyEdge(plane, plan);
        progress.end();
        sayApplied(context, options, applied, started);
      } finally {
        plane.close();
      }
    });
  return withCommonOptions(command);
}
