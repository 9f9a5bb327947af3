// A document in a file as a source: the document and its inventory, as a whole or not at all.

import { createHash } from "node:crypto";
import type { LoadedDocument } from "../document/index.ts";
import { inventoryPath, loadDocument, readDocumentFile } from "../document/index.ts";
import { readingOf } from "./reading.ts";
import type { Reading, Source } from "./source.ts";
import { NOTHING_KEPT_OUT } from "./source.ts";
import type { Look, WatchOptions } from "./watched-file.ts";
import { appearance, WatchedFile } from "./watched-file.ts";

/**
 * The revision of a document: of its text, and of which inventory it names, how large and how old that is. What an inventory says
 * would take a second to hash.
 */
export function documentRevision({ text, inventory }: Pick<LoadedDocument, "text" | "inventory">): string {
  const hash = createHash("sha256").update(text);
  if (inventory !== undefined) hash.update(`\0${appearance([inventory])}`);
  return hash.digest("hex").slice(0, 16);
}

/** Of a document that could not be loaded, perhaps for its inventory's sake. */
function namedInventory(path: string): string | undefined {
  try {
    return inventoryPath(readDocumentFile(path), path);
  } catch {
    return undefined;
  }
}

function look(path: string): Look<Reading> {
  let inventory: string | undefined;
  const value = readingOf(`read ${path}`, () => {
    const loaded = loadDocument(path);
    inventory = loaded.inventory;
    const { model, notices } = loaded;
    return { revision: documentRevision(loaded), model, notices, keptOut: NOTHING_KEPT_OUT };
  });
  // What to watch, be it right or wrong.
  if (!value.ok) inventory = namedInventory(path);
  return { value, files: inventory === undefined ? [path] : [path, inventory] };
}

export class FileSource implements Source {
  readonly name: string;
  readonly #file: WatchedFile<Reading>;
  /** What the listener was last told, as one text. */
  #told: string | undefined;

  /** @param path absolute */
  constructor(path: string, options: WatchOptions = {}) {
    this.name = `file:${path}`;
    this.#file = new WatchedFile(path, () => look(path), options);
  }

  start(listener: (reading: Reading) => void): void {
    this.#file.start((reading) => {
      const text = reading.ok ? `revision ${reading.state.revision}` : `error ${reading.error.message}`;
      if (text === this.#told) return;
      this.#told = text;
      listener(reading);
    });
  }

  refresh(expected?: string): Promise<Reading> {
    if (expected === undefined) return this.#file.refresh();
    // Who knows the revision has seen the whole text: this is no half of it.
    return this.#file.refresh((reading) => reading.ok && reading.state.revision === expected);
  }

  includes(revision: string, expected: string): boolean {
    return revision === expected;
  }

  close(): void {
    this.#file.close();
  }
}
