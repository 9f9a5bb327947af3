// Live tables for tests: pins of their own on the sandbox's bpffs, veth pairs in its network, and ways to look at all of it.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { BpfMap } from "../../src/bpf/map.ts";
import { MappedArray } from "../../src/bpf/mapped-array.ts";
import type { Interface, State } from "../../src/control/state.ts";
import type { Observed } from "../../src/dataplane/index.ts";
import {
  carryOut,
  observe,
  PinDirectory,
  Plane,
  planWrites,
  removeEdge,
  writeCount,
} from "../../src/dataplane/index.ts";
import { readInterfaces } from "../../src/netlink/index.ts";
import { VM_CAPACITY, VM6_CAPACITY } from "./dataplane-models.ts";

export const ROOT = join(import.meta.dirname, "../..");
export const OBJECT = join(ROOT, "build/bpf/unum.bpf.o");
export const BPFFS = "/sys/fs/bpf";

let made = 0;

/** Pins of a new edge, removed by dispose with all that hangs on them. */
export function newPins(): PinDirectory & Disposable {
  if (process.env.UNUM_SANDBOX !== "1") throw new Error("pin maps for a test: only in scripts/sandbox; use npm test");
  const pins = new PinDirectory(join(BPFFS, `edge-${process.pid}-${made++}`));
  return Object.assign(pins, {
    [Symbol.dispose]() {
      if (pins.exists()) removeEdge(pins);
    },
  });
}

export function load(pins: PinDirectory, lockWaitMs = 0, objectPath = OBJECT): Plane {
  return Plane.load(pins, objectPath, { vmCapacity: VM_CAPACITY, vm6Capacity: VM6_CAPACITY, lockWaitMs });
}

export function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** A veth pair: NAME, and its other end NAMEx. Both are up. */
export function makeLink(name: string): void {
  ip("link", "add", name, "type", "veth", "peer", "name", `${name}x`);
  for (const end of [name, `${name}x`]) ip("link", "set", end, "up");
}

export function deleteLink(name: string): void {
  ip("link", "delete", name);
}

/** Makes veth pairs, and gives them as the machine's interfaces. */
export function makeInterfaces(...names: readonly string[]): ReadonlyMap<string, Interface> {
  for (const name of names) makeLink(name);
  const all = readInterfaces();
  return new Map(names.map((name) => [name, all.get(name) as Interface]));
}

export interface Round {
  readonly observed: Observed;
  /** Rows written. */
  readonly rows: number;
}

/** Observe, plan, carry out. `hands` does the writing. */
export function applyState(plane: Plane, state: State, hands: Plane = plane): Round {
  const observed = observe(plane);
  const writes = planWrites(plane, state, observed);
  carryOut(hands, writes, observed);
  return { observed, rows: writeCount(writes) };
}

/** The maps say exactly `state`, and there is nothing left to do for it. */
export function expectHolds(plane: Plane, state: State, what = ""): void {
  const observed = observe(plane);
  expect(observed.problems, what).toEqual([]);
  expect(observed.state, what).toEqual(state);
  expect(writeCount(planWrites(plane, state, observed)), what).toBe(0);
}

/** Maps that packets or the kernel change by themselves. */
const MOVING = /_counters$|_meters$|^reply_limits$|^circuit_peers6?$|^path_mtus$/;

/** The last word of the one element of the map meta counts who wrote: that says nothing of what they wrote. */
const WRITERS_BYTES = 8;

/** Digest of every byte that each pinned map holds. */
export function fingerprint(pins: PinDirectory): Readonly<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const name of pins.pinnedMaps()) {
    if (MOVING.test(name)) continue;
    const map = BpfMap.openPinned(pins.map(name));
    const hash = createHash("sha256");
    if (map.info.typeName === "array") {
      using array = MappedArray.map(map);
      const bytes = array.loadMany(0, array.length);
      hash.update(name === "meta" ? bytes.subarray(0, -WRITERS_BYTES) : bytes);
    } else {
      const entries = [...map.entries()].map((pair) => Buffer.concat(pair).toString("hex"));
      hash.update(entries.sort().join("\n"));
    }
    digests[name] = hash.digest("hex");
    map.close();
  }
  return digests;
}

export class Killed extends Error {}

/** Everything that a process has pinned in a file system, by path. */
export function listPins(pins: PinDirectory): string[] {
  return readdirSync(pins.path, { recursive: true, encoding: "utf8" }).sort();
}

const WRITES = new Set(["update", "delete", "store", "write", "changeAll"]);

/** `plane` whose writes are each told of before they are done, by their number from 1. */
export function watched(plane: Plane, before: (write: number) => void): Plane {
  let count = 0;
  const watch = <T extends object>(handle: T): T =>
    new Proxy(handle, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== "function") return value;
        if (!WRITES.has(String(property))) return value.bind(target);
        return (...args: unknown[]) => {
          before(++count);
          return value.apply(target, args);
        };
      },
    });
  return new Proxy(plane, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      if (!["map", "array", "table"].includes(String(property))) return value.bind(target);
      return (...args: unknown[]) => watch(value.apply(target, args) as object);
    },
  });
}

/** `plane` in the hands of a process that dies at its `killAt`th write, before that is done. */
export function mortal(plane: Plane, killAt: number): Plane {
  return watched(plane, (write) => {
    if (write === killAt) throw new Killed(`killed at write ${write}`);
  });
}

/** Whether the writer died before it was done. */
export function dies(work: () => void): boolean {
  try {
    work();
    return false;
  } catch (thrown) {
    if (thrown instanceof Killed) return true;
    throw thrown;
  }
}

export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
