// The oracle's second half: a packet whose tenant and origin are known, and where it goes.

import {
  echoReplyPacket,
  type InnerPacket,
  icmpErrorPacket,
  inTunnel,
  macOf,
  OUTER,
  type Output,
  onCircuit,
} from "./oracle-frames.ts";
import { addressOf } from "./oracle-ipv4.ts";
import {
  mask,
  type OracleCircuit,
  type OracleEndpoint,
  type OracleNetwork,
  type OracleTenant,
} from "./oracle-network.ts";
import { get16, put16, put32 } from "./packet-bytes.ts";
import { PORT_SPECS, type PortName } from "./packet-world.ts";

export interface Judgement {
  readonly end: "passed" | "dropped" | "forwarded" | "answered";
  /** Of a drop: any of these. */
  readonly reasons: readonly string[];
  /** One of these frames leaves. In the place of a dropped packet it may also not, since such answers are limited. */
  readonly outputs: readonly Output[];
  /** What an answer to a dropped packet counts as. */
  readonly as?: "icmpErrors" | "arpRequests";
  readonly rx?: { readonly endpoint: string; readonly tenant: string; readonly innerBytes: number };
}

export function dropped(...reasons: readonly string[]): Judgement {
  return { end: "dropped", reasons, outputs: [] };
}

/** A packet on its way through the edge. */
export interface Transit {
  readonly port: PortName;
  readonly tenant: OracleTenant;
  /** It came from a circuit, or else from an endpoint. */
  readonly circuit?: OracleCircuit;
  readonly from?: OracleEndpoint;
  readonly inner: InnerPacket;
  readonly senderMac: Uint8Array;
  /** What was behind the packet. */
  readonly padding: Uint8Array;
}

export class OracleForwarder {
  readonly #network: OracleNetwork;

  constructor(network: OracleNetwork) {
    this.#network = network;
  }

  /** For a circuit's own address. */
  echo(transit: Transit): Judgement {
    const { inner, from, port, senderMac, padding } = transit;
    const { bytes } = inner;
    const isEcho = bytes[0] === 0x45 && bytes[9] === 1 && (get16(bytes, 6) & 0x3fff) === 0 && bytes.length >= 28;
    if (!isEcho || bytes[20] !== 8 || bytes[21] !== 0) return dropped("to_circuit_address");
    const reply = echoReplyPacket(inner);
    if (from !== undefined) {
      const sent = this.#back(transit, reply);
      if (typeof sent === "string") return dropped(sent);
      return { end: "answered", reasons: [], outputs: [sent] };
    }
    // The frame is turned round in place, with what is behind the packet.
    const output = onCircuit(this.#network.circuits.get(port) as OracleCircuit, senderMac, reply);
    return { end: "answered", reasons: [], outputs: [{ ...output, frame: Buffer.concat([output.frame, padding]) }] };
  }

  /** A packet of the edge's own into the tunnel that its cause came out of, or why not. */
  #back({ from, tenant, senderMac }: Transit, packet: InnerPacket): Output | string {
    const endpoint = from as OracleEndpoint;
    if (endpoint.hop === undefined) return "no_next_hop";
    if (packet.bytes.length > this.#room(endpoint)) return "too_big";
    return inTunnel(this.#network, endpoint, tenant, senderMac, packet) as Output;
  }

  /** The largest inner packet on the way to an endpoint. */
  #room(endpoint: OracleEndpoint): number {
    const egress = endpoint.hop === undefined ? 0 : PORT_SPECS[endpoint.hop.port].mtu;
    return Math.max(0, Math.min(egress, endpoint.profile.mtu) - OUTER);
  }

  /** Why an endpoint cannot take the packet; undefined: it can. */
  #refusal({ from }: Transit, name: string): string | undefined {
    const endpoint = this.#network.endpoint(name);
    if (from !== undefined && (from.name === name || (from.gateway && endpoint.gateway))) return "split_horizon";
    if (this.#network.down.has(name)) return "no_path";
    return endpoint.hop === undefined ? "no_next_hop" : undefined;
  }

  forward(transit: Transit): Judgement {
    const { tenant, inner } = transit;
    const destination = addressOf(inner.bytes, "destination");
    const vm = tenant.vms.get(destination);
    let refusal = "no_route";
    if (vm !== undefined) {
      const direct = this.#refusal(transit, vm.server);
      if (direct === undefined) return this.#toEndpoints(transit, [vm.server], vm.mac);
      if (direct === "split_horizon") return dropped(direct);
      refusal = direct;
      const { standby } = this.#network.endpoint(vm.server);
      if (standby !== undefined && this.#refusal(transit, standby) === undefined)
        return this.#toEndpoints(transit, [standby], vm.mac);
    }
    const route = this.#network.route(tenant, destination);
    if (route === undefined) return dropped(refusal);
    if ("circuit" in route) return this.#toCircuit(transit, route.circuit);
    const usable = route.via.filter((name) => this.#refusal(transit, name) === undefined);
    if (usable.length > 0) return this.#toEndpoints(transit, usable);
    return dropped(...new Set(route.via.map((name) => this.#refusal(transit, name) as string)));
  }

  #toEndpoints(transit: Transit, names: readonly string[], mac?: Uint8Array): Judgement {
    const results = names.map((name) => this.#toEndpoint(transit, this.#network.endpoint(name), mac));
    const [first] = results as [Judgement];
    return {
      ...first,
      reasons: [...new Set(results.flatMap(({ reasons }) => reasons))],
      outputs: results.flatMap(({ outputs }) => outputs),
    };
  }

  #toEndpoint(transit: Transit, endpoint: OracleEndpoint, mac: Uint8Array | undefined): Judgement {
    const { inner, tenant } = transit;
    // Only a circuit has an address that the edge could answer from.
    const router = transit.circuit;
    if ((inner.bytes[8] as number) <= 1) return this.#refuse(transit, router, "ttl_expired", 11, 0, 0);
    const room = this.#room(endpoint);
    if (inner.bytes.length > room) return this.#refuseSize(transit, router, room);
    return {
      end: "forwarded",
      reasons: [],
      outputs: [inTunnel(this.#network, endpoint, tenant, mac ?? endpoint.mac, inner) as Output],
    };
  }

  #toCircuit(transit: Transit, circuit: OracleCircuit): Judgement {
    const { inner, from } = transit;
    const destination = addressOf(inner.bytes, "destination");
    const router = from === undefined ? transit.circuit : circuit;
    if (destination === circuit.address) return this.echo(transit);
    if (circuit === transit.circuit) return dropped("split_horizon");
    const hosts = ~mask(circuit.prefixLength) >>> 0;
    const broadcast = (circuit.address | hosts) >>> 0 === destination;
    if (circuit.prefixLength < 31 && broadcast) return dropped("martian_address");
    if ((inner.bytes[8] as number) <= 1) return this.#refuse(transit, router, "ttl_expired", 11, 0, 0);
    if (inner.bytes.length > circuit.spec.mtu) return this.#refuseSize(transit, router, circuit.spec.mtu);
    const mac = this.#network.peerMac(circuit);
    if (mac === undefined) return this.#ask(circuit);
    return { end: "forwarded", reasons: [], outputs: [onCircuit(circuit, mac, inner)] };
  }

  #refuseSize(transit: Transit, router: OracleCircuit | undefined, mtu: number): Judgement {
    if ((get16(transit.inner.bytes, 6) & 0x4000) === 0) return dropped("needs_fragmentation");
    return this.#refuse(transit, router, "too_big", 3, 4, mtu);
  }

  /** Dropped; its sender is told where RFC 1122 section 3.2.2 and 1812 section 4.3.2.7 allow it. */
  #refuse(
    transit: Transit,
    router: OracleCircuit | undefined,
    reason: string,
    type: number,
    code: number,
    mtu: number,
  ): Judgement {
    const { inner, senderMac, from, port } = transit;
    const { bytes } = inner;
    const headerBytes = ((bytes[0] as number) & 15) * 4;
    const isError = bytes[9] === 1 && ![0, 8, 13, 14].includes(bytes[headerBytes] ?? -1);
    if (router === undefined || (senderMac[0] as number) & 1 || (get16(bytes, 6) & 0x1fff) !== 0 || isError)
      return dropped(reason);
    const error = icmpErrorPacket(router.address, addressOf(bytes, "source"), bytes, type, code, mtu);
    if (from === undefined) {
      const arrived = this.#network.circuits.get(port) as OracleCircuit;
      return { end: "dropped", reasons: [reason], as: "icmpErrors", outputs: [onCircuit(arrived, senderMac, error)] };
    }
    const sent = this.#back(transit, error);
    return typeof sent === "string"
      ? dropped(reason)
      : { end: "dropped", reasons: [reason], as: "icmpErrors", outputs: [sent] };
  }

  #ask(circuit: OracleCircuit): Judgement {
    const own = macOf(circuit.spec.mac);
    const frame = new Uint8Array(42);
    frame.fill(0xff, 0, 6);
    frame.set(own, 6);
    put16(frame, 12, 0x0806);
    frame.set([0, 1, 8, 0, 6, 4, 0, 1], 14);
    frame.set(own, 22);
    put32(frame, 28, circuit.address);
    put32(frame, 38, circuit.peer);
    return {
      end: "dropped",
      reasons: ["peer_unresolved"],
      as: "arpRequests",
      outputs: [{ port: circuit.port, frame, freeIds: [] }],
    };
  }
}
