// The chain that every row is measured in:
//
//   [generator] g0 ═══ e0 [edge] e1 ═══ s0 [sink]
//
// A live-frame program is the source: it redirects into g0, so the frames arrive at e0, where the measured program runs. It
// redirects to e1, and the sink counts what arrives at s0; or it sends back (XDP_TX), and the sink counts at g0. All of it
// happens on one core, one batch of frames after the other, so the time of a run is that of the whole chain, and only
// differences between rows mean something.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, createNamespace, type Namespace } from "../lab/network.ts";
import { ROOT } from "../lab/traffic.ts";
import { Btf } from "../src/bpf/btf.ts";
import { XdpLink } from "../src/bpf/link.ts";
import { BpfObject } from "../src/bpf/object.ts";
import type { BpfProgram } from "../src/bpf/program.ts";
import { links } from "../src/bpf/rtnetlink.ts";
import { setNetworkNamespace } from "../src/bpf/system.ts";
import { UnumError } from "../src/errors.ts";
import { waitedNs } from "./clock.ts";
import { isPlain, type Mix, mixName, tunnelBytes } from "./mixes.ts";
import { FRAME_BYTES, NEIGHBOUR_MAC, PORTS, SERVER_COUNT } from "./plan.ts";

/** The form that frames come in: a customer's, or a server's in a tunnel. */
export interface Frames {
  readonly form: "inner" | "tunnel";
  readonly mix: Mix;
}

/** The program that makes them. */
function sourceOf({ form, mix }: Frames): string {
  if (form === "inner") return mix.inner === 4 ? "source_inner" : "source_inner6";
  return isPlain(mix) ? "source_tunnel" : `source_${mixName(mix)}`;
}

/** Bytes of such a frame. */
export const frameBytes = ({ form, mix }: Frames): number => FRAME_BYTES + (form === "tunnel" ? tunnelBytes(mix) : 0);

/** The chain's own programs. */
export const CHAIN_OBJECT = join(ROOT, "build/bpf/chain.bpf.o");

export interface Run {
  readonly frames: Frames;
  /** Frames go to, or come from, so many VMs at random. */
  readonly vms: number;
  readonly packets: number;
}

export interface Sample {
  /** From the first frame made to the last one that arrived. */
  readonly elapsedNs: number;
  /** How long this thread waited for its core meanwhile, while others had it. */
  readonly waitedNs: number;
  /** Processor time of this process meanwhile, setting up the run included. */
  readonly cpuNs: number;
  readonly sent: number;
  readonly received: number;
  /** Of all frames that were received. */
  readonly bytes: number;
}

const KEY = new Uint8Array(4);
const macBytes = (mac: string): Uint8Array => Uint8Array.from(mac.split(":"), (part) => Number.parseInt(part, 16));

export class Chain {
  readonly edge: Namespace;
  readonly sink: Namespace;
  readonly object: BpfObject;
  readonly #generator: Namespace;
  readonly #btf: Btf;
  readonly #ifindexes: Readonly<Record<"g0" | "e0" | "e1" | "s0", number>>;
  /** Of the edge's first port. */
  readonly portMac: string;
  #port: XdpLink | undefined;
  /** Attached for as long as they are held. */
  #sinks: readonly XdpLink[] = [];

  private constructor(generator: Namespace, edge: Namespace, sink: Namespace) {
    this.#generator = generator;
    this.edge = edge;
    this.sink = sink;
    this.object = BpfObject.open(CHAIN_OBJECT);
    this.#btf = Btf.parse(this.object.btf());
    const find = (namespace: Namespace, name: string) =>
      this.within(namespace, () => {
        const found = links().find((link) => link.name === name);
        if (found?.mac === undefined) throw new UnumError("INTERFACE_MISSING", `find ${name} in ${namespace.name}`);
        return { ifindex: found.ifindex, mac: found.mac };
      });
    const port = find(edge, PORTS.in);
    this.portMac = port.mac;
    this.#ifindexes = {
      g0: find(generator, "g0").ifindex,
      e0: port.ifindex,
      e1: find(edge, PORTS.out).ifindex,
      s0: find(sink, "s0").ifindex,
    };
  }

  /** Makes namespaces, veth pairs and the chain's programs, and moves this thread to the generator's namespace. */
  static async build(): Promise<Chain> {
    const [generator, edge, sink] = await Promise.all(
      ["generator", "edge", "sink"].map((name) => createNamespace(name)),
    );
    if (!generator || !edge || !sink) throw new UnumError("INTERNAL", "build chain: a namespace is missing");
    // A veth takes redirected frames only while it receives by NAPI: with GRO on, or with a program of its own.
    await connect({ namespace: generator, name: "g0" }, { namespace: edge, name: PORTS.in, gro: true });
    await connect({ namespace: edge, name: PORTS.out }, { namespace: sink, name: "s0", gro: true });
    const chain = new Chain(generator, edge, sink);
    chain.#load();
    return chain;
  }

  #load(): void {
    this.object.load();
    this.setWayOut(this.object);
    const sink = this.object.program("sink");
    const attach = (namespace: Namespace, ifindex: number) =>
      this.within(namespace, () => XdpLink.attach(sink, ifindex, "native"));
    this.#sinks = [attach(this.#generator, this.#ifindexes.g0), attach(this.sink, this.#ifindexes.s0)];
  }

  /** Lets the bare redirects of an object of the chain's programs leave through the edge's second port. */
  setWayOut(object: BpfObject): void {
    this.within(this.edge, () => object.map("way_out").update(KEY, this.#word(this.#ifindexes.e1)));
  }

  /** Takes the programs off the ports. The namespaces stay: the sandbox ends them. */
  close(): void {
    this.setProgram(undefined);
    for (const link of this.#sinks) link.close();
    this.#sinks = [];
    this.object.close();
  }

  /** Does something with this thread in a namespace. Not for anything that waits. */
  within<T>(namespace: Namespace, act: () => T): T {
    setNetworkNamespace(namespace.path);
    try {
      return act();
    } finally {
      setNetworkNamespace(this.#generator.path);
    }
  }

  /** Puts a program at the edge's first port, or none. */
  setProgram(program: BpfProgram | undefined): void {
    if (program === undefined) {
      this.#port?.close();
      this.#port = undefined;
    } else if (this.#port !== undefined) this.#port.update(program);
    else this.#port = this.within(this.edge, () => XdpLink.attach(program, this.#ifindexes.e0, "native"));
  }

  /** Sends frames through the chain, and waits until all have arrived or no more come. */
  async run({ frames, vms, packets }: Run): Promise<Sample> {
    const settings = this.#btf.struct("settings").encode({
      vms,
      servers: SERVER_COUNT,
      into: this.#ifindexes.g0,
      port_mac: macBytes(this.portMac),
      sender_mac: macBytes(NEIGHBOUR_MAC),
    });
    this.object.map("settings").update(KEY, settings);
    const data = new Uint8Array(frameBytes(frames));
    const map = this.object.map("seen");
    map.update(KEY, new Uint8Array(map.info.valueBytes));
    const [waitedBefore, cpuBefore] = [waitedNs(), process.cpuUsage()];
    this.object.program(sourceOf(frames)).testRunLive({ data, repeat: packets });
    const { user, system } = process.cpuUsage(cpuBefore);
    const waited = waitedNs() - waitedBefore;
    let seen = this.#seen();
    for (let quiet = 0; quiet < 5 && seen.frames < packets; quiet++) {
      await sleep(2);
      const now = this.#seen();
      if (now.frames > seen.frames) quiet = 0;
      seen = now;
    }
    return {
      elapsedNs: seen.elapsedNs,
      waitedNs: waited,
      cpuNs: (user + system) * 1000,
      sent: packets,
      received: seen.frames,
      bytes: seen.bytes,
    };
  }

  /** What has arrived since `seen` was zero, on all processors. */
  #seen(): Pick<Sample, "elapsedNs" | "bytes"> & { readonly frames: number } {
    const codec = this.#btf.struct<Record<"frames" | "bytes" | "first" | "last", bigint>>("seen");
    const values = this.object.map("seen").lookup(KEY) ?? new Uint8Array(0);
    let [frames, bytes, first, last] = [0, 0, 0n, 0n];
    for (let at = 0; at < values.length; at += codec.size) {
      const cpu = codec.decode(values, at);
      frames += Number(cpu.frames);
      bytes += Number(cpu.bytes);
      if (cpu.first > 0n && (first === 0n || cpu.first < first)) first = cpu.first;
      if (cpu.last > last) last = cpu.last;
    }
    return { frames, bytes, elapsedNs: Number(last - first) };
  }

  #word(value: number): Uint8Array {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, this.#btf.littleEndian);
    return bytes;
  }
}
