// Three edges that follow one etcd of three members, through whatever can happen to etcd, while each edge's customer counts
// its packets by their numbers. UNUM_LONG=1 holds each trouble for a minute.

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Edge } from "../../lab/edge.ts";
import { ip } from "../../lab/network.ts";
import { ping, ROOT, type RunningPing, startPing } from "../../lab/traffic.ts";
import { observe, PinDirectory, Plane } from "../../src/dataplane/index.ts";
import { parseModel } from "../../src/document/index.ts";
import { EtcdClient, prefixEnd } from "../../src/etcd/index.ts";
import type { Model } from "../../src/model/index.ts";
import { changeEtcd } from "../../src/source/etcd-write.ts";
import { DaemonProcess } from "../support/daemon.ts";
import type { EtcdCluster, EtcdMember } from "../support/etcd.ts";
import {
  buildEtcdNetwork,
  type EtcdNetwork,
  edgeDocument,
  NUMBERS,
  SHARED,
  vmAddress,
} from "../support/etcd-network.ts";
import { useFabric } from "../support/fabric.ts";
import { bytes, keyBytes, PREFIX, storeOf, type Value, valueBytes } from "../support/keyed.ts";

/** How long a trouble lasts while changes are made. */
const TROUBLE_MS = process.env.UNUM_LONG === "1" ? 60_000 : 1000;
const CHURN_MS = 50;
/** Nothing waits longer: a machine may be slow, but not for ever. */
const LONG_MS = 60_000;
const LIMIT = { timeout: 4 * LONG_MS + 4 * TROUBLE_MS };
const MAC = "02:00:00:00:16:ff";
const OBJECT = `${ROOT}/build/bpf/unum.bpf.o`;

const network = useFabric<EtcdNetwork>(buildEtcdNetwork);
const edges = (): readonly Edge[] => network.made.edges;
const cluster = (): EtcdCluster => network.made.cluster;
const etcdctl = (...args: string[]) => cluster().etcdctl(cluster().members[0] as EtcdMember, ...args);
const below = { key: bytes(PREFIX), end: prefixEnd(bytes(PREFIX)) };

let client: EtcdClient;
let daemons: readonly DaemonProcess[] = [];
let pings: readonly RunningPing[] = [];

beforeAll(async () => {
  client = new EtcdClient({ members: cluster().endpoints });
  await change(...SHARED);
  daemons = edges().map((edge) => new DaemonProcess(edge, { args: fromEtcd(edge) }));
  for (const daemon of daemons) await daemon.inSync();
  for (const n of NUMBERS) {
    const first = await ping(network.fabric.at(`customer${n}`), vmAddress(n), { count: 3, waitMs: 500 });
    expect(first.received, `customer${n}`).toBeGreaterThan(0);
  }
  // Numbers of pings have 16 bits: at this pace they last for 20 minutes.
  pings = await Promise.all(NUMBERS.map((n) => startPing(network.fabric.at(`customer${n}`), vmAddress(n), 20)));
}, LIMIT.timeout);
afterAll(async () => {
  for (const daemon of daemons) await daemon.end("SIGKILL");
  client?.close();
  await network.made.cluster.stop();
});

const fromEtcd = (edge: Edge): string[] => ["--source", network.made.source, "--state", edge.state];

/** Changes objects, all at one revision. A change whose outcome nobody knows is made again: it comes to the same. */
async function change(...changes: readonly (readonly [key: string, value: Value | undefined])[]): Promise<number> {
  const success = changes.map(([key, value]) =>
    value === undefined
      ? ({ kind: "delete", key: keyBytes(key) } as const)
      : ({ kind: "put", key: keyBytes(key), value: valueBytes(value) } as const),
  );
  return vi.waitFor(async () => (await client.txn({ compare: [], success })).header.revision, {
    timeout: LONG_MS,
    interval: 50,
  });
}

async function contents(): Promise<readonly (readonly [string, Uint8Array])[]> {
  const { kvs } = await client.range(below);
  return kvs.map(({ key, value }) => [Buffer.from(key).toString().slice(PREFIX.length), value] as const);
}

/** What etcd holds, without the edge's own part. */
async function held(): Promise<Omit<Model, "edge">> {
  const { edge } = parseModel(edgeDocument(1), "edge.yaml").model;
  const objects = (await contents()).filter(([key]) => key !== "allow-mass-delete");
  const { edge: _, ...shared } = storeOf(objects).build(edge).model;
  return shared;
}

/** What an edge's maps show, without its own part. */
function shown(edge: Edge): Omit<Model, "edge"> | undefined {
  using plane = Plane.open(new PinDirectory(edge.pinDirectory), OBJECT);
  const model = observe(plane).state?.model;
  if (model === undefined) return undefined;
  const { edge: _, ...shared } = model;
  return shared;
}

const eventually = (look: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(look, { timeout: LONG_MS, interval: 100 });

/** These edges come to show what etcd holds. */
async function converge(which: readonly Edge[] = edges()): Promise<void> {
  const wanted = await held();
  for (const edge of which) await eventually(() => expect(shown(edge), edge.namespace.name).toEqual(wanted));
}

let churned = 0;
/** One change of everything that changes: VMs that come, move and go, and an object now and then. */
async function churn(): Promise<void> {
  const n = churned++;
  const vm = (at: number) => `tenants/acme/vms/172.16.${8 + ((at >> 6) & 1)}.${at & 63}`;
  await change(
    [vm(n), { server: `s${1 + (n % 3)}`, mac: MAC }],
    ...(n >= 32 ? [[vm(n - 32), undefined] as const] : []),
    ...(n % 10 === 0 ? [["profiles/fast", { ttl: 32 + (n % 7) }] as const] : []),
  );
}

/** Changes for as long as trouble lasts. */
async function churnThrough(ms = TROUBLE_MS): Promise<void> {
  const until = performance.now() + ms;
  do {
    await churn();
    await new Promise((resolve) => setTimeout(resolve, CHURN_MS));
  } while (performance.now() < until);
}

describe("edges of one etcd", () => {
  it("show what it holds, each under the same revision", LIMIT, async () => {
    await converge();
    await churnThrough();
    await converge();
    const revision = await change(["profiles/fast", { ttl: 50 }]);
    for (const daemon of daemons) {
      const status = await daemon.reaches("at the newest revision", ({ state, source }) => {
        return state === "in sync" && Number(source.revision?.split("-")[0]) === revision;
      });
      expect(status.source).toMatchObject({ name: `${network.made.source}/`, keptOut: { count: 0 } });
    }
  });

  it("take a change that is made at one of them by command", LIMIT, async () => {
    const [one, two] = edges() as [Edge, Edge];
    const set = await one.run("vm", "set", "acme", "172.16.0.77", "--server", "s1", "--mac", MAC);
    expect(set).toMatch(/^the daemon applied revision \d+-[0-9a-f]{8}: 1 added/);
    await converge();
    expect(await two.run("vm", "delete", "acme", "172.16.0.77")).toContain("1 removed");
    await converge();
  });

  it("keep all that several of them change at the same time", LIMIT, async () => {
    const [one, two, three] = edges() as [Edge, Edge, Edge];
    const fields = [
      [one, "--profile", "fast"],
      [two, "--standby", "s1"],
      [three, "--address", "10.2.0.99"],
    ] as const;
    await change(["servers/s9", { address: "10.2.0.98" }]);
    await Promise.all(fields.map(([edge, ...field]) => edge.run("server", "set", "s9", ...field)));
    const [kv] = (await client.range({ key: keyBytes("servers/s9") })).kvs;
    expect(JSON.parse(Buffer.from(kv?.value ?? []).toString())).toEqual({
      address: "10.2.0.99",
      profile: "fast",
      standby: "s1",
    });
    await converge();
    await one.run("server", "delete", "s9");
    await converge();
  });

  it("are told when somebody else is always faster, and nothing is overwritten", LIMIT, async () => {
    let touched = 0;
    const slower = {
      range: async (request: Parameters<EtcdClient["range"]>[0]) => {
        const result = await client.range(request);
        await change(["servers/s3", { address: "10.2.0.13", ...(touched++ % 2 === 0 && { profile: "fast" }) }]);
        return result;
      },
      txn: client.txn.bind(client),
    } as unknown as EtcdClient;
    const edit = { op: "set", path: ["servers", "s3", "standby"], value: "s1" } as const;
    await expect(changeEtcd(slower, PREFIX, [edit])).rejects.toMatchObject({ code: "SOURCE_CONFLICT" });
    expect(touched).toBeGreaterThanOrEqual(5);
    expect((await held()).servers.get("s3")).not.toHaveProperty("standby");
    await converge();
  });
});

describe("etcd", () => {
  it.each([0, 1, 2])("that loses member %i goes on, and so do all edges", LIMIT, async (n) => {
    const member = cluster().members[n];
    await member?.kill();
    await churnThrough();
    await converge();
    member?.start();
    await cluster().healthy();
    await churn();
    await converge();
  });

  it("that is away as a whole takes nothing from the edges, and they converge when it is back", LIMIT, async () => {
    const before = edges().map(shown);
    for (const member of cluster().members) await member.kill();
    for (const daemon of daemons) {
      const { source } = await daemon.reaches("told of it", ({ source }) => source.error !== undefined);
      expect(source.error).toMatchObject({ code: "ETCD_UNAVAILABLE" });
      const { healthy, ready, problems } = await daemon.health();
      expect({ healthy, ready }).toEqual({ healthy: true, ready: true });
      expect(problems).toEqual([expect.stringContaining("[ETCD_UNAVAILABLE]")]);
    }
    await new Promise((resolve) => setTimeout(resolve, TROUBLE_MS));
    expect(edges().map(shown)).toEqual(before);
    for (const member of cluster().members) member.start();
    await cluster().healthy();
    await churn();
    await converge();
    for (const daemon of daemons) expect((await daemon.inSync()).failure).toBeUndefined();
  });

  it("that is wiped is refused by all edges, until it is filled again", LIMIT, async () => {
    const all = await contents();
    const before = edges().map(shown);
    await etcdctl("del", "--prefix", PREFIX);
    for (const daemon of daemons) {
      const { failure } = await daemon.reaches("refusing it", ({ state }) => state === "refused");
      expect(failure).toMatchObject({ code: "MASS_DELETE", message: expect.stringContaining("3 of 3 servers") });
    }
    expect(edges().map(shown)).toEqual(before);
    for (const n of NUMBERS) {
      const answered = await ping(network.fabric.at(`customer${n}`), vmAddress(n), { count: 3 });
      expect(answered, `customer${n}`).toMatchObject({ lost: [] });
    }
    await change(...all);
    for (const daemon of daemons) await daemon.inSync();
    await converge();
  });
});

describe("an edge that does not reach etcd", () => {
  it.each([
    ["is told what changed", async () => {}],
    [
      "lists anew when that was compacted away",
      async () => {
        const revision = await change(["profiles/fast", { ttl: 60 }]);
        await etcdctl("compact", String(revision));
        await churnThrough(0);
      },
    ],
  ])("keeps what it has, and %s when it is back", LIMIT, async (_, meanwhile) => {
    const [one, two, three] = edges() as [Edge, Edge, Edge];
    await converge();
    const before = shown(two);
    await ip(two.namespace, "link set m0 down");
    await churnThrough();
    await meanwhile();
    await change(["tenants/acme/vms/172.16.10.1", { server: "s2", mac: MAC }]);
    await converge([one, three]);
    await daemons[1]?.reaches("told of it", ({ source }) => source.error !== undefined);
    expect(shown(two)).toEqual(before);
    await ip(two.namespace, "link set m0 up");
    await converge();
    await change(["tenants/acme/vms/172.16.10.1", undefined]);
    await converge();
  });
});

describe("what is bad", () => {
  it("is named by its key at all edges, and the rest goes on", LIMIT, async () => {
    const good = await held();
    await change(
      ["leases/1", "{}"],
      ["servers/s2", '{"address": "10.2.0.12"'],
      [`tenants/acme/vms/${vmAddress(3)}`, "{}"],
    );
    const keys = ["leases/1", "servers/s2", `tenants/acme/vms/${vmAddress(3)}`];
    for (const edge of edges()) {
      await eventually(async () => {
        const { stdout } = await edge.quietly("status", "--json");
        const { source, problems } = JSON.parse(stdout);
        expect(source.keptOut.count).toBe(keys.length);
        for (const [n, key] of keys.entries()) {
          expect(source.keptOut.first[n]).toMatch(new RegExp(`^${PREFIX}${key}: `));
          expect(problems[n]).toMatch(new RegExp(`^kept out: ${PREFIX}${key}: `));
        }
      });
      expect(shown(edge)).toEqual(good);
    }
    await change(["profiles/fast", { ttl: 61 }], ["tenants/acme/vms/172.16.10.2", { server: "s2", mac: MAC }]);
    for (const edge of edges()) {
      await eventually(() => {
        const model = shown(edge);
        expect(model?.profiles.get("fast")).toMatchObject({ ttl: 61 });
        expect(model?.tenants.get("acme")?.vms.has("172.16.10.2" as never)).toBe(true);
        expect(model?.servers).toEqual(good.servers);
      });
    }
    const mended = SHARED.filter(([key]) => keys.includes(key));
    await change(["leases/1", undefined], ...mended);
    await converge();
    for (const daemon of daemons) expect((await daemon.inSync()).source.keptOut).toEqual({ count: 0, first: [] });
  });
});

describe("packets", () => {
  it("were all delivered meanwhile", async () => {
    for (const [n, running] of pings.entries()) {
      const { sent, lost, duplicates } = await running.end();
      expect(sent).toBeGreaterThan(100);
      expect({ lost, duplicates }, `customer${n + 1}`).toEqual({ lost: [], duplicates: 0 });
    }
  });
});
