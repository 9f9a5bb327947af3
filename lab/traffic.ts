// Traffic with an account of it: pings by sequence number, TCP with a checksum at both ends.

import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { UnumError } from "../src/errors.ts";
import { execute, inside, type Namespace, runIn, spawnIn, stop } from "./network.ts";
import type { TransferSide } from "./transfer.ts";

/** Top of the checkout or installation, from here or from the compiled copy of here. */
export const ROOT = (() => {
  let at = import.meta.dirname;
  while (!existsSync(join(at, "package.json"))) at = dirname(at);
  return at;
})();

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** Sequence numbers, from 1, that no answer came for. */
  readonly lost: readonly number[];
  readonly duplicates: number;
  /** Milliseconds; undefined when nothing came back. */
  readonly averageMs?: number;
}

export interface PingOptions {
  readonly count?: number;
  readonly intervalMs?: number;
  /** How long to wait when nothing answers; on a busy machine an answer can take a second. */
  readonly waitMs?: number;
  /** Of the ICMP message, without its header of 8 bytes. */
  readonly payloadBytes?: number;
  readonly timeToLive?: number;
  readonly dontFragment?: boolean;
  /** From this address instead of the first one. */
  readonly from?: string;
}

function pingArguments(address: string, options: PingOptions): string[] {
  const { count = 3, intervalMs = 20, waitMs = 5000 } = options;
  return [
    ...["ping", "-n", "-c", String(count), "-i", String(intervalMs / 1000), "-W", String(waitMs / 1000)],
    ...(options.payloadBytes === undefined ? [] : ["-s", String(options.payloadBytes)]),
    ...(options.timeToLive === undefined ? [] : ["-t", String(options.timeToLive)]),
    ...(options.dontFragment ? ["-M", "do"] : []),
    ...(options.from === undefined ? [] : ["-I", options.from]),
    address,
  ];
}

/** Reads the output of iputils' ping. */
export function readPing(output: string): PingResult {
  const totals = /^(\d+) packets transmitted, (\d+) received/m.exec(output);
  if (!totals) throw new UnumError("SYSTEM_CALL", `run ping: no summary in its output:\n${output.slice(-2000)}`);
  const sent = Number(totals[1]);
  const answered = new Set<number>();
  let duplicates = 0;
  for (const [line, sequence] of output.matchAll(/^\d+ bytes from .*icmp_seq=(\d+) .*$/gm)) {
    if (line.includes("(DUP!)")) duplicates++;
    answered.add(Number(sequence));
  }
  const lost = Array.from({ length: sent }, (_, index) => index + 1).filter((sequence) => !answered.has(sequence));
  const average = /^rtt min\/avg\/max\/mdev = [\d.]+\/([\d.]+)/m.exec(output)?.[1];
  return { sent, received: answered.size, lost, duplicates, ...(average ? { averageMs: Number(average) } : {}) };
}

/** Pings to the end. */
export async function ping(from: Namespace, address: string, options: PingOptions = {}): Promise<PingResult> {
  return (await pingText(from, address, options)).result;
}

/** Pings to the end; `text` has the ICMP errors that came back. */
export async function pingText(from: Namespace, address: string, options: PingOptions = {}) {
  const { stdout, stderr } = await execute(...inside(from, pingArguments(address, options)));
  return { result: readPing(stdout), text: stdout + stderr };
}

/** A ping that goes on while other things happen; `end` stops it and gives its account. */
export interface RunningPing {
  end(): Promise<PingResult>;
}

/** Starts pinging, and returns when the first answer is there. */
export async function startPing(from: Namespace, address: string, intervalMs = 5): Promise<RunningPing> {
  const child = spawnIn(from, pingArguments(address, { count: 1_000_000, intervalMs }));
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout ?? process.stdin });
  reader.on("line", (line) => lines.push(line));
  const deadline = AbortSignal.timeout(5000);
  try {
    while (!lines.some((line) => line.includes("icmp_seq="))) await once(reader, "line", { signal: deadline });
  } catch (cause) {
    await stop(child);
    throw new UnumError("SYSTEM_CALL", `ping ${address} from ${from.name}: no answer within 5 s`, { cause });
  }
  return {
    async end() {
      // SIGINT makes it print its summary. A request sent just now may still be on its way: it waits no more for it.
      const closed = once(reader, "close");
      child.kill("SIGINT");
      await closed;
      const result = readPing(lines.join("\n"));
      const tail = result.lost.at(-1) === result.sent ? 1 : 0;
      return tail ? { ...result, sent: result.sent - 1, lost: result.lost.slice(0, -1) } : result;
    },
  };
}

/** Sends bytes over TCP from one namespace to an address in another, and compares what both saw. */
export async function transfer(from: Namespace, to: Namespace, address: string, bytes: number, port = 5201) {
  const program = [process.execPath, join(ROOT, "dist/lab/transfer.js")];
  const receiver = spawnIn(to, [...program, "receive", address, String(port)]);
  try {
    const lines = createInterface({ input: receiver.stdout ?? process.stdin })[Symbol.asyncIterator]();
    const ready: IteratorResult<string> = await lines.next();
    if (ready.value !== "ready")
      throw new UnumError("SYSTEM_CALL", `receive on ${address} in ${to.name}: ${ready.value}`);
    const sent = read(await runIn(from, [...program, "send", address, String(port), String(bytes)]));
    const received = read(String((await lines.next()).value));
    return { sent, received, intact: sent.sha256 === received.sha256 && received.bytes === bytes };
  } finally {
    await stop(receiver);
  }
}

const read = (line: string) => JSON.parse(line) as TransferSide;
