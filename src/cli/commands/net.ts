// `unum net show`: what runs at the hooks of the interfaces, as bpftool shows it.

import { Command } from "commander";
import type { Context } from "../context.ts";
import { examples, jsonOption } from "../context.ts";
import type { InspectOptions } from "../inspect.ts";
import { prettyOption, print } from "../inspect.ts";

const HELP = `
What is printed is what \`bpftool net show\` prints, plain, with --json (its -j) and with --json --pretty (its -p): programs of
all interfaces of this network namespace, whoever attached them. bpftool is not needed.
`;

export function netCommand(context: Context): Command {
  const show = new Command("show")
    .alias("list")
    .configureHelp({ commandUsage: (command) => `unum net show ${command.usage()}` })
    .description("XDP, tc and flow dissector programs of interfaces, whoever attached them")
    .argument("[dev...]", "dev NIC: of that interface alone")
    .addOption(jsonOption())
    .addOption(prettyOption())
    .addHelpText("after", HELP + examples("unum net show", "unum net show dev eth0 --json"))
    .action(async (words: string[], options: InspectOptions) => {
      const { Output, showNet } = await import("../../inspect/index.ts");
      const output = new Output(options);
      await print(context, output, () => showNet(output, words));
    });
  return new Command("net").description("what runs at the hooks of interfaces, as bpftool shows it").addCommand(show);
}
