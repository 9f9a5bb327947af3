// Whether a port works: a program that stands on it for a moment and notes what comes, and one that sends through it by XDP
// (bpf/probe.bpf.c). What to send, and how long to wait, is for others to say.

import { Btf } from "../bpf/btf.ts";
import type { Codec } from "../bpf/codec.ts";
import { MappedArray } from "../bpf/mapped-array.ts";
import { BpfObject } from "../bpf/object.ts";
import type { BpfProgram } from "../bpf/program.ts";

/** Frames that came in, and those of them that answer a question for a MAC. */
export interface Seen {
  readonly frames: number;
  readonly answers: number;
}

export class PortProbe {
  readonly ifindex: number;
  readonly #object: BpfObject;
  readonly #map: MappedArray;
  readonly #codec: Codec;

  private constructor(ifindex: number, object: BpfObject, map: MappedArray, codec: Codec) {
    this.ifindex = ifindex;
    this.#object = object;
    this.#map = map;
    this.#codec = codec;
  }

  /** @throws BpfError SYSTEM_CALL, VERIFIER, PERMISSION */
  static load(objectPath: string, ifindex: number): PortProbe {
    const object = BpfObject.open(objectPath);
    try {
      const codec = Btf.parse(object.btf()).struct("probe");
      object.load();
      const map = MappedArray.map(object.map("probes"));
      map.write(0, codec.encode({ ifindex }));
      return new PortProbe(ifindex, object, map, codec);
    } catch (thrown) {
      object.close();
      throw thrown;
    }
  }

  /** For the port: it takes notes and passes everything on to the stack. */
  get program(): BpfProgram {
    return this.#object.program("unum_probe");
  }

  /** Sends a frame as the packet path would. Nobody tells whether the driver took it. @throws BpfError SYSTEM_CALL */
  send(frame: Uint8Array): void {
    this.#object.program("unum_probe_send").testRunLive({ data: frame, repeat: 1, batchSize: 1 });
  }

  get seen(): Seen {
    const row = this.#codec.decode(this.#map.load(0)) as unknown as { frames: bigint; answers: bigint };
    return { frames: Number(row.frames), answers: Number(row.answers) };
  }

  close(): void {
    this.#map.close();
    this.#object.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
