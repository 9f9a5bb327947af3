import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Feature } from "../../src/dataplane/features.ts";
import { featureMask, featuresOfMask, featureText, neededFeatures } from "../../src/dataplane/features.ts";
import { readLayout } from "../../src/dataplane/programs.ts";
import { parseModel } from "../../src/document/index.ts";

const layout = readLayout(join(import.meta.dirname, "../../build/bpf/unum.bpf.o"));
const NAMES = layout.codec("features").fields.map(({ name }) => name as Feature);

/** An edge of both families with one of each object, none of which needs a feature. */
function document(parts: { profile?: string; server?: string; tenant?: string; circuit?: string; vm?: string } = {}) {
  return `
version: 1
edge: {address: 10.2.0.1, address6: "2001:db8:2::1", interfaces: [{name: e0, role: both}]}
profiles: {p: {${parts.profile ?? "ttl: 9"}}}
servers: {s1: {address: ${parts.server ?? "10.2.0.2"}, profile: p}}
tenants:
  acme:
    vni: 100
    ${parts.tenant ?? "sourceCheck: vm"}
    circuits: {hq: {interface: e0, ${parts.circuit ?? "address: 10.1.0.1/24, peer: 10.1.0.2"}}}
    vms: {${parts.vm ?? "172.16.0.5: {server: s1, mac: 02:00:00:00:00:05}"}}
`;
}

const needed = (parts: Parameters<typeof document>[0]) => [
  ...neededFeatures(parseModel(document(parts), "test").model),
];

test("the names are those of the object, and each is explained", () => {
  const everything = needed({
    profile:
      "encapsulation: geneve, mssClamp: auto, udpChecksum: full, decapsulationDscp: copy, rateLimit: {rate: 1Mbit/s}, bfd: {interval: 300ms, multiplier: 3}",
    server: '"2001:db8:2::2"',
    tenant: "policy: direct-only",
    circuit: 'vlan: 5, address6: "2001:db8:1::1/64", peer6: "2001:db8:1::2"',
  });
  expect([...everything, "nvgre"].sort()).toEqual([...NAMES].sort());
  for (const name of NAMES) expect(featureText(name).length).toBeGreaterThan(3);
});

describe("a model needs", () => {
  test.each<[string, Parameters<typeof document>[0], Feature[]]>([
    ["nothing of its own", {}, []],
    ["a server over IPv6", { server: '"2001:db8:2::2"' }, ["outer6"]],
    ["an IPv6 VM", { vm: '"2001:db8:16::5": {server: s1, mac: 02:00:00:00:00:05}' }, ["inner6"]],
    ["an IPv6 route", { tenant: 'routes: [{prefix: "2001:db8::/32", via: [s1]}]' }, ["inner6"]],
    ["an IPv6 circuit", { circuit: 'address6: "2001:db8:1::1/64", peer6: "2001:db8:1::2"' }, ["inner6"]],
    ["a tenant's own IPv6 address", { tenant: 'address6: "2001:db8:16::1"' }, ["inner6"]],
    ["Geneve", { profile: "encapsulation: geneve" }, ["geneve"]],
    ["NVGRE", { profile: "encapsulation: nvgre" }, ["nvgre"]],
    ["a tag", { circuit: "vlan: 5, address: 10.1.0.1/24, peer: 10.1.0.2" }, ["vlan"]],
    ["a tenant's policy", { tenant: "policy: gateway-only" }, ["policy"]],
    ["a policy by code point", { tenant: "dscpPolicy: {46: direct-only}" }, ["policy"]],
    ["the policy by code point that holds anyway", { tenant: "dscpPolicy: {46: direct-preferred}" }, []],
    ["a VM's policy", { vm: "172.16.0.5: {server: s1, mac: 02:00:00:00:00:05, policy: direct-only}" }, ["policy"]],
    ["a profile's limit", { profile: "rateLimit: {rate: 1Mbit/s}" }, ["rate_limit"]],
    ["a tenant's limit", { tenant: "rateLimit: {rate: 1Mbit/s}" }, ["rate_limit"]],
    ["the clamp", { profile: "mssClamp: auto" }, ["mss_clamp"]],
    ["checksums", { profile: "udpChecksum: full" }, ["udp_checksum"]],
    ["BFD", { profile: "bfd: {interval: 1s, multiplier: 3}" }, ["liveness"]],
    ["the uniform model", { profile: "decapsulationDscp: copy" }, ["dscp_uniform"]],
  ])("for %s", (_, parts, features) => {
    expect(needed(parts)).toEqual(features);
  });
});

test("a mask has a bit for each, in the order of the struct", () => {
  fc.assert(
    fc.property(fc.subarray(NAMES), (some) => {
      const mask = featureMask(layout, new Set(some));
      expect(mask).toBe(some.reduce((bits, name) => bits | (1 << NAMES.indexOf(name)), 0));
      expect([...featuresOfMask(layout, mask)]).toEqual(some);
    }),
  );
});
