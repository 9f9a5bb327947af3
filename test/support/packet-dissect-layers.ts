// How each layer of a frame is read for people (packet-dissect.ts). What is cut short is shown as far as it is there.

import { address6Text, addressText, get16, get24, get32, macText, onesSum } from "./packet-bytes.ts";

export interface DissectedLayer {
  readonly name: string;
  readonly fields: ReadonlyMap<string, string>;
}

type Layers = DissectedLayer[];

/** Behind which UDP ports which tunnel is looked for. */
const TUNNEL_PORTS: ReadonlyMap<number, "vxlan" | "geneve"> = new Map([
  ...[4789, 8472, 4799, 4798, 14789].map((port) => [port, "vxlan"] as const),
  ...[6081, 6082, 6083, 6084].map((port) => [port, "geneve"] as const),
]);

/** What cannot be read further is the last layer. */
export function dissect(frame: Uint8Array): Layers {
  const layers: Layers = [];
  ethernet(layers, frame);
  return layers;
}

function hexText(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, 48))
    .toString("hex")
    .replace(/(.{8})(?=.)/g, "$1 ");
  return bytes.length > 48 ? `${shown} … (${bytes.length} bytes)` : shown;
}

function add(layers: Layers, name: string, fields: Readonly<Record<string, string | number>>): void {
  layers.push({ name, fields: new Map(Object.entries(fields).map(([key, value]) => [key, String(value)])) });
}

function rest(layers: Layers, name: string, bytes: Uint8Array): void {
  if (bytes.length > 0) add(layers, name, { bytes: bytes.length, content: hexText(bytes) });
}

const hex16 = (value: number) => `0x${value.toString(16).padStart(4, "0")}`;
const byte = (bytes: Uint8Array, at: number) => bytes[at] as number;
const verified = (sum: number) => (sum === 0xffff ? "correct" : "wrong");

/** What the checksum of a transport has to include; undefined: it cannot be known. */
type Pseudo = Uint8Array | undefined;

/** The checksum at `at`, verified with the pseudo-header where there is one. */
function transportSum(bytes: Uint8Array, at: number, protocol: number, pseudo: Pseudo): string {
  const value = hex16(get16(bytes, at));
  if (pseudo === undefined) return value;
  return `${value} (${verified(onesSum(bytes, 0, bytes.length, onesSum(pseudo) + protocol + bytes.length))})`;
}

function ethernet(layers: Layers, bytes: Uint8Array): void {
  if (bytes.length < 14) {
    rest(layers, "cut ethernet", bytes);
    return;
  }
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
  if (type === 0x0800) ipv4(layers, inside);
  else if (type === 0x86dd) ipv6(layers, inside);
  else if (type === 0x0806) arp(layers, inside);
  else rest(layers, "payload", inside);
}

function arp(layers: Layers, bytes: Uint8Array): void {
  if (bytes.length < 28) {
    rest(layers, "cut arp", bytes);
    return;
  }
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
  rest(layers, "padding", bytes.subarray(28));
}

function ipv4(layers: Layers, bytes: Uint8Array): void {
  if (bytes.length < 20) {
    rest(layers, "cut ipv4", bytes);
    return;
  }
  const headerBytes = (byte(bytes, 0) & 15) * 4;
  const length = get16(bytes, 2);
  const fragment = get16(bytes, 6);
  const sum = onesSum(bytes, 0, Math.min(Math.max(headerBytes, 20), bytes.length));
  add(layers, "ipv4", {
    "version and header words": `${byte(bytes, 0) >> 4}, ${byte(bytes, 0) & 15}`,
    dscp: byte(bytes, 1) >> 2,
    ecn: byte(bytes, 1) & 3,
    length,
    id: hex16(get16(bytes, 4)),
    fragment: `${fragment & 0x8000 ? "evil " : ""}${fragment & 0x4000 ? "DF " : ""}${fragment & 0x2000 ? "MF " : ""}${fragment & 0x1fff}`,
    ttl: byte(bytes, 8),
    protocol: byte(bytes, 9),
    checksum: `${hex16(get16(bytes, 10))} (${verified(sum)})`,
    source: addressText(get32(bytes, 12)),
    destination: addressText(get32(bytes, 16)),
    ...(headerBytes > 20 ? { options: hexText(bytes.subarray(20, headerBytes)) } : {}),
  });
  const end = Math.min(Math.max(length, headerBytes), bytes.length);
  const inside = bytes.subarray(Math.max(headerBytes, 20), end);
  const whole = (fragment & 0x3fff) === 0 && end === length;
  if (fragment & 0x1fff) rest(layers, "payload", inside);
  else transport(layers, byte(bytes, 9), inside, whole ? bytes.subarray(12, 20) : undefined);
  rest(layers, "padding", bytes.subarray(end));
}

const EXTENSIONS = new Set([0, 43, 44, 51, 60]);

function ipv6(layers: Layers, bytes: Uint8Array): void {
  if (bytes.length < 40) {
    rest(layers, "cut ipv6", bytes);
    return;
  }
  const length = get16(bytes, 4);
  let next = byte(bytes, 6);
  add(layers, "ipv6", {
    version: byte(bytes, 0) >> 4,
    dscp: (get16(bytes, 0) >> 6) & 63,
    ecn: (get16(bytes, 0) >> 4) & 3,
    "flow label": hex16(get32(bytes, 0) % 0x100000),
    length,
    "next header": next,
    "hop limit": byte(bytes, 7),
    source: address6Text(bytes, 8),
    destination: address6Text(bytes, 24),
  });
  const end = Math.min(40 + length, bytes.length);
  let inside = bytes.subarray(40, end);
  let whole = end === 40 + length;
  let later = false;
  while (EXTENSIONS.has(next) && inside.length >= 8 && !later) {
    const size = next === 44 ? 8 : next === 51 ? (byte(inside, 1) + 2) * 4 : (byte(inside, 1) + 1) * 8;
    const shown = hexText(inside.subarray(0, Math.min(size, inside.length)));
    add(layers, `extension ${next}`, { "next header": byte(inside, 0), bytes: size, content: shown });
    if (next === 44) {
      if (get16(inside, 2) & 0xfff9) whole = false;
      later = get16(inside, 2) >> 3 !== 0;
    }
    next = byte(inside, 0);
    inside = inside.subarray(Math.min(size, inside.length));
  }
  if (later) rest(layers, "payload", inside);
  else transport(layers, next, inside, whole ? bytes.subarray(8, 40) : undefined);
  rest(layers, "padding", bytes.subarray(end));
}

function transport(layers: Layers, protocol: number, bytes: Uint8Array, pseudo: Pseudo): void {
  if (protocol === 17) udp(layers, bytes, pseudo);
  else if (protocol === 6) tcp(layers, bytes, pseudo);
  else if (protocol === 1) icmp(layers, bytes);
  else if (protocol === 58) icmp6(layers, bytes, pseudo);
  else if (protocol === 47) gre(layers, bytes);
  else rest(layers, "payload", bytes);
}

function udp(layers: Layers, bytes: Uint8Array, pseudo: Pseudo): void {
  if (bytes.length < 8) {
    rest(layers, "cut udp", bytes);
    return;
  }
  add(layers, "udp", {
    source: get16(bytes, 0),
    destination: get16(bytes, 2),
    length: get16(bytes, 4),
    checksum: get16(bytes, 6) === 0 ? "none" : transportSum(bytes, 6, 17, pseudo),
  });
  const tunnel = TUNNEL_PORTS.get(get16(bytes, 2));
  const inside = bytes.subarray(8);
  if (tunnel === "vxlan") vxlan(layers, inside);
  else if (tunnel === "geneve") geneve(layers, inside);
  else rest(layers, "payload", inside);
}

function vxlan(layers: Layers, bytes: Uint8Array): void {
  if (bytes.length < 8) {
    rest(layers, "cut vxlan", bytes);
    return;
  }
  add(layers, "vxlan", {
    flags: `0x${byte(bytes, 0).toString(16)}`,
    reserved: `${get24(bytes, 1)}, ${bytes[7]}`,
    vni: get24(bytes, 4),
  });
  ethernet(layers, bytes.subarray(8));
}

function geneve(layers: Layers, bytes: Uint8Array): void {
  if (bytes.length < 8) {
    rest(layers, "cut geneve", bytes);
    return;
  }
  const end = 8 + (byte(bytes, 0) & 63) * 4;
  add(layers, "geneve", {
    version: byte(bytes, 0) >> 6,
    flags: `0x${byte(bytes, 1).toString(16)}`,
    protocol: hex16(get16(bytes, 2)),
    vni: get24(bytes, 4),
    reserved: byte(bytes, 7),
    options: end > 8 ? hexText(bytes.subarray(8, end)) : "none",
  });
  ethernet(layers, bytes.subarray(end));
}

function gre(layers: Layers, bytes: Uint8Array): void {
  if (bytes.length < 8) {
    rest(layers, "cut gre", bytes);
    return;
  }
  add(layers, "nvgre", {
    flags: hex16(get16(bytes, 0)),
    protocol: hex16(get16(bytes, 2)),
    vsid: get24(bytes, 4),
    "flow id": byte(bytes, 7),
  });
  ethernet(layers, bytes.subarray(8));
}

function tcp(layers: Layers, bytes: Uint8Array, pseudo: Pseudo): void {
  if (bytes.length < 20) {
    rest(layers, "cut tcp", bytes);
    return;
  }
  const end = Math.max(20, (byte(bytes, 12) >> 4) * 4);
  add(layers, "tcp", {
    source: get16(bytes, 0),
    destination: get16(bytes, 2),
    sequence: get32(bytes, 4),
    flags: `0x${byte(bytes, 13).toString(16)}`,
    checksum: transportSum(bytes, 16, 6, pseudo),
    ...(end > 20 ? { options: hexText(bytes.subarray(20, end)) } : {}),
  });
  rest(layers, "payload", bytes.subarray(end));
}

function icmp(layers: Layers, bytes: Uint8Array): void {
  if (bytes.length < 8) {
    rest(layers, "cut icmp", bytes);
    return;
  }
  add(layers, "icmp", {
    type: byte(bytes, 0),
    code: byte(bytes, 1),
    checksum: `${hex16(get16(bytes, 2))} (${verified(onesSum(bytes))})`,
    words: `${get16(bytes, 4)}, ${get16(bytes, 6)}`,
  });
  rest(layers, "payload", bytes.subarray(8));
}

function icmp6(layers: Layers, bytes: Uint8Array, pseudo: Pseudo): void {
  if (bytes.length < 8) {
    rest(layers, "cut icmp6", bytes);
    return;
  }
  const type = byte(bytes, 0);
  add(layers, "icmp6", {
    type,
    code: byte(bytes, 1),
    checksum: transportSum(bytes, 2, 58, pseudo),
    words: `${hex16(get16(bytes, 4))}, ${get16(bytes, 6)}`,
    ...((type === 135 || type === 136) && bytes.length >= 24 ? { target: address6Text(bytes, 8) } : {}),
  });
  rest(layers, "payload", bytes.subarray(type === 135 || type === 136 ? 24 : 8));
}
