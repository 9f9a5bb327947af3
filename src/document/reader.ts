// Reads objects of a document by their shapes, and turns what zod finds into problems with a place.

import type { z } from "zod";
import type { VmSetBuilder } from "../model/index.ts";
import { NamePool, suggestion } from "../model/index.ts";
import { shown } from "./fields.ts";
import { isLater, laterText } from "./later.ts";
import type { Notice, PathStep, ProblemSink } from "./problem.ts";
import { pathText } from "./problem.ts";
import type { Plain, PlainMap } from "./tree.ts";
import { Unusual } from "./tree.ts";

type Steps = readonly PathStep[];

export class Reader {
  readonly problems: ProblemSink;
  readonly notices: Notice[] = [];
  /** Paths of sections and objects that could not be read, joined by "/", for the model's validation. */
  readonly unread = new Set<string>();
  /** Path of the inventory, as the document writes it. */
  inventory: string | undefined;
  /** Servers' names that VMs of all tenants have by number. */
  readonly servers = new NamePool();
  /** By tenant: the VMs that the document itself has, for an inventory to add to. */
  readonly vms = new Map<string, VmSetBuilder>();

  constructor(problems: ProblemSink) {
    this.problems = problems;
  }

  /** Whether a section, or an object in it, could not be read. */
  isUnread(...path: readonly string[]): boolean {
    return path.some((_, index) => this.unread.has(path.slice(0, index + 1).join("/")));
  }

  notice(steps: Steps, message: string): void {
    this.notices.push({ path: pathText(steps), message });
  }

  /**
   * The object at `steps` by its shape, or undefined when it has problems. `key:` with nothing behind it is an empty
   * object.
   * @param kind of object, such as "server"
   */
  object<T extends z.ZodObject>(
    kind: string,
    shape: T,
    input: Plain | undefined,
    steps: Steps,
  ): z.output<T> | undefined {
    const result = shape.safeParse(input ?? {});
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      if (issue.code === "unrecognized_keys") {
        for (const key of issue.keys) this.#unknownKey(kind, Object.keys(shape.shape), key, steps);
      } else if (issue.path.length === 0) {
        this.problems.add(steps, `${shown(input)} given, expected a map with ${Object.keys(shape.shape).join(", ")}`);
      } else {
        this.problems.add([...steps, ...(issue.path as PathStep[])], issue.message);
      }
    }
    this.unread.add(steps.join("/"));
    return undefined;
  }

  #unknownKey(kind: string, known: readonly string[], key: string, steps: Steps): void {
    const path = [...steps, key];
    if (isLater(kind, key)) {
      this.problems.add(path, `${laterText(key)}, expected ${known.join(", ")}`, "key");
    } else {
      const hint = suggestion(key, known) || `, expected ${known.join(", ")}`;
      this.problems.add(path, `${JSON.stringify(key.slice(0, 64))} is no key of this ${kind}${hint}`, "key");
    }
  }

  /** Value by a shape of one field, or undefined when it is none. */
  value<T>(shape: z.ZodType<T>, input: unknown, steps: Steps, where: "value" | "key" = "value"): T | undefined {
    const result = shape.safeParse(input);
    if (result.success) return result.data;
    this.problems.add(steps, result.error.issues[0]?.message ?? "it cannot be read", where);
    return undefined;
  }

  /** Entries of the map at `steps`; none when it is missing or empty. */
  *entries(input: Plain | undefined, steps: Steps, what: string): Iterable<readonly [string, Plain, Steps]> {
    if (input === null || input === undefined) return;
    if (typeof input !== "object" || Array.isArray(input) || input instanceof Unusual) {
      this.problems.add(steps, `${shown(input)} given, expected a map of ${what}`);
      this.unread.add(steps.join("/"));
      return;
    }
    const map = input as PlainMap;
    for (const key in map) {
      if (this.problems.full) return;
      yield [key, map[key] as Plain, [...steps, key]];
    }
  }

  /** Entries of the list at `steps`; none when it is missing or empty. */
  *items(input: Plain | undefined, steps: Steps, what: string): Iterable<readonly [Plain, Steps]> {
    if (input === null || input === undefined) return;
    if (!Array.isArray(input)) {
      this.problems.add(steps, `${shown(input)} given, expected a list of ${what}`);
      this.unread.add(steps.join("/"));
      return;
    }
    for (const [index, item] of input.entries()) {
      if (this.problems.full) return;
      yield [item, [...steps, index]];
    }
  }

  /** A sorted set of names; a name that is there twice is a problem. */
  names(shape: z.ZodType<string>, input: Plain | undefined, steps: Steps, what: string): readonly string[] {
    const names = new Set<string>();
    for (const [item, itemSteps] of this.items(input, steps, what)) {
      const name = this.value(shape, item, itemSteps);
      if (name === undefined) continue;
      if (names.has(name))
        this.problems.add(itemSteps, `${JSON.stringify(name)} is already in the list, expected it once`);
      names.add(name);
    }
    return Object.freeze([...names].sort());
  }
}
