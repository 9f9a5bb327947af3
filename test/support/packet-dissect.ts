// Frames as layers with named fields, for people who read a failure: what differs is said layer by layer, never as hex alone.

import { addressText, get16, get24, get32, macText, onesSum } from "./packet-bytes.ts";

export interface DissectedLayer {
  readonly name: string;
  readonly fields: ReadonlyMap<string, string>;
}

type Layers = DissectedLayer[];

function hexText(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, 48))
    .toString("hex")
    .replace(/(.{8})(?=.)/g, "$1 ");
  return bytes.length > 48 ? `${shown} … (${bytes.length} bytes)` : shown;
}

function add(layers: Layers, name: string, fields: Readonly<Record<string, string | number>>): void {
  layers.push({ name, fields: new Map(Object.entries(fields).map(([key, value]) => [key, String(value)])) });
}

function rest(layers: Layers, name: string, bytes: Uint8Array): Layers {
  if (bytes.length > 0) add(layers, name, { bytes: bytes.length, content: hexText(bytes) });
  return layers;
}

const hex16 = (value: number) => `0x${value.toString(16).padStart(4, "0")}`;

function verified(sum: number): string {
  return sum === 0xffff ? "correct" : "wrong";
}

function dissectEthernet(layers: Layers, bytes: Uint8Array, tunnelPorts: ReadonlySet<number>): Layers {
  if (bytes.length < 14) return rest(layers, "cut ethernet", bytes);
  let type = get16(bytes, 12);
  add(layers, "ethernet", { destination: macText(bytes), source: macText(bytes, 6), type: hex16(type) });
  let at = 14;
  while ((type === 0x8100 || type === 0x88a8) && bytes.length >= at + 4) {
    type = get16(bytes, at + 2);
    const tag = get16(bytes, at);
    add(layers, "vlan", { id: tag & 0xfff, priority: tag >> 13, type: hex16(type) });
    at += 4;
  }
  const inside = bytes.subarray(at);
  if (type === 0x0800) return dissectIpv4(layers, inside, tunnelPorts);
  if (type === 0x0806) return dissectArp(layers, inside);
  return rest(layers, "payload", inside);
}

function dissectArp(layers: Layers, bytes: Uint8Array): Layers {
  if (bytes.length < 28) return rest(layers, "cut arp", bytes);
  add(layers, "arp", {
    hardware: get16(bytes, 0),
    protocol: hex16(get16(bytes, 2)),
    sizes: `${bytes[4]}, ${bytes[5]}`,
    operation: get16(bytes, 6),
    "sender MAC": macText(bytes, 8),
    sender: addressText(get32(bytes, 14)),
    "target MAC": macText(bytes, 18),
    target: addressText(get32(bytes, 24)),
  });
  return rest(layers, "padding", bytes.subarray(28));
}

function dissectIpv4(layers: Layers, bytes: Uint8Array, tunnelPorts: ReadonlySet<number>): Layers {
  if (bytes.length < 20) return rest(layers, "cut ipv4", bytes);
  const headerBytes = ((bytes[0] as number) & 15) * 4;
  const length = get16(bytes, 2);
  const fragment = get16(bytes, 6);
  const protocol = bytes[9] as number;
  add(layers, "ipv4", {
    "version and header words": `${(bytes[0] as number) >> 4}, ${(bytes[0] as number) & 15}`,
    dscp: (bytes[1] as number) >> 2,
    ecn: (bytes[1] as number) & 3,
    length,
    id: hex16(get16(bytes, 4)),
    fragment: `${fragment & 0x8000 ? "evil " : ""}${fragment & 0x4000 ? "DF " : ""}${fragment & 0x2000 ? "MF " : ""}${fragment & 0x1fff}`,
    ttl: bytes[8] as number,
    protocol,
    checksum: `${hex16(get16(bytes, 10))} (${verified(onesSum(bytes, 0, Math.min(Math.max(headerBytes, 20), bytes.length)))})`,
    source: addressText(get32(bytes, 12)),
    destination: addressText(get32(bytes, 16)),
    ...(headerBytes > 20 ? { options: hexText(bytes.subarray(20, headerBytes)) } : {}),
  });
  const end = Math.min(Math.max(length, headerBytes), bytes.length);
  const inside = bytes.subarray(Math.max(headerBytes, 20), end);
  if (fragment & 0x1fff) rest(layers, "payload", inside);
  else if (protocol === 17) dissectUdp(layers, inside, tunnelPorts);
  else if (protocol === 6) dissectTcp(layers, inside);
  else if (protocol === 1) dissectIcmp(layers, inside);
  else rest(layers, "payload", inside);
  return rest(layers, "padding", bytes.subarray(end));
}

function dissectUdp(layers: Layers, bytes: Uint8Array, tunnelPorts: ReadonlySet<number>): Layers {
  if (bytes.length < 8) return rest(layers, "cut udp", bytes);
  add(layers, "udp", {
    source: get16(bytes, 0),
    destination: get16(bytes, 2),
    length: get16(bytes, 4),
    checksum: hex16(get16(bytes, 6)),
  });
  const inside = bytes.subarray(8);
  if (!tunnelPorts.has(get16(bytes, 2)) || inside.length < 8) return rest(layers, "payload", inside);
  add(layers, "vxlan", {
    flags: `0x${(inside[0] as number).toString(16)}`,
    reserved: `${get24(inside, 1)}, ${inside[7]}`,
    vni: get24(inside, 4),
  });
  return dissectEthernet(layers, inside.subarray(8), tunnelPorts);
}

function dissectTcp(layers: Layers, bytes: Uint8Array): Layers {
  if (bytes.length < 20) return rest(layers, "cut tcp", bytes);
  add(layers, "tcp", {
    source: get16(bytes, 0),
    destination: get16(bytes, 2),
    sequence: get32(bytes, 4),
    flags: `0x${(bytes[13] as number).toString(16)}`,
    checksum: hex16(get16(bytes, 16)),
  });
  return rest(layers, "payload", bytes.subarray(20));
}

function dissectIcmp(layers: Layers, bytes: Uint8Array): Layers {
  if (bytes.length < 8) return rest(layers, "cut icmp", bytes);
  add(layers, "icmp", {
    type: bytes[0] as number,
    code: bytes[1] as number,
    checksum: `${hex16(get16(bytes, 2))} (${verified(onesSum(bytes))})`,
    words: `${get16(bytes, 4)}, ${get16(bytes, 6)}`,
  });
  return rest(layers, "payload", bytes.subarray(8));
}

const DEFAULT_TUNNEL_PORTS: ReadonlySet<number> = new Set([4789, 8472]);

export function dissect(frame: Uint8Array, tunnelPorts = DEFAULT_TUNNEL_PORTS): readonly DissectedLayer[] {
  const layers: Layers = [];
  dissectEthernet(layers, frame, tunnelPorts);
  return layers;
}

/** The whole frame, one line a layer. */
export function frameText(frame: Uint8Array): string {
  const lines = dissect(frame).map(
    ({ name, fields }) => `  ${name}: ${[...fields].map(([key, value]) => `${key} ${value}`).join(", ")}`,
  );
  return [`  ${frame.length} bytes`, ...lines].join("\n");
}

/** What differs, one line a layer; undefined: nothing does. */
export function frameDifference(actual: Uint8Array, expected: Uint8Array): string | undefined {
  if (Buffer.compare(actual, expected) === 0) return undefined;
  const [have, want] = [dissect(actual), dissect(expected)];
  const lines: string[] = [];
  if (actual.length !== expected.length) lines.push(`  length: ${actual.length} bytes, expected ${expected.length}`);
  for (let index = 0; index < Math.max(have.length, want.length); index++) {
    const [mine, other] = [have[index], want[index]];
    if (mine === undefined) lines.push(`  ${other?.name}: missing`);
    else if (other === undefined) lines.push(`  ${mine.name}: not expected`);
    else if (mine.name !== other.name) {
      lines.push(`  ${mine.name} in the place of ${other.name}`);
      break;
    } else {
      const fields = [...new Set([...mine.fields.keys(), ...other.fields.keys()])].filter(
        (field) => mine.fields.get(field) !== other.fields.get(field),
      );
      for (const field of fields) {
        lines.push(
          `  ${mine.name} (layer ${index + 1}): ${field} is ${mine.fields.get(field)}, expected ${other.fields.get(field)}`,
        );
      }
    }
  }
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  if (at >= 0 && at < expected.length) lines.push(`  the first byte that differs is at offset ${at}`);
  return lines.join("\n");
}
