// `unum prog …`, `unum link …`, `unum net …`: programs, and where they are attached, as bpftool shows them.

import { Command } from "commander";
import { PinDirectory } from "../../dataplane/index.ts";
import { UnumError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { examples, jsonOption, pinDirOption } from "../context.ts";
import type { InspectOptions } from "../inspect.ts";
import { listHelp, prettyOption, print, showAll } from "../inspect.ts";

type What = "prog" | "link";

const TEXTS = {
  prog: {
    group: "programs, as bpftool shows them",
    show: "type, tag, sizes, maps and age of programs",
    argument: "access, underlay or both, or as bpftool has it: id N, tag TAG, name NAME or pinned PATH",
    own: "the programs of this edge, by id",
    examples: ["unum prog show", "unum prog show access --json --pretty", "unum prog show id 7"],
  },
  link: {
    group: "links of programs to what they are attached to, as bpftool shows them",
    show: "types and programs of links",
    argument: "interface of this edge's, or as bpftool has it: id N or pinned PATH",
    own: "the links of this edge's ports, by id",
    examples: ["unum link show", "unum link show eth0 --json", "unum link show id 7"],
  },
} as const;

function showCommand(context: Context, what: What): Command {
  const texts = TEXTS[what];
  return new Command("show")
    .alias("list")
    .configureHelp({ commandUsage: (command) => `unum ${what} show ${command.usage()}` })
    .description(texts.show)
    .argument(`[${what}...]`, texts.argument)
    .addOption(pinDirOption())
    .addOption(jsonOption())
    .addOption(prettyOption())
    .addHelpText("after", listHelp(texts.own, what) + examples(...texts.examples))
    .action(async (words: string[], options: InspectOptions) => {
      const { findLinks, findPrograms, Output, showLink, showProgram } = await import("../../inspect/index.ts");
      const output = new Output(options);
      const pins = new PinDirectory(options.pinDir);
      await print(context, output, () => {
        if (what === "prog") showAll(output, requireNoMore(findPrograms(pins, words)), showProgram);
        else showAll(output, requireNoMore(findLinks(pins, words)), showLink);
      });
    });
}

function requireNoMore<T extends { readonly rest: readonly string[] }>(found: T): T {
  const [more] = found.rest;
  if (more === undefined) return found;
  throw new UnumError("USAGE", `read ${JSON.stringify(more)}: expected no more words`);
}

export function progCommand(context: Context): Command {
  return new Command("prog").description(TEXTS.prog.group).addCommand(showCommand(context, "prog"));
}

export function linkCommand(context: Context): Command {
  return new Command("link").description(TEXTS.link.group).addCommand(showCommand(context, "link"));
}
