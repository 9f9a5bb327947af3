// What is wrong with a document, each with its place.

import type { ErrorCode } from "../errors.ts";
import { UnumError } from "../errors.ts";

/** A step into a document: a key, or the index of a list entry. */
export type PathStep = string | number;

export interface DocumentProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units as editors count them. */
  readonly column: number;
  /** Such as `tenants.acme.routes[0].prefix`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
}

/** Something worth knowing about a document that is right. */
export interface Notice {
  readonly path: string;
  readonly message: string;
}

/** Takes what is wrong with an object, and knows how to say where. */
export interface ProblemSink {
  /** Problem with what is at `steps`: with its value, or with its key. */
  add(steps: readonly PathStep[], message: string, where?: "value" | "key"): void;
  /** Whether more of them would be lost. */
  readonly full: boolean;
}

/** How a path is written: `tenants.acme.vms["172.16.0.5"].server`. */
export function pathText(steps: readonly PathStep[]): string {
  let text = "";
  for (const step of steps) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z0-9_-]{1,64}$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step.length > 64 ? `${step.slice(0, 64)}…` : step)}]`;
  }
  return text;
}

/** `file:line:column: path: message`, the form that editors and compilers agree on. */
export function problemText(problem: DocumentProblem): string {
  const { file, line, column, path, message } = problem;
  return `${file}:${line}:${column}: ${path === "" ? "" : `${path}: `}${message}`;
}

/** Every failure to read, understand or edit a document. */
export class DocumentError extends UnumError {
  /** By place; empty when there is no text to point at. */
  readonly problems: readonly DocumentProblem[];

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly problems?: readonly DocumentProblem[];
      readonly remedy?: string;
      readonly cause?: unknown;
    } = {},
  ) {
    super(code, message, options);
    this.problems = options.problems ?? [];
  }
}

/** Problems that are collected: a generated document can be wrong in a million places. */
export const COLLECTED_MAX = 1000;

/** Problems that an error lists; what is beyond is counted. */
const LISTED_MAX = 50;

export function invalidDocument(file: string, found: readonly DocumentProblem[]): DocumentError {
  // Those of the document before those of its inventory.
  const rank = (problem: DocumentProblem): number => (problem.file === file ? 0 : 1);
  const sorted = [...found].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
  const problems = sorted.slice(0, LISTED_MAX);
  const lines = problems.map(problemText);
  if (sorted.length > problems.length) lines.push(`${file}: and ${sorted.length - problems.length} more`);
  const atLeast = sorted.length < COLLECTED_MAX ? "" : "at least ";
  const count = sorted.length === 1 ? "1 problem" : `${atLeast}${sorted.length} problems`;
  return new DocumentError("DOCUMENT_INVALID", `read ${file}: ${count}\n${lines.join("\n")}`, { problems });
}
