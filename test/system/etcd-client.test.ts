// The client of etcd, with etcd.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  EtcdClient,
  type EtcdError,
  type EtcdOptions,
  type Header,
  type Op,
  prefixEnd,
  type Watch,
  type WatchEvent,
} from "../../src/etcd/index.ts";
import { until } from "../support/daemon.ts";
import { EtcdCluster, type EtcdMember } from "../support/etcd.ts";
import { makeCertificates, type TestCertificates } from "../support/etcd-certificates.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array): string => Buffer.from(value).toString();
const put = (key: string, value = ""): Op => ({ kind: "put", key: bytes(key), value: bytes(value) });
const below = (prefix: string) => ({ key: bytes(prefix), end: prefixEnd(bytes(prefix)) });

const clients: EtcdClient[] = [];
function connect(members: readonly string[], options: Partial<EtcdOptions> = {}): EtcdClient {
  const client = new EtcdClient({ members, ...options });
  clients.push(client);
  return client;
}
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

const rejection = (promise: Promise<unknown>): Promise<EtcdError> =>
  promise.then(
    (value) => {
      throw new Error(`expected a rejection, got ${JSON.stringify(value)}`);
    },
    (thrown: EtcdError) => thrown,
  );

/** What a watch told. */
class Heard {
  readonly watch: Watch;
  readonly created: Header[] = [];
  readonly messages: (readonly WatchEvent[])[] = [];
  readonly progress: Header[] = [];
  readonly ends: EtcdError[] = [];

  constructor(client: EtcdClient, prefix: string, startRevision: number) {
    this.watch = client.watch(
      { ...below(prefix), startRevision },
      {
        created: (header) => this.created.push(header),
        events: (events) => this.messages.push(events),
        progress: (header) => this.progress.push(header),
        end: (reason) => this.ends.push(reason),
      },
    );
  }

  get events(): WatchEvent[] {
    return this.messages.flat();
  }

  ready(): Promise<Header> {
    return until("the watch is created or ended", () => {
      if (this.ends[0] !== undefined) throw this.ends[0];
      return this.created[0];
    });
  }

  ended(): Promise<EtcdError> {
    return until("the watch has ended", () => this.ends[0]);
  }
}

describe("one member", () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  });
  afterAll(() => cluster.stop());

  test("pages of a range are of one revision", async () => {
    const client = connect(cluster.endpoints);
    const keys = Array.from({ length: 250 }, (_, i) => `page/${String(i).padStart(3, "0")}`);
    for (let i = 0; i < keys.length; i += 100)
      await client.txn({ compare: [], success: keys.slice(i, i + 100).map((key) => put(key, `value of ${key}`)) });
    const first = await client.range({ ...below("page/"), limit: 100 });
    expect(first).toMatchObject({ more: true, count: 250 });
    await client.txn({ compare: [], success: [put("page/200", "later"), { kind: "delete", key: bytes("page/201") }] });

    const all = [...first.kvs];
    for (let more = first.more; more; ) {
      const key = bytes(`${text((all.at(-1) as { key: Uint8Array }).key)}\0`);
      const page = await client.range({ ...below("page/"), key, limit: 100, revision: first.header.revision });
      expect(page.header.revision).toBe(first.header.revision + 1);
      all.push(...page.kvs);
      more = page.more;
    }
    expect(all.map(({ key, value }) => [text(key), text(value)])).toEqual(keys.map((key) => [key, `value of ${key}`]));
    expect(all.every((kv) => kv.modRevision > 1 && kv.modRevision <= first.header.revision)).toBe(true);
    expect(first.header.clusterId).toMatch(/^\d{10,20}$/);
  });

  test("a range counts, and leaves values out", async () => {
    const client = connect(cluster.endpoints);
    await client.txn({ compare: [], success: [put("few/1", "a"), put("few/2", "b")] });
    expect(await client.range({ ...below("few/"), countOnly: true })).toMatchObject({ kvs: [], count: 2, more: false });
    const { kvs } = await client.range({ ...below("few/"), keysOnly: true, serializable: true });
    expect(kvs.map(({ key, value }) => [text(key), value.length])).toEqual([
      ["few/1", 0],
      ["few/2", 0],
    ]);
    const future = await rejection(client.range({ key: bytes("few/1"), revision: 1e9 }));
    expect(future).toMatchObject({ kind: "future-revision", code: "ETCD_REFUSED" });
    expect(future.message).toContain(cluster.endpoints[0]);
  });

  test("a transaction is carried out if its conditions hold", async () => {
    const client = connect(cluster.endpoints);
    const key = bytes("txn/a");
    const absent = [{ key, createRevision: 0 }];
    const made = await client.txn({ compare: absent, success: [put("txn/a", "1")] });
    expect(made).toMatchObject({ succeeded: true, responses: [{ kind: "put" }] });
    const again = await client.txn({
      compare: absent,
      success: [put("txn/a", "2")],
      failure: [{ kind: "range", key }],
    });
    expect(again.succeeded).toBe(false);
    expect(again.responses).toMatchObject([{ kind: "range", kvs: [{ modRevision: made.header.revision }], count: 1 }]);
    const newer = { key, modRevision: made.header.revision, result: "greater" } as const;
    const gone = await client.txn({ compare: [newer], success: [], failure: [{ kind: "delete", key }] });
    expect(gone).toMatchObject({ succeeded: false, responses: [{ kind: "delete", deleted: 1 }] });
    const value = await client.txn({ compare: [{ key, value: bytes("1"), result: "not-equal" }], success: [] });
    expect(value.succeeded).toBe(false); // a key that does not exist has no value to compare
    const twice = await rejection(client.txn({ compare: [], success: [put("txn/b"), put("txn/b")] }));
    expect(twice).toMatchObject({ kind: "invalid", code: "ETCD_REFUSED" });
    expect(twice.message).toContain("duplicate key");
  });

  test("a watch tells whole revisions in order", async () => {
    const client = connect(cluster.endpoints);
    const { header } = await client.txn({ compare: [], success: [put("watch/old")] });
    const early = new Heard(client, "watch/", header.revision + 1);
    expect((await early.ready()).clusterId).toBe(header.clusterId);
    const last = 30;
    for (let i = 1; i <= last; i++)
      await client.txn({ compare: [], success: Array.from({ length: 100 }, (_, j) => put(`watch/${i}/${j}`, `${i}`)) });
    await client.txn({ compare: [], success: [{ kind: "delete", ...below("watch/1/") }] });
    const late = new Heard(client, "watch/", header.revision + 1);
    for (const heard of [early, late]) {
      await until("all events are there", () => heard.events.length >= 100 * (last + 1) || undefined);
      const revisions = heard.messages.map((events) => [...new Set(events.map(({ kv }) => kv.modRevision))]);
      expect(revisions.flat()).toEqual(Array.from({ length: last + 1 }, (_, i) => header.revision + 1 + i));
      expect(heard.events.slice(0, 100).every(({ type, kv }) => type === "put" && text(kv.value) === "1")).toBe(true);
      expect(heard.events.slice(-100).every(({ type, kv }) => type === "delete" && kv.value.length === 0)).toBe(true);
    }
    early.watch.requestProgress();
    await until("there is progress", () => early.progress.some(({ revision }) => revision >= header.revision + 31));
    early.watch.close();
    expect(await early.ended()).toMatchObject({ kind: "cancelled", code: "CLOSED" });
    client.close();
    expect(await late.ended()).toMatchObject({ kind: "cancelled" });
    expect([early.ends.length, late.ends.length]).toEqual([1, 1]);
    expect(await rejection(client.range({ key: bytes("a") }))).toMatchObject({ kind: "cancelled" });
  });

  test("a watch that is paused gets the rest later", async () => {
    const client = connect(cluster.endpoints);
    const { header } = await client.range({ key: bytes("x") });
    const heard = new Heard(client, "pause/", header.revision + 1);
    await heard.ready();
    heard.watch.pause();
    for (let i = 0; i < 5; i++) await client.txn({ compare: [], success: [put(`pause/${i}`)] });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(heard.events).toEqual([]);
    heard.watch.resume();
    await until("all events are there", () => heard.events.length === 5 || undefined);
  });

  test("a compacted revision is told together with the oldest one", async () => {
    const client = connect(cluster.endpoints);
    const { header } = await client.txn({ compare: [], success: [put("compact/a", "1")] });
    const { header: then } = await client.txn({ compare: [], success: [put("compact/a", "2")] });
    await cluster.etcdctl(cluster.members[0] as EtcdMember, "compaction", `${then.revision}`);
    const heard = new Heard(client, "compact/", header.revision);
    expect(await heard.ended()).toMatchObject({ kind: "compacted", compactRevision: then.revision });
    const old = client.range({ key: bytes("compact/a"), revision: header.revision });
    expect(await rejection(old)).toMatchObject({ kind: "compacted", code: "ETCD_REFUSED" });
  });

  test("large answers and events come whole", async () => {
    const client = connect(cluster.endpoints);
    const { header } = await client.range({ key: bytes("x") });
    const heard = new Heard(client, "big/", header.revision + 1);
    await heard.ready();
    const value = "v".repeat(10_000);
    for (let i = 0; i < 8; i++) {
      const success = Array.from({ length: 128 }, (_, j) => put(`big/${i}/${j}`, value));
      await client.txn({ compare: [], success });
    }
    const { kvs } = await client.range(below("big/"));
    expect(kvs.reduce((sum, kv) => sum + kv.value.length, 0)).toBe(8 * 128 * 10_000);
    await until("all events are there", () => heard.events.length === 8 * 128 || undefined);
  });

  test("who listens without TLS is told from who is not there", async () => {
    const secure = connect(cluster.endpoints, { tls: {} });
    const error = await rejection(secure.range({ key: bytes("a") }));
    expect(error).toMatchObject({ code: "ETCD_UNAVAILABLE", remedy: "write http:// for members without TLS" });
    expect(error.message).toContain("perhaps it does not speak TLS");
    const nobody = await rejection(connect(["127.0.0.1:1"]).range({ key: bytes("a") }));
    expect(nobody).toMatchObject({ kind: "unavailable", code: "ETCD_UNAVAILABLE" });
    expect(nobody.message).toBe("read from etcd: 127.0.0.1:1: connection refused");
  });

  test("a login that etcd does not ask for is an error", async () => {
    const client = connect(cluster.endpoints, { credentials: { user: "root", password: () => "secret" } });
    const error = await rejection(client.range({ key: bytes("a") }));
    expect(error).toMatchObject({ kind: "unauthenticated", code: "ETCD_DENIED" });
    expect(error.message).toContain("authentication is not enabled");
  });
});

describe("three members", () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start({ members: 3 });
  });
  afterAll(() => cluster.stop());
  afterEach(async () => {
    for (const member of cluster.members) {
      member.resume();
      if (!member.running) member.start();
    }
    await cluster.healthy();
  });

  const memberOf = (heard: Heard): EtcdMember =>
    cluster.members.find(({ endpoint }) => endpoint === heard.watch.member) as EtcdMember;
  /** With the leader as the first one that is asked. */
  async function leaderFirst(): Promise<string[]> {
    const { endpoint } = await cluster.leader();
    return [endpoint, ...cluster.endpoints.filter((other) => other !== endpoint)];
  }
  async function watching(client: EtcdClient, prefix: string): Promise<Heard> {
    const { header } = await client.range({ key: bytes(prefix) });
    const heard = new Heard(client, prefix, header.revision + 1);
    await heard.ready();
    return heard;
  }

  test("the member in use is killed: calls and a new watch go to another", async () => {
    const client = connect(await leaderFirst());
    const heard = await watching(client, "kill/");
    const killed = memberOf(heard);
    const started = performance.now();
    await killed.kill();
    expect(await heard.ended()).toMatchObject({ kind: "unavailable", code: "ETCD_UNAVAILABLE" });
    expect(performance.now() - started).toBeLessThan(1000);
    expect(heard.ends[0]?.message).toContain(killed.endpoint);
    // The leader is gone: reads wait for the next one.
    const { header } = await client.range({ key: bytes("kill/") });
    const next = new Heard(client, "kill/", header.revision + 1);
    await next.ready();
    expect(next.watch.member).not.toBe(killed.endpoint);
    await client.txn({ compare: [], success: [put("kill/a")] });
    await until("the event is there", () => next.events.length === 1 || undefined);
  });

  test("a member that hangs is noticed, and another asked", async () => {
    const client = connect(await leaderFirst());
    const heard = await watching(client, "hang/");
    const hung = memberOf(heard);
    const started = performance.now();
    hung.pause();
    await client.range({ key: bytes("hang/") });
    expect(performance.now() - started).toBeLessThan(4000);
    expect(await heard.ended()).toMatchObject({ kind: "unavailable" });
    expect(performance.now() - started).toBeLessThan(8000);
    const next = await watching(client, "hang/");
    expect(next.watch.member).not.toBe(hung.endpoint);
  });

  test("nobody knows what became of a change that a hanging member was sent", async () => {
    const client = connect(await leaderFirst(), { timeoutMs: 1500 });
    await client.range({ key: bytes("x") });
    (await cluster.leader()).pause();
    const error = await rejection(client.txn({ compare: [], success: [put("unknown/a")] }));
    expect(error).toMatchObject({ kind: "unknown-outcome", code: "ETCD_OUTCOME_UNKNOWN" });
    expect(error.message).toContain("may have been carried out");
    // The next one goes elsewhere.
    await until("a change is made", () =>
      client.txn({ compare: [], success: [put("unknown/b")] }).then(
        () => true,
        () => undefined,
      ),
    );
  });

  test("a change goes to another member when the first refuses connections", async () => {
    const endpoints = await leaderFirst();
    const [, follower] = endpoints;
    await cluster.members.find(({ endpoint }) => endpoint === follower)?.kill();
    const client = connect([follower as string, endpoints[0] as string]);
    expect(await client.txn({ compare: [], success: [put("refuse/a")] })).toMatchObject({ succeeded: true });
  });

  test("a member without the others has no leader, and ends the watch", async () => {
    const [leader, follower, other] = await leaderFirst();
    const client = connect([follower as string]);
    const heard = await watching(client, "alone/");
    await Promise.all(cluster.members.filter(({ endpoint }) => endpoint !== follower).map((member) => member.kill()));
    const error = await heard.ended();
    expect(error).toMatchObject({ kind: "unavailable" });
    expect(error.message).toContain("no leader");
    const read = await rejection(connect([leader, follower, other] as string[]).range({ key: bytes("x") }));
    expect(read).toMatchObject({ kind: "unavailable" });
    for (const endpoint of cluster.endpoints) expect(read.message).toContain(endpoint);
  });

  test("all members are killed and come back", async () => {
    const client = connect(cluster.endpoints);
    const { header } = await client.txn({ compare: [], success: [put("back/a")] });
    const heard = await watching(client, "back/");
    await Promise.all(cluster.members.map((member) => member.kill()));
    expect(await heard.ended()).toMatchObject({ kind: "unavailable" });
    expect(await rejection(client.range({ key: bytes("x") }))).toMatchObject({ kind: "unavailable" });
    for (const member of cluster.members) member.start();
    const { kvs } = await until("etcd answers", () => client.range(below("back/")).catch(() => undefined));
    expect(kvs.map((kv) => kv.modRevision)).toEqual([header.revision]);
    const again = new Heard(client, "back/", header.revision);
    await until("the event is there", () => again.events.length === 1 || undefined);
  });
});

describe("authentication", () => {
  const PASSWORD = "correct horse";
  let cluster: EtcdCluster;
  let endpoint: string[];
  beforeAll(async () => {
    cluster = await EtcdCluster.start({ args: ["--auth-token-ttl=1"] });
    endpoint = cluster.endpoints;
    const member = cluster.members[0] as EtcdMember;
    await cluster.etcdctl(member, "user", "add", `root:${PASSWORD}`);
    await cluster.etcdctl(member, "user", "add", `reader:${PASSWORD}`);
    await cluster.etcdctl(member, "user", "grant-role", "root", "root");
    await cluster.etcdctl(member, "role", "add", "reading");
    await cluster.etcdctl(member, "role", "grant-permission", "reading", "read", "--prefix=true", "open/");
    await cluster.etcdctl(member, "user", "grant-role", "reader", "reading");
    await cluster.etcdctl(member, "auth", "enable");
  });
  afterAll(() => cluster.stop());

  const as = (user: string, password: () => string = () => PASSWORD) =>
    connect(endpoint, { credentials: { user, password } });

  test("who is logged in may do what its roles permit", async () => {
    await as("root").txn({ compare: [], success: [put("open/a", "1"), put("shut/a", "2")] });
    const reader = as("reader");
    const { kvs, header } = await reader.range(below("open/"));
    expect(kvs.map(({ value }) => text(value))).toEqual(["1"]);
    expect(await rejection(reader.range(below("shut/")))).toMatchObject({ kind: "permission-denied" });
    const writing = reader.txn({ compare: [], success: [put("open/a")] });
    expect(await rejection(writing)).toMatchObject({ kind: "permission-denied", code: "ETCD_DENIED" });
    const open = new Heard(reader, "open/", header.revision);
    await until("the event is there", () => open.events.length === 1 || undefined);
    expect(await new Heard(reader, "shut/", 1).ended()).toMatchObject({ kind: "permission-denied" });
  });

  test("a wrong password, one that cannot be had, and none are errors that do not tell it", async () => {
    const wrong = await rejection(as("reader", () => "wrong horse").range(below("open/")));
    expect(wrong).toMatchObject({ kind: "unauthenticated", code: "ETCD_DENIED" });
    expect(wrong.message).toContain('log in as "reader"');
    expect(JSON.stringify([wrong.message, wrong.remedy])).not.toContain("horse");
    const lost = as("reader", () => {
      throw new Error("no such file");
    });
    expect((await rejection(lost.range(below("open/")))).message).toContain("get the password: no such file");
    expect(await new Heard(lost, "open/", 1).ended()).toMatchObject({ kind: "unauthenticated" });
    expect(await rejection(connect(endpoint).range(below("open/")))).toMatchObject({ code: "ETCD_DENIED" });
    expect(await new Heard(connect(endpoint), "open/", 1).ended()).toMatchObject({ code: "ETCD_DENIED" });
  });

  test("a token that has expired is followed by another login, with the password of today", async () => {
    let asked = 0;
    const reader = as("reader", () => {
      asked++;
      return PASSWORD;
    });
    await reader.range(below("open/"));
    await reader.range(below("open/"));
    expect(asked).toBe(1);
    // Twice the time that it has, and that between two looks at it.
    const expire = () => new Promise((resolve) => setTimeout(resolve, 3000));
    await expire();
    await Promise.all([reader.range(below("open/")), reader.range(below("open/"))]);
    expect(asked).toBe(2);
    await expire();
    const heard = new Heard(reader, "open/", 1);
    await heard.ready();
    await until("the event is there", () => heard.events.length >= 1 || undefined);
    expect(asked).toBe(3);
  });
});

describe("TLS with client certificates", () => {
  let certificates: TestCertificates;
  let strangers: TestCertificates;
  let cluster: EtcdCluster;
  beforeAll(async () => {
    [certificates, strangers] = await Promise.all([makeCertificates(), makeCertificates()]);
    cluster = await EtcdCluster.start({ certificates });
  });
  afterAll(async () => {
    await cluster.stop();
    certificates.remove();
    strangers.remove();
  });

  const failure = (tls: EtcdOptions["tls"], members = cluster.endpoints) =>
    rejection(connect(members, tls && { tls }).range({ key: bytes("a") }));
  const pair = ({ client: { certificate, key } }: TestCertificates) => ({ certificate, key });

  test("certificates of one authority are accepted", async () => {
    const client = connect(cluster.endpoints, { tls: { ca: certificates.ca, ...pair(certificates) } });
    expect(await client.txn({ compare: [], success: [put("a")] })).toMatchObject({ succeeded: true });
  });

  test("an authority that is not known here", async () => {
    const error = await failure({ ca: strangers.ca, ...pair(certificates) });
    expect(error).toMatchObject({ kind: "tls", code: "ETCD_TLS" });
    expect(error.message).toContain("signed by an authority that is not trusted here");
    expect(error.remedy).toContain("as ca");
  });

  test("a client certificate that is missing, or of others", async () => {
    for (const tls of [{ ca: certificates.ca }, { ca: certificates.ca, ...pair(strangers) }]) {
      const error = await failure(tls);
      expect(error).toMatchObject({ kind: "tls", code: "ETCD_TLS" });
      expect(error.message).toContain("it does not accept the client certificate, or wants one");
      expect(error.remedy).toContain("--trusted-ca-file");
    }
  });

  test("a name that the certificate does not have", async () => {
    const byName = cluster.endpoints.map((endpoint) => endpoint.replace("127.0.0.1", "localhost"));
    const error = await failure({ ca: certificates.ca, ...pair(certificates) }, byName);
    expect(error.message).toContain("its certificate is for other names");
    expect(error.kind).toBe("tls");
  });

  test("a client without TLS, and one with something that is no certificate", async () => {
    expect((await failure(undefined)).message).toContain("perhaps it speaks TLS alone");
    const bad = { ca: certificates.ca, certificate: Buffer.from("no"), key: certificates.client.key };
    expect(() => new EtcdClient({ members: cluster.endpoints, tls: bad })).toThrow("use the certificates for etcd");
  });
});
