// A stream of numbered UDP datagrams, run in two namespaces: `node stream.js receive ADDRESS PORT` and
// `… send ADDRESS PORT COUNT PER_SECOND BYTES FLOWS FIRST_PORT`. The receiver says "ready", counts until its stdin ends, and prints what it saw as a
// line of JSON; the sender prints what it sent. Each flow has a source port of its own, from FIRST_PORT on; datagrams take turns.

import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";

/** What the receiver saw. */
export interface StreamReceived {
  /** Different datagrams. */
  readonly received: number;
  readonly duplicates: number;
  /** Numbers below the highest one seen that did not come, at most a hundred of them. */
  readonly missing: readonly number[];
  /** Datagrams that came after one with a higher number of the same flow. */
  readonly overtaken: number;
}

export interface StreamSent {
  readonly sent: number;
  readonly seconds: number;
}

/** A datagram begins with its number and its flow. */
const HEADER_BYTES = 8;

const [direction, address = "", port = "", ...rest] = process.argv.slice(2);
if (direction === "receive") receive();
else if (direction === "send") await send(rest.map(Number) as [number, number, number, number, number]);
else {
  console.error(`stream: read argument ${direction}: expected receive or send`);
  process.exitCode = 2;
}

function open(): Socket {
  return createSocket({ type: isIPv6(address) ? "udp6" : "udp4", recvBufferSize: 1 << 20, sendBufferSize: 1 << 20 });
}

function receive(): void {
  const socket = open();
  const seen = new Set<number>();
  const latest = new Map<number, number>();
  let [duplicates, overtaken, highest] = [0, 0, -1];
  socket.on("message", (bytes) => {
    const [number, flow] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
    if (seen.has(number)) duplicates++;
    seen.add(number);
    if (number < (latest.get(flow) ?? -1)) overtaken++;
    else latest.set(flow, number);
    highest = Math.max(highest, number);
  });
  socket.bind(Number(port), address, () => console.log("ready"));
  process.stdin.resume().on("end", () => {
    const missing = [];
    for (let number = 0; number < highest && missing.length < 100; number++)
      if (!seen.has(number)) missing.push(number);
    console.log(JSON.stringify({ received: seen.size, duplicates, missing, overtaken } satisfies StreamReceived));
    socket.close();
  });
}

async function send([count, perSecond, bytes, flows, first]: [number, number, number, number, number]): Promise<void> {
  const sockets = await Promise.all(
    Array.from({ length: flows }, async (_, flow) => {
      const socket = open();
      await new Promise<void>((resolve) => socket.bind(first + flow, resolve));
      await new Promise<void>((resolve) => socket.connect(Number(port), address, resolve));
      socket.on("error", () => {}); // what the network says about a datagram is not ours to act on
      return socket;
    }),
  );
  const began = performance.now();
  for (let number = 0; number < count; ) {
    const due = Math.min(count, Math.ceil(((performance.now() - began) * perSecond) / 1000) + 1);
    for (; number < due; number++) {
      const datagram = Buffer.alloc(Math.max(HEADER_BYTES, bytes));
      datagram.writeUInt32BE(number, 0);
      datagram.writeUInt32BE(number % flows, 4);
      await new Promise<void>((resolve) => sockets[number % flows]?.send(datagram, () => resolve()));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const seconds = (performance.now() - began) / 1000;
  for (const socket of sockets) socket.close();
  console.log(JSON.stringify({ sent: count, seconds } satisfies StreamSent));
}
