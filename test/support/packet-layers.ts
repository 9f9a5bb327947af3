// What a layer of packet-builder.ts is, and the layers below IP. The others are in packet-layers-*.ts.

import { addressNumber, concatenate, get16, macBytes, put16, put32 } from "./packet-bytes.ts";

/** A value that the edge may choose. */
export const ANY = Symbol("any value");
/** A source port of RFC 7348 section 5: 49152 to 65535. */
export const ENTROPY = Symbol("entropy port");

export type Free = typeof ANY | typeof ENTROPY;

export interface Context {
  /** The layer in front of this one, and the one behind it. */
  readonly above?: Layer;
  readonly below?: Layer;
  /** Sum of the addresses of the IP header that this layer is behind, for pseudo-headers. */
  readonly pseudoSum: number;
  /** The frame under test, from this layer on. */
  readonly actual?: Uint8Array;
}

export interface Layer {
  readonly name: string;
  /** Length of the header. */
  readonly bytes: number;
  readonly etherType?: number;
  readonly protocol?: number;
  /** Sum of the addresses in a pseudo-header. */
  readonly pseudoSum?: number;
  write(rest: Uint8Array, context: Context): Uint8Array;
}

export function free16(value: number | Free, at: number, actual: Uint8Array | undefined): number {
  if (typeof value === "number") return value;
  if (actual === undefined || actual.length < at + 2) return value === ENTROPY ? 49152 : 0;
  const found = get16(actual, at);
  return value === ENTROPY ? found | 0xc000 : found;
}

export interface EthernetFields {
  readonly destination: string;
  readonly source: string;
  readonly type?: number;
}

export function ethernet({ destination, source, type }: EthernetFields): Layer {
  return {
    name: "ethernet",
    bytes: 14,
    // Transparent Ethernet bridging: what Geneve and GRE call a frame.
    etherType: 0x6558,
    write(_rest, { below }) {
      const header = concatenate(macBytes(destination), macBytes(source), new Uint8Array(2));
      put16(header, 12, type ?? below?.etherType ?? 0);
      return header;
    },
  };
}

export interface VlanFields {
  readonly id: number;
  readonly priority?: number;
  /** EtherType of what is behind the tag. */
  readonly type?: number;
  /** EtherType of the tag itself: IEEE 802.1Q unless it says 0x88a8, 802.1ad. */
  readonly tag?: number;
}

export function vlan({ id, priority = 0, type, tag = 0x8100 }: VlanFields): Layer {
  return {
    name: "vlan",
    bytes: 4,
    etherType: tag,
    write(_rest, { below }) {
      const bytes = new Uint8Array(4);
      put16(bytes, 0, (priority << 13) | id);
      put16(bytes, 2, type ?? below?.etherType ?? 0);
      return bytes;
    },
  };
}

export interface ArpFields {
  readonly operation: number;
  readonly senderMac: string;
  readonly sender: string;
  readonly targetMac?: string;
  readonly target: string;
  readonly hardware?: number;
  readonly protocol?: number;
  readonly hardwareBytes?: number;
  readonly protocolBytes?: number;
}

/** RFC 826, for Ethernet and IPv4. */
export function arp(fields: ArpFields): Layer {
  return {
    name: "arp",
    bytes: 28,
    etherType: 0x0806,
    write() {
      const bytes = new Uint8Array(28);
      put16(bytes, 0, fields.hardware ?? 1);
      put16(bytes, 2, fields.protocol ?? 0x0800);
      bytes[4] = fields.hardwareBytes ?? 6;
      bytes[5] = fields.protocolBytes ?? 4;
      put16(bytes, 6, fields.operation);
      bytes.set(macBytes(fields.senderMac), 8);
      put32(bytes, 14, addressNumber(fields.sender));
      bytes.set(macBytes(fields.targetMac ?? "00:00:00:00:00:00"), 18);
      put32(bytes, 24, addressNumber(fields.target));
      return bytes;
    },
  };
}

export function raw(bytes: Uint8Array): Layer {
  return { name: "payload", bytes: bytes.length, write: () => bytes };
}
