// Follows rows as packets do, by their numbers alone: every index that can be reached must lead to a row.

import type { Observed } from "../../src/dataplane/index.ts";
import type { Layout, StructName } from "../../src/dataplane/layout.ts";
import type { Entries } from "../../src/dataplane/rows.ts";
import { packSlots } from "../../src/dataplane/slots.ts";

/** What is referred to and not there; empty when every packet gets somewhere. */
export function danglingReferences(layout: Layout, { rows, vms }: Observed): string[] {
  const dangling: string[] = [];
  const decode = (struct: StructName, bytes: Uint8Array) =>
    layout.decode(struct, bytes) as unknown as Record<string, number>;
  const slots = (struct: StructName, bytes: Uint8Array) => {
    const { size } = layout.codec(struct);
    return Array.from({ length: bytes.length / size }, (_, at) =>
      decode(struct, bytes.subarray(at * size, at * size + size)),
    );
  };
  const entries = (struct: StructName, table: Entries) => slots(struct, packSlots(table));
  const need = (kind: "tenants" | "circuits" | "profiles", index: number | undefined, user: string) => {
    if (!rows[kind].has(index as number)) dangling.push(`${user}: ${kind}[${index}]`);
  };
  const needEndpoint = (index: number | undefined, user: string): void => {
    const row = rows.endpoints.get(index as number);
    if (row === undefined) {
      dangling.push(`${user}: endpoints[${index}]`);
      return;
    }
    need("profiles", decode("tunnel", row.record).profile, `${user}: endpoints[${index}]`);
    const { standby = 0 } = decode("endpoint", row.word);
    if (standby !== 0) needEndpoint(standby, `${user}: standby of endpoints[${index}]`);
  };

  for (const vm of slots("vm4_slot", vms.vms4)) needEndpoint(vm.endpoint, "vms4");
  for (const vm of slots("vm6_slot", vms.vms6)) needEndpoint(vm.endpoint, "vms6");
  // A source may come before its endpoint: it is asked for no more than its index, until that is a member.
  for (const member of entries("member_slot", rows.members)) {
    needEndpoint(member.endpoint, "members");
    need("tenants", member.tenant, "members");
  }
  for (const attachment of entries("attachment_slot", rows.attachments)) {
    need("tenants", attachment.tenant, "attachments");
    need("circuits", attachment.circuit, "attachments");
  }
  for (const [index, { word }] of rows.tenants) {
    const limited = layout.number("tenant_flags", "TENANT_RATE_LIMIT");
    if ((decode("tenant", word).flags as number) & limited && !rows.tenantLimits.has(index))
      dangling.push(`tenants[${index}]: tenant_limits`);
  }
  for (const [index, word] of rows.profiles) {
    const limited = layout.number("profile_flags", "PROFILE_RATE_LIMIT");
    if ((decode("profile", word).flags as number) & limited && !rows.profileLimits.has(index))
      dangling.push(`profiles[${index}]: profile_limits`);
  }
  const kinds = layout.names("route_kind", "ROUTE_KIND_");
  for (const row of [...rows.routes4.values(), ...rows.routes6.values()]) {
    const { kind, target } = decode("route", row);
    const kindName = kinds.get(kind as number);
    if (kindName === "self") continue;
    if (kindName !== "group") {
      need("circuits", target, "routes4");
      continue;
    }
    const members = rows.groups.get(target as number);
    if (members === undefined) {
      dangling.push(`routes4: route_groups[${target}]`);
      continue;
    }
    const { count, endpoints } = layout.decode("route_group", members) as unknown as {
      count: number;
      endpoints: number[];
    };
    for (const index of endpoints.slice(0, count)) needEndpoint(index, `route_groups[${target}]`);
  }
  return dangling;
}
