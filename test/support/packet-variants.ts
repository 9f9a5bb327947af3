// Frames that differ from a good one in one place: cut short, or with one field at its limits.

import { get16, put16, put24, put32 } from "./packet-bytes.ts";
import { fixChecksum } from "./packet-random.ts";

/** The frame cut at every offset that a test run takes: an Ethernet header is the least. */
export function cuts(frame: Uint8Array): Uint8Array[] {
  return Array.from({ length: frame.length - 13 }, (_, index) => frame.subarray(0, 14 + index));
}

interface Field {
  readonly at: number;
  readonly bytes: 1 | 2 | 3 | 4;
  readonly values: readonly number[];
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const ALL_BYTES = range(256);
/** Every single bit, none, all, and neighbours. */
const BITS16 = [...range(16).map((bit) => 1 << bit), 0, 0xffff, 0x1fff, 0x2001, 0x3fff, 0x6000, 0x7fff];
const ADDRESSES = [
  0, 1, 0x00ffffff, 0x01000000, 0x7effffff, 0x7f000000, 0x7fffffff, 0x80000000, 0xdfffffff, 0xe0000000, 0xefffffff,
  0xf0000000, 0xfffffffe, 0xffffffff, 0x0a020001, 0x0a02000b, 0x0a010001, 0x0a0100ff, 0xac100005,
];

/** Lengths that contradict something, for a header of 20 bytes at `at` in a frame of so many bytes. */
function lengths(at: number, frameBytes: number): number[] {
  const exact = frameBytes - at;
  return [
    0,
    1,
    8,
    19,
    20,
    21,
    23,
    24,
    27,
    28,
    29,
    49,
    50,
    51,
    69,
    70,
    71,
    exact - 1,
    exact,
    exact + 1,
    exact + 50,
    0x7fff,
    0x8000,
    65534,
    65535,
  ];
}

function ipv4Fields(at: number, frame: Uint8Array): Field[] {
  return [
    { at, bytes: 1, values: ALL_BYTES },
    { at: at + 1, bytes: 1, values: ALL_BYTES },
    { at: at + 2, bytes: 2, values: lengths(at, frame.length) },
    { at: at + 4, bytes: 2, values: BITS16 },
    { at: at + 6, bytes: 2, values: BITS16 },
    { at: at + 8, bytes: 1, values: ALL_BYTES },
    { at: at + 9, bytes: 1, values: ALL_BYTES },
    {
      at: at + 10,
      bytes: 2,
      values: [0, 1, 0xfffe, 0xffff, get16(frame, at + 10) ^ 1, get16(frame, at + 10) ^ 0x8000],
    },
    { at: at + 12, bytes: 4, values: ADDRESSES },
    { at: at + 16, bytes: 4, values: ADDRESSES },
  ];
}

function udpFields(at: number, frame: Uint8Array): Field[] {
  const ports = [0, 1, 53, 4788, 4789, 4790, 8471, 8472, 8473, 0x12b5 ^ 0xffff, 65535];
  const exact = get16(frame, at + 4);
  return [
    { at, bytes: 2, values: ports },
    { at: at + 2, bytes: 2, values: ports },
    { at: at + 4, bytes: 2, values: [0, 1, 7, 8, 9, 29, 30, exact - 1, exact, exact + 1, 65535] },
    { at: at + 6, bytes: 2, values: [0, 1, 65535] },
  ];
}

function ethernetFields(at: number): Field[] {
  const types = [0, 0x05dc, 0x0600, 0x0800, 0x0801, 0x07ff, 0x0806, 0x8100, 0x88a8, 0x86dd, 0xffff];
  return [
    { at, bytes: 1, values: ALL_BYTES },
    { at: at + 5, bytes: 1, values: [0, 1, 0xff] },
    { at: at + 6, bytes: 1, values: [0, 1, 2, 3, 0xff] },
    { at: at + 12, bytes: 2, values: types },
  ];
}

const VXLAN_FIELDS: readonly Field[] = [
  { at: 42, bytes: 1, values: ALL_BYTES },
  { at: 43, bytes: 3, values: [0, 1, 0xffffff] },
  { at: 46, bytes: 3, values: [0, 1, 99, 100, 101, 299, 300, 301, 0x000001, 0x640000, 0xfffffe, 0xffffff] },
  { at: 49, bytes: 1, values: [0, 1, 0x64, 0xff] },
];

/** Fields of a customer's frame. */
export function customerFields(frame: Uint8Array): readonly Field[] {
  return [...ethernetFields(0), ...ipv4Fields(14, frame)];
}

/** Fields of a VXLAN frame without outer options. */
export function tunnelFields(frame: Uint8Array): readonly Field[] {
  return [
    ...ethernetFields(0),
    ...ipv4Fields(14, frame),
    ...udpFields(34, frame),
    ...VXLAN_FIELDS,
    ...ethernetFields(50),
    ...ipv4Fields(64, frame),
  ];
}

/** One frame for each value of each field; each once as it is, and once with the checksums of headers at `headers` made right. */
export function fieldVariants(frame: Uint8Array, fields: readonly Field[], headers: readonly number[]): Uint8Array[] {
  return fields.flatMap(({ at, bytes, values }) =>
    values.flatMap((value) => {
      const changed = frame.slice();
      if (bytes === 1) changed[at] = value;
      else if (bytes === 2) put16(changed, at, value);
      else if (bytes === 3) put24(changed, at, value);
      else put32(changed, at, value);
      const fixed = changed.slice();
      for (const header of headers) fixChecksum(fixed, header);
      return [changed, fixed];
    }),
  );
}
