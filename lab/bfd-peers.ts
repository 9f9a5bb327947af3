// Many BFD peers in one process: `node bfd-peers.js FIRST_ADDRESS COUNT EDGE INTERVAL_MS MULTIPLIER`, in a namespace to which those
// addresses are local. More than bfdd has room for. They keep sessions with the edge, and have its own code for them: whether that
// fits other implementations is for others to show.
//
// "ready" when all listen. A line on stdin is a command, and each has a line of JSON as its answer:
//   report           what the sessions are, and how often they fell
//   flap FROM COUNT  takes so many out, waits, and puts them back

import { createSocket, type Socket } from "node:dgram";
import { createInterface } from "node:readline";
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from "../src/address/index.ts";
import { type Peer, Sessions } from "../src/bfd/index.ts";

export interface PeersReport {
  readonly up: number;
  /** Times that a session fell which nobody took out. */
  readonly falls: number;
  /** Longest time that this process did not look at its timers, milliseconds: its own part in what is late. */
  readonly stoodStillMs: number;
}

/** RFC 5881 section 4. */
const PORT = 3784;
const SOURCE_PORTS = { first: 49_152, count: 16_384 };
const TTL = 255;
const TICK_MS = 2;
/** How long those that flap are away, beyond what the edge takes to hear of it. */
const AWAY_MS = 100;
const EDGE = "edge";

const [first = "", count = "", edge = "", intervalMs = "", multiplier = ""] = process.argv.slice(2);
const nowUs = (): number => Math.round(performance.now() * 1000);

const peer: Peer = {
  name: EDGE,
  address: parseIpv4(edge),
  multihop: false,
  config: { intervalUs: Number(intervalMs) * 1000, multiplier: Number(multiplier) },
};
let falls = 0;
const out = new Set<Sessions>();

async function bound(address: string, port: number): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, address, resolve);
  });
  socket.setTTL(TTL);
  socket.on("error", () => {}); // a datagram that the network refused is one that is lost
  return socket;
}

async function listen(at: number): Promise<Sessions> {
  const address = ipv4FromNumber(ipv4ToNumber(parseIpv4(first)) + at);
  const receiver = await bound(address, PORT);
  const sender = await bound(address, SOURCE_PORTS.first + (at % SOURCE_PORTS.count));
  const sessions: Sessions = new Sessions({
    random: Math.random,
    send: (_, bytes) => sender.send(bytes, PORT, edge),
    changed: ({ from, to }) => {
      if (from === "up" && to === "down" && !out.has(sessions)) falls++;
    },
  });
  sessions.put(peer, nowUs());
  receiver.on("message", (bytes, { address: from }) => {
    if (from === edge) sessions.receive({ from: peer.address, multihop: false, ttl: TTL, bytes }, nowUs());
  });
  return sessions;
}

const all = await Promise.all(Array.from({ length: Number(count) }, (_, at) => listen(at)));

let [tickedMs, stoodStillMs] = [performance.now(), 0];
setInterval(() => {
  const now = nowUs();
  stoodStillMs = Math.max(stoodStillMs, performance.now() - tickedMs);
  tickedMs = performance.now();
  for (const sessions of all) {
    if (sessions.nextUs > now) continue;
    sessions.sendDue(now);
    // What came in meanwhile is read before anybody is given up.
    setImmediate(() => sessions.expireDue(now));
  }
}, TICK_MS);

function report(): PeersReport {
  const up = all.filter((sessions) => sessions.get(EDGE)?.state === "up").length;
  return { up, falls, stoodStillMs: Math.round(stoodStillMs) };
}

async function flap(from: number, count: number): Promise<void> {
  const some = all.slice(from, from + count);
  for (const sessions of some) {
    out.add(sessions);
    sessions.administer(EDGE, true, nowUs());
  }
  await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
  for (const sessions of some) sessions.administer(EDGE, false, nowUs());
  while (!some.every((sessions) => sessions.get(EDGE)?.state === "up"))
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  for (const sessions of some) out.delete(sessions);
}

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...numbers] = line.split(" ");
  if (command === "flap") await flap(...(numbers.map(Number) as [number, number]));
  console.log(JSON.stringify(report()));
}
process.exit();
