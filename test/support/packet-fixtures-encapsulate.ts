// From a circuit into a tunnel: outer headers, profiles, sizes, the inner header.

import { ANY, packet } from "./packet-builder.ts";
import { get16 } from "./packet-bytes.ts";
import { dropped, type Fixture, tunneled } from "./packet-fixture.ts";
import { ACME, ARM, flow, fromCustomer, OTHER, OTHER_CUSTOMER_MAC, toEndpoint } from "./packet-frames.ts";
import type { Ipv4Fields } from "./packet-layers-ip.ts";

const S1_VM = "02:00:00:00:00:05";
const S3_VM = "02:00:00:00:00:07";
const S5_VM = "02:00:00:00:00:09";
const access = { role: "access", port: "a0" } as const;

/** A packet of the customer that arrives at the VM of s1 with its TTL one lower. */
function toS1(name: string, fields: Partial<Ipv4Fields>, outer: Partial<Ipv4Fields> = {}): Fixture {
  const ttl = fields.ttl ?? 64;
  return {
    ...access,
    name,
    input: fromCustomer(flow(fields)),
    end: tunneled("s1/acme", toEndpoint("s1", ACME, S1_VM, flow({ ...fields, ttl: ttl - 1 }), { ipv4: outer })),
  };
}

/** To the VM of s3, whose profile "far" differs in everything from the default. */
function toS3(name: string, fields: Partial<Ipv4Fields>, outer: Partial<Ipv4Fields> = {}): Fixture {
  const far = { ...fields, destination: "172.16.0.7" };
  return {
    ...access,
    name,
    input: fromCustomer(flow(far)),
    end: tunneled(
      "s3/acme",
      toEndpoint("s3", ACME, S3_VM, flow({ ...far, ttl: 63 }), { ipv4: { id: ANY, tos: 46 << 2, ...outer } }),
    ),
  };
}

const OPTIONS = Uint8Array.of(0x94, 4, 0, 0, 1, 1, 1, 0);

/** A header whose checksum field is `wanted`: its identification makes it so. */
function withChecksum(fields: Partial<Ipv4Fields>, wanted: number): Partial<Ipv4Fields> {
  const sum = ~get16(flow({ ...fields, id: 0 }).bytes(), 10) & 0xffff;
  const id = ((~wanted & 0xffff) - sum + 0xffff) % 0xffff;
  const found = get16(flow({ ...fields, id }).bytes(), 10);
  if (found !== wanted) throw new Error(`make a header with checksum ${wanted}: it has ${found}`);
  return { ...fields, id };
}

const headers: readonly Fixture[] = [
  toS1("an ordinary packet of a customer reaches its VM's server", {}),
  toS1("copies DSCP to the outer header", { tos: 46 << 2 }, { tos: 46 << 2 }),
  toS1("copies ECT(0) to the outer header", { tos: 2 }, { tos: 2 }),
  toS1("copies ECT(1) to the outer header", { tos: 1 }, { tos: 1 }),
  toS1("copies CE to the outer header", { tos: 3 }, { tos: 3 }),
  toS1("copies a TOS of all ones", { tos: 0xff }, { tos: 0xff }),
  toS1("keeps the inner don't-fragment bit, and has its own", { dontFragment: true }),
  toS1("keeps the inner identification", { id: 0xffff }),
  toS1("forwards the largest TTL", { ttl: 255 }),
  toS1("forwards the smallest TTL that is left after a hop", { ttl: 2 }),
  toS1("carries IP options on", { options: OPTIONS }),
  toS1("carries the most IP options there can be on", { options: new Uint8Array(40).fill(1) }),
  toS1("carries the evil bit on", { evil: true }),
  toS1("forwards a first fragment", { moreFragments: true }),
  toS1("forwards a last fragment", { fragmentOffset: 100 }),
  toS1("forwards a middle fragment", { fragmentOffset: 185, moreFragments: true }),
  toS1("forwards a protocol it knows nothing of", { protocol: 253 }),
  toS1("lowers the TTL under a checksum of 0xfeff", withChecksum({}, 0xfeff)),
  toS1("lowers the TTL under a checksum of 0xfefe", withChecksum({}, 0xfefe)),
  toS1("lowers the TTL under a checksum of 0xff00", withChecksum({}, 0xff00)),
  toS1("lowers the TTL under a checksum of 0", withChecksum({}, 0)),
  toS1("lowers the TTL under a checksum of 0x00ff", withChecksum({}, 0x00ff)),
  {
    ...access,
    name: "takes a checksum of 0xffff for the 0 that it means",
    input: fromCustomer(flow({ ...withChecksum({}, 0), checksum: 0xffff })),
    end: tunneled("s1/acme", toEndpoint("s1", ACME, S1_VM, flow({ ...withChecksum({}, 0), ttl: 63 }))),
  },
  toS3("a profile sets port, TTL, DSCP, no DF and no ECN", { tos: (10 << 2) | 2 }),
  toS3("compatibility mode never copies CE", { tos: 3 }),
  {
    ...access,
    name: "a profile sets DSCP 0 and keeps ECN",
    input: fromCustomer(flow({ destination: "172.16.0.9", tos: 0xfd })),
    end: tunneled(
      "s5/acme",
      toEndpoint("s5", ACME, S5_VM, flow({ destination: "172.16.0.9", tos: 0xfd, ttl: 63 }), { ipv4: { tos: 1 } }),
    ),
  },
  {
    ...access,
    port: "a1",
    name: "another tenant's same address is another VM on another server",
    input: fromCustomer(flow(), "a1", { source: OTHER_CUSTOMER_MAC }),
    end: tunneled("s2/other", toEndpoint("s2", OTHER, "02:00:00:ff:00:05", flow({ ttl: 63 }))),
  },
];

const frames: readonly Fixture[] = [
  {
    ...access,
    name: "does not carry the padding of a short frame on",
    input: fromCustomer(flow({}, 0)).padTo(60),
    end: tunneled("s1/acme", toEndpoint("s1", ACME, S1_VM, flow({ ttl: 63 }, 0))),
  },
  {
    ...access,
    name: "does not carry padding up to the MTU on",
    input: fromCustomer(flow({}, 1)).padTo(1514),
    end: tunneled("s1/acme", toEndpoint("s1", ACME, S1_VM, flow({ ttl: 63 }, 1))),
  },
  {
    ...access,
    name: "measures the packet and not its padding",
    input: fromCustomer(flow({ dontFragment: true }, 100)).padTo(1600),
    end: tunneled("s1/acme", toEndpoint("s1", ACME, S1_VM, flow({ dontFragment: true, ttl: 63 }, 100))),
  },
  {
    ...access,
    name: "forwards a packet that is a header and nothing else",
    input: fromCustomer(packet().ipv4({ source: "10.1.0.2", destination: "172.16.0.5" })),
    end: tunneled(
      "s1/acme",
      toEndpoint("s1", ACME, S1_VM, packet().ipv4({ source: "10.1.0.2", destination: "172.16.0.5", ttl: 63 })),
    ),
  },
  {
    ...access,
    name: "forwards the largest packet that fits",
    input: fromCustomer(flow({ dontFragment: true }, 1422)),
    end: tunneled("s1/acme", toEndpoint("s1", ACME, S1_VM, flow({ dontFragment: true, ttl: 63 }, 1422))),
  },
  {
    ...access,
    name: "forwards the largest packet that fits the profile's MTU",
    input: fromCustomer(flow({ destination: "172.16.0.9" }, 1262)),
    end: tunneled("s5/acme", toEndpoint("s5", ACME, S5_VM, flow({ destination: "172.16.0.9", ttl: 63 }, 1262))),
  },
  {
    ...access,
    name: "drops what is a byte too long and may be fragmented",
    input: fromCustomer(flow({}, 1423)),
    end: dropped("needs_fragmentation"),
  },
  {
    ...access,
    name: "drops what is a byte too long for the profile and may be fragmented",
    input: fromCustomer(flow({ destination: "172.16.0.9" }, 1263)),
    end: dropped("needs_fragmentation"),
  },
  {
    ...access,
    name: "a profile's MTU above the interface's does not count",
    input: fromCustomer(flow({ destination: "100.64.0.70" }, 8923)),
    end: dropped("needs_fragmentation"),
  },
  {
    ...access,
    name: "forwards a jumbo packet",
    input: fromCustomer(flow({ destination: "100.64.0.70" }, 8922)),
    end: tunneled(
      "s7/acme",
      toEndpoint("s7", ACME, "02:00:00:64:00:70", flow({ destination: "100.64.0.70", ttl: 63 }, 8922)),
    ),
  },
  {
    ...access,
    name: "does not carry the padding of a jumbo frame on",
    input: fromCustomer(flow({ destination: "100.64.0.70" }, 5000)).padding(3000),
    end: tunneled(
      "s7/acme",
      toEndpoint("s7", ACME, "02:00:00:64:00:70", flow({ destination: "100.64.0.70", ttl: 63 }, 5000)),
    ),
  },
  {
    role: "both",
    port: "b0",
    name: "one-armed: leaves through the port it came in on",
    input: fromCustomer(flow({ source: "10.5.0.2", destination: "10.9.0.7" }), "b0"),
    end: tunneled(
      "s7/arm",
      toEndpoint("s7", ARM, "02:00:00:03:00:07", flow({ source: "10.5.0.2", destination: "10.9.0.7", ttl: 63 })),
      "tx",
    ),
  },
  {
    role: "both",
    port: "b0",
    name: "a port of role both forwards to other ports too",
    input: fromCustomer(flow({ source: "10.5.0.2", destination: "10.9.0.1" }), "b0"),
    end: tunneled(
      "s1/arm",
      toEndpoint("s1", ARM, "02:00:00:03:00:01", flow({ source: "10.5.0.2", destination: "10.9.0.1", ttl: 63 })),
    ),
  },
  {
    ...access,
    name: "drops where the driver leaves no room for the outer headers",
    headroom: "cramped",
    input: fromCustomer(flow({}, 56)),
    end: dropped("no_headroom"),
  },
];

export const encapsulateFixtures: readonly Fixture[] = [...headers, ...frames];
