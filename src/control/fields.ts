// The fields of each kind of object as a document names them, each as text. Two objects are equal when these are, so a
// field that is missing here is a change that is never made.

import type {
  Circuit,
  Edge,
  Gateway,
  PortConfig,
  Profile,
  RateLimit,
  Route,
  Server,
  Tenant,
  Vm,
} from "../model/index.ts";
import { durationText, rateText, sizeText } from "../model/index.ts";

export type { Route, Vm } from "../model/index.ts";

export type Fields = Readonly<Record<string, string | undefined>>;

/** A set as text: its order means nothing. */
function names(list: readonly string[]): string {
  return [...list].sort().join(", ");
}

function rateLimit(limit: RateLimit | undefined): Fields {
  return {
    "rateLimit.rate": limit && rateText(limit.bitsPerSecond),
    "rateLimit.burst": limit && sizeText(limit.burstBytes),
  };
}

export function edge({ address, address6, mac, vmCapacity, vm6Capacity }: Edge): Fields {
  return { address, address6, mac, "capacity.vms": String(vmCapacity), "capacity.vms6": String(vm6Capacity) };
}

export function port({ role, mode }: PortConfig): Fields {
  return { role, mode };
}

export function profile(profile: Profile): Fields {
  return {
    encapsulation: profile.encapsulation,
    port: profile.port?.toString(),
    ttl: String(profile.ttl),
    dscp: String(profile.dscp),
    decapsulationDscp: profile.decapsulationDscp,
    ecn: profile.ecn,
    dontFragment: String(profile.dontFragment),
    udpChecksum: profile.udpChecksum,
    entropy: profile.entropy,
    mtu: profile.mtuBytes?.toString(),
    mssClamp: profile.mssClamp,
    ...rateLimit(profile.rateLimit),
    "bfd.interval": profile.bfd && durationText(profile.bfd.intervalUs),
    "bfd.multiplier": profile.bfd?.multiplier.toString(),
    "bfd.multihop": profile.bfd && String(profile.bfd.multihop),
    "bfd.holdDown": profile.bfd && durationText(profile.bfd.holdDownUs),
    "bfd.auth": profile.bfd?.auth && `${profile.bfd.auth.type} ${profile.bfd.auth.keyId} ${profile.bfd.auth.keyFile}`,
  };
}

export function server({ address, profile, standby, mac, drained }: Server): Fields {
  return { address, profile, standby, mac, drained: drained && "true" };
}

export function gateway({ address, profile, mac, drained }: Gateway): Fields {
  return { address, profile, mac, drained: drained && "true" };
}

/** Of the tenant itself; its circuits, routes and VMs are objects of their own. */
export function tenant(tenant: Tenant): Fields {
  const policies = [...tenant.dscpPolicies].sort(([a], [b]) => a - b);
  return {
    vni: String(tenant.vni),
    sourceCheck: tenant.sourceCheck,
    servers: tenant.servers.length === 0 ? undefined : names(tenant.servers),
    address: tenant.address,
    address6: tenant.address6,
    policy: tenant.policy,
    ...Object.fromEntries(policies.map(([dscp, policy]) => [`dscpPolicy.${dscp}`, policy])),
    ...rateLimit(tenant.rateLimit),
  };
}

export function circuit(circuit: Circuit): Fields {
  const { interface: name, vlan, innerVlan, tag, address, peer, address6, peer6, peerMac } = circuit;
  const tags = { vlan: vlan?.toString(), innerVlan: innerVlan?.toString(), tag };
  return { interface: name, ...tags, address, peer, address6, peer6, peerMac };
}

export function route(route: Route): Fields {
  return route.kind === "circuit" ? { circuit: route.circuit } : { via: names(route.via) };
}

export function vm({ server, mac, policy }: Vm): Fields {
  return { server, mac, policy };
}
