// A command that is killed as it enters one of the system calls by which it changes what packets or later commands see.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executeIn, type Namespace } from "../../lab/network.ts";

/** System calls that can. */
const CHANGING_CALLS = "bpf,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,rmdir,symlink,symlinkat,membarrier";
/** bpf(2) is also used to look, and to make what nobody sees yet; being killed there is being killed at the change before. */
const LOOKS =
  /^bpf\(BPF_(OBJ_GET|MAP_LOOKUP|MAP_GET|PROG_GET|BTF|LINK_GET|MAP_CREATE|PROG_LOAD|PROG_BIND_MAP|MAP_FREEZE)/;

/** A call that was refused, such as the unlink of what is not there, changed nothing. */
const FAILED = /= -1 E[A-Z]+ \(/;

export interface Call {
  /** Of the system call. */
  readonly name: string;
  /** From 1, among the calls of that name: strace counts each name by itself. */
  readonly number: number;
  /** As strace wrote it. */
  readonly text: string;
}

/** The calls of a log that change something. */
export function changesOf(log: string): readonly Call[] {
  const counts = new Map<string, number>();
  const changes: Call[] = [];
  for (const text of log.split("\n")) {
    const name = /^(\w+)\(/.exec(text)?.[1];
    if (name === undefined) continue;
    const number = (counts.get(name) ?? 0) + 1;
    counts.set(name, number);
    if (!LOOKS.test(text) && !FAILED.test(text)) changes.push({ name, number, text });
  }
  return changes;
}

/** strace with a log; with `killAt`, SIGKILL arrives as the call is entered. */
function strace(log: string, killAt: Call | undefined): string[] {
  const kill = killAt && ["-e", `inject=${killAt.name}:signal=SIGKILL:when=${killAt.number}`];
  return ["strace", "-o", log, "-e", `trace=${CHANGING_CALLS}`, ...(kill ?? [])];
}

/** A command that traces a process from now on, until either ends. It says "attached" on its stderr when it does. */
export function attached(log: string, pid: number, killAt?: Call): string[] {
  return [...strace(log, killAt), "-p", String(pid)];
}

/** Runs a command in a namespace; with `killAt`, to its death there. */
export async function runTraced(namespace: Namespace, command: readonly string[], killAt?: Call) {
  const directory = await mkdtemp(join(tmpdir(), "unum-strace-"));
  const log = join(directory, "log");
  try {
    const { status, stderr } = await executeIn(namespace, [...strace(log, killAt), "-qq", ...command]);
    return { status, stderr, changes: changesOf(await readFile(log, "utf8")) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
