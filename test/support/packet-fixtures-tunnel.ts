// From a tunnel: who may say what.

import { delivered, dropped, type Ending, type Fixture, passed } from "./packet-fixture.ts";
import {
  ACME,
  ARM,
  CUSTOMER_MAC,
  fromEndpoint,
  LAN_MAC,
  OTHER,
  OTHER_CUSTOMER_MAC,
  type Outer,
  reply,
  toCustomer,
} from "./packet-frames.ts";

const underlay = { role: "underlay", port: "u0" } as const;

/** What s1 sends for its VM, with some outer field changed. */
function s1(name: string, outer: Outer, end: Ending, rx?: string): Fixture {
  const input = fromEndpoint("s1", ACME, reply(), outer);
  return { ...underlay, name, input, end, ...(rx === undefined ? {} : { rx }) };
}

const toHq = delivered(toCustomer(reply({ ttl: 63 })));

/** `endpoint` speaks for `source` in the tenant of `vni`. */
function speaks(name: string, endpoint: string, vni: number, source: string, end: "ok" | string): Fixture {
  const inner = { source, destination: vni === ARM ? "10.5.0.2" : "10.1.0.2" };
  const [port, mac] = (
    { [ACME]: ["a0", CUSTOMER_MAC], [OTHER]: ["a1", OTHER_CUSTOMER_MAC], [ARM]: ["b0", LAN_MAC] } as const
  )[vni] ?? ["a0", CUSTOMER_MAC];
  const tenant = { [ACME]: "acme", [OTHER]: "other", [ARM]: "arm" }[vni];
  const input = fromEndpoint(endpoint, vni, reply(inner));
  if (end !== "ok") return { ...underlay, name, input, end: dropped(end) };
  const frame = toCustomer(reply({ ...inner, ttl: 63 }), port, mac);
  return { ...underlay, name, input, end: delivered(frame), rx: `${endpoint}/${tenant}` };
}

const sources: readonly Fixture[] = [
  speaks("a VM of its own server", "s1", ACME, "172.16.0.5", "ok"),
  speaks("a VM of another server with another profile", "s3", ACME, "172.16.0.7", "ok"),
  speaks("a VM whose server is not resolved for sending", "s4", ACME, "172.16.0.8", "ok"),
  speaks("a VM from its server's standby", "s2", ACME, "172.16.0.5", "ok"),
  speaks("a VM from the server that its own is the standby of", "s1", ACME, "172.16.0.6", "spoofed_source"),
  speaks("a VM from an unrelated server", "s3", ACME, "172.16.0.5", "spoofed_source"),
  speaks("a VM from a gateway of the tenant", "gw1", ACME, "172.16.0.5", "ok"),
  speaks("an address of a gateway's route, from that gateway", "gw1", ACME, "172.17.1.1", "ok"),
  speaks("an address of a server's route, from that server", "s3", ACME, "172.20.1.1", "ok"),
  speaks("an address of a route, from a listed server", "s8", ACME, "172.17.1.1", "ok"),
  speaks("an address that nothing covers", "s1", ACME, "8.8.8.8", "spoofed_source"),
  speaks("an address that nothing covers, from a gateway", "gw1", ACME, "8.8.8.8", "spoofed_source"),
  speaks("an address of the customer's network", "s1", ACME, "10.1.0.2", "spoofed_source"),
  speaks("an address of a network behind a circuit", "s1", ACME, "192.168.1.1", "spoofed_source"),
  speaks("an endpoint's host route inside of a circuit's prefix", "gw1", ACME, "192.168.9.9", "ok"),
  speaks("the edge's own address on a circuit", "gw1", ACME, "10.1.0.1", "spoofed_source"),
  speaks("member check: a VM from another member", "s1", OTHER, "172.16.0.5", "ok"),
  speaks("member check: a VM from a gateway", "gw2", OTHER, "172.16.0.5", "ok"),
  speaks("member check: an address of a route from any member", "s9", OTHER, "172.16.99.99", "ok"),
  speaks("member check: an address that nothing covers", "s1", OTHER, "8.8.8.8", "spoofed_source"),
  speaks("member check: an address of the customer", "s1", OTHER, "10.1.0.2", "spoofed_source"),
  speaks("no check: any address from a member", "s1", ARM, "8.8.8.8", "ok"),
  speaks("no check: the customer's own address", "s7", ARM, "10.5.0.2", "ok"),
  speaks("no check, but no member either", "s9", ARM, "10.9.0.1", "not_a_member"),
  speaks("a server of another tenant", "s9", ACME, "172.16.0.5", "not_a_member"),
  speaks("a server in a network that it has no VM in", "s3", OTHER, "172.16.0.7", "not_a_member"),
  speaks("a gateway in a network that has no route to it", "gw1", OTHER, "172.16.0.5", "not_a_member"),
  speaks("a network that does not exist", "s1", 101, "172.16.0.5", "not_a_member"),
  speaks("a network that differs in the highest bit", "s1", ACME | 0x800000, "172.16.0.5", "not_a_member"),
].map((fixture) => ({ ...fixture, name: `source: ${fixture.name}` }));

const tunnels: readonly Fixture[] = [
  s1("outer source of nobody", { ipv4: { source: "10.2.0.200" } }, dropped("unknown_endpoint")),
  s1(
    "outer source of nobody, on another profile's port",
    { ipv4: { source: "10.2.0.200" }, udp: { destination: 8472 } },
    dropped("unknown_endpoint"),
  ),
  s1(
    "outer source of nobody, on a port that is no tunnel's",
    { ipv4: { source: "10.2.0.200" }, udp: { destination: 4790 } },
    { kind: "passed" },
  ),
  s1("outer source is the edge itself", { ipv4: { source: "10.2.0.1" } }, dropped("unknown_endpoint")),
  s1("a tunnel packet from 0.0.0.0 to 0.0.0.0", { ipv4: { source: "0.0.0.0", destination: "0.0.0.0" } }, passed),
  s1(
    "a later fragment from 0.0.0.0 to 0.0.0.0",
    { ipv4: { source: "0.0.0.0", destination: "0.0.0.0", fragmentOffset: 1 } },
    passed,
  ),
  s1("outer destination of another machine", { ipv4: { destination: "10.2.0.2" } }, { kind: "passed" }),
  s1("another profile's port", { udp: { destination: 8472 } }, dropped("tunnel_mismatch")),
  s1("a port that is no tunnel's", { udp: { destination: 4788 } }, { kind: "passed" }),
  {
    ...s1("the default port from an endpoint of another profile", {}, dropped("tunnel_mismatch")),
    input: fromEndpoint("s3", ACME, reply(), { udp: { destination: 4789 } }),
  },
  s1("any outer source port", { udp: { source: 4789 } }, toHq, "s1/acme"),
  s1("an outer UDP checksum, which nobody has to verify", { udp: { checksum: 0x1234 } }, toHq, "s1/acme"),
  s1("any outer TTL", { ipv4: { ttl: 0 } }, toHq, "s1/acme"),
  s1("outer TCP", { ipv4: { protocol: 6 } }, { kind: "passed" }),
  s1("outer GRE, which others have tunnels in", { ipv4: { protocol: 47 } }, dropped("tunnel_mismatch")),
  s1("outer ESP", { ipv4: { protocol: 50 } }, { kind: "passed" }),
  s1("outer IP version 6", { ipv4: { version: 6 } }, { kind: "passed" }),
  s1("an outer header of four words", { ipv4: { headerWords: 4 } }, { kind: "passed" }),
  s1("an outer broadcast MAC", { ethernet: { destination: "ff:ff:ff:ff:ff:ff" } }, { kind: "passed" }),
  s1("an outer multicast MAC", { ethernet: { destination: "01:00:5e:00:00:01" } }, { kind: "passed" }),
  s1("an outer VLAN EtherType", { ethernet: { type: 0x8100 } }, { kind: "passed" }),
  s1(
    "a first fragment of a tunnel packet",
    { ipv4: { dontFragment: false, moreFragments: true } },
    dropped("tunnel_fragment"),
  ),
  s1(
    "a first fragment of what is no tunnel packet",
    { ipv4: { dontFragment: false, moreFragments: true }, udp: { destination: 53 } },
    passed,
  ),
  s1(
    "a first fragment to another profile's port",
    { ipv4: { dontFragment: false, moreFragments: true }, udp: { destination: 8472 } },
    dropped("tunnel_fragment"),
  ),
  s1(
    "a later fragment from an endpoint",
    { ipv4: { dontFragment: false, fragmentOffset: 1 } },
    dropped("tunnel_fragment"),
  ),
  s1(
    "a first fragment of a tunnel packet of nobody",
    { ipv4: { source: "10.2.0.200", moreFragments: true } },
    dropped("tunnel_fragment"),
  ),
  s1("a later fragment of nobody", { ipv4: { source: "10.2.0.200", fragmentOffset: 1 } }, { kind: "passed" }),
  s1(
    "outer IP options from an endpoint",
    { ipv4: { options: new Uint8Array(4).fill(1) } },
    dropped("bad_tunnel_header"),
  ),
  s1(
    "the most outer IP options there can be",
    { ipv4: { options: new Uint8Array(40).fill(1) } },
    dropped("bad_tunnel_header"),
  ),
  s1(
    "outer IP options of nobody",
    { ipv4: { source: "10.2.0.200", options: new Uint8Array(4).fill(1) } },
    dropped("unknown_endpoint"),
  ),
  s1(
    "outer IP options to a port that is no tunnel's",
    { ipv4: { options: new Uint8Array(4).fill(1) }, udp: { destination: 53 } },
    { kind: "passed" },
  ),
  s1("an outer length above the frame", { ipv4: { length: 119 } }, dropped("malformed")),
  s1("an outer length one short", { ipv4: { length: 117 } }, dropped("malformed")),
  s1("an outer length below a tunnel's headers", { ipv4: { length: 49 }, udp: { length: 29 } }, dropped("malformed")),
  s1("an outer length of 0", { ipv4: { length: 0 } }, dropped("malformed")),
  s1("a UDP length one short", { udp: { length: 97 } }, dropped("malformed")),
  s1("a UDP length one long", { udp: { length: 99 } }, dropped("malformed")),
  s1("a UDP length of 0", { udp: { length: 0 } }, dropped("malformed")),
  s1(
    "outer lengths that agree, but cut the inner packet",
    { ipv4: { length: 117 }, udp: { length: 97 } },
    dropped("malformed"),
  ),
  s1(
    "outer lengths that agree, and are longer than the frame",
    { ipv4: { length: 119 }, udp: { length: 99 } },
    dropped("malformed"),
  ),
  s1("an outer header with a wrong checksum", { ipv4: { checksum: 0x4242 } }, dropped("bad_checksum")),
  s1("VXLAN flags without a VNI", { vxlan: { flags: 0 } }, dropped("bad_tunnel_header")),
  s1("every VXLAN flag but that of the VNI", { vxlan: { flags: 0xf7 } }, dropped("bad_tunnel_header")),
  s1("every VXLAN flag", { vxlan: { flags: 0xff } }, toHq, "s1/acme"),
  s1("VXLAN's reserved bits", { vxlan: { reserved: 0xffffff, lastReserved: 0xff } }, toHq, "s1/acme"),
  s1("VNI 0", { vxlan: { vni: 0 } }, dropped("bad_tunnel_header")),
  s1("the VNI in the reserved byte's place", { vxlan: { vni: 0, lastReserved: 100 } }, dropped("bad_tunnel_header")),
  s1("an inner broadcast MAC", { inner: { destination: "ff:ff:ff:ff:ff:ff" } }, dropped("group_mac")),
  s1("an inner multicast MAC", { inner: { destination: "03:00:00:00:00:00" } }, dropped("group_mac")),
  s1("any other inner MAC", { inner: { destination: "fe:ff:ff:ff:ff:ff" } }, toHq, "s1/acme"),
  s1("an inner source MAC that is a group's", { inner: { source: "ff:ff:ff:ff:ff:ff" } }, toHq, "s1/acme"),
  s1("an inner EtherType of IPv6 over IPv4", { inner: { type: 0x86dd } }, dropped("malformed")),
  ...[0x0806, 0x8100, 0x88a8, 0x0000, 0xffff].map((type) =>
    s1(`an inner EtherType of 0x${type.toString(16)}`, { inner: { type } }, dropped("unsupported_inner")),
  ),
];

/** RFC 6040 figure 4: rows are the inner codepoint, columns the outer one; undefined is dropped. */
const ECN: readonly (readonly (number | undefined)[])[] = [
  [0, 0, 0, undefined],
  [1, 1, 1, 3],
  [2, 1, 2, 3],
  [3, 3, 3, 3],
];
const ecn: readonly Fixture[] = ECN.flatMap((row, inner) =>
  row.map((after, outer): Fixture => {
    const tos = 0xb8;
    const input = fromEndpoint("s1", ACME, reply({ tos: tos | inner }), { ipv4: { tos: outer } });
    const name = `ECN ${inner} in ECN ${outer}`;
    if (after === undefined) return { ...underlay, name, input, end: dropped("congestion") };
    return {
      ...underlay,
      name,
      input,
      end: delivered(toCustomer(reply({ tos: tos | after, ttl: 63 }))),
      rx: "s1/acme",
    };
  }),
);

export const tunnelFixtures: readonly Fixture[] = [...sources, ...tunnels, ...ecn];
