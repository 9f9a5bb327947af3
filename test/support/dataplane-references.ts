// Follows rows as packets do, by their numbers alone: every index that can be reached must lead to a row.

import type { Observed } from "../../src/dataplane/index.ts";
import type { Layout, StructName } from "../../src/dataplane/layout.ts";
import type { Words } from "../../src/dataplane/rows.ts";

const words = (table: Words): Uint8Array => {
  const all = new BigUint64Array(table.size * 2);
  let at = 0;
  for (const pair of table) for (const word of pair) all[at++] = word;
  return new Uint8Array(all.buffer);
};

/** What is referred to and not there; empty when every packet gets somewhere. */
export function danglingReferences(layout: Layout, { rows, vms }: Observed): string[] {
  const dangling: string[] = [];
  const decode = (struct: StructName, bytes: Uint8Array) =>
    layout.decode(struct, bytes) as unknown as Record<string, number>;
  const slots = (struct: StructName, bytes: Uint8Array) =>
    Array.from({ length: bytes.length / 16 }, (_, at) => decode(struct, bytes.subarray(at * 16, at * 16 + 16)));
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

  for (const vm of slots("vm4_slot", vms)) needEndpoint(vm.endpoint, "vms4");
  // A source may come before its endpoint: it is asked for no more than its index, until that is a member.
  for (const member of slots("member_slot", words(rows.members))) {
    needEndpoint(member.endpoint, "members");
    need("tenants", member.tenant, "members");
  }
  for (const attachment of slots("attachment_slot", words(rows.attachments))) {
    need("tenants", attachment.tenant, "attachments");
    need("circuits", attachment.circuit, "attachments");
  }
  const group = layout.number("route_kind", "ROUTE_KIND_GROUP");
  for (const row of rows.routes.values()) {
    const { kind, target } = decode("route4", row);
    if (kind !== group) {
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
