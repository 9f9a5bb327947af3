// Completion for zsh: as for bash, with the texts of the help beside the words.

import type { TreeCommand } from "../command-tree.ts";
import { everyCommand } from "../command-tree.ts";
import type { Suggestion } from "./values.ts";
import { shellQuoted, suggestionFor } from "./values.ts";

export function zshCompletion(tree: TreeCommand): string {
  const commands = [...everyCommand(tree)];
  return `#compdef ${tree.name}
# Completion of ${tree.name} for zsh. Load it with: source <(${tree.name} completion zsh), after compinit.
_${tree.name}() {
	local at=${tree.name} i
	local -a found
	for ((i = 2; i < CURRENT; i++)); do
		case "$at \${words[i]}" in
${commands.flatMap(descents).join("\n")}
		esac
	done
	case "$at \${words[CURRENT - 1]}" in
${commands.flatMap(optionValues).join("\n")}
	esac
	if [[ $PREFIX == -* ]]; then
		case $at in
${commands.map(optionWords).join("\n")}
		esac
	else
		case $at in
${commands.flatMap(followers).join("\n")}
		esac
	fi
	_describe ${shellQuoted("word")} found
}
# As a file of $fpath, this is the body of the function at its first call.
if [[ \${funcstack[1]} == _${tree.name} ]]; then
	_${tree.name}
else
	compdef _${tree.name} ${tree.name}
fi
`;
}

function descents({ path, commands }: TreeCommand): string[] {
  return commands.map((child) => {
    const names = [child.name, ...child.aliases].map((name) => shellQuoted(`${path} ${name}`));
    return `		${names.join(" | ")}) at=${shellQuoted(child.path)} ;;`;
  });
}

/** A word and its text, as _describe takes them: colons of the word escaped. */
function described(word: string, text: string): string {
  return shellQuoted(`${word.replaceAll(":", "\\:")}:${text}`);
}

function statements(suggestion: Suggestion): string {
  switch (suggestion.kind) {
    case "words":
      return `compadd -- ${suggestion.words.map(shellQuoted).join(" ")}; return`;
    case "names":
      return `compadd -- $(ls "${suggestion.directory}" 2>/dev/null); return`;
    case "files":
      return "_files; return";
    default:
      return "_files -/; return";
  }
}

function optionValues({ path, options }: TreeCommand): string[] {
  return options.flatMap(({ flag, value }) => {
    if (value === undefined) return [];
    const suggestion = suggestionFor(value);
    return `	${shellQuoted(`${path} ${flag}`)}) ${suggestion === undefined ? "return" : statements(suggestion)} ;;`;
  });
}

function optionWords({ path, options }: TreeCommand): string {
  const words = options.map(({ flag, text }) => described(flag, text));
  return `		${shellQuoted(path)}) found=(${words.join(" ")}) ;;`;
}

function followers({ path, commands, arguments: [first] }: TreeCommand): string[] {
  if (commands.length > 0) {
    const words = commands.map(({ name, text }) => described(name, text));
    return [`		${shellQuoted(path)}) found=(${words.join(" ")}) ;;`];
  }
  const suggestion = suggestionFor(first);
  return suggestion === undefined ? [] : [`		${shellQuoted(path)}) ${statements(suggestion)} ;;`];
}
