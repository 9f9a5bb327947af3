import { describe, expect, test } from "vitest";
import { Progress } from "../../src/cli/progress.ts";
import { keeping } from "../support/cli.ts";

/** What is written to stderr by somebody who reads 10 bytes a tenth of a second. */
function written(isTTY: boolean, work: (progress: Progress, pass: (ms: number) => void) => void): string {
  const { context, outcome } = keeping();
  Object.assign(context.streams.stderr, { isTTY });
  let now = 0;
  using progress = new Progress(context, () => now);
  work(progress, (ms) => {
    now += ms;
  });
  progress.end();
  return outcome().stderr;
}

describe("progress", () => {
  const read = (progress: Progress, pass: (ms: number) => void): void => {
    const told = progress.reader();
    for (let bytes = 10; bytes <= 150; bytes += 10) {
      pass(100);
      told(bytes, 150);
    }
  };

  test("is told on a terminal, from one second on, and not more than five times a second", () => {
    const line = (text: string) => `\r\u001b[K${text}`;
    expect(written(true, read)).toBe(
      `${line("reading: 66 %")}${line("reading: 80 %")}${line("reading: 93 %")}${line("")}`,
    );
  });

  test("is not told elsewhere, nor of what is done at once", () => {
    expect(written(false, read)).toBe("");
    expect(written(true, (progress) => progress.phase("comparing"))).toBe("");
  });

  test("tells of a new phase at once, and leaves an empty line", () => {
    const text = written(true, (progress, pass) => {
      pass(1500);
      progress.bytes("reading")(2_000_000);
      progress.phase("comparing");
    });
    expect(text).toBe("\r\u001b[Kreading: 2 MB\r\u001b[Kcomparing …\r\u001b[K");
  });
});
