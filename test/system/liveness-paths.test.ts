// Sessions over what lies between: another family, a router, a key at both ends; and packets that nobody should believe.

import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Edge } from "../../lab/edge.ts";
import type { Fabric } from "../../lab/fabric.ts";
import { ip, runIn, spawnIn } from "../../lab/network.ts";
import type { Status } from "../../src/daemon/protocol.ts";
import { DaemonProcess, until } from "../support/daemon.ts";
import { useFabric } from "../support/fabric.ts";
import { Bfdd, type BfddPeer } from "../support/frr.ts";

const EDGE = { v4: "10.2.0.1", v6: "2001:db8:2::1" };
const NEAR = { v4: "10.2.0.4", v6: "2001:db8:2::4" };
const ROUTER = { lan: ["10.2.0.254/24", "2001:db8:2::fe/64"], wan: ["10.3.0.254/24", "2001:db8:3::fe/64"] };
const FAR = { v4: "10.3.0.2", v6: "2001:db8:3::2" };
const both = ({ v4, v6 }: typeof EDGE) => [`${v4}/24`, `${v6}/64`];

/** `near` is in the edge's network, `far` behind a router. */
async function build(fabric: Fabric): Promise<Edge> {
  await fabric.add("edge", "near", "far");
  await fabric.addRouter("router");
  await fabric.addBridge("lan");
  await fabric.addBridge("wan");
  await fabric.plug("edge", "e1", "lan", { address: both(EDGE) });
  await fabric.plug("near", "u0", "lan", { address: both(NEAR) });
  await fabric.plug("router", "lan0", "lan", { address: ROUTER.lan });
  await fabric.plug("router", "wan0", "wan", { address: ROUTER.wan });
  await fabric.plug("far", "u0", "wan", { address: both(FAR) });
  const routes = (to: string, to6: string, via: string, via6: string) => [
    `route add ${to} via ${via}`,
    `route add ${to6} via ${via6}`,
  ];
  await ip(fabric.at("edge"), ...routes("10.3.0.0/24", "2001:db8:3::/64", "10.2.0.254", "2001:db8:2::fe"));
  await ip(fabric.at("far"), ...routes("10.2.0.0/24", "2001:db8:2::/64", "10.3.0.254", "2001:db8:3::fe"));
  return fabric.edge("edge", "");
}

const network = useFabric(build);
const at = (name: string) => network.fabric.at(name);
const running: DaemonProcess[] = [];
const peers: Bfdd[] = [];

afterEach(async () => {
  for (const one of running.splice(0)) await one.end("SIGKILL");
  for (const one of peers.splice(0)) await one[Symbol.asyncDispose]();
  for (const edge of network.fabric.edges) await edge.quietly("detach", "--all");
});

const documentOf = (own: typeof EDGE, nic: string, other: string, bfd: string) => `version: 1
edge:
  address: ${own.v4}
  address6: "${own.v6}"
  interfaces: [{name: ${nic}, role: underlay}]
profiles:
  default: {bfd: {${bfd}}}
servers:
  other: {address: "${other}"}
tenants:
  acme: {vni: 100, servers: [other]}
`;

async function bfdd(name: "near" | "far", peer: BfddPeer): Promise<Bfdd> {
  const one = await Bfdd.start(at(name), [peer]);
  peers.push(one);
  return one;
}

async function run(edge: Edge, document: string): Promise<DaemonProcess> {
  await edge.write(document);
  const daemon = new DaemonProcess(edge);
  running.push(daemon);
  await daemon.inSync();
  return daemon;
}

const isUp = ({ liveness }: Status) => liveness.up === 1 && liveness.heardByPackets === 1;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const drop = async (reason: string) => (await network.made.drops()).get(reason) ?? 0;

describe("a session with FRR", () => {
  it.each<[string, "near" | "far", "v4" | "v6", boolean]>([
    ["over IPv6", "near", "v6", false],
    ["over a router", "far", "v4", true],
    ["over a router and IPv6", "far", "v6", true],
  ])("%s comes up, and packets hear it", async (_, name, family, multihop) => {
    const local = (name === "near" ? NEAR : FAR)[family];
    const peer = await bfdd(name, { address: EDGE[family], local, intervalMs: 300, multihop });
    const bfd = `interval: 300ms, multiplier: 3, multihop: ${multihop}`;
    const daemon = await run(network.made, documentOf(EDGE, "e1", local, bfd));
    await daemon.reaches("up, and heard by packets", isUp);
    expect(await peer.peers()).toMatchObject([{ status: "up", "remote-transmit-interval": 300 }]);
    expect((await daemon.status()).liveness).toMatchObject({ stale: 0, troubles: [], discards: {} });
  });

  it("that says it is a neighbour's, and comes over a router, does not come up", async () => {
    const peer = await bfdd("far", { address: EDGE.v4, local: FAR.v4, intervalMs: 300 });
    const daemon = await run(network.made, documentOf(EDGE, "e1", FAR.v4, "interval: 300ms, multiplier: 3"));
    await until("packets of TTL 254 are dropped", async () => (await drop("liveness_ttl")) > 2);
    expect((await daemon.status()).liveness).toMatchObject({ sessions: 1, up: 0 });
    expect(await peer.peers()).toMatchObject([{ status: "down" }]);
  });
});

describe("a session with a key", () => {
  const other = () => network.fabric.edges.find(({ namespace }) => namespace.name === "near") as Edge;
  const bfdWith = (type: string, keyFile: string) =>
    `interval: 300ms, multiplier: 3, auth: {type: ${type}, keyId: 7, keyFile: ${keyFile}}`;

  /** The same daemon at both ends, with keys of these names. */
  async function together(type: string, secrets: readonly [string, string]): Promise<readonly DaemonProcess[]> {
    const directory = await mkdtemp(join(network.fabric.directory, "keys-"));
    const files = ["here", "there"].map((name) => join(directory, name));
    await Promise.all(files.map((file, index) => writeFile(file, `${secrets[index]}\n`)));
    if (other() === undefined) await network.fabric.edge("near", "");
    const here = await run(network.made, documentOf(EDGE, "e1", NEAR.v4, bfdWith(type, files[0] as string)));
    const there = await run(other(), documentOf(NEAR, "u0", EDGE.v4, bfdWith(type, files[1] as string)));
    return [here, there];
  }

  it.each([
    ["keyed-sha1", "Keyed SHA1"],
    ["meticulous-keyed-sha1", "Meticulous Keyed SHA1"],
  ])("comes up where both have it: %s", async (type, shown) => {
    for (const daemon of await together(type, ["open sesame", "open sesame"])) await daemon.reaches("up", isUp);
    // Somebody else reads it.
    const capture = spawnIn(at("near"), ["sh", "-c", "tshark -n -i u0 -c 4 -V -f 'udp port 3784' 2>/dev/null"]);
    let text = "";
    capture.stdout?.on("data", (bytes: Buffer) => {
      text += bytes.toString();
    });
    await once(capture, "close");
    expect(text).toContain(`Authentication Type: ${shown}`);
    expect(text).toContain("Authentication Key ID: 7");
    expect(text).not.toMatch(/Malformed|sesame/);
    for (const daemon of running)
      expect((await daemon.status()).liveness).toMatchObject({ up: 1, stale: 0, discards: {} });
  });

  it("does not come up where they differ, and tells", async () => {
    const [here] = await together("keyed-sha1", ["open sesame", "open barley"]);
    const status = await (here as DaemonProcess).reaches(
      "told of it",
      ({ liveness }) => (liveness.discards["auth-digest"] ?? 0) > 1,
    );
    expect(status.liveness.up).toBe(0);
  });
});

/** Sends control packets as bytes in hex with a TTL each, from an address of the namespace. */
const SENDER = `import socket, sys
for packet in sys.argv[3:]:
    ttl, text = packet.split(":")
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(ttl))
    one.bind((sys.argv[1], 0))
    one.sendto(bytes.fromhex(text), (sys.argv[2], 3784))
`;

describe("a control packet that nobody should believe", () => {
  const down = (first: string, length: string, your: string) =>
    `${first}4003${length}0000004d${your}${"000f4240".repeat(2)}00000000`;

  it("is dropped and counted by what is wrong with it, and the session stays up", async () => {
    const peer = await bfdd("near", { address: EDGE.v4, local: NEAR.v4, intervalMs: 300 });
    const daemon = await run(network.made, documentOf(EDGE, "e1", NEAR.v4, "interval: 300ms, multiplier: 3"));
    await daemon.reaches("up, and heard by packets", isUp);
    const names = [
      "liveness_version",
      "liveness_length",
      "liveness_discriminator",
      "liveness_ttl",
      "liveness_stranger",
    ];
    const counts = () => Promise.all(names.map(drop));
    const before = await counts();
    await ip(at("near"), "address add 10.2.0.77/24 dev u0");
    const send = (from: string, ...packets: string[]) =>
      runIn(at("near"), ["python3", "-c", SENDER, from, EDGE.v4, ...packets]);
    await send(
      NEAR.v4,
      `255:${down("00", "18", "00000000")}`,
      `255:${down("20", "19", "00000000")}`,
      `255:${down("20", "17", "00000000")}`,
      `255:${down("20", "18", "00000001")}`,
      `254:${down("20", "18", "00000000")}`,
    );
    await send("10.2.0.77", `255:${down("20", "18", "00000000")}`);
    const after = await counts();
    expect(after.map((count, index) => count - (before[index] as number))).toEqual([1, 2, 1, 1, 1]);
    await sleep(1000);
    expect((await daemon.status()).liveness).toMatchObject({ up: 1, stale: 0, discards: {} });
    expect(await peer.peers()).toMatchObject([{ status: "up" }]);
  });
});
