// A state, or why there is none.

import { causeText, UnumError } from "../errors.ts";
import type { DesiredState, Reading } from "./source.ts";

/** @param what for the message of a failure that should not happen, such as `read /etc/unum/state.yaml` */
export function readingOf(what: string, state: () => DesiredState): Reading {
  try {
    return { ok: true, state: state() };
  } catch (thrown) {
    if (thrown instanceof UnumError) return { ok: false, error: thrown };
    return { ok: false, error: new UnumError("INTERNAL", `${what}: ${causeText(thrown)}`, { cause: thrown }) };
  }
}
