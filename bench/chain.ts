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
import { FRAME_BYTES, NEIGHBOUR_MAC, PORTS, type Ports, SERVER_COUNT } from "./plan.ts";

/** The form that frames come in: a customer's, or a server's in a tunnel. */
export interface Frames {
  readonly form: "inner" | "tunnel";
  readonly mix: Mix;
}

/** The program that makes them. */
function sourceOf(source: Source): string {
  if (source === "stamped") return "source_stamped";
  const { form, mix } = source;
  if (form === "inner") return mix.inner === 4 ? "source_inner" : "source_inner6";
  return isPlain(mix) ? "source_tunnel" : `source_${mixName(mix)}`;
}

/** Bytes of such a frame. */
export const frameBytes = ({ form, mix }: Frames): number => FRAME_BYTES + (form === "tunnel" ? tunnelBytes(mix) : 0);

/** The chain's own programs. */
export const CHAIN_OBJECT = join(ROOT, "build/bpf/chain.bpf.o");

export type Source = Frames | "stamped";
export type Sink = "sink" | "sink_delay" | "sink_watch";

export interface Run {
  readonly frames: Source;
  /** Frames go to, or come from, so many VMs at random. */
  readonly vms: number;
  readonly packets: number;
  /** Frames that are under way at once; the kernel's default is 64. */
  readonly batchSize?: number;
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

/** Where a chain is: namespaces, and ports of the edge. */
export interface Place {
  readonly generator: Namespace;
  readonly edge: Namespace;
  readonly sink: Namespace;
  readonly ports: Ports;
}

const KEY = new Uint8Array(4);
const macBytes = (mac: string): Uint8Array => Uint8Array.from(mac.split(":"), (part) => Number.parseInt(part, 16));

export class Chain {
  readonly object: BpfObject;
  readonly place: Place;
  readonly #btf: Btf;
  readonly #ifindexes: Readonly<Record<"generator" | "in" | "out" | "sink", number>>;
  /** Of the edge's first port. */
  readonly portMac: string;
  #port: XdpLink | undefined;
  /** Attached for as long as they are held. */
  #sinks: readonly XdpLink[];

  private constructor(place: Place) {
    this.place = place;
    this.object = BpfObject.open(CHAIN_OBJECT);
    this.#btf = Btf.parse(this.object.btf());
    const find = (namespace: Namespace, name: string) =>
      this.within(namespace, () => {
        const found = links().find((link) => link.name === name);
        if (found?.mac === undefined) throw new UnumError("INTERFACE_MISSING", `find ${name} in ${namespace.name}`);
        return { ifindex: found.ifindex, mac: found.mac };
      });
    const port = find(place.edge, place.ports.in);
    this.portMac = port.mac;
    this.#ifindexes = {
      generator: find(place.generator, "g0").ifindex,
      in: port.ifindex,
      out: find(place.edge, place.ports.out).ifindex,
      sink: find(place.sink, "s0").ifindex,
    };
    this.object.load();
    this.setWayOut(this.object);
    const attach = (namespace: Namespace, ifindex: number) =>
      this.within(namespace, () => XdpLink.attach(this.object.program("sink"), ifindex, "native"));
    this.#sinks = [attach(place.generator, this.#ifindexes.generator), attach(place.sink, this.#ifindexes.sink)];
  }

  /** Makes namespaces, veth pairs and the chain's programs. Through an edge that there is already, or a new one. */
  static async build(name = "", edge?: Namespace, ports = PORTS): Promise<Chain> {
    return Chain.open(await layOut(name, edge, ports));
  }

  /** In a place that is laid out; for a process of its own. */
  static open(place: Place): Chain {
    return new Chain(place);
  }

  get edge(): Namespace {
    return this.place.edge;
  }

  /** Lets the bare redirects of an object of the chain's programs leave through the edge's second port. */
  setWayOut(object: BpfObject): void {
    this.within(this.edge, () => object.map("way_out").update(KEY, this.#word(this.#ifindexes.out)));
  }

  /** Leaves generator and sink to a lane. */
  releaseEnds(): void {
    for (const link of this.#sinks) link.close();
    this.#sinks = [];
  }

  /** Takes the programs off the ports. The namespaces stay: the sandbox ends them. */
  close(): void {
    this.setProgram(undefined);
    this.releaseEnds();
    this.object.close();
  }

  /** Does something with this thread in a namespace. Not for anything that waits. */
  within<T>(namespace: Namespace, act: () => T): T {
    setNetworkNamespace(namespace.path);
    try {
      return act();
    } finally {
      setNetworkNamespace(this.place.generator.path);
    }
  }

  /** Puts a program at the edge's first port, or none. */
  setProgram(program: BpfProgram | undefined): void {
    if (program === undefined) {
      this.#port?.close();
      this.#port = undefined;
    } else if (this.#port !== undefined) this.#port.update(program);
    else this.#port = this.within(this.edge, () => XdpLink.attach(program, this.#ifindexes.in, "native"));
  }

  /** Puts another program where frames end. */
  setSink(sink: Sink): void {
    for (const link of this.#sinks) link.update(this.object.program(sink));
  }

  /** Sends frames through the chain, in this thread: most of them have arrived when it returns. */
  send({ frames, vms, packets, batchSize }: Run): void {
    const settings = this.#btf.struct("settings").encode({
      vms,
      servers: SERVER_COUNT,
      into: this.#ifindexes.generator,
      port_mac: macBytes(this.portMac),
      sender_mac: macBytes(NEIGHBOUR_MAC),
    });
    this.object.map("settings").update(KEY, settings);
    const data = new Uint8Array(frames === "stamped" ? FRAME_BYTES : frameBytes(frames));
    const options = { data, repeat: packets, ...(batchSize === undefined ? {} : { batchSize }) };
    this.within(this.place.generator, () => this.object.program(sourceOf(frames)).testRunLive(options));
  }

  /** Sends frames, and waits until all have arrived or no more come. */
  async run(run: Run): Promise<Sample> {
    const { packets } = run;
    const map = this.object.map("seen");
    map.update(KEY, new Uint8Array(map.info.valueBytes));
    const [waitedBefore, cpuBefore] = [waitedNs(), process.cpuUsage()];
    this.send(run);
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

  /** What a sink has written, element by element. */
  words(map: "delays" | "arrivals"): readonly number[] {
    const bytes = this.object.map(map).readArray(0, this.object.map(map).info.maxEntries);
    return Array.from(new BigUint64Array(bytes.slice().buffer), Number);
  }

  clearWords(map: "delays" | "arrivals"): void {
    const { maxEntries } = this.object.map(map).info;
    for (let n = 0; n < maxEntries; n++) this.object.map(map).update(this.#word(n), new Uint8Array(8));
  }

  #word(value: number): Uint8Array {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, this.#btf.littleEndian);
    return bytes;
  }
}

/** Namespaces and veth pairs. A veth takes redirected frames only while it receives by NAPI: with GRO or a program. */
async function layOut(name: string, given: Namespace | undefined, ports: Ports): Promise<Place> {
  const [generator, sink] = await Promise.all(["generator", "sink"].map((end) => createNamespace(`${name}${end}`)));
  const edge = given ?? (await createNamespace(`${name}edge`));
  if (!generator || !sink) throw new UnumError("INTERNAL", "build chain: a namespace is missing");
  await connect({ namespace: generator, name: "g0" }, { namespace: edge, name: ports.in, gro: true });
  await connect({ namespace: edge, name: ports.out }, { namespace: sink, name: "s0", gro: true });
  return { generator, edge, sink, ports };
}
