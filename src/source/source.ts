// Where desired state comes from, whatever it is. A source yields whole states, each under a revision: a reading that was
// missed, or is told twice, does no harm, and whoever starts late has missed nothing.

import type { Notice } from "../document/index.ts";
import type { UnumError } from "../errors.ts";
import type { Model } from "../model/index.ts";

/** All that a source wanted of the edge at one time. Complete: what is not in it is not wanted. */
export interface DesiredState {
  /** The source's own name for this state: the same revision means the same state, and nothing follows from its order. */
  readonly revision: string;
  readonly model: Model;
  /** What the source says and this version does not do. */
  readonly notices: readonly Notice[];
}

/** What a source had to say when it was looked at: a whole state, or why there is none. */
export type Reading =
  | { readonly ok: true; readonly state: DesiredState }
  | { readonly ok: false; readonly error: UnumError };

export interface Source {
  /** As the command line names it, such as `file:/etc/unum/state.yaml`. */
  readonly name: string;
  /** Begins to follow: `listener` is told of the first reading, and of each one that differs from the one before. */
  start(listener: (reading: Reading) => void): void;
  /**
   * Looks again, and resolves with what is there now; the listener knows it by then if it is new.
   * @param expected a revision that somebody has just written: it may be taken as soon as it is seen
   */
  refresh(expected?: string): Promise<Reading>;
  /** Ends following. What waits for a reading is told of no more. */
  close(): void;
}
