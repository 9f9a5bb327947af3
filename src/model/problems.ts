// Problems of a model, each with the path of what it is about. Validation is pure: it returns them all, so that a
// document's author sees every mistake at once.

/**
 * Where in a model: `["tenants", "acme", "vms", "172.16.0.5", "server"]`. Entries of lists and routes are named by what
 * they hold: `["edge", "interfaces", "e0", "role"]`, `["tenants", "acme", "routes", "10.0.0.0/8", "via", "gw1"]`.
 */
export type ModelPath = readonly string[];

export interface Problem {
  readonly path: ModelPath;
  readonly message: string;
}

/** More than this many are not collected: a generated document can be wrong in a million places. */
const COLLECTED_MAX = 1000;

export class Problems {
  readonly list: Problem[] = [];
  readonly #max: number;

  constructor(max: number = COLLECTED_MAX) {
    this.#max = max;
  }

  get full(): boolean {
    return this.list.length >= this.#max;
  }

  add(path: ModelPath, message: string): void {
    if (!this.full) this.list.push({ path, message });
  }
}
