// Keeps a sandbox that is about to end: its network, mounts and pins live as long as one process is in them.

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { UnumError } from "../src/errors.ts";

/**
 * Starts a process that does nothing in the namespaces that the sandbox made (all but its process namespace, which ends
 * with its first process), and that outlives us. Returns its process id.
 */
export async function holdSandbox(sandbox: ChildProcess): Promise<number> {
  const first = firstInside(sandbox.pid ?? 0);
  const namespaces = ["--mount", "--net", "--ipc", "--uts", "--root"];
  // Its /proc shows the sandbox's processes, who will be gone: it gets that of the machine.
  const hold = "umount /proc && mount -t proc proc /proc && exec sleep infinity";
  const holder = spawn("nsenter", ["-t", String(first), ...namespaces, "--", "sh", "-c", hold], {
    detached: true,
    stdio: "ignore",
  });
  const pid = holder.pid ?? 0;
  for (let waitedMs = 0; waitedMs < 5000; waitedMs += 10) {
    if (holder.exitCode !== null) break;
    if (comm(pid) === "sleep" && readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync(`/proc/${first}/ns/mnt`)) {
      holder.unref();
      return pid;
    }
    await sleep(10);
  }
  holder.kill("SIGKILL");
  throw new UnumError("SYSTEM_CALL", "keep the network: nsenter could not enter it", {
    remedy: "run the lab without --keep, or inside: scripts/sandbox bash",
  });
}

function comm(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** scripts/sandbox is a shell, whose child is unshare, whose child is the first process inside. */
function firstInside(shell: number): number {
  let pid = shell;
  for (let generation = 0; generation < 2; generation++) {
    pid = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);
  }
  return pid;
}
