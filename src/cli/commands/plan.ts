import { Command } from "commander";
import { isEmpty, planEdge, planFresh } from "../../edge/reconcile.ts";
import { UnumError } from "../../errors.ts";
import type { CommonOptions, Context } from "../context.ts";
import { DEFAULT_STATE_FILE, examples, withCommonOptions } from "../context.ts";
import { openPlane, sayFreshPlan, sayNotices, sayPlan } from "../edge.ts";
import { Progress } from "../progress.ts";

/** Exit status when the maps are not what the document says. */
const DIFFERENCES = 3;

/** `unum plan`: what apply would do. */
export function planCommand(context: Context): Command {
  const command = new Command("plan")
    .description("print what apply would change; exit status 3 when there is something")
    .argument("[file]", `the document (default: --state, ${DEFAULT_STATE_FILE})`)
    .addHelpText("after", examples("unum plan state.yaml", "unum plan --json state.yaml | jq .changes"))
    .action(async (argument: string | undefined, options: CommonOptions) => {
      const { loadDocument } = await import("../../document/index.ts");
      const file = argument ?? options.state;
      using progress = new Progress(context);
      const { model, notices } = loadDocument(file, { progress: progress.reader() });
      if (options.json !== true) sayNotices(context, file, notices);
      let plane: ReturnType<typeof openPlane>;
      try {
        plane = openPlane(context, options);
      } catch (thrown) {
        if (!(thrown instanceof UnumError) || thrown.code !== "NOT_LOADED") throw thrown;
        progress.end();
        sayFreshPlan(context, options, planFresh(model));
        context.setExit(DIFFERENCES);
        return;
      }
      try {
        progress.phase("comparing");
        const plan = await planEdge(plane, model, context);
        progress.end();
        sayPlan(context, options, plan);
        if (!isEmpty(plan)) context.setExit(DIFFERENCES);
      } finally {
        plane.close();
      }
    });
  return withCommonOptions(command);
}
