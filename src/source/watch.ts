// Watches on directories: files in them are replaced by renaming, and a watch on a file would go with the old one.

import { type FSWatcher, readlinkSync, realpathSync, statSync, watch } from "node:fs";
import { dirname, resolve } from "node:path";

/** Symbolic links that are followed, as many as the kernel would. */
const LINKS_MAX = 40;

/** Directories in which a rename may change what is at `path`: its own, and those of what its links lead to. */
export function directoriesOf(path: string): ReadonlySet<string> {
  const directories = new Set([dirname(path)]);
  let at = path;
  for (let links = 0; links < LINKS_MAX; links++) {
    try {
      at = resolve(dirname(at), readlinkSync(at));
    } catch {
      break; // no link, or nothing there
    }
    directories.add(dirname(at));
  }
  try {
    directories.add(dirname(realpathSync(path)));
  } catch {
    // Nothing is there yet.
  }
  return directories;
}

/**
 * A set of watched directories. What cannot be watched (it is missing, or the kernel's limit is reached) is left out: whoever uses
 * this looks from time to time all the same.
 */
export class DirectoryWatches {
  readonly #onEvent: () => void;
  /** By path; a directory that was made anew is another inode. */
  readonly #watched = new Map<string, { readonly inode: bigint; readonly watcher: FSWatcher }>();

  constructor(onEvent: () => void) {
    this.#onEvent = onEvent;
  }

  /** Watches these directories, and no others. */
  set(directories: ReadonlySet<string>): void {
    for (const path of this.#watched.keys()) if (!directories.has(path)) this.#forget(path);
    for (const path of directories) {
      const status = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (this.#watched.get(path)?.inode === status?.ino) continue;
      this.#forget(path);
      if (status !== undefined) this.#watch(path, status.ino);
    }
  }

  #watch(path: string, inode: bigint): void {
    try {
      const watcher = watch(path, this.#onEvent);
      watcher.on("error", () => this.#forget(path));
      this.#watched.set(path, { inode, watcher });
    } catch {
      // See above.
    }
  }

  #forget(path: string): void {
    this.#watched.get(path)?.watcher.close();
    this.#watched.delete(path);
  }

  close(): void {
    for (const path of this.#watched.keys()) this.#forget(path);
  }
}
