import { Command } from "commander";
import type { CommonOptions, Context } from "../context.ts";
import { DEFAULT_STATE_FILE, examples, jsonOption, say, stateOption } from "../context.ts";
import { sayNotices } from "../edge.ts";
import { Progress } from "../progress.ts";
import { count, json } from "../render.ts";

/** `unum check`: needs no privilege and reads no map. */
export function checkCommand(context: Context): Command {
  return new Command("check")
    .description("validate a document; nothing is read from or written to the kernel")
    .argument("[file]", `the document (default: --state, ${DEFAULT_STATE_FILE})`)
    .addOption(stateOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("unum check state.yaml", "unum check --json state.yaml"))
    .action(async (argument: string | undefined, options: CommonOptions) => {
      const { DocumentError, loadDocument } = await import("../../document/index.ts");
      const file = argument ?? options.state;
      let loaded: ReturnType<typeof loadDocument>;
      try {
        using progress = new Progress(context);
        loaded = loadDocument(file, { progress: progress.reader() });
      } catch (thrown) {
        // Programs that ask for JSON get the problems as data, in the place of lines for people.
        if (options.json !== true || !(thrown instanceof DocumentError)) throw thrown;
        json(context, { file, valid: false, code: thrown.code, message: thrown.message, problems: thrown.problems });
        context.setExit(thrown.exitCode);
        return;
      }
      const { model, notices } = loaded;
      const objects = {
        profiles: model.profiles.size,
        servers: model.servers.size,
        gateways: model.gateways.size,
        tenants: model.tenants.size,
        circuits: sum(model.tenants.values(), (tenant) => tenant.circuits.size),
        routes: sum(model.tenants.values(), (tenant) => tenant.routes.size),
        vms: sum(model.tenants.values(), (tenant) => tenant.vms.size),
      };
      if (options.json === true) {
        json(context, { file, valid: true, objects, notices });
        return;
      }
      sayNotices(context, file, notices);
      const parts = [
        count(objects.servers, "server"),
        count(objects.gateways, "gateway"),
        count(objects.tenants, "tenant"),
        count(objects.circuits, "circuit"),
        count(objects.routes, "route"),
        count(objects.vms, "VM"),
      ];
      say(context, `${file}: valid: ${parts.join(", ")}`);
    });
}

function sum<T>(items: Iterable<T>, of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
