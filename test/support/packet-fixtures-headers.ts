// Outer headers that are not what they should be, of the formats and families that packet-fixtures-tunnel.ts has not.

import { type Packet, packet } from "./packet-builder.ts";
import { concatenate } from "./packet-bytes.ts";
import { fromVm, toCircuit } from "./packet-circuits.ts";
import { delivered, dropped, type Ending, type Fixture, passed } from "./packet-fixture.ts";
import { fromEndpoint, MIX, type Outer } from "./packet-frames.ts";
import { geneveOption } from "./packet-layers-tunnel.ts";
import { EDGE, PORT_SPECS } from "./packet-world.ts";
import type { MixServer } from "./packet-world-mix.ts";

const underlay = { role: "underlay", port: "u0" } as const;
const ok = "ok";

/** What `server` sends for its VM with some field changed. */
function sends(server: MixServer, name: string, outer: Outer, end: typeof ok | string | Ending): Fixture {
  const input = fromEndpoint(server, MIX, fromVm(server, 4), outer);
  const base = { ...underlay, name: `${server}: ${name}`, input };
  if (end !== ok) return { ...base, end: typeof end === "string" ? dropped(end) : end };
  return { ...base, end: delivered(toCircuit("mix/lan", fromVm(server, 4, { ttl: 63 }))), rx: `${server}/mix` };
}

const words = (count: number) => new Uint8Array(4 * count);
const longest = concatenate(geneveOption(1, words(31)), geneveOption(2, words(30)));

const geneve = (["g4", "g6"] as const).flatMap((server): Fixture[] => [
  ...[1, 2, 3].map((version) =>
    sends(server, `Geneve version ${version}`, { geneve: { version } }, "bad_tunnel_header"),
  ),
  sends(server, "a control packet", { geneve: { flags: 0x80 } }, "bad_tunnel_header"),
  sends(server, "the critical bit without options", { geneve: { flags: 0x40 } }, "critical_option"),
  ...[1, 2, 4, 8, 16, 32].map((flags) => sends(server, `reserved flag ${flags}`, { geneve: { flags } }, ok)),
  sends(server, "the last reserved byte", { geneve: { lastReserved: 0xff } }, ok),
  ...[0, 0x0800, 0x86dd, 0x6557, 0x6559, 0x5865].map((protocol) =>
    sends(server, `protocol ${protocol.toString(16)}`, { geneve: { protocol } }, "unsupported_inner"),
  ),
  sends(server, "VNI 0", { geneve: { vni: 0 } }, "bad_tunnel_header"),
  sends(server, "a VNI that differs in its highest bit", { geneve: { vni: MIX | 0x800000 } }, "not_a_member"),
  sends(server, "an option without data", { geneve: { options: geneveOption(1, words(0)) } }, ok),
  sends(server, "an option with data", { geneve: { options: geneveOption(0x7f, words(3)) } }, ok),
  sends(server, "an option's reserved bits", { geneve: { options: geneveOption(1, words(1), 1, 7) } }, ok),
  sends(server, "the most options there can be", { geneve: { options: longest } }, ok),
  sends(
    server,
    "63 options without data",
    { geneve: { options: concatenate(...Array.from({ length: 63 }, () => geneveOption(5, words(0)))) } },
    ok,
  ),
  sends(server, "a critical option", { geneve: { options: geneveOption(0x80, words(1)) } }, "critical_option"),
  sends(
    server,
    "a critical option behind others",
    {
      geneve: {
        options: concatenate(geneveOption(1, words(2)), geneveOption(2, words(0)), geneveOption(0xff, words(0))),
      },
    },
    "critical_option",
  ),
  sends(
    server,
    "a critical option in the last of 63 words",
    {
      geneve: {
        options: concatenate(geneveOption(1, words(30)), geneveOption(2, words(30)), geneveOption(0x80, words(0))),
      },
    },
    "critical_option",
  ),
  sends(
    server,
    "the critical bit, and options that are none",
    { geneve: { flags: 0x40, options: geneveOption(1, words(1)) } },
    "critical_option",
  ),
  sends(
    server,
    "an option that is longer than all options",
    { geneve: { options: geneveOption(1, words(1), 2) } },
    "bad_tunnel_header",
  ),
  sends(
    server,
    "the last option one word too long",
    { geneve: { options: concatenate(geneveOption(1, words(0)), geneveOption(1, words(2), 3)) } },
    "bad_tunnel_header",
  ),
  sends(server, "options that end behind the packet", { geneve: { optionWords: 63 } }, "malformed"),
  // Ethernet, IPv4, UDP and payload have 14 + 20 + 8 + 40 bytes: from 18 words on no Ethernet header would be left.
  sends(server, "options that leave no room for a frame", { geneve: { optionWords: 20 } }, "malformed"),
]);

const nvgre = (["n4", "n6"] as const).flatMap((server): Fixture[] => [
  ...[0x0000, 0x8000, 0xa000, 0x3000, 0xb000, 0x6000, 0x2800, 0x2100, 0x2080, 0x2008, 0x2001, 0x2002, 0x2007].map(
    (flags) => sends(server, `GRE flags ${flags.toString(16)}`, { nvgre: { flags } }, "bad_tunnel_header"),
  ),
  ...[0, 0x0800, 0x86dd, 0x6557, 0x6559, 0x880b].map((protocol) =>
    sends(server, `protocol ${protocol.toString(16)}`, { nvgre: { protocol } }, "unsupported_inner"),
  ),
  sends(server, "VSID 0", { nvgre: { vni: 0 } }, "bad_tunnel_header"),
  sends(server, "VSID 0 with a flow id", { nvgre: { vni: 0, flowId: 255 } }, "bad_tunnel_header"),
  sends(server, "a VSID of another network", { nvgre: { vni: MIX + 1 } }, "not_a_member"),
  ...[0, 1, 255].map((flowId) => sends(server, `flow id ${flowId}`, { nvgre: { flowId } }, ok)),
]);

const vxlan6: readonly Fixture[] = [
  sends("x6", "VXLAN flags without a VNI", { vxlan: { flags: 0xf7 } }, "bad_tunnel_header"),
  sends("x6", "every VXLAN flag", { vxlan: { flags: 0xff, reserved: 0xffffff, lastReserved: 255 } }, ok),
  sends("x6", "VNI 0", { vxlan: { vni: 0 } }, "bad_tunnel_header"),
];

/** An outer IPv6 packet of x6 with an extension header in front of UDP. */
function extended(kind: number, from = "2001:db8:2::20"): Packet {
  const start = packet()
    .ethernet({ destination: PORT_SPECS.u0.mac, source: "02:11:00:00:00:ff" })
    .ipv6({ source: from, destination: EDGE.address6, ttl: 61 });
  const chain = kind === 44 ? start.fragment({ more: true }) : start.extension({ kind });
  return chain.udp({ source: 50000, destination: 4789, checksum: 0 }).payload(60);
}

const outer6: readonly Fixture[] = [
  ...(["x6", "g6", "n6"] as const).flatMap((server) => [
    sends(server, "an outer source of nobody", { ipv6: { source: "2001:db8:2::200" } }, "unknown_endpoint"),
    sends(
      server,
      "an outer source that differs in its first byte",
      { ipv6: { source: "2101:db8:2::20" } },
      "unknown_endpoint",
    ),
    sends(server, "another machine's address", { ipv6: { destination: "2001:db8:2::2" } }, passed),
    sends(server, "an address that differs in its first byte", { ipv6: { destination: "2101:db8:2::1" } }, passed),
    sends(server, "any outer hop limit", { ipv6: { ttl: 0 } }, ok),
    sends(server, "any flow label", { ipv6: { flowLabel: 0xfffff } }, ok),
    sends(server, "outer IP version 4", { ipv6: { version: 4 } }, passed),
    sends(server, "outer TCP", { ipv6: { nextHeader: 6 } }, passed),
    sends(server, "outer ESP", { ipv6: { nextHeader: 50 } }, passed),
    sends(server, "an outer group MAC", { ethernet: { destination: "33:33:00:00:00:01" } }, passed),
    sends(server, "an outer payload length of 0", { ipv6: { length: 0 } }, "malformed"),
    sends(server, "an outer payload length above the frame", { ipv6: { length: 1000 } }, "malformed"),
    sends(server, "an inner group MAC", { inner: { destination: "01:00:00:00:00:00" } }, "group_mac"),
    sends(server, "a tagged inner frame", { inner: { type: 0x8100 } }, "unsupported_inner"),
    sends(server, "ARP inside", { inner: { type: 0x0806 } }, "unsupported_inner"),
  ]),
  ...(["x6", "g6"] as const).flatMap((server) => [
    sends(server, "a UDP length one short", { udp: { length: 97 } }, "malformed"),
    sends(server, "a UDP length of 0", { udp: { length: 0 } }, "malformed"),
    sends(server, "another tunnel's port", { udp: { destination: 4799 } }, "tunnel_mismatch"),
    sends(server, "a port that is no tunnel's", { udp: { destination: 4790 } }, passed),
    sends(server, "a port that only IPv4 tunnels have", { udp: { destination: 8472 } }, passed),
    sends(server, "any outer UDP checksum", { udp: { checksum: 0x1234 } }, ok),
  ]),
  sends("x6", "Geneve's port", { udp: { destination: 6081 } }, "tunnel_mismatch"),
  sends("x6", "NVGRE from an endpoint of VXLAN", { ipv6: { nextHeader: 47 } }, "tunnel_mismatch"),
  sends("n6", "UDP from an endpoint of NVGRE", { ipv6: { nextHeader: 17 } }, passed),
  sends("n6", "UDP to port 0 from an endpoint of NVGRE", { ipv6: { nextHeader: 17 }, nvgre: { protocol: 0 } }, passed),
  ...[0, 43, 60].map(
    (kind): Fixture => ({
      ...underlay,
      name: `x6: extension header ${kind} in front of the tunnel`,
      input: extended(kind),
      end: dropped("bad_tunnel_header"),
    }),
  ),
  { ...underlay, name: "x6: a fragment", input: extended(44), end: dropped("tunnel_fragment") },
  ...[0, 43, 44, 60].map(
    (kind): Fixture => ({
      ...underlay,
      name: `extension header ${kind} from nobody`,
      input: extended(kind, "2001:db8:2::200"),
      end: passed,
    }),
  ),
];

/** Over IPv4, what is not VXLAN's. */
const outer4: readonly Fixture[] = [
  sends("g4", "VXLAN's port from an endpoint of Geneve", { udp: { destination: 4789 } }, "tunnel_mismatch"),
  sends("g4", "NVGRE from an endpoint of Geneve", { ipv4: { protocol: 47 } }, "tunnel_mismatch"),
  sends("n4", "UDP from an endpoint of NVGRE", { ipv4: { protocol: 17 } }, passed),
  sends("n4", "UDP to port 0 from an endpoint of NVGRE", { ipv4: { protocol: 17 }, nvgre: { protocol: 0 } }, passed),
  sends("n4", "an outer source of nobody", { ipv4: { source: "10.2.0.200" } }, "unknown_endpoint"),
  sends("n4", "another machine's address", { ipv4: { destination: "10.2.0.2" } }, passed),
  sends("n4", "a first fragment", { ipv4: { dontFragment: false, moreFragments: true } }, "tunnel_fragment"),
  sends("n4", "a later fragment", { ipv4: { dontFragment: false, fragmentOffset: 1 } }, "tunnel_fragment"),
  sends("n4", "a first fragment of nobody", { ipv4: { source: "10.2.0.200", moreFragments: true } }, "tunnel_fragment"),
  sends("n4", "a later fragment of nobody", { ipv4: { source: "10.2.0.200", fragmentOffset: 1 } }, passed),
  sends("n4", "outer IP options", { ipv4: { options: new Uint8Array(4).fill(1) } }, "bad_tunnel_header"),
  sends("n4", "an outer length one short", { ipv4: { length: 20 + 8 + 14 + 67 } }, "malformed"),
  sends("n4", "an outer length below a tunnel's headers", { ipv4: { length: 41 } }, "malformed"),
  sends("n4", "an outer length above the frame", { ipv4: { length: 20 + 8 + 14 + 69 } }, "malformed"),
  sends("n4", "an outer header with a wrong checksum", { ipv4: { checksum: 0x4242 } }, "bad_checksum"),
  sends("g4", "an outer header with a wrong checksum", { ipv4: { checksum: 0x4242 } }, "bad_checksum"),
  sends("g4", "a UDP length one long", { udp: { length: 99 } }, "malformed"),
];

/** UDP checksums that the profile promises. */
const summed = (["c4", "c6", "k4", "k6"] as const).flatMap((server): Fixture[] => [
  sends(server, "the checksum that its profile promises", {}, ok),
  sends(server, "no checksum, which its profile promises", { udp: { checksum: 0 } }, "bad_checksum"),
  sends(server, "a wrong checksum", { udp: { checksum: 0x1234 } }, "bad_checksum"),
  {
    ...sends(server, "a checksum over all but the last byte", {}, "bad_checksum"),
    input: corrupted(fromEndpoint(server, MIX, fromVm(server, 4))),
  },
  {
    ...sends(server, "a right checksum, and other bytes behind the packet", {}, ok),
    input: fromEndpoint(server, MIX, fromVm(server, 4)).padding(9),
  },
  ...[0, 1, 2, 3].map(
    (bytes): Fixture => ({
      ...sends(server, `a right checksum over ${bytes} bytes of payload`, {}, ok),
      input: fromEndpoint(server, MIX, fromVm(server, 6, {}, bytes)),
      end: delivered(toCircuit("mix/lan", fromVm(server, 6, { ttl: 63 }, bytes))),
    }),
  ),
]);

/** The same frame with its last byte another one. */
function corrupted(frame: Packet): Packet {
  const bytes = frame.bytes().slice();
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 0x10;
  return packet().payload(bytes);
}

export const headerFixtures: readonly Fixture[] = [...geneve, ...nvgre, ...vxlan6, ...outer6, ...outer4];
export const checksumFixtures: readonly Fixture[] = summed;
