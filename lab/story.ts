// What the lab tells: steps, the commands it runs as a user would, and facts it has checked.

import pc from "picocolors";

/** A fact that turned out to be false. It has been told. */
export class UntrueError extends Error {}

/** Tells to a stream. Every ✓ is a check that could have failed. */
export class Story {
  readonly #write: (text: string) => void;
  #steps = 0;
  #facts = 0;

  constructor(write: (text: string) => void = (text) => process.stdout.write(text)) {
    this.#write = write;
  }

  get facts(): number {
    return this.#facts;
  }

  title(text: string): void {
    this.#write(`${pc.bold(text)}\n`);
  }

  step(text: string): void {
    this.#steps++;
    this.#write(`\n${pc.bold(`${this.#steps}. ${text}`)}\n`);
  }

  note(text: string): void {
    for (const line of text.trimEnd().split("\n")) this.#write(`   ${pc.dim(line)}\n`);
  }

  command(text: string): void {
    this.#write(`   ${pc.cyan(`$ ${text}`)}\n`);
  }

  /** Output of a command, shortened to its first lines. */
  output(text: string, maxLines = 40): void {
    const lines = text.trimEnd().split("\n");
    for (const line of lines.slice(0, maxLines)) if (line) this.#write(`     ${line}\n`);
    if (lines.length > maxLines) this.#write(`     … ${lines.length - maxLines} more lines\n`);
  }

  /** Tells a fact with what was measured. Throws UntrueError when it does not hold. */
  check(holds: boolean, fact: string, measured = ""): void {
    this.#facts++;
    const detail = measured ? pc.dim(`  ${measured}`) : "";
    this.#write(`   ${holds ? pc.green("✓") : pc.red("✗")} ${fact}${detail}\n`);
    if (!holds) throw new UntrueError(fact);
  }
}
