// Where a view goes: text as bpftool prints it, or the JSON of `bpftool -j` and `-p`.

import { JsonWriter } from "./json-writer.ts";

export interface Form {
  readonly json?: boolean;
  /** JSON over many lines. */
  readonly pretty?: boolean;
}

/** Gathers text until somebody takes it. */
export class Output {
  /** Set where JSON is asked for. */
  readonly json: JsonWriter | undefined;
  #text = "";

  constructor({ json = false, pretty = false }: Form) {
    this.json = json || pretty ? new JsonWriter((text) => this.text(text), { pretty }) : undefined;
  }

  text(text: string): void {
    this.#text += text;
  }

  /** A writer of pretty JSON amid plain text, as bpftool shows values that have types. */
  typedText(): JsonWriter {
    return new JsonWriter((text) => this.text(text), { pretty: true });
  }

  get length(): number {
    return this.#text.length;
  }

  /** What was gathered since the last call. */
  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }
}
