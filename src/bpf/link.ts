// A program at an interface's XDP hook.

import type { NativeLink } from "./native.ts";
import { addon, native } from "./native.ts";
import type { BpfProgram } from "./program.ts";

/** `native`: in the driver; `generic`: in the stack, on a copy where need be. */
export type XdpMode = "native" | "generic";

export interface XdpLinkInfo {
  readonly id: number;
  readonly programId: number;
  /** 0: the interface is gone, or the link was detached. */
  readonly ifindex: number;
}

export interface XdpAttached {
  readonly mode: "none" | XdpMode | "offload" | "multi";
  /** 0: none. */
  readonly programId: number;
  /** Where the process may ask: CAP_SYS_ADMIN. */
  readonly programName?: string;
}

/** The attachment lives as long as the handle or a pin of it. Methods throw BpfError, as those of BpfMap do. */
export class XdpLink {
  readonly #native: NativeLink;

  private constructor(handle: NativeLink) {
    this.#native = handle;
  }

  /**
   * Attaches a program; needs CAP_BPF and CAP_NET_ADMIN.
   * @throws BpfError FOREIGN_PROGRAM names what is there already; INTERFACE_MISSING; INTERFACE_UNFIT
   */
  static attach(program: BpfProgram, ifindex: number, mode: XdpMode): XdpLink {
    return new XdpLink(addon().XdpLink.attach(program[native], ifindex, mode));
  }

  static openPinned(path: string): XdpLink {
    return new XdpLink(addon().XdpLink.openPinned(path));
  }

  /** As of now. */
  get info(): XdpLinkInfo {
    return this.#native.info();
  }

  /** Puts another program in the place of this one, without a packet in between; the old one stays if that fails. */
  update(program: BpfProgram): void {
    this.#native.update(program[native]);
  }

  /** Ends the attachment, whatever pins there are. */
  detach(): void {
    this.#native.detach();
  }

  pin(path: string): void {
    this.#native.pin(path);
  }

  /** Without a pin this ends the attachment. */
  close(): void {
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * What runs at an interface's XDP hook, whoever put it there.
 * @throws BpfError INTERFACE_MISSING
 */
export function xdpAttached(ifindex: number): XdpAttached {
  return addon().xdpAttached(ifindex) as XdpAttached;
}

/**
 * The link that holds a program at an interface's XDP hook, whoever made it; undefined: it was attached without one, as
 * `ip link` does it.
 * @throws BpfError PERMISSION without CAP_SYS_ADMIN
 */
export function xdpLinkId(ifindex: number, programId: number): number | undefined {
  return addon().xdpLinkId(ifindex, programId);
}

/**
 * Whether an interface sends what XDP redirects to it; where not, the kernel drops each such frame. A veth does, as it is
 * set up now, or does not. Undefined: the kernel does not tell (before Linux 6.3).
 * @throws BpfError INTERFACE_MISSING, NETLINK
 */
export function xdpTakesRedirects(ifindex: number): boolean | undefined {
  return addon().xdpTakesRedirects(ifindex);
}
