// Traffic with an account of it: pings by sequence number, TCP with a checksum at both ends.

import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { UnumError } from "../src/errors.ts";
import { execute, executeIn, inside, type Namespace, runIn, spawnIn, stop } from "./network.ts";
import type { StreamReceived, StreamSent } from "./stream.ts";
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
  /** DSCP of the requests. */
  readonly dscp?: number;
}

function pingArguments(address: string, options: PingOptions): string[] {
  const { count = 3, intervalMs = 20, waitMs = 5000 } = options;
  return [
    ...["ping", "-n", "-c", String(count), "-i", String(intervalMs / 1000), "-W", String(waitMs / 1000)],
    ...(options.payloadBytes === undefined ? [] : ["-s", String(options.payloadBytes)]),
    ...(options.timeToLive === undefined ? [] : ["-t", String(options.timeToLive)]),
    ...(options.dontFragment ? ["-M", "do"] : []),
    ...(options.from === undefined ? [] : ["-I", options.from]),
    ...(options.dscp === undefined ? [] : ["-Q", String(options.dscp << 2)]),
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

export interface TransferOptions {
  readonly port?: number;
  /** Gives up when nothing moved for so long. */
  readonly idleMs?: number;
}

/** Sends bytes over TCP from one namespace to an address in another, and compares what both saw. */
export async function transfer(
  from: Namespace,
  to: Namespace,
  address: string,
  bytes: number,
  { port = 5201, idleMs = 20_000 }: TransferOptions = {},
) {
  const program = [process.execPath, join(ROOT, "dist/lab/transfer.js")];
  const receiver = spawnIn(to, [...program, "receive", address, String(port)]);
  try {
    const lines = createInterface({ input: receiver.stdout ?? process.stdin })[Symbol.asyncIterator]();
    const ready: IteratorResult<string> = await lines.next();
    if (ready.value !== "ready")
      throw new UnumError("SYSTEM_CALL", `receive on ${address} in ${to.name}: ${ready.value}`);
    const sending = [...program, "send", address, String(port), String(bytes), String(idleMs)];
    const sent = read(await runIn(from, sending, { timeoutMs: 180_000 }));
    const received = read(String((await lines.next()).value));
    return { sent, received, intact: sent.sha256 === received.sha256 && received.bytes === bytes };
  } finally {
    await stop(receiver);
  }
}

const read = (line: string) => JSON.parse(line) as TransferSide;

/** The source port of a stream's flow 0; that of flow n is n more. */
export const FIRST_PORT = 20_000;

export interface StreamOptions {
  readonly count: number;
  readonly perSecond?: number;
  /** Of the UDP payload. */
  readonly bytes?: number;
  /** Source ports. */
  readonly flows?: number;
  readonly port?: number;
}

/** A stream of numbered datagrams on its way. */
export interface RunningStream {
  /** Waits until all are sent, and for the last of them to arrive; gives both sides' accounts. */
  end(): Promise<StreamSent & StreamReceived>;
}

/** Starts to send numbered UDP datagrams from one namespace to an address in another. */
export async function startStream(
  from: Namespace,
  to: Namespace,
  address: string,
  { count, perSecond = 2000, bytes = 64, flows = 1, port = 5300 }: StreamOptions,
): Promise<RunningStream> {
  const program = [process.execPath, join(ROOT, "dist/lab/stream.js")];
  const receiver = spawnIn(to, [...program, "receive", address, String(port)]);
  const lines = createInterface({ input: receiver.stdout ?? process.stdin })[Symbol.asyncIterator]();
  const ready: IteratorResult<string> = await lines.next();
  if (ready.value !== "ready") {
    await stop(receiver);
    throw new UnumError("SYSTEM_CALL", `receive on ${address} in ${to.name}: ${ready.value}`);
  }
  const limitMs = 30_000 + (count / perSecond) * 1000;
  const args = [address, port, count, perSecond, bytes, flows, FIRST_PORT].map(String);
  const sending = runIn(from, [...program, "send", ...args], { timeoutMs: limitMs });
  sending.catch(() => {}); // told by end()
  return {
    async end() {
      try {
        const sent = JSON.parse(await sending) as StreamSent;
        await sleep(300); // what is queued on the way
        receiver.stdin?.end();
        return { ...sent, ...(JSON.parse(String((await lines.next()).value)) as StreamReceived) };
      } finally {
        await stop(receiver);
      }
    },
  };
}

/** Sends numbered UDP datagrams, and gives both sides' accounts. */
export async function stream(from: Namespace, to: Namespace, address: string, options: StreamOptions) {
  return (await startStream(from, to, address, options)).end();
}

/** Addresses that traceroute shows on the way to an address, "*" for a hop that says nothing; the last one included. */
export async function traceroute(from: Namespace, address: string, hops = 8): Promise<readonly string[]> {
  const family = address.includes(":") ? "-6" : "-4";
  const options = [family, "-n", "-q", "1", "-N", "1", "-w", "2", "-m", String(hops)];
  const { stdout, stderr } = await executeIn(from, ["traceroute", ...options, address]);
  const found = [...stdout.matchAll(/^ *\d+ +(\S+)/gm)].map((line) => line[1] ?? "");
  if (found.length === 0)
    throw new UnumError("SYSTEM_CALL", `run traceroute to ${address}: no hop in its output:\n${stdout}${stderr}`);
  return found;
}

/** Frames that pass a device while `act` runs, as tshark's fields; those that match a capture filter (pcap-filter(7)). */
export async function capture<T>(
  at: Namespace,
  device: string,
  filter: string,
  fields: readonly string[],
  act: () => Promise<T>,
  decode: readonly string[] = [],
): Promise<{ readonly result: T; readonly frames: readonly Readonly<Record<string, string>>[] }> {
  const file = join(tmpdir(), `capture-${at.name}-${device}.pcap`);
  const tcpdump = spawnIn(at, [
    "sh",
    "-c",
    'exec tcpdump --immediate-mode -U -B 16384 -s 0 -n -i "$1" -w "$2" "$3" 2>&1',
    "sh",
    device,
    file,
    filter,
  ]);
  const lines = createInterface({ input: tcpdump.stdout ?? process.stdin });
  const told: string[] = [];
  lines.on("line", (line) => told.push(line));
  while (!told.some((line) => line.includes("listening on")))
    await once(lines, "line", { signal: AbortSignal.timeout(10_000) });
  let result: T;
  const closed = once(lines, "close");
  try {
    result = await act();
    await sleep(200); // what the kernel has not handed over
  } finally {
    tcpdump.kill("SIGINT");
    await closed;
  }
  const lost = /(\d+) packets? dropped by kernel/.exec(told.join("\n"))?.[1];
  if (lost !== "0")
    throw new UnumError("SYSTEM_CALL", `capture on ${device} in ${at.name}: ${lost ?? "?"} frames missed`);
  const wanted = fields.flatMap((field) => ["-e", field]);
  const { stdout } = await execute(
    "tshark",
    ["-n", "-r", file, ...decode, "-T", "fields", "-E", "occurrence=a", ...wanted],
    { timeoutMs: 120_000 },
  );
  await rm(file, { force: true });
  const frames = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => Object.fromEntries(line.split("\t").map((value, index) => [fields[index] ?? "", value])));
  return { result, frames };
}
