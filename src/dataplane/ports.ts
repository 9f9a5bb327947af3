// NICs that run one of the programs. A port's role is which program its link holds; the link is pinned under the NIC's name,
// so it outlives this process. A program is exchanged by an atomic update of the link, never by detaching.

import { XdpLink, xdpAttached, xdpLinkId, xdpTakesRedirects } from "../bpf/link.ts";
import type { Link } from "../bpf/rtnetlink.ts";
import { interfaceFeatures, links } from "../bpf/rtnetlink.ts";
import { causeText, UnumError } from "../errors.ts";
import type { PortConfig, PortMode, PortRole } from "../model/index.ts";
import { closest } from "../model/index.ts";
import type { PinDirectory } from "./pins.ts";
import { PROGRAM_ROLES, roleOfProgram } from "./pins.ts";
import type { Plane } from "./plane.ts";
import type { Fault } from "./port-faults.ts";
import { driverFaults, portFaults } from "./port-faults.ts";
import { PortProbe } from "./probe.ts";

export interface Port extends PortConfig {
  readonly ifindex: number;
  /** False when the NIC was deleted, or made again under the same name: no packet comes through this link any more. */
  readonly attached: boolean;
  readonly programId: number;
}

function programRoles(plane: Plane): ReadonlyMap<number, PortRole> {
  return new Map(PROGRAM_ROLES.map((role) => [plane.program(role).info.id, role]));
}

function findInterface(name: string, all: readonly Link[]): Link {
  const found = all.find((link) => link.name === name);
  if (found !== undefined) return found;
  const near = closest(
    name,
    all.map((link) => link.name),
  );
  throw new UnumError("INTERFACE_MISSING", `find interface ${JSON.stringify(name)}: there is none of that name`, {
    remedy:
      near === undefined ? "ip link show lists the interfaces that exist" : `did you mean ${JSON.stringify(near)}?`,
  });
}

/** Ports with a pinned link, by name. A role is unknown to no reader: a program of another build counts as what it was. */
export function observePorts(plane: Plane): Port[] {
  const roles = programRoles(plane);
  const all = links();
  const ports: Port[] = [];
  for (const name of plane.pins.linkedInterfaces()) {
    const link = XdpLink.openPinned(plane.pins.link(name));
    try {
      const { ifindex, programId } = link.info;
      const present = all.some((candidate) => candidate.ifindex === ifindex && candidate.name === name);
      const seen = present ? xdpAttached(ifindex) : undefined;
      ports.push({
        name,
        ifindex,
        programId,
        role: roles.get(programId) ?? roleOfProgram(seen?.programName) ?? "both",
        mode: seen?.mode === "generic" ? "generic" : "native",
        attached: seen !== undefined && seen.programId === programId,
      });
    } finally {
      link.close();
    }
  }
  return ports;
}

export type PortAction = "attached" | "updated" | "unchanged";

/** Converses with a new port while a probe stands on it, before its program does. */
export type Conversation = (probe: PortProbe) => void;

/**
 * Makes a NIC run the program of its role: attaches, or exchanges the program in place. A port that is attached anew is first
 * the probe's, for as long as `converse` takes, if it is given; then its program takes over without a packet in between.
 * @throws UnumError INTERFACE_MISSING, INTERFACE_UNFIT, FOREIGN_PROGRAM, PERMISSION
 */
export function attachPort(plane: Plane, config: PortConfig, converse?: Conversation): PortAction {
  const all = links();
  const { ifindex } = findInterface(config.name, all);
  const program = plane.program(config.role);
  const existing = observePorts(plane).find((port) => port.name === config.name);
  if (existing !== undefined) {
    if (existing.attached && existing.ifindex === ifindex && existing.mode === config.mode) {
      if (existing.programId === program.info.id) return "unchanged";
      const link = XdpLink.openPinned(plane.pins.link(config.name));
      try {
        link.update(program);
      } finally {
        link.close();
      }
      return "updated";
    }
    // The NIC is another one now, or the mode changes: neither can be done in place.
    detachPort(plane.pins, config.name);
  }
  try {
    attachAnew(plane, config, ifindex, converse);
  } catch (thrown) {
    // A port goes on in the mode that it had, rather than not at all.
    if (existing?.attached === true && existing.ifindex === ifindex) attachAnew(plane, existing, ifindex);
    throw thrown;
  }
  return "attached";
}

function attachAnew(plane: Plane, config: PortConfig, ifindex: number, converse?: Conversation): void {
  refuseForeign(config.name, ifindex);
  const program = plane.program(config.role);
  const probe = converse && PortProbe.load(plane.probeObjectPath, ifindex);
  try {
    const link = attach(config, ifindex, probe?.program ?? program);
    try {
      if (probe !== undefined) {
        converse?.(probe);
        link.update(program);
      }
      // Pinned last: who is killed before leaves a NIC without a program, rather than with one that forwards nothing.
      link.pin(plane.pins.link(config.name));
    } catch (thrown) {
      link.detach();
      throw thrown;
    } finally {
      link.close();
    }
  } finally {
    probe?.close();
  }
}

function refuseForeign(name: string, ifindex: number): void {
  const { mode, programId, programName } = xdpAttached(ifindex);
  if (mode === "none") return;
  const what = programName === undefined ? "a program" : `program ${JSON.stringify(programName)}`;
  const linkId = xdpLinkId(ifindex, programId);
  const holder = linkId === undefined ? `id ${programId}` : `id ${programId}, held by link ${linkId}`;
  const remove = linkId === undefined ? `ip link set dev ${name} xdp off` : `bpftool link detach id ${linkId}`;
  throw new UnumError(
    "FOREIGN_PROGRAM",
    `attach ${name}: it already runs XDP ${what} (${holder}) in ${mode} mode, which is not of these pins`,
    { remedy: `stop what attached it, or remove it: ${remove}` },
  );
}

function attach(config: PortConfig, ifindex: number, program: Parameters<typeof XdpLink.attach>[0]): XdpLink {
  try {
    return XdpLink.attach(program, ifindex, config.mode);
  } catch (thrown) {
    const errno = (thrown as { errnoName?: string }).errnoName;
    if (errno === "EOPNOTSUPP" && config.mode === "native") {
      throw new UnumError("INTERFACE_UNFIT", `attach ${config.name}: its driver has no XDP`, {
        remedy: `unum attach ${config.name} --role ${config.role} --mode generic works on any NIC, more slowly`,
        cause: thrown,
      });
    }
    if (errno === "EINVAL" || errno === "ERANGE") throw unfit(config.name, ifindex, thrown);
    throw thrown;
  }
}

/** What a driver that refuses does not say, found out from how its NIC is set up. */
function unfit(name: string, ifindex: number, cause: unknown): UnumError {
  const link = links().find((candidate) => candidate.ifindex === ifindex);
  const faults = link === undefined ? [] : driverFaults(link, interfaceFeatures(ifindex));
  const remedy = faults.map((fault) => fault.remedy).join("; ");
  const found = faults.length === 0 ? "" : `: ${faults.map((fault) => fault.what).join("; ")}`;
  return new UnumError("INTERFACE_UNFIT", `attach ${name}: its driver refuses XDP${found || `: ${causeText(cause)}`}`, {
    remedy: remedy || "dmesg often says why: an MTU too large for XDP, large receive offload, or too few queues",
    cause,
  });
}

/** True when there was a link to take away. */
export function detachPort(pins: PinDirectory, name: string): boolean {
  if (!pins.linkedInterfaces().includes(name)) return false;
  const path = pins.link(name);
  const link = XdpLink.openPinned(path);
  try {
    // A severed link (the NIC is gone) has nothing to detach.
    if (link.info.ifindex !== 0) link.detach();
  } finally {
    link.close();
  }
  pins.unlink(path);
  return true;
}

/**
 * Detaches every port and removes every pin, whatever version of unum made them. Returns the ports.
 * @throws UnumError LOCKED, PIN_DIRECTORY, PERMISSION
 */
export function removeEdge(pins: PinDirectory, lockWaitMs = 10_000): string[] {
  pins.requireSafe();
  for (;;) {
    const lock = pins.lock(lockWaitMs);
    if (lock === undefined) {
      if (!pins.exists()) return [];
      pins.requireSafe();
      continue;
    }
    try {
      const detached = pins.linkedInterfaces().filter((name) => detachPort(pins, name));
      pins.remove();
      return detached;
    } finally {
      lock.close();
    }
  }
}

/** What is in the way of packets at a NIC, as it is set up now. */
export function findFaults(name: string, mode: PortMode): Fault[] {
  const all = links();
  const link = findInterface(name, all);
  // A veth tells its peer's index; that of a peer in another namespace means nothing here.
  const hasPeer = link.kind === "veth" && link.peerNamespaceId === undefined;
  const peer = hasPeer ? all.find(({ ifindex }) => ifindex === link.peerIfindex) : undefined;
  return portFaults({
    link,
    mode,
    all,
    offloads: interfaceFeatures(link.ifindex),
    takesRedirects: xdpTakesRedirects(link.ifindex),
    ...(peer && { peer: { name: peer.name, offloads: interfaceFeatures(peer.ifindex) } }),
  });
}
