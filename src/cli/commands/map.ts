// `unum map …`: the maps of this edge, or any others, as bpftool shows them.

import { Command } from "commander";
import { PinDirectory } from "../../dataplane/index.ts";
import { UnumError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { examples, jsonOption, pinDirOption } from "../context.ts";
import type { InspectOptions } from "../inspect.ts";
import { FORM_HELP, listHelp, prettyOption, print, showAll } from "../inspect.ts";

const WORDS = "NAME of this edge's, or as bpftool has it: id N, name NAME or pinned PATH";

function mapSubcommand(name: string, text: string, help: string, ...lines: readonly string[]): Command {
  return new Command(name)
    .description(text)
    .addOption(pinDirOption())
    .addOption(jsonOption())
    .addOption(prettyOption())
    .addHelpText("after", help + examples(...lines));
}

function requireNoMore(rest: readonly string[]): void {
  if (rest.length > 0) throw new UnumError("USAGE", `read ${JSON.stringify(rest[0])}: expected no more words`);
}

function showCommand(context: Context, name: "list" | "show"): Command {
  const command = mapSubcommand(
    name,
    "type, sizes, memory and types of maps",
    listHelp("the maps of this edge, by id", "map"),
    `unum map ${name}`,
    `unum map ${name} endpoints --json --pretty`,
    `unum map ${name} id 7`,
  );
  return command.argument("[map...]", WORDS).action(async (words: string[], options: InspectOptions) => {
    const { findMaps, Output, showMap } = await import("../../inspect/index.ts");
    const output = new Output(options);
    const found = findMaps(new PinDirectory(options.pinDir), words);
    await print(context, output, () => {
      requireNoMore(found.rest);
      showAll(output, found, showMap);
    });
  });
}

function dumpCommand(context: Context): Command {
  const command = mapSubcommand(
    "dump",
    "all elements, with the names of their fields",
    FORM_HELP,
    "unum map dump endpoints",
    "unum map dump pinned /sys/fs/bpf/other --json",
    "unum map dump names --json | jq '.[].formatted.value.text'",
  );
  return command.argument("<map...>", WORDS).action(async (words: string[], options: InspectOptions) => {
    const { dumpMaps, findMaps, Output } = await import("../../inspect/index.ts");
    const output = new Output(options);
    const { objects, rest } = findMaps(new PinDirectory(options.pinDir), words);
    try {
      requireNoMore(rest);
      await print(context, output, () => dumpMaps(output, objects));
    } finally {
      for (const map of objects) map.close();
    }
  });
}

function keyCommand(context: Context, name: "lookup" | "getnext"): Command {
  const lines = [`unum map ${name} endpoints key 1 0 0 0`, `unum map ${name} id 7 key hex 01 00 00 00 --json`];
  const command =
    name === "lookup"
      ? mapSubcommand(name, "the element of a key; exit status 1 where there is none", FORM_HELP, ...lines)
      : mapSubcommand(name, "the key after one, or the first one", FORM_HELP, ...lines, "unum map getnext names");
  return command
    .argument("<map...>", `${WORDS}; then key BYTES or key hex BYTES`)
    .action(async (words: string[], options: InspectOptions) => {
      const { findMap, Output, readKey, showElement, showNextKey } = await import("../../inspect/index.ts");
      const output = new Output(options);
      const { map, rest } = findMap(new PinDirectory(options.pinDir), words);
      try {
        const key = readKey(rest, map.info.keySize);
        await print(context, output, () => {
          if (name === "getnext") showNextKey(output, map, key);
          else if (!showElement(output, map, requireKey(key, map.info.keySize))) context.setExit(1);
        });
      } finally {
        map.close();
      }
    });
}

/** Queues and stacks have no keys. */
function requireKey(key: Uint8Array | undefined, keySize: number): Uint8Array {
  if (key !== undefined) return key;
  if (keySize === 0) return new Uint8Array();
  throw new UnumError("USAGE", `look up an element: expected key and ${keySize} bytes`, {
    remedy: "such as: key 1 0 0 0, or: key hex 0a 02 00 01",
  });
}

export function mapCommand(context: Context): Command {
  const command = new Command("map").description("maps and their elements, as bpftool shows them");
  command.addCommand(showCommand(context, "list")).addCommand(showCommand(context, "show"));
  command.addCommand(dumpCommand(context));
  command.addCommand(keyCommand(context, "lookup")).addCommand(keyCommand(context, "getnext"));
  return command;
}
