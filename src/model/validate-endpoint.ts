// The part of validation that is about servers and gateways: addresses of their own, profiles, and where standbys lead.

import type { IpAddress } from "../address/index.ts";
import { ipFamily, isV6 } from "../address/index.ts";
import type { Validation } from "./checks.ts";
import { missingProfile, missingServer, requireStationMac, requireUnicast } from "./checks.ts";
import { suggestion } from "./names.ts";
import type { ModelPath } from "./problems.ts";

export function validateEndpoints(validation: Validation): void {
  const { model, problems } = validation;
  const owners = new Map<IpAddress, string>();
  for (const section of ["servers", "gateways"] as const) {
    for (const [name, endpoint] of model[section]) {
      const what = `${section.slice(0, -1)} ${name}`;
      const path = (field: string): ModelPath => [section, name, field];
      requireUnicast(validation, path("address"), endpoint.address, "one machine");
      requireStationMac(validation, path("mac"), endpoint.mac);
      const owner = owners.get(endpoint.address);
      if (owner !== undefined) {
        problems.add(
          path("address"),
          `${endpoint.address} is already the address of ${owner}, expected one of its own`,
        );
      } else {
        owners.set(endpoint.address, what);
      }
      if (!validation.unread("edge")) requireReachable(validation, path("address"), endpoint.address);
      if (!model.profiles.has(endpoint.profile) && !validation.unread("profiles", endpoint.profile)) {
        const hint = suggestion(endpoint.profile, model.profiles.keys());
        problems.add(path("profile"), missingProfile(endpoint.profile, hint));
      }
      if (section === "gateways" && model.servers.has(name)) {
        problems.add([section, name], `a server is named ${JSON.stringify(name)} too, expected a name of its own`);
      }
    }
  }
}

/** Tunnels begin at the edge's address of the same family, and end somewhere else. */
function requireReachable({ model, problems }: Validation, path: ModelPath, address: IpAddress): void {
  const { address: own4, address6: own6 } = model.edge;
  if (own4 === undefined && own6 === undefined) return;
  const [own, field, other] = isV6(address) ? ([own6, "address6", 4] as const) : ([own4, "address", 6] as const);
  if (own === undefined) {
    const cause = `${address} is IPv${ipFamily(address)}, and the edge has no ${field}`;
    problems.add(path, `${cause}, expected an IPv${other} address, or edge.${field} as well`);
  } else if (own === address) {
    problems.add(path, `${address} is the edge's own address, expected that of another machine`);
  }
}

/** Standbys must exist, and must lead somewhere: following them never comes back to where it began. */
export function validateStandbys(validation: Validation): void {
  const { model, problems } = validation;
  const finished = new Set<string>();
  for (const [name, { standby }] of model.servers) {
    const path = ["servers", name, "standby"];
    if (standby === undefined) continue;
    if (standby === name) {
      problems.add(path, "a server cannot be its own standby, expected another server");
      finished.add(name);
    } else if (!model.servers.has(standby) && !validation.unread("servers", standby)) {
      problems.add(path, missingServer(validation, standby, name));
    }
  }
  for (const start of model.servers.keys()) {
    const chain: string[] = [];
    const onChain = new Set<string>();
    let name: string | undefined = start;
    while (name !== undefined && !finished.has(name) && !onChain.has(name)) {
      chain.push(name);
      onChain.add(name);
      name = model.servers.get(name)?.standby;
    }
    if (name !== undefined && onChain.has(name)) {
      const cycle = [...chain.slice(chain.indexOf(name)), name];
      const shown = cycle.length > 8 ? [...cycle.slice(0, 4), "…", ...cycle.slice(-3)] : cycle;
      const message = `the standbys form a cycle (${shown.join(" → ")}), expected one that ends`;
      problems.add(["servers", chain[chain.length - 1] as string, "standby"], message);
    }
    for (const each of chain) finished.add(each);
  }
}
