// What a command is at, for somebody who waits at a terminal: one line on stderr, from one second on.

import type { Context } from "./context.ts";

const SILENT_MS = 1000;
const REFRESH_MS = 200;

export class Progress implements Disposable {
  readonly #stream: Context["streams"]["stderr"];
  readonly #now: () => number;
  readonly #began: number;
  #shown = 0;
  #visible = false;

  /** @param now milliseconds that only go forward */
  constructor({ streams }: Pick<Context, "streams">, now: () => number = () => performance.now()) {
    this.#stream = streams.stderr;
    this.#now = now;
    this.#began = now();
  }

  /** What begins now; how long it takes cannot be said. */
  phase(text: string): void {
    this.#show(`${text} …`, true);
  }

  /** For readers of files of a known size. */
  reader(): (bytes: number, ofBytes: number) => void {
    return (bytes, of) => this.#show(`reading: ${of === 0 ? 100 : Math.floor((100 * bytes) / of)} %`);
  }

  /** For readers of what may have no end. */
  bytes(verb: string): (bytes: number) => void {
    return (bytes) => this.#show(`${verb}: ${(bytes / 1e6).toFixed(0)} MB`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#visible) this.#stream.write("\r\u001b[K");
    this.#visible = false;
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #show(text: string, always = false): void {
    const now = this.#now();
    if (this.#stream.isTTY !== true || now - this.#began < SILENT_MS) return;
    if (!always && now - this.#shown < REFRESH_MS) return;
    this.#shown = now;
    this.#visible = true;
    this.#stream.write(`\r\u001b[K${text}`);
  }
}
