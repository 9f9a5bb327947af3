// IPv6 packets of a customer, and of a VM inside of a tunnel: what is not what it says, martians, and chains of extension headers.

import { type Packet, packet } from "./packet-builder.ts";
import { fromCircuit, mixEnds, toCircuit } from "./packet-circuits.ts";
import { delivered, dropped, type Ending, type Fixture, passed, tunneled } from "./packet-fixture.ts";
import { fromEndpoint, MIX, toEndpoint } from "./packet-frames.ts";
import type { Ipv6Fields } from "./packet-layers-ip.ts";

const access = { role: "access", port: "d0" } as const;
const underlay = { role: "underlay", port: "u0" } as const;
const { customer, vm, mac } = mixEnds("g4", 6);

const body = (header: Packet) => header.udp({ source: 4000, destination: 53 }).payload(40);
/** A packet of 40 + 8 + 40 bytes between the customer and the VM of g4. */
const toVm = (fields: Partial<Ipv6Fields> = {}) =>
  body(packet().ipv6({ source: customer, destination: vm, ...fields }));
const fromVm = (fields: Partial<Ipv6Fields> = {}) =>
  body(packet().ipv6({ source: vm, destination: customer, ...fields }));

/** From a customer, and from a tunnel. */
function twice(name: string, reason: string, fields: Partial<Ipv6Fields>, rx = false): readonly Fixture[] {
  return [
    { ...access, name: `from a customer: ${name}`, input: fromCircuit("mix/lan", toVm(fields)), end: dropped(reason) },
    {
      ...underlay,
      name: `from a tunnel: ${name}`,
      input: fromEndpoint("g4", MIX, fromVm(fields)),
      end: dropped(reason),
      ...(rx ? { rx: "g4/mix" } : {}),
    },
  ];
}

const MARTIANS = ["::", "::1", "::ffff:a06:2", "::ffff:0:0", "fe80::1", "febf:ffff::1", "ff02::1", "ff0e::1", "ff00::"];
/** One below and one above each range of martians. */
const NEIGHBOURS = ["::2", "::1:0:0", "::fffe:a06:2", "0:0:0:1:0:ffff:a06:2", "fe7f::1", "fec0::1", "feff::1"];

const headers: readonly Fixture[] = [
  ...[0, 1, 4, 5, 7, 15].flatMap((version) => twice(`version ${version}`, "malformed", { version })),
  ...twice("a payload length one above the frame", "malformed", { length: 49 }),
  ...twice("the largest payload length", "malformed", { length: 65535 }),
  ...MARTIANS.flatMap((source) => twice(`source ${source}`, "martian_address", { source })),
  ...MARTIANS.slice(0, 4).flatMap((destination) =>
    twice(`destination ${destination}`, "martian_address", { destination }),
  ),
  ...MARTIANS.slice(4).flatMap((destination): Fixture[] => {
    const [ours, theirs] = twice(`destination ${destination}`, "martian_address", { destination });
    // Of a customer it is for the link's own hosts, and the edge is one.
    return [{ ...(ours as Fixture), end: passed }, theirs as Fixture];
  }),
  ...NEIGHBOURS.flatMap((destination) =>
    twice(`destination ${destination} is no martian`, "no_route", { destination }, true),
  ),
  {
    ...access,
    name: "from a customer: a payload length below what is there",
    input: fromCircuit("mix/lan", toVm({ length: 47 })),
    end: tunneled(
      "g4/mix",
      toEndpoint("g4", MIX, mac, cut(toVm({ length: 47, ttl: 63 }), 87), { inner: { type: 0x86dd } }),
    ),
  },
  {
    ...access,
    name: "from a customer: a header and nothing else",
    input: fromCircuit("mix/lan", packet().ipv6({ source: customer, destination: vm })),
    end: tunneled("g4/mix", toEndpoint("g4", MIX, mac, packet().ipv6({ source: customer, destination: vm, ttl: 63 }))),
  },
  {
    ...access,
    name: "from a customer: a header and padding",
    input: fromCircuit("mix/lan", packet().ipv6({ source: customer, destination: vm })).padding(6),
    end: tunneled("g4/mix", toEndpoint("g4", MIX, mac, packet().ipv6({ source: customer, destination: vm, ttl: 63 }))),
  },
  {
    ...access,
    name: "IPv6 for another router's MAC",
    input: fromCircuit("mix/lan", toVm(), { ethernet: { destination: "02:00:00:0d:00:01" } }),
    end: passed,
  },
  {
    ...access,
    name: "IPv6 that is broken, for another router's MAC",
    input: fromCircuit("mix/lan", toVm({ version: 4 }), { ethernet: { destination: "02:00:00:0d:00:01" } }),
    end: passed,
  },
  {
    ...access,
    name: "IPv6 to a group MAC",
    input: fromCircuit("mix/lan", toVm(), { ethernet: { destination: "33:33:00:00:00:01" } }),
    end: passed,
  },
];

/** A packet as far as it goes. */
function cut(whole: Packet, bytes: number): Packet {
  return packet().payload(whole.bytes().subarray(0, bytes));
}

type Header = (start: Packet) => Packet;
const extension =
  (kind: number, bytes = 8): Header =>
  (start) =>
    start.extension({ kind, bytes });

/** Chains that are carried on as they are, in both directions. */
const CHAINS: readonly (readonly [name: string, chain: readonly Header[]])[] = [
  ["hop-by-hop options", [extension(0)]],
  ["a routing header", [extension(43, 24)]],
  ["destination options", [extension(60, 16)]],
  ["authentication", [extension(51, 24)]],
  ["a long authentication", [extension(51, 1000)]],
  ["the longest options there can be", [extension(60, 1000)]],
  ["an atomic fragment", [(start) => start.fragment()]],
  ["a first fragment", [(start) => start.fragment({ more: true })]],
  ["a middle fragment", [(start) => start.fragment({ more: true, offset: 181 })]],
  ["a last fragment", [(start) => start.fragment({ offset: 362 })]],
  ["a later fragment that says that options follow", [(start) => start.fragment({ offset: 1, nextHeader: 60 })]],
  [
    "one header of each kind",
    [extension(0), extension(60), extension(43), (start) => start.fragment(), extension(51, 12)],
  ],
  ["six headers", Array.from({ length: 6 }, () => extension(60))],
  ["more headers than are looked at", Array.from({ length: 12 }, () => extension(60))],
  ["ESP behind options", [extension(60), (start) => start.extension({ kind: 50, bytes: 16 })]],
];

const chains = CHAINS.flatMap(([name, chain]): Fixture[] => {
  const make = (source: string, destination: string, ttl: number) =>
    body(chain.reduce((start, add) => add(start), packet().ipv6({ source, destination, ttl })));
  return [
    {
      ...access,
      name: `from a customer: ${name}`,
      input: fromCircuit("mix/lan", make(customer, vm, 64)),
      end: tunneled("g4/mix", toEndpoint("g4", MIX, mac, make(customer, vm, 63))),
    },
    {
      ...underlay,
      name: `from a tunnel: ${name}`,
      input: fromEndpoint("g4", MIX, make(vm, customer, 64)),
      end: delivered(toCircuit("mix/lan", make(vm, customer, 63))),
      rx: "g4/mix",
    },
  ];
});

/** Chains that end outside of the packet. */
const broken: readonly Fixture[] = (
  [
    ["options that are longer than the packet", (start) => start.extension({ kind: 60, length: 7 })],
    ["the longest options in a short packet", (start) => start.extension({ kind: 0, length: 255 })],
    ["authentication that is longer than the packet", (start) => start.extension({ kind: 51, bytes: 12, length: 255 })],
    [
      "a second header that is longer than the packet",
      (start) => start.extension({ kind: 60 }).extension({ kind: 43, length: 7 }),
    ],
  ] as readonly (readonly [string, Header])[]
).flatMap(([name, add]) => both(name, (start) => body(add(start)), "malformed"));

/** A header that should be there, and is not. */
const missing: readonly Fixture[] = [0, 43, 44, 51, 60].flatMap((kind) => [
  ...both(`nothing where header ${kind} should be`, (start) => start, "malformed", { nextHeader: kind }),
  ...both(`seven bytes where header ${kind} should be`, (start) => start.payload(7), "malformed", { nextHeader: kind }),
  {
    ...access,
    name: `from a customer: header ${kind} in the padding`,
    input: fromCircuit("mix/lan", packet().ipv6({ source: customer, destination: vm, nextHeader: kind })).padding(
      new Uint8Array(60),
    ),
    end: dropped("malformed"),
  },
]);

function both(name: string, make: Header, reason: string, fields: Partial<Ipv6Fields> = {}): readonly Fixture[] {
  const end: Ending = dropped(reason);
  return [
    {
      ...access,
      name: `from a customer: ${name}`,
      input: fromCircuit("mix/lan", make(packet().ipv6({ source: customer, destination: vm, ...fields }))),
      end,
    },
    {
      ...underlay,
      name: `from a tunnel: ${name}`,
      input: fromEndpoint("g4", MIX, make(packet().ipv6({ source: vm, destination: customer, ...fields }))),
      end,
    },
  ];
}

export const inner6Fixtures: readonly Fixture[] = [...headers, ...chains, ...broken, ...missing];
