// Which parts of the packet path a model needs: struct features of bpf/config.h, by the names that its BTF has. Programs are
// loaded with those parts only, so that what an edge does not use costs its packets nothing.

import type { IpAddress } from "../address/index.ts";
import { isV6 } from "../address/index.ts";
import type { Model, PathPolicy, Profile, Tenant, Vm } from "../model/index.ts";
import { usesInner6 } from "../model/index.ts";
import type { Layout } from "./layout.ts";

/** What each part is for, as a plan says it. */
const PARTS = {
  outer6: "tunnels over IPv6",
  inner6: "IPv6 inside of tunnels",
  geneve: "Geneve",
  nvgre: "NVGRE",
  vlan: "tagged circuits",
  policy: "path policies",
  rate_limit: "rate limits",
  mss_clamp: "the MSS clamp",
  udp_checksum: "UDP checksums of tunnels",
  dscp_uniform: "DSCP taken over by decapsulation",
  liveness: "liveness by BFD",
} as const;

export type Feature = keyof typeof PARTS;

export function featureText(feature: Feature): string {
  return PARTS[feature];
}

function any<T>(items: Iterable<T>, test: (item: T) => boolean): boolean {
  for (const item of items) if (test(item)) return true;
  return false;
}

/** Policies of VMs that packets are told of; the other one is what they do anyway. */
const VM_POLICIES_TOLD: readonly PathPolicy[] = ["direct-only", "gateway-only"];

/** What one VM needs. */
export function featuresOfVm(address: IpAddress, { policy }: Vm): readonly Feature[] {
  const inner6: readonly Feature[] = isV6(address) ? ["inner6"] : [];
  return policy !== undefined && VM_POLICIES_TOLD.includes(policy) ? [...inner6, "policy"] : inner6;
}

function hasPolicy({ policy, dscpPolicies, vms }: Tenant): boolean {
  return (
    policy !== "direct-preferred" ||
    any(dscpPolicies.values(), (other) => other !== policy) ||
    vms.usesPolicy(...VM_POLICIES_TOLD)
  );
}

/** What the model uses, in the order of the names above. */
export function neededFeatures(model: Model): ReadonlySet<Feature> {
  const { profiles, servers, gateways, tenants } = model;
  const profile = (test: (profile: Profile) => boolean): boolean => any(profiles.values(), test);
  const tenant = (test: (tenant: Tenant) => boolean): boolean => any(tenants.values(), test);
  const needed: Readonly<Record<Feature, boolean>> = {
    outer6: any([...servers.values(), ...gateways.values()], ({ address }) => isV6(address)),
    inner6: usesInner6(model),
    geneve: profile(({ encapsulation }) => encapsulation === "geneve"),
    nvgre: profile(({ encapsulation }) => encapsulation === "nvgre"),
    vlan: tenant(({ circuits }) => any(circuits.values(), ({ vlan }) => vlan !== undefined)),
    policy: tenant(hasPolicy),
    rate_limit:
      profile(({ rateLimit }) => rateLimit !== undefined) || tenant(({ rateLimit }) => rateLimit !== undefined),
    mss_clamp: profile(({ mssClamp }) => mssClamp === "auto"),
    udp_checksum: profile(({ udpChecksum }) => udpChecksum === "full"),
    dscp_uniform: profile(({ decapsulationDscp }) => decapsulationDscp === "copy"),
    liveness: profile(({ bfd }) => bfd !== undefined),
  };
  return new Set((Object.keys(needed) as Feature[]).filter((feature) => needed[feature]));
}

/** A bit for each member of struct features, in its order: meta.features. */
export function featureMask(layout: Layout, features: ReadonlySet<Feature>): number {
  let mask = 0;
  for (const [bit, { name }] of layout.codec("features").fields.entries()) {
    if (features.has(name as Feature)) mask |= 1 << bit;
  }
  return mask >>> 0;
}

export function featuresOfMask(layout: Layout, mask: number): ReadonlySet<Feature> {
  const { fields } = layout.codec("features");
  return new Set(fields.filter((_, bit) => (mask >>> bit) & 1).map(({ name }) => name as Feature));
}
