// What commands write into etcd, and what they refuse to write: with etcd itself, and with somebody else at the same keys.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EtcdClient } from "../../src/etcd/index.ts";
import { readPresent } from "../../src/source/etcd-present.ts";
import { carryOut, planPublication } from "../../src/source/etcd-publish.ts";
import { changeEtcd } from "../../src/source/etcd-write.ts";
import { type Outcome, unum } from "../support/cli.ts";
import { EtcdCluster } from "../support/etcd.ts";

const DOCUMENT = `version: 1
edge: {address: 10.2.0.1}
profiles: {default: {ttl: 32}}
servers:
  s1: {address: 10.2.0.2, standby: s2}
  s2: {address: 10.2.0.3}
gateways: {gw1: {address: 10.2.0.9, mac: 02:00:00:00:00:09}}
tenants:
  acme:
    vni: 100
    routes: [{prefix: 172.16.0.0/12, via: [gw1]}]
    vms:
      172.16.0.5: {server: s1, mac: 02:00:00:00:00:05}
      172.16.0.6: {server: s2, mac: 02:00:00:00:00:06}
      172.16.0.7: {server: s2, mac: 02:00:00:00:00:07}
`;
const KEYS = [
  "gateways/gw1",
  "profiles/default",
  "servers/s1",
  "servers/s2",
  "tenants/acme",
  "tenants/acme/routes/172.16.0.0_12",
  "tenants/acme/vms/172.16.0.5",
  "tenants/acme/vms/172.16.0.6",
  "tenants/acme/vms/172.16.0.7",
];
const PREFIX = "/unum/v1/";
const MARK = "allow-mass-delete";

let etcd: EtcdCluster;
let client: EtcdClient;
let directory: string;
beforeAll(async () => {
  etcd = await EtcdCluster.start();
  client = new EtcdClient({ members: etcd.endpoints });
  directory = mkdtempSync(join(tmpdir(), "etcd-write-"));
});
afterAll(async () => {
  client?.close();
  await etcd?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const ctl = (...args: string[]): Promise<string> => etcd.etcdctl(etcd.members[0] as never, ...args);
const put = (key: string, value: string) => ctl("put", PREFIX + key, value);
const value = async (key: string): Promise<string> => (await ctl("get", "--print-value-only", PREFIX + key)).trim();
const keys = async (): Promise<string[]> =>
  (await ctl("get", "--prefix", "--keys-only", PREFIX))
    .split("\n")
    .filter((line) => line !== "")
    .map((key) => key.slice(PREFIX.length));
const revisionOf = async (key: string): Promise<number> =>
  JSON.parse(await ctl("get", "-w", "json", PREFIX + key)).kvs[0].mod_revision;

/** A command with etcd as its source, and no daemon anywhere. */
const with_ = (...words: string[]): Promise<Outcome> =>
  unum(...words, "--source", `etcd:http://${etcd.endpoints[0]}`, "--pin-dir", join(directory, "nowhere"));
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
const publish = (text: string, ...options: string[]) => with_("publish", ...options, file("state.yaml", text));

beforeEach(async () => {
  await ctl("del", "--prefix", PREFIX);
  expect((await publish(DOCUMENT)).status).toBe(0);
});

describe("publish", () => {
  it("puts every object of a document but its edge", async () => {
    expect(await keys()).toEqual(KEYS);
    expect(JSON.parse(await value("servers/s1"))).toEqual({ address: "10.2.0.2", standby: "s2" });
    expect(JSON.parse(await value("tenants/acme"))).toEqual({ vni: 100 });
    expect(JSON.parse(await value("tenants/acme/routes/172.16.0.0_12"))).toEqual({ via: ["gw1"] });
    expect(JSON.parse(await value("tenants/acme/vms/172.16.0.5"))).toEqual({ server: "s1", mac: "02:00:00:00:00:05" });
  });

  it("writes nothing that is there, however it is spelt", async () => {
    await put("servers/s1", '{ "standby": "s2",\n "address": "10.2.0.2" }');
    const before = await revisionOf("servers/s1");
    expect((await publish(DOCUMENT)).stdout).toContain("0 keys put, 0 deleted, 9 as they were");
    expect(await revisionOf("servers/s1")).toBe(before);
  });

  it("changes, adds and deletes what differs, and says before what that would be", async () => {
    await put("servers/s9", '{"address":"10.2.0.99"}');
    await put("nonsense", "{}");
    const changed = DOCUMENT.replace("ttl: 32", "ttl: 16").replace(/ +172\.16\.0\.7.*\n/, "");
    const dry = await publish(changed, "--dry-run");
    expect(dry).toMatchObject({ status: 3, stderr: "" });
    expect(dry.stdout.split("\n")).toEqual([
      "~ /unum/v1/profiles/default",
      "- /unum/v1/nonsense",
      "- /unum/v1/tenants/acme/vms/172.16.0.7",
      "- /unum/v1/servers/s9",
      "1 key to put, 3 to delete, 7 as they are",
      "",
    ]);
    expect(await keys()).toContain("nonsense");
    expect((await publish(changed)).stdout).toContain("1 key put, 3 deleted, 7 as they were");
    expect(await keys()).toEqual(KEYS.filter((key) => !key.endsWith(".7")));
    expect(await publish(changed, "--dry-run")).toMatchObject({
      status: 0,
      stdout: "nothing to do: etcd holds what the document says, 8 keys\n",
    });
  });

  it("refuses to delete more than half of a kind, unless that is meant, and then tells all edges so", async () => {
    const less = DOCUMENT.replace(/ +172\.16\.0\.[67].*\n/g, "");
    const refused = await publish(less);
    expect(refused).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("publish: 2 of 3 vms would go at once; nothing was written [MASS_DELETE]"),
    });
    expect(await keys()).toEqual(KEYS);
    expect((await publish(less, "--allow-mass-delete")).status).toBe(0);
    expect(await keys()).toEqual([MARK, ...KEYS.slice(0, -2)]);
    // A key of no object is none that is published over.
    expect((await publish(less)).stdout).toContain("0 keys put, 0 deleted, 7 as they were");
  });

  it("does not overwrite what others change between its look and its write", async () => {
    const wanted = [
      { key: `${PREFIX}servers/s1`, value: '{"address":"10.2.0.22"}' },
      { key: `${PREFIX}servers/s3`, value: '{"address":"10.2.0.33"}' },
    ];
    const options = { prune: () => false, allowMassDelete: false };
    const plan = planPublication(await readPresent(client, PREFIX), PREFIX, wanted, options);
    await put("servers/s3", '{"address":"10.2.0.77"}');
    await expect(carryOut(client, PREFIX, plan, options)).rejects.toMatchObject({
      code: "SOURCE_CONFLICT",
      message: expect.stringContaining("0 of 2 changes are written"),
    });
    expect(await value("servers/s3")).toContain("10.2.0.77");
    expect(await value("servers/s1")).not.toContain("10.2.0.22");
  });

  it("does not write what refers to an object that went meanwhile", async () => {
    const wanted = [
      { key: `${PREFIX}tenants/acme/vms/172.16.0.8`, value: '{"server":"s1","mac":"02:00:00:00:00:08"}' },
    ];
    const options = { prune: () => false, allowMassDelete: false };
    const plan = planPublication(await readPresent(client, PREFIX), PREFIX, wanted, options);
    await ctl("del", `${PREFIX}servers/s1`);
    await expect(carryOut(client, PREFIX, plan, options)).rejects.toMatchObject({ code: "SOURCE_CONFLICT" });
    expect(await keys()).not.toContain("tenants/acme/vms/172.16.0.8");
  });

  it("puts the heir of a VNI in its tenant's place before it takes that one's VMs away", async () => {
    const renamed = DOCUMENT.replace("  acme:", "  acme2:");
    const deleted = (await publish(renamed, "--dry-run", "--allow-mass-delete")).stdout
      .split("\n")
      .filter((line) => line.startsWith("- "));
    expect(deleted[0]).toBe("- /unum/v1/tenants/acme");
    expect(deleted).toHaveLength(5);
    expect((await publish(renamed, "--allow-mass-delete")).status).toBe(0);
    expect((await keys()).filter((key) => key.startsWith("tenants/"))).toHaveLength(5);
  });

  it("divides what is too large for one transaction", async () => {
    const names = Array.from({ length: 900 }, (_, n) => `server-with-a-long-name-${n}`);
    const servers = names.map((name, n) => `  ${name}: {address: 10.3.${n >> 8}.${n & 255}}\n`).join("");
    const tenants = Array.from(
      { length: 60 },
      (_, n) => `  t${n}: {vni: ${1000 + n}, servers: [${names.join(", ")}]}\n`,
    );
    const large = DOCUMENT.replace("  s2:", `${servers}  s2:`) + tenants.join("");
    expect(await publish(large)).toMatchObject({ status: 0, stdout: expect.stringContaining("960 keys put") });
    expect((await with_("tenant", "set", "t1", "--vni", "999")).stderr).toBe("");
  });

  it("writes more keys than one transaction takes, each after what it needs, and deletes the other way", async () => {
    const vms = Array.from(
      { length: 1000 },
      (_, n) => `      10.0.${n >> 8}.${n & 255}: {server: s3, mac: 02:00:00:00:00:01}\n`,
    );
    const grown = DOCUMENT.replace("  s2:", "  s3: {address: 10.2.0.4}\n  s2:") + vms.join("");
    const before = await revisionOf("tenants/acme");
    expect((await publish(grown)).stdout).toContain("1001 keys put");
    expect(await revisionOf("servers/s3")).toBeLessThan(await revisionOf("tenants/acme/vms/10.0.0.0"));
    expect(await revisionOf("tenants/acme")).toBe(before);
    expect(await keys()).toHaveLength(KEYS.length + 1001);
    expect((await publish(DOCUMENT, "--allow-mass-delete")).stdout).toContain("1001 deleted");
    expect(await keys()).toEqual([MARK, ...KEYS]);
  });

  it("wants an etcd", async () => {
    const outcome = await unum("publish", file("state.yaml", DOCUMENT), "--pin-dir", join(directory, "nowhere"));
    expect(outcome).toMatchObject({ status: 2, stderr: expect.stringContaining("name it with --source etcd:URL") });
  });
});

describe("vm import", () => {
  const line = (address: string, server = "s1") =>
    `{"address":"${address}","server":"${server}","mac":"02:00:00:00:00:0a"}\n`;

  it("puts VMs, and with --replace takes those of the tenant away that the file does not have", async () => {
    await put("tenants/other", '{"vni":7}');
    await put("tenants/other/vms/10.9.0.1", '{"server":"s1","mac":"02:00:00:00:00:0b"}');
    const vms = file("vms.ndjson", line("172.16.0.5", "s2") + line("172.16.1.1"));
    expect((await with_("vm", "import", "--tenant", "acme", vms)).stdout).toContain("2 keys put, 0 deleted");
    expect(await keys()).toContain("tenants/acme/vms/172.16.0.6");
    expect(await value("tenants/acme/vms/172.16.0.5")).toContain('"s2"');
    expect((await with_("vm", "import", "--replace", "--tenant", "acme", vms)).stdout).toContain(
      "0 keys put, 2 deleted",
    );
    expect((await keys()).filter((key) => key.includes("/vms/"))).toEqual([
      "tenants/acme/vms/172.16.0.5",
      "tenants/acme/vms/172.16.1.1",
      "tenants/other/vms/10.9.0.1",
    ]);
  });

  it("writes nothing when a line is wrong, and says where", async () => {
    const vms = file("bad.ndjson", line("172.16.1.1") + line("172.16.1.2", "s7"));
    expect(await with_("vm", "import", "--tenant", "acme", vms)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/bad\.ndjson:2:\d+: server: no server is named "s7"/),
    });
    expect(await keys()).toEqual(KEYS);
  });
});

describe("set and delete", () => {
  it("change one object and leave its other fields", async () => {
    expect((await with_("server", "set", "s1", "--address", "10.2.0.42")).stdout).toMatch(
      /^written as revision \d+; no daemon/,
    );
    expect(JSON.parse(await value("servers/s1"))).toEqual({ address: "10.2.0.42", standby: "s2" });
    expect((await with_("vm", "delete", "acme", "172.16.0.5")).status).toBe(0);
    expect(await keys()).not.toContain("tenants/acme/vms/172.16.0.5");
  });

  it.each([
    [["vm", "set", "acme", "172.16.0.8", "--server", "s7", "--mac", "02:00:00:00:00:08"], /no server is named "s7"/],
    [["server", "delete", "s2"], /tenants\/acme\/vms\/: .*2 VMs on it are kept out/],
    [["gateway", "delete", "gw1"], /tenants\/acme\/routes\/172\.16\.0\.0_12: .*gw1/],
    [
      ["vm", "set", "nobody", "172.16.0.8", "--server", "s1", "--mac", "02:00:00:00:00:08"],
      /no tenant is named "nobody"/,
    ],
    [["vm", "delete", "acme", "172.16.0.99"], /there is no such key/],
  ])("%j is refused", async (words, why) => {
    const outcome = await with_(...words);
    expect(outcome).toMatchObject({ status: 1, stdout: "" });
    expect(outcome.stderr).toMatch(why);
    expect(await keys()).toEqual(KEYS);
  });

  it("are not refused for what was wrong before", async () => {
    await put("tenants/acme/vms/172.16.0.9", '{"server":"s7","mac":"02:00:00:00:00:09"}');
    expect((await with_("server", "set", "s1", "--address", "10.2.0.42")).status).toBe(0);
    expect(
      (await with_("vm", "set", "acme", "172.16.0.8", "--server", "s1", "--mac", "02:00:00:00:00:08")).status,
    ).toBe(0);
    expect((await with_("vm", "delete", "acme", "172.16.0.9")).status).toBe(0);
  });

  it("try again when somebody was faster, and give up when somebody always is", async () => {
    let faster = 1;
    const racing = (times: number): EtcdClient =>
      new Proxy(client, {
        get(target, name) {
          if (name !== "txn") return Reflect.get(target, name).bind(target);
          return async (request: Parameters<EtcdClient["txn"]>[0]) => {
            if (faster++ <= times) await put("servers/s1", `{"address":"10.2.1.${faster}","standby":"s2"}`);
            return target.txn(request);
          };
        },
      });
    const withMac = (mac: string) => [{ op: "merge", path: ["servers", "s1"], value: { mac } }] as const;
    await changeEtcd(racing(2), PREFIX, withMac("02:00:00:00:00:01"));
    expect(JSON.parse(await value("servers/s1"))).toEqual({
      address: "10.2.1.3",
      standby: "s2",
      mac: "02:00:00:00:00:01",
    });
    faster = 1;
    await expect(changeEtcd(racing(99), PREFIX, withMac("02:00:00:00:00:02"))).rejects.toMatchObject({
      code: "SOURCE_CONFLICT",
    });
    expect(await value("servers/s1")).not.toContain("02:00");
  });

  it("does not write a VM whose server goes at the same time", async () => {
    const racing = new Proxy(client, {
      get(target, name) {
        if (name !== "txn") return Reflect.get(target, name).bind(target);
        return async (request: Parameters<EtcdClient["txn"]>[0]) => {
          await ctl("del", `${PREFIX}servers/s1`);
          return target.txn(request);
        };
      },
    });
    const edit = {
      op: "merge",
      path: ["tenants", "acme", "vms", "172.16.0.8"],
      value: { server: "s1", mac: "02:00:00:00:00:08" },
    } as const;
    await expect(changeEtcd(racing, PREFIX, [edit])).rejects.toMatchObject({ code: "DOCUMENT_INVALID" });
    expect(await keys()).not.toContain("tenants/acme/vms/172.16.0.8");
  });
});
