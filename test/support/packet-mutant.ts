// A line of the packet path, and what it is broken into.

export interface Mutant {
  readonly name: string;
  /** Below bpf/. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

export function mutant(file: string, name: string, from: string, to: string): Mutant {
  return { file, name, from, to };
}
