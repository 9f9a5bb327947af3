// Where a view goes: text as bpftool prints it, or the JSON of `bpftool -j` and `-p`.
//
// A table of a million elements is hundreds of megabytes of text in small pieces. They are put into bytes at once: as strings
// they would keep the garbage collector busier than everything else.

import { JsonWriter } from "./json-writer.ts";

export interface Form {
  readonly json?: boolean;
  /** JSON over many lines. */
  readonly pretty?: boolean;
}

const FIRST_BYTES = 1 << 17;
/** No character of UTF-16 takes more bytes in UTF-8. */
const BYTES_PER_CHARACTER = 3;

/** Gathers text until somebody takes it. */
export class Output {
  /** Set where JSON is asked for. */
  readonly json: JsonWriter | undefined;
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #used = 0;

  constructor({ json = false, pretty = false }: Form) {
    this.json = json || pretty ? new JsonWriter((text) => this.text(text), { pretty }) : undefined;
  }

  text(text: string): void {
    const { length } = text;
    if (this.#used + BYTES_PER_CHARACTER * length > this.#bytes.length) this.#grow(BYTES_PER_CHARACTER * length);
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#used += this.#bytes.write(text.slice(i), this.#used, "utf8");
        return;
      }
      this.#bytes[this.#used++] = code;
    }
  }

  /** A writer of pretty JSON amid plain text, as bpftool shows values that have types. */
  typedText(): JsonWriter {
    return new JsonWriter((text) => this.text(text), { pretty: true });
  }

  /** Bytes that nobody has taken yet. */
  get length(): number {
    return this.#used;
  }

  /** What was gathered since the last call, in UTF-8. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#used);
    this.#bytes = Buffer.allocUnsafe(this.#bytes.length);
    this.#used = 0;
    return taken;
  }

  #grow(more: number): void {
    const larger = Buffer.allocUnsafe(2 * (this.#bytes.length + more));
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}
