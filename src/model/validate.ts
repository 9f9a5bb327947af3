// What a model must hold to beyond its types: ranges, references, and no two objects that exclude each other.

import { capacityMax, countVms } from "./capacity.ts";
import type { Validation } from "./checks.ts";
import { requireRange, requireStationMac, requireUnicast } from "./checks.ts";
import { OBJECTS_MAX, PROFILES_MAX, RANGES } from "./limits.ts";
import { isInterfaceName, isName, NAME_FORM } from "./names.ts";
import type { Problem } from "./problems.ts";
import { Problems } from "./problems.ts";
import type { Model } from "./types.ts";
import { validateEndpoints, validateStandbys } from "./validate-endpoint.ts";
import { validateProfiles } from "./validate-profile.ts";
import { validateTenants } from "./validate-tenant.ts";

export interface ValidateOptions {
  /** Paths, joined by "/", of sections and objects that exist but could not be read, such as "servers/s1". */
  readonly unread?: ReadonlySet<string>;
  /** Problems that are collected at most; a thousand where nothing is said. */
  readonly max?: number;
  /** Whether somebody else has looked at the VMs: each by itself, what it refers to, and what else has its address. */
  readonly vmsChecked?: boolean;
}

/** Every problem of `model`, at most so many of them; empty when it can be served. */
export function validateModel(model: Model, options: ValidateOptions = {}): readonly Problem[] {
  const unread = options.unread ?? new Set<string>();
  const validation: Validation = {
    model,
    problems: new Problems(options.max),
    unread: (...path) => path.some((_, index) => unread.has(path.slice(0, index + 1).join("/"))),
  };
  if (!validation.unread("edge")) validateEdge(validation);
  validateNames(validation);
  validateProfiles(validation);
  validateEndpoints(validation);
  validateStandbys(validation);
  validateTenants(validation, options.vmsChecked !== true);
  return validation.problems.list;
}

function validateEdge(validation: Validation): void {
  const { edge } = validation.model;
  const { problems } = validation;
  if (edge.address === undefined && edge.address6 === undefined) {
    problems.add(["edge", "address"], "missing, expected an IPv4 address, or address6");
  }
  for (const field of ["address", "address6"] as const) {
    const address = edge[field];
    if (address !== undefined) requireUnicast(validation, ["edge", field], address, "an interface of this machine");
  }
  requireStationMac(validation, ["edge", "mac"], edge.mac);
  const seen = new Set<string>();
  for (const { name } of edge.interfaces) {
    const path = ["edge", "interfaces", name, "name"];
    if (!isInterfaceName(name)) problems.add(path, `${JSON.stringify(name)} cannot be the name of an interface`);
    if (seen.has(name)) problems.add(path, `interface ${name} is listed twice`);
    seen.add(name);
  }
  const { vms, vms6 } = countVms(validation.model);
  requireCapacity(validation, "vms", edge.vmCapacity, edge.vmCapacityMax, vms);
  requireCapacity(validation, "vms6", edge.vm6Capacity, edge.vm6CapacityMax, vms6);
}

function requireCapacity(
  validation: Validation,
  field: "vms" | "vms6",
  capacity: number,
  max: number | undefined,
  wanted: number,
): void {
  const path = (name: string) => ["edge", "capacity", name];
  const range = field === "vms" ? RANGES.vmCapacity : RANGES.vm6Capacity;
  if (!requireRange(validation, path(field), capacity, range)) return;
  if (max !== undefined && !requireRange(validation, path(`${field}Max`), max, { ...range, min: capacity })) return;
  const limit = capacityMax(validation.model.edge)[field];
  if (wanted <= limit) return;
  const what = field === "vms" ? "VMs" : "IPv6 VMs";
  const message = `${wanted} ${what} do not fit into the ${limit} that the table may grow to, expected a larger ${field}Max`;
  validation.problems.add(path(field), message);
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
