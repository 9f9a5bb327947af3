// Routes ↔ rows of routes4, routes6 and route_groups. A tenant's own addresses are host routes of a kind of their own; they are
// read back from its record.

import type { IpPrefix } from "../address/index.ts";
import {
  hostPrefix,
  ipFamily,
  ipv4FromNumber,
  ipv4ToNumber,
  isV6,
  prefixAddress,
  prefixLength,
  prefixOf,
} from "../address/index.ts";
import { UnumError } from "../errors.ts";
import type { Tenant } from "../model/index.ts";
import { circuitName } from "./indexes.ts";
import { addressWords, ipv6FromWords } from "./ip-words.ts";
import type { RowBuilder } from "./row-builder.ts";
import type { RowReader } from "./row-reader.ts";
import { fromHex, hex } from "./rows.ts";
import type { DecodedTenants, TenantUnderWay } from "./tenant-rows.ts";
import { vniBytes } from "./vni.ts";

/** Bits of a key before its address: VNI and flags. */
const TENANT_BITS = 32;
const ADDRESS_BITS = { 4: 32, 6: 128 } as const;

export function compileRoutes(builder: RowBuilder, tenantName: string, tenant: Tenant): void {
  const { address, address6 } = tenant;
  if (address !== undefined) compileRoute(builder, tenant, hostPrefix(address), "SELF", 0);
  if (address6 !== undefined) compileRoute(builder, tenant, hostPrefix(address6), "SELF", 0);
  for (const [prefix, route] of tenant.routes) {
    if (route.kind === "endpoints") compileRoute(builder, tenant, prefix, "GROUP", compileGroup(builder, route.via));
    else {
      const circuit = builder.index("circuit", circuitName(tenantName, route.circuit));
      compileRoute(builder, tenant, prefix, "CIRCUIT", circuit);
    }
  }
}

/** Index of the group with these endpoints; groups are immutable, so a new set is a new group. */
function compileGroup(builder: RowBuilder, via: readonly string[]): number {
  const { input } = builder;
  const endpoints = via.map((name) => builder.index("endpoint", name)).sort((a, b) => a - b);
  const content = builder.layout.encode("route_group", { count: endpoints.length, endpoints });
  const key = hex(content);
  let index = builder.groupIndexes.get(key);
  if (index === undefined) {
    index = 1;
    while (input.groups.has(index) || builder.groups.has(index)) index++;
    if (index >= input.groupEntries) {
      throw new UnumError(
        "TABLE_FULL",
        `compile routes: more than ${input.groupEntries - 1} different sets of endpoints; nothing was written`,
        { remedy: "let routes share the same set of gateways" },
      );
    }
    builder.groupIndexes.set(key, index);
  }
  builder.groups.set(index, content);
  return index;
}

function compileRoute(
  builder: RowBuilder,
  tenant: Tenant,
  prefix: IpPrefix,
  kind: "GROUP" | "CIRCUIT" | "SELF",
  target: number,
): void {
  const { layout } = builder;
  const address = prefixAddress(prefix);
  const length = prefixLength(prefix);
  const common = { prefix_length: TENANT_BITS + length, vni: vniBytes(tenant.vni), flags: builder.slotUsed };
  const value = layout.encode("route", {
    kind: layout.number("route_kind", `ROUTE_KIND_${kind}`),
    prefix_length: length,
    target,
  });
  if (isV6(address)) {
    builder.routes6.set(hex(layout.encode("route6_key", { ...common, address: addressWords(address) })), value);
  } else {
    builder.routes4.set(hex(layout.encode("route4_key", { ...common, address: ipv4ToNumber(address) })), value);
  }
}

/** Adds routes to their tenants. */
export function decodeRoutes(reader: RowReader, tenants: DecodedTenants): void {
  const { routes4, routes6 } = reader.input.rows;
  for (const [keyText, value] of routes4) {
    const key = reader.fields("route4_key", fromHex(keyText));
    decodeRoute(reader, tenants, key, ipv4FromNumber(key.address as number), value);
  }
  for (const [keyText, value] of routes6) {
    const key = reader.fields("route6_key", fromHex(keyText));
    decodeRoute(reader, tenants, key, ipv6FromWords(key.address as number[]), value);
  }
}

function decodeRoute(
  reader: RowReader,
  tenants: DecodedTenants,
  key: Record<string, unknown>,
  address: Parameters<typeof prefixOf>[0],
  value: Uint8Array,
): void {
  const kinds = reader.layout.names("route_kind", "ROUTE_KIND_");
  const row = reader.fields("route", value) as Record<"kind" | "target", number>;
  const length = (key.prefix_length as number) - TENANT_BITS;
  const family = ipFamily(address);
  const where = `routes${family} ${address}/${length}`;
  const tenant = tenants.of(key.vni as Uint8Array, where);
  const kind = reader.meaning(kinds, row.kind, "kind", where);
  // Shorter than the tenant's own bits: it would be everybody's.
  const fits = length >= 0 && length <= ADDRESS_BITS[family];
  if (!fits) reader.problems.push(`${where}: prefix length ${length} is not 0 to ${ADDRESS_BITS[family]}`);
  if (tenant === undefined || kind === undefined || !fits) return;
  addRoute(reader, tenant, prefixOf(address, length), kind, row.target, where);
}

function addRoute(
  reader: RowReader,
  tenant: TenantUnderWay,
  prefix: IpPrefix,
  kind: string,
  target: number,
  where: string,
): void {
  if (kind === "circuit") {
    const name = reader.name("circuit", target, where);
    if (name !== undefined) tenant.routes.set(prefix, { kind: "circuit", circuit: name.slice(name.indexOf("/") + 1) });
  } else if (kind === "group") {
    const via = decodeGroup(reader, target, where);
    if (via !== undefined) tenant.routes.set(prefix, { kind: "endpoints", via });
  }
}

function decodeGroup(reader: RowReader, index: number, where: string): string[] | undefined {
  const group = reader.input.rows.groups.get(index);
  if (group === undefined) {
    reader.problems.push(`${where}: route group ${index} is empty`);
    return undefined;
  }
  const { count, endpoints } = reader.fields("route_group", group) as { count: number; endpoints: number[] };
  if (count === 0 || count > endpoints.length) {
    reader.problems.push(`${where}: route group ${index} counts ${count}, expected 1 to ${endpoints.length}`);
    return undefined;
  }
  const names = endpoints.slice(0, count).map((endpoint) => reader.name("endpoint", endpoint, where));
  return names.includes(undefined) ? undefined : (names as string[]).sort();
}
