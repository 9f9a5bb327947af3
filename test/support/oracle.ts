// A second opinion on every packet: what the design says must happen to it, written without a look at the packet path's code
// and sharing none of it. Checks come in the order of the layers, so that of several faults the outermost one names the drop.

import { dropped, type Judgement, OracleForwarder } from "./oracle-forward.ts";
import { type InnerPacket, macOf, OUTER } from "./oracle-frames.ts";
import { addressOf, faultOf, flowKeys } from "./oracle-ipv4.ts";
import { type OracleCircuit, type OracleEndpoint, OracleNetwork, type OracleTenant } from "./oracle-network.ts";
import { get16, get24, get32, onesSum, put16, put32, sameBytes } from "./packet-bytes.ts";
import type { PortName, Role, World } from "./packet-world.ts";

export type { Judgement } from "./oracle-forward.ts";

const PASSED: Judgement = { end: "passed", reasons: [], outputs: [] };

export class Oracle {
  readonly network: OracleNetwork;
  readonly #forwarder: OracleForwarder;

  constructor(world: World) {
    this.network = new OracleNetwork(world);
    this.#forwarder = new OracleForwarder(this.network);
  }

  judge(role: Role, port: PortName, frame: Uint8Array): Judgement {
    if (role === "access") return this.#access(port, frame);
    const judgement = this.#tunnel(port, frame);
    if (role !== "both" || judgement.end !== "passed") return judgement;
    // What is for the edge's own address on the underlay is for its stack, whoever sent it.
    const toEdge = get16(frame, 12) === 0x0800 && frame.length >= 34 && get32(frame, 30) === this.network.address;
    return toEdge ? PASSED : this.#access(port, frame);
  }

  #access(port: PortName, frame: Uint8Array): Judgement {
    const type = get16(frame, 12);
    const circuit = this.network.circuits.get(port);
    if ((type !== 0x0800 && type !== 0x0806) || circuit === undefined) return PASSED;
    if (type === 0x0806) return this.#arp(circuit, frame);
    if (!sameBytes(frame.subarray(0, 6), macOf(circuit.spec.mac))) return PASSED;
    const fault = faultOf(frame, 14, frame.length - 14);
    if (fault !== undefined) return dropped(fault);
    const bytes = frame.subarray(14, 14 + get16(frame, 16));
    const inner: InnerPacket = { bytes, tos: bytes[1] as number, forwarded: true, ...flowKeys(bytes), freeId: false };
    const tenant = this.network.tenant(circuit.tenant);
    const padding = frame.subarray(14 + bytes.length);
    const transit = { port, tenant, circuit, inner, senderMac: frame.subarray(6, 12), padding };
    if (addressOf(bytes, "destination") === circuit.address) return this.#forwarder.echo(transit);
    return this.#forwarder.forward(transit);
  }

  #arp(circuit: OracleCircuit, frame: Uint8Array): Judgement {
    if (frame.length < 42) return dropped("malformed");
    const kind = [get16(frame, 14), get16(frame, 16), frame[18], frame[19]].join();
    if (kind !== "1,2048,6,4") return PASSED;
    if ((frame[22] as number) & 1) return dropped("malformed");
    const senderMac = frame.slice(22, 28);
    if (senderMac.every((byte) => byte === 0)) return dropped("malformed");
    const ip = frame.subarray(28, 32);
    if (get32(ip, 0) === circuit.peer && circuit.peerMac === undefined)
      this.network.learned.set(circuit.name, senderMac);
    if (get16(frame, 20) !== 1 || get32(frame, 38) !== circuit.address) return PASSED;
    const reply = frame.slice();
    const own = macOf(circuit.spec.mac);
    for (const [at, bytes] of [
      [0, senderMac],
      [6, own],
      [22, own],
      [32, senderMac],
      [38, ip],
    ] as const)
      reply.set(bytes, at);
    put16(reply, 20, 2);
    put32(reply, 28, circuit.address);
    return { end: "answered", reasons: [], outputs: [{ port: circuit.port, frame: reply, freeIds: [] }] };
  }

  #tunnel(port: PortName, frame: Uint8Array): Judgement {
    const { network } = this;
    if (get16(frame, 12) !== 0x0800 || (frame[0] as number) & 1 || frame.length < 34) return PASSED;
    const outer = frame.subarray(14);
    const headerBytes = ((outer[0] as number) & 15) * 4;
    if ((outer[0] as number) >> 4 !== 4 || headerBytes < 20 || outer[9] !== 17) return PASSED;
    const destinationPort = outer.length >= headerBytes + 8 ? get16(outer, headerBytes + 2) : undefined;
    const ours = addressOf(outer, "destination") === network.address;
    const served = ours && destinationPort !== undefined && network.ports.has(destinationPort);
    const from = ours ? network.byAddress.get(addressOf(outer, "source")) : undefined;
    const laterFragment = (get16(outer, 6) & 0x1fff) !== 0;
    const fragment = laterFragment || (get16(outer, 6) & 0x2000) !== 0;
    if (from === undefined) {
      if (!served || laterFragment) return PASSED;
      return dropped(fragment ? "tunnel_fragment" : "unknown_endpoint");
    }
    if (fragment) return laterFragment || served ? dropped("tunnel_fragment") : PASSED;
    if (destinationPort !== from.profile.port) return served ? dropped("tunnel_mismatch") : PASSED;
    if (headerBytes > 20) return dropped("bad_tunnel_header");

    const length = get16(outer, 2);
    if (frame.length < 64 || length > outer.length || length < OUTER || get16(outer, 24) !== length - 20)
      return dropped("malformed");
    if (onesSum(outer, 0, 20) !== 0xffff) return dropped("bad_checksum");
    const vni = get24(outer, 32);
    if (((outer[28] as number) & 8) === 0 || vni === 0) return dropped("bad_tunnel_header");
    const tenant = network.byVni.get(vni);
    if (tenant === undefined || !tenant.members.has(from.name)) return dropped("not_a_member");
    if ((outer[36] as number) & 1) return dropped("group_mac");
    if (get16(outer, 48) !== 0x0800) return dropped("unsupported_inner");
    const fault = faultOf(frame, 64, length - OUTER);
    if (fault !== undefined) return dropped(fault);

    const bytes = frame.subarray(64, 64 + get16(frame, 66));
    if (!this.#maySpeak(tenant, from, addressOf(bytes, "source"))) return dropped("spoofed_source");
    const tos = combineTos(bytes[1] as number, (outer[1] as number) & 3);
    if (tos === undefined) return dropped("congestion");
    const inner: InnerPacket = { bytes, tos, forwarded: true, ...flowKeys(bytes), freeId: false };
    const padding = frame.subarray(64 + bytes.length);
    const judgement = this.#forwarder.forward({
      port,
      tenant,
      from,
      inner,
      senderMac: frame.subarray(56, 62),
      padding,
    });
    return { ...judgement, rx: { endpoint: from.name, tenant: tenant.name, innerBytes: bytes.length } };
  }

  #maySpeak(tenant: OracleTenant, from: OracleEndpoint, source: number): boolean {
    if (tenant.check === "off") return true;
    const vm = tenant.vms.get(source);
    if (vm === undefined) {
      const route = this.network.route(tenant, source);
      return route !== undefined && "via" in route;
    }
    if (tenant.check === "member" || from.gateway || vm.server === from.name) return true;
    return this.network.endpoint(vm.server).standby === from.name;
  }
}

/** RFC 6040 figure 4; undefined: dropped. */
function combineTos(tos: number, outerEcn: number): number | undefined {
  const ecn = tos & 3;
  if (ecn === 0) return outerEcn === 3 ? undefined : tos;
  if (outerEcn === 3 || ecn === 3) return tos | 3;
  if (outerEcn === 1) return (tos & 0xfc) | 1;
  return tos;
}
