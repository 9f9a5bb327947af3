// Servers and gateways ↔ rows of endpoints and tunnels.

import type { IpAddress } from "../address/index.ts";
import { ipFamily, ipv4FromNumber, macFromBytes, macToBytes, ZERO_MAC } from "../address/index.ts";
import type { EndpointState, NextHop, Transmit } from "../control/state.ts";
import { UnumError } from "../errors.ts";
import type { Edge, Gateway, Profile, Server } from "../model/index.ts";
import { addressWords, ipv6FromWords } from "./ip-words.ts";
import type { RowBuilder } from "./row-builder.ts";
import type { RowReader } from "./row-reader.ts";
import { compileService, compileSource } from "./source-rows.ts";

/** The edge's own end of a tunnel. */
function localAddress({ address, address6 }: Edge, name: string, remote: IpAddress): IpAddress {
  const local = ipFamily(remote) === 6 ? address6 : address;
  if (local !== undefined) return local;
  throw new UnumError("INTERNAL", `compile endpoint ${name}: the edge has no address of the family of ${remote}`);
}

export function compileEndpoint(
  builder: RowBuilder,
  name: string,
  kind: "SERVER" | "GATEWAY",
  endpoint: Server | Gateway,
): void {
  const { layout, model } = builder;
  const { state: desired, endpointStates } = builder.input;
  const index = builder.index("endpoint", name);
  const nextHop = desired.nextHops.get(name);
  const standby = "standby" in endpoint && endpoint.standby !== undefined ? endpoint.standby : undefined;
  const local = localAddress(model.edge, name, endpoint.address);
  const profile = model.profiles.get(endpoint.profile);
  if (profile === undefined)
    throw new UnumError("INTERNAL", `compile endpoint ${name}: no profile ${endpoint.profile}`);
  const state = ownState(endpointStates.get(name), endpoint, profile).toUpperCase();

  const word = layout.encode("endpoint", {
    standby: standby === undefined ? 0 : builder.index("endpoint", standby),
    state: layout.number("endpoint_state", `ENDPOINT_STATE_${state}`),
    kind: layout.number("endpoint_kind", `ENDPOINT_KIND_${kind}`),
  });
  const record = layout.encode("tunnel", {
    remote: addressWords(endpoint.address),
    local: addressWords(local),
    next_hop_mac: macToBytes(nextHop?.nextHopMac ?? ZERO_MAC),
    source_mac: macToBytes(nextHop?.sourceMac ?? ZERO_MAC),
    ifindex: nextHop?.ifindex ?? 0,
    overlay_mac: macToBytes(endpoint.mac),
    mtu: Math.min(nextHop?.mtuBytes ?? 0, 0xffff),
    profile: builder.index("profile", endpoint.profile),
    family: ipFamily(endpoint.address),
    transmit: builder.transmit(nextHop?.transmit ?? "none"),
  });
  builder.endpoints.set(index, { word, record });
  if (nextHop !== undefined) builder.egress.add(nextHop.ifindex);
  builder.name("ENDPOINT", index, name);
  compileSource(builder, endpoint.address, local, index, profile);
  compileService(builder, local, profile);
}

/**
 * One that is drained is out. What somebody stored by hand stays; else the profile says whether the endpoint is watched. How it
 * fares is not told here.
 */
function ownState(stored: EndpointState | undefined, { drained }: Server | Gateway, profile: Profile): EndpointState {
  if (drained) return "admin_down";
  if (stored === "up" || stored === "stale") return stored;
  return profile.bfd === undefined ? "unknown" : "watched";
}

export interface DecodedEndpoints {
  readonly servers: Map<string, Server>;
  readonly gateways: Map<string, Gateway>;
  readonly nextHops: Map<string, NextHop>;
  readonly endpointStates: Map<string, EndpointState>;
}

export function decodeEndpoints(reader: RowReader): DecodedEndpoints {
  const { layout } = reader;
  const decoded: DecodedEndpoints = {
    servers: new Map(),
    gateways: new Map(),
    nextHops: new Map(),
    endpointStates: new Map(),
  };
  const kinds = layout.names("endpoint_kind", "ENDPOINT_KIND_");
  const states = layout.names("endpoint_state", "ENDPOINT_STATE_");
  const transmits = layout.names("transmit", "TRANSMIT_");
  for (const [index, { word, record }] of reader.input.rows.endpoints) {
    const where = `endpoints[${index}]`;
    const name = reader.name("endpoint", index, where);
    const entry = reader.fields("endpoint", word) as Record<"standby" | "state" | "kind", number>;
    const tunnel = reader.fields("tunnel", record);
    const profile = reader.name("profile", tunnel.profile as number, where);
    const kind = reader.meaning(kinds, entry.kind, "kind", where);
    const liveness = reader.meaning(states, entry.state, "state", where);
    const address = remoteAddress(reader, tunnel.family as number, tunnel.remote as number[], where);
    if (name === undefined || profile === undefined || kind === undefined) continue;
    if (liveness === undefined || address === undefined) continue;
    const drained = liveness === "admin_down" ? ({ drained: true } as const) : {};
    const common = { address, profile, mac: macFromBytes(tunnel.overlay_mac as Uint8Array), ...drained };
    if (kind === "gateway") decoded.gateways.set(name, common);
    else {
      const standby = entry.standby === 0 ? undefined : reader.name("endpoint", entry.standby, where);
      decoded.servers.set(name, { ...common, ...(standby === undefined ? {} : { standby }) });
    }
    decoded.endpointStates.set(name, liveness as EndpointState);
    const transmit = transmits.get(tunnel.transmit as number);
    if (transmit !== undefined && transmit !== "none") {
      decoded.nextHops.set(name, {
        ifindex: tunnel.ifindex as number,
        sourceMac: macFromBytes(tunnel.source_mac as Uint8Array),
        nextHopMac: macFromBytes(tunnel.next_hop_mac as Uint8Array),
        mtuBytes: tunnel.mtu as number,
        transmit: transmit as Transmit,
      });
    }
  }
  return decoded;
}

function remoteAddress(
  reader: RowReader,
  family: number,
  remote: readonly number[],
  where: string,
): IpAddress | undefined {
  if (family === 4) return ipv4FromNumber(remote[0] as number);
  if (family === 6) return ipv6FromWords(remote);
  reader.problems.push(`${where}: family ${family} is neither 4 nor 6`);
  return undefined;
}
