// Where desired state comes from, whatever it is. A source yields whole states, each under a revision: a reading that was
// missed, or is told twice, does no harm, and whoever starts late has missed nothing.

import type { Notice } from "../document/index.ts";
import type { UnumError } from "../errors.ts";
import type { Model, VmPut } from "../model/index.ts";

/** How a state differs from the one of another revision, when that is in VMs alone. */
export interface VmsSince {
  /** The revision of the other state. */
  readonly base: string;
  /** In the order in which they came; of one VM, the last counts. */
  readonly changes: readonly VmPut[];
}

/** Objects of a source that something is wrong with, and that its states are without. */
export interface KeptOut {
  readonly count: number;
  /** Some of them, a line each: which one, and why. */
  readonly first: readonly string[];
}

export const NOTHING_KEPT_OUT: KeptOut = { count: 0, first: [] };

/** All that a source wanted of the edge at one time. Complete: what is not in it is not wanted. */
export interface DesiredState {
  /** The source's own name for this state: the same revision means the same state, and nothing follows from its order. */
  readonly revision: string;
  /**
   * A source may make it when it is asked for. So it is read at once or not at all: by a pass over everything, at its start,
   * while this is the newest state that the source has told of. Whoever reads it later may get a newer one, or an error.
   */
  readonly model: Model;
  /** A shortcut for those who have the state before; the model says the same. Undefined: more than VMs differ, or nobody knows. */
  readonly since?: VmsSince;
  /** Whatever this state takes away is meant to go: the guard against mass deletion lets it pass. */
  readonly meant?: boolean;
  /** What the source says and this version does not do. */
  readonly notices: readonly Notice[];
  readonly keptOut: KeptOut;
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
  /** Whether a state of `revision` has what somebody wrote as `expected`. */
  includes(revision: string, expected: string): boolean;
  /** Ends following. What waits for a reading is told of no more. */
  close(): void;
}
