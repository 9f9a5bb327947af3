// Completion scripts, in the shells that they are for.

import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import type { TreeCommand } from "../../src/cli/command-tree.ts";
import { commandTree, everyCommand } from "../../src/cli/command-tree.ts";
import { defaultContext } from "../../src/cli/context.ts";
import { unumProgram } from "../../src/cli/program.ts";
import { unum } from "../support/cli.ts";

const tree = commandTree(unumProgram(defaultContext()));
const commands = [...everyCommand(tree)];

type Shell = "bash" | "zsh" | "fish";

const has = (shell: Shell): boolean => spawnSync(shell, ["-c", "true"]).status === 0;

async function scriptOf(shell: Shell): Promise<string> {
  const { status, stdout } = await unum("completion", shell);
  expect(status).toBe(0);
  return stdout;
}

function inShell(shell: Shell, source: string, ...options: string[]): string {
  const { status, stdout, stderr } = spawnSync(shell, [...options, "-c", source], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

/** What bash would offer at the end of each line. */
async function bashOffers(lines: readonly string[]): Promise<readonly (readonly string[])[]> {
  const asks = lines.map(
    (line) =>
      `COMP_WORDS=(${line
        .split(" ")
        .map((word) => `"${word}"`)
        .join(" ")}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _unum; echo "\${COMPREPLY[*]}"`,
  );
  const answer = inShell("bash", [await scriptOf("bash"), ...asks].join("\n"));
  return answer
    .split("\n")
    .slice(0, lines.length)
    .map((offer) => offer.split(" ").filter((word) => word !== ""));
}

const flagsOf = ({ options }: TreeCommand) => options.map(({ flag }) => flag);

describe("bash", () => {
  test("offers each command's commands, and its options", async () => {
    const groups = commands.filter((command) => command.commands.length > 0);
    const below = await bashOffers(groups.map(({ path }) => `${path} `));
    expect(below).toEqual(groups.map((group) => group.commands.map(({ name }) => name)));
    const options = await bashOffers(commands.map(({ path }) => `${path} --`));
    expect(options).toEqual(commands.map(flagsOf));
  });

  test("offers what may stand for a value, and nothing where anything may", async () => {
    const offers = {
      "unum ma": ["map"],
      "unum map dump --pr": ["--pretty"],
      "unum prog list --pr": ["--pretty"],
      "unum show v": ["vms"],
      "unum show --server map --li": ["--limit"],
      "unum attach eth0 --role ": ["access", "underlay", "both"],
      "unum attach l": ["lo"],
      "unum apply /etc/hostna": ["/etc/hostname"],
      "unum apply --state /etc/hostna": ["/etc/hostname"],
      "unum apply --pin-dir /sys/kern": ["/sys/kernel"],
      "unum server set s1 --address ": [],
      "unum completion ": ["bash", "zsh", "fish"],
    };
    expect(await bashOffers(Object.keys(offers))).toEqual(Object.values(offers));
  });
});

describe.skipIf(!has("fish"))("fish", () => {
  test("offers commands with their texts, options and values", async () => {
    const script = await scriptOf("fish");
    const asks = ["unum ma", "unum map d", "unum prog list --pr", "unum attach --role a", "unum server set --address "];
    const answer = inShell("fish", [script, ...asks.map((line) => `complete -C '${line}'`)].join("\n"), "--no-config");
    const access = tree.commands.find(({ name }) => name === "attach")?.options.find(({ flag }) => flag === "--role");
    expect(answer.split("\n").filter((line) => line !== "")).toEqual([
      "map\tmaps and their elements, as bpftool shows them",
      "dump\tall elements, with the names of their fields",
      "--pretty\tprint JSON over many lines",
      `access\t${access?.text}`,
    ]);
  });
});

describe.skipIf(!has("zsh"))("zsh", () => {
  test("offers commands, options and values", async () => {
    // compadd and _describe in the place of the real ones, which need a terminal.
    const stand = `compdef() { : }; compadd() { shift; print -r -- "$@" }; _describe() { print -r -- "\${\${(P)2}[@]%%:*}" }
offer() { words=("$@"); CURRENT=$#; PREFIX=$words[-1]; _unum }`;
    const asks = ["unum map ''", "unum map dump --", "unum attach --role ''", "unum prog list --"];
    const answer = inShell(
      "zsh",
      [stand, await scriptOf("zsh"), ...asks.map((line) => `offer ${line}`)].join("\n"),
      "-f",
    );
    expect(answer.trim().split("\n")).toEqual([
      "list show dump lookup getnext",
      "--pin-dir --json --pretty --help",
      "access underlay both",
      "--pin-dir --json --pretty --help",
    ]);
  });
});
