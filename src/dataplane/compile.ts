// State → rows: domain words become C fields. Pure. Each kind of object has a file of its own, which has the way back, too.

import { compileCircuit } from "./circuit-rows.ts";
import { compileEdge } from "./edge-rows.ts";
import { compileEndpoint } from "./endpoint-rows.ts";
import type { Layout } from "./layout.ts";
import { compileProfile } from "./profile-rows.ts";
import { compileRoutes } from "./route-rows.ts";
import type { CompileInput } from "./row-builder.ts";
import { RowBuilder } from "./row-builder.ts";
import type { Rows } from "./rows.ts";
import { compileOwnAddress } from "./source-rows.ts";
import { compileTenant } from "./tenant-rows.ts";

export type { CompileInput } from "./row-builder.ts";
export { vmSlots } from "./vm-rows.ts";

/**
 * Every row but those of VMs, which vmSlots makes.
 * @throws UnumError INTERFACE_MISSING, TABLE_FULL
 */
export function compileRows(layout: Layout, input: CompileInput): Rows {
  const builder = new RowBuilder(layout, input);
  const { profiles, servers, gateways, tenants } = builder.model;
  for (const [name, profile] of profiles) compileProfile(builder, name, profile);
  for (const [name, server] of servers) compileEndpoint(builder, name, "SERVER", server);
  for (const [name, gateway] of gateways) compileEndpoint(builder, name, "GATEWAY", gateway);
  for (const [name, tenant] of tenants) {
    compileTenant(builder, name, tenant);
    for (const [circuit, parts] of tenant.circuits) compileCircuit(builder, name, tenant, circuit, parts);
    compileRoutes(builder, name, tenant);
  }
  if (builder.model.edge.address6 !== undefined) compileOwnAddress(builder, builder.model.edge.address6);
  return {
    edge: compileEdge(builder),
    profiles: builder.profiles,
    profileLimits: builder.profileLimits,
    profileDetails: builder.profileDetails,
    tenants: builder.tenants,
    tenantLimits: builder.tenantLimits,
    tenantDetails: builder.tenantDetails,
    endpoints: builder.endpoints,
    circuits: builder.circuits,
    groups: builder.groups,
    routes4: builder.routes4,
    routes6: builder.routes6,
    attachments: builder.attachments,
    services4: builder.services4,
    services6: builder.services6,
    sources4: builder.sources4,
    sources6: builder.sources6,
    members: builder.members,
    egress: builder.egress,
    names: builder.names,
  };
}
