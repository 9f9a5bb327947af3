// The daemon as commands meet it: whether there is one for a pin directory, and what it is asked.

import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { ask, DaemonSilent } from "../daemon/client.ts";
import type { Status, Waited } from "../daemon/protocol.ts";
import { PinDirectory } from "../dataplane/pins.ts";
import { UnumError } from "../errors.ts";

/** A pass over millions of VMs, and the neighbours before it, take less. */
const WAIT_MS = 60_000;
const STATUS_MS = 5000;

export interface FoundDaemon {
  readonly socketPath: string;
  readonly status: Status;
}

/** The daemon of a pin directory, if one lives. What a dead one left behind counts for nothing. */
export async function findDaemon(pinDir: string): Promise<FoundDaemon | undefined> {
  const socketPath = new PinDirectory(pinDir).readDaemonSocket();
  if (socketPath === undefined) return undefined;
  try {
    const status = await ask(socketPath, { command: "status" }, STATUS_MS);
    // The socket may have become that of another edge's daemon.
    return status.pinDir === resolve(pinDir) ? { socketPath, status } : undefined;
  } catch (thrown) {
    if (thrown instanceof DaemonSilent && thrown.silent === "none") return undefined;
    throw thrown;
  }
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** @throws UnumError DAEMON_RUNNING: it follows something else than this document, and would undo what is in there */
export function requireFollowed({ status }: FoundDaemon, file: string, pinDir: string): void {
  const { name } = status.source;
  if (name.startsWith("file:") && resolved(name.slice("file:".length)) === resolved(file)) return;
  throw new UnumError(
    "DAEMON_RUNNING",
    `change ${pinDir} by ${file}: its daemon, process ${status.pid}, follows ${name}`,
    {
      remedy: `name that document with --state, or stop the daemon`,
    },
  );
}

/** Waits until the daemon says that the maps show a revision. @throws UnumError why not, in its words */
export function waitForDaemon(
  { socketPath }: FoundDaemon,
  revision: string,
  { resync = false, allowMassDelete = false } = {},
): Promise<Waited> {
  const request = { command: "wait", revision, timeoutMs: WAIT_MS, resync, allowMassDelete } as const;
  return ask(socketPath, request, WAIT_MS + STATUS_MS);
}

/** What a daemon that was found says of itself now. */
export function statusOf({ socketPath }: FoundDaemon): Promise<Status> {
  return ask(socketPath, { command: "status" }, STATUS_MS);
}
