// A loaded BPF program, and running it on frames of ours (Documentation/bpf/bpf_prog_run.rst).

import type { OffloadDevice } from "./map.ts";
import type { NativeProgram } from "./native.ts";
import { addon, native } from "./native.ts";

export interface ProgramInfo {
  readonly id: number;
  /** In full where it is known. */
  readonly name: string;
  /** As the kernel has it: 15 characters. */
  readonly kernelName: string;
  /** Hash of the instructions, 16 hexadecimal digits. */
  readonly tag: string;
  /** enum bpf_prog_type. */
  readonly type: number;
  /** Such as `xdp`. */
  readonly typeName: string;
  /** Bytes of instructions after verification. */
  readonly xlatedBytes: number;
  /** Bytes of machine code; 0: it is interpreted. */
  readonly jitedBytes: number;
  /** Instructions that the verifier walked through. */
  readonly verifiedInstructions: number;
  /** When it was loaded, CLOCK_BOOTTIME. */
  readonly loadTimeNs: bigint;
  readonly mapIds: readonly number[];
}

/** What the kernel tells of a program to whoever wants to show it. */
export interface ProgramDescription extends OffloadDevice {
  readonly gplCompatible: boolean;
  /** 0 unless the kernel counts (kernel.bpf_stats_enabled). */
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
  readonly recursionMisses: bigint;
  readonly createdByUid: number;
  /** 0: it has no type information. */
  readonly btfId: number;
  /** Of its main function, in that BTF; 0: not known. The function's name is that of the program in full. */
  readonly functionTypeId: number;
  /** /proc/self/fdinfo of its descriptor: lines of `word:`, a tab and a value. */
  readonly fdText: string;
}

/** Where a frame seems to have come from; without an interface it is the loopback's. */
export interface Arrival {
  /** Interface of the current network namespace: xdp_md.ingress_ifindex. */
  readonly ingressIfindex?: number;
  readonly rxQueue?: number;
}

export interface TestRunOptions extends Arrival {
  /** From the Ethernet header on; at least 14 bytes. */
  readonly data: Uint8Array;
  /** Runs in a row on the same buffer; each sees what the one before it left. */
  readonly repeat?: number;
  /** Room for the result; by default the frame may grow by all of XDP's headroom, 256 bytes. */
  readonly outBytes?: number;
}

export interface TestRunResult {
  /** enum xdp_action. */
  readonly verdict: number;
  readonly data: Uint8Array;
  /** Of one run, on average. */
  readonly durationNs: number;
}

/** Frames one after the other in `data`. */
export interface Frames {
  readonly data: Uint8Array;
  readonly lengths: Uint32Array;
}

export interface ManyResults extends Frames {
  /** enum xdp_action of each frame. */
  readonly verdicts: Uint32Array;
}

export interface LiveRunOptions extends Arrival {
  readonly data: Uint8Array;
  readonly repeat: number;
  /** Frames that are made at once, 1 to 256; the kernel's default is 64. */
  readonly batchSize?: number;
}

/** Running needs CAP_BPF and CAP_NET_ADMIN. Methods throw BpfError, as those of BpfMap do. */
export class BpfProgram {
  readonly [native]: NativeProgram;

  constructor(handle: NativeProgram) {
    this[native] = handle;
  }

  static openPinned(path: string): BpfProgram {
    return new BpfProgram(addon().BpfProgram.openPinned(path));
  }

  /** Needs CAP_SYS_ADMIN: prefer a pin. */
  static openById(id: number): BpfProgram {
    return new BpfProgram(addon().BpfProgram.openById(id));
  }

  get info(): ProgramInfo {
    return this[native].info();
  }

  /** As of now. */
  describe(): ProgramDescription {
    return this[native].describe();
  }

  /** Runs an XDP program on one frame; nothing is sent. */
  testRun(options: TestRunOptions): TestRunResult {
    const { data, repeat = 1, ingressIfindex, rxQueue, outBytes } = options;
    return this[native].testRun(data, repeat, ingressIfindex, rxQueue, outBytes);
  }

  /** The same for many frames, about a million a second: each starts from a fresh buffer. */
  testRunMany({ data, lengths }: Frames, { ingressIfindex, rxQueue }: Arrival = {}): ManyResults {
    return this[native].testRunMany(data, lengths, ingressIfindex, rxQueue);
  }

  /**
   * Runs the program on frames that really go where it sends them (BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18). A recycled frame
   * keeps the bytes that the program wrote, so the program must write every header that it relies on.
   * @returns the time of the whole call
   */
  testRunLive({ data, repeat, batchSize, ingressIfindex, rxQueue }: LiveRunOptions): { readonly durationNs: number } {
    return this[native].testRunLive(data, repeat, batchSize, ingressIfindex, rxQueue);
  }

  pin(path: string): void {
    this[native].pin(path);
  }

  close(): void {
    this[native].close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
