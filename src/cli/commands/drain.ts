// `unum server|gateway drain NAME` and `… undrain NAME`.

import { Command, Option } from "commander";
import type { Context } from "../context.ts";
import { examples, sourceOption, withCommonOptions } from "../context.ts";
import type { DrainOptions, Section } from "../drain.ts";
import type { SourceOptions } from "../source.ts";
import * as value from "../values.ts";

const SECTIONS = { server: "servers", gateway: "gateways" } as const satisfies Record<string, Section>;
const SOURCE = "what to change (default: what the daemon follows, else --state)";

export type Drainable = keyof typeof SECTIONS;

export function isDrainable(kind: string): kind is Drainable {
  return kind in SECTIONS;
}

export function drainCommands(context: Context, kind: Drainable): Command[] {
  const name = kind === "server" ? "s1" : "gw1";
  const drain = new Command("drain")
    .description(`take the ${kind} out of use: its packets go their other way, and none is lost`)
    .argument("<name>", "its name", value.name)
    .addOption(new Option("--dry-run", "say where its packets would go, and change nothing"))
    .addOption(new Option("--force", "also when some of them would have no path"))
    .addHelpText("after", examples(`unum ${kind} drain ${name} --dry-run`, `unum ${kind} drain ${name}`))
    .action(async (endpoint: string, options: DrainOptions) => {
      const act = await import("../drain.ts");
      await act.drain(context, options, SECTIONS[kind], endpoint);
    });
  const undrain = new Command("undrain")
    .description(`use the ${kind} again; one that is watched when it answers`)
    .argument("<name>", "its name", value.name)
    .addHelpText("after", examples(`unum ${kind} undrain ${name}`))
    .action(async (endpoint: string, options: SourceOptions) => {
      const act = await import("../drain.ts");
      await act.undrain(context, options, SECTIONS[kind], endpoint);
    });
  return [drain, undrain].map((command) => withCommonOptions(command).addOption(sourceOption(SOURCE)));
}
