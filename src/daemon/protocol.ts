// What is said over the daemon's socket: one JSON object a line, a request for an answer. docs/operations.md has it for others.

import type { ErrorCode } from "../errors.ts";
import { ERROR_CATALOGUE, UnumError } from "../errors.ts";
import type { SessionStatus } from "./liveness-protocol.ts";
import type { PassResult } from "./loop.ts";

export type Request =
  | { readonly command: "status" }
  | { readonly command: "health" }
  | {
      readonly command: "wait";
      readonly revision: string;
      /** For so long at most. */
      readonly timeoutMs: number;
      /** Also when the maps showed it already, have another look at them. */
      readonly resync: boolean;
      /** What this revision lacks is meant to go. */
      readonly allowMassDelete: boolean;
    };

export interface ErrorText {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy?: string;
}

/** What a pass did, and how long all of it took. */
export interface ResultText extends Omit<PassResult, "planMs" | "applyMs"> {
  readonly tookMs: number;
  /** It went straight to the VMs that changed. */
  readonly short?: true;
}

export type StateWord = "waiting" | "applying" | "in sync" | "retrying" | "refused";

export interface Status {
  readonly version: string;
  readonly pid: number;
  readonly pinDir: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly state: StateWord;
  readonly source: {
    readonly name: string;
    /** Of the newest state that it gave. */
    readonly revision?: string;
    readonly readAt?: string;
    /** Why there is no newer one. */
    readonly error?: ErrorText;
    /** Objects that are not used since something is wrong with them; some of them, a line each. */
    readonly keptOut: { readonly count: number; readonly first: readonly string[] };
  };
  /** What the maps show. */
  readonly applied?: ResultText & { readonly revision: string; readonly at: string };
  /** Why the newest state is not shown. */
  readonly failure?: ErrorText & {
    /** Unless what the maps show could not be kept up. */ readonly revision?: string;
    readonly attempts: number;
  };
  readonly lagSeconds: number;
  /** Endpoints that the operator took out. */
  readonly drained: readonly string[];
  /** What was measured of the paths to endpoints whose session is up. */
  readonly paths: readonly PathStatus[];
  /** BFD sessions. */
  readonly liveness: {
    readonly sessions: number;
    readonly up: number;
    /** Of drained endpoints: administratively down. */
    readonly drained: number;
    /** Of those that are up, how many packets hear, too: they give these endpoints up by themselves when the daemon is late. */
    readonly heardByPackets: number;
    /** Some of those that are not up and should be. */
    readonly down: readonly SessionStatus[];
    readonly stale: number;
    /** Every endpoint that ever answered is silent: they are used all the same. */
    readonly allSilent: boolean;
    /** What keeps endpoints from being watched, a line each. */
    readonly troubles: readonly string[];
    /** Control packets that were of no use, by reason. */
    readonly discards: Readonly<Record<string, number>>;
  };
}

/** Microseconds of the round trip: smoothed and its variation (RFC 6298), and the least of the last ten samples. */
export interface PathStatus {
  readonly endpoint: string;
  readonly smoothedUs: number;
  readonly variationUs: number;
  readonly leastUs: number;
}

export interface Health {
  /** The daemon works: it answers, and no pass hangs. */
  readonly healthy: boolean;
  /** The edge was brought to a state of the source since the daemon began. */
  readonly ready: boolean;
  /** What an operator should look at, a line each. */
  readonly problems: readonly string[];
}

export interface Waited extends ResultText {
  /** What the maps show: that which was waited for, or a newer one. */
  readonly revision: string;
}

export type Answer<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly error: ErrorText };

/** No request is longer. */
export const LINE_BYTES_MAX = 65_536;
const TIMEOUT_MS = { standard: 30_000, max: 600_000 };

function wrong(cause: string): UnumError {
  return new UnumError("USAGE", `read request: ${cause}`);
}

/** @throws UnumError USAGE */
export function parseRequest(line: string): Request {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw wrong('it is no JSON, expected an object such as {"command":"status"}');
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong('expected an object such as {"command":"status"}');
  const { command, ...rest } = value as Record<string, unknown>;
  const known = (allowed: readonly string[]): void => {
    for (const key of Object.keys(rest))
      if (!allowed.includes(key)) throw wrong(`${command} has no field ${JSON.stringify(key)}`);
  };
  switch (command) {
    case "status":
    case "health":
      known([]);
      return { command };
    case "wait":
      known(["revision", "timeoutMs", "resync", "allowMassDelete"]);
      return parseWait(rest);
    default:
      throw wrong(`command is ${JSON.stringify(command)}, expected "status", "health" or "wait"`);
  }
}

function parseWait(fields: Readonly<Record<string, unknown>>): Request {
  const { revision, timeoutMs = TIMEOUT_MS.standard, resync = false, allowMassDelete = false } = fields;
  if (typeof revision !== "string" || revision === "") throw wrong("revision: expected a text that is not empty");
  if (!Number.isInteger(timeoutMs) || Number(timeoutMs) < 0 || Number(timeoutMs) > TIMEOUT_MS.max)
    throw wrong(`timeoutMs: expected 0 to ${TIMEOUT_MS.max}`);
  if (typeof resync !== "boolean" || typeof allowMassDelete !== "boolean")
    throw wrong("resync and allowMassDelete: expected true or false");
  return { command: "wait", revision, timeoutMs: Number(timeoutMs), resync, allowMassDelete };
}

export function errorText({ code, message, remedy }: UnumError): ErrorText {
  return { code, message, ...(remedy === undefined ? {} : { remedy }) };
}

/** The error at the other side, as one of this side. */
export function errorOf({ code, message, remedy }: ErrorText): UnumError {
  return new UnumError(code in ERROR_CATALOGUE ? code : "INTERNAL", message, { remedy });
}
