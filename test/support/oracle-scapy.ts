// Other people's readers and writers of packets: scapy, which builds what the edge must send, and tshark, which reads what it sent.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pcap } from "./packet-pcap.ts";
import { HOPS, PORT_SPECS, type PortName, WORLD } from "./packet-world.ts";

const SCRIPT = join(import.meta.dirname, "../kernel/oracle/scapy_frames.py");
/** Debian's own, for which python3-scapy is installed. */
const PYTHON = "/usr/bin/python3";

export interface ScapyPair {
  readonly vni: number;
  readonly dontFragment: boolean;
  readonly port: PortName;
  /** What comes in. */
  readonly incoming: Uint8Array;
  /** What is to leave, with source port 0 and, unless dontFragment, identification 0. */
  readonly leaving: Uint8Array;
}

function inDirectory<T>(work: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "unum-packets-"));
  try {
    return work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function scapyPairs(count: number, seed: number): readonly ScapyPair[] {
  return inDirectory((directory) => {
    const [world, output] = [join(directory, "world.json"), join(directory, "frames")];
    writeFileSync(world, JSON.stringify({ document: WORLD, hops: HOPS, ports: PORT_SPECS }));
    execFileSync(PYTHON, [SCRIPT, world, output, String(count), String(seed)], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const bytes = readFileSync(output);
    const pairs: ScapyPair[] = [];
    let at = 0;
    const frame = (): Uint8Array => {
      const length = bytes.readUInt32BE(at);
      at += 4 + length;
      return new Uint8Array(bytes.subarray(at - length, at));
    };
    while (at < bytes.length) {
      const [vni, dontFragment, port] = [
        bytes.readUInt32BE(at),
        bytes[at + 4] === 1,
        bytes.toString("latin1", at + 5, at + 7),
      ];
      at += 7;
      pairs.push({ vni, dontFragment, port: port as PortName, incoming: frame(), leaving: frame() });
    }
    return pairs;
  });
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
  "vxlan.vni",
  "ip.checksum.status",
  "udp.checksum.status",
  "tcp.checksum.status",
  "icmp.checksum.status",
  "_ws.malformed",
];
const PREFERENCES = ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE", "tcp.check_checksum:TRUE"];

export function tsharkDissections(frames: readonly Uint8Array[]): readonly Dissection[] {
  return inDirectory((directory) => {
    const file = join(directory, "frames.pcap");
    writeFileSync(file, pcap(frames));
    const output = execFileSync(
      "tshark",
      [
        ...["-n", "-r", file, "-d", "udp.port==8472,vxlan", "-T", "fields", "-E", "separator=;"],
        ...PREFERENCES.flatMap((preference) => ["-o", preference]),
        ...FIELDS.flatMap((field) => ["-e", field]),
      ],
      {
        encoding: "utf8",
        maxBuffer: 2 ** 28,
        stdio: ["ignore", "pipe", "ignore"],
        env: { ...process.env, HOME: directory },
      },
    );
    return output
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => {
        const [vni = "", ip = "", udp = "", tcp = "", icmp = "", malformed = ""] = line.split(";");
        return { vni, ipChecksums: ip, transportChecksums: [udp, tcp, icmp].filter(Boolean).join(), malformed };
      });
  });
}
