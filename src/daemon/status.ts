// The loop as others see it: words and times instead of states and models. Pure.

import type { Model } from "../model/index.ts";
import { NOTHING_KEPT_OUT } from "../source/index.ts";
import type { LivenessReport } from "./liveness-protocol.ts";
import type { LoopView, PassResult } from "./loop.ts";
import type { ErrorText, Health, PathStatus, ResultText, StateWord, Status } from "./protocol.ts";
import { errorText } from "./protocol.ts";

export interface Identity {
  readonly version: string;
  readonly pid: number;
  readonly pinDir: string;
  readonly sourceName: string;
  /** Milliseconds since 1970, as all times here. */
  readonly startedAt: number;
}

/** A pass that takes longer does not end by itself. */
const PASS_MS_MAX = 120_000;

const time = (at: number): string => new Date(at).toISOString();

export function resultText({ planMs, applyMs, incomplete: _, ...result }: PassResult): ResultText {
  return { ...result, tookMs: Math.round(planMs + applyMs) };
}

export function stateWord({ desired, applied, failure, refusal, passSince }: LoopView): StateWord {
  if (refusal !== undefined) return "refused";
  if (failure !== undefined) return "retrying";
  if (desired === undefined) return "waiting";
  return applied?.state.revision === desired.state.revision && passSince === undefined ? "in sync" : "applying";
}

export function lagSeconds({ behindSince }: LoopView, now: number): number {
  return behindSince === undefined ? 0 : Math.max(0, now - behindSince) / 1000;
}

/** Endpoints that the operator took out, as the maps show it. */
function drainedOf(model: Model | undefined): readonly string[] {
  if (model === undefined) return [];
  return [...model.servers, ...model.gateways].filter(([, { drained }]) => drained).map(([name]) => name);
}

/** What is known of BFD sessions. */
export interface LivenessView {
  readonly report: LivenessReport;
  readonly troubles: readonly string[];
}

/** Of sessions that are not up. */
const DOWN_TOLD = 20;

function livenessOf({ report, troubles }: LivenessView): Status["liveness"] {
  const { sessions, allSilent, discards } = report;
  const wanted = sessions.filter(({ drained }) => !drained);
  const down = wanted.filter(({ state }) => state !== "up");
  return {
    sessions: sessions.length,
    up: wanted.length - down.length,
    drained: sessions.length - wanted.length,
    heardByPackets: sessions.filter(({ heardByPackets }) => heardByPackets).length,
    down: down.slice(0, DOWN_TOLD),
    stale: wanted.filter(({ liveness }) => liveness === "stale").length,
    allSilent,
    troubles,
    discards,
  };
}

function pathsOf({ sessions }: LivenessReport): readonly PathStatus[] {
  return sessions.flatMap(({ endpoint, roundTrip }) => {
    if (roundTrip === undefined) return [];
    const { smoothedUs, variationUs, leastUs } = roundTrip;
    const [smoothed, variation, least] = [smoothedUs, variationUs, leastUs].map(Math.round) as [number, number, number];
    return [{ endpoint, smoothedUs: smoothed, variationUs: variation, leastUs: least }];
  });
}

export function statusOf(view: LoopView, liveness: LivenessView, identity: Identity, now: number): Status {
  const { desired, applied, failure, refusal, sourceError } = view;
  const wrong = refusal === undefined ? failure : { ...refusal, attempts: 1 };
  return {
    version: identity.version,
    pid: identity.pid,
    pinDir: identity.pinDir,
    startedAt: time(identity.startedAt),
    state: stateWord(view),
    source: {
      name: identity.sourceName,
      ...(desired && { revision: desired.state.revision, readAt: time(desired.at) }),
      ...(sourceError && { error: errorText(sourceError) }),
      keptOut: desired?.state.keptOut ?? NOTHING_KEPT_OUT,
    },
    ...(applied && {
      applied: { revision: applied.state.revision, at: time(applied.at), ...resultText(applied.result) },
    }),
    ...(wrong && {
      failure: {
        ...errorText(wrong.error),
        ...(wrong.revision !== undefined && { revision: wrong.revision }),
        attempts: wrong.attempts,
      },
    }),
    lagSeconds: lagSeconds(view, now),
    drained: drainedOf(applied?.state.model),
    paths: pathsOf(liveness.report),
    liveness: livenessOf(liveness),
  };
}

const line = ({ code, message }: ErrorText): string => `${message} [${code}]`;

export function healthOf(view: LoopView, now: number, liveness?: LivenessView): Health {
  const { sourceError, failure, refusal, passSince, applied, desired } = view;
  const hangs = passSince !== undefined && now - passSince > PASS_MS_MAX;
  const problems = [sourceError, refusal?.error, failure?.error].flatMap((error) =>
    error === undefined ? [] : [line(errorText(error))],
  );
  const { count, first } = desired?.state.keptOut ?? NOTHING_KEPT_OUT;
  problems.push(...first.map((text) => `kept out: ${text}`));
  if (count > first.length) problems.push(`kept out: ${count - first.length} more`);
  if (liveness?.report.allSilent)
    problems.push("every endpoint that ever answered is silent: they are used all the same");
  problems.push(...(liveness?.troubles ?? []));
  if (hangs) problems.unshift(`a pass over the maps has not ended for ${PASS_MS_MAX / 1000} s`);
  return { healthy: !hangs, ready: applied !== undefined, problems };
}
