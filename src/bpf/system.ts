// System calls that Node does not offer.

import { readFileSync, renameSync, statSync } from "node:fs";
import { causeText, UnumError } from "../errors.ts";
import { BpfError } from "./bpf-error.ts";
import { addon } from "./native.ts";

export interface DirectoryLock {
  close(): void;
  [Symbol.dispose](): void;
}

export interface LockOptions {
  /** How long to wait for another holder; the thread is blocked meanwhile. Default 0. */
  readonly waitMs?: number;
}

/**
 * An exclusive lock on a directory (flock(2)), which ends with the process at the latest. A symbolic link is refused.
 * @throws BpfError LOCKED, with the process that holds it; SYSTEM_CALL
 */
export function lockDirectory(path: string, { waitMs = 0 }: LockOptions = {}): DirectoryLock {
  let lock: { close(): void };
  try {
    lock = addon().DirectoryLock.lock(path, waitMs);
  } catch (thrown) {
    if (!(thrown instanceof BpfError) || thrown.code !== "LOCKED") throw thrown;
    throw new UnumError("LOCKED", `lock directory ${path}: ${lockHolder(path)} holds it`, {
      remedy: thrown.remedy,
      cause: thrown,
    });
  }
  return { close: () => lock.close(), [Symbol.dispose]: () => lock.close() };
}

/**
 * Who holds the lock on a directory, in words: `process 708`, or `another process` where nobody can tell. From /proc/locks:
 * `1: FLOCK  ADVISORY  WRITE 708 00:1c:1234 0 EOF`.
 */
export function lockHolder(path: string): string {
  try {
    const inode = String(statSync(path).ino);
    for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
      const [, kind, , , pid, place] = line.trim().split(/\s+/);
      if (kind === "FLOCK" && place?.split(":")[2] === inode && Number(pid) > 0) return `process ${pid}`;
    }
  } catch {
    // The answer is a courtesy.
  }
  return "another process";
}

/**
 * Waits until every program that runs now has ended, about 10 ms: what packets could have read before is no longer in use.
 * By membarrier(2); by a map of maps where that does not wait (nohz_full, one CPU), which takes CAP_BPF.
 */
export function gracePeriod(method: "automatic" | "membarrier" | "map" = "automatic"): void {
  addon().gracePeriod(method);
}

/** Whether the path is on a BPF file system. */
export function isBpffs(path: string): boolean {
  return addon().isBpffs(path);
}

/** Mounts a BPF file system that only its owner may use; needs CAP_SYS_ADMIN. */
export function mountBpffs(path: string): void {
  addon().mountBpffs(path);
}

/** Puts a pin in the place of another; there is always one. Names in bpffs have no dot. */
export function renamePin(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (cause) {
    throw new UnumError("SYSTEM_CALL", `rename pin ${from} to ${to}: ${causeText(cause)}`, { cause });
  }
}

/** CPUs that may ever be online: per-CPU maps have a value for each. */
export function possibleCpus(): number {
  return addon().possibleCpus();
}

/** Moves this thread to a network namespace, such as /run/netns/NAME; needs CAP_SYS_ADMIN. */
export function setNetworkNamespace(path: string): void {
  addon().setNetworkNamespace(path);
}

/** CLOCK_MONOTONIC, as bpf_ktime_get_ns() has it. */
export function monotonicNs(): bigint {
  return addon().monotonicNs();
}

/** Sends one datagram to a unix socket; `@name` is one in the abstract namespace. Waits for nobody. @throws BpfError SYSTEM_CALL */
export function sendDatagram(path: string, bytes: Uint8Array): void {
  addon().sendDatagram(path, bytes);
}
