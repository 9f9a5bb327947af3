// The daemon's socket and its neighbours, without a daemon: what may be said, who may say it, and how it is answered.

import { lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { massDeletes } from "../../src/control/mass-delete.ts";
import type { ObjectKind } from "../../src/control/plan.ts";
import { ask } from "../../src/daemon/client.ts";
import { parseHttpAddress } from "../../src/daemon/http.ts";
import { openManager } from "../../src/daemon/notify.ts";
import type { Request } from "../../src/daemon/protocol.ts";
import { LINE_BYTES_MAX } from "../../src/daemon/protocol.ts";
import { listen } from "../../src/daemon/server.ts";
import { parseModel } from "../../src/document/index.ts";
import { UnumError } from "../../src/errors.ts";

let directory: string;
let servers: Server[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "unum-socket-"));
  servers = [];
});
afterEach(() => {
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true, force: true });
});

const path = () => join(directory, "unum.sock");
async function serve(respond: (request: Request) => object | Promise<object> = (request) => ({ request })) {
  servers.push(await listen({ path: path() }, respond));
}

/** Sends bytes as they are; gives the lines that come back before the other side, or this one after `count`, ends it. */
function raw(text: string, count: number): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path());
    let got = "";
    const done = () => {
      socket.destroy();
      resolve(
        got
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line)),
      );
    };
    socket.setEncoding("utf8").on("error", reject).on("end", done);
    socket.on("data", (chunk: string) => {
      got += chunk;
      if (got.split("\n").length > count) done();
    });
    socket.write(text);
  });
}

describe("the socket", () => {
  test("is open to its user alone", async () => {
    await serve();
    expect(lstatSync(path()).mode & 0o777).toBe(0o600);
  });

  test("answers requests in order, whatever pieces they come in", async () => {
    await serve(async (request) => {
      if (request.command === "status") await new Promise((resolve) => setTimeout(resolve, 20));
      return { was: request.command };
    });
    const lines = '{"command":"status"}\n{"command":"health"}\n';
    expect(await raw(lines, 2)).toEqual([
      { ok: true, was: "status" },
      { ok: true, was: "health" },
    ]);
  });

  test.each([
    ["", /it is no JSON/],
    ["nonsense", /it is no JSON/],
    ["[]", /expected an object/],
    ["null", /expected an object/],
    ["{}", /command is undefined, expected "status", "health" or "wait"/],
    ['{"command":"stop"}', /command is "stop"/],
    ['{"command":"status","now":1}', /status has no field "now"/],
    ['{"command":"wait"}', /revision: expected a text/],
    ['{"command":"wait","revision":""}', /revision: expected a text/],
    ['{"command":"wait","revision":"a","timeoutMs":-1}', /timeoutMs: expected 0 to/],
    ['{"command":"wait","revision":"a","timeoutMs":1.5}', /timeoutMs: expected 0 to/],
    ['{"command":"wait","revision":"a","resync":1}', /expected true or false/],
  ])("tells what is wrong with %j, and goes on", async (line, message) => {
    await serve();
    const [answer, next] = await raw(`${line}\n{"command":"health"}\n`, 2);
    expect(answer).toMatchObject({ ok: false, error: { code: "USAGE", message: expect.stringMatching(message) } });
    expect(next).toMatchObject({ ok: true });
  });

  test("ends a line that has no end", async () => {
    await serve();
    expect(await raw("x".repeat(LINE_BYTES_MAX + 1), 2)).toMatchObject([{ ok: false, error: { code: "USAGE" } }]);
  });

  test("is not taken from a daemon that answers, nor from a file", async () => {
    await serve();
    await expect(listen({ path: path() }, () => ({}))).rejects.toMatchObject({ code: "DAEMON_RUNNING" });
    expect(await ask(path(), { command: "health" }, 5000)).toMatchObject({ ok: true });
    const file = join(directory, "file");
    writeFileSync(file, "precious");
    await expect(listen({ path: file }, () => ({}))).rejects.toThrow(/something is there that is no socket/);
    expect(lstatSync(file).size).toBe(8);
  });
});

describe("asking", () => {
  test("gives the answer, or the error as it was there", async () => {
    await serve((request) => {
      if (request.command === "wait") throw new UnumError("TABLE_FULL", "it is full", { remedy: "less" });
      return { healthy: true };
    });
    expect(await ask(path(), { command: "health" }, 5000)).toMatchObject({ healthy: true });
    const wait = { command: "wait", revision: "a", timeoutMs: 1, resync: false, allowMassDelete: false } as const;
    await expect(ask(path(), wait, 5000)).rejects.toMatchObject({
      code: "TABLE_FULL",
      message: "it is full",
      remedy: "less",
    });
  });

  test("tells nobody from somebody who does not answer", async () => {
    await expect(ask(path(), { command: "health" }, 5000)).rejects.toMatchObject({ silent: "none" });
    await serve(() => new Promise(() => {}));
    await expect(ask(path(), { command: "health" }, 50)).rejects.toMatchObject({
      code: "DAEMON_SILENT",
      silent: "timeout",
    });
  });
});

test("an address for metrics is an IP address and a port", () => {
  expect(parseHttpAddress("127.0.0.1:9464")).toEqual({ host: "127.0.0.1", port: 9464 });
  expect(parseHttpAddress("[::1]:0")).toEqual({ host: "::1", port: 0 });
  for (const text of [
    "",
    "9464",
    "localhost:9464",
    "127.0.0.1",
    "127.0.0.1:65536",
    "::1:9464",
    "[127.0.0.1]:1",
    "of:f",
  ])
    expect(() => parseHttpAddress(text), text).toThrow(/expected ADDRESS:PORT/);
});

describe("the service manager", () => {
  const send = (told: [string, string][]) => (to: string, bytes: Uint8Array) =>
    void told.push([to, Buffer.from(bytes).toString()]);

  test("is told in lines, which a message cannot add to", () => {
    const told: [string, string][] = [];
    const manager = openManager({ NOTIFY_SOCKET: "/run/x" }, 7, send(told));
    manager.tell({ READY: 1, STATUS: "bad\nSTOPPING=1" });
    expect(told).toEqual([["/run/x", "READY=1\nSTATUS=bad STOPPING=1\n"]]);
    expect(manager.watchdogMs).toBeUndefined();
  });

  test("is no reason to fail", () => {
    openManager({}, 7, () => expect.unreachable()).tell({ READY: 1 });
    openManager({ NOTIFY_SOCKET: "relative" }, 7, () => expect.unreachable()).tell({ READY: 1 });
    const broken = () => {
      throw new Error("gone");
    };
    openManager({ NOTIFY_SOCKET: "/run/x" }, 7, broken).tell({ READY: 1 });
  });

  test.each([
    [{ WATCHDOG_USEC: "30000000" }, 30_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 30_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }, undefined],
    [{ WATCHDOG_USEC: "0" }, undefined],
    [{ WATCHDOG_USEC: "x" }, undefined],
  ])("wants to hear of us: %j", (environment, ms) => {
    expect(openManager({ NOTIFY_SOCKET: "@x", ...environment }, 7, () => {}).watchdogMs).toBe(ms);
  });
});

describe("mass deletion", () => {
  const vms = Array.from({ length: 4 }, (_, n) => `172.16.0.${n + 1}: {server: s1, mac: 02:00:00:00:00:0${n}}`);
  const { model } = parseModel(
    `version: 1\nedge: {address: 10.0.0.1}\nservers: {s1: {address: 10.0.0.2}}\ntenants: {a: {vni: 1, vms: {${vms.join(", ")}}}}\n`,
    "test",
  );
  const removing = (kind: ObjectKind, removed: number) => {
    const counts = { added: 0, changed: 0, removed };
    return massDeletes(model, { ...counts, kinds: new Map([[kind, counts]]) });
  };

  test("is more than half of a table", () => {
    expect(removing("vm", 2)).toEqual([]);
    expect(removing("vm", 3)).toEqual([{ kind: "vm", removed: 3, present: 4 }]);
    expect(removing("server", 1)).toEqual([{ kind: "server", removed: 1, present: 1 }]);
    expect(removing("profile", 1)).toEqual([]);
  });

  test("needs something to delete from", () => {
    const counts = { added: 5, changed: 0, removed: 0 };
    expect(massDeletes(undefined, { ...counts, kinds: new Map([["vm", counts]]) })).toEqual([]);
  });
});
