// Echo to the address of a circuit, from the circuit and from tunnels.

import type { Packet } from "./packet-builder.ts";
import { ANY, packet, pattern } from "./packet-builder.ts";
import { answered, dropped, type Fixture } from "./packet-fixture.ts";
import {
  ACME,
  flow,
  fromCustomer,
  fromEndpoint,
  OTHER_CUSTOMER_MAC,
  reply,
  toCustomer,
  toEndpoint,
  VM_MAC,
} from "./packet-frames.ts";
import type { Ipv4Fields } from "./packet-layers-ip.ts";

const access = { role: "access", port: "a0" } as const;

const NEW_MAC = "02:c0:00:00:77:01";
interface Echo {
  readonly ip?: Partial<Ipv4Fields>;
  readonly type?: number;
  readonly code?: number;
  readonly words?: readonly [number, number];
  readonly payload?: Uint8Array;
  /** Of the reply, where it has two. */
  readonly replyChecksum?: number;
}
const echo = ({
  ip,
  type = 8,
  code = 0,
  words = [7, 1],
  payload = pattern(56),
  checksum,
}: Echo & { checksum?: number } = {}) =>
  packet()
    .ipv4({ source: "10.1.0.2", destination: "10.1.0.1", ...ip })
    .icmp({ type, code, words, ...(checksum === undefined ? {} : { checksum }) })
    .payload(payload);
/** The edge's reply to that request. */
const echoReply = ({ ip = {}, replyChecksum, ...rest }: Echo = {}) => {
  const { source = "10.1.0.2", destination = "10.1.0.1", dontFragment = false, tos = 0 } = ip;
  return echo({
    ...rest,
    ...(replyChecksum === undefined ? {} : { checksum: replyChecksum }),
    type: 0,
    ip: { source: destination, destination: source, ttl: 64, id: dontFragment ? 0 : ANY, dontFragment, tos },
  });
};

function ping(name: string, request: Echo): Fixture {
  return {
    ...access,
    name,
    input: fromCustomer(echo(request)),
    end: answered(toCustomer(echoReply(request)), "redirect"),
  };
}

function ignored(name: string, inner: Packet): Fixture {
  return { ...access, name, input: fromCustomer(inner), end: dropped("to_circuit_address") };
}

const toEdge = { destination: "10.1.0.1" };
export const echoFixtures: readonly Fixture[] = [
  ping("an ordinary request", {}),
  ping("a request that must not be fragmented", { ip: { dontFragment: true } }),
  ping("with a TTL of 1: it has arrived", { ip: { ttl: 1 } }),
  ping("with a TTL of 0", { ip: { ttl: 0 } }),
  ping("with DSCP and ECN", { ip: { tos: 0xba } }),
  ping("without payload", { payload: new Uint8Array(0) }),
  ping("with an odd payload", { payload: pattern(33) }),
  ping("of zeros only", { words: [0, 0], payload: new Uint8Array(0) }),
  ping("of ones only", { words: [0xffff, 0xffff], payload: new Uint8Array(64).fill(0xff), replyChecksum: 0xffff }),
  ping("whose checksum is 0", { words: [0xf7ff, 0], payload: new Uint8Array(0) }),
  ping("as long as a frame", { payload: pattern(1472) }),
  {
    ...access,
    name: "from another host of the network",
    input: fromCustomer(echo({ ip: { source: "10.1.0.9" } }), "a0", { source: NEW_MAC }),
    end: answered(toCustomer(echoReply({ ip: { source: "10.1.0.9" } }), "a0", NEW_MAC), "redirect"),
  },
  {
    ...access,
    name: "from this circuit to another circuit's address",
    input: fromCustomer(echo({ ip: { destination: "10.3.0.1" } })),
    end: answered(toCustomer(echoReply({ ip: { destination: "10.3.0.1" } })), "redirect"),
  },
  {
    ...access,
    port: "a1",
    name: "to another tenant's same address",
    input: fromCustomer(echo(), "a1", { source: OTHER_CUSTOMER_MAC }),
    end: answered(toCustomer(echoReply(), "a1", OTHER_CUSTOMER_MAC), "tx"),
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel",
    input: fromEndpoint("s1", ACME, echo({ ip: { source: "172.16.0.5" } })),
    end: answered(toEndpoint("s1", ACME, VM_MAC, echoReply({ ip: { source: "172.16.0.5" } })), "redirect", "s1/acme"),
    rx: "s1/acme",
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel with padding",
    input: fromEndpoint("s1", ACME, echo({ ip: { source: "172.16.0.5", dontFragment: true } })).padding(30),
    end: answered(
      toEndpoint("s1", ACME, VM_MAC, echoReply({ ip: { source: "172.16.0.5", dontFragment: true } })),
      "redirect",
      "s1/acme",
    ),
    rx: "s1/acme",
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel whose endpoint is not resolved for sending",
    input: fromEndpoint("s4", ACME, echo({ ip: { source: "172.16.0.8" } })),
    end: dropped("no_next_hop"),
    rx: "s4/acme",
  },
  {
    role: "underlay",
    port: "u0",
    name: "from a tunnel, with ECN that the tunnel marked",
    input: fromEndpoint("s1", ACME, echo({ ip: { source: "172.16.0.5", tos: 2 } }), { ipv4: { tos: 3 } }),
    end: answered(
      toEndpoint("s1", ACME, VM_MAC, echoReply({ ip: { source: "172.16.0.5", tos: 3 } }), { ipv4: { tos: 3 } }),
      "redirect",
      "s1/acme",
    ),
    rx: "s1/acme",
  },
  ignored("UDP to the circuit's address", flow(toEdge)),
  ignored("a reply to nobody", echo({ type: 0 })),
  ignored("a timestamp request", echo({ type: 13 })),
  ignored("an echo request with a code", echo({ code: 1 })),
  ignored("an error message", echo({ type: 3 })),
  ignored("a request with IP options", echo({ ip: { options: new Uint8Array(4).fill(1) } })),
  ignored("a first fragment of a request", echo({ ip: { moreFragments: true } })),
  ignored("a later fragment of a request", echo({ ip: { fragmentOffset: 8 } })),
  ignored(
    "an ICMP header cut short",
    packet()
      .ipv4({ source: "10.1.0.2", destination: "10.1.0.1", protocol: 1 })
      .payload(Uint8Array.of(8, 0, 0xf7, 0xff, 0, 0, 0)),
  ),
  {
    role: "underlay",
    port: "u0",
    name: "UDP to the circuit's address from a tunnel",
    input: fromEndpoint("s1", ACME, reply({ destination: "10.1.0.1" })),
    end: dropped("to_circuit_address"),
    rx: "s1/acme",
  },
].map((fixture) => ({ ...fixture, name: `echo: ${fixture.name}` }) as Fixture);
