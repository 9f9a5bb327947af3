// The manual page unum(8), made of the command tree: nothing in it can be forgotten when a command changes. In the language
// of man(7).

import { ERROR_CATALOGUE } from "../errors.ts";
import type { TreeArgument, TreeCommand, TreeOption } from "./command-tree.ts";
import { everyCommand } from "./command-tree.ts";

export interface ManualOptions {
  readonly version: string;
}

const EXIT_STATUSES = [
  ["0", "done"],
  ["1", "failed"],
  ["2", "used in a way that does not exist"],
  ["3", "differences (plan)"],
] as const;

const FILES = [
  ["/etc/unum/state.yaml", "the document, unless --state names another"],
  ["/sys/fs/bpf/unum", "pinned maps, programs and links, unless --pin-dir names another directory"],
  ["/run/unum/unum.sock", "where the daemon answers, unless --socket names another"],
] as const;

const VARIABLES = [
  ["NO_COLOR", "headings are not bold, not on a terminal either"],
  ["UNUM_VERIFIER_LOG", "print all that the verifier said about a program that it refused"],
] as const;

/** The page, as man(1) and groff(1) read it. */
export function manualPage(tree: TreeCommand, { version }: ManualOptions): string {
  const commands = [...everyCommand(tree)].filter((command) => command.commands.length === 0);
  return [
    `.TH ${tree.name.toUpperCase()} 8 "" "${tree.name} ${version}" "System Administration"`,
    ".nh",
    section("NAME", `${tree.name} \\- ${escaped(tree.text)}`),
    section("SYNOPSIS", commands.map((command) => `${synopsis(command)}\n.br`).join("\n")),
    section("DESCRIPTION", escaped(DESCRIPTION)),
    section("COMMANDS", commands.map(commandText).join("\n")),
    section("EXIT STATUS", definitions(EXIT_STATUSES)),
    section("ENVIRONMENT", definitions([...variables(commands), ...VARIABLES])),
    section("FILES", definitions(FILES)),
    section("ERRORS", `${escaped(ERRORS)}\n${definitions(codes())}`),
    section("SEE ALSO", ".BR bpftool (8),\n.BR ip\\-link (8),\n.BR tc\\-bpf (8)"),
    "",
  ].join("\n");
}

const DESCRIPTION =
  "Data goes to standard output, all else to standard error. Commands that read take --json. A document (YAML or JSON) is the desired state of an edge; apply makes pinned maps and links equal to it, and packets need no process from then on.";
const ERRORS = "Messages end with a code in brackets that keeps its meaning from release to release.";

function section(name: string, body: string): string {
  return `.SH ${name}\n${body}`;
}

/** Text in which nothing is a request or an escape. */
function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(['.])/gm, "\\&$1");
}

function definitions(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([word, text]) => `.TP\n.B ${escaped(word)}\n${escaped(text)}`).join("\n");
}

function argumentForm({ name, required, variadic }: TreeArgument): string {
  const word = `${name.toUpperCase()}${variadic ? "..." : ""}`;
  return required ? `\\fI${word}\\fR` : `[\\fI${word}\\fR]`;
}

function synopsis({ path, arguments: list, options }: TreeCommand): string {
  const parts = [
    `\\fB${escaped(path)}\\fR`,
    ...list.map(argumentForm),
    ...(options.length > 0 ? ["[\\fIoptions\\fR]"] : []),
  ];
  return parts.join(" ");
}

function commandText(command: TreeCommand): string {
  const { text, arguments: list, options, examples, aliases } = command;
  const also = aliases.map((alias) => ` Also called ${alias}.`).join("");
  return [
    `.SS ${synopsis(command)}`,
    escaped(`${text}.${also}`),
    ...list
      .filter((argument) => argument.text !== "")
      .map((argument) => tagged(argumentForm(argument), valueText(argument))),
    ...options.map(optionText),
    ...(examples.length === 0
      ? []
      : [`.PP\nExamples:\n.PP\n.nf\n.RS 4\n${examples.map(escaped).join("\n")}\n.RE\n.fi`]),
  ].join("\n");
}

function tagged(tag: string, text: string): string {
  return `.TP\n${tag}\n${escaped(text)}`;
}

function valueText({ text, choices }: { readonly text: string; readonly choices: readonly string[] }): string {
  return choices.length === 0 ? text : `${text}: ${choices.join(", ")}`;
}

function optionText({ form, text, value, defaultText, variable }: TreeOption): string {
  const tag = form.replace(/[<[](\w+)[\].>]+/, (_, name: string) => `\\fI${name.toUpperCase()}\\fR`);
  const more = [
    ...(defaultText === undefined ? [] : [`default ${defaultText}`]),
    ...(variable === undefined ? [] : [`environment ${variable}`]),
  ];
  const said = valueText({ text, choices: value?.choices ?? [] });
  return tagged(`\\fB${tag.replaceAll("-", "\\-")}\\fR`, more.length === 0 ? said : `${said} (${more.join(", ")})`);
}

/** Each variable that stands for an option, once. */
function variables(commands: readonly TreeCommand[]): readonly (readonly [string, string])[] {
  const found = new Map<string, string>();
  for (const { options } of commands) {
    for (const { variable, flag } of options) if (variable !== undefined) found.set(variable, `stands for ${flag}`);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function codes(): readonly (readonly [string, string])[] {
  return Object.entries(ERROR_CATALOGUE).map(([code, { meaning }]) => [code, meaning]);
}
