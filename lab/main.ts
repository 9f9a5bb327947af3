#!/usr/bin/env node
// npm start [-- --keep]: runs the demonstration in scripts/sandbox, so that nothing of it is left however it ends.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { causeText, UnumError } from "../src/errors.ts";
import { demonstrate } from "./demonstration.ts";
import { holdSandbox } from "./hold.ts";
import { UntrueError } from "./story.ts";
import { ROOT } from "./traffic.ts";

const USAGE = `npm start [-- --keep]

Builds a network of namespaces (a customer, the edge, two servers with VMs, a gateway), runs the
edge in it, and shows what it does. Leaves nothing behind.
  --keep   keep the network afterwards, and say how to look around`;

const options = process.argv.slice(2);
const keep = options.includes("--keep");
const unknown = options.find((option) => option !== "--keep");

if (options.includes("--help") || options.includes("-h")) console.log(USAGE);
else if (unknown !== undefined) {
  console.error(`lab: read option ${unknown}: expected --keep or nothing\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  // Not by the exit code alone: after a failure a ping may still be running, and it dies with the sandbox.
  process.exit(await (process.env.UNUM_LAB_INSIDE === "1" ? tell() : runInSandbox()).catch(explainFailure));
}

function explainFailure(error: unknown): number {
  if (!(error instanceof UntrueError)) console.error(`lab: ${causeText(error)}`);
  if (error instanceof UnumError && error.remedy) console.error(`  ${error.remedy}`);
  return 1;
}

/** Inside: the demonstration; then, to be kept, waits for the other side to have done so. */
async function tell(): Promise<number> {
  const state = await demonstrate();
  if (process.send) {
    process.send(state);
    await once(process, "message");
  }
  return 0;
}

/** Outside: starts the inside and dies with it. Returns the exit status. */
async function runInSandbox(): Promise<number> {
  const command = [join(ROOT, "scripts/sandbox"), process.execPath, fileURLToPath(import.meta.url)];
  const child = spawn("sh", command, {
    stdio: keep ? ["inherit", "inherit", "inherit", "ipc"] : "inherit",
    env: { ...process.env, UNUM_LAB_INSIDE: "1" },
  });
  const stop = (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => {
    child.kill("SIGTERM");
    child.once("exit", () => {
      console.error(`\nlab: interrupted by ${signal}: the network is gone`);
      process.exit(128 + constants.signals[signal]);
    });
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop(signal));
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || stop("SIGHUP"), 500).unref();
  const exit = once(child, "exit");

  let holder: number | undefined;
  let state = "";
  child.on("message", async (message) => {
    try {
      holder = await holdSandbox(child);
      state = String(message);
    } catch (error) {
      console.error(`lab: ${causeText(error)}`);
    }
    child.send("done");
  });
  const [status, signal]: [number | null, NodeJS.Signals | null] = (await exit) as [
    number | null,
    NodeJS.Signals | null,
  ];
  if (status !== 0) return status ?? 128 + constants.signals[signal ?? "SIGKILL"];
  if (keep && holder === undefined) return 1;
  if (holder !== undefined) explain(holder, state);
  return 0;
}

function explain(holder: number, state: string): void {
  console.log(`
The network stays, held by process ${holder}. To look around, as root:

  nsenter -t ${holder} -m -n -r bash

and in that shell:

  export UNUM_STATE=${state}
  alias unum='nsenter --net=/run/netns/edge ${join(ROOT, "dist/src/cli/main.js")}'
  unum show vms; unum counters; unum vm delete acme 172.16.0.1
  ip netns list; ip netns exec customer ping 172.16.0.1

To end it:

  kill ${holder}`);
}
