// The command tree as data, for what is made of it: shell completion and the manual page.

import type { Argument, Command, Option } from "commander";

export interface TreeValue {
  /** What stands for it in the help, such as `file`. */
  readonly name: string;
  readonly choices: readonly string[];
}

export interface TreeOption {
  /** With its dashes. */
  readonly flag: string;
  readonly text: string;
  /** As in the help: `--state <file>`. */
  readonly form: string;
  readonly value?: TreeValue;
  readonly defaultText?: string;
  readonly variable?: string;
}

export interface TreeArgument extends TreeValue {
  readonly text: string;
  readonly required: boolean;
  readonly variadic: boolean;
}

export interface TreeCommand {
  /** From the program on: `unum map dump`. */
  readonly path: string;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly text: string;
  readonly options: readonly TreeOption[];
  readonly arguments: readonly TreeArgument[];
  readonly commands: readonly TreeCommand[];
  /** Command lines, from its help. */
  readonly examples: readonly string[];
}

const HELP: TreeOption = { flag: "--help", form: "--help", text: "display help for command" };

export function commandTree(command: Command, path = command.name()): TreeCommand {
  return {
    path,
    name: command.name(),
    aliases: command.aliases(),
    text: command.description(),
    options: [...command.options.map(treeOption), HELP],
    arguments: command.registeredArguments.map(treeArgument),
    commands: command.commands.map((child) => commandTree(child, `${path} ${child.name()}`)),
    examples: examplesOf(command),
  };
}

/** A command and all below it, each after the one that it belongs to. */
export function* everyCommand(command: TreeCommand): Generator<TreeCommand, void, undefined> {
  yield command;
  for (const child of command.commands) yield* everyCommand(child);
}

/** What is added to a help is known only to the help. */
function examplesOf(command: Command): readonly string[] {
  const { writeOut } = command.configureOutput();
  let help = "";
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  if (writeOut !== undefined) command.configureOutput({ writeOut });
  const lines = help.split("\nExamples:\n")[1]?.split("\n") ?? [];
  return lines.map((line) => line.trim()).filter((line) => line !== "");
}

function treeOption(option: Option): TreeOption {
  const flag = option.long ?? option.short ?? "";
  const name = /[<[](\w+)[\].>]/.exec(option.flags)?.[1];
  const form = option.flags.replace(/^-\w, /, "");
  return {
    flag,
    form,
    text: option.description,
    ...(name !== undefined && { value: { name, choices: option.argChoices ?? [] } }),
    ...(option.defaultValue !== undefined && { defaultText: String(option.defaultValue) }),
    ...(option.envVar !== undefined && { variable: option.envVar }),
  };
}

function treeArgument(argument: Argument): TreeArgument {
  return {
    name: argument.name(),
    text: argument.description,
    choices: argument.argChoices ?? [],
    required: argument.required,
    variadic: argument.variadic,
  };
}
