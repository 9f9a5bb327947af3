// The part of validation that is about tenants: what their circuits, routes and VMs may name and hold.

import type { IpAddress, IpPrefix } from "../address/index.ts";
import { hostPrefix, parseIpPrefix, prefixAddress, prefixContains, prefixLength } from "../address/index.ts";
import type { Validation } from "./checks.ts";
import { missingCircuit, missingEndpoint, requireRange, requireRateLimit, requireUnicast } from "./checks.ts";
import { OBJECTS_MAX, RANGES, VIA_MAX } from "./limits.ts";
import { suggestion } from "./names.ts";
import type { ModelPath } from "./problems.ts";
import type { Route, Tenant } from "./types.ts";
import { Attachments, validateCircuit } from "./validate-circuit.ts";
import { validateVms } from "./validate-vm.ts";

export function validateTenants(validation: Validation, withVms: boolean): void {
  const { model, problems } = validation;
  const vnis = new Map<number, string>();
  const attachments = new Attachments();
  let circuits = 0;
  for (const [name, tenant] of model.tenants) {
    if (problems.full) return;
    const path = (...rest: string[]): ModelPath => ["tenants", name, ...rest];
    const owner = vnis.get(tenant.vni);
    if (requireRange(validation, path("vni"), tenant.vni, RANGES.vni)) {
      if (owner !== undefined) problems.add(path("vni"), `${tenant.vni} is already the VNI of tenant ${owner}`);
      else vnis.set(tenant.vni, name);
    }
    for (const endpoint of tenant.servers) requireEndpoint(validation, path("servers", endpoint), endpoint);
    for (const dscp of tenant.dscpPolicies.keys()) {
      requireRange(validation, path("dscpPolicy", String(dscp)), dscp, RANGES.dscp);
    }
    requireRateLimit(validation, path("rateLimit"), tenant.rateLimit);
    circuits += tenant.circuits.size;
    for (const [circuitName, circuit] of tenant.circuits) {
      validateCircuit(validation, path("circuits", circuitName), circuit);
      attachments.require(validation, path("circuits", circuitName), `${name}/${circuitName}`, circuit);
    }
    for (const [prefix, route] of tenant.routes) validateRoute(validation, name, tenant, prefix, route);
    validateOwnAddresses(validation, name, tenant);
    if (withVms) validateVms(validation, name, tenant, ownAddresses(tenant));
  }
  if (circuits > OBJECTS_MAX)
    problems.add(["tenants"], `there are ${circuits} circuits, expected at most ${OBJECTS_MAX}`);
}

function requireEndpoint(validation: Validation, path: ModelPath, name: string): void {
  const { model, problems } = validation;
  if (model.servers.has(name) || model.gateways.has(name)) return;
  if (validation.unread("servers", name) || validation.unread("gateways", name)) return;
  problems.add(path, missingEndpoint(name, suggestion(name, [...model.gateways.keys(), ...model.servers.keys()])));
}

/** Prefixes that hold no address which a packet could be routed to (RFC 1812 section 5.3.7, RFC 4291 section 2.5). */
const UNROUTABLE: readonly (readonly [IpPrefix, string])[] = (
  [
    ["0.0.0.0/8", "addresses of this network"],
    ["127.0.0.0/8", "loopback addresses"],
    ["224.0.0.0/4", "multicast addresses"],
    ["240.0.0.0/4", "reserved addresses"],
    ["::/128", "the unspecified address"],
    ["::1/128", "the loopback address"],
    ["fe80::/10", "link-local addresses"],
    ["ff00::/8", "multicast addresses"],
  ] as const
).map(([prefix, what]) => [parseIpPrefix(prefix), what]);

function validateRoute(
  validation: Validation,
  tenantName: string,
  tenant: Tenant,
  prefix: IpPrefix,
  route: Route,
): void {
  const { problems } = validation;
  const path = ["tenants", tenantName, "routes", prefix];
  for (const [range, what] of UNROUTABLE) {
    if (prefixLength(prefix) >= prefixLength(range) && prefixContains(range, prefixAddress(prefix))) {
      problems.add([...path, "prefix"], `${prefix} has only ${what}, expected a prefix that packets are routed to`);
    }
  }
  for (const own of [tenant.address, tenant.address6]) {
    if (own === undefined || prefix !== hostPrefix(own)) continue;
    problems.add([...path, "prefix"], `${own} is the tenant's own address, expected a prefix of other hosts`);
  }
  if (route.kind === "circuit") {
    const circuit = tenant.circuits.get(route.circuit);
    if (circuit !== undefined) {
      const six = prefix.includes(":");
      // Half a pair is a problem of the circuit's own.
      const ends = six ? [circuit.address6, circuit.peer6] : [circuit.address, circuit.peer];
      if (ends.some((each) => each !== undefined)) return;
      const [family, missing] = six ? ["IPv6", "address6 and peer6"] : ["IPv4", "address and peer"];
      const cause = `${prefix} is ${family}, and circuit ${route.circuit} has no ${family} address`;
      problems.add([...path, "circuit"], `${cause}, expected a circuit with ${missing}`);
      return;
    }
    if (validation.unread("tenants", tenantName, "circuits", route.circuit)) return;
    const hint = suggestion(route.circuit, tenant.circuits.keys());
    problems.add([...path, "circuit"], missingCircuit(tenantName, route.circuit, hint));
    return;
  }
  const { via } = route;
  if (via.length === 0) problems.add([...path, "via"], "the list is empty, expected servers or gateways");
  if (via.length > VIA_MAX) {
    problems.add([...path, "via"], `${via.length} endpoints are listed, expected at most ${VIA_MAX}`);
  }
  const seen = new Set<string>();
  for (const name of via) {
    if (seen.has(name))
      problems.add([...path, "via", name], `${JSON.stringify(name)} is listed twice, expected it once`);
    else requireEndpoint(validation, [...path, "via", name], name);
    seen.add(name);
  }
}

/** The tenant's addresses that are not VMs', and whose each is: of equal ones, the first. */
export function ownAddresses(tenant: Tenant): ReadonlyMap<IpAddress, string> {
  const taken = new Map<IpAddress, string>();
  for (const [, address, whose] of eachOwnAddress(tenant)) if (!taken.has(address)) taken.set(address, whose);
  return taken;
}

const OURS = "the edge's own address";

/** Field of the tenant that has it, the address, whose it is. */
function* eachOwnAddress(tenant: Tenant): Iterable<readonly [path: ModelPath, address: IpAddress, whose: string]> {
  for (const [name, circuit] of tenant.circuits) {
    for (const [field, peerField] of [["address", "peer"] as const, ["address6", "peer6"] as const]) {
      const address = circuit[field];
      const own: IpAddress | undefined = address && prefixAddress(address);
      const peer = circuit[peerField];
      if (own !== undefined) yield [["circuits", name, field], own, `${OURS} on circuit ${name}`];
      // A peer that is the circuit's own address has been told already.
      if (peer !== undefined && peer !== own)
        yield [["circuits", name, peerField], peer, `the peer of circuit ${name}`];
    }
  }
  for (const field of ["address", "address6"] as const) {
    const address = tenant[field];
    if (address !== undefined) yield [[field], address, "the tenant's own address"];
  }
}

/** Circuits may share the edge's own address, as VMs of one machine have the same router; every other host has one of its own. */
function validateOwnAddresses(validation: Validation, name: string, tenant: Tenant): void {
  const taken = ownAddresses(tenant);
  const first = new Set<IpAddress>();
  for (const [path, address, whose] of eachOwnAddress(tenant)) {
    if (path.length === 1) requireUnicast(validation, ["tenants", name, ...path], address, "the edge in this network");
    const owner = taken.get(address) as string;
    const shared = whose.startsWith(OURS) && owner.startsWith(OURS);
    if (first.has(address) && !shared) {
      validation.problems.add(["tenants", name, ...path], `${address} is ${owner}, expected another address`);
    }
    first.add(address);
  }
}
