// The part of validation that is about circuits: where each is attached, its tags, and the two ends of it.

import type { InterfaceAddress, InterfaceAddress6, IpAddress } from "../address/index.ts";
import { isNetworkOrBroadcast, prefixAddress, prefixContains, prefixLength, prefixOf } from "../address/index.ts";
import type { Validation } from "./checks.ts";
import { requireRange, requireStationMac, requireUnicast } from "./checks.ts";
import { RANGES } from "./limits.ts";
import { suggestion } from "./names.ts";
import type { ModelPath } from "./problems.ts";
import type { Circuit } from "./types.ts";

export function validateCircuit(validation: Validation, path: ModelPath, circuit: Circuit): void {
  requirePort(validation, [...path, "interface"], circuit.interface);
  requireTags(validation, path, circuit);
  const { address, peer, address6, peer6 } = circuit;
  if (address === undefined && peer === undefined && address6 === undefined && peer6 === undefined) {
    validation.problems.add([...path, "address"], "missing, expected address and peer, or address6 and peer6");
  }
  requireEnds(validation, path, ["address", address], ["peer", peer]);
  requireEnds(validation, path, ["address6", address6], ["peer6", peer6]);
  if (circuit.peerMac !== undefined) requireStationMac(validation, [...path, "peerMac"], circuit.peerMac);
}

function requirePort(validation: Validation, path: ModelPath, name: string): void {
  const { edge } = validation.model;
  const port = edge.interfaces.find((candidate) => candidate.name === name);
  if (port === undefined) {
    if (validation.unread("edge")) return;
    const names = edge.interfaces.map((candidate) => candidate.name);
    const hint = suggestion(name, names) || ", expected one of edge.interfaces";
    validation.problems.add(path, `no interface of the edge is named ${JSON.stringify(name)}${hint}`);
  } else if (port.role === "underlay") {
    validation.problems.add(path, `interface ${port.name} has the role underlay, expected access or both`);
  }
}

function requireTags(validation: Validation, path: ModelPath, { vlan, innerVlan, tag }: Circuit): void {
  const { problems } = validation;
  if (vlan !== undefined) requireRange(validation, [...path, "vlan"], vlan, RANGES.vlan);
  if (innerVlan !== undefined) requireRange(validation, [...path, "innerVlan"], innerVlan, RANGES.vlan);
  if (vlan !== undefined) {
    if (tag === undefined) problems.add([...path, "tag"], "missing, expected 802.1q or 802.1ad beside vlan");
    return;
  }
  if (innerVlan !== undefined) {
    problems.add([...path, "innerVlan"], "the circuit has no vlan, expected the VLAN ID of the outer tag as well");
  }
  if (tag !== undefined) problems.add([...path, "tag"], "the circuit has no vlan, expected the VLAN ID that it tags");
}

/** One family of a circuit: both ends of it, in one network, or none. */
function requireEnds(
  validation: Validation,
  path: ModelPath,
  [addressField, address]: readonly [string, InterfaceAddress | InterfaceAddress6 | undefined],
  [peerField, peer]: readonly [string, IpAddress | undefined],
): void {
  const { problems } = validation;
  const [atAddress, atPeer] = [
    [...path, addressField],
    [...path, peerField],
  ];
  if (address === undefined) {
    if (peer !== undefined) problems.add(atAddress, `missing, expected the edge's own address beside ${peerField}`);
    return;
  }
  const own: IpAddress = prefixAddress(address);
  const network = prefixOf(own, prefixLength(address));
  const unfit = own.includes(":") ? "subnet-router anycast address" : "network or broadcast address";
  requireUnicast(validation, atAddress, own, "the edge on this circuit");
  if (isNetworkOrBroadcast(network, own)) {
    problems.add(atAddress, `${own} is the ${unfit} of ${network}, expected that of a host`);
  }
  if (peer === undefined) {
    problems.add(atPeer, `missing, expected the customer's router beside ${addressField}`);
  } else if (peer === own) {
    problems.add(atPeer, `${peer} is the circuit's own address, expected the other end's`);
  } else if (!prefixContains(network, peer)) {
    problems.add(atPeer, `${peer} is outside of ${network}, expected an address of that network`);
  } else if (isNetworkOrBroadcast(network, peer)) {
    problems.add(atPeer, `${peer} is the ${unfit} of ${network}, expected that of a host`);
  } else {
    requireUnicast(validation, atPeer, peer, "the customer's router");
  }
}

/** Where circuits are attached: each interface, VLAN and inner VLAN leads to one of them. */
export class Attachments {
  readonly #taken = new Map<string, string>();

  /** @param name "tenant/circuit" */
  require({ problems }: Validation, path: ModelPath, name: string, circuit: Circuit): void {
    const { interface: port, vlan, innerVlan } = circuit;
    const key = `${port} ${vlan ?? 0} ${innerVlan ?? 0}`;
    const owner = this.#taken.get(key);
    if (owner === undefined) {
      this.#taken.set(key, name);
      return;
    }
    const field = innerVlan !== undefined ? "innerVlan" : vlan !== undefined ? "vlan" : "interface";
    const inner = innerVlan === undefined ? "" : ` and inner VLAN ${innerVlan}`;
    const what = vlan === undefined ? `the untagged circuit ${owner}` : `circuit ${owner} with VLAN ${vlan}${inner}`;
    const expected = vlan === undefined ? "another interface, or a vlan" : "another VLAN or interface";
    problems.add([...path, field], `interface ${port} already has ${what}, expected ${expected}`);
  }
}
