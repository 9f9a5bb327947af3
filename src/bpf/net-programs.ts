// The programs at the hooks of the interfaces of the current network namespace, whoever attached them, in the order in which
// the kernel lists them.

import { addon } from "./native.ts";

export interface XdpPrograms {
  readonly ifindex: number;
  readonly name: string;
  /** Both the driver's and the stack's hook may be taken: then there is more than one program. */
  readonly multi: boolean;
  readonly programs: readonly { readonly mode: "generic" | "driver" | "offload"; readonly id: number }[];
}

/** A filter of type bpf (tc-bpf(8)). */
export interface TrafficFilter {
  readonly ifindex: number;
  readonly name: string;
  /** What it hangs on: `clsact/ingress`, `clsact/egress`, `root`, or the kind of a class or qdisc. */
  readonly kind: string;
  readonly programName?: string;
  readonly programId?: number;
  /** Of its actions, those that are programs; undefined: it has no list of actions. */
  readonly actions?: readonly { readonly name?: string; readonly id?: number }[];
}

export interface NetPrograms {
  readonly xdp: readonly XdpPrograms[];
  readonly traffic: readonly TrafficFilter[];
  /** 0: none. */
  readonly flowDissectorId: number;
}

/** @param ifindex of one interface; 0: of all. @throws BpfError NETLINK, PERMISSION */
export function netPrograms(ifindex = 0): NetPrograms {
  return addon().netPrograms(ifindex);
}
