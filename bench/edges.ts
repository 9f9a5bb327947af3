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
import { DEFAULT_VM6_CAPACITY } from "../src/model/index.ts";
import { readInterfaces } from "../src/netlink/index.ts";
import type { Chain } from "./chain.ts";
import { type Mix, PLAIN } from "./mixes.ts";
import {
  type DocumentOptions,
  documentOf,
  FIRST_VM,
  NEIGHBOUR_MAC,
  SERVERS,
  SIDE,
  type Side,
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
  /** Each has all of the VMs. */
  readonly sides?: readonly Side[];
  /** VMs that are in the document, and so stay when it changes; beside those above, which do not. */
  readonly documentVms?: number;
}

export interface BuiltEdge {
  readonly plane: Plane;
  /** By name. */
  readonly endpoints: ReadonlyMap<string, number>;
  /** Plans what makes the tables equal to the same document with something changed; calling the result does it. */
  readonly plan: (more: Partial<DocumentOptions>) => () => void;
}

export const OBJECTS = join(ROOT, "build/bpf");
const OBJECT = `${OBJECTS}/unum.bpf.o`;

/** Slots of VMs 0 to count - 1, as one buffer: what a bulk load hands to the table. */
export function packVms(btf: Btf, count: number, endpoints: readonly number[], network = VNI): Uint8Array {
  const codec = btf.struct("vm4_slot");
  const offset = (name: string): number => {
    const field = codec.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new UnumError("BTF_INVALID", `pack VMs: struct vm4_slot has no ${name}`);
    return field.offset;
  };
  const [address, endpoint] = [offset("address"), offset("endpoint")];
  const flags = btf.enumeration("slot_flags").get("SLOT_USED") ?? 0;
  const first = codec.encode({ vni: vniBytes(network), flags, mac: macToBytes(parseMac(NEIGHBOUR_MAC)) });
  const slots = new Uint8Array(count * SLOT_BYTES);
  const view = new DataView(slots.buffer);
  for (let n = 0, at = 0; n < count; n++, at += SLOT_BYTES) {
    slots.set(first, at);
    view.setUint32(at + address, FIRST_VM + n);
    view.setUint16(at + endpoint, endpoints[n % endpoints.length] ?? 0, btf.littleEndian);
  }
  return slots;
}

const vniBytes = (vni: number): Uint8Array => Uint8Array.of(vni >> 16, (vni >> 8) & 0xff, vni & 0xff);

/** The same VMs with IPv6 addresses. */
function packVms6(btf: Btf, count: number, endpoints: readonly number[]): Uint8Array {
  const codec = btf.struct("vm6_slot");
  const address = codec.fields.find(({ name }) => name === "address")?.offset;
  if (address === undefined) throw new UnumError("BTF_INVALID", "pack VMs: struct vm6_slot has no address");
  const flags = btf.enumeration("slot_flags").get("SLOT_USED") ?? 0;
  const mac = macToBytes(parseMac(NEIGHBOUR_MAC));
  const slots = new Uint8Array(count * codec.size);
  const view = new DataView(slots.buffer);
  const perEndpoint = endpoints.map((endpoint) => codec.encode({ vni: vniBytes(VNI), flags, mac, endpoint }));
  for (let n = 0, at = 0; n < count; n++, at += codec.size) {
    slots.set(perEndpoint[n % endpoints.length] ?? new Uint8Array(0), at);
    for (const [index, word] of [...VM6_WORDS, n].entries()) view.setUint32(at + address + index * 4, word);
  }
  return slots;
}

/** The interface that leads to the servers of a side. */
type WayOut = (side: Side) => string;

/** Next hops as `unum apply` would resolve them, for all servers. */
function nextHops(
  interfaces: ReadonlyMap<string, Interface>,
  sides: readonly Side[],
  wayOut: WayOut,
  transmit: NextHop["transmit"],
): ReadonlyMap<string, NextHop> {
  return new Map(
    sides.flatMap((side) => {
      const name = wayOut(side);
      const found = interfaces.get(name);
      if (found === undefined) throw new UnumError("INTERFACE_MISSING", `build edge: there is no ${name}`);
      const { ifindex, mac, mtuBytes } = found;
      const hop = { ifindex, sourceMac: mac, nextHopMac: parseMac(NEIGHBOUR_MAC), mtuBytes, transmit };
      return SERVERS.map((n): [string, NextHop] => [serverName(n, side), hop]);
    }),
  );
}

/** Makes an edge in the chain's edge namespace; close its plane. */
export function buildEdge(chain: Chain, directory: string, plan: EdgePlan): BuiltEdge {
  const { vms, capacity, object = OBJECT, mix = PLAIN, duty, sides = [SIDE], documentVms = 0 } = plan;
  if (vms > VMS_MAX) throw new UnumError("ARGUMENT_INVALID", `build edge: ${vms} VMs, expected at most ${VMS_MAX}`);
  const document = { circuitsOut: duty === "decapsulate", capacity, mix, sides, vms: documentVms };
  const plane = Plane.load(new PinDirectory(directory), object, {
    vmCapacity: capacity,
    vm6Capacity: DEFAULT_VM6_CAPACITY,
    features: neededFeatures(parseModel(documentOf(document), "bench").model),
  });
  // What exists, and what a device map takes, is what is in the thread's namespace.
  const inEdge = <T>(act: () => T): T => chain.within(chain.edge, act);
  const planChange = (more: Partial<DocumentOptions>) => {
    const change = inEdge(() => planDocument(plane, duty, { ...document, ...more }));
    return { ...change, carryOut: () => inEdge(change.carryOut) };
  };
  try {
    const { endpoints, carryOut: fill } = planChange({});
    fill();
    const table = plane.table(mix.inner === 4 ? "vms4" : "vms6");
    const puts = sides.map((side) => {
      const indexes = SERVERS.map((n) => endpoints.get(serverName(n, side)) ?? 0);
      return mix.inner === 4
        ? packVms(plane.layout.btf, vms, indexes, side.vni)
        : packVms6(plane.layout.btf, vms, indexes);
    });
    for (const slots of puts) table.changeAll({ puts: slots, deletes: new Uint8Array(0) });
    return { plane, endpoints, plan: (more) => planChange(more).carryOut };
  } catch (thrown) {
    plane.close();
    throw thrown;
  }
}

/** What makes the tables equal to a document, and the indexes that endpoints get, by name. */
function planDocument(plane: Plane, duty: Duty, document: DocumentOptions) {
  const { model } = parseModel(documentOf(document), "bench");
  const interfaces = readInterfaces();
  const wayOut: WayOut = ({ ports }) => (duty === "encapsulate" ? ports.out : ports.in);
  const transmit = duty === "encapsulate-back" ? "direct" : "redirect";
  const hops = nextHops(interfaces, document.sides ?? [SIDE], wayOut, transmit);
  const observed = observe(plane);
  const writes = planWrites(plane, { model, interfaces, nextHops: hops }, observed);
  return { endpoints: writes.indexes.endpoint, carryOut: () => carryOut(plane, writes, observed) };
}

/** What an edge says about packets that did not get through. */
export function explainDrops(plane: Plane): string {
  const { packets, drops } = readCounters(plane, observe(plane));
  const named = [...drops]
    .filter(([, { packets: count }]) => count > 0n)
    .map(([name, { packets: n }]) => `${n} ${name}`);
  return `its counters: ${packets.received} received, ${packets.forwarded} forwarded, dropped: ${named.join(", ") || "none"}`;
}
