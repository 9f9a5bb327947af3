// Tunnel headers of packet-builder.ts.

import { concatenate, put16, put24 } from "./packet-bytes.ts";
import { ANY, type Layer } from "./packet-layers.ts";

export interface VxlanFields {
  readonly vni: number;
  readonly flags?: number;
  readonly reserved?: number;
  readonly lastReserved?: number;
}

/** RFC 7348 section 5. */
export function vxlan(fields: VxlanFields): Layer {
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

export interface GeneveFields {
  readonly vni: number;
  readonly version?: number;
  /** O 0x80, C 0x40, and six reserved bits. */
  readonly flags?: number;
  readonly protocol?: number;
  readonly lastReserved?: number;
  /** As they stand in the packet; a multiple of four bytes. */
  readonly options?: Uint8Array;
  /** Length of the options in words, as it stands in the header. */
  readonly optionWords?: number;
}

/** RFC 8926 section 3.4. */
export function geneve(fields: GeneveFields): Layer {
  const options = fields.options ?? new Uint8Array(0);
  return {
    name: "geneve",
    bytes: 8 + options.length,
    write(_rest, { below }) {
      const header = new Uint8Array(8);
      header[0] = ((fields.version ?? 0) << 6) | (fields.optionWords ?? options.length / 4);
      header[1] = fields.flags ?? 0;
      put16(header, 2, fields.protocol ?? below?.etherType ?? 0x6558);
      put24(header, 4, fields.vni);
      header[7] = fields.lastReserved ?? 0;
      return concatenate(header, options);
    },
  };
}

/** RFC 8926 section 3.5; `words`, the length of its data, is what the header says, whatever is behind it. */
export function geneveOption(type: number, data: Uint8Array, words = data.length / 4, reserved = 0): Uint8Array {
  return concatenate(Uint8Array.of(0x01, 0x02, type, (reserved << 5) | words), data);
}

export interface NvgreFields {
  readonly vni: number;
  /** Checksum 0x8000, key 0x2000, sequence number 0x1000; version in the last three bits. */
  readonly flags?: number;
  readonly protocol?: number;
  readonly flowId?: number | typeof ANY;
}

/** RFC 7637 section 3.2. */
export function nvgre(fields: NvgreFields): Layer {
  return {
    name: "nvgre",
    bytes: 8,
    protocol: 47,
    write(_rest, { below, actual }) {
      const header = new Uint8Array(8);
      const { flowId = 0 } = fields;
      put16(header, 0, fields.flags ?? 0x2000);
      put16(header, 2, fields.protocol ?? below?.etherType ?? 0x6558);
      put24(header, 4, fields.vni);
      header[7] = flowId === ANY ? (actual?.[7] ?? 0) : flowId;
      return header;
    },
  };
}
