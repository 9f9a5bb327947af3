// The rest of the world: every format over both families, tagged circuits with both families, policies and limits.

import type {
  EndpointDocument,
  HopSpec,
  PortName,
  ProfileDocument,
  TenantDocument,
  VmDocument,
} from "./packet-world-types.ts";

export const MIX_PROFILES: Readonly<Record<string, ProfileDocument>> = {
  geneve: { encapsulation: "geneve" },
  nvgre: { encapsulation: "nvgre" },
  sum: { port: 4799, udpChecksum: "full" },
  strict: { encapsulation: "geneve", port: 6082, udpChecksum: "full", decapsulationDscp: "copy" },
  uniform: { encapsulation: "nvgre", decapsulationDscp: "copy", ecn: "compatibility" },
  "far-geneve": {
    ...{ encapsulation: "geneve", port: 6083, ttl: 255, dscp: 46, ecn: "compatibility" },
    ...{ dontFragment: false, entropy: "l3", mtu: 1400 },
  },
  "far-nvgre": {
    ...{ encapsulation: "nvgre", ttl: 9, dscp: 10, ecn: "compatibility" },
    ...{ dontFragment: false, entropy: "l3", mtu: 1345 },
  },
  clamp: { mssClamp: "auto" },
  "clamp-geneve": { encapsulation: "geneve", mssClamp: "auto", mtu: 1400 },
  "clamp-nvgre": { encapsulation: "nvgre", mssClamp: "auto", mtu: 1400 },
  slow: { rateLimit: { rate: "8Mbit/s", burst: "64KiB" } },
  // Equal paths of one width: 1430 bytes inside, as VXLAN over IPv6 leaves of 1500.
  "gate-geneve": { encapsulation: "geneve", mtu: 1480 },
  "gate-nvgre": { encapsulation: "nvgre", mtu: 1492 },
  "big-geneve": { encapsulation: "geneve", mtu: 65535 },
  "big-nvgre": { encapsulation: "nvgre", mtu: 65535 },
  "big-sum": { port: 4798, udpChecksum: "full", mtu: 65535 },
};

/** Endpoints by name: last word of their address, profile, port that they are reached through. */
type Sketch = readonly [host: string, profile: string, port: PortName | undefined];

const SERVERS_4: Readonly<Record<string, Sketch>> = {
  g4: ["21", "geneve", "u0"],
  n4: ["22", "nvgre", "u0"],
  c4: ["23", "sum", "u0"],
  k4: ["24", "strict", "u0"],
  fg4: ["25", "far-geneve", "u0"],
  fn4: ["26", "far-nvgre", "u0"],
  m4: ["27", "clamp", "u0"],
  mn4: ["28", "clamp-nvgre", "u0"],
  r4: ["29", "slow", "u0"],
  jg4: ["30", "big-geneve", "b0"],
  jc4: ["31", "big-sum", "b0"],
  u4: ["32", "uniform", "u0"],
};
const SERVERS_6: Readonly<Record<string, Sketch>> = {
  x6: ["20", "default", "u0"],
  g6: ["21", "geneve", "u0"],
  n6: ["22", "nvgre", "u0"],
  c6: ["23", "sum", "u0"],
  k6: ["24", "strict", "u0"],
  fg6: ["25", "far-geneve", "u0"],
  fn6: ["26", "far-nvgre", "u0"],
  m6: ["27", "clamp-geneve", "u0"],
  r6: ["29", "slow", "u0"],
  jg6: ["30", "big-geneve", "b0"],
  jn6: ["33", "big-nvgre", "b0"],
  jc6: ["31", "big-sum", "b0"],
  u6: ["32", "uniform", "u0"],
  // Reached by nobody.
  lost6: ["34", "geneve", undefined],
  // Of one format and family, with a standby of another.
  sb6: ["35", "default", "u0"],
};
const GATEWAYS: Readonly<Record<string, readonly [address: string, profile: string]>> = {
  gx6: ["2001:db8:2::91", "default"],
  gg4: ["10.2.0.95", "gate-geneve"],
  gn6: ["2001:db8:2::96", "gate-nvgre"],
};

const two = (text: string) => text.padStart(2, "0");
const address4 = (host: string) => `10.2.0.${host}`;
const address6 = (host: string) => `2001:db8:2::${host}`;

function servers(
  sketches: Readonly<Record<string, Sketch>>,
  address: (host: string) => string,
): Record<string, EndpointDocument> {
  return Object.fromEntries(
    Object.entries(sketches).map(([name, [host, profile]]) => [
      name,
      { address: address(host), profile, mac: `02:5e:00:00:0${address === address4 ? 4 : 6}:${two(host)}` },
    ]),
  );
}

export const MIX_SERVERS: Readonly<Record<string, EndpointDocument>> = {
  ...servers(SERVERS_4, address4),
  ...servers(SERVERS_6, address6),
  sb6: { address: address6("35"), standby: "n4" },
};

export const MIX_GATEWAYS: Readonly<Record<string, EndpointDocument>> = Object.fromEntries(
  Object.entries(GATEWAYS).map(([name, [address, profile]], index) => [
    name,
    { address, profile, mac: `02:90:00:00:06:0${index}` },
  ]),
);

export const MIX_HOPS: Readonly<Record<string, HopSpec>> = Object.fromEntries([
  ...[...Object.entries(SERVERS_4), ...Object.entries(SERVERS_6)].flatMap(([name, [host, , port]]) =>
    port === undefined ? [] : [[name, { port, mac: `02:11:00:00:0${name in SERVERS_4 ? 4 : 6}:${two(host)}` }]],
  ),
  ...Object.keys(GATEWAYS).map((name, index) => [name, { port: "u0", mac: `02:11:00:00:09:0${index}` }]),
]);

/** Servers whose VMs the tenant "mix" has: number n is 172.31.0.n and 2001:db8:31::n. */
export const MIX_VM_SERVERS = [
  ...["s1", "x6", "g4", "g6", "n4", "n6", "c4", "c6", "k4", "k6", "fg4", "fg6", "fn4", "fn6"],
  ...["m4", "m6", "mn4", "jg4", "jg6", "jn6", "jc4", "jc6", "u4", "u6", "lost6", "sb6"],
] as const;
export type MixServer = (typeof MIX_VM_SERVERS)[number];

/** Of the VM that `server` has in "mix". */
export function mixVm(server: MixServer): { readonly ipv4: string; readonly ipv6: string; readonly mac: string } {
  const number = String(MIX_VM_SERVERS.indexOf(server) + 1);
  return { ipv4: `172.31.0.${number}`, ipv6: `2001:db8:31::${number}`, mac: `02:31:00:00:00:${two(number)}` };
}

function pair(ipv4: string, ipv6: string, server4: string, mac: string, server6 = server4): Record<string, VmDocument> {
  return { [ipv4]: { server: server4, mac }, [ipv6]: { server: server6, mac } };
}

/** Two routers alone, the edge at the lower address (RFC 6164). Every byte that a solicited-node group has is another. */
export const SIX_CIRCUIT = { address6: "2001:db8:66::a:b0c2:d0e0/127", peer6: "2001:db8:66::a:b0c2:d0e1" } as const;

/** Both addresses of a circuit whose networks have this number. */
const both = (network: string) => ({
  ...{ address: `10.${network}.0.1/24`, peer: `10.${network}.0.2` },
  ...{ address6: `2001:db8:${network}::1/64`, peer6: `2001:db8:${network}::2` },
});
const routes = (network: string, circuit: string) => [
  { prefix: `10.${network}.0.0/24`, circuit },
  { prefix: `2001:db8:${network}::/64`, circuit },
];

const mix: TenantDocument = {
  vni: 0x0a0b0c,
  address: "172.31.255.254",
  address6: "2001:db8:31::fe",
  circuits: {
    lan: { interface: "d0", ...both("6") },
    jumbo: { interface: "d1", ...both("7"), peerMac: "02:c7:00:00:00:02" },
    tag: { interface: "a0", vlan: 200, ...both("8"), peerMac: "02:c8:00:00:00:02" },
    qinq: { interface: "a0", vlan: 300, innerVlan: 7, ...both("10") },
    qq: { interface: "a1", vlan: 300, innerVlan: 8, tag: "802.1q", ...both("11"), peerMac: "02:cb:00:00:00:02" },
    ad: { interface: "d0", vlan: 45, tag: "802.1ad", ...both("45"), peerMac: "02:cd:00:00:00:02" },
    six: { interface: "d0", vlan: 66, ...SIX_CIRCUIT },
    four: { interface: "d0", vlan: 44, address: "10.44.0.1/24", peer: "10.44.0.2", peerMac: "02:44:00:00:00:02" },
  },
  routes: [
    ...routes("6", "lan"),
    ...routes("7", "jumbo"),
    ...routes("8", "tag"),
    ...routes("10", "qinq"),
    ...routes("11", "qq"),
    ...routes("45", "ad"),
    { prefix: SIX_CIRCUIT.address6, circuit: "six" },
    { prefix: "10.44.0.0/24", circuit: "four" },
    { prefix: "192.168.10.0/24", circuit: "qinq" },
    { prefix: "2001:db8:a00::/48", circuit: "tag" },
    { prefix: "172.30.0.0/16", via: ["gg4"] },
    { prefix: "2001:db8:30::/48", via: ["gg4"] },
    { prefix: "172.29.0.0/16", via: ["gn6"] },
    { prefix: "2001:db8:29::/48", via: ["gn6"] },
    { prefix: "172.28.0.0/16", via: ["gx6", "gg4", "gn6"] },
    { prefix: "2001:db8:28::/48", via: ["gx6", "gg4", "gn6"] },
    { prefix: "2001:db8:28:9::/64", via: ["n4"] },
    { prefix: "2001:db8:28:9::9/128", via: ["g6"] },
    { prefix: "172.27.0.0/16", via: ["n4"] },
    { prefix: "2001:db8:27::/48", via: ["g6"] },
    { prefix: "172.31.0.0/16", via: ["gx6"] },
    { prefix: "2001:db8:31::/64", via: ["gx6"] },
  ],
  vms: Object.assign(
    {},
    ...MIX_VM_SERVERS.map((server) => {
      const { ipv4, ipv6, mac } = mixVm(server);
      return pair(ipv4, ipv6, server, mac);
    }),
  ),
};

export const MIX_TENANTS: Readonly<Record<string, TenantDocument>> = {
  mix,
  // The addresses of mix/tag, on the same NIC.
  red: {
    vni: 201,
    sourceCheck: "member",
    circuits: { tag: { interface: "a0", vlan: 201, ...both("8"), peerMac: "02:c8:00:00:02:01" } },
    routes: routes("8", "tag"),
    vms: pair("172.31.0.1", "2001:db8:31::1", "g4", "02:31:00:00:02:01", "n6"),
  },
  blue: {
    vni: 202,
    sourceCheck: "off",
    circuits: { tag: { interface: "a0", vlan: 300, innerVlan: 9, ...both("8"), peerMac: "02:c8:00:00:02:02" } },
    routes: routes("8", "tag"),
    vms: pair("172.31.0.1", "2001:db8:31::1", "n4", "02:31:00:00:02:02", "g6"),
  },
  // Paths by policy.
  direct: {
    vni: 400,
    policy: "direct-only",
    dscpPolicy: { 46: "gateway-only", 8: "direct-preferred", 10: "direct-only", 63: "gateway-only", 0: "direct-only" },
    circuits: { tag: { interface: "a0", vlan: 400, ...both("40"), peerMac: "02:c4:00:00:04:00" } },
    routes: [
      ...routes("40", "tag"),
      { prefix: "172.40.0.0/16", via: ["gw1"] },
      { prefix: "172.41.0.0/16", via: ["s3"] },
      { prefix: "172.42.0.0/16", via: ["gw1", "g4"] },
      { prefix: "2001:db8:4000::/48", via: ["gx6"] },
      { prefix: "2001:db8:4001::/48", via: ["x6"] },
      { prefix: "2001:db8:4002::/48", via: ["gx6", "g6"] },
    ],
    vms: {
      ...pair("172.40.0.1", "2001:db8:4000::1", "s1", "02:40:00:00:00:01", "x6"),
      "172.40.0.2": { server: "s1", mac: "02:40:00:00:00:02", policy: "gateway-only" },
      "2001:db8:4000::2": { server: "x6", mac: "02:40:00:00:00:02", policy: "gateway-only" },
      "172.40.0.3": { server: "sb6", mac: "02:40:00:00:00:03" },
      "172.40.0.4": { server: "lost6", mac: "02:40:00:00:00:04", policy: "direct-preferred" },
      "2001:db8:4000::4": { server: "lost6", mac: "02:40:00:00:00:04", policy: "direct-preferred" },
      "172.40.0.5": { server: "lost6", mac: "02:40:00:00:00:05" },
      "172.39.0.1": { server: "g6", mac: "02:40:00:00:00:06", policy: "gateway-only" },
    },
  },
  gated: {
    vni: 401,
    policy: "gateway-only",
    circuits: { tag: { interface: "a0", vlan: 401, ...both("40"), peerMac: "02:c4:00:00:04:01" } },
    routes: [
      ...routes("40", "tag"),
      { prefix: "0.0.0.0/0", via: ["gw1"] },
      { prefix: "::/0", via: ["gx6"] },
      { prefix: "172.41.0.0/16", via: ["s3"] },
      { prefix: "2001:db8:4001::/48", via: ["x6"] },
    ],
    vms: {
      ...pair("172.40.0.1", "2001:db8:4000::1", "s1", "02:40:00:00:01:01", "x6"),
      "172.40.0.2": { server: "s1", mac: "02:40:00:00:01:02", policy: "direct-only" },
      "172.40.0.3": { server: "s2", mac: "02:40:00:00:01:03", policy: "direct-preferred" },
    },
  },
};

/** Tenants whose packets are limited; no random packet is theirs. */
export const LIMITED_TENANTS: Readonly<Record<string, TenantDocument>> = {
  metered: {
    vni: 500,
    rateLimit: { rate: "80Mbit/s", burst: "64KiB" },
    circuits: { tag: { interface: "a0", vlan: 500, ...both("50"), peerMac: "02:c5:00:00:05:00" } },
    routes: routes("50", "tag"),
    vms: {
      ...pair("172.50.0.1", "2001:db8:5000::1", "s1", "02:50:00:00:00:01", "g6"),
      ...pair("172.50.0.2", "2001:db8:5000::2", "r4", "02:50:00:00:00:02", "r6"),
    },
  },
  slowed: {
    vni: 501,
    circuits: { tag: { interface: "a0", vlan: 501, ...both("50"), peerMac: "02:c5:00:00:05:01" } },
    routes: routes("50", "tag"),
    vms: pair("172.50.0.1", "2001:db8:5000::1", "r4", "02:50:00:00:01:01", "r6"),
  },
};
