// A second opinion on every packet: what the design says must happen to it, written without a look at the packet path's code
// and sharing none of it. Checks come in the order of the layers, so that of several faults the outermost one names the drop.

import { advertisement, arpReply } from "./oracle-answers.ts";
import { dropped, type Judgement, OracleForwarder } from "./oracle-forward.ts";
import { macOf, pseudoSum } from "./oracle-frames.ts";
import { type Address, addressAt, isLinkLocalOrMulticast6, read } from "./oracle-ip.ts";
import { type OracleCircuit, type OracleEndpoint, OracleNetwork, type OracleTenant } from "./oracle-network.ts";
import { matchTunnel, type TunnelPacket } from "./oracle-tunnel.ts";
import { get16, onesSum, sameBytes } from "./packet-bytes.ts";
import type { HopSpec, PortName, Role, World } from "./packet-world.ts";

export type { Judgement } from "./oracle-forward.ts";

const NOBODY = "\0".repeat(16);
const NOTHING = new Uint8Array(0);
const PASSED: Judgement = { end: "passed", reasons: [], outputs: [] };

/** What stands between a frame's addresses and its packet. */
interface Link {
  readonly at: number;
  readonly type: number;
  readonly vlans: readonly number[];
  /** EtherType of the outer tag. */
  readonly tag?: number;
}

export class Oracle {
  readonly network: OracleNetwork;
  readonly #forwarder: OracleForwarder;

  constructor(world: World, hops?: Readonly<Record<string, HopSpec>>) {
    this.network = new OracleNetwork(world, hops);
    this.#forwarder = new OracleForwarder(this.network);
  }

  judge(role: Role, port: PortName, frame: Uint8Array): Judgement {
    if (role === "access") return this.#access(port, frame);
    const matched = matchTunnel(this.network, frame);
    if (matched !== "passed")
      return Array.isArray(matched) ? dropped(...matched) : this.#tunnel(frame, matched as TunnelPacket);
    // What is for the edge's own address on the underlay is for its stack, whoever sent it.
    return role === "underlay" || this.#isForEdge(frame) ? PASSED : this.#access(port, frame);
  }

  #isForEdge(frame: Uint8Array): boolean {
    const type = get16(frame, 12);
    if (type === 0x0800 && frame.length >= 34) return addressAt(frame, 30, 4) === this.network.addresses[4];
    return type === 0x86dd && frame.length >= 54 && addressAt(frame, 38, 6) === this.network.addresses[6];
  }

  #access(port: PortName, frame: Uint8Array): Judgement {
    const link = readLink(frame);
    if (link === undefined) return PASSED;
    const circuit = this.network.circuit(port, link.vlans);
    if (circuit === undefined || circuit.tags[0]?.[0] !== link.tag) return PASSED;
    if (link.type === 0x0806) return circuit.ipv4 === undefined ? PASSED : this.#arp(circuit, frame, link.at);
    const toPort = sameBytes(frame.subarray(0, 6), macOf(circuit.spec.mac));
    if (link.type === 0x86dd && circuit.ipv6 !== undefined) return this.#access6(circuit, frame, link.at, toPort);
    if (link.type !== 0x0800 || circuit.ipv4 === undefined || !toPort) return PASSED;
    return this.#route(circuit, frame, link.at, 4);
  }

  #access6(circuit: OracleCircuit, frame: Uint8Array, at: number, toPort: boolean): Judgement {
    if (frame.length < at + 40 || (frame[at] as number) >> 4 !== 6) return toPort ? dropped("malformed") : PASSED;
    const answer = this.#neighbour(circuit, frame, at);
    if (answer !== undefined) return answer;
    return toPort && !isLinkLocalOrMulticast6(addressAt(frame, at + 24, 6))
      ? this.#route(circuit, frame, at, 6)
      : PASSED;
  }

  #route(circuit: OracleCircuit, frame: Uint8Array, at: number, family: 4 | 6): Judgement {
    const reading = read(frame, at, frame.length - at, family);
    if (typeof reading === "string") return dropped(reading);
    const inner = { ...reading, forwarded: true, freeId: false };
    const padding = frame.subarray(at + reading.bytes.length);
    const tenant = this.network.tenant(circuit.tenant);
    const tags = frame.subarray(12, at);
    const transit = { tenant, circuit, inner, senderMac: frame.subarray(6, 12), tags, padding };
    const own = family === 6 ? circuit.ipv6 : circuit.ipv4;
    if (reading.destination === own?.address) return this.#forwarder.echo(transit);
    return this.#forwarder.forward(transit);
  }

  #arp(circuit: OracleCircuit, frame: Uint8Array, at: number): Judgement {
    if (frame.length < at + 28) return dropped("malformed");
    const arp = frame.subarray(at);
    const kind = [get16(arp, 0), get16(arp, 2), arp[4], arp[5]].join();
    if (kind !== "1,2048,6,4") return PASSED;
    const senderMac = arp.slice(8, 14);
    if (isNoHost(senderMac)) return dropped("malformed");
    if (addressAt(arp, 14, 4) === circuit.ipv4?.peer && circuit.peerMac === undefined)
      this.network.learned[4].set(circuit.name, senderMac);
    if (get16(arp, 6) !== 1 || addressAt(arp, 24, 4) !== circuit.ipv4?.address) return PASSED;
    return { end: "answered", reasons: [], outputs: [arpReply(circuit, arp, frame.subarray(12, at))] };
  }

  /** RFC 4861 section 7.1; undefined: it is nothing that counts as neighbour discovery. */
  #neighbour(circuit: OracleCircuit, frame: Uint8Array, at: number): Judgement | undefined {
    const length = get16(frame, at + 4);
    const message = frame.subarray(at + 40, at + 40 + length);
    if (frame[at + 6] !== 58 || frame[at + 7] !== 255 || message.length < length || length < 24) return undefined;
    const solicits = message[0] === 135;
    if ((!solicits && message[0] !== 136) || message[1] !== 0) return undefined;
    if (onesSum(message, 0, length, pseudoSum(frame, at + 8, 6, 58, length)) !== 0xffff) return undefined;
    const mac = linkLayerOption(message, solicits ? 1 : 2);
    if (mac === "broken") return undefined;
    const [source, target] = [addressAt(frame, at + 8, 6), addressAt(message, 8, 6)];
    // Who has no address yet has nothing to say about it (section 4.3).
    if (solicits && mac !== undefined && source === NOBODY) return PASSED;
    if (mac !== undefined && isNoHost(mac)) return dropped("malformed");
    if (mac !== undefined && (solicits ? source : target) === circuit.ipv6?.peer && circuit.peerMac === undefined)
      this.network.learned[6].set(circuit.name, mac);
    if (!solicits || target !== circuit.ipv6?.address) return PASSED;
    return { end: "answered", reasons: [], outputs: [advertisement(circuit, source, frame.slice(6, 12))] };
  }

  #tunnel(frame: Uint8Array, packet: TunnelPacket): Judgement {
    const { from, vni, innerAt, end } = packet;
    const tenant = this.network.byVni.get(vni);
    if (tenant === undefined || !tenant.members.has(from.name)) return dropped("not_a_member");
    if (frame.length < innerAt + 14) return dropped("malformed");
    if ((frame[innerAt] as number) & 1) return dropped("group_mac");
    const type = get16(frame, innerAt + 12);
    if (type !== 0x0800 && type !== 0x86dd) return dropped("unsupported_inner");
    const at = innerAt + 14;
    const reading = read(frame, at, end - at, type === 0x86dd ? 6 : 4);
    if (typeof reading === "string") return dropped(reading);
    if (!this.#maySpeak(tenant, from, reading.source)) return dropped("spoofed_source");
    const tos = combineTos(reading.tos, packet.tos, from.profile.decapsulationDscp);
    if (tos === undefined) return dropped("congestion");
    if (packet.badSum) return dropped("bad_checksum");
    const judgement = this.#forwarder.forward({
      tenant,
      from,
      inner: { ...reading, tos, forwarded: true, freeId: false },
      senderMac: frame.subarray(innerAt + 6, innerAt + 12),
      tags: NOTHING,
      padding: NOTHING,
    });
    return { ...judgement, rx: { endpoint: from.name, tenant: tenant.name, innerBytes: reading.bytes.length } };
  }

  #maySpeak(tenant: OracleTenant, from: OracleEndpoint, source: Address): boolean {
    if (tenant.check === "off") return true;
    const vm = tenant.vms.get(source);
    if (vm === undefined) {
      const route = this.network.route(tenant, source);
      return typeof route === "object" && "via" in route;
    }
    if (tenant.check === "member" || from.gateway || vm.server === from.name) return true;
    return this.network.endpoint(vm.server).standby === from.name;
  }
}

/** Up to two tags; undefined: it is cut, or tagged in a way that names no VLAN. */
function readLink(frame: Uint8Array): Link | undefined {
  const tag = get16(frame, 12);
  if (tag !== 0x8100 && tag !== 0x88a8) return { at: 14, type: tag, vlans: [] };
  if (frame.length < 18) return undefined;
  const [outer, type] = [get16(frame, 14) & 0xfff, get16(frame, 16)];
  if (type !== 0x8100) {
    // IEEE 802.1Q: a tag for the sake of its priority.
    if (outer === 0) return tag === 0x8100 ? { at: 18, type, vlans: [] } : undefined;
    return { at: 18, type, vlans: [outer], tag };
  }
  if (frame.length < 22) return undefined;
  const inner = get16(frame, 18) & 0xfff;
  if (outer === 0 || inner === 0) return undefined;
  return { at: 22, type: get16(frame, 20), vlans: [outer, inner], tag };
}

/** RFC 4861 section 4.6.1. */
function linkLayerOption(message: Uint8Array, wanted: number): Uint8Array | "broken" | undefined {
  let mac: Uint8Array | undefined;
  for (let at = 24; at < message.length; ) {
    const bytes = 8 * (message[at + 1] ?? 0);
    if (bytes === 0 || at + bytes > message.length) return "broken";
    if (message[at] === wanted && bytes === 8) mac = message.slice(at + 2, at + 8);
    at += bytes;
  }
  return mac;
}

/** A group, or nobody. */
function isNoHost(mac: Uint8Array): boolean {
  return ((mac[0] as number) & 1) !== 0 || mac.every((byte) => byte === 0);
}

/** RFC 6040 figure 4 and RFC 2983; undefined: dropped. */
function combineTos(tos: number, outer: number, dscp: "keep" | "copy"): number | undefined {
  const [ecn, outerEcn] = [tos & 3, outer & 3];
  const class_ = (dscp === "copy" ? outer : tos) & 0xfc;
  if (ecn === 0) return outerEcn === 3 ? undefined : class_;
  if (outerEcn === 3 || ecn === 3) return class_ | 3;
  return class_ | (outerEcn === 1 ? 1 : ecn);
}
