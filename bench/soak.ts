#!/usr/bin/env node
// npm run soak [-- MINUTES [VMS]]: an edge with a million VMs in etcd that change all the time. Prints how long things take and what
// the daemon takes of memory, and whether the maps are right in the end. Not part of any test: it takes minutes, and a machine.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { CLI, type Edge } from "../lab/edge.ts";
import { Fabric } from "../lab/fabric.ts";
import { inside } from "../lab/network.ts";
import { ping, ROOT, startPing } from "../lab/traffic.ts";
import { differVms } from "../src/control/vm-difference.ts";
import { ask } from "../src/daemon/client.ts";
import type { Status } from "../src/daemon/protocol.ts";
import { observe, PinDirectory, Plane } from "../src/dataplane/index.ts";
import { KeyedObjects, parseModel } from "../src/document/index.ts";
import { UnumError } from "../src/errors.ts";
import { EtcdClient } from "../src/etcd/index.ts";
import type { Model } from "../src/model/index.ts";
import { countVms } from "../src/model/index.ts";
import { listKeys } from "../src/source/etcd-list.ts";
import { buildSoakNetwork, EDGE_DOCUMENT, MEMBER, REAL_VM, startMember } from "./soak-network.ts";
import { Changes, fill, PREFIX, VMS_MAX } from "./soak-vms.ts";
import { percentile } from "./statistics.ts";

const BARS = { startMs: 20_000, changeMs: 10, burst: 10_000, rssMib: 600 };
const BURST_EVERY_MS = 20_000;
/** Single changes are apart as far as this, so that each is one. */
const PAUSE_MS = 20;
const SOCKET = "/run/unum/soak.sock";
const ANSWER_MS = 120_000;

const [minutes = 10, vms = VMS_MAX] = process.argv.slice(2).map(Number);
if (!(minutes > 0) || !(vms >= 20_000 && vms <= VMS_MAX)) {
  console.error(`soak: expected MINUTES and, if at all, 20000 to ${VMS_MAX} VMS`);
  process.exit(2);
}
if (process.env.UNUM_SANDBOX !== "1") {
  console.error("soak: run it in scripts/sandbox, as npm run soak does");
  process.exit(2);
}

const began = performance.now();
const say = (text: string): void =>
  console.log(`soak: ${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`);
let missed = 0;
function bar(what: string, value: number, most: number, unit: string): void {
  const held = value <= most;
  if (!held) missed++;
  say(`${what}: ${value.toFixed(1)} ${unit}, bar ${most} ${unit}${held ? "" : ": MISSED"}`);
}

/** Of the daemon, in MiB: all of it, and what is not the tables that it has mapped. */
function memoryOf({ pid }: ChildProcess): { readonly rss: number; readonly own: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1024;
  return { rss: mib("VmRSS"), own: mib("RssAnon"), peak: mib("VmHWM") };
}

function startDaemon(edge: Edge): ChildProcess {
  const source = `etcd:http://${MEMBER}`;
  const options = ["--source", source, "--state", edge.state, "--socket", SOCKET, "--metrics", "off"];
  const [command, args] = inside(edge.namespace, [process.execPath, CLI, "run", ...options]);
  const env = { ...process.env, UNUM_PIN_DIR: edge.pinDirectory };
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], env });
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
    if (/"level":"(warn|error|fatal)"/.test(line) || !line.startsWith("{")) say(`daemon: ${line}`);
  });
  return child;
}

/** Waits until everything is in the maps. */
async function inSync(): Promise<Status> {
  for (;;) {
    const status = await ask(SOCKET, { command: "status" }, ANSWER_MS).catch(() => undefined);
    if (status?.state === "in sync") return status;
    await sleep(50);
  }
}

/** Until a revision of etcd is in the maps. */
async function shown(revision: number): Promise<void> {
  const request = { command: "wait", revision: String(revision), timeoutMs: ANSWER_MS } as const;
  const waited = await ask(SOCKET, { ...request, resync: false, allowMassDelete: false }, ANSWER_MS);
  if (Number(waited.revision.split("-")[0]) < revision)
    throw new UnumError("INTERNAL", `wait for revision ${revision}: the maps show ${waited.revision}`);
}

/** From the start of the daemon to its first state in the maps, and to the first answer of a VM. */
async function measureStart(edge: Edge, fabric: Fabric, isFirst: boolean): Promise<ChildProcess> {
  const started = performance.now();
  const daemon = startDaemon(edge);
  const forwards = (async () => {
    while ((await ping(fabric.at("customer"), REAL_VM, { count: 1, waitMs: 200 })).received === 0);
    return performance.now() - started;
  })();
  await inSync();
  const syncMs = performance.now() - started;
  bar(`${isFirst ? "" : "again, after kill -9, "}from start to in sync`, syncMs, BARS.startMs, "ms");
  const forwardsMs = await forwards;
  if (isFirst) bar("from start to forwarding", forwardsMs, BARS.startMs, "ms");
  const { rss, own, peak } = memoryOf(daemon);
  say(`daemon: ${rss.toFixed(0)} MiB resident, ${own.toFixed(0)} its own, ${peak.toFixed(0)} at most so far`);
  return daemon;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}

async function churn(client: EtcdClient, daemon: ChildProcess): Promise<void> {
  const changes = new Changes(client, vms, Math.random);
  const latencies = new Map<string, number[]>([
    ["moved", []],
    ["gone", []],
    ["come", []],
  ]);
  const until = performance.now() + minutes * 60_000;
  let [burstAt, minuteAt, peakRss] = [performance.now() + BURST_EVERY_MS / 2, performance.now() + 60_000, 0];
  while (performance.now() < until) {
    const started = performance.now();
    const { kind, revision } = await changes.one();
    await shown(revision);
    latencies.get(kind)?.push(performance.now() - started);
    await sleep(PAUSE_MS);
    if (performance.now() > burstAt) {
      burstAt = performance.now() + BURST_EVERY_MS;
      const from = performance.now();
      const last = await changes.burst(BARS.burst);
      const written = performance.now();
      await shown(last);
      say(
        `${BARS.burst} VMs changed in ${(written - from).toFixed(0)} ms; all in the maps ${(performance.now() - written).toFixed(0)} ms after the last`,
      );
    }
    const { rss, own } = memoryOf(daemon);
    peakRss = Math.max(peakRss, rss);
    if (performance.now() < minuteAt) continue;
    minuteAt += 60_000;
    say(`daemon: ${rss.toFixed(0)} MiB resident, ${own.toFixed(0)} its own`);
  }
  const all = [...latencies.values()].flat();
  for (const [kind, list] of latencies) {
    const [p50, p99, max] = [percentile(list, 0.5), percentile(list, 0.99), Math.max(...list)];
    say(`${list.length} VMs ${kind}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, at most ${max.toFixed(1)} ms`);
  }
  bar(`one VM from etcd to the maps, p99 of ${all.length}`, percentile(all, 0.99), BARS.changeMs, "ms");
  bar("resident memory of the daemon", peakRss, BARS.rssMib, "MiB");
}

async function held(client: EtcdClient): Promise<Model> {
  const objects = new KeyedObjects({ prefix: PREFIX });
  await listKeys(client, new TextEncoder().encode(PREFIX), ({ key, value }) => objects.put(key, value));
  return objects.build(parseModel(EDGE_DOCUMENT, "edge.yaml").model.edge).model;
}

async function requireRight(client: EtcdClient, edge: Edge): Promise<void> {
  await inSync();
  const desired = await held(client);
  using plane = Plane.open(new PinDirectory(edge.pinDirectory), join(ROOT, "build/bpf/unum.bpf.o"));
  const { counts } = differVms(desired, observe(plane).state?.model);
  const wrong = [...counts.values()].reduce((sum, { added, changed, removed }) => sum + added + changed + removed, 0);
  bar(`VMs of ${countVms(desired).vms} that the maps do not show as etcd has them`, wrong, 0, "VMs");
}

const fabric = await Fabric.create();
const edge = await buildSoakNetwork(fabric);
const member = await startMember(fabric.directory);
const client = new EtcdClient({ members: [MEMBER], timeoutMs: 30_000 });
let daemon: ChildProcess | undefined;
try {
  await fill(client, vms);
  say(`etcd holds ${vms} VMs`);
  daemon = await measureStart(edge, fabric, true);
  const traffic = await startPing(fabric.at("customer"), REAL_VM, 50);
  await end(daemon, "SIGKILL");
  daemon = await measureStart(edge, fabric, false);
  await churn(client, daemon);
  await requireRight(client, edge);
  bar("packets lost", (await traffic.end()).lost.length, 0, "packets");
} finally {
  client.close();
  if (daemon !== undefined) await end(daemon, "SIGKILL");
  await end(member, "SIGKILL");
  await fabric[Symbol.asyncDispose]();
}
say(missed === 0 ? "all bars are held" : `${missed} bars are missed`);
process.exitCode = missed === 0 ? 0 : 1;
