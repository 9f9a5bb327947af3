// Metrics and health over HTTP, for who cannot open the socket: three pages, read only.

import type { Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { isIP } from "node:net";
import { causeText, UnumError } from "../errors.ts";
import type { Health } from "./protocol.ts";

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:9464` or `[::1]:9464`. @throws UnumError VALUE_INVALID */
export function parseHttpAddress(text: string): HttpAddress {
  const [, bare = "", bracketed = "", digits = ""] = /^(?:([^[\]:]+)|\[([^[\]]+)\]):(\d{1,5})$/.exec(text) ?? [];
  const [host, family, port] = bare !== "" ? [bare, 4, Number(digits)] : [bracketed, 6, Number(digits)];
  if (isIP(host) === family && port <= 65_535) return { host, port };
  throw new UnumError(
    "VALUE_INVALID",
    `listen on ${text}: expected ADDRESS:PORT, such as 127.0.0.1:9464 or [::1]:9464`,
  );
}

export interface Pages {
  readonly metrics: () => Promise<{ readonly type: string; readonly body: string }>;
  readonly health: () => Health;
}

export async function serveHttp({ host, port }: HttpAddress, pages: Pages): Promise<Server> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    const path = (request.url ?? "").split("?", 1)[0] as string;
    if (request.method !== "GET" && request.method !== "HEAD") return reply(response, 405, "only GET is answered\n");
    page(path, pages, response).catch((thrown) => reply(response, 500, `${causeText(thrown)}\n`));
  });
  server.maxConnections = 64;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (cause) {
    throw new UnumError("SYSTEM_CALL", `listen on ${host} port ${port}: ${causeText(cause)}`, {
      remedy: "--metrics names another address, or off",
      cause,
    });
  }
  return server;
}

async function page(path: string, { metrics, health }: Pages, response: ServerResponse): Promise<void> {
  switch (path) {
    case "/metrics": {
      const { type, body } = await metrics();
      return reply(response, 200, body, type);
    }
    case "/healthz":
    case "/readyz": {
      // Who may open the socket is told why; here anybody on the machine asks.
      const { healthy, ready } = health();
      const good = path === "/healthz" ? healthy : healthy && ready;
      const word = good ? "ok" : path === "/healthz" ? "not healthy" : "not ready";
      return reply(response, good ? 200 : 503, `${word}\n`);
    }
    default:
      return reply(response, 404, "there are /metrics, /healthz and /readyz\n");
  }
}

function reply(response: ServerResponse, status: number, body: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
}
