// The daemon's unix socket. Who may open it may ask; nothing that is asked changes what the source says.

import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, unlinkSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { causeText, UnumError } from "../errors.ts";
import { ask, DaemonSilent } from "./client.ts";
import type { Answer, Request } from "./protocol.ts";
import { errorText, LINE_BYTES_MAX, parseRequest } from "./protocol.ts";

export interface SocketOptions {
  readonly path: string;
  /** Group that may ask, too. */
  readonly group?: string;
}

/** Answers one request. What it throws is told. */
export type Responder = (request: Request) => object | Promise<object>;

const CONNECTIONS_MAX = 128;
/** bind(2) of a unix socket takes no more. */
const PATH_BYTES_MAX = 107;

/** @throws UnumError VALUE_INVALID */
export function groupId(name: string): number {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  for (const line of readFileSync("/etc/group", "utf8").split("\n")) {
    const [group, , id] = line.split(":");
    if (group === name && id !== undefined) return Number(id);
  }
  throw new UnumError("VALUE_INVALID", `open the socket to group ${name}: there is no such group`, {
    remedy: "groupadd --system NAME makes one",
  });
}

/** Listens. A socket that a dead daemon left is replaced; one where somebody answers is not. */
export async function listen({ path, group }: SocketOptions, respond: Responder): Promise<Server> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw new UnumError("VALUE_INVALID", `listen on ${path}: expected a path of at most ${PATH_BYTES_MAX} bytes`);
  const gid = group === undefined ? undefined : groupId(group);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw unusable(path, cause);
  }
  if (await answers(path)) {
    throw new UnumError("DAEMON_RUNNING", `listen on ${path}: another daemon answers there`, {
      remedy: "give each daemon a socket of its own with --socket",
    });
  }
  const server = createServer((socket) => converse(socket, respond));
  server.maxConnections = CONNECTIONS_MAX;
  try {
    unlinkSocket(path);
    await bind(server, path);
    if (gid !== undefined) {
      chownSync(path, -1, gid);
      chmodSync(path, 0o660);
    }
  } catch (cause) {
    server.close();
    throw unusable(path, cause);
  }
  return server;
}

function unusable(path: string, cause: unknown): UnumError {
  return new UnumError("SYSTEM_CALL", `listen on ${path}: ${causeText(cause)}`, {
    remedy: "its directory must exist and be writable; --socket names another path",
    cause,
  });
}

async function answers(path: string): Promise<boolean> {
  try {
    await ask(path, { command: "health" }, 1000);
    return true;
  } catch (thrown) {
    return !(thrown instanceof DaemonSilent) || thrown.silent === "timeout";
  }
}

/** What a dead daemon left. Nothing else is taken away. */
function unlinkSocket(path: string): void {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  if (!status.isSocket()) throw new Error("something is there that is no socket");
  unlinkSync(path);
}

/** The socket is never open to others, not even before its mode could be changed. */
function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const umask = process.umask(0o177);
    try {
      // Binds before it returns; what comes later is the news of it.
      server.listen(path, () => resolve());
    } finally {
      process.umask(umask);
    }
  });
}

/** Requests of one connection are answered in order. */
function converse(socket: Socket, respond: Responder): void {
  let text = "";
  let answered = Promise.resolve();
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  const answer = (value: Answer<object>): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(value)}\n`);
  };
  socket.on("data", (chunk: string) => {
    const lines = (text + chunk).split("\n");
    text = lines.pop() as string;
    for (const line of lines) answered = answered.then(() => reply(line, respond)).then(answer);
    if (text.length <= LINE_BYTES_MAX) return;
    const error = new UnumError(
      "USAGE",
      `read request: it has no end, expected one line of at most ${LINE_BYTES_MAX} bytes`,
    );
    socket.end(`${JSON.stringify({ ok: false, error: errorText(error) })}\n`);
    socket.removeAllListeners("data").resume();
  });
}

async function reply(line: string, respond: Responder): Promise<Answer<object>> {
  try {
    return { ok: true, ...(await respond(parseRequest(line))) };
  } catch (thrown) {
    const error = thrown instanceof UnumError ? thrown : new UnumError("INTERNAL", causeText(thrown));
    return { ok: false, error: errorText(error) };
  }
}
