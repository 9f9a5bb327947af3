// bpftool beside unum: what either prints for the same question, in each of the three forms.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { Writable } from "node:stream";
import { expect } from "vitest";
import { run } from "../../src/cli/main.ts";
import { keeping, unum } from "./cli.ts";

/** bpftool's options for a form, and unum's. */
export const FORMS = [
  { form: "plain", bpftool: [], unum: [] },
  { form: "json", bpftool: ["-j"], unum: ["--json"] },
  { form: "pretty", bpftool: ["-p"], unum: ["--json", "--pretty"] },
] as const;

export type Form = (typeof FORMS)[number];

export interface Printed {
  readonly stdout: string;
  /** Whether the exit status was 0. */
  readonly good: boolean;
}

export function bpftool(...args: readonly string[]): Printed {
  const { stdout, status, error } = spawnSync("bpftool", args, { encoding: "utf8", maxBuffer: 1 << 30 });
  if (error !== undefined) throw error;
  return { stdout, good: status === 0 };
}

/** When a program was loaded is computed from two clocks that are read one after the other. */
export function withoutSeconds({ stdout, good }: Printed): Printed {
  const text = stdout.replace(/(loaded_at \d+-\d+-\d+T)\d\d:\d\d:\d\d/g, "$1…").replace(/("loaded_at": ?)\d+/g, "$1…");
  return { stdout: text, good };
}

/**
 * Asks both, plain, as JSON and as pretty JSON, and holds the bytes against each other. Returns how many there were.
 * @param words the same for both, such as `map show id 7`
 * @param own unum's, if they differ
 */
export async function expectSame(words: readonly string[], own: readonly string[] = words): Promise<number> {
  let bytes = 0;
  for (const form of FORMS) {
    const { status, stdout } = await unum(...own, ...form.unum);
    const theirs = withoutSeconds(bpftool(...form.bpftool, ...words));
    expect(withoutSeconds({ stdout, good: status === 0 }), `${own.join(" ")} (${form.form})`).toEqual(theirs);
    bytes += theirs.stdout.length;
  }
  return bytes;
}

/** Holds what is written to it against what another stream gives, up to a number of bytes. */
class Against extends Writable {
  /** Where they differ first, with what either has there. */
  difference: { readonly at: number; readonly ours: string; readonly theirs: string } | undefined;
  compared = 0;
  readonly #other: AsyncIterator<Buffer>;
  readonly #limit: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(other: Readable, limit: number) {
    super();
    this.#other = other[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#limit = limit;
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.#compare(chunk).then(() => done(), done);
  }

  async #compare(ours: Buffer): Promise<void> {
    if (this.difference !== undefined || this.compared >= this.#limit) return;
    const theirs = await this.#take(ours.length);
    if (!ours.equals(theirs)) {
      const at = ours.findIndex((byte, index) => byte !== theirs[index]);
      const around = (bytes: Buffer) => bytes.subarray(Math.max(0, at - 100), at + 100).toString();
      this.difference = { at: this.compared + at, ours: around(ours), theirs: around(theirs) };
    }
    this.compared += ours.length;
  }

  async #take(length: number): Promise<Buffer> {
    const parts = [this.#rest];
    let have = this.#rest.length;
    while (have < length) {
      const { value, done } = await this.#other.next();
      if (done === true) break;
      parts.push(value);
      have += value.length;
    }
    const all = Buffer.concat(parts);
    this.#rest = all.subarray(length);
    return all.subarray(0, length);
  }

  /** Whether the other one has nothing more, either; not asked beyond the limit. */
  async atEnd(): Promise<boolean> {
    return this.compared >= this.#limit || (await this.#take(1)).length === 0;
  }
}

/**
 * The same for what is too long to be kept: it is compared as it comes, and no further than `limitBytes` in each form that
 * bpftool writes line by line, which takes it long. Returns how many bytes were compared.
 */
export async function expectSameStream(
  words: readonly string[],
  own: readonly string[],
  limitBytes: number,
): Promise<number> {
  let bytes = 0;
  for (const form of FORMS) {
    const child = spawn("bpftool", [...form.bpftool, ...words], { stdio: ["ignore", "pipe", "ignore"] });
    const closed = once(child, "close");
    const against = new Against(child.stdout, form.form === "json" ? Number.POSITIVE_INFINITY : limitBytes);
    const { context, outcome } = keeping();
    await run([...own, ...form.unum], { ...context, streams: { ...context.streams, stdout: against } });
    against.end();
    await once(against, "finish");
    const same = { status: outcome().status, difference: against.difference, atEnd: await against.atEnd() };
    expect(same, `${own.join(" ")} (${form.form})`).toEqual({ status: 0, difference: undefined, atEnd: true });
    bytes += against.compared;
    child.stdout.destroy();
    child.kill();
    await closed;
  }
  return bytes;
}
