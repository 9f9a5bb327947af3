import { Command, Option } from "commander";
import { applyEdge, loadOptionsOf, planEdge } from "../../edge/reconcile.ts";
import { documentRevision } from "../../source/file.ts";
import type { CommonOptions, Context } from "../context.ts";
import { DEFAULT_STATE_FILE, examples, withCommonOptions } from "../context.ts";
import { findDaemon, requireFollowed, waitForDaemon } from "../daemon.ts";
import { loadPlane, sayApplied, sayNotices, sayWaited } from "../edge.ts";
import { Progress } from "../progress.ts";

interface ApplyOptions extends CommonOptions {
  readonly allowMassDelete?: true;
}

/** `unum apply`: maps and ports become what the document says. */
export function applyCommand(context: Context): Command {
  const command = new Command("apply")
    .description("make maps and ports equal to a document, while packets flow")
    .argument("[file]", `the document (default: --state, ${DEFAULT_STATE_FILE})`)
    .addOption(new Option("--allow-mass-delete", "where a daemon asks: more than half of a table may go, this once"))
    .addHelpText(
      "after",
      examples("unum apply state.yaml", "unum apply --pin-dir /sys/fs/bpf/edge2 state.yaml") +
        "\nA document without edge.interfaces leaves the attached ports as they are." +
        "\nWhere a daemon follows the document, it does the work, and this waits for it.\n",
    )
    .action(async (argument: string | undefined, options: ApplyOptions) => {
      const started = performance.now();
      const { loadDocument } = await import("../../document/index.ts");
      const file = argument ?? options.state;
      using progress = new Progress(context);
      const loaded = loadDocument(file, { progress: progress.reader() });
      const { model, notices } = loaded;
      const daemon = await findDaemon(options.pinDir);
      if (daemon !== undefined) {
        requireFollowed(daemon, file, options.pinDir);
        if (options.json !== true) sayNotices(context, file, notices);
        const { allowMassDelete = false } = options;
        progress.phase("waiting for the daemon");
        const waited = await waitForDaemon(daemon, documentRevision(loaded), { resync: true, allowMassDelete });
        progress.end();
        sayWaited(context, options, waited, started);
        return;
      }
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
