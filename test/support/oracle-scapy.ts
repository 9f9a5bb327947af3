// Other people's readers and writers of packets: scapy, which builds what the edge must send, and tshark, which reads what it sent.

import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { get16, put16 } from "./packet-bytes.ts";
import { pcap } from "./packet-pcap.ts";
import { HOPS, LEARNED, LEARNED6, PORT_SPECS, type PortName, WORLD } from "./packet-world.ts";

const SCRIPT = join(import.meta.dirname, "../kernel/oracle/scapy_frames.py");
/** Debian's own, for which python3-scapy is installed. */
const PYTHON = "/usr/bin/python3";
const run = promisify(execFile);

/** What scapy knows about a packet, as test/kernel/oracle/scapy_frames.py writes it. */
export interface ScapyPair {
  readonly way: "in" | "out" | "over";
  readonly port: PortName;
  /** Port that it is to leave through. */
  readonly leaves: PortName;
  readonly vni: number;
  /** Formats, families and tags, in words. */
  readonly mix: string;
  /** Of the tunnel that it is to leave in. */
  readonly tunnel: null | {
    readonly six: boolean;
    readonly format: "vxlan" | "geneve" | "nvgre";
    readonly whole: boolean;
    readonly summed: boolean;
    readonly endpoint: string;
  };
  readonly incoming: Uint8Array;
  /** With everything zero that the edge may choose. */
  readonly leaving: Uint8Array;
}

function directory(): string {
  return mkdtempSync(join(tmpdir(), "unum-packets-"));
}

/** Packets of two writers side by side: scapy takes its time. */
export async function scapyPairs(count: number, seed: number): Promise<readonly ScapyPair[]> {
  const path = directory();
  try {
    const world = join(path, "world.json");
    const spec = { document: WORLD, hops: HOPS, ports: PORT_SPECS, learned: LEARNED, learned6: LEARNED6 };
    writeFileSync(world, JSON.stringify(spec));
    const halves = [Math.ceil(count / 2), Math.floor(count / 2)];
    const files = await Promise.all(
      halves.map(async (half, index) => {
        const output = join(path, `frames-${index}`);
        await run(PYTHON, ["-B", SCRIPT, world, output, String(half), String(seed + index)]);
        return readFileSync(output, "utf8");
      }),
    );
    return files.flatMap((text) =>
      text.split("\n").flatMap((line) => {
        if (line === "") return [];
        const pair = JSON.parse(line) as ScapyPair & { readonly incoming: string; readonly leaving: string };
        return [{ ...pair, incoming: bytes(pair.incoming), leaving: bytes(pair.leaving) }];
      }),
    );
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** What scapy built, with what the edge chose in it; undefined: the edge chose what it may not. */
export function chosenBy({ tunnel, leaving }: ScapyPair, actual: Uint8Array): Uint8Array | undefined {
  const frame = leaving.slice();
  if (tunnel === null || actual.length !== frame.length) return frame;
  const { six, format, whole, summed } = tunnel;
  const at = six ? 54 : 34;
  if (six) {
    frame[15] = ((frame[15] as number) & 0xf0) | ((actual[15] as number) & 0x0f);
    frame.set(actual.subarray(16, 18), 16);
  }
  if (!six && !whole) choose(frame, actual, 18, 24);
  if (format === "nvgre") frame[at + 7] = actual[at + 7] as number;
  else {
    if (get16(actual, at) < 49152) return undefined;
    choose(frame, actual, at, summed ? at + 6 : undefined);
    // RFC 768: what comes to zero is sent as all ones.
    if (summed && get16(frame, at + 6) === 0) put16(frame, at + 6, 0xffff);
  }
  return frame;
}

/** Takes over a word that was zero, and lets the checksum over it follow (RFC 1624). */
function choose(frame: Uint8Array, actual: Uint8Array, at: number, sumAt: number | undefined): void {
  put16(frame, at, get16(actual, at));
  if (sumAt === undefined) return;
  const sum = (~get16(frame, sumAt) & 0xffff) + get16(actual, at);
  put16(frame, sumAt, ~(sum > 0xffff ? sum - 0xffff : sum) & 0xffff);
}

/** What tshark says of a frame; fields that occur more than once are joined by commas, the outermost first. */
export interface Dissection {
  readonly vni: string;
  /** 1 is good, 0 bad, 2 not verified, 3 absent. */
  readonly ipChecksums: string;
  readonly transportChecksums: string;
  readonly malformed: string;
}

const FIELDS = [
  ...["vxlan.vni", "geneve.vni", "gre.key", "ip.checksum.status", "udp.checksum.status", "tcp.checksum.status"],
  ...["icmp.checksum.status", "icmpv6.checksum.status", "_ws.malformed"],
];
const PREFERENCES = ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE", "tcp.check_checksum:TRUE"];
/** Tunnels on ports of their own. */
const DECODE = Object.values(WORLD.profiles).flatMap(({ port, encapsulation = "vxlan" }) =>
  port === undefined ? [] : ["-d", `udp.port==${port},${encapsulation}`],
);

export function tsharkDissections(frames: readonly Uint8Array[]): readonly Dissection[] {
  const path = directory();
  try {
    const file = join(path, "frames.pcap");
    writeFileSync(file, pcap(frames));
    const output = execFileSync(
      "tshark",
      [
        ...["-n", "-r", file, ...DECODE, "-T", "fields", "-E", "separator=;"],
        ...PREFERENCES.flatMap((preference) => ["-o", preference]),
        ...FIELDS.flatMap((field) => ["-e", field]),
      ],
      {
        encoding: "utf8",
        maxBuffer: 2 ** 28,
        stdio: ["ignore", "pipe", "ignore"],
        env: { ...process.env, HOME: path },
      },
    );
    return output
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => {
        const [vxlan = "", geneve = "", key = "", ip = "", udp = "", tcp = "", icmp = "", icmp6 = "", malformed = ""] =
          line.split(";");
        // tshark knows GRE's key, of which NVGRE takes the first three bytes for the network.
        const nvgre = key === "" ? "" : String(Number(key) >>> 8);
        return {
          vni: `${vxlan}${geneve === "" ? "" : Number(geneve)}${nvgre}`,
          ipChecksums: ip,
          transportChecksums: [udp, tcp, icmp, icmp6].filter(Boolean).join(),
          malformed,
        };
      });
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
