// VMs ↔ slots of the VM tables, one after the other. A slot and a record of the model are both packed, and one becomes the
// other word by word.

import type { NamePool, PackedVms, Tenant } from "../model/index.ts";
import { POLICY_MASK } from "../model/index.ts";
import type { Indexes } from "./indexes.ts";
import type { Layout } from "./layout.ts";
import { indexOf } from "./row-builder.ts";
import type { VmShape, VmSlots, VmTable } from "./vm-shape.ts";
import { vmShape, writeHalf } from "./vm-shape.ts";

/** VMs of tenants, and of no other object. */
export type TenantVms = Iterable<Pick<Tenant, "vni" | "vms">>;

/** Every VM as its slot. */
export function vmSlots(layout: Layout, tenants: TenantVms, indexes: Indexes): VmSlots {
  return packSlots(layout, [...tenants], endpointIndexes(indexes));
}

/** The same with values that mean nothing, for who needs the keys alone. */
export function vmKeySlots(layout: Layout, tenants: TenantVms): VmSlots {
  return packSlots(layout, [...tenants], () => () => 0);
}

function packSlots(
  layout: Layout,
  tenants: readonly Pick<Tenant, "vni" | "vms">[],
  endpointOf: ReturnType<typeof endpointIndexes>,
): VmSlots {
  const table = (name: VmTable, packedOf: (tenant: (typeof tenants)[number]) => PackedVms) => {
    const shape = vmShape(layout, name);
    const count = tenants.reduce((sum, tenant) => sum + packedOf(tenant).count, 0);
    const slots = new Uint8Array(count * shape.slotBytes);
    let at = 0;
    for (const tenant of tenants) {
      const packed = packedOf(tenant);
      writeSlots(shape, slots, at, tenant.vni, packed, endpointOf(tenant.vms.names));
      at += packed.count * shape.slotBytes;
    }
    return slots;
  };
  return { vms4: table("vms4", ({ vms }) => vms.packed4), vms6: table("vms6", ({ vms }) => vms.packed6) };
}

/** Endpoint indexes by the numbers that records have for servers. */
function endpointIndexes(indexes: Indexes): (names: NamePool) => (server: number) => number {
  const pools = new Map<NamePool, number[]>();
  return (names) => {
    const known = pools.get(names) ?? [];
    pools.set(names, known);
    return (server) => (known[server] ??= indexOf(indexes, "endpoint", names.name(server)));
  };
}

function writeSlots(
  shape: VmShape,
  slots: Uint8Array,
  first: number,
  vni: number,
  { words, count, stride }: PackedVms,
  endpointOf: (server: number) => number,
): void {
  const { slotBytes, addressWords } = shape;
  const put = (at: number, value: number): void => {
    slots[at] = value >>> 24;
    slots[at + 1] = value >>> 16;
    slots[at + 2] = value >>> 8;
    slots[at + 3] = value;
  };
  for (let n = 0, at = first, from = 0; n < count; n++, at += slotBytes, from += stride) {
    slots[at + shape.vni] = vni >>> 16;
    slots[at + shape.vni + 1] = vni >>> 8;
    slots[at + shape.vni + 2] = vni;
    slots[at + shape.flags] = shape.used;
    for (let word = 0; word < addressWords; word++) put(at + shape.address + 4 * word, words[from + word] as number);
    const low = words[from + addressWords + 1] as number;
    put(at + shape.mac, words[from + addressWords] as number);
    slots[at + shape.mac + 4] = low >>> 24;
    slots[at + shape.mac + 5] = low >>> 16;
    writeHalf(slots, at, shape.endpoint, endpointOf(words[from + stride - 1] as number));
    writeHalf(slots, at, shape.policy, shape.slotOfPolicy[low & POLICY_MASK] as number);
  }
}
