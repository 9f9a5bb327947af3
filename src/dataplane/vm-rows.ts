// VMs ↔ slots of the VM tables, one after the other.

import type { IpAddress } from "../address/index.ts";
import { ipv4FromNumber, ipv4ToNumber, isV6, macFromBytes, macToBytes } from "../address/index.ts";
import type { Model, PathPolicy } from "../model/index.ts";
import { countVms } from "../model/index.ts";
import type { Indexes } from "./indexes.ts";
import { addressWords, ipv6FromWords } from "./ip-words.ts";
import type { Layout } from "./layout.ts";
import { policiesByNumber, policyNumbers } from "./policies.ts";
import { indexOf } from "./row-builder.ts";
import type { Field, RowReader } from "./row-reader.ts";
import { slotBytes } from "./tables.ts";
import type { DecodedTenants } from "./tenant-rows.ts";
import { vniBytes } from "./vni.ts";

/** Slots of both VM tables. */
export interface VmSlots {
  readonly vms4: Uint8Array;
  readonly vms6: Uint8Array;
}

export type VmTable = keyof VmSlots;
export const VM_TABLES = ["vms4", "vms6"] as const satisfies readonly VmTable[];

export function vmSlots(layout: Layout, model: Model, indexes: Indexes): VmSlots {
  const count = countVms(model);
  const [codec4, codec6] = [layout.codec("vm4_slot"), layout.codec("vm6_slot")];
  const vms4 = new Uint8Array(count.vms * slotBytes(layout, "vms4"));
  const vms6 = new Uint8Array(count.vms6 * slotBytes(layout, "vms6"));
  const flags = layout.number("slot_flags", "SLOT_USED");
  const policies = policyNumbers(layout);
  let [at4, at6] = [0, 0];
  for (const tenant of model.tenants.values()) {
    const vni = vniBytes(tenant.vni);
    for (const [address, vm] of tenant.vms) {
      const endpoint = indexOf(indexes, "endpoint", vm.server);
      const policy = policies.get(vm.policy) as number;
      const common = { vni, flags, mac: macToBytes(vm.mac), endpoint, policy };
      if (isV6(address)) {
        codec6.encode({ ...common, address: addressWords(address) }, vms6, at6);
        at6 += codec6.size;
      } else {
        codec4.encode({ ...common, address: ipv4ToNumber(address) }, vms4, at4);
        at4 += codec4.size;
      }
    }
  }
  return { vms4, vms6 };
}

/** Adds VMs to their tenants. */
export function decodeVms(reader: RowReader, tenants: DecodedTenants): void {
  const { vms4, vms6 } = reader.input.vms;
  decodeTable(reader, tenants, "vms4", vms4, (row) => ipv4FromNumber(row.address as number));
  decodeTable(reader, tenants, "vms6", vms6, (row) => ipv6FromWords(row.address as number[]));
}

function decodeTable(
  reader: RowReader,
  tenants: DecodedTenants,
  table: VmTable,
  slots: Uint8Array,
  addressOf: (row: Field) => IpAddress,
): void {
  const codec = reader.layout.codec(table === "vms4" ? "vm4_slot" : "vm6_slot");
  const policies = policiesByNumber(reader.layout);
  for (let at = 0; at < slots.length; at += codec.size) {
    const row = codec.decode(slots, at) as Field;
    const address = addressOf(row);
    const where = `${table} ${address}`;
    const tenant = tenants.of(row.vni as Uint8Array, where);
    const server = reader.name("endpoint", row.endpoint as number, where);
    if (tenant === undefined || server === undefined) continue;
    const policy = policies.get(row.policy as number);
    tenant.vms.set(address, {
      server,
      mac: macFromBytes(row.mac as Uint8Array),
      ...(policy === undefined || policy === "inherit" ? {} : { policy: policy as PathPolicy }),
    });
  }
}
