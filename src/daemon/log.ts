// The log: one line of JSON for each change of state, none for a packet, none for what goes on as before. What may come
// thousands of times a second is told at level debug.

import type { Logger } from "pino";
import { destination, pino, stdTimeFunctions } from "pino";
import { UnumError } from "../errors.ts";
import type { LivenessEvent } from "./liveness.ts";
import type { LoopEvent } from "./loop.ts";

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** To stderr, at once: what a process said before it was killed is what is wanted most. */
export function openLog(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: 2, sync: true }),
  );
}

export function errorFields(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof UnumError)) return { error: error instanceof Error ? error.stack : String(error) };
  const { code, message, remedy } = error;
  return { code, error: message, ...(remedy === undefined ? {} : { remedy }) };
}

/** Writes the loop's events; of notices only those that the pass before did not have. */
export class EventLog {
  readonly #log: Logger;
  #notices: ReadonlySet<string> = new Set();

  constructor(log: Logger) {
    this.#log = log;
  }

  write(event: LoopEvent): void {
    switch (event.kind) {
      case "source-read":
        this.#log[event.short ? "debug" : "info"]({ revision: event.revision }, "source: read");
        return;
      case "kept-out": {
        const { revision, keptOut } = event;
        if (keptOut.count === 0) this.#log.info({ revision }, "source: no object is kept out any more");
        else this.#log.warn({ revision, ...keptOut }, "source: objects are kept out");
        return;
      }
      case "short-failed":
        this.#log.info({ revision: event.revision, why: event.error.message }, "apply: over everything, not VMs alone");
        return;
      case "source-failed":
        this.#log.error(errorFields(event.error), "source: no state; the last good one stays in force");
        return;
      case "failed": {
        const { error, revision } = event.failure;
        this.#log.error(
          { ...(revision !== undefined && { revision }), ...errorFields(error) },
          "apply: failed; it is tried again",
        );
        return;
      }
      case "refused": {
        const { error, revision } = event.refusal;
        this.#log.error({ revision, ...errorFields(error) }, "apply: refused; the last good state stays in force");
        return;
      }
      case "kept-up":
      case "applied":
        this.#writeResult(event);
    }
  }

  /** Sessions, and what they mean. */
  writeLiveness(event: LivenessEvent): void {
    switch (event.kind) {
      case "session": {
        const { kind: _, from, to, ...fields } = event;
        this.#log.info({ ...fields, from, to }, `bfd: session ${to}`);
        return;
      }
      case "liveness": {
        const { endpoint, liveness } = event;
        this.#log[liveness === "stale" ? "warn" : "info"]({ endpoint, liveness }, `liveness: ${liveness}`);
        return;
      }
      case "alarm":
        if (event.allSilent) this.#log.error("liveness: every endpoint is silent; they are used all the same");
        else this.#log.info("liveness: some endpoints answer again");
        return;
      case "trouble":
        if (event.message === undefined) this.#log.info("bfd: sessions are served");
        else this.#log.error({ error: event.message }, "bfd: endpoints are not watched; it is tried again");
        return;
      case "dead":
        this.#log.error(
          errorFields(event.error),
          "bfd: the thread ended; everything stays as it is until the next pass starts it again",
        );
    }
  }

  #writeResult(event: LoopEvent & { kind: "applied" | "kept-up" }): void {
    const { result, reason, kind } = event;
    const { notices, ports, planMs, applyMs, short, ...counts } = result;
    const times = { planMs: Math.round(planMs), applyMs: Math.round(applyMs) };
    const revision = event.kind === "applied" ? { revision: event.revision } : {};
    const fields = { ...revision, reason, ...counts, ...times, ...(ports.length > 0 && { ports }) };
    this.#log[short ? "debug" : "info"](fields, kind === "applied" ? "applied" : "kept up what the maps show");
    for (const notice of notices) if (!this.#notices.has(notice)) this.#log.warn(revision, notice);
    this.#notices = new Set(notices);
  }
}
