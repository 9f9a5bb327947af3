// A document in a file as a source. It may be replaced, edited in place, led elsewhere by its symbolic links, or gone for a
// while; it is read only when it has been left alone for a moment, and never between two writes.

import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import type { LoadedDocument } from "../document/index.ts";
import { inventoryPath, loadDocument, readDocumentFile } from "../document/index.ts";
import { causeText, UnumError } from "../errors.ts";
import type { Reading, Source } from "./source.ts";
import { DirectoryWatches, directoriesOf } from "./watch.ts";

export interface FileSourceOptions {
  /** For so long nothing about the file changes before it is read. */
  readonly quietMs?: number;
  /** A look so often, whatever the watches say. */
  readonly lookMs?: number;
}

const QUIET_MS = 50;
const LOOK_MS = 2000;

/**
 * The revision of a document: of its text, and of which inventory it names, how large and how old that is. What an inventory says
 * would take a second to hash.
 */
export function documentRevision({ text, inventory }: Pick<LoadedDocument, "text" | "inventory">): string {
  const hash = createHash("sha256").update(text);
  if (inventory !== undefined) hash.update(`\0${appearance([inventory])}`);
  return hash.digest("hex").slice(0, 16);
}

/** Files that a document is made of: what to watch, be they right or wrong. */
function filesOf(path: string, inventory: string | undefined): readonly string[] {
  return inventory === undefined ? [path] : [path, inventory];
}

/** Of a document that could not be loaded, perhaps for its inventory's sake. */
function namedInventory(path: string): string | undefined {
  try {
    return inventoryPath(readDocumentFile(path), path);
  } catch {
    return undefined;
  }
}

/** Two looks that give the same saw the same files: which ones, how large, and when they were last touched. */
function appearance(files: readonly string[]): string {
  return files
    .map((path) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
        return [dev, ino, size, mtimeNs, ctimeNs].join(":");
      } catch (thrown) {
        return String((thrown as NodeJS.ErrnoException).code);
      }
    })
    .join("\n");
}

export class FileSource implements Source {
  readonly name: string;
  readonly #path: string;
  readonly #quietMs: number;
  readonly #lookMs: number;
  readonly #watches = new DirectoryWatches(() => this.#onEvent());
  #files: readonly string[];
  #listener: ((reading: Reading) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Files as they were when they were last read; undefined: they are to be read whatever they look like. */
  #read: string | undefined;
  /** Files as they were at the last look, when that was another appearance. */
  #changing: string | undefined;
  /** What the listener was last told, as one text. */
  #told: string | undefined;
  #waiting: ((reading: Reading) => void)[] = [];
  #closed = false;

  /** @param path absolute */
  constructor(path: string, { quietMs = QUIET_MS, lookMs = LOOK_MS }: FileSourceOptions = {}) {
    this.name = `file:${path}`;
    this.#path = path;
    this.#quietMs = quietMs;
    this.#lookMs = lookMs;
    this.#files = filesOf(path, undefined);
  }

  start(listener: (reading: Reading) => void): void {
    this.#listener = listener;
    this.#look();
  }

  refresh(expected?: string): Promise<Reading> {
    if (expected !== undefined) {
      // Who knows the revision has seen the whole text: this is no half of it.
      const before = appearance(this.#files);
      const reading = this.#load();
      if (reading.ok && reading.state.revision === expected) {
        this.#take(before, reading);
        return Promise.resolve(reading);
      }
    }
    this.#read = undefined;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#changing === undefined) this.#look();
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#watches.close();
    this.#waiting = [];
  }

  /** While files change, the timer decides when they have been left alone. */
  #onEvent(): void {
    if (this.#changing === undefined) this.#look();
  }

  #look(): void {
    if (this.#closed) return;
    this.#watches.set(new Set(this.#files.flatMap((path) => [...directoriesOf(path)])));
    const seen = appearance(this.#files);
    if (seen === this.#read) {
      this.#changing = undefined;
      this.#lookAfter(this.#lookMs);
    } else if (seen !== this.#changing) {
      this.#changing = seen;
      this.#lookAfter(this.#quietMs);
    } else {
      const reading = this.#load();
      const after = appearance(this.#files);
      if (after === seen) this.#take(seen, reading);
      else {
        this.#changing = after;
        this.#lookAfter(this.#quietMs);
      }
    }
  }

  #lookAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #load(): Reading {
    try {
      const loaded = loadDocument(this.#path);
      this.#files = filesOf(this.#path, loaded.inventory);
      const { model, notices } = loaded;
      return { ok: true, state: { revision: documentRevision(loaded), model, notices } };
    } catch (thrown) {
      this.#files = filesOf(this.#path, namedInventory(this.#path));
      if (thrown instanceof UnumError) return { ok: false, error: thrown };
      return {
        ok: false,
        error: new UnumError("INTERNAL", `read ${this.#path}: ${causeText(thrown)}`, { cause: thrown }),
      };
    }
  }

  #take(seen: string, reading: Reading): void {
    this.#read = seen;
    this.#changing = undefined;
    this.#lookAfter(this.#lookMs);
    const text = reading.ok ? `revision ${reading.state.revision}` : `error ${reading.error.message}`;
    if (text !== this.#told) {
      this.#told = text;
      this.#listener?.(reading);
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(reading);
  }
}
