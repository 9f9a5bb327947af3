// The part of validation that is about tenants: what their circuits, routes and VMs may name and hold.

import type { Ipv4, Ipv4Prefix } from "../address/index.ts";
import {
  isNetworkOrBroadcast,
  networkOf,
  parsePrefix,
  prefixAddress,
  prefixContains,
  prefixLength,
} from "../address/index.ts";
import type { Validation } from "./checks.ts";
import { missingServer, requireRange, requireStationMac, requireUnicast } from "./checks.ts";
import { OBJECTS_MAX, RANGES, VIA_MAX } from "./limits.ts";
import { suggestion } from "./names.ts";
import type { ModelPath } from "./problems.ts";
import type { Circuit, Route, Tenant } from "./types.ts";

export function validateTenants(validation: Validation): void {
  const { model, problems } = validation;
  const vnis = new Map<number, string>();
  /** Interface → the circuit that has it; "tenant/circuit". */
  const attachments = new Map<string, string>();
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
    circuits += tenant.circuits.size;
    for (const [circuitName, circuit] of tenant.circuits) {
      validateCircuit(validation, path("circuits", circuitName), circuit);
      const attached = attachments.get(circuit.interface);
      if (attached !== undefined) {
        const message = `interface ${circuit.interface} already has the untagged circuit ${attached}, expected another interface`;
        problems.add(path("circuits", circuitName, "interface"), message);
      } else {
        attachments.set(circuit.interface, `${name}/${circuitName}`);
      }
    }
    for (const [prefix, route] of tenant.routes) validateRoute(validation, name, tenant, prefix, route);
    validateVms(validation, name, tenant);
  }
  if (circuits > OBJECTS_MAX)
    problems.add(["tenants"], `there are ${circuits} circuits, expected at most ${OBJECTS_MAX}`);
}

function requireEndpoint(validation: Validation, path: ModelPath, name: string): void {
  const { model, problems } = validation;
  if (model.servers.has(name) || model.gateways.has(name)) return;
  if (validation.unread("servers", name) || validation.unread("gateways", name)) return;
  const hint = suggestion(name, [...model.gateways.keys(), ...model.servers.keys()]);
  problems.add(path, `no server or gateway is named ${JSON.stringify(name)}${hint || ", expected one"}`);
}

function validateCircuit(validation: Validation, path: ModelPath, circuit: Circuit): void {
  const { model, problems } = validation;
  const port = model.edge.interfaces.find((candidate) => candidate.name === circuit.interface);
  if (port === undefined) {
    if (!validation.unread("edge")) {
      const names = model.edge.interfaces.map((candidate) => candidate.name);
      const hint = suggestion(circuit.interface, names) || ", expected one of edge.interfaces";
      problems.add(
        [...path, "interface"],
        `no interface of the edge is named ${JSON.stringify(circuit.interface)}${hint}`,
      );
    }
  } else if (port.role === "underlay") {
    const message = `interface ${port.name} has the role underlay, expected access or both`;
    problems.add([...path, "interface"], message);
  }

  const own = prefixAddress(circuit.address);
  const network = networkOf(circuit.address);
  requireUnicast(validation, [...path, "address"], own, "the edge on this circuit");
  if (isNetworkOrBroadcast(circuit.address, own)) {
    problems.add(
      [...path, "address"],
      `${own} is the network or broadcast address of ${network}, expected that of a host`,
    );
  }
  if (circuit.peer === own) {
    problems.add([...path, "peer"], `${circuit.peer} is the circuit's own address, expected the other end's`);
  } else if (!prefixContains(network, circuit.peer)) {
    problems.add([...path, "peer"], `${circuit.peer} is outside of ${network}, expected an address of that network`);
  } else if (isNetworkOrBroadcast(network, circuit.peer)) {
    const message = `${circuit.peer} is the network or broadcast address of ${network}, expected that of a host`;
    problems.add([...path, "peer"], message);
  } else {
    requireUnicast(validation, [...path, "peer"], circuit.peer, "the customer's router");
  }
  if (circuit.peerMac !== undefined) requireStationMac(validation, [...path, "peerMac"], circuit.peerMac);
}

/** Prefixes that hold no address which a packet could be routed to (RFC 1812 section 5.3.7). */
const UNROUTABLE: readonly (readonly [Ipv4Prefix, string])[] = [
  [parsePrefix("0.0.0.0/8"), "addresses of this network"],
  [parsePrefix("127.0.0.0/8"), "loopback addresses"],
  [parsePrefix("224.0.0.0/4"), "multicast addresses"],
  [parsePrefix("240.0.0.0/4"), "reserved addresses"],
];

function validateRoute(
  validation: Validation,
  tenantName: string,
  tenant: Tenant,
  prefix: Ipv4Prefix,
  route: Route,
): void {
  const { problems } = validation;
  const path = ["tenants", tenantName, "routes", prefix];
  for (const [range, what] of UNROUTABLE) {
    if (prefixLength(prefix) >= prefixLength(range) && prefixContains(range, prefixAddress(prefix))) {
      problems.add([...path, "prefix"], `${prefix} has only ${what}, expected a prefix that packets are routed to`);
    }
  }
  if (route.kind === "circuit") {
    if (tenant.circuits.has(route.circuit)) return;
    if (validation.unread("tenants", tenantName, "circuits", route.circuit)) return;
    const hint = suggestion(route.circuit, tenant.circuits.keys()) || ", expected one";
    const message = `tenant ${tenantName} has no circuit named ${JSON.stringify(route.circuit)}${hint}`;
    problems.add([...path, "circuit"], message);
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

function validateVms(validation: Validation, tenantName: string, tenant: Tenant): void {
  const { model, problems } = validation;
  const taken = new Map<Ipv4, string>();
  for (const [name, circuit] of tenant.circuits) {
    taken.set(circuit.peer, `the peer of circuit ${name}`);
    taken.set(prefixAddress(circuit.address), `the edge's own address on circuit ${name}`);
  }
  const serversUnread = validation.unread("servers");
  for (const [address, vm] of tenant.vms) {
    if (problems.full) return;
    const path = (...rest: string[]): ModelPath => ["tenants", tenantName, "vms", address, ...rest];
    requireUnicast(validation, path(), address, "a VM");
    requireStationMac(validation, path("mac"), vm.mac);
    const owner = taken.get(address);
    if (owner !== undefined) problems.add(path(), `${address} is ${owner}, expected another address`);
    if (!model.servers.has(vm.server) && !serversUnread && !validation.unread("servers", vm.server)) {
      problems.add(path("server"), missingServer(validation, vm.server));
    }
  }
}
