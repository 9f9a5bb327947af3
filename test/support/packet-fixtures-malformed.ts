// IPv4 packets of a customer, and of a VM inside of a tunnel, that are not what they say.

import type { Packet } from "./packet-builder.ts";
import { dropped, type Fixture } from "./packet-fixture.ts";
import { ACME, flow, fromCustomer, fromEndpoint, reply } from "./packet-frames.ts";
import type { Ipv4Fields } from "./packet-layers-ip.ts";

interface Broken {
  readonly name: string;
  readonly reason: string;
  readonly fields: Partial<Ipv4Fields>;
}

/** A packet of 20 + 8 + 40 = 68 bytes with these fields. */
const headers: readonly Broken[] = [
  ...[0, 1, 3, 5, 6, 15].map((version) => ({ name: `version ${version}`, reason: "malformed", fields: { version } })),
  ...[0, 1, 2, 3, 4].map((headerWords) => ({
    name: `a header of ${headerWords} words`,
    reason: "malformed",
    fields: { headerWords },
  })),
  { name: "a header longer than the packet says", reason: "malformed", fields: { headerWords: 6, length: 23 } },
  { name: "a total length of 0", reason: "malformed", fields: { length: 0 } },
  { name: "a total length of 1", reason: "malformed", fields: { length: 1 } },
  { name: "a total length below the header", reason: "malformed", fields: { length: 19 } },
  { name: "a total length one above the frame", reason: "malformed", fields: { length: 69 } },
  { name: "the largest total length", reason: "malformed", fields: { length: 65535 } },
  { name: "a checksum that is one too high", reason: "bad_checksum", fields: { checksum: 0x0001 } },
  { name: "a checksum of 0", reason: "bad_checksum", fields: { checksum: 0 } },
  { name: "a checksum of 0xffff", reason: "bad_checksum", fields: { checksum: 0xffff } },
  ...[
    "0.0.0.0",
    "0.1.2.3",
    "127.0.0.1",
    "127.255.255.255",
    "224.0.0.1",
    "239.1.2.3",
    "240.0.0.1",
    "255.255.255.255",
  ].flatMap((address) => [
    { name: `source ${address}`, reason: "martian_address", fields: { source: address } },
    { name: `destination ${address}`, reason: "martian_address", fields: { destination: address } },
  ]),
];

/** Not martian: one below and one above each range that is. */
const neighbours = ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255"].map((destination) => ({
  name: `destination ${destination} is no martian`,
  reason: "no_route",
  fields: { destination },
}));

function options(make: (inner: Packet) => Packet): readonly { name: string; reason: string; input: Packet }[] {
  const bytes = Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 0);
  return [
    {
      name: "options that are not in the checksum",
      reason: "bad_checksum",
      input: make(flow({ options: bytes, checksum: 0x1111 })),
    },
    {
      name: "options that end behind the packet",
      reason: "malformed",
      input: make(flow({ options: bytes, length: 24 })),
    },
  ];
}

const fromTunnel = (inner: Packet) => fromEndpoint("s1", ACME, inner);

export const malformedFixtures: readonly Fixture[] = [
  ...[...headers, ...neighbours].flatMap(({ name, reason, fields }): Fixture[] => [
    {
      name: `from a customer: ${name}`,
      role: "access",
      port: "a0",
      input: fromCustomer(flow(fields)),
      end: dropped(reason),
    },
    {
      name: `from a tunnel: ${name}`,
      role: "underlay",
      port: "u0",
      input: fromTunnel(reply(fields)),
      end: dropped(reason),
      ...(reason === "no_route" ? { rx: "s1/acme" } : {}),
    },
  ]),
  ...options((inner) => fromCustomer(inner)).map(
    ({ name, reason, input }): Fixture => ({
      name: `from a customer: ${name}`,
      role: "access",
      port: "a0",
      input,
      end: dropped(reason),
    }),
  ),
  ...options(fromTunnel).map(
    ({ name, reason, input }): Fixture => ({
      name: `from a tunnel: ${name}`,
      role: "underlay",
      port: "u0",
      input,
      end: dropped(reason),
    }),
  ),
];
