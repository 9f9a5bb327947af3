// What the figures were measured on.

import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { execute } from "../lab/network.ts";
import { ROOT } from "../lab/traffic.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** Empty on bare metal, as far as that can be told. */
  readonly hypervisor: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Compiler of the BPF objects. */
  readonly clang: string;
  /** Cores wanted by others, on average over a minute, before the bench began. */
  readonly load: number;
  /** Of the checkout; "+" when it has changes. */
  readonly commit: string;
  readonly date: string;
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return otherwise;
  }
}

async function firstLine(command: string, ...args: string[]): Promise<string> {
  try {
    const { status, stdout } = await execute(command, args);
    return status === 0 ? (stdout.split("\n")[0] ?? "") : "";
  } catch {
    return "";
  }
}

export async function describeMachine(): Promise<Machine> {
  const flags = /^flags\s*:.*\bhypervisor\b/m.test(readOr("/proc/cpuinfo", ""));
  const vendor = readOr("/sys/class/dmi/id/sys_vendor", "");
  // A checkout of another user is not git's business otherwise.
  const git = ["-c", `safe.directory=${ROOT}`, "-C", ROOT];
  const commit = await firstLine("git", ...git, "rev-parse", "--short=12", "HEAD");
  const changes = await firstLine("git", ...git, "status", "--porcelain", "--untracked-files=no");
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    hypervisor: flags ? vendor || "yes" : "",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    clang: /version (\S+)/.exec(await firstLine("clang", "--version"))?.[1] ?? "unknown",
    load: Number(readOr("/proc/loadavg", "").split(" ")[0]),
    commit: commit === "" ? "unknown" : `${commit}${changes === "" ? "" : "+"}`,
    date: new Date().toISOString(),
  };
}
