// Very many sessions, held while the daemon has other things to do, and sessions that fall and come back again and again. The peers are
// one process with unum's own sessions (lab/bfd-peers.ts); liveness.test.ts has those of FRR.
// UNUM_LONG=1: 4,096 sessions for five minutes while a million VMs are loaded again and again, and 1,000 flaps.

import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { afterEach, describe, expect, it } from "vitest";
import type { PeersReport } from "../../lab/bfd-peers.ts";
import { ip, spawnIn, stop } from "../../lab/network.ts";
import { documentOf, UNDERLAY } from "../../lab/plan.ts";
import { ROOT } from "../../lab/traffic.ts";
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from "../../src/address/index.ts";
import { DaemonProcess, until } from "../support/daemon.ts";
import { useStage } from "../support/lab.ts";

const LONG = process.env.UNUM_LONG === "1";
const SESSIONS = LONG ? 4096 : 512;
const HELD_MS = LONG ? 300_000 : 5000;
const VMS = LONG ? 1_000_000 : 50_000;
const FLAPS = LONG ? 1000 : 48;
/** That flap at a time: until a session is up again both ends take a second and more. */
const TOGETHER = LONG ? 50 : 16;
/** Beside what is held: thousands of sessions come up, and VMs are written and loaded. */
const TIMEOUT_MS = LONG ? HELD_MS + 900_000 : 120_000;
const INTERVAL_MS = 300;
/** The peers share the machine: with less patience, what falls may be theirs. */
const MULTIPLIER = LONG ? 3 : 10;
const FIRST = parseIpv4("10.64.0.1");
const INVENTORY = "vms.ndjson";

const stage = useStage(undefined, { apply: false });
const at = (name: string) => stage.lab.namespace(name);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const addressOf = (n: number) => ipv4FromNumber(ipv4ToNumber(FIRST) + n);
const nameOf = (n: number) => `p${n}`;

let daemon: DaemonProcess | undefined;
let peers: Peers | undefined;

afterEach(async () => {
  await daemon?.end("SIGKILL");
  await peers?.end();
  await stage.edge.quietly("detach", "--all");
});

class Peers {
  readonly #process = spawnIn(at("s1"), [
    ...[process.execPath, join(ROOT, "dist/lab/bfd-peers.js")],
    ...[FIRST, SESSIONS, UNDERLAY.edge, INTERVAL_MS, MULTIPLIER].map(String),
  ]);
  readonly #lines: Interface = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream });

  ready(): Promise<unknown> {
    return once(this.#lines, "line");
  }

  async ask(command: string): Promise<PeersReport> {
    const answer = once(this.#lines, "line");
    this.#process.stdin?.write(`${command}\n`);
    return JSON.parse(String((await answer)[0])) as PeersReport;
  }

  end(): Promise<void> {
    return stop(this.#process);
  }
}

/** `round` says which servers the VMs are on. */
async function writeInventory(round: number): Promise<void> {
  const lines = Array.from({ length: VMS }, (_, n) => {
    const address = ipv4FromNumber(ipv4ToNumber(parseIpv4("172.17.0.0")) + n);
    const mac = `02:01:00:${[16, 8, 0].map((shift) => ((n >> shift) & 255).toString(16).padStart(2, "0")).join(":")}`;
    return JSON.stringify({ tenant: "acme", address, server: nameOf((n + round) % SESSIONS), mac });
  });
  await writeFile(join(dirname(stage.edge.state), INVENTORY), `${lines.join("\n")}\n`);
}

function documentText(): string {
  const servers = Array.from(
    { length: SESSIONS },
    (_, n) => `  ${nameOf(n)}: {address: ${addressOf(n)}, profile: watched}`,
  );
  return documentOf(stage.lab.tenants)
    .replace(
      "profiles:\n",
      `profiles:\n  watched: {bfd: {interval: ${INTERVAL_MS}ms, multiplier: ${MULTIPLIER}, holdDown: 0us}}\n`,
    )
    .replace("servers:\n", `servers:\n${servers.join("\n")}\n`)
    .replace("version: 1\n", `version: 1\nvmInventory: ${INVENTORY}\n`);
}

async function run(): Promise<readonly [DaemonProcess, Peers]> {
  // All of those addresses are s1's.
  await ip(at("s1"), "route replace local 10.64.0.0/16 dev lo");
  await ip(at("edge"), `route replace 10.64.0.0/16 via ${UNDERLAY.s1}`);
  peers = new Peers();
  await peers.ready();
  await writeInventory(0);
  await stage.edge.write(documentText());
  daemon = new DaemonProcess(stage.edge);
  await daemon.inSync();
  await daemon.reaches("up with all", ({ liveness }) => liveness.up === SESSIONS);
  return [daemon, peers];
}

const staleTold = ({ log }: DaemonProcess) => log.filter(({ msg }) => msg === "liveness: stale").length;

/** Resident memory that is its own, and open files. */
function sizeOf({ pid }: DaemonProcess): { readonly mib: number; readonly files: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return { mib: Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) / 1024, files: readdirSync(`/proc/${pid}/fd`).length };
}

async function stateCounts(): Promise<Readonly<Record<string, number>>> {
  const servers = await stage.edge.json<{ name: string; state: string }[]>("show", "servers");
  const counts: Record<string, number> = {};
  for (const { name, state } of servers) if (name.startsWith("p")) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

describe("sessions of very many servers", () => {
  it("are held while all VMs are loaded again and again", { timeout: TIMEOUT_MS }, async () => {
    const [running, others] = await run();
    const before = await others.ask("report");
    let loads = 0;
    for (const until = performance.now() + HELD_MS; performance.now() < until || loads < 2; ) {
      await writeInventory(++loads);
      // Another revision of the document, and another server for every VM.
      await stage.edge.run("apply", "--allow-mass-delete", stage.edge.state);
      await sleep(100);
    }
    const after = await others.ask("report");
    console.log(
      `${SESSIONS} sessions of ${INTERVAL_MS} ms held for ${HELD_MS / 1000} s, ${VMS} VMs loaded ${loads} times; ` +
        `the peers stood still for ${after.stoodStillMs} ms at most`,
    );
    expect(loads).toBeGreaterThan(1);
    expect(after).toMatchObject({ up: SESSIONS, falls: before.falls });
    expect(staleTold(running)).toBe(0);
    expect(await stateCounts()).toEqual({ up: SESSIONS });
  });

  it("that fall and come back leave nothing behind", { timeout: TIMEOUT_MS }, async () => {
    const [running, others] = await run();
    const rounds = Math.ceil(FLAPS / TOGETHER);
    let before = sizeOf(running);
    for (let round = 0; round < rounds; round++) {
      const falls = others.ask(`flap ${(round * TOGETHER) % (SESSIONS - TOGETHER)} ${TOGETHER}`);
      await until("they are stale", () => staleTold(running) >= (round + 1) * TOGETHER || undefined);
      await falls;
      await until("they are back", async () => ((await stateCounts()).up === SESSIONS ? true : undefined));
      // What the first ones take is taken once.
      if (round === 0) before = sizeOf(running);
    }
    const after = sizeOf(running);
    console.log(
      `${rounds * TOGETHER} flaps: ${before.mib.toFixed(0)} MiB and ${before.files} files before, ${after.mib.toFixed(0)} and ${after.files} after`,
    );
    expect(staleTold(running)).toBe(rounds * TOGETHER);
    // Whoever asks for the status has one open; a leak would be one a flap.
    expect(after.files).toBeLessThan(before.files + TOGETHER / 2);
    expect(after.mib).toBeLessThan(before.mib * 1.25 + 16);
    const { liveness } = await running.status();
    expect(liveness).toMatchObject({ up: SESSIONS, stale: 0 });
    expect((await others.ask("report")).falls).toBe(0);
  });
});
