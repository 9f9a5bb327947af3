// The fields of each kind of object as a document names them, each as text. Two objects are equal when these are, so a
// field that is missing here is a change that is never made.

import type { Circuit, Edge, Gateway, PortConfig, Profile, Route, Server, Tenant, Vm } from "../model/index.ts";
import { durationText } from "../model/index.ts";

export type { Route, Vm } from "../model/index.ts";

export type Fields = Readonly<Record<string, string | undefined>>;

/** A set as text: its order means nothing. */
function names(list: readonly string[]): string {
  return [...list].sort().join(", ");
}

export function edge({ address, mac, vmCapacity }: Edge): Fields {
  return { address, mac, "capacity.vms": String(vmCapacity) };
}

export function port({ role, mode }: PortConfig): Fields {
  return { role, mode };
}

export function profile(profile: Profile): Fields {
  return {
    encapsulation: profile.encapsulation,
    port: String(profile.port),
    ttl: String(profile.ttl),
    dscp: String(profile.dscp),
    ecn: profile.ecn,
    dontFragment: String(profile.dontFragment),
    entropy: profile.entropy,
    mtu: profile.mtuBytes?.toString(),
    "bfd.interval": profile.bfd && durationText(profile.bfd.intervalUs),
    "bfd.multiplier": profile.bfd?.multiplier.toString(),
  };
}

export function server({ address, profile, standby, mac }: Server): Fields {
  return { address, profile, standby, mac };
}

export function gateway({ address, profile, mac }: Gateway): Fields {
  return { address, profile, mac };
}

/** Of the tenant itself; its circuits, routes and VMs are objects of their own. */
export function tenant({ vni, sourceCheck, servers }: Tenant): Fields {
  return { vni: String(vni), sourceCheck, servers: servers.length === 0 ? undefined : names(servers) };
}

export function circuit({ interface: name, address, peer, peerMac }: Circuit): Fields {
  return { interface: name, address, peer, peerMac };
}

export function route(route: Route): Fields {
  return route.kind === "circuit" ? { circuit: route.circuit } : { via: names(route.via) };
}

export function vm({ server, mac }: Vm): Fields {
  return { server, mac };
}
