import { Argument, Command } from "commander";
import { commandTree } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { examples } from "../context.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

/** `unum completion`: a script for a shell, made of the command tree. */
export function completionCommand(context: Context): Command {
  return new Command("completion")
    .description("a script with which a shell completes unum's command lines")
    .addArgument(new Argument("<shell>", "whose language the script is in").choices(SHELLS))
    .addHelpText(
      "after",
      examples(
        "unum completion bash > /etc/bash_completion.d/unum",
        "unum completion zsh > /usr/local/share/zsh/site-functions/_unum",
        "unum completion fish > /etc/fish/completions/unum.fish",
      ),
    )
    .action(async (shell: (typeof SHELLS)[number], _: unknown, command: Command) => {
      const [{ bashCompletion }, { zshCompletion }, { fishCompletion }] = await Promise.all([
        import("../completion/bash.ts"),
        import("../completion/zsh.ts"),
        import("../completion/fish.ts"),
      ]);
      const make = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }[shell];
      context.streams.stdout.write(make(commandTree(command.parent ?? command)));
    });
}
