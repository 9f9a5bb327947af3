// UDP, TCP, ICMP and ICMPv6 of packet-builder.ts.

import { address6Bytes, checksum, concatenate, macBytes, put16, put32 } from "./packet-bytes.ts";
import { type Free, free16, type Layer } from "./packet-layers.ts";

function transportChecksum(protocol: number, header: Uint8Array, rest: Uint8Array, pseudoSum: number): number {
  const bytes = concatenate(header, rest);
  return checksum(bytes, 0, bytes.length, pseudoSum + protocol + bytes.length);
}

export interface UdpFields {
  readonly source: number | Free;
  readonly destination: number;
  readonly length?: number;
  /** 0: none, as in tunnels. */
  readonly checksum?: number;
  readonly protocol?: number;
}

/** RFC 768; with `protocol` 136 what RFC 3828 makes of it is close enough for ports. */
export function udp(fields: UdpFields): Layer {
  return {
    name: "udp",
    bytes: 8,
    protocol: fields.protocol ?? 17,
    write(rest, { pseudoSum, actual }) {
      const header = new Uint8Array(8);
      put16(header, 0, free16(fields.source, 0, actual));
      put16(header, 2, fields.destination);
      put16(header, 4, fields.length ?? 8 + rest.length);
      put16(header, 6, fields.checksum ?? (transportChecksum(17, header, rest, pseudoSum) || 0xffff));
      return header;
    },
  };
}

export interface TcpFields {
  readonly source: number;
  readonly destination: number;
  readonly flags?: number;
  readonly sequence?: number;
  /** Multiple of four bytes, up to 40. */
  readonly options?: Uint8Array;
  /** Words of the header, as they stand there. */
  readonly headerWords?: number;
  /** Added to the right checksum. */
  readonly checksum?: number;
}

/** RFC 9293. */
export function tcp(fields: TcpFields): Layer {
  const options = fields.options ?? new Uint8Array(0);
  return {
    name: "tcp",
    bytes: 20 + options.length,
    protocol: 6,
    write(rest, { pseudoSum }) {
      const header = new Uint8Array(20 + options.length);
      put16(header, 0, fields.source);
      put16(header, 2, fields.destination);
      put32(header, 4, fields.sequence ?? 1);
      header[12] = (fields.headerWords ?? header.length / 4) << 4;
      header[13] = fields.flags ?? 0x10;
      put16(header, 14, 0xffff);
      header.set(options, 20);
      put16(header, 16, fields.checksum ?? transportChecksum(6, header, rest, pseudoSum));
      return header;
    },
  };
}

/** RFC 9293 section 3.7.1: the option by which one end says how much it takes. */
export function mssOption(bytes: number): Uint8Array {
  return Uint8Array.of(2, 4, bytes >> 8, bytes);
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

/** RFC 4443: as ICMP, with addresses in its checksum. */
export function icmp6({ type, code = 0, words = [0, 0], checksum: given }: IcmpFields): Layer {
  return {
    name: "icmp6",
    bytes: 8,
    protocol: 58,
    write(rest, { pseudoSum }) {
      const header = Uint8Array.of(type, code, 0, 0, 0, 0, 0, 0);
      put16(header, 4, words[0]);
      put16(header, 6, words[1]);
      put16(header, 2, given ?? transportChecksum(58, header, rest, pseudoSum));
      return header;
    },
  };
}

export interface NeighbourFields {
  readonly kind: "solicitation" | "advertisement";
  readonly target: string;
  /** Of an advertisement: router 0x80, solicited 0x40, override 0x20. */
  readonly flags?: number;
  /** The link-layer address option; absent: there is none. */
  readonly mac?: string;
  readonly code?: number;
  readonly checksum?: number;
  /** More options, as they stand in the packet, in front of the link-layer address. */
  readonly options?: Uint8Array;
}

/** RFC 4861 sections 4.3 and 4.4. */
export function neighbour(fields: NeighbourFields): Layer {
  const { kind, target, flags = 0, mac, code = 0, options = new Uint8Array(0) } = fields;
  const asks = kind === "solicitation";
  const option = mac === undefined ? new Uint8Array(0) : concatenate(Uint8Array.of(asks ? 1 : 2, 1), macBytes(mac));
  const bytes = concatenate(
    Uint8Array.of(asks ? 135 : 136, code, 0, 0, flags, 0, 0, 0),
    address6Bytes(target),
    options,
    option,
  );
  return {
    name: "neighbour",
    bytes: bytes.length,
    protocol: 58,
    write(rest, { pseudoSum }) {
      const header = bytes.slice();
      put16(header, 2, fields.checksum ?? transportChecksum(58, header, rest, pseudoSum));
      return header;
    },
  };
}
