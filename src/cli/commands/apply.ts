import { Command, Option } from "commander";
import { applyEdge, loadOptionsOf, planEdge } from "../../edge/reconcile.ts";
import { UnumError } from "../../errors.ts";
import { documentRevision } from "../../source/file.ts";
import type { CommonOptions, Context } from "../context.ts";
import { DEFAULT_STATE_FILE, examples, say, warn, withCommonOptions } from "../context.ts";
import { findDaemon, requireFollowed, waitForDaemon } from "../daemon.ts";
import { loadPlane, openPlane, sayApplied, sayNotices, sayWaited } from "../edge.ts";
import { Progress } from "../progress.ts";

interface ApplyOptions extends CommonOptions {
  readonly allowMassDelete?: true;
}

/** Takes maps of another build over, which a daemon may not be permitted to. False: they are of this one. */
function takeOver(context: Context, options: ApplyOptions): boolean {
  try {
    openPlane(context, options).close();
    return false;
  } catch (thrown) {
    if (!(thrown instanceof UnumError) || thrown.code !== "MAP_INCOMPATIBLE") return false;
    loadPlane(context, options).close();
    return true;
  }
}

/** Revisions of etcd begin at one. */
const ANY_REVISION = "0";

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
        "\nWhere a daemon follows the document, it does the work, and this waits for it. Where it follows etcd, no" +
        "\ndocument is named: the maps are looked at once more, and brought to what etcd holds.\n",
    )
    .action(async (argument: string | undefined, options: ApplyOptions, command: Command) => {
      const started = performance.now();
      const { loadDocument, loadEdgeDocument } = await import("../../document/index.ts");
      const file = argument ?? options.state;
      const daemon = await findDaemon(options.pinDir);
      using progress = new Progress(context);
      if (daemon !== undefined && takeOver(context, options)) {
        say(
          context,
          `${options.pinDir}: its maps were of another build, and are of this one now, with what was in them`,
        );
        warn(context, "the daemon was not asked: it may be of that build; restart it");
        return;
      }
      if (argument === undefined && daemon?.status.source.name.startsWith("etcd:")) {
        // There, --state is the edge's own document. One with more in it is meant to be applied, and is not what the maps will show.
        if (command.getOptionValueSource("state") === "cli") loadEdgeDocument(options.state);
        progress.phase("waiting for the daemon");
        const { allowMassDelete = false } = options;
        const waited = await waitForDaemon(daemon, ANY_REVISION, { resync: true, allowMassDelete });
        progress.end();
        sayWaited(context, options, waited, started);
        return;
      }
      const loaded = loadDocument(file, { progress: progress.reader() });
      const { model, notices } = loaded;
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
        if (applied.failure !== undefined) throw applied.failure;
        progress.end();
        sayApplied(context, options, applied, started);
      } finally {
        plane.close();
      }
    });
  return withCommonOptions(command);
}
