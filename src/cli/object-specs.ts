// The kinds of objects that single commands change: what names each, its fields, and how the command line gives them.

import * as value from "./values.ts";

export interface OptionSpec {
  readonly flags: string;
  readonly text: string;
  readonly parse: (text: string) => unknown;
  /** Field of the object in the document. */
  readonly field: string;
  /** Map of the object that the field is in. */
  readonly within?: string;
  /** Whether `none` takes that map away as a whole, since it is nothing without this field. */
  readonly essential?: boolean;
  /** Field that cannot stand beside this one, and goes when this one is set. */
  readonly insteadOf?: string;
}

export interface ObjectSpec {
  readonly kind: string;
  /** What it is, for the help. */
  readonly text: string;
  /** Arguments that name it, in order. */
  readonly names: readonly { readonly name: string; readonly text: string; readonly parse: (text: string) => string }[];
  /** Path of the object in the document. */
  readonly path: (names: readonly string[]) => readonly string[];
  readonly options: readonly OptionSpec[];
  /** Whether a document can be without it. */
  readonly deletable?: false;
  readonly examples: readonly string[];
}

const NAME = { name: "name", text: "its name", parse: value.name };
const TENANT = { name: "tenant", text: "tenant it belongs to", parse: value.name };

const ENDPOINT_OPTIONS: readonly OptionSpec[] = [
  { flags: "--address <address>", text: "underlay address of its VTEP", parse: value.ip, field: "address" },
  {
    flags: "--profile <name>",
    text: 'encapsulation parameters (default: "default")',
    parse: value.orNone(value.name),
    field: "profile",
  },
];

/** A token bucket; `of` says what it counts. */
function limitOptions(of: string): readonly OptionSpec[] {
  return [
    {
      flags: "--rate <rate>",
      text: `limit ${of}, such as 100Mbit/s, or "none"`,
      parse: value.orNone(value.rate),
      field: "rate",
      within: "rateLimit",
      essential: true,
    },
    {
      flags: "--burst <size>",
      text: "bytes that may pass at once, such as 256KiB (default: 10 ms of the rate)",
      parse: value.orNone(value.size),
      field: "burst",
      within: "rateLimit",
    },
  ];
}

/** The sizes of the VM tables. */
const CAPACITY_OPTIONS: readonly OptionSpec[] = (
  [
    ["--vms <number>", "VMs with IPv4 addresses that the table is made for", "vmCapacity", "vms"],
    ["--vms6 <number>", "the same for IPv6 addresses", "vm6Capacity", "vms6"],
    ["--vms-max <number>", "what the table may grow to by itself", "vmCapacity", "vmsMax"],
    ["--vms6-max <number>", "the same for IPv6 addresses", "vm6Capacity", "vms6Max"],
  ] as const
).map(([flags, text, range, field]) => ({
  ...{ flags, text, field, within: "capacity" },
  parse: value.orNone(value.integer(range)),
}));

export const OBJECTS: readonly ObjectSpec[] = [
  {
    kind: "edge",
    text: "the sizes of the VM tables of this edge",
    names: [],
    path: () => ["edge"],
    options: CAPACITY_OPTIONS,
    deletable: false,
    examples: ["unum edge set --vms 4000000", "unum edge set --vms 1000000 --vms-max 1000000    # back to what it was"],
  },
  {
    kind: "profile",
    text: "encapsulation parameters that endpoints share",
    names: [NAME],
    path: ([name]) => ["profiles", name as string],
    options: [
      {
        flags: "--encapsulation <format>",
        text: '"vxlan", "geneve" or "nvgre"',
        parse: value.orNone(value.oneOf("vxlan", "geneve", "nvgre")),
        field: "encapsulation",
      },
      {
        flags: "--port <port>",
        text: "UDP destination port (default: that of the format)",
        parse: value.orNone(value.integer("port")),
        field: "port",
      },
      { flags: "--ttl <ttl>", text: "of the outer header", parse: value.orNone(value.integer("ttl")), field: "ttl" },
      { flags: "--dscp <dscp>", text: '"copy" or 0 to 63', parse: value.orNone(value.dscp), field: "dscp" },
      {
        flags: "--decapsulation-dscp <which>",
        text: '"keep" the inner one, or "copy" the outer one (RFC 2983)',
        parse: value.orNone(value.oneOf("keep", "copy")),
        field: "decapsulationDscp",
      },
      {
        flags: "--ecn <mode>",
        text: '"normal" or "compatibility" (RFC 6040)',
        parse: value.orNone(value.oneOf("normal", "compatibility")),
        field: "ecn",
      },
      {
        flags: "--dont-fragment <on|off>",
        text: "DF of the outer header",
        parse: value.orNone(value.onOff),
        field: "dontFragment",
      },
      {
        flags: "--udp-checksum <how>",
        text: '"zero" or "full"',
        parse: value.orNone(value.oneOf("zero", "full")),
        field: "udpChecksum",
      },
      {
        flags: "--entropy <headers>",
        text: '"l4" or "l3": what the source port is made of',
        parse: value.orNone(value.oneOf("l4", "l3")),
        field: "entropy",
      },
      {
        flags: "--mtu <bytes>",
        text: "largest outer packet",
        parse: value.orNone(value.integer("mtuBytes")),
        field: "mtu",
      },
      {
        flags: "--mss-clamp <how>",
        text: '"auto" lowers the MSS of TCP connections to what fits, "off" does not',
        parse: value.orNone(value.oneOf("off", "auto")),
        field: "mssClamp",
      },
      ...limitOptions("of all that is sent to its endpoints"),
    ],
    examples: [
      "unum profile set default --ttl 32",
      "unum profile set default --mtu none",
      "unum profile set far --encapsulation geneve --udp-checksum full --mss-clamp auto",
      "unum profile set far --rate 100Mbit/s --burst 256KiB",
      "unum profile delete old",
    ],
  },
  {
    kind: "server",
    text: "an endpoint that runs VMs",
    names: [NAME],
    path: ([name]) => ["servers", name as string],
    options: [
      ...ENDPOINT_OPTIONS,
      {
        flags: "--standby <server>",
        text: 'server that takes over from it, or "none"',
        parse: value.orNone(value.name),
        field: "standby",
      },
      {
        flags: "--mac <mac>",
        text: "inner destination of what a route sends it",
        parse: value.orNone(value.mac),
        field: "mac",
      },
    ],
    examples: [
      "unum server set s1 --address 10.2.0.2",
      "unum server set s6 --address 2001:db8:2::2 --profile far",
      "unum server set s1 --standby s2",
      "unum server delete s1",
    ],
  },
  {
    kind: "gateway",
    text: "an endpoint that reaches what the edge does not know",
    names: [NAME],
    path: ([name]) => ["gateways", name as string],
    options: [
      ...ENDPOINT_OPTIONS,
      { flags: "--mac <mac>", text: "inner destination of what is sent to it", parse: value.mac, field: "mac" },
    ],
    examples: ["unum gateway set gw1 --address 10.2.0.9 --mac 02:00:00:00:00:09", "unum gateway delete gw1"],
  },
  {
    kind: "tenant",
    text: "the owner of one virtual network",
    names: [NAME],
    path: ([name]) => ["tenants", name as string],
    options: [
      { flags: "--vni <vni>", text: "its virtual network", parse: value.integer("vni"), field: "vni" },
      {
        flags: "--source-check <how>",
        text: '"vm", "member" or "off"',
        parse: value.orNone(value.oneOf("vm", "member", "off")),
        field: "sourceCheck",
      },
      {
        flags: "--servers <names>",
        text: "members beyond those its VMs and routes name, by commas",
        parse: value.orNone(value.names),
        field: "servers",
      },
      {
        flags: "--address <address>",
        text: "the edge's own IPv4 address in this network",
        parse: value.orNone(value.ipv4),
        field: "address",
      },
      {
        flags: "--address6 <address>",
        text: "the same for IPv6",
        parse: value.orNone(value.ipv6),
        field: "address6",
      },
      {
        flags: "--policy <policy>",
        text: '"direct-preferred", "direct-only" or "gateway-only"',
        parse: value.orNone(value.oneOf(...value.POLICIES)),
        field: "policy",
      },
      {
        flags: "--dscp-policy <policies>",
        text: "policies by code point, all of them, such as 46=direct-only,8=gateway-only",
        parse: value.orNone(value.dscpPolicies),
        field: "dscpPolicy",
      },
      ...limitOptions("of its packets, in each direction"),
    ],
    examples: [
      "unum tenant set acme --vni 100",
      "unum tenant set acme --policy gateway-only --dscp-policy 46=direct-only",
      "unum tenant set acme --rate 1Gbit/s",
      "unum tenant delete acme",
    ],
  },
  {
    kind: "circuit",
    text: "a place where a tenant's customer is attached",
    names: [TENANT, NAME],
    path: ([tenant, name]) => ["tenants", tenant as string, "circuits", name as string],
    options: [
      { flags: "--interface <nic>", text: "access port", parse: value.interfaceName, field: "interface" },
      {
        flags: "--vlan <id>",
        text: 'VLAN ID of its only or outer tag, or "none"',
        parse: value.orNone(value.integer("vlan")),
        field: "vlan",
      },
      {
        flags: "--inner-vlan <id>",
        text: 'VLAN ID of its inner tag, or "none"',
        parse: value.orNone(value.integer("vlan")),
        field: "innerVlan",
      },
      {
        flags: "--tag <type>",
        text: '"802.1q" or "802.1ad": EtherType of the outer tag (default: 802.1ad around an inner tag)',
        parse: value.orNone(value.oneOf("802.1q", "802.1ad")),
        field: "tag",
      },
      {
        flags: "--address <address/length>",
        text: "the edge's own address on it",
        parse: value.orNone(value.interfaceAddress),
        field: "address",
      },
      { flags: "--peer <address>", text: "the customer's router", parse: value.orNone(value.ipv4), field: "peer" },
      {
        flags: "--address6 <address/length>",
        text: "the edge's own IPv6 address on it",
        parse: value.orNone(value.interfaceAddress6),
        field: "address6",
      },
      {
        flags: "--peer6 <address>",
        text: "the customer's router over IPv6",
        parse: value.orNone(value.ipv6),
        field: "peer6",
      },
      {
        flags: "--peer-mac <mac>",
        text: 'its MAC, or "none" to learn it',
        parse: value.orNone(value.mac),
        field: "peerMac",
      },
    ],
    examples: [
      "unum circuit set acme hq --interface e0 --address 10.1.0.1/24 --peer 10.1.0.2",
      "unum circuit set acme hq --vlan 100 --inner-vlan 7",
      "unum circuit set acme hq --address6 2001:db8:1::1/64 --peer6 2001:db8:1::2",
      "unum circuit delete acme hq",
    ],
  },
  {
    kind: "route",
    text: "a way to a tenant's prefix",
    names: [TENANT, { name: "prefix", text: "such as 172.16.0.0/12 or 2001:db8:16::/48", parse: value.prefix }],
    path: ([tenant, prefix]) => ["tenants", tenant as string, "routes", prefix as string],
    options: [
      {
        flags: "--via <names>",
        text: "gateways or servers, by commas",
        parse: value.names,
        field: "via",
        insteadOf: "circuit",
      },
      {
        flags: "--circuit <name>",
        text: "a circuit of the tenant",
        parse: value.name,
        field: "circuit",
        insteadOf: "via",
      },
    ],
    examples: [
      "unum route set acme 172.16.0.0/12 --via gw1,gw2",
      "unum route set acme 2001:db8:1::/64 --circuit hq",
      "unum route delete acme 172.16.0.0/12",
    ],
  },
  {
    kind: "vm",
    text: "an overlay host on a server",
    names: [TENANT, { name: "address", text: "its overlay address", parse: value.ip }],
    path: ([tenant, address]) => ["tenants", tenant as string, "vms", address as string],
    options: [
      { flags: "--server <name>", text: "where it runs", parse: value.name, field: "server" },
      { flags: "--mac <mac>", text: "its MAC", parse: value.mac, field: "mac" },
      {
        flags: "--policy <policy>",
        text: '"direct-preferred", "direct-only" or "gateway-only", before those of its tenant',
        parse: value.orNone(value.oneOf(...value.POLICIES)),
        field: "policy",
      },
    ],
    examples: [
      "unum vm set acme 172.16.0.5 --server s1 --mac 02:00:00:00:00:05",
      "unum vm set acme 172.16.0.5 --server s2        # move it",
      "unum vm set acme 2001:db8:16::5 --server s6 --mac 02:00:00:00:00:05",
      "unum vm delete acme 172.16.0.5",
    ],
  },
];
