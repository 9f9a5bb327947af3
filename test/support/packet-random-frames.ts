// Random frames of customers and endpoints: mostly such as the edge forwards, and some with something wrong.

import { concatenate, ipBytes, macBytes, put16, put24, put32 } from "./packet-bytes.ts";
import { endpointOf } from "./packet-frames.ts";
import { fixChecksum, fixTransport, LONGEST_HEADER, type Random, size, writePacket } from "./packet-random.ts";
import {
  anyAddress,
  customerAddress,
  type Family,
  type Place,
  placesOn,
  SPEAKERS,
  type Speaker,
  speakerAddress,
} from "./packet-random-world.ts";
import { EDGE, PORT_SPECS, PORTS, type PortName } from "./packet-world.ts";

export { fixChecksum, Random } from "./packet-random.ts";

const PORT_MACS = Object.fromEntries(PORTS.map((port) => [port, macBytes(PORT_SPECS[port].mac)])) as Record<
  PortName,
  Uint8Array
>;
const PLACES = Object.fromEntries(PORTS.map((port) => [port, placesOn(port)])) as Record<PortName, readonly Place[]>;
const EDGE_MAC = macBytes(EDGE.mac);
const CUSTOMER = macBytes("02:c0:00:00:00:01");
const etherType = (family: Family) => (family === 6 ? 0x86dd : 0x0800);

/** Room for whatever headers there may be in front of a packet's payload. */
const HEADERS = 14 + 40 + 16 + 252 + 14 + LONGEST_HEADER;

/** Tags of a circuit, with any priority, at 12; returns where the EtherType behind them stands. */
function writeTags(random: Random, frame: Uint8Array, { vlan, innerVlan, tag }: Place["circuit"]): number {
  const priority = random.chance(70) ? 0 : random.below(8) << 13;
  if (vlan === undefined) {
    if (!random.chance(3)) return 12;
    put16(frame, 12, 0x8100);
    put16(frame, 14, priority);
    return 16;
  }
  put16(frame, 12, (tag ?? (innerVlan === undefined ? "802.1q" : "802.1ad")) === "802.1q" ? 0x8100 : 0x88a8);
  put16(frame, 14, priority | vlan);
  if (innerVlan === undefined) return 16;
  put16(frame, 16, 0x8100);
  put16(frame, 18, priority | innerVlan);
  return 20;
}

/** What a customer sends into a port, on one of its circuits. */
export function customerFrame(random: Random, port: PortName, places = PLACES[port]): Uint8Array {
  const place = random.pick(places);
  const family = random.pick(place.families);
  const jumbo = PORT_SPECS[port].mtu === 9000 && random.chance(4);
  const payload = jumbo ? 8850 + random.below(130) : size(random);
  const frame = new Uint8Array(HEADERS + payload + 60);
  frame.set(PORT_MACS[port], 0);
  frame.set(CUSTOMER, 6);
  const typeAt = writeTags(random, frame, place.circuit);
  const at = typeAt + 2;
  if (random.chance(3)) return frame.slice(0, writeNeighbour(random, frame, typeAt, place, family));
  put16(frame, typeAt, etherType(family));
  const source = customerAddress(random, place.tenant, family);
  const length = writePacket(random, frame, at, payload, {
    source,
    destination: anyAddress(random, place.tenant, family),
  });
  const whole = frame.slice(0, at + length + (random.chance(80) ? 0 : random.below(60)));
  return random.chance(72) ? whole : mutate(random, whole, at - 14, at);
}

/** ARP or a neighbour solicitation of somebody who is not the circuit's peer. */
function writeNeighbour(random: Random, frame: Uint8Array, typeAt: number, place: Place, family: Family): number {
  const { address = "10.0.0.1/24", address6 = "::1/64", peer = "10.0.0.2", peer6 = "::2" } = place.circuit;
  const at = typeAt + 2;
  const wanted = ipBytes((family === 6 ? address6 : address).split("/")[0] as string);
  const asker = ipBytes(family === 6 ? peer6 : peer);
  asker[asker.length - 1] = 0x77;
  if (random.chance(20)) wanted[wanted.length - 1] = random.below(256);
  if (family === 4) {
    put16(frame, typeAt, 0x0806);
    frame.set([0, 1, 8, 0, 6, 4, 0, random.pick([1, 1, 1, 2])], at);
    frame.set(CUSTOMER, at + 8);
    frame.set(asker, at + 14);
    frame.set(wanted, at + 24);
    return at + 28 + (random.chance(50) ? 0 : 18);
  }
  put16(frame, typeAt, 0x86dd);
  put32(frame, at, 0x60000000);
  put16(frame, at + 4, 32);
  frame.set([58, random.chance(95) ? 255 : 254], at + 6);
  if (!random.chance(20)) frame.set(asker, at + 8);
  frame.set(
    random.chance(50) ? wanted : concatenate(ipBytes("ff02::1:ff00:0").slice(0, 13), wanted.slice(13)),
    at + 24,
  );
  frame[at + 40] = random.pick([135, 135, 135, 136]);
  frame.set(wanted, at + 48);
  frame.set([random.chance(80) ? 1 : 2, random.chance(95) ? 1 : 0], at + 64);
  frame.set(CUSTOMER, at + 66);
  if (random.chance(95)) fixTransport(frame, at, 58, at + 40, at + 72, at + 42);
  return at + 72 + (random.chance(50) ? 0 : random.below(20));
}

/** Options of Geneve in that many words, most of the time in order; returns whether there is a critical one. */
function writeOptions(random: Random, frame: Uint8Array, at: number, words: number): void {
  for (let left = words; left > 0; ) {
    const data = Math.min(left - 1, random.below(8));
    const spot = at + 4 * (words - left);
    for (let i = spot; i < spot + 4 + 4 * data; i++) frame[i] = random.below(256);
    frame[spot + 2] = random.chance(97) ? random.below(128) : random.below(256);
    frame[spot + 3] = (random.below(8) << 5) | (random.chance(98) ? data : random.below(32));
    left -= 1 + data;
  }
}

interface Outer {
  readonly family: Family;
  /** Where the UDP or GRE header begins. */
  readonly at: number;
  /** Where the inner Ethernet header begins. */
  readonly innerAt: number;
}

const OWN = { 4: ipBytes(EDGE.address), 6: ipBytes(EDGE.address6) };
const ENDPOINTS = new Map(
  SPEAKERS.map(({ endpoint }) => {
    const { address, ...rest } = endpointOf(endpoint);
    return [endpoint, { ...rest, address: ipBytes(address) }] as const;
  }),
);

function speaking({ endpoint }: Speaker) {
  const found = ENDPOINTS.get(endpoint);
  if (found === undefined) throw new Error(`speak for ${endpoint}: the world has none`);
  return found;
}

/** Outer headers of what a speaker sends; the lengths and checksums are not right yet. */
function writeOuter(random: Random, frame: Uint8Array, speaker: Speaker): Outer {
  const { vni } = speaker;
  const { address, format, overIpv6, port } = speaking(speaker);
  const family: Family = overIpv6 ? 6 : 4;
  const tos = random.chance(50) ? 0 : random.below(256);
  put16(frame, 12, etherType(family));
  const own = OWN[family];
  const protocol = format === "nvgre" ? 47 : 17;
  if (overIpv6) {
    put32(frame, 14, 0x60000000 + (tos << 20) + random.below(2 ** 20));
    frame.set([protocol, 64], 20);
    frame.set(address, 22);
    frame.set(own, 38);
  } else {
    frame.set([0x45, tos], 14);
    put16(frame, 18, random.below(65536));
    put16(frame, 20, 0x4000);
    frame.set([64, protocol], 22);
    frame.set(address, 26);
    frame.set(own, 30);
  }
  const at = overIpv6 ? 54 : 34;
  let header = at;
  if (format !== "nvgre") {
    put16(frame, at, 49152 + random.below(16384));
    put16(frame, at + 2, port);
    header += 8;
  }
  let options = 0;
  if (format === "vxlan") frame[header] = 8;
  else if (format === "nvgre") put32(frame, header, 0x20006558);
  else {
    options = random.chance(70) ? 0 : random.pick([1, 2, 3, 8, 62, 63]);
    put32(frame, header, (options << 24) + 0x6558);
    writeOptions(random, frame, header + 8, options);
  }
  put24(frame, header + 4, vni);
  if (format === "nvgre" || random.chance(5)) frame[header + 7] = random.below(256);
  return { family, at, innerAt: header + 8 + 4 * options };
}

/** What an endpoint sends to the edge. */
export function tunnelFrame(random: Random): Uint8Array {
  const speaker = random.pick(SPEAKERS);
  const family: Family = speaker.own[6].length > 0 && random.chance(50) ? 6 : 4;
  const payload = size(random);
  const frame = new Uint8Array(HEADERS + payload + 100);
  frame.set(PORT_MACS.u0, 0);
  frame.set(CUSTOMER, 6);
  const outer = writeOuter(random, frame, speaker);
  const { innerAt } = outer;
  frame.set(EDGE_MAC, innerAt);
  frame.set(CUSTOMER, innerAt + 6);
  put16(frame, innerAt + 12, etherType(family));
  const at = innerAt + 14;
  const length = writePacket(random, frame, at, payload, {
    source: speakerAddress(random, speaker, family),
    destination: anyAddress(random, speaker.tenant, family),
  });
  const end = at + length + (random.chance(90) ? 0 : random.below(40));
  const { profile, format } = speaking(speaker);
  if (outer.family === 6) put16(frame, 18, end - 54);
  else put16(frame, 16, end - 14);
  fixChecksum(frame, 14);
  const isSummed = format !== "nvgre" && profile.udpChecksum === "full";
  if (format !== "nvgre") put16(frame, outer.at + 4, end - outer.at);
  if (isSummed && random.chance(96)) fixTransport(frame, 14, 17, outer.at, end, outer.at + 6);
  const whole = frame.slice(0, end + (random.chance(90) ? 0 : random.below(40)));
  if (random.chance(72)) return whole;
  const mutated = mutate(random, whole, random.pick([0, 0, outer.at - 14, innerAt, innerAt]), at);
  if (isSummed && random.chance(70)) fixTransport(mutated, 14, 17, outer.at, end, outer.at + 6);
  return mutated;
}

const INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff] as const;

/** Breaks something in the 70 bytes from `from` on; two times out of three checksums of IPv4 are made right again. */
function mutate(random: Random, frame: Uint8Array, from: number, innerAt: number): Uint8Array {
  let mutated = frame;
  const end = Math.min(frame.length, from + 70);
  if (end <= from) return frame;
  const spot = () => from + random.below(end - from);
  switch (random.below(6)) {
    case 0:
      mutated = frame.slice(0, 14 + random.below(frame.length - 13));
      break;
    case 1: {
      const at = spot();
      mutated[at] = (mutated[at] as number) ^ (1 << random.below(8));
      break;
    }
    case 2:
      mutated[spot()] = random.pick(INTERESTING);
      break;
    case 3: {
      const at = Math.min(frame.length - 2, innerAt + random.pick([2, 4]));
      put16(mutated, at, random.pick([0, 1, 7, 8, 19, 20, 21, 27, 28, 40, 50, frame.length - at, 65535]));
      break;
    }
    case 4: {
      const at = Math.min(frame.length - 1, innerAt + random.pick([0, 6, 7, 8, 9]));
      mutated[at] = random.below(256);
      break;
    }
    default:
      mutated[spot()] = random.below(256);
  }
  if (random.below(3) > 0) {
    fixChecksum(mutated, 14);
    if (innerAt > 14) fixChecksum(mutated, innerAt);
  }
  return mutated;
}
