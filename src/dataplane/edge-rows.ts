// The edge itself ↔ its row.

import { ipv4ToNumber, macFromBytes, macToBytes } from "../address/index.ts";
import type { Edge } from "../model/index.ts";
import { addressWords, NO_WORDS, optionalIpv4, optionalIpv6 } from "./ip-words.ts";
import type { RowBuilder } from "./row-builder.ts";
import type { RowReader } from "./row-reader.ts";

export function compileEdge({ layout, model }: RowBuilder): Uint8Array {
  const { address, address6, mac } = model.edge;
  return layout.encode("edge", {
    mac: macToBytes(mac),
    valid: 1,
    address: address === undefined ? 0 : ipv4ToNumber(address),
    address6: address6 === undefined ? NO_WORDS : addressWords(address6),
  });
}

/** Undefined while nothing has been applied. */
export function decodeEdge(reader: RowReader): Edge | undefined {
  const { rows, ports, vmCapacity, vm6Capacity } = reader.input;
  const row = reader.fields("edge", rows.edge);
  if (row.valid === 0) return undefined;
  const [address, address6] = [optionalIpv4(row.address as number), optionalIpv6(row.address6 as number[])];
  return {
    ...(address === undefined ? {} : { address }),
    ...(address6 === undefined ? {} : { address6 }),
    mac: macFromBytes(row.mac as Uint8Array),
    interfaces: ports,
    vmCapacity,
    vm6Capacity,
  };
}
