// Completion for fish: a line for each word, with the command after which it may come.

import type { TreeCommand, TreeValue } from "../command-tree.ts";
import { everyCommand } from "../command-tree.ts";
import { suggestionFor } from "./values.ts";

/** A text in single quotes, as fish reads it. */
function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

export function fishCompletion(tree: TreeCommand): string {
  const { name } = tree;
  const commands = [...everyCommand(tree)];
  return `# Completion of ${name} for fish. Load it with: ${name} completion fish | source
function __${name}_at --description ${quoted("Whether the words so far lead to that command")}
	set -l at ${name}
	for word in (commandline -opc)[2..-1]
		switch "$at $word"
${commands.flatMap(descents).join("\n")}
		end
	end
	test "$at" = "$argv[1]"
end
complete -c ${name} -f
${commands.flatMap((command) => lines(name, command)).join("\n")}
`;
}

function descents({ path, commands }: TreeCommand): string[] {
  return commands.map((child) => {
    const names = [child.name, ...child.aliases].map((name) => quoted(`${path} ${name}`));
    return `			case ${names.join(" ")}\n				set at ${quoted(child.path)}`;
  });
}

function lines(program: string, { path, commands, options, arguments: [first] }: TreeCommand): string[] {
  const start = `complete -c ${program} -n ${quoted(`__${program}_at ${quoted(path)}`)}`;
  return [
    ...commands.map(({ name, text }) => `${start} -a ${quoted(name)} -d ${quoted(text)}`),
    ...(commands.length === 0 && first !== undefined && suggestionFor(first) !== undefined
      ? [`${start} ${values(first)}`]
      : []),
    ...options.map(({ flag, text, value }) => {
      const isFile = suggestionFor(value)?.kind === "files";
      const wanted = value === undefined ? "" : ` ${isFile ? "-r" : "-x"} ${values(value)}`;
      return `${start} -l ${flag.replace(/^--/, "")} -d ${quoted(text)}${wanted}`.trimEnd();
    }),
  ];
}

function values(value: TreeValue): string {
  const suggestion = suggestionFor(value);
  if (suggestion === undefined) return "";
  switch (suggestion.kind) {
    case "words":
      return `-a ${quoted(suggestion.words.join(" "))}`;
    case "files":
      return "-F";
    case "directories":
      return `-a ${quoted("(__fish_complete_directories)")}`;
    default: {
      // fish has no default values in its expansions.
      const directory = suggestion.directory.replace(/^\$\{(\w+):-([^}]*)\}/, "(set -q $1; and echo $$$1; or echo $2)");
      return `-a ${quoted(`(ls ${directory} 2>/dev/null)`)}`;
    }
  }
}
