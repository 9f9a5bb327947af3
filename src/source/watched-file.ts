// A file that is followed: it may be replaced, edited in place, led elsewhere by its symbolic links, or gone for a while. It is
// read only when it has been left alone for a moment, and never between two writes.

import { statSync } from "node:fs";
import { DirectoryWatches, directoriesOf } from "./watch.ts";

export interface WatchOptions {
  /** For so long nothing about the file changes before it is read. */
  readonly quietMs?: number;
  /** A look so often, whatever the watches say. */
  readonly lookMs?: number;
}

const QUIET_MS = 50;
const LOOK_MS = 2000;

/** What reading gave, right or wrong, and the files that it depends on. */
export interface Look<T> {
  readonly value: T;
  readonly files: readonly string[];
}

/** Two looks that give the same saw the same files: which ones, how large, and when they were last touched. */
export function appearance(files: readonly string[]): string {
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

export class WatchedFile<T> {
  readonly #readFile: () => Look<T>;
  readonly #quietMs: number;
  readonly #lookMs: number;
  readonly #watches = new DirectoryWatches(() => this.#onEvent());
  #files: readonly string[];
  #listener: ((value: T) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Files as they were when they were last read; undefined: they are to be read whatever they look like. */
  #read: string | undefined;
  /** Files as they were at the last look, when that was another appearance. */
  #changing: string | undefined;
  #waiting: ((value: T) => void)[] = [];
  #closed = false;

  /**
   * @param path absolute
   * @param read reads it; never throws for what a file says
   */
  constructor(path: string, read: () => Look<T>, { quietMs = QUIET_MS, lookMs = LOOK_MS }: WatchOptions = {}) {
    this.#readFile = read;
    this.#quietMs = quietMs;
    this.#lookMs = lookMs;
    this.#files = [path];
  }

  /** Begins to follow: `listener` is told of each time that it was read, for the files looked new. */
  start(listener: (value: T) => void): void {
    this.#listener = listener;
    this.#look();
  }

  /**
   * Reads again, and resolves with what is there now; the listener knows it by then.
   * @param isWhole tells a value that somebody has just written: it need not be left alone for a moment
   */
  refresh(isWhole?: (value: T) => boolean): Promise<T> {
    if (isWhole !== undefined) {
      const before = appearance(this.#files);
      const value = this.#load();
      if (isWhole(value)) {
        this.#take(before, value);
        return Promise.resolve(value);
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
      const value = this.#load();
      const after = appearance(this.#files);
      if (after === seen) this.#take(seen, value);
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

  #load(): T {
    const { value, files } = this.#readFile();
    this.#files = files;
    return value;
  }

  #take(seen: string, value: T): void {
    this.#read = seen;
    this.#changing = undefined;
    this.#lookAfter(this.#lookMs);
    this.#listener?.(value);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(value);
  }
}
