// Random packets, with correct headers and content of any kind. A seed repeats them. packet-random-frames.ts puts them into frames.

import { checksum, get16, get32, put16, put32 } from "./packet-bytes.ts";

/** Numbers below a bound, from 32 bits of state (mulberry32). */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }
  below(bound: number): number {
    return this.word() % bound;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** Sums the addresses of the IP header at `at`, with the rest of a pseudo-header. */
function pseudo(frame: Uint8Array, at: number, protocol: number, length: number): number {
  const six = (frame[at] as number) >> 4 === 6;
  let sum = protocol + length;
  for (let word = at + (six ? 8 : 12); word < at + (six ? 40 : 20); word += 2) sum += get16(frame, word);
  return sum;
}

/** Of the IPv4 header at `at`, as far as it lies in the frame. */
export function fixChecksum(frame: Uint8Array, at: number): void {
  if (at + 20 > frame.length || (frame[at] as number) >> 4 !== 4) return;
  const end = Math.min(frame.length, at + Math.max(20, ((frame[at] as number) & 15) * 4));
  put16(frame, at + 10, 0);
  put16(frame, at + 10, checksum(frame, at, end));
}

/** Makes the transport checksum at `sumAt` right, of bytes `from` to `end` behind the IP header at `ip`. */
export function fixTransport(
  frame: Uint8Array,
  ip: number,
  protocol: number,
  from: number,
  end: number,
  sumAt: number,
): void {
  if (sumAt + 2 > frame.length || end > frame.length || end < sumAt + 2) return;
  put16(frame, sumAt, 0);
  put16(frame, sumAt, checksum(frame, from, end, pseudo(frame, ip, protocol, end - from)) || 0xffff);
}

/** Where a packet comes from and goes to; both of one family. */
export interface Ends {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

const PROTOCOLS = [17, 17, 17, 6, 6, 6, 1, 1, 132, 136, 33, 47, 50, 253, 0, 255] as const;
const PROTOCOLS6 = [17, 17, 17, 6, 6, 6, 58, 58, 132, 136, 33, 47, 50, 59, 1, 255] as const;
/** At and around what fits into the paths of the world, and into the quotes of errors. */
const LENGTHS = [
  ...[0, 1, 2, 3, 4, 7, 8, 9, 20, 64, 100, 200, 519, 520, 548, 549, 600, 1150, 1190, 1191, 1192, 1193, 1232, 1240],
  ...[1242, 1243, 1260, 1263, 1270, 1283, 1290, 1300, 1310, 1330, 1349, 1382, 1390, 1391, 1400, 1402, 1410, 1418],
  ...[1422, 1423, 1430, 1438, 1450, 1456, 1460, 1472, 1480],
] as const;

export function size(random: Random): number {
  return random.chance(80) ? random.below(90) : random.pick(LENGTHS);
}

/** Writes a packet with that many bytes behind its header at `at`; returns its length. */
export function writePacket(random: Random, frame: Uint8Array, at: number, payload: number, ends: Ends): number {
  return ends.source.length === 16
    ? writePacket6(random, frame, at, payload, ends)
    : writePacket4(random, frame, at, payload, ends);
}

/** Bytes of the header that writePacket writes at the most. */
export const LONGEST_HEADER = 60;

function writePacket4(random: Random, frame: Uint8Array, at: number, payload: number, ends: Ends): number {
  const protocol = random.pick(PROTOCOLS);
  const headerBytes = random.chance(92) ? 20 : 20 + 4 * random.below(11);
  const length = headerBytes + payload;
  frame[at] = 0x40 | (headerBytes / 4);
  frame[at + 1] = random.chance(50) ? 0 : random.below(256);
  put16(frame, at + 2, length);
  put16(frame, at + 4, random.below(65536));
  put16(frame, at + 6, random.chance(85) ? (random.chance(50) ? 0x4000 : 0) : random.below(65536));
  frame[at + 8] = random.chance(85) ? 64 : random.pick([0, 1, 2, 255]);
  frame[at + 9] = protocol;
  frame.set(ends.source, at + 12);
  frame.set(ends.destination, at + 16);
  for (let i = at + 20; i < at + headerBytes; i++) frame[i] = random.below(256);
  writeContent(random, frame, at, at + headerBytes, at + length, protocol);
  fixChecksum(frame, at);
  return length;
}

function writePacket6(random: Random, frame: Uint8Array, at: number, payload: number, ends: Ends): number {
  const length = 40 + payload;
  put32(frame, at, 0x60000000 + (random.chance(50) ? 0 : random.below(256) << 20) + random.below(2 ** 20));
  put16(frame, at + 4, payload);
  frame[at + 7] = random.chance(85) ? 64 : random.pick([0, 1, 2, 255]);
  frame.set(ends.source, at + 8);
  frame.set(ends.destination, at + 24);
  let protocol: number = random.pick(PROTOCOLS6);
  frame[at + 6] = protocol;
  let from = at + 40;
  if (random.chance(15)) {
    const [last, end] = writeExtensions(random, frame, at + 6, from, at + length, protocol);
    protocol = last;
    from = end;
  }
  writeContent(random, frame, at, from, at + length, protocol);
  return length;
}

/** A chain of extension headers; returns what the last of them says comes next, and where. */
function writeExtensions(
  random: Random,
  frame: Uint8Array,
  nextAt: number,
  from: number,
  end: number,
  protocol: number,
): [number, number] {
  let [name, at] = [nextAt, from];
  for (let left = 1 + random.below(8); left > 0; left--) {
    const kind = random.pick([0, 43, 60, 60, 44, 51]);
    const bytes = kind === 44 ? 8 : kind === 51 ? 12 + 4 * random.below(3) : 8 * (1 + random.below(3));
    if (at + bytes > end) break;
    frame[name] = kind;
    for (let i = at; i < at + bytes; i++) frame[i] = random.below(256);
    frame[at + 1] = kind === 51 ? bytes / 4 - 2 : bytes / 8 - 1;
    if (kind === 44) put16(frame, at + 2, random.pick([0, 0, 1, 8, 9, 0xfff8]));
    name = at;
    at += bytes;
  }
  frame[name] = protocol;
  return [protocol, at];
}

function writeContent(random: Random, frame: Uint8Array, ip: number, at: number, end: number, protocol: number): void {
  for (let i = at; i < end; i++) frame[i] = i;
  const bytes = end - at;
  if (protocol === 1 && bytes >= 8) writeIcmp(random, frame, at, end);
  else if (protocol === 58 && bytes >= 8) writeIcmp6(random, frame, ip, at, end);
  else if (bytes >= 4) {
    // Few ports, so that flows come again.
    put32(frame, at, 0x10000000 + random.below(16));
    if (protocol === 6 && bytes >= 20) writeTcp(random, frame, ip, at, end);
  }
}

function writeIcmp(random: Random, frame: Uint8Array, at: number, end: number): void {
  frame[at] = random.chance(60) ? 8 : random.pick([0, 3, 4, 5, 11, 12, 13, 14, 30]);
  frame[at + 1] = random.chance(90) ? 0 : 1;
  put16(frame, at + 2, 0);
  put16(frame, at + 2, checksum(frame, at, end));
}

function writeIcmp6(random: Random, frame: Uint8Array, ip: number, at: number, end: number): void {
  frame[at] = random.chance(60) ? 128 : random.pick([1, 2, 3, 4, 127, 129, 130, 133, 137, 200]);
  frame[at + 1] = random.chance(90) ? 0 : 1;
  if (random.chance(90)) fixTransport(frame, ip, 58, at, end, at + 2);
}

/** With options of every kind in any place, a maximum segment size among them. */
function writeTcp(random: Random, frame: Uint8Array, ip: number, at: number, end: number): void {
  const room = Math.min(60, (end - at) & ~3);
  const header = 20 + 4 * random.below((room - 20) / 4 + 1);
  frame[at + 12] = (header / 4) << 4;
  frame[at + 13] = random.chance(60) ? random.pick([0x02, 0x12, 0xff]) : 0x10;
  let option = at + 20;
  const last = at + header;
  frame.fill(1, option, last);
  while (option < last && random.chance(60)) option++;
  if (option + 4 <= last && random.chance(85)) {
    frame.set([2, random.chance(95) ? 4 : random.below(8)], option);
    put16(frame, option + 2, random.pick([0, 535, 1220, 1300, 1390, 1391, 1410, 1440, 1460, 8960, 65535]));
    option += 4;
  }
  if (option + 2 <= last)
    frame.set(
      random.pick([
        [4, 2],
        [0, 0],
        [3, 3],
        [8, 10],
        [5, 0],
        [1, 1],
      ] as const),
      option,
    );
  if (random.chance(90)) fixTransport(frame, ip, 6, at, end, at + 16);
  else put32(frame, at + 14, get32(frame, at + 14) ^ 0xffff);
}
