// What about a NIC keeps packets from the packet path, or from where it sends them: found from how the NIC is set up. Pure.

import type { Link } from "../bpf/rtnetlink.ts";
import type { PortMode } from "../model/index.ts";

export interface Fault {
  readonly what: string;
  /** The command that mends it, or what else to do. */
  readonly remedy: string;
}

/** Offloads by their names in `ethtool -k`. */
export type Offloads = Readonly<Record<string, boolean>>;

export interface Situation {
  readonly link: Link;
  readonly mode: PortMode;
  readonly offloads: Offloads;
  /** Every link of the machine. */
  readonly all: readonly Link[];
  /** As xdpTakesRedirects says it of the NIC. */
  readonly takesRedirects: boolean | undefined;
  /** Of the other end of a veth, where it is in this namespace. */
  readonly peer?: { readonly name: string; readonly offloads: Offloads };
}

/** Any of these on means that checksums of sent packets are left to hardware that does not exist. */
const TRANSMIT_CHECKSUMS = ["tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-checksum-ipv6"];
/** Both hand on frames that are larger than any that came. */
const MERGING = [
  ["rx-lro", "lro"],
  ["rx-gro-hw", "rx-gro-hw"],
] as const;
const MTU_USUAL = 1500;

function mergingFaults({ name }: Link, offloads: Offloads): Fault[] {
  return MERGING.filter(([feature]) => offloads[feature] === true).map(([feature, option]) => ({
    what: `${name} merges frames as they come (${feature}), and XDP must see each`,
    remedy: `ethtool -K ${name} ${option} off`,
  }));
}

/** Why a driver may have refused a program. */
export function driverFaults(link: Link, offloads: Offloads): Fault[] {
  const { name, mtu } = link;
  const tooLarge = {
    what: `an MTU of ${mtu} may be too large for XDP in this driver`,
    remedy: `ip link set dev ${name} mtu ${MTU_USUAL}`,
  };
  return [...(mtu > MTU_USUAL ? [tooLarge] : []), ...mergingFaults(link, offloads)];
}

/** The device that a port belongs to takes what the packet path would, or sends past it. */
function masterFaults({ name, master }: Link, all: readonly Link[]): Fault[] {
  const above = all.find(({ ifindex }) => ifindex === master);
  switch (above?.kind) {
    case "bridge":
      return [
        {
          what: `${name} is a port of the bridge ${above.name}, which gets nothing that is a circuit's or a tunnel's`,
          remedy: `ip link set dev ${name} nomaster`,
        },
      ];
    case "bond":
    case "team":
      return [
        {
          what: `${name} belongs to the ${above.kind} ${above.name}, which receives and sends through any of its ports`,
          remedy: `ip link set dev ${name} nomaster, or attach ${above.name}`,
        },
      ];
    default:
      return [];
  }
}

/** Devices on top of the port, and a port that is such a device. */
function stackingFaults({ name, ifindex, kind, peerIfindex }: Link, all: readonly Link[]): Fault[] {
  const upper = all.filter((other) => {
    return other.peerIfindex === ifindex && ["vlan", "macvlan", "macvtap", "ipvlan"].includes(other.kind ?? "");
  });
  const faults = upper.map((other) => ({
    what: `${other.name} (${other.kind}) is on top of ${name}, and gets nothing that is a circuit's or a tunnel's`,
    remedy: `ip link delete dev ${other.name}, unless it is for other frames`,
  }));
  if (kind !== "vlan") return faults;
  const below = all.find((other) => other.ifindex === peerIfindex)?.name ?? "the NIC below it";
  const what = `${name} is a VLAN device: its tag is taken off before the packet path sees a frame`;
  return [...faults, { what, remedy: `attach ${below}, and give the circuit a vlan` }];
}

function vethFaults({ link, takesRedirects, peer }: Situation): Fault[] {
  const { name, up } = link;
  const other = peer?.name ?? "PEER";
  const faults: Fault[] = [];
  // A NIC that is down may still change its mind when it comes up.
  if (up && takesRedirects === false) {
    faults.push({
      what: `${name} is a veth and drops what XDP redirects to it: turn GRO on at its peer, anew if it is on, with both ends up`,
      remedy: `ethtool -K ${other} gro off; ethtool -K ${other} gro on`,
    });
  } else if (!up || takesRedirects === undefined) {
    faults.push({
      what: `${name} is a veth: its peer must have GRO on before ${name} comes up, to receive what XDP sends`,
      remedy: `ethtool -K ${other} gro on`,
    });
  }
  if (peer === undefined) {
    faults.push({
      what: `${name} is a veth: its peer must have transmit checksum offload off, since XDP cannot finish checksums`,
      remedy: `ethtool -K ${other} tx off`,
    });
  } else if (TRANSMIT_CHECKSUMS.some((feature) => peer.offloads[feature])) {
    faults.push({
      what: `${name} is a veth whose peer ${other} leaves checksums unfinished, and XDP cannot finish them`,
      remedy: `ethtool -K ${other} tx off`,
    });
  }
  return faults;
}

/** What is in the way of packets at a port, or will be. */
export function portFaults(situation: Situation): Fault[] {
  const { link, mode, offloads, all, takesRedirects } = situation;
  const faults = [...masterFaults(link, all), ...stackingFaults(link, all)];
  if (mode !== "native") return faults;
  faults.push(...mergingFaults(link, offloads));
  if (link.kind === "veth") return [...faults, ...vethFaults(situation)];
  if (link.kind === "tun") {
    faults.push({
      what: `${link.name} is a tap device: its VM must send packets with finished checksums`,
      remedy: "in the VM: ethtool -K NIC tx off, or csum=off for its virtio NIC",
    });
  }
  if (link.up && takesRedirects === false) {
    faults.push({
      what: `${link.name} drops what XDP redirects to it: its driver cannot send that, or not as it is set up`,
      remedy: `unum attach ${link.name} --mode generic`,
    });
  }
  return faults;
}

export function faultText({ what, remedy }: Fault): string {
  return `${what} (${remedy})`;
}
