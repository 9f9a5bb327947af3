// One TCP transfer, run in two namespaces: `node transfer.js receive ADDRESS PORT` and `… send ADDRESS PORT BYTES IDLE_MS`. Each
// prints a line of JSON with the bytes it saw and their SHA-256, so that the two can be compared.

import { createHash } from "node:crypto";
import { connect, createServer } from "node:net";

/** What one side saw. */
export interface TransferSide {
  readonly bytes: number;
  readonly sha256: string;
  readonly seconds: number;
}

const [direction, address = "", port = "", bytes = "", idleMs = ""] = process.argv.slice(2);
if (direction === "receive") receive();
else if (direction === "send") await send(Number(bytes), Number(idleMs));
else {
  console.error(`transfer: read argument ${direction}: expected receive or send`);
  process.exitCode = 2;
}

function report(side: TransferSide): void {
  console.log(JSON.stringify(side));
}

/** Prints "ready" when it listens; takes one connection; answers with a byte when it has all of it. */
function receive(): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const hash = createHash("sha256");
    const began = performance.now();
    let count = 0;
    socket.on("data", (chunk) => {
      hash.update(chunk);
      count += chunk.length;
    });
    socket.on("end", () => {
      report({ bytes: count, sha256: hash.digest("hex"), seconds: (performance.now() - began) / 1000 });
      socket.end("!");
      server.close();
    });
  });
  server.listen(Number(port), address, () => console.log("ready"));
}

/** Sends a stream that differs at every offset, and waits for the receiver's word. */
async function send(total: number, idleLimitMs: number): Promise<void> {
  const socket = connect(Number(port), address);
  socket.setTimeout(idleLimitMs, () =>
    socket.destroy(new Error(`send to ${address}: nothing moved for ${idleLimitMs} ms`)),
  );
  const hash = createHash("sha256");
  const began = performance.now();
  let state = 1;
  for (let sent = 0; sent < total; ) {
    const chunk = Buffer.alloc(Math.min(65_536, total - sent));
    for (let at = 0; at + 4 <= chunk.length; at += 4) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      chunk.writeUInt32LE(state, at);
    }
    hash.update(chunk);
    sent += chunk.length;
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once("drain", resolve));
  }
  await new Promise((resolve) => socket.once("data", resolve).end());
  report({ bytes: total, sha256: hash.digest("hex"), seconds: (performance.now() - began) / 1000 });
}
