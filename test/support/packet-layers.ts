// How each layer of packet-builder.ts is written.

import { addressNumber, checksum, concatenate, get16, macBytes, onesSum, put16, put24, put32 } from "./packet-bytes.ts";

/** A value that the edge may choose. */
export const ANY = Symbol("any value");
/** A source port of RFC 7348 section 5: 49152 to 65535. */
export const ENTROPY = Symbol("entropy port");

type Free = typeof ANY | typeof ENTROPY;

export interface Context {
  /** The layer in front of this one, and the one behind it. */
  readonly above?: Layer;
  readonly below?: Layer;
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

function free16(value: number | Free, at: number, actual: Uint8Array | undefined): number {
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
  readonly type?: number;
}

export function vlan({ id, priority = 0, type }: VlanFields): Layer {
  return {
    name: "vlan",
    bytes: 4,
    etherType: 0x8100,
    write(_rest, { below }) {
      const tag = new Uint8Array(4);
      put16(tag, 0, (priority << 13) | id);
      put16(tag, 2, type ?? below?.etherType ?? 0);
      return tag;
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

export interface Ipv4Fields {
  readonly source: string;
  readonly destination: string;
  readonly ttl?: number;
  /** DSCP and ECN as they stand in the header. */
  readonly tos?: number;
  readonly id?: number | Free;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** In units of 8 bytes. */
  readonly fragmentOffset?: number;
  /** The bit that RFC 791 reserves. */
  readonly evil?: boolean;
  readonly protocol?: number;
  /** Multiple of four bytes, up to 40. */
  readonly options?: Uint8Array;
  readonly version?: number;
  readonly headerWords?: number;
  readonly length?: number;
  readonly checksum?: number;
}

/** RFC 791. */
export function ipv4(fields: Ipv4Fields): Layer {
  const options = fields.options ?? new Uint8Array(0);
  const addresses = new Uint8Array(8);
  put32(addresses, 0, addressNumber(fields.source));
  put32(addresses, 4, addressNumber(fields.destination));
  return {
    name: "ipv4",
    bytes: 20 + options.length,
    etherType: 0x0800,
    protocol: 4,
    pseudoSum: onesSum(addresses),
    write(rest, { below, actual }) {
      const header = new Uint8Array(20 + options.length);
      header[0] = ((fields.version ?? 4) << 4) | (fields.headerWords ?? header.length / 4);
      header[1] = fields.tos ?? 0;
      put16(header, 2, fields.length ?? header.length + rest.length);
      put16(header, 4, free16(fields.id ?? 0, 4, actual));
      put16(
        header,
        6,
        (fields.evil ? 0x8000 : 0) |
          (fields.dontFragment ? 0x4000 : 0) |
          (fields.moreFragments ? 0x2000 : 0) |
          (fields.fragmentOffset ?? 0),
      );
      header[8] = fields.ttl ?? 64;
      header[9] = fields.protocol ?? below?.protocol ?? 253;
      header.set(addresses, 12);
      header.set(options, 20);
      put16(header, 10, fields.checksum ?? checksum(header));
      return header;
    },
  };
}

export interface UdpFields {
  readonly source: number | Free;
  readonly destination: number;
  readonly length?: number;
  /** 0: none, as in tunnels over IPv4. */
  readonly checksum?: number;
}

function transportChecksum(protocol: number, header: Uint8Array, rest: Uint8Array, above: Layer | undefined): number {
  const bytes = concatenate(header, rest);
  return checksum(bytes, 0, bytes.length, (above?.pseudoSum ?? 0) + protocol + bytes.length);
}

/** RFC 768. */
export function udp(fields: UdpFields): Layer {
  return {
    name: "udp",
    bytes: 8,
    protocol: 17,
    write(rest, { above, actual }) {
      const header = new Uint8Array(8);
      put16(header, 0, free16(fields.source, 0, actual));
      put16(header, 2, fields.destination);
      put16(header, 4, fields.length ?? 8 + rest.length);
      put16(header, 6, fields.checksum ?? (transportChecksum(17, header, rest, above) || 0xffff));
      return header;
    },
  };
}

export interface TcpFields {
  readonly source: number;
  readonly destination: number;
  readonly flags?: number;
  readonly sequence?: number;
}

/** RFC 9293, without options. */
export function tcp(fields: TcpFields): Layer {
  return {
    name: "tcp",
    bytes: 20,
    protocol: 6,
    write(rest, { above }) {
      const header = new Uint8Array(20);
      put16(header, 0, fields.source);
      put16(header, 2, fields.destination);
      put32(header, 4, fields.sequence ?? 1);
      header[12] = 0x50;
      header[13] = fields.flags ?? 0x10;
      put16(header, 14, 0xffff);
      put16(header, 16, transportChecksum(6, header, rest, above));
      return header;
    },
  };
}

export interface IcmpFields {
  readonly type: number;
  readonly code?: number;
  /** The two words behind the checksum: identifier and sequence number of echo; unused and MTU of errors. */
  readonly words?: readonly [number, number];
  readonly checksum?: number;
}

/** RFC 792. */
export function icmp({ type, code = 0, words = [0, 0], checksum: given }: IcmpFields): Layer {
  return {
    name: "icmp",
    bytes: 8,
    protocol: 1,
    write(rest) {
      const header = Uint8Array.of(type, code, 0, 0, 0, 0, 0, 0);
      put16(header, 4, words[0]);
      put16(header, 6, words[1]);
      put16(header, 2, given ?? checksum(concatenate(header, rest)));
      return header;
    },
  };
}

/** RFC 7348 section 5. */
export function vxlan(fields: { vni: number; flags?: number; reserved?: number; lastReserved?: number }): Layer {
  return {
    name: "vxlan",
    bytes: 8,
    write() {
      const header = new Uint8Array(8);
      header[0] = fields.flags ?? 0x08;
      put24(header, 1, fields.reserved ?? 0);
      put24(header, 4, fields.vni);
      header[7] = fields.lastReserved ?? 0;
      return header;
    },
  };
}

export function raw(bytes: Uint8Array): Layer {
  return { name: "payload", bytes: bytes.length, write: () => bytes };
}
