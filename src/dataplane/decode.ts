// Rows → state: what the maps hold, in domain words. The inverse of compile.ts, kind by kind. A row that contradicts another (a
// writer was killed, or somebody else wrote) is left out and named as a problem; the next apply mends it.

import type { EndpointState, State } from "../control/state.ts";
import { decodeCircuits } from "./circuit-rows.ts";
import { decodeEdge } from "./edge-rows.ts";
import { decodeEndpoints } from "./endpoint-rows.ts";
import type { Indexes } from "./indexes.ts";
import type { Layout } from "./layout.ts";
import { decodeProfiles } from "./profile-rows.ts";
import { decodeRoutes } from "./route-rows.ts";
import type { DecodeInput } from "./row-reader.ts";
import { RowReader } from "./row-reader.ts";
import { DecodedTenants } from "./tenant-rows.ts";

export type { DecodeInput } from "./row-reader.ts";

export interface Decoded {
  /** Undefined while nothing has been applied: there are tables, and no edge yet. */
  readonly state: State | undefined;
  readonly indexes: Indexes;
  readonly endpointStates: ReadonlyMap<string, EndpointState>;
  /** One line for each row that makes no sense; whoever asks has all VMs read. */
  readonly problems: readonly string[];
}

export function decodeRows(layout: Layout, input: DecodeInput): Decoded {
  const reader = new RowReader(layout, input);
  const edge = decodeEdge(reader);
  const profiles = decodeProfiles(reader);
  const { servers, gateways, nextHops, endpointStates } = decodeEndpoints(reader);
  const tenants = new DecodedTenants(reader);
  const interfaces = decodeCircuits(reader, tenants);
  decodeRoutes(reader, tenants);
  const model = edge && { edge, profiles, servers, gateways, tenants: tenants.byName };
  return {
    state: model && { model, interfaces, nextHops },
    indexes: reader.indexes(),
    endpointStates,
    get problems() {
      return [...reader.problems, ...tenants.vms.problems];
    },
  };
}
