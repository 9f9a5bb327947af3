// Random frames of customers and endpoints: mostly such as the edge forwards, and some with something wrong. A seed repeats them.

import { addressNumber, checksum, macBytes, put16, put24, put32 } from "./packet-bytes.ts";
import { EDGE, PORT_SPECS, PORTS, type PortName, WORLD } from "./packet-world.ts";

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

const numbers = (...texts: readonly string[]) => texts.map(addressNumber);
const vms = Object.values(WORLD.tenants).flatMap(({ vms = {} }) => Object.keys(vms));
const ROUTED = numbers(
  "172.17.1.1",
  "172.18.255.254",
  "172.20.4.1",
  "172.20.5.9",
  "172.21.0.1",
  "172.22.0.1",
  "192.168.9.9",
);
const CIRCUITS = numbers("10.1.0.2", "10.3.0.2", "10.3.0.77", "10.4.0.1", "10.5.0.2", "192.168.1.1");
const ODD = numbers(
  "10.1.0.1",
  "10.3.0.1",
  "10.4.0.0",
  "10.5.0.1",
  "10.1.0.255",
  "10.3.0.255",
  "10.3.0.0",
  "8.8.8.8",
  "10.2.0.1",
  "0.0.0.0",
  "127.0.0.1",
  "224.0.0.1",
  "255.255.255.255",
  "172.15.255.255",
  "172.32.0.0",
);
const VMS = numbers(...vms);
const PROTOCOLS = [17, 17, 17, 6, 6, 1, 1, 132, 136, 33, 47, 50, 253, 0, 255] as const;
const LENGTHS = [
  0, 1, 2, 3, 4, 7, 8, 9, 20, 64, 100, 200, 519, 520, 548, 549, 600, 650, 1150, 1300, 1349, 1400, 1422, 1423, 1450,
  1472,
] as const;

/** Writes an IPv4 packet of `length` bytes at `at`, with a correct header and content of any kind. */
function writePacket(
  random: Random,
  frame: Uint8Array,
  at: number,
  length: number,
  headerBytes: number,
  source: number,
  destination: number,
): void {
  const protocol = random.pick(PROTOCOLS);
  frame[at] = 0x40 | (headerBytes / 4);
  frame[at + 1] = random.chance(60) ? 0 : random.below(256);
  put16(frame, at + 2, length);
  put16(frame, at + 4, random.below(65536));
  put16(frame, at + 6, random.chance(85) ? (random.chance(50) ? 0x4000 : 0) : random.below(65536));
  frame[at + 8] = random.chance(85) ? 64 : random.pick([0, 1, 2, 255]);
  frame[at + 9] = protocol;
  put32(frame, at + 12, source);
  put32(frame, at + 16, destination);
  for (let i = at + 20; i < at + headerBytes; i++) frame[i] = random.below(256);
  for (let i = at + headerBytes; i < at + length; i++) frame[i] = i;
  // Few ports, so that flows come again.
  if (length >= headerBytes + 4 && protocol !== 1) put32(frame, at + headerBytes, 0x10000000 + random.below(16));
  if (protocol === 1 && length >= headerBytes + 8) writeIcmp(random, frame, at + headerBytes, at + length);
  fixChecksum(frame, at);
}

function writeIcmp(random: Random, frame: Uint8Array, at: number, end: number): void {
  frame[at] = random.chance(60) ? 8 : random.pick([0, 3, 4, 5, 11, 12, 13, 14, 30]);
  frame[at + 1] = random.chance(90) ? 0 : 1;
  put16(frame, at + 2, 0);
  put16(frame, at + 2, checksum(frame, at, end));
}

/** Of the IPv4 header at `at`, as far as it lies in the frame. */
export function fixChecksum(frame: Uint8Array, at: number): void {
  if (at + 20 > frame.length) return;
  const end = Math.min(frame.length, at + Math.max(20, ((frame[at] as number) & 15) * 4));
  put16(frame, at + 10, 0);
  put16(frame, at + 10, checksum(frame, at, end));
}

function destination(random: Random): number {
  const kind = random.below(100);
  if (kind < 45) return random.pick(VMS);
  if (kind < 65) return random.pick(ROUTED);
  if (kind < 85) return random.pick(CIRCUITS);
  return random.chance(95) ? random.pick(ODD) : random.word();
}

function size(random: Random, headerBytes: number): number {
  return headerBytes + (random.chance(80) ? random.below(90) : random.pick(LENGTHS));
}

const PORT_MACS = Object.fromEntries(PORTS.map((port) => [port, macBytes(PORT_SPECS[port].mac)])) as Record<
  PortName,
  Uint8Array
>;
const EDGE_MAC = macBytes(EDGE.mac);
const CUSTOMER = macBytes("02:c0:00:00:00:01");

/** What a customer sends into a port. */
export function customerFrame(random: Random, port: PortName): Uint8Array {
  const headerBytes = random.chance(90) ? 20 : 20 + 4 * random.below(11);
  const length = size(random, headerBytes);
  const frame = new Uint8Array(14 + length + (random.chance(80) ? 0 : random.below(60)));
  frame.set(PORT_MACS[port], 0);
  frame.set(CUSTOMER, 6);
  put16(frame, 12, 0x0800);
  const source = random.chance(90) ? random.pick(CIRCUITS) : destination(random);
  writePacket(random, frame, 14, length, headerBytes, source, destination(random));
  return random.chance(70) ? frame : mutate(random, frame, 14, 0);
}

interface Speaker {
  readonly address: number;
  readonly port: number;
  readonly vni: number;
}

/** Who may speak where, as a start: mutations find the rest. */
const SPEAKERS: readonly Speaker[] = Object.values(WORLD.tenants).flatMap(
  ({ vni, vms = {}, routes = [], servers = [] }) => {
    const names = new Set([
      ...Object.values(vms).map(({ server }) => server),
      ...routes.flatMap(({ via = [] }) => via),
      ...servers,
    ]);
    return [...names].map((name) => {
      const endpoint = WORLD.servers[name] ?? WORLD.gateways[name];
      const port = WORLD.profiles[endpoint?.profile ?? "default"]?.port ?? 4789;
      return { address: addressNumber(endpoint?.address ?? ""), port, vni };
    });
  },
);
const EDGE_ADDRESS = addressNumber(EDGE.address);

/** What an endpoint sends to the edge. */
export function tunnelFrame(random: Random): Uint8Array {
  const speaker = random.pick(SPEAKERS);
  const headerBytes = random.chance(90) ? 20 : 20 + 4 * random.below(11);
  const length = size(random, headerBytes);
  const behind = random.chance(90) ? 0 : random.below(40);
  const outer = 50 + length + behind;
  const frame = new Uint8Array(14 + outer + (random.chance(90) ? 0 : random.below(40)));
  frame.set(PORT_MACS.u0, 0);
  frame.set(CUSTOMER, 6);
  put16(frame, 12, 0x0800);
  frame[14] = 0x45;
  frame[15] = random.chance(60) ? 0 : random.below(256);
  put16(frame, 16, outer);
  put16(frame, 18, random.below(65536));
  put16(frame, 20, 0x4000);
  frame[22] = 64;
  frame[23] = 17;
  put32(frame, 26, speaker.address);
  put32(frame, 30, EDGE_ADDRESS);
  fixChecksum(frame, 14);
  put16(frame, 34, 49152 + random.below(16384));
  put16(frame, 36, speaker.port);
  put16(frame, 38, outer - 20);
  frame[42] = 8;
  put24(frame, 46, speaker.vni);
  frame.set(EDGE_MAC, 50);
  frame.set(CUSTOMER, 56);
  put16(frame, 62, 0x0800);
  const source = random.chance(80) ? random.pick(VMS) : destination(random);
  writePacket(random, frame, 64, length, headerBytes, source, destination(random));
  return random.chance(70) ? frame : mutate(random, frame, random.chance(50) ? 14 : 64, 64);
}

const INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff] as const;

/** Breaks something near the header at `at`; two times out of three checksums are made right again. */
function mutate(random: Random, frame: Uint8Array, at: number, innerAt: number): Uint8Array {
  let mutated = frame;
  const end = Math.min(frame.length, at + 50);
  switch (random.below(6)) {
    case 0:
      mutated = frame.slice(0, 14 + random.below(frame.length - 13));
      break;
    case 1: {
      const bit = random.below(end * 8);
      mutated[bit >> 3] = (mutated[bit >> 3] as number) ^ (1 << (bit & 7));
      break;
    }
    case 2:
      mutated[at - 14 + random.below(end - at + 14)] = random.pick(INTERESTING);
      break;
    case 3:
      put16(
        mutated,
        at + 2,
        random.pick([0, 1, 19, 20, 21, 27, 28, 49, 50, 51, frame.length - 14, frame.length - 13, 65535]),
      );
      break;
    case 4:
      put32(mutated, at + random.pick([12, 16]), destination(random));
      break;
    default:
      mutated[at + random.below(20)] = random.below(256);
  }
  if (random.below(3) > 0) {
    fixChecksum(mutated, 14);
    if (innerAt > 14) fixChecksum(mutated, innerAt);
  }
  return mutated;
}
