// JSON written part by part, with the commas, blanks and escapes of bpftool's writer: nothing between values, and in the
// pretty form a line for each name, four blanks a level. What is no JSON there, such as `(nil)`, is none here.

/** Takes text; the order of calls is the order of what is written. */
export type Write = (text: string) => void;

/** A backslash becomes what a line's end does: a slip of bpftool's that its readers know. */
const ESCAPES: Readonly<Record<string, string>> = {
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  "\f": "\\f",
  "\b": "\\b",
  "\\": "\\n",
  '"': '\\"',
};

/** A text in quotes. */
export function quoted(text: string): string {
  return `"${text.replace(/[\t\n\r\f\b\\"]/g, (character) => ESCAPES[character] as string)}"`;
}

export class JsonWriter {
  readonly #write: Write;
  readonly #pretty: boolean;
  readonly #colon: string;
  #depth = 0;
  /** What comes before the next value: nothing or a comma. */
  #separator = "";

  constructor(write: Write, { pretty }: { readonly pretty: boolean }) {
    this.#write = write;
    this.#pretty = pretty;
    this.#colon = pretty ? ": " : ":";
  }

  startObject(): void {
    this.#begin("{");
  }
  endObject(): void {
    this.#end("}");
  }
  startArray(): void {
    this.#begin("[");
  }
  endArray(): void {
    this.#end("]");
  }

  name(name: string): void {
    this.quotedName(quoted(name));
  }

  /** A name that is in quotes already: whoever writes it often has to escape it only once. */
  quotedName(name: string): void {
    this.#write(this.#separator);
    this.#newLine();
    this.#write(name);
    this.#write(this.#colon);
    this.#separator = "";
  }

  /** A value as it is to be written. */
  raw(text: string | number | bigint | boolean): void {
    this.#write(this.#separator);
    this.#write(String(text));
    this.#separator = ",";
  }

  string(text: string): void {
    this.raw(quoted(text));
  }

  field(name: string, value: string | number | bigint | boolean): void {
    this.name(name);
    if (typeof value === "string") this.string(value);
    else this.raw(value);
  }

  /** Ends the text, and begins another one. */
  finish(): void {
    this.#write("\n");
    this.#separator = "";
  }

  #begin(bracket: string): void {
    this.#write(this.#separator);
    this.#write(bracket);
    this.#depth++;
    this.#separator = "";
  }

  #end(bracket: string): void {
    this.#depth--;
    if (this.#separator !== "") this.#newLine();
    this.#write(bracket);
    this.#separator = ",";
  }

  #newLine(): void {
    if (!this.#pretty) return;
    this.#write("\n");
    for (let i = 0; i < this.#depth; i++) this.#write("    ");
  }
}
