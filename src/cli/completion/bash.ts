// Completion for bash: which command is being typed is found from the words before, then what may follow it.

import type { TreeCommand } from "../command-tree.ts";
import { everyCommand } from "../command-tree.ts";
import type { Suggestion } from "./values.ts";
import { shellQuoted, suggestionFor } from "./values.ts";

export function bashCompletion(tree: TreeCommand): string {
  const commands = [...everyCommand(tree)];
  return `# Completion of ${tree.name} for bash. Load it with: source <(${tree.name} completion bash)
_${tree.name}() {
	local at=${tree.name} cur=\${COMP_WORDS[COMP_CWORD]} i previous=\${COMP_WORDS[COMP_CWORD - 1]} words=
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$at \${COMP_WORDS[i]}" in
${commands.flatMap(descents).join("\n")}
		esac
	done
	case "$at $previous" in
${commands.flatMap(optionValues).join("\n")}
	*)
		case $cur in
		-*)
			case $at in
${commands.map(optionWords).join("\n")}
			esac
			;;
		*)
			case $at in
${commands.flatMap(followers).join("\n")}
			esac
			;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _${tree.name} ${tree.name}
`;
}

function descents({ path, commands }: TreeCommand): string[] {
  return commands.map((child) => {
    const names = [child.name, ...child.aliases].map((name) => shellQuoted(`${path} ${name}`));
    return `		${names.join(" | ")}) at=${shellQuoted(child.path)} ;;`;
  });
}

/** What a word may be that has a value of its own. */
function statements(suggestion: Suggestion): string {
  switch (suggestion.kind) {
    case "words":
      return `words=${shellQuoted(suggestion.words.join(" "))}`;
    case "names":
      return `words=$(ls "${suggestion.directory}" 2>/dev/null)`;
    default: {
      const only = suggestion.kind === "files" ? "-f" : "-d";
      return `compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen ${only} -- "$cur"); return`;
    }
  }
}

function optionValues({ path, options }: TreeCommand): string[] {
  return options.flatMap(({ flag, value }) => {
    if (value === undefined) return [];
    const suggestion = suggestionFor(value);
    // Any text: nothing is suggested, least of all what may follow it.
    return `	${shellQuoted(`${path} ${flag}`)}) ${suggestion === undefined ? "return" : statements(suggestion)} ;;`;
  });
}

function optionWords({ path, options }: TreeCommand): string {
  return `			${shellQuoted(path)}) words=${shellQuoted(options.map(({ flag }) => flag).join(" "))} ;;`;
}

function followers({ path, commands, arguments: [first] }: TreeCommand): string[] {
  if (commands.length > 0) {
    return [`			${shellQuoted(path)}) words=${shellQuoted(commands.map(({ name }) => name).join(" "))} ;;`];
  }
  const suggestion = suggestionFor(first);
  return suggestion === undefined ? [] : [`			${shellQuoted(path)}) ${statements(suggestion)} ;;`];
}
