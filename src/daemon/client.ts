// Asking a daemon, from another process.

import { createConnection } from "node:net";
import { UnumError } from "../errors.ts";
import type { Answer, Health, Request, Status, Waited } from "./protocol.ts";
import { errorOf } from "./protocol.ts";

interface Answers {
  readonly status: Status;
  readonly health: Health;
  readonly wait: Waited;
}

/** Nobody answered: there is none, it does not take us, or it is busy with something else. */
export class DaemonSilent extends UnumError {
  readonly silent: "none" | "refused" | "timeout";

  constructor(path: string, silent: DaemonSilent["silent"], cause: string) {
    const remedy =
      silent === "refused"
        ? "run as its user, or as a member of its --socket-group"
        : "is it running? Its log says what it does";
    super("DAEMON_SILENT", `ask the daemon at ${path}: ${cause}`, { remedy });
    this.silent = silent;
  }
}

/**
 * Asks the daemon at `path`.
 * @throws UnumError what the daemon says is wrong; {@link DaemonSilent}
 */
export async function ask<C extends Request["command"]>(
  path: string,
  request: Request & { readonly command: C },
  timeoutMs: number,
): Promise<Answers[C]> {
  const answer = JSON.parse(await exchange(path, JSON.stringify(request), timeoutMs)) as Answer<Answers[C]>;
  if (!answer.ok) throw errorOf(answer.error);
  return answer;
}

function exchange(path: string, line: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const timer = setTimeout(() => end("timeout", `no answer within ${timeoutMs / 1000} s`), timeoutMs);
    const end = (silent: DaemonSilent["silent"], cause: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new DaemonSilent(path, silent, cause));
    };
    let text = "";
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write(`${line}\n`));
    socket.on("error", ({ code, message }: NodeJS.ErrnoException) => {
      if (code === "EACCES" || code === "EPERM") end("refused", "permission denied");
      else end("none", code === "ENOENT" || code === "ECONNREFUSED" ? "nobody answers there" : message);
    });
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (!text.includes("\n")) return;
      clearTimeout(timer);
      socket.destroy();
      resolve(text.slice(0, text.indexOf("\n")));
    });
    socket.on("end", () => end("none", "it went away without an answer"));
  });
}
