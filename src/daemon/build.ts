// The BPF objects that this process runs. They are opened once: what takes their place in the file system meanwhile belongs to
// another build, and that one's host is another process.

import { closeSync, openSync } from "node:fs";
import { dirname, join } from "node:path";

export class Build {
  readonly #descriptors: readonly number[];

  /** @param objectPath the programs of ports; those that prove ports are beside it */
  constructor(objectPath: string) {
    this.#descriptors = [objectPath, join(dirname(objectPath), "probe.bpf.o")].map((path) => openSync(path, "r"));
  }

  get object(): string {
    return this.#path(0);
  }

  get probe(): string {
    return this.#path(1);
  }

  #path(at: 0 | 1): string {
    return `/proc/self/fd/${this.#descriptors[at]}`;
  }

  close(): void {
    for (const descriptor of this.#descriptors) closeSync(descriptor);
  }
}
