// Frames that differ from a good one in one place: cut short, or with one field at its limits.

import { get16, put16, put24, put32 } from "./packet-bytes.ts";
import { endpointOf } from "./packet-frames.ts";
import { fixChecksum } from "./packet-random.ts";
import { WORLD } from "./packet-world.ts";

/** The frame cut at every offset that a test run takes: an Ethernet header is the least. */
export function cuts(frame: Uint8Array): Uint8Array[] {
  return Array.from({ length: frame.length - 13 }, (_, index) => frame.subarray(0, 14 + index));
}

export interface Field {
  readonly at: number;
  readonly bytes: 1 | 2 | 3 | 4;
  readonly values: readonly number[];
}

/** Every field of a frame, and where its IPv4 headers begin. */
export interface Fields {
  readonly fields: readonly Field[];
  readonly headers: readonly number[];
}

interface Walk {
  readonly frame: Uint8Array;
  readonly fields: Field[];
  readonly headers: number[];
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const ALL_BYTES = range(256);
/** Every single bit, none, all, and neighbours. */
const BITS16 = [...range(16).map((bit) => 1 << bit), 0, 0xffff, 0x1fff, 0x2001, 0x3fff, 0x6000, 0x7fff];
const ADDRESSES = [
  ...[0, 1, 0x00ffffff, 0x01000000, 0x7effffff, 0x7f000000, 0x7fffffff, 0x80000000, 0xdfffffff, 0xe0000000, 0xefffffff],
  ...[0xf0000000, 0xfffffffe, 0xffffffff, 0x0a020001, 0x0a02000b, 0x0a010001, 0x0a0100ff, 0xac100005, 0xac1ffffe],
];
/** First and last words of IPv6 addresses. */
const FIRST_WORDS = [
  0, 1, 0x20010db8, 0x20010db9, 0xfe7fffff, 0xfe800000, 0xfebfffff, 0xfec00000, 0xfeffffff, 0xff000000,
];
const LAST_WORDS = [0, 1, 2, 0xfe, 0x0a020001, 0xffffffff, 0x80000001];

/** Lengths that contradict something, where `exact` bytes are left in the frame. */
function lengths(exact: number): number[] {
  const round = [0, 1, 7, 8, 19, 20, 21, 23, 24, 27, 28, 29, 39, 40, 41, 48, 49, 50, 51, 58, 69, 70, 71];
  return [
    ...round,
    exact - 41,
    exact - 40,
    exact - 39,
    exact - 1,
    exact,
    exact + 1,
    exact + 50,
    0x7fff,
    0x8000,
    65534,
    65535,
  ].filter((length) => length >= 0);
}

function ethernet(walk: Walk, at: number): void {
  const types = [0, 0x05dc, 0x0600, 0x0800, 0x0801, 0x07ff, 0x0806, 0x8100, 0x88a8, 0x86dd, 0x6558, 0xffff];
  walk.fields.push(
    { at, bytes: 1, values: ALL_BYTES },
    { at: at + 5, bytes: 1, values: [0, 1, 0xff] },
    { at: at + 6, bytes: 1, values: [0, 1, 2, 3, 0xff] },
  );
  let typeAt = at + 12;
  while (walk.frame.length > typeAt + 6 && [0x8100, 0x88a8].includes(get16(walk.frame, typeAt))) {
    const ids = [...BITS16, 7, 8, 9, 44, 45, 66, 200, 201, 300, 301, 400];
    walk.fields.push({ at: typeAt, bytes: 2, values: types }, { at: typeAt + 2, bytes: 2, values: ids });
    typeAt += 4;
  }
  walk.fields.push({ at: typeAt, bytes: 2, values: types });
  const type = get16(walk.frame, typeAt);
  if (type === 0x0800) ipv4(walk, typeAt + 2);
  else if (type === 0x86dd) ipv6(walk, typeAt + 2);
}

function ipv4(walk: Walk, at: number): void {
  const { frame, fields, headers } = walk;
  const sum = get16(frame, at + 10);
  headers.push(at);
  fields.push(
    { at, bytes: 1, values: ALL_BYTES },
    { at: at + 1, bytes: 1, values: ALL_BYTES },
    { at: at + 2, bytes: 2, values: lengths(frame.length - at) },
    { at: at + 4, bytes: 2, values: BITS16 },
    { at: at + 6, bytes: 2, values: BITS16 },
    { at: at + 8, bytes: 1, values: ALL_BYTES },
    { at: at + 9, bytes: 1, values: ALL_BYTES },
    { at: at + 10, bytes: 2, values: [0, 1, 0xfffe, 0xffff, sum ^ 1, sum ^ 0x8000] },
    { at: at + 12, bytes: 4, values: ADDRESSES },
    { at: at + 16, bytes: 4, values: ADDRESSES },
  );
  transport(walk, frame[at + 9] as number, at + ((frame[at] as number) & 15) * 4);
}

function ipv6(walk: Walk, at: number): void {
  const { frame, fields } = walk;
  fields.push(
    { at, bytes: 1, values: ALL_BYTES },
    { at: at + 1, bytes: 1, values: ALL_BYTES },
    { at: at + 2, bytes: 2, values: BITS16 },
    { at: at + 4, bytes: 2, values: lengths(frame.length - at - 40) },
    { at: at + 6, bytes: 1, values: ALL_BYTES },
    { at: at + 7, bytes: 1, values: ALL_BYTES },
    { at: at + 8, bytes: 4, values: FIRST_WORDS },
    { at: at + 20, bytes: 4, values: LAST_WORDS },
    { at: at + 24, bytes: 4, values: FIRST_WORDS },
    { at: at + 36, bytes: 4, values: LAST_WORDS },
  );
  let [next, place] = [frame[at + 6] as number, at + 40];
  while ([0, 43, 44, 51, 60].includes(next) && frame.length > place + 8) {
    fields.push(
      { at: place, bytes: 1, values: ALL_BYTES },
      { at: place + 1, bytes: 1, values: ALL_BYTES },
      { at: place + 2, bytes: 2, values: BITS16 },
    );
    const units = frame[place + 1] as number;
    const bytes = next === 44 ? 8 : next === 51 ? (units + 2) * 4 : (units + 1) * 8;
    next = frame[place] as number;
    place += bytes;
  }
  transport(walk, next, place);
}

const PORTS = [
  ...[0, 1, 53, 4788, 4789, 4790, 6080, 6081, 6082, 6083, 8471, 8472, 8473, 4798, 4799, 0x12b5 ^ 0xffff],
  ...[49151, 49152, 65535],
];
/** Formats by port, of all profiles. */
const FORMATS = new Map(
  [...Object.keys(WORLD.servers), ...Object.keys(WORLD.gateways)].map((name) => {
    const { port, format } = endpointOf(name);
    return [port, format] as const;
  }),
);

function transport(walk: Walk, protocol: number, at: number): void {
  const { frame, fields } = walk;
  if (frame.length < at + 8) return;
  if (protocol === 47) {
    nvgre(walk, at);
    return;
  }
  if (protocol === 1 || protocol === 58) {
    fields.push(
      { at, bytes: 1, values: ALL_BYTES },
      { at: at + 1, bytes: 1, values: [0, 1, 255] },
      { at: at + 2, bytes: 2, values: [0, 1, 0xffff] },
    );
    // The options of neighbour discovery.
    if (frame[at] === 135 && frame.length >= at + 32)
      fields.push({ at: at + 24, bytes: 1, values: ALL_BYTES }, { at: at + 25, bytes: 1, values: ALL_BYTES });
    return;
  }
  if (protocol !== 17) return;
  const exact = get16(frame, at + 4);
  fields.push(
    { at, bytes: 2, values: PORTS },
    { at: at + 2, bytes: 2, values: PORTS },
    { at: at + 4, bytes: 2, values: [0, 1, 7, 8, 9, 29, 30, exact - 1, exact, exact + 1, 65535] },
    { at: at + 6, bytes: 2, values: [0, 1, 65535] },
  );
  const format = FORMATS.get(get16(frame, at + 2));
  if (format === "vxlan") vxlan(walk, at + 8);
  else if (format === "geneve") geneve(walk, at + 8);
}

const VNIS = [
  0, 1, 99, 100, 101, 201, 202, 299, 300, 301, 400, 0x0a0b0b, 0x0a0b0c, 0x8a0b0c, 0x640000, 0xfffffe, 0xffffff,
];

function vxlan({ frame, fields, headers }: Walk, at: number): void {
  fields.push(
    { at, bytes: 1, values: ALL_BYTES },
    { at: at + 1, bytes: 3, values: [0, 1, 0xffffff] },
    { at: at + 4, bytes: 3, values: VNIS },
    { at: at + 7, bytes: 1, values: [0, 1, 0x64, 0xff] },
  );
  if (frame.length > at + 28) ethernet({ frame, fields, headers }, at + 8);
}

function geneve({ frame, fields, headers }: Walk, at: number): void {
  const words = (frame[at] as number) & 63;
  fields.push(
    { at, bytes: 1, values: ALL_BYTES },
    { at: at + 1, bytes: 1, values: ALL_BYTES },
    { at: at + 2, bytes: 2, values: [0, 0x0800, 0x6557, 0x6558, 0x6559, 0x86dd, 0xffff] },
    { at: at + 4, bytes: 3, values: VNIS },
    { at: at + 7, bytes: 1, values: [0, 1, 0xff] },
  );
  for (let word = 0; word < words; ) {
    const option = at + 8 + 4 * word;
    fields.push({ at: option + 2, bytes: 1, values: ALL_BYTES }, { at: option + 3, bytes: 1, values: ALL_BYTES });
    word += 1 + ((frame[option + 3] as number) & 31);
  }
  const inner = at + 8 + 4 * words;
  if (frame.length > inner + 20) ethernet({ frame, fields, headers }, inner);
}

function nvgre({ frame, fields, headers }: Walk, at: number): void {
  fields.push(
    { at, bytes: 1, values: ALL_BYTES },
    { at: at + 1, bytes: 1, values: ALL_BYTES },
    { at: at + 2, bytes: 2, values: [0, 0x0800, 0x6557, 0x6558, 0x6559, 0x880b, 0xffff] },
    { at: at + 4, bytes: 3, values: VNIS },
    { at: at + 7, bytes: 1, values: [0, 1, 0x64, 0xff] },
  );
  if (frame.length > at + 28) ethernet({ frame, fields, headers }, at + 8);
}

/** Every field of every header that the frame has, tunnels and what is in them included. */
export function fieldsOf(frame: Uint8Array): Fields {
  const walk: Walk = { frame, fields: [], headers: [] };
  ethernet(walk, 0);
  return walk;
}

/** One frame for each value of each field; each once as it is, and once with the checksums of IPv4 headers made right. */
export function fieldVariants(frame: Uint8Array, { fields, headers } = fieldsOf(frame)): Uint8Array[] {
  return fields.flatMap(({ at, bytes, values }) =>
    values.flatMap((value) => {
      const changed = frame.slice();
      if (bytes === 1) changed[at] = value;
      else if (bytes === 2) put16(changed, at, value);
      else if (bytes === 3) put24(changed, at, value);
      else put32(changed, at, value);
      const fixed = changed.slice();
      for (const header of headers) fixChecksum(fixed, header);
      return headers.some((header) => at >= header && at < header + 60) ? [changed, fixed] : [changed];
    }),
  );
}
