// `unum run` replaced by another build, and stopped; what it tells its manager and its metrics; and with no more than its
// capabilities. A customer's packets are counted by their numbers meanwhile. How it is killed: daemon-kill.test.ts.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, readdirSync } from "node:fs";
import { appendFile, chmod, chown, cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Edge } from "../../lab/edge.ts";
import { runIn } from "../../lab/network.ts";
import { documentOf } from "../../lab/plan.ts";
import { ping, ROOT, startPing } from "../../lab/traffic.ts";
import { XdpLink } from "../../src/bpf/link.ts";
import { PinDirectory } from "../../src/dataplane/index.ts";
import { DaemonProcess, until } from "../support/daemon.ts";
import { useStage } from "../support/lab.ts";
import { compileAfter } from "../support/layout-variants.ts";

const stage = useStage(undefined, { apply: false });
const original = () => documentOf(stage.lab.tenants);
const customer = () => stage.lab.namespace("customer");
const METRICS = "127.0.0.1:9464";

let daemon: DaemonProcess | undefined;
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "unum-life-"));
});
afterAll(async () => {
  await daemon?.end("SIGKILL");
  await rm(scratch, { recursive: true, force: true });
});

async function start(options: ConstructorParameters<typeof DaemonProcess>[1] = {}): Promise<DaemonProcess> {
  // One that a failed test left would answer in the place of this one.
  await daemon?.end("SIGKILL");
  daemon = new DaemonProcess(stage.edge, options);
  await daemon.inSync();
  return daemon;
}

/** The maps show the document as it is now. */
async function expectShown(what: string): Promise<void> {
  const plan = await stage.edge.quietly("plan");
  expect(plan, what).toMatchObject({ status: 0, stdout: expect.stringContaining("nothing to do") });
}

const replace = async (text: string) => {
  await writeFile(`${stage.edge.state}.new`, text);
  await rename(`${stage.edge.state}.new`, stage.edge.state);
};

describe("another build", () => {
  /** This package as it would be installed anew: the same host, and programs of another build, or with other layouts. */
  async function otherPackage(object?: string): Promise<string> {
    const root = await mkdtemp(join(scratch, "package-"));
    await mkdir(join(root, "build/bpf"), { recursive: true });
    await mkdir(join(root, "build/cmake/Release"), { recursive: true });
    for (const name of ["dist", "package.json", "build/bpf/unum.bpf.o", "build/bpf/probe.bpf.o"])
      await cp(join(ROOT, name), join(root, name), { recursive: true });
    for (const name of ["node_modules", "build/cmake/Release/unum.node"])
      await symlink(join(ROOT, name), join(root, name));
    if (object === undefined) await appendFile(join(root, "build/bpf/unum.bpf.o"), Buffer.of(1));
    else await cp(object, join(root, "build/bpf/unum.bpf.o"));
    return join(root, "dist/src/cli/main.js");
  }
  /** By their links: this build's commands do not read what another layout has. */
  const programs = () => {
    const pins = new PinDirectory(stage.edge.pinDirectory);
    return pins.linkedInterfaces().map((name) => {
      using link = XdpLink.openPinned(pins.link(name));
      return link.info.programId;
    });
  };

  it.each([
    ["the same", undefined],
    ["other", compileAfter],
  ])(
    "with %s layouts takes over under traffic when it is started, and back, and loses nothing",
    {
      timeout: 300_000,
    },
    async (_, compile) => {
      const build = await compile?.();
      const cli = await otherPackage(build?.object);
      build?.remove();
      await start();
      expect((await ping(customer(), "172.16.0.4", { count: 3 })).received).toBeGreaterThan(0);
      const running = await startPing(customer(), "172.16.0.4", 5);
      const before = programs();
      expect(before).toHaveLength(2);
      for (const [signal, options] of [
        ["SIGTERM", { cli }],
        ["SIGKILL", {}],
      ] as const) {
        const old = programs();
        await daemon?.end(signal);
        const { log } = await start(options);
        expect(log.some(({ msg }) => msg.includes("of another build: exchanged in place"))).toBe(true);
        expect(programs().filter((program) => old.includes(program))).toEqual([]);
      }
      await expectShown("after both");
      const { sent, lost, duplicates } = await running.end();
      expect(sent).toBeGreaterThan(100);
      expect({ lost, duplicates }).toEqual({ lost: [], duplicates: 0 });
      expect(await daemon?.end("SIGTERM")).toBe(0);
    },
  );
});

/** Samples of the text format: name and labels → value. */
function samplesOf(text: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, value] = /^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
    if (name === undefined || Number.isNaN(Number(value))) throw new Error(`read metrics: ${line}`);
    samples.set(name, Number(value));
  }
  return samples;
}

describe("metrics", () => {
  // No curl: the environment may send it to a proxy.
  const GET = "const r = await fetch(process.argv[1]); console.log(JSON.stringify([r.status, await r.text()]))";
  async function get(path: string): Promise<{ status: number; body: string }> {
    const command = [process.execPath, "--input-type=module", "-e", GET, `http://${METRICS}${path}`];
    const [status, body] = JSON.parse(await runIn(stage.edge.namespace, command)) as [number, string];
    return { status, body };
  }

  it("are those of unum counters, and tell the tables and the source", async () => {
    const { socket } = await start({ metrics: METRICS });
    expect(lstatSync(socket).mode & 0o777).toBe(0o600);
    await ping(customer(), "172.16.0.4", { count: 20 });
    const { body, status } = await get("/metrics");
    expect(status).toBe(200);
    const samples = samplesOf(body);
    const counters = await stage.edge.json<Record<string, Record<string, Record<string, number>>>>("counters");
    const expected = new Map<string, number>();
    for (const kind of ["endpoint", "tenant"])
      for (const [name, traffic] of Object.entries(counters[`${kind}s`] ?? {}))
        for (const direction of ["tx", "rx"])
          for (const unit of ["Packets", "Bytes"])
            expected.set(
              `unum_${kind}_${unit.toLowerCase()}_total{${kind}="${name}",direction="${direction}"}`,
              traffic[direction + unit] as number,
            );
    for (const [reason, drops] of Object.entries(counters.drops ?? {}))
      for (const unit of ["packets", "bytes"])
        expected.set(`unum_drop_${unit}_total{reason="${reason}"}`, drops[unit] as number);
    expect(expected.size).toBeGreaterThan(60);
    expect(expected.get('unum_endpoint_packets_total{endpoint="s2",direction="tx"}')).toBeGreaterThanOrEqual(20);
    for (const [name, value] of expected) expect([name, samples.get(name)]).toEqual([name, value]);
    const forwarded = (counters.packets as unknown as Record<string, number>).forwarded;
    expect(samples.get('unum_packets_total{outcome="forwarded"}')).toBe(forwarded);
    expect(samples.get('unum_table_entries{table="vms4"}')).toBe(6);
    expect(samples.get('unum_table_room{table="vms4"}')).toBe(1_048_576);
    expect(samples.get('unum_state{state="in sync"}')).toBe(1);
    expect(samples.get("unum_source_ok")).toBe(1);
    expect([...samples.keys()].some((name) => name.startsWith("nodejs_eventloop_lag"))).toBe(true);
  });

  it("go on with a broken source, which health does not hide", async () => {
    expect(await get("/readyz")).toEqual({ body: "ok\n", status: 200 });
    expect(await get("/nothing")).toMatchObject({ status: 404 });
    await replace("version: 2\n");
    await daemon?.reaches("told of it", ({ source }) => source.error !== undefined);
    const samples = samplesOf((await get("/metrics")).body);
    expect(samples.get("unum_source_ok")).toBe(0);
    expect(await get("/healthz")).toEqual({ body: "ok\n", status: 200 });
    expect((await daemon?.health())?.problems).toEqual([
      expect.stringMatching(/state\.yaml:1:10: .*\[DOCUMENT_INVALID\]$/),
    ]);
    await replace(original());
    await daemon?.inSync();
  });

  it("leave nothing open, and nothing behind", async () => {
    const open = () => readdirSync(`/proc/${daemon?.pid}/fd`).length;
    const round = async () => {
      await get("/metrics");
      await stage.edge.run("apply");
    };
    await round();
    const before = open();
    for (let n = 0; n < 5; n++) await round();
    await until("descriptors are as many as before", () => (open() <= before ? true : undefined));
    const { socket } = daemon as DaemonProcess;
    expect(await daemon?.end("SIGTERM")).toBe(0);
    expect(existsSync(socket)).toBe(false);
    await stage.edge.run("detach", "--all");
    expect(existsSync(stage.edge.pinDirectory)).toBe(false);
    expect(await runIn(stage.edge.namespace, ["ip", "link", "show"])).not.toContain("xdp");
  });
});

describe("a service manager", () => {
  const LISTEN = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\\0", 1))
print("listening", flush=True)
while True: print(s.recv(4096).decode(), flush=True)`;

  it.each(["@unum-notify", "path"])("is told over %s of readiness, life and the end", async (kind) => {
    const path = kind === "path" ? join(scratch, "notify") : kind;
    const told: string[] = [];
    const receiver = spawn("nsenter", [`--net=${stage.edge.namespace.path}`, "python3", "-c", LISTEN, path]);
    try {
      createInterface({ input: receiver.stdout }).on("line", (line) => line !== "" && told.push(line));
      await until("it listens", () => (told.includes("listening") ? true : undefined));
      const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "200000" };
      await start({ env });
      await until("it is ready", () => (told.includes("READY=1") ? true : undefined));
      expect(told.find((line) => line.startsWith("STATUS="))).toMatch(/^STATUS=in sync, revision [0-9a-f]{16}$/);
      await until("it lives", () => (told.filter((line) => line === "WATCHDOG=1").length > 1 ? true : undefined));
      await daemon?.end("SIGTERM");
      await until("it stops", () => (told.includes("STOPPING=1") ? true : undefined));
    } finally {
      receiver.kill("SIGKILL");
      await once(receiver, "close");
    }
  });
});

describe("a user with its capabilities and no other", () => {
  it("runs an edge", async () => {
    await stage.edge.run("detach", "--all");
    const [user, pins] = [65_534, "/sys/fs/bpf/nobodys"];
    const edge = await Edge.within(stage.edge.namespace, original(), { pinDirectory: pins });
    await chmod("/sys/fs/bpf", 0o711);
    await mkdir(pins, { mode: 0o700 });
    for (const path of [pins, edge.state, join(edge.state, "..")]) await chown(path, user, user);
    const capabilities = "+bpf,+net_admin,+net_raw,+perfmon";
    const through = [
      ...["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--no-new-privs"],
      ...[`--bounding-set=-all,${capabilities}`, `--inh-caps=-all,${capabilities}`, `--ambient-caps=${capabilities}`],
    ];
    const socket = join(edge.state, "../unum.sock");
    const process = new DaemonProcess(edge, { through, socket });
    try {
      await process.inSync();
      expect((await ping(customer(), "172.16.0.4", { count: 5 })).received).toBeGreaterThan(3);
      expect(lstatSync(socket)).toMatchObject({ uid: user });
      expect(await process.end("SIGTERM")).toBe(0);
    } finally {
      await process.end("SIGKILL");
      await rm(pins, { recursive: true });
      await chmod("/sys/fs/bpf", 0o700);
    }
  });
});
