// Frames for tests, layer by layer: packet().ethernet({…}).ipv4({…}).udp({…}).payload(32).
//
// Lengths, protocol numbers and checksums are those of a correct packet unless a field says otherwise. The same builder makes
// what a test expects: a field that the edge may choose freely is ANY, or ENTROPY for the outer UDP source port, and takes the
// value that the frame under test has there, if that value is allowed.

import { concatenate } from "./packet-bytes.ts";
import {
  type ArpFields,
  arp,
  type EthernetFields,
  ethernet,
  type Layer,
  raw,
  type VlanFields,
  vlan,
} from "./packet-layers.ts";
import {
  type ExtensionFields,
  extension,
  type FragmentFields,
  fragment,
  type Ipv4Fields,
  type Ipv6Fields,
  ipv4,
  ipv6,
} from "./packet-layers-ip.ts";
import {
  type IcmpFields,
  icmp,
  icmp6,
  type NeighbourFields,
  neighbour,
  type TcpFields,
  tcp,
  type UdpFields,
  udp,
} from "./packet-layers-transport.ts";
import { type GeneveFields, geneve, type NvgreFields, nvgre, type VxlanFields, vxlan } from "./packet-layers-tunnel.ts";

export { ANY, ENTROPY } from "./packet-layers.ts";

/** Immutable: each call returns a longer packet. */
export class Packet {
  readonly #layers: readonly Layer[];
  readonly #padding: Uint8Array;

  constructor(layers: readonly Layer[] = [], padding: Uint8Array = new Uint8Array(0)) {
    this.#layers = layers;
    this.#padding = padding;
  }

  #with(layer: Layer): Packet {
    return new Packet([...this.#layers, layer], this.#padding);
  }

  ethernet(fields: EthernetFields): Packet {
    return this.#with(ethernet(fields));
  }
  /** IEEE 802.1Q; 802.1ad with `tag: 0x88a8`. */
  vlan(fields: VlanFields): Packet {
    return this.#with(vlan(fields));
  }
  arp(fields: ArpFields): Packet {
    return this.#with(arp(fields));
  }
  ipv4(fields: Ipv4Fields): Packet {
    return this.#with(ipv4(fields));
  }
  ipv6(fields: Ipv6Fields): Packet {
    return this.#with(ipv6(fields));
  }
  extension(fields: ExtensionFields): Packet {
    return this.#with(extension(fields));
  }
  /** Of IPv6; that of IPv4 is in its header. */
  fragment(fields: FragmentFields = {}): Packet {
    return this.#with(fragment(fields));
  }
  udp(fields: UdpFields): Packet {
    return this.#with(udp(fields));
  }
  tcp(fields: TcpFields): Packet {
    return this.#with(tcp(fields));
  }
  icmp(fields: IcmpFields): Packet {
    return this.#with(icmp(fields));
  }
  icmp6(fields: IcmpFields): Packet {
    return this.#with(icmp6(fields));
  }
  neighbour(fields: NeighbourFields): Packet {
    return this.#with(neighbour(fields));
  }
  vxlan(fields: VxlanFields): Packet {
    return this.#with(vxlan(fields));
  }
  geneve(fields: GeneveFields): Packet {
    return this.#with(geneve(fields));
  }
  nvgre(fields: NvgreFields): Packet {
    return this.#with(nvgre(fields));
  }
  /** Bytes as they are, or that many with a recognisable pattern. */
  payload(bytes: Uint8Array | number): Packet {
    return this.#with(raw(typeof bytes === "number" ? pattern(bytes) : bytes));
  }
  /** The layers of another packet. */
  packet(inner: Packet): Packet {
    return new Packet([...this.#layers, ...inner.#layers], concatenate(inner.#padding, this.#padding));
  }
  /** Bytes behind the packet that no length counts. */
  padding(bytes: Uint8Array | number): Packet {
    const added = typeof bytes === "number" ? new Uint8Array(bytes).fill(0xa5) : bytes;
    return new Packet(this.#layers, concatenate(this.#padding, added));
  }
  /** Padding up to a frame of that many bytes: 60 is the shortest on Ethernet. */
  padTo(frameBytes: number): Packet {
    return this.padding(Math.max(0, frameBytes - this.bytes().length));
  }

  /** @param actual where fields that are ANY or ENTROPY are read from */
  bytes(actual?: Uint8Array): Uint8Array {
    return concatenate(this.#build(0, 0, 0, actual), this.#padding);
  }

  #build(index: number, offset: number, pseudoSum: number, actual: Uint8Array | undefined): Uint8Array {
    const layer = this.#layers[index];
    if (layer === undefined) return new Uint8Array(0);
    const rest = this.#build(index + 1, offset + layer.bytes, layer.pseudoSum ?? pseudoSum, actual);
    const above = this.#layers[index - 1];
    const below = this.#layers[index + 1];
    const header = layer.write(rest, {
      pseudoSum,
      ...(below === undefined ? {} : { below }),
      ...(above === undefined ? {} : { above }),
      ...(actual === undefined ? {} : { actual: actual.subarray(offset) }),
    });
    return concatenate(header, rest);
  }
}

export function packet(): Packet {
  return new Packet();
}

/** Every byte differs from its neighbours and from the poison in the headroom. */
export function pattern(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (index * 7 + 1) % 251);
}
