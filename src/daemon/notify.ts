// What the service manager is told (sd_notify(3)): lines of NAME=VALUE in a datagram to the socket in NOTIFY_SOCKET.

import { sendDatagram } from "../bpf/system.ts";

export interface Manager {
  /** Tells it; without one, nothing happens. */
  tell(fields: Readonly<Record<string, string | number>>): void;
  /** How often it wants to hear of us; undefined: it does not. */
  readonly watchdogMs: number | undefined;
}

/** The manager of this process, as its environment says. */
export function openManager(
  environment: NodeJS.ProcessEnv,
  pid: number,
  send: (path: string, bytes: Uint8Array) => void = sendDatagram,
): Manager {
  const path = environment.NOTIFY_SOCKET;
  const { WATCHDOG_USEC: usec, WATCHDOG_PID: whose } = environment;
  const wanted =
    path !== undefined && /^[1-9]\d{0,15}$/.test(usec ?? "") && (whose === undefined || Number(whose) === pid);
  return {
    watchdogMs: wanted ? Number(usec) / 1000 : undefined,
    tell(fields) {
      if (path === undefined || !/^[/@]./.test(path)) return;
      const lines = Object.entries(fields).map(([name, value]) => `${name}=${String(value).replace(/\s+/g, " ")}\n`);
      try {
        send(path, Buffer.from(lines.join("")));
      } catch {
        // A manager that cannot be told will find out by itself.
      }
    },
  };
}
