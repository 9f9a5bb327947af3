// A BPF link of any type, to be looked at; XdpLink (link.ts) is the kind that an edge has.

import type { NativeAnyLink } from "./native.ts";
import { addon } from "./native.ts";

/** struct bpf_link_info of linux/bpf.h: what is not of the link's type is absent. */
export interface LinkDescription {
  readonly id: number;
  /** enum bpf_link_type. */
  readonly type: number;
  /** Such as `xdp`; undefined where libbpf does not know the type. */
  readonly typeName?: string;
  readonly programId: number;
  /** enum bpf_attach_type, of tracing, cgroup and netns links. */
  readonly attachType?: number;
  readonly attachTypeName?: string;
  readonly tracepoint?: string;
  readonly cgroupId?: bigint;
  readonly netnsInode?: number;
  /** What an iterator goes through, such as `task_file`; the fields below are of some targets. */
  readonly iteratorTarget?: string;
  readonly iteratorMapId?: number;
  readonly iteratorTid?: number;
  readonly iteratorPid?: number;
  readonly iteratorCgroupId?: bigint;
  readonly iteratorOrder?: number;
}

/** Methods throw BpfError, as those of BpfMap do. */
export class BpfLink {
  readonly #native: NativeAnyLink;

  private constructor(handle: NativeAnyLink) {
    this.#native = handle;
  }

  static openPinned(path: string): BpfLink {
    return new BpfLink(addon().BpfLink.openPinned(path));
  }

  /** Needs CAP_SYS_ADMIN: prefer a pin. */
  static openById(id: number): BpfLink {
    return new BpfLink(addon().BpfLink.openById(id));
  }

  /** As of now. */
  describe(): LinkDescription {
    return this.#native.describe();
  }

  close(): void {
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
