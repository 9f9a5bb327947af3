// The oracle's second half: a packet whose tenant and origin are known, and where it goes.

import { type Complaint, echoReply, errorPacket, isEcho, mayBeToldOf, question } from "./oracle-answers.ts";
import { type InnerPacket, inTunnel, type Output, onCircuit, turned } from "./oracle-frames.ts";
import type { Address } from "./oracle-ip.ts";
import {
  broadcastOf,
  neighbourFor,
  type OracleCircuit,
  type OracleEndpoint,
  type OracleNetwork,
  type OracleTenant,
  type OracleVm,
  type Policy,
} from "./oracle-network.ts";
import { PORT_SPECS } from "./packet-world.ts";

export interface Judgement {
  readonly end: "passed" | "dropped" | "forwarded" | "answered";
  /** Of a drop: any of these. */
  readonly reasons: readonly string[];
  /** One of these frames leaves. In the place of a dropped packet it may also not, since such answers are limited. */
  readonly outputs: readonly Output[];
  /** What an answer to a dropped packet counts as. */
  readonly as?: "icmpErrors" | "solicitations";
  readonly rx?: { readonly endpoint: string; readonly tenant: string; readonly innerBytes: number };
}

export function dropped(...reasons: readonly string[]): Judgement {
  return { end: "dropped", reasons, outputs: [] };
}

/** A packet on its way through the edge. */
export interface Transit {
  readonly tenant: OracleTenant;
  /** It came from a circuit, or else from an endpoint. */
  readonly circuit?: OracleCircuit;
  readonly from?: OracleEndpoint;
  readonly inner: InnerPacket;
  readonly senderMac: Uint8Array;
  /** Of a circuit's frame: from its first EtherType to its packet, and what was behind that. */
  readonly tags: Uint8Array;
  readonly padding: Uint8Array;
}

/** Whether an endpoint lies on a path that the policy leaves. */
function allows(policy: Policy, { gateway }: OracleEndpoint): boolean {
  return policy === "direct-preferred" || (policy === "gateway-only") === gateway;
}

export class OracleForwarder {
  readonly #network: OracleNetwork;

  constructor(network: OracleNetwork) {
    this.#network = network;
  }

  /** For one of the edge's own addresses. */
  echo(transit: Transit): Judgement {
    const { inner, circuit, senderMac, tags, padding } = transit;
    if (!isEcho(inner)) return dropped("to_circuit_address");
    const reply = echoReply(inner);
    if (circuit === undefined) {
      const sent = this.#back(transit, reply);
      if (typeof sent === "string") return dropped(sent);
      return { end: "answered", reasons: [], outputs: [sent] };
    }
    // The frame is turned round in place, with what is behind the packet.
    return { end: "answered", reasons: [], outputs: [turned(circuit, senderMac, tags, reply, padding)] };
  }

  /** A packet of the edge's own into the tunnel that its cause came out of, or why not. */
  #back({ from, tenant, senderMac }: Transit, packet: InnerPacket): Output | string {
    const endpoint = from as OracleEndpoint;
    if (endpoint.hop === undefined) return "no_next_hop";
    if (packet.bytes.length > this.room(endpoint)) return "too_big";
    return inTunnel(this.#network, endpoint, tenant, senderMac, packet) as Output;
  }

  /** The largest inner packet on the way to an endpoint. */
  room(endpoint: OracleEndpoint): number {
    const egress = endpoint.hop === undefined ? 0 : PORT_SPECS[endpoint.hop.port].mtu;
    const learned = this.#network.pathMtus.get(endpoint.name) ?? 65535;
    return Math.max(0, Math.min(egress, endpoint.profile.mtu, learned) - endpoint.overhead);
  }

  /** Why an endpoint cannot take the packet; undefined: it can. */
  #refusal({ from }: Transit, policy: Policy, name: string): string | undefined {
    const endpoint = this.#network.endpoint(name);
    if (from !== undefined && (from.name === name || (from.gateway && endpoint.gateway))) return "split_horizon";
    if (!allows(policy, endpoint)) return "policy";
    if (this.#network.down.has(name)) return "no_path";
    return endpoint.hop === undefined ? "no_next_hop" : undefined;
  }

  /** The VM's server or its standby; or why neither. */
  #direct(transit: Transit, policy: Policy, { server }: OracleVm): { readonly to: string } | { readonly why: string } {
    const why = this.#refusal(transit, policy, server);
    if (why === undefined) return { to: server };
    const { standby } = this.#network.endpoint(server);
    if (why === "split_horizon" || why === "policy" || standby === undefined) return { why };
    return this.#refusal(transit, policy, standby) === undefined ? { to: standby } : { why };
  }

  forward(transit: Transit): Judgement {
    const { tenant, inner } = transit;
    const vm = tenant.vms.get(inner.destination);
    const policy = vm?.policy ?? tenant.dscpPolicies.get(inner.tos >> 2) ?? tenant.policy;
    let refusal = "no_route";
    if (vm !== undefined) {
      const direct = this.#direct(transit, policy, vm);
      if ("to" in direct) return this.#toEndpoints(transit, [direct.to], vm.mac);
      refusal = direct.why;
      if (refusal === "split_horizon" || policy === "direct-only") return dropped(refusal);
    }
    const route = this.#network.route(tenant, inner.destination);
    if (route === undefined) return dropped(refusal);
    if (route === "self") return this.echo(transit);
    if ("circuit" in route) return this.#toCircuit(transit, route.circuit);
    const usable = route.via.filter((name) => this.#refusal(transit, policy, name) === undefined);
    if (usable.length > 0) return this.#toEndpoints(transit, usable);
    return dropped(...new Set(route.via.map((name) => this.#refusal(transit, policy, name) as string)));
  }

  #toEndpoints(transit: Transit, names: readonly string[], mac?: Uint8Array): Judgement {
    const results = names.map((name) => this.#toEndpoint(transit, this.#network.endpoint(name), mac));
    const [first] = results as [Judgement];
    if (results.some(({ end }) => end !== first.end)) {
      throw new Error(`judge a packet to one of ${names.join(", ")}: the world's equal paths are of different width`);
    }
    return {
      ...first,
      reasons: [...new Set(results.flatMap(({ reasons }) => reasons))],
      outputs: results.flatMap(({ outputs }) => outputs),
    };
  }

  #toEndpoint(transit: Transit, endpoint: OracleEndpoint, mac: Uint8Array | undefined): Judgement {
    const { inner, tenant, circuit } = transit;
    if (inner.ttl <= 1) return this.#refuse(transit, circuit, "ttl_expired", { kind: "expired" });
    const room = this.room(endpoint);
    if (inner.bytes.length > room) return this.#refuseSize(transit, circuit, room);
    const clamps = [transit.from, endpoint].flatMap((end) =>
      end?.profile.mssClamp === "auto" ? [this.room(end)] : [],
    );
    const limited = clamps.length === 0 ? inner : this.#clamped(inner, clamps);
    return {
      end: "forwarded",
      reasons: [],
      outputs: [inTunnel(this.#network, endpoint, tenant, mac ?? endpoint.mac, limited) as Output],
    };
  }

  #clamped(inner: InnerPacket, rooms: readonly number[]): InnerPacket {
    const headers = inner.family === 6 ? 60 : 40;
    return { ...inner, mss: Math.max(1, Math.min(...rooms) - headers) };
  }

  #toCircuit(transit: Transit, circuit: OracleCircuit): Judgement {
    const { inner, from } = transit;
    const own = neighbourFor(circuit, inner.family);
    if (inner.destination === own?.address) return this.echo(transit);
    if (circuit === transit.circuit) return dropped("split_horizon");
    if (circuit.ipv4 !== undefined && circuit.ipv4.prefixLength < 31 && broadcastOf(circuit.ipv4) === inner.destination)
      return dropped("martian_address");
    const router = transit.circuit ?? circuit;
    if (inner.ttl <= 1) return this.#refuse(transit, router, "ttl_expired", { kind: "expired" });
    if (inner.bytes.length > circuit.mtu) return this.#refuseSize(transit, router, circuit.mtu);
    const mac = this.#network.peerMac(circuit, inner.family);
    if (mac === undefined)
      return {
        end: "dropped",
        reasons: ["peer_unresolved"],
        as: "solicitations",
        outputs: [question(circuit, inner.family)],
      };
    const limited = from?.profile.mssClamp === "auto" ? this.#clamped(inner, [this.room(from)]) : inner;
    return { end: "forwarded", reasons: [], outputs: [onCircuit(circuit, mac, limited)] };
  }

  #refuseSize(transit: Transit, router: OracleCircuit | undefined, mtu: number): Judgement {
    if (transit.inner.mayBeFragmented) return dropped("needs_fragmentation");
    return this.#refuse(transit, router, "too_big", { kind: "too big", mtu });
  }

  /** The address that speaks to the sender: of the circuit at hand, else the tenant's own. */
  #speaker({ tenant, inner }: Transit, router: OracleCircuit | undefined): Address | undefined {
    const own = router === undefined ? undefined : neighbourFor(router, inner.family);
    return own?.address ?? tenant.addresses[inner.family];
  }

  /** Dropped; its sender is told where RFC 1122 section 3.2.2, 1812 section 4.3.2.7 and 4443 section 2.4 allow it. */
  #refuse(transit: Transit, router: OracleCircuit | undefined, reason: string, complaint: Complaint): Judgement {
    const { inner, senderMac, circuit } = transit;
    const speaker = this.#speaker(transit, router);
    if (speaker === undefined || (senderMac[0] as number) & 1 || !mayBeToldOf(inner)) return dropped(reason);
    const error = errorPacket(speaker, inner, complaint);
    const sent = circuit === undefined ? this.#back(transit, error) : onCircuit(circuit, senderMac, error);
    if (typeof sent === "string") return dropped(reason);
    return { end: "dropped", reasons: [reason], as: "icmpErrors", outputs: [sent] };
  }
}
