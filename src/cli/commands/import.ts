import { Command, Option } from "commander";
import type { Context } from "../context.ts";
import { examples, sourceOption, withCommonOptions } from "../context.ts";
import type { SourceOptions } from "../source.ts";
import * as value from "../values.ts";

interface ImportCommandOptions extends SourceOptions {
  readonly tenant?: string;
  readonly replace?: boolean;
}

/** `unum vm import FILE`: VMs by the million. */
export function importCommand(context: Context): Command {
  const command = new Command("import")
    .description("bring VMs of a file into the document's inventory and the maps, all of them or none; or into etcd")
    .argument("<file>", "lines of JSON, a VM each; - reads standard input")
    .addOption(new Option("--tenant <tenant>", "tenant of all lines, which need not name it").argParser(value.name))
    .addOption(new Option("--replace", "take away VMs (of the tenant) that the file does not have"));
  withCommonOptions(command).addOption(sourceOption("what to change (default: what the daemon follows, else --state)"));
  command.addHelpText(
    "after",
    examples(
      "unum vm import vms.ndjson",
      "unum vm import --tenant acme --replace acme.ndjson",
      "export-vms | unum vm import -",
    ) +
      `
A line: {"tenant":"acme","address":"172.16.0.5","server":"s1","mac":"02:00:00:00:00:05"}
It takes the place of the inventory's line with the same tenant and address. A document
without vmInventory gets one: vms.ndjson beside it. In etcd it takes the place of its key; the import
is written in parts there, and may be given again when it was cut short.
`,
  );
  return command.action(async (file: string, options: ImportCommandOptions) => {
    const { importVms } = await import("../source-file.ts");
    const { tenant, replace = false } = options;
    await importVms(context, options, { from: file === "-" ? 0 : file, tenant, replace });
  });
}
