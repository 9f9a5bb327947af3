// IPv4 and IPv6 headers of packet-builder.ts.

import { address6Bytes, addressNumber, checksum, concatenate, get32, onesSum, put16, put32 } from "./packet-bytes.ts";
import { type Free, free16, type Layer } from "./packet-layers.ts";

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

export interface Ipv6Fields {
  readonly source: string;
  readonly destination: string;
  /** The hop limit. */
  readonly ttl?: number;
  /** The traffic class: DSCP and ECN. */
  readonly tos?: number;
  readonly flowLabel?: number | Free;
  readonly nextHeader?: number;
  readonly version?: number;
  /** Of what is behind the header. */
  readonly length?: number;
}

/** RFC 8200. */
export function ipv6(fields: Ipv6Fields): Layer {
  const addresses = concatenate(address6Bytes(fields.source), address6Bytes(fields.destination));
  return {
    name: "ipv6",
    bytes: 40,
    etherType: 0x86dd,
    protocol: 41,
    pseudoSum: onesSum(addresses),
    write(rest, { below, actual }) {
      const header = new Uint8Array(40);
      const { flowLabel = 0 } = fields;
      const found = actual === undefined || actual.length < 4 ? 0 : get32(actual, 0) % 0x100000;
      const label = typeof flowLabel === "number" ? flowLabel : found;
      put32(header, 0, (fields.version ?? 6) * 2 ** 28 + (fields.tos ?? 0) * 2 ** 20 + label);
      put16(header, 4, fields.length ?? rest.length);
      header[6] = fields.nextHeader ?? below?.protocol ?? 59;
      header[7] = fields.ttl ?? 64;
      header.set(addresses, 8);
      return header;
    },
  };
}

export interface ExtensionFields {
  /** 0 hop-by-hop, 43 routing, 60 destination options, 51 authentication. */
  readonly kind: number;
  /** Of the whole header; a multiple of 8, or of 4 for authentication. */
  readonly bytes?: number;
  readonly nextHeader?: number;
  /** The length field as it stands in the header. */
  readonly length?: number;
}

/** RFC 8200 section 4, RFC 4302. */
export function extension({ kind, bytes = 8, nextHeader, length }: ExtensionFields): Layer {
  return {
    name: "extension",
    bytes,
    protocol: kind,
    write(_rest, { below }) {
      const header = new Uint8Array(bytes);
      header[0] = nextHeader ?? below?.protocol ?? 59;
      header[1] = length ?? (kind === 51 ? bytes / 4 - 2 : bytes / 8 - 1);
      // One PadN option over all that is left.
      if (kind !== 51 && kind !== 43) header.set([1, bytes - 4], 2);
      return header;
    },
  };
}

export interface FragmentFields {
  /** In units of 8 bytes. */
  readonly offset?: number;
  readonly more?: boolean;
  readonly id?: number;
  readonly nextHeader?: number;
}

/** RFC 8200 section 4.5. */
export function fragment({ offset = 0, more = false, id = 0x01020304, nextHeader }: FragmentFields): Layer {
  return {
    name: "fragment",
    bytes: 8,
    protocol: 44,
    write(_rest, { below }) {
      const header = Uint8Array.of(nextHeader ?? below?.protocol ?? 59, 0, 0, 0, 0, 0, 0, 0);
      put16(header, 2, (offset << 3) | (more ? 1 : 0));
      put32(header, 4, id);
      return header;
    },
  };
}
