// Edges to measure: unum's own tables and programs, made as `unum apply` makes them, each in pins of its own.

import { join } from "node:path";
import { ROOT } from "../lab/traffic.ts";
import { macToBytes, parseMac } from "../src/address/index.ts";
import type { Btf } from "../src/bpf/btf.ts";
import { SLOT_BYTES } from "../src/bpf/bucket-table.ts";
import type { Interface, NextHop } from "../src/control/state.ts";
import {
  carryOut,
  neededFeatures,
  observe,
  PinDirectory,
  Plane,
  planWrites,
  readCounters,
} from "../src/dataplane/index.ts";
import { parseModel } from "../src/document/index.ts";
import { UnumError } from "../src/errors.ts";
import type { Model } from "../src/model/index.ts";
import { DEFAULT_VM6_CAPACITY } from "../src/model/index.ts";
import { readInterfaces } from "../src/netlink/index.ts";
import type { Chain } from "./chain.ts";
import { timeNs } from "./clock.ts";
import { type Mix, PLAIN } from "./mixes.ts";
import {
  documentOf,
  FIRST_VM,
  NEIGHBOUR_MAC,
  PORTS,
  SERVER_COUNT,
  serverName,
  VM6_WORDS,
  VMS_MAX,
  VNI,
} from "./plan.ts";

/** What comes in at the first port: a customer's frames, sent on or sent back; or tunnel packets, sent on. */
export type Duty = "encapsulate" | "encapsulate-back" | "decapsulate";

export interface EdgePlan {
  readonly duty: Duty;
  readonly vms: number;
  /** VMs that the table is made for. */
  readonly capacity: number;
  /** Another build of build/bpf/unum.bpf.o. */
  readonly object?: string;
  readonly mix?: Mix;
}

export interface BuiltEdge {
  readonly plane: Plane;
  /** By name. */
  readonly endpoints: ReadonlyMap<string, number>;
  /** How long filling the VM table took, grace periods included. */
  readonly fillNs: number;
}

const OBJECT = join(ROOT, "build/bpf/unum.bpf.o");

/** Slots of VMs 0 to count - 1, as one buffer: what a bulk load hands to the table. */
export function packVms(btf: Btf, count: number, endpoints: readonly number[]): Uint8Array {
  const codec = btf.struct("vm4_slot");
  const offset = (name: string): number => {
    const field = codec.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new UnumError("BTF_INVALID", `pack VMs: struct vm4_slot has no ${name}`);
    return field.offset;
  };
  const [address, endpoint] = [offset("address"), offset("endpoint")];
  const vni = Uint8Array.of(VNI >> 16, (VNI >> 8) & 0xff, VNI & 0xff);
  const flags = btf.enumeration("slot_flags").get("SLOT_USED") ?? 0;
  const first = codec.encode({ vni, flags, mac: macToBytes(parseMac(NEIGHBOUR_MAC)) });
  const slots = new Uint8Array(count * SLOT_BYTES);
  const view = new DataView(slots.buffer);
  for (let n = 0, at = 0; n < count; n++, at += SLOT_BYTES) {
    slots.set(first, at);
    view.setUint32(at + address, FIRST_VM + n);
    view.setUint16(at + endpoint, endpoints[n % endpoints.length] ?? 0, btf.littleEndian);
  }
  return slots;
}

/** The same VMs with IPv6 addresses. */
function packVms6(btf: Btf, count: number, endpoints: readonly number[]): Uint8Array {
  const codec = btf.struct("vm6_slot");
  const address = codec.fields.find(({ name }) => name === "address")?.offset;
  if (address === undefined) throw new UnumError("BTF_INVALID", "pack VMs: struct vm6_slot has no address");
  const vni = Uint8Array.of(VNI >> 16, (VNI >> 8) & 0xff, VNI & 0xff);
  const flags = btf.enumeration("slot_flags").get("SLOT_USED") ?? 0;
  const mac = macToBytes(parseMac(NEIGHBOUR_MAC));
  const slots = new Uint8Array(count * codec.size);
  const view = new DataView(slots.buffer);
  const perEndpoint = endpoints.map((endpoint) => codec.encode({ vni, flags, mac, endpoint }));
  for (let n = 0, at = 0; n < count; n++, at += codec.size) {
    slots.set(perEndpoint[n % endpoints.length] ?? new Uint8Array(0), at);
    for (const [index, word] of [...VM6_WORDS, n].entries()) view.setUint32(at + address + index * 4, word);
  }
  return slots;
}

/** Next hops as `unum apply` would resolve them, all through one interface. */
function nextHops({ ifindex, mac, mtuBytes }: Interface, transmit: NextHop["transmit"]): ReadonlyMap<string, NextHop> {
  const hop: NextHop = { ifindex, sourceMac: mac, nextHopMac: parseMac(NEIGHBOUR_MAC), mtuBytes, transmit };
  return new Map(Array.from({ length: SERVER_COUNT }, (_, n) => [serverName(n), hop]));
}

function requireInterface(interfaces: ReadonlyMap<string, Interface>, name: string): Interface {
  const found = interfaces.get(name);
  if (found === undefined) throw new UnumError("INTERFACE_MISSING", `build edge: there is no ${name}`);
  return found;
}

/** Makes an edge in the chain's edge namespace; close its plane. */
export function buildEdge(chain: Chain, directory: string, plan: EdgePlan): BuiltEdge {
  const { vms, capacity, object = OBJECT, mix = PLAIN } = plan;
  if (vms > VMS_MAX) throw new UnumError("ARGUMENT_INVALID", `build edge: ${vms} VMs, expected at most ${VMS_MAX}`);
  const circuit = plan.duty === "decapsulate" ? PORTS.out : PORTS.in;
  const { model } = parseModel(documentOf({ circuit, capacity, mix }), "bench");
  const plane = Plane.load(new PinDirectory(directory), object, {
    vmCapacity: capacity,
    vm6Capacity: DEFAULT_VM6_CAPACITY,
    features: neededFeatures(model),
  });
  try {
    // What exists, and what a device map takes, is what is in the thread's namespace.
    const endpoints = chain.within(chain.edge, () => applyPlan(plane, plan.duty, model));
    const indexes = Array.from({ length: SERVER_COUNT }, (_, n) => endpoints.get(serverName(n)) ?? 0);
    const puts = (mix.inner === 4 ? packVms : packVms6)(plane.layout.btf, vms, indexes);
    const table = plane.table(mix.inner === 4 ? "vms4" : "vms6");
    const fillNs = timeNs(() => table.changeAll({ puts, deletes: new Uint8Array(0) }));
    return { plane, endpoints, fillNs };
  } catch (thrown) {
    plane.close();
    throw thrown;
  }
}

/** Everything but the VMs. Returns the indexes of endpoints by name. */
function applyPlan(plane: Plane, duty: Duty, model: Model): ReadonlyMap<string, number> {
  const interfaces = readInterfaces();
  const way = requireInterface(interfaces, duty === "encapsulate" ? PORTS.out : PORTS.in);
  const hops = nextHops(way, duty === "encapsulate-back" ? "direct" : "redirect");
  const observed = observe(plane);
  const writes = planWrites(plane, { model, interfaces, nextHops: hops }, observed);
  carryOut(plane, writes, observed);
  return writes.indexes.endpoint;
}

/** What an edge says about packets that did not get through. */
export function explainDrops(plane: Plane): string {
  const { packets, drops } = readCounters(plane, observe(plane));
  const named = [...drops]
    .filter(([, { packets: count }]) => count > 0n)
    .map(([name, { packets: n }]) => `${n} ${name}`);
  return `its counters: ${packets.received} received, ${packets.forwarded} forwarded, dropped: ${named.join(", ") || "none"}`;
}
