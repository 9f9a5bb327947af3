// What a model must hold to beyond its types: ranges, references, and no two objects that exclude each other.

import type { Ipv4 } from "../address/index.ts";
import type { Validation } from "./checks.ts";
import { missingServer, requireRange, requireStationMac, requireUnicast } from "./checks.ts";
import { OBJECTS_MAX, PROFILES_MAX, RANGES } from "./limits.ts";
import { isInterfaceName, isName, NAME_FORM, suggestion } from "./names.ts";
import type { ModelPath, Problem } from "./problems.ts";
import { Problems } from "./problems.ts";
import type { Model, Profile } from "./types.ts";
import { validateTenants } from "./validate-tenant.ts";

export interface ValidateOptions {
  /** Paths, joined by "/", of sections and objects that exist but could not be read, such as "servers/s1". */
  readonly unread?: ReadonlySet<string>;
}

/** Every problem of `model`, at most a thousand of them; empty when it can be served. */
export function validateModel(model: Model, options: ValidateOptions = {}): readonly Problem[] {
  const unread = options.unread ?? new Set<string>();
  const validation: Validation = {
    model,
    problems: new Problems(),
    unread: (...path) => path.some((_, index) => unread.has(path.slice(0, index + 1).join("/"))),
  };
  if (!validation.unread("edge")) validateEdge(validation);
  validateNames(validation);
  for (const [name, profile] of model.profiles) validateProfile(validation, name, profile);
  validateEndpoints(validation);
  validateStandbys(validation);
  validateTenants(validation);
  return validation.problems.list;
}

function validateEdge(validation: Validation): void {
  const { edge, tenants } = validation.model;
  const { problems } = validation;
  requireUnicast(validation, ["edge", "address"], edge.address, "an interface of this machine");
  requireStationMac(validation, ["edge", "mac"], edge.mac);
  const seen = new Set<string>();
  for (const { name } of edge.interfaces) {
    const path = ["edge", "interfaces", name, "name"];
    if (!isInterfaceName(name)) problems.add(path, `${JSON.stringify(name)} cannot be the name of an interface`);
    if (seen.has(name)) problems.add(path, `interface ${name} is listed twice`);
    seen.add(name);
  }
  if (!requireRange(validation, ["edge", "capacity", "vms"], edge.vmCapacity, RANGES.vmCapacity)) return;
  let vms = 0;
  for (const tenant of tenants.values()) vms += tenant.vms.size;
  if (vms > edge.vmCapacity) {
    const message = `${vms} VMs do not fit into the ${edge.vmCapacity} that the table is made for, expected a larger capacity`;
    problems.add(["edge", "capacity", "vms"], message);
  }
}

function validateNames({ model, problems }: Validation): void {
  const check = (section: string[], names: Iterable<string>): void => {
    for (const name of names) {
      if (!isName(name)) problems.add([...section, name], `${JSON.stringify(name)} is no name, expected ${NAME_FORM}`);
    }
  };
  for (const section of ["profiles", "servers", "gateways", "tenants"] as const) {
    const { size } = model[section];
    check([section], model[section].keys());
    const max = section === "profiles" ? PROFILES_MAX : OBJECTS_MAX;
    if (size > max) problems.add([section], `there are ${size}, expected at most ${max}`);
  }
  const endpoints = model.servers.size + model.gateways.size;
  if (endpoints > OBJECTS_MAX && model.servers.size <= OBJECTS_MAX) {
    problems.add(["gateways"], `there are ${endpoints} servers and gateways, expected at most ${OBJECTS_MAX} together`);
  }
  for (const [name, tenant] of model.tenants) check(["tenants", name, "circuits"], tenant.circuits.keys());
}

function validateProfile(validation: Validation, name: string, profile: Profile): void {
  const path = (...rest: string[]): ModelPath => ["profiles", name, ...rest];
  requireRange(validation, path("port"), profile.port, RANGES.port);
  requireRange(validation, path("ttl"), profile.ttl, RANGES.ttl);
  if (profile.dscp !== "copy") requireRange(validation, path("dscp"), profile.dscp, RANGES.dscp);
  if (profile.mtuBytes !== undefined) requireRange(validation, path("mtu"), profile.mtuBytes, RANGES.mtuBytes);
  if (profile.bfd === undefined) return;
  const { min, max } = RANGES.bfdIntervalUs;
  if (profile.bfd.intervalUs < min || profile.bfd.intervalUs > max) {
    const message = `${profile.bfd.intervalUs}us is out of range, expected 1ms to 60s`;
    validation.problems.add(path("bfd", "interval"), message);
  }
  requireRange(validation, path("bfd", "multiplier"), profile.bfd.multiplier, RANGES.bfdMultiplier);
}

function validateEndpoints(validation: Validation): void {
  const { model, problems } = validation;
  const owners = new Map<Ipv4, string>();
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
      if (endpoint.address === model.edge.address && !validation.unread("edge")) {
        problems.add(
          path("address"),
          `${endpoint.address} is the edge's own address, expected that of another machine`,
        );
      }
      if (!model.profiles.has(endpoint.profile) && !validation.unread("profiles", endpoint.profile)) {
        const hint = suggestion(endpoint.profile, model.profiles.keys());
        problems.add(
          path("profile"),
          `no profile is named ${JSON.stringify(endpoint.profile)}${hint || ", expected one"}`,
        );
      }
      if (section === "gateways" && model.servers.has(name)) {
        problems.add([section, name], `a server is named ${JSON.stringify(name)} too, expected a name of its own`);
      }
    }
  }
}

/** Standbys must exist, and must lead somewhere: following them never comes back to where it began. */
function validateStandbys(validation: Validation): void {
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
