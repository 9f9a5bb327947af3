// An edge under test: the real object, the real tables filled by the real compiler, and frames run through it one by one.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { parseMac } from "../../src/address/index.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import type { ManyResults } from "../../src/bpf/program.ts";
import type { NextHop, State } from "../../src/control/state.ts";
import { carryOut, neededFeatures, observe, PinDirectory, Plane, planWrites } from "../../src/dataplane/index.ts";
import type { StructName } from "../../src/dataplane/layout.ts";
import { parseModel } from "../../src/document/index.ts";
import type { Model } from "../../src/model/index.ts";
import { concatenate, macBytes } from "./packet-bytes.ts";
import { CounterReader, type Moves } from "./packet-counters.ts";
import type { Ports } from "./packet-ports.ts";
import {
  HOPS,
  type HopSpec,
  LEARNED,
  LEARNED6,
  PORT_SPECS,
  PORTS,
  type PortName,
  type Role,
  WORLD,
  type World,
} from "./packet-world.ts";

const root = join(import.meta.dirname, "../..");
/** UNUM_OBJECT names another build of the packet path to judge. */
export const OBJECT = process.env.UNUM_OBJECT ?? join(root, "build/bpf/unum.bpf.o");
const POISON = join(root, "build/bpf/packet-poison.bpf.o");
const ROLES = ["access", "underlay", "both"] as const;
const VERDICTS = ["aborted", "drop", "pass", "tx", "redirect"] as const;

export type Verdict = (typeof VERDICTS)[number];
export type Headroom = "poisoned" | "cramped";

export interface Run {
  readonly verdict: Verdict;
  readonly frame: Uint8Array;
  readonly moves: Moves;
}

export interface EdgeOptions {
  readonly object?: string;
  readonly world?: World;
  readonly hops?: Readonly<Record<string, HopSpec>>;
}

let edges = 0;

export class EdgeUnderTest {
  readonly plane: Plane;
  readonly counters: CounterReader;
  readonly #pins: PinDirectory;
  readonly #ports: Ports;
  readonly #poison: BpfObject;

  constructor(ports: Ports, options: EdgeOptions = {}) {
    this.#ports = ports;
    this.#pins = new PinDirectory(`/sys/fs/bpf/packets-${process.pid}-${edges++}`);
    const world = options.world ?? WORLD;
    const { vms, vms6 } = world.edge.capacity;
    this.plane = Plane.load(this.#pins, options.object ?? OBJECT, {
      vmCapacity: vms,
      vm6Capacity: vms6,
      features: neededFeatures(modelOf(world)),
    });
    this.#poison = BpfObject.open(POISON);
    this.#poison.load();
    this.#leadPoisonToPrograms();
    this.apply(world, options.hops ?? HOPS);
    this.counters = new CounterReader(this.plane);
    this.forget();
  }

  /** The array of programs takes descriptors, which only bpftool makes of pins. */
  #leadPoisonToPrograms(): void {
    const array = join(this.#pins.maps, "poison");
    this.#poison.map("programs").pin(array);
    for (const [index, role] of ROLES.entries()) {
      const key = [index, 0, 0, 0].map(String);
      const program = ["value", "pinned", this.#pins.program(role)];
      execFileSync("bpftool", ["map", "update", "pinned", array, "key", ...key, ...program]);
    }
    this.#pins.unlink(array);
  }

  ifindex(port: PortName): number {
    return this.#ports.ifindex.get(port) as number;
  }

  /** The whole way from a document's text to the maps. */
  apply(world: World, hops: Readonly<Record<string, HopSpec>> = HOPS): void {
    const model = modelOf(world);
    const missing = this.plane.missing(neededFeatures(model));
    if (missing.length > 0) throw new Error(`apply a world that needs ${missing.join(", ")}: the programs lack it`);
    const state: State = {
      model,
      interfaces: new Map(
        PORTS.map((name) => {
          const { mac, mtu, transmit } = PORT_SPECS[name];
          return [name, { ifindex: this.ifindex(name), mac: parseMac(mac), mtuBytes: mtu, transmit }];
        }),
      ),
      nextHops: new Map(Object.entries(hops).map(([name, hop]) => [name, this.#nextHop(hop)])),
    };
    const observed = observe(this.plane);
    carryOut(this.plane, planWrites(this.plane, state, observed), observed);
    this.counters?.refresh();
  }

  #nextHop({ port, mac }: HopSpec): NextHop {
    const { mac: source, mtu, transmit } = PORT_SPECS[port];
    return {
      ifindex: this.ifindex(port),
      sourceMac: parseMac(source),
      nextHopMac: parseMac(mac),
      mtuBytes: mtu,
      transmit,
    };
  }

  /** What packets taught the edge, and how many answers it gave: as at the start. */
  forget(): void {
    const { layout } = this.plane;
    const limits = this.plane.map("reply_limits");
    const { maxEntries, valueBytes } = limits.info;
    const key = new Uint8Array(4);
    for (let index = 0; index < maxEntries; index++) {
      new DataView(key.buffer).setUint32(0, index, true);
      limits.update(key, new Uint8Array(valueBytes));
    }
    for (const [map, learned] of [
      ["circuit_peers", LEARNED],
      ["circuit_peers6", LEARNED6],
    ] as const) {
      for (const [name, index] of this.counters.observed.indexes.circuit) {
        const mac = learned[name];
        const word = mac === undefined ? {} : { mac: macBytes(mac), heard: 0x8000 };
        this.plane.array(map).store(index, layout.encode("circuit_peer", word));
      }
    }
    for (const name of this.counters.observed.indexes.endpoint.keys()) this.setPathMtu(name, undefined);
  }

  /** An endpoint's liveness, as the daemon stores it: one word. */
  setState(endpoint: string, state: "up" | "stale" | "admin_down" | "unknown"): void {
    const number = this.plane.layout.number("endpoint_state", `ENDPOINT_STATE_${state.toUpperCase()}`);
    this.change("endpoints", "endpoint", this.index("endpoint", endpoint), { state: number });
  }

  /** What routers told about the path to an endpoint, for as long as any test runs; undefined: nothing. */
  setPathMtu(endpoint: string, mtu: number | undefined): void {
    const row = mtu === undefined ? {} : { mtu, until: 0xffffffff };
    const word = this.plane.layout.encode("path_mtu", row);
    this.plane.array("path_mtus").store(this.index("endpoint", endpoint), word);
  }

  index(kind: "profile" | "endpoint" | "tenant" | "circuit", name: string): number {
    const index = this.counters.observed.indexes[kind].get(name);
    if (index === undefined) throw new Error(`find ${kind} ${name}: the edge has none`);
    return index;
  }

  /** Writes some fields of a word, for what no document can say; returns what undoes it. */
  change(map: string, struct: string, index: number, fields: Readonly<Record<string, unknown>>): () => void {
    const array = this.plane.array(map);
    const before = array.load(index);
    const row = { ...this.row(map, struct, index), ...fields };
    array.write(index, this.plane.layout.encode(struct as StructName, row as never));
    return () => array.write(index, before);
  }

  /** A row of an array, by the fields of any struct that the object file describes. */
  row(map: string, struct: string, index: number): Readonly<Record<string, unknown>> {
    return this.plane.layout.decode(struct as StructName, this.plane.array(map).load(index));
  }

  run(role: Role, port: PortName, frame: Uint8Array, headroom: Headroom = "poisoned"): Run {
    const program = this.#poison.program(`${headroom}_${role}`);
    const { verdict, data } = program.testRun({ data: frame, ingressIfindex: this.ifindex(port) });
    return { verdict: verdictName(verdict), frame: data, moves: this.counters.moves() };
  }

  /** Many frames; counters are read once, after the last. */
  runMany(role: Role, port: PortName, frames: readonly Uint8Array[]): readonly Omit<Run, "moves">[] {
    const lengths = Uint32Array.from(frames, (frame) => frame.length);
    const results: ManyResults = this.#poison
      .program(`poisoned_${role}`)
      .testRunMany({ data: concatenate(...frames), lengths }, { ingressIfindex: this.ifindex(port) });
    const runs: Omit<Run, "moves">[] = [];
    let at = 0;
    for (const [index, length] of results.lengths.entries()) {
      const verdict = verdictName(results.verdicts[index] as number);
      runs.push({ verdict, frame: results.data.subarray(at, at + length) });
      at += length;
    }
    return runs;
  }

  close(): void {
    this.#poison.close();
    this.plane.close();
    this.#pins.remove();
  }
}

function modelOf(world: World): Model {
  return parseModel(JSON.stringify(world), "world.json").model;
}

function verdictName(verdict: number): Verdict {
  const name = VERDICTS[verdict];
  if (name === undefined) throw new Error(`read verdict: ${verdict} is no XDP action`);
  return name;
}
