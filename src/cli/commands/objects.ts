// `unum edge set`, `unum profile|server|gateway|tenant|circuit|route|vm set …` and `… delete …`: one object, in the document and in the maps.

import { Command } from "commander";
import type { Edit, EditMap } from "../../document/index.ts";
import { UnumError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { examples, sourceOption, withCommonOptions } from "../context.ts";
import type { ObjectSpec } from "../object-specs.ts";
import { OBJECTS } from "../object-specs.ts";
import type { SourceOptions } from "../source.ts";
import * as value from "../values.ts";
import { drainCommands, isDrainable } from "./drain.ts";
import { importCommand } from "./import.ts";

/** Options as commander names them: --peer-mac is peerMac. */
function optionKey(flags: string): string {
  return (flags.split(" ")[0] as string).slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function namedCommand(context: Context, spec: ObjectSpec, verb: "set" | "delete"): Command {
  const command = new Command(verb).description(
    verb === "set"
      ? `make or change ${spec.text}; fields that are not given stay as they are`
      : `take the ${spec.kind} out of the document and the maps`,
  );
  for (const { name, text, parse } of spec.names) command.argument(`<${name}>`, text, parse);
  if (verb === "set") for (const { flags, text, parse } of spec.options) command.option(flags, text, parse);
  withCommonOptions(command).addOption(sourceOption("what to change (default: what the daemon follows, else --state)"));
  command.addHelpText("after", examples(...spec.examples.filter((line) => line.includes(` ${verb} `))));
  command.action(async (...passed: unknown[]) => {
    const names = passed.slice(0, spec.names.length) as string[];
    const options = passed[spec.names.length] as SourceOptions & Record<string, unknown>;
    const path = spec.path(names);
    const edits: readonly Edit[] = verb === "delete" ? [{ op: "delete", path }] : editsOf(spec, path, options);
    const { changeSource } = await import("../source-file.ts");
    await changeSource(context, options, edits);
  });
  return command;
}

/** Edits of the fields that the command line gives; undefined takes one away. */
export function editsOf(
  spec: ObjectSpec,
  path: readonly string[],
  options: Readonly<Record<string, unknown>>,
): readonly Edit[] {
  const fields: Record<string, EditMap[string]> = {};
  /** Fields of maps in the object, by the map: those that are not given stay as they are, too. */
  const inner = new Map<string, Record<string, EditMap[string]>>();
  for (const { flags, field, insteadOf, within, essential } of spec.options) {
    const wanted = options[optionKey(flags)];
    if (wanted === undefined) continue;
    if (insteadOf !== undefined) fields[insteadOf] ??= undefined;
    const set = wanted === value.NONE ? undefined : (wanted as EditMap[string]);
    if (within === undefined) fields[field] = set;
    else if (essential === true && set === undefined) fields[within] = undefined;
    else inner.set(within, { ...inner.get(within), [field]: set });
  }
  const edits: Edit[] = Object.keys(fields).length === 0 ? [] : [{ op: "merge", path, value: fields }];
  for (const [within, parts] of inner) edits.push({ op: "merge", path: [...path, within], value: parts });
  if (edits.length > 0) return edits;
  const known = spec.options.map(({ flags }) => flags.split(" ")[0]).join(", ");
  throw new UnumError("USAGE", `${spec.kind} set: nothing to set, expected at least one of ${known}`);
}

/** One command for each kind of object, with `set` and `delete` under it. */
export function objectCommands(context: Context): Command[] {
  return OBJECTS.map((spec) => {
    const command = new Command(spec.kind).addCommand(namedCommand(context, spec, "set"));
    if (spec.deletable === false) return command.description(`set ${spec.text}`);
    command.description(`set or delete ${spec.text}`).addCommand(namedCommand(context, spec, "delete"));
    if (isDrainable(spec.kind)) {
      command.description(`set, delete or drain ${spec.text}`);
      for (const each of drainCommands(context, spec.kind)) command.addCommand(each);
    }
    return spec.kind === "vm" ? command.addCommand(importCommand(context)) : command;
  });
}
