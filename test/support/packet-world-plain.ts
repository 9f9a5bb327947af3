// The plain part of the world: VXLAN over IPv4 for untagged IPv4 circuits. Three tenants, two of them with the same addresses.

import type { EndpointDocument, HopSpec, ProfileDocument, TenantDocument } from "./packet-world-types.ts";

export const PLAIN_PROFILES: Readonly<Record<string, ProfileDocument>> = {
  default: {},
  far: { port: 8472, ttl: 255, dscp: 46, ecn: "compatibility", dontFragment: false, entropy: "l3", mtu: 1400 },
  small: { ttl: 3, dscp: 0, mtu: 1340 },
  big: { mtu: 65535 },
};

export const PLAIN_SERVERS: Readonly<Record<string, EndpointDocument>> = {
  s1: { address: "10.2.0.11", standby: "s2" },
  s2: { address: "10.2.0.12" },
  s3: { address: "10.2.0.13", profile: "far", mac: "02:5e:00:00:00:03" },
  s4: { address: "10.2.0.14" },
  s5: { address: "10.2.0.15", profile: "small", standby: "s4" },
  s6: { address: "10.2.0.16", standby: "s1" },
  s7: { address: "10.2.0.17", profile: "big" },
  s8: { address: "10.2.0.18", profile: "big" },
  s9: { address: "10.2.0.19" },
};

export const PLAIN_GATEWAYS: Readonly<Record<string, EndpointDocument>> = {
  gw1: { address: "10.2.0.91", mac: "02:90:00:00:00:01" },
  gw2: { address: "10.2.0.92", mac: "02:90:00:00:00:02" },
  gw3: { address: "10.2.0.93", mac: "02:90:00:00:00:03" },
  gw4: { address: "10.2.0.94", mac: "02:90:00:00:00:04", profile: "far" },
};

export const PLAIN_TENANTS: Readonly<Record<string, TenantDocument>> = {
  acme: {
    vni: 100,
    servers: ["s4", "s8"],
    circuits: {
      hq: { interface: "a0", address: "10.1.0.1/24", peer: "10.1.0.2" },
      branch: { interface: "a2", address: "10.3.0.1/24", peer: "10.3.0.2", peerMac: "02:c0:00:00:00:02" },
      lab: { interface: "a3", address: "10.4.0.0/31", peer: "10.4.0.1" },
    },
    routes: [
      { prefix: "172.16.0.0/12", via: ["gw1", "gw2"] },
      { prefix: "172.20.0.0/16", via: ["s3"] },
      { prefix: "172.20.5.0/24", via: ["gw4"] },
      { prefix: "172.21.0.0/16", via: ["gw3"] },
      { prefix: "172.22.0.0/16", via: ["gw3", "s4", "gw1"] },
      { prefix: "10.1.0.0/24", circuit: "hq" },
      { prefix: "10.3.0.0/24", circuit: "branch" },
      { prefix: "10.4.0.0/31", circuit: "lab" },
      { prefix: "192.168.0.0/16", circuit: "branch" },
      { prefix: "192.168.9.9/32", via: ["gw1"] },
    ],
    vms: {
      "172.16.0.5": { server: "s1", mac: "02:00:00:00:00:05" },
      "172.16.0.6": { server: "s2", mac: "02:00:00:00:00:06" },
      "172.16.0.7": { server: "s3", mac: "02:00:00:00:00:07" },
      "172.16.0.8": { server: "s4", mac: "02:00:00:00:00:08" },
      "172.16.0.9": { server: "s5", mac: "02:00:00:00:00:09" },
      "172.16.0.10": { server: "s6", mac: "02:00:00:00:00:10" },
      "100.64.0.5": { server: "s1", mac: "02:00:00:64:00:05" },
      "100.64.0.6": { server: "s2", mac: "02:00:00:64:00:06" },
      "100.64.0.8": { server: "s4", mac: "02:00:00:64:00:08" },
      "100.64.0.9": { server: "s5", mac: "02:00:00:64:00:09" },
      "100.64.0.70": { server: "s7", mac: "02:00:00:64:00:70" },
    },
  },
  other: {
    vni: 16777215,
    sourceCheck: "member",
    circuits: {
      hq: { interface: "a1", address: "10.1.0.1/24", peer: "10.1.0.2", peerMac: "02:c1:00:00:00:02" },
    },
    routes: [
      { prefix: "10.1.0.0/24", circuit: "hq" },
      { prefix: "172.16.0.0/12", via: ["gw2"] },
    ],
    vms: {
      "172.16.0.5": { server: "s2", mac: "02:00:00:ff:00:05" },
      "172.16.0.6": { server: "s1", mac: "02:00:00:ff:00:06" },
      "100.64.0.9": { server: "s9", mac: "02:00:00:ff:00:09" },
    },
  },
  arm: {
    vni: 300,
    sourceCheck: "off",
    circuits: {
      lan: { interface: "b0", address: "10.5.0.1/24", peer: "10.5.0.2", peerMac: "02:c5:00:00:00:02" },
    },
    routes: [{ prefix: "10.5.0.0/24", circuit: "lan" }],
    vms: {
      "10.9.0.7": { server: "s7", mac: "02:00:00:03:00:07" },
      "10.9.0.1": { server: "s1", mac: "02:00:00:03:00:01" },
    },
  },
};

export const PLAIN_HOPS: Readonly<Record<string, HopSpec>> = {
  s1: { port: "u0", mac: "02:11:00:00:00:11" },
  s2: { port: "u0", mac: "02:11:00:00:00:12" },
  s3: { port: "u0", mac: "02:11:00:00:00:13" },
  s5: { port: "u0", mac: "02:11:00:00:00:15" },
  s6: { port: "u0", mac: "02:11:00:00:00:16" },
  s7: { port: "b0", mac: "02:11:00:00:00:17" },
  s8: { port: "b0", mac: "02:11:00:00:00:18" },
  s9: { port: "u0", mac: "02:11:00:00:00:19" },
  gw1: { port: "u0", mac: "02:11:00:00:00:91" },
  gw2: { port: "u0", mac: "02:11:00:00:00:92" },
  gw4: { port: "u0", mac: "02:11:00:00:00:94" },
};
