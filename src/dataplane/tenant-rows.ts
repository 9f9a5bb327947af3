// Tenants ↔ rows of tenants, tenant_records, tenant_limits, tenant_details and members. Their circuits, routes and VMs have
// files of their own.

import type { IpPrefix } from "../address/index.ts";
import { ipv4ToNumber } from "../address/index.ts";
import type { Circuit, Model, PathPolicy, Route, SourceCheck, Tenant, VmSet } from "../model/index.ts";
import { addressWords, NO_WORDS, optionalIpv4, optionalIpv6 } from "./ip-words.ts";
import type { Layout } from "./layout.ts";
import { limitDetail, limitOfDetail, limitWord } from "./limits.ts";
import { policiesByNumber, policyNumber } from "./policies.ts";
import type { RowBuilder } from "./row-builder.ts";
import type { Field, RowReader } from "./row-reader.ts";
import type { WordAndRecord } from "./rows.ts";
import { slotEntry, slotOf } from "./slots.ts";
import { DecodedVms } from "./vm-reader.ts";
import { vniBytes, vniNumber } from "./vni.ts";

/** Fields of struct tenant_record with a bit for each code point. */
const DSCP_FIELDS = {
  direct_preferred: "direct-preferred",
  direct_only: "direct-only",
  gateway_only: "gateway-only",
} as const satisfies Readonly<Record<string, PathPolicy>>;

export function compileTenant(builder: RowBuilder, name: string, tenant: Tenant): void {
  const { layout } = builder;
  const { address, address6, rateLimit, dscpPolicies } = tenant;
  const index = builder.index("tenant", name);
  let flags = layout.number("tenant_flags", "TENANT_VALID");
  if (dscpPolicies.size > 0) flags |= layout.number("tenant_flags", "TENANT_DSCP_POLICY");
  if (rateLimit !== undefined) flags |= layout.number("tenant_flags", "TENANT_RATE_LIMIT");
  const word = layout.encode("tenant", {
    vni: vniBytes(tenant.vni),
    flags,
    source_check: layout.number("source_check", `SOURCE_CHECK_${tenant.sourceCheck.toUpperCase()}`),
    policy: policyNumber(layout, tenant.policy),
  });
  const bits = (wanted: PathPolicy): bigint => {
    const codePoints = [...dscpPolicies].filter(([, policy]) => policy === wanted);
    return codePoints.reduce((set, [codePoint]) => set | (1n << BigInt(codePoint)), 0n);
  };
  const record = layout.encode("tenant_record", {
    address: address === undefined ? 0 : ipv4ToNumber(address),
    address6: address6 === undefined ? NO_WORDS : addressWords(address6),
    ...Object.fromEntries(Object.entries(DSCP_FIELDS).map(([field, policy]) => [field, bits(policy)])),
  });
  builder.tenants.set(index, { word, record });
  if (rateLimit !== undefined) {
    builder.tenantLimits.set(index, limitWord(layout, rateLimit));
    builder.tenantDetails.set(index, layout.encode("tenant_detail", limitDetail(rateLimit)));
  }
  builder.name("TENANT", index, name);
  compileMembers(builder, index, tenant);
}

/**
 * Endpoints that may speak in a tenant's network: those it lists, which are true here, and false: servers of its VMs, their
 * standbys, and endpoints of its routes.
 * @param withVms servers that have VMs of the tenant
 */
export function membersOf(
  { servers }: Pick<Model, "servers">,
  tenant: Pick<Tenant, "servers" | "routes">,
  withVms: Iterable<string>,
): ReadonlyMap<string, boolean> {
  const members = new Map<string, boolean>();
  for (const name of withVms) {
    members.set(name, false);
    const standby = servers.get(name)?.standby;
    if (standby !== undefined) members.set(standby, false);
  }
  for (const route of tenant.routes.values()) {
    if (route.kind === "endpoints") for (const name of route.via) members.set(name, false);
  }
  for (const name of tenant.servers) members.set(name, true);
  return members;
}

export interface MemberFields {
  readonly vni: number;
  readonly tenant: number;
  readonly endpoint: number;
  readonly listed: boolean;
  /** Of struct member_slot; for good unless given. */
  readonly until?: number;
}

export function memberSlot(layout: Layout, { vni, tenant, endpoint, listed, until = 0 }: MemberFields): Uint8Array {
  const [valid, isListed] = ["MEMBER_VALID", "MEMBER_LISTED"].map((flag) => layout.number("member_flags", flag));
  return layout.encode("member_slot", {
    vni: vniBytes(vni),
    flags: layout.number("slot_flags", "SLOT_USED"),
    endpoint,
    tenant,
    member_flags: (valid as number) | (listed ? (isListed as number) : 0),
    until,
  });
}

function compileMembers(builder: RowBuilder, tenantIndex: number, tenant: Tenant): void {
  for (const [name, listed] of membersOf(builder.model, tenant, tenant.vms.perServer().keys())) {
    const fields = { vni: tenant.vni, tenant: tenantIndex, endpoint: builder.index("endpoint", name), listed };
    builder.members.set(...slotEntry(memberSlot(builder.layout, fields)));
  }
}

type TenantFields = Omit<Tenant, "servers" | "circuits" | "routes" | "vms">;

export interface TenantUnderWay extends TenantFields {
  readonly servers: string[];
  readonly circuits: Map<string, Circuit>;
  readonly routes: Map<IpPrefix, Route>;
  /** Read from the tables when asked for. */
  readonly vms: VmSet;
}

/** Tenants, to which their circuits and routes are added by VNI. */
export class DecodedTenants {
  readonly byName = new Map<string, TenantUnderWay>();
  readonly #byVni = new Map<number, TenantUnderWay>();
  readonly #reader: RowReader;
  readonly vms: DecodedVms;

  constructor(reader: RowReader) {
    this.#reader = reader;
    for (const [index, row] of reader.input.rows.tenants) {
      const name = reader.name("tenant", index, `tenants[${index}]`);
      const fields = decodeTenant(reader, index, row);
      if (name === undefined || fields === undefined) continue;
      const vmsOf = (): VmSet => this.vms.of(fields.vni);
      const tenant = {
        ...fields,
        servers: [],
        circuits: new Map(),
        routes: new Map(),
        get vms() {
          return vmsOf();
        },
      };
      this.byName.set(name, tenant);
      this.#byVni.set(tenant.vni, tenant);
    }
    this.vms = new DecodedVms(reader.layout, reader.input.vms, reader.names.endpoint, new Set(this.#byVni.keys()));
    this.#readMembers();
  }

  /** Whose network a row is of; a problem of `user` when it is nobody's. */
  of(vni: Uint8Array, user: string): TenantUnderWay | undefined {
    const tenant = this.#byVni.get(vniNumber(vni));
    if (tenant === undefined) this.#reader.problems.push(`${user}: VNI ${vniNumber(vni)} is no tenant's`);
    return tenant;
  }

  #readMembers(): void {
    const reader = this.#reader;
    const listed = reader.layout.number("member_flags", "MEMBER_LISTED");
    for (const [key, value] of reader.input.rows.members) {
      const row = reader.fields("member_slot", slotOf(key, value));
      const endpoint = reader.name("endpoint", row.endpoint as number, "members");
      const tenant = this.of(row.vni as Uint8Array, "members");
      if (tenant && endpoint !== undefined && (row.member_flags as number) & listed) tenant.servers.push(endpoint);
    }
    for (const tenant of this.byName.values()) tenant.servers.sort();
  }
}

function decodeTenant(reader: RowReader, index: number, { word, record }: WordAndRecord): TenantFields | undefined {
  const { layout } = reader;
  const where = `tenants[${index}]`;
  const row = reader.fields("tenant", word) as Field & Record<"flags" | "source_check" | "policy", number>;
  const more = reader.fields("tenant_record", record);
  const checks = layout.names("source_check", "SOURCE_CHECK_");
  const sourceCheck = reader.meaning(checks, row.source_check, "source check", where);
  const policy = reader.meaning(policiesByNumber(layout), row.policy, "policy", where);
  if (sourceCheck === undefined || policy === undefined) return undefined;
  const has = (flag: string): boolean => (row.flags & layout.number("tenant_flags", flag)) !== 0;
  const detail = reader.input.rows.tenantDetails.get(index);
  const rateLimit = has("TENANT_RATE_LIMIT")
    ? limitOfDetail(detail && reader.fields("tenant_detail", detail))
    : undefined;
  const [address, address6] = [optionalIpv4(more.address as number), optionalIpv6(more.address6 as number[])];
  return {
    vni: vniNumber(row.vni as Uint8Array),
    sourceCheck: sourceCheck as SourceCheck,
    ...(address === undefined ? {} : { address }),
    ...(address6 === undefined ? {} : { address6 }),
    policy: policy as PathPolicy,
    dscpPolicies: has("TENANT_DSCP_POLICY") ? dscpPolicies(more) : new Map(),
    ...(rateLimit === undefined ? {} : { rateLimit }),
  };
}

function dscpPolicies(record: Field): Map<number, PathPolicy> {
  const policies = new Map<number, PathPolicy>();
  for (let codePoint = 0; codePoint < 64; codePoint++) {
    for (const [field, policy] of Object.entries(DSCP_FIELDS)) {
      if ((record[field] as bigint) & (1n << BigInt(codePoint))) policies.set(codePoint, policy);
    }
  }
  return policies;
}
