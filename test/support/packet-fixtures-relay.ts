// From a tunnel to where it goes: into another tunnel, or onto a circuit.

import type { Packet } from "./packet-builder.ts";
import { ANY, packet } from "./packet-builder.ts";
import { delivered, dropped, type Ending, type Fixture, passed, states, tunneled } from "./packet-fixture.ts";
import {
  ACME,
  ARM,
  BRANCH_MAC,
  flow,
  fromCustomer,
  fromEndpoint,
  LAN_MAC,
  type Outer,
  reply,
  toCustomer,
  toEndpoint,
} from "./packet-frames.ts";

const underlay = { role: "underlay", port: "u0" } as const;
const GW1_MAC = "02:90:00:00:00:01";

/** What s1 sends for its VM, with some outer field changed. */
function s1(name: string, outer: Outer, end: Ending, rx?: string): Fixture {
  const input = fromEndpoint("s1", ACME, reply(), outer);
  return { ...underlay, name, input, end, ...(rx === undefined ? {} : { rx }) };
}

const toHq = delivered(toCustomer(reply({ ttl: 63 })));

/** From s1's VM (or another endpoint's address) to somewhere that is no circuit. */
function onward(
  name: string,
  from: string,
  fields: Parameters<typeof reply>[0],
  end: Ending,
  arrange?: Fixture["arrange"],
): Fixture {
  const input = fromEndpoint(from, ACME, reply(fields));
  return { ...underlay, name, input, end, rx: `${from}/acme`, ...(arrange === undefined ? {} : { arrange }) };
}

function relayed(endpoint: string, mac: string, fields: Parameters<typeof reply>[0], outer: Outer = {}): Ending {
  return tunneled(`${endpoint}/acme`, toEndpoint(endpoint, ACME, mac, reply({ ...fields, ttl: 63 }), outer));
}

const relays: readonly Fixture[] = [
  onward(
    "from one server to a VM of another",
    "s1",
    { destination: "172.16.0.6" },
    relayed("s2", "02:00:00:00:00:06", { destination: "172.16.0.6" }),
  ),
  onward(
    "from a server to one with another profile",
    "s1",
    { destination: "172.16.0.7" },
    relayed("s3", "02:00:00:00:00:07", { destination: "172.16.0.7" }, { ipv4: { id: ANY, tos: 46 << 2 } }),
  ),
  onward(
    "from a server to a gateway",
    "s1",
    { destination: "172.17.1.1" },
    relayed("gw1", GW1_MAC, { destination: "172.17.1.1" }),
    states({ gw2: "stale" }),
  ),
  onward(
    "from a gateway to a VM",
    "gw1",
    { source: "172.17.1.1", destination: "172.16.0.6" },
    relayed("s2", "02:00:00:00:00:06", { source: "172.17.1.1", destination: "172.16.0.6" }),
  ),
  onward("from a stale server", "s1", {}, toHq, states({ s1: "stale" })),
  onward(
    "to a VM of the server that it came from",
    "s2",
    { source: "172.16.0.6", destination: "100.64.0.6" },
    dropped("split_horizon"),
  ),
  onward(
    "to a VM of the server that it came from, though a route covers it",
    "s1",
    { destination: "172.16.0.5", source: "100.64.0.5" },
    dropped("split_horizon"),
  ),
  onward(
    "to a route of the server that it came from",
    "s3",
    { source: "172.16.0.7", destination: "172.20.1.1" },
    dropped("split_horizon"),
  ),
  onward(
    "from a gateway to a gateway",
    "gw1",
    { source: "172.17.1.1", destination: "172.18.1.1" },
    dropped("split_horizon"),
  ),
  onward(
    "from a gateway to an unresolved server that only gateways could stand in for",
    "gw2",
    { source: "172.17.1.1", destination: "172.16.0.8" },
    dropped("split_horizon"),
  ),
  onward(
    "from the standby to a VM that it should have itself",
    "s2",
    { source: "172.16.0.6", destination: "172.16.0.5" },
    relayed("gw1", GW1_MAC, { source: "172.16.0.6", destination: "172.16.0.5" }),
    states({ s1: "stale", gw2: "stale" }),
  ),
  onward("to nowhere", "s1", { destination: "9.9.9.9" }, dropped("no_route")),
  onward("to the edge's own tunnel address", "s1", { destination: "10.2.0.1" }, dropped("no_route")),
  onward("to a circuit's network broadcast", "s1", { destination: "10.1.0.255" }, dropped("martian_address")),
  onward(
    "to a network behind a circuit",
    "s1",
    { destination: "192.168.1.1" },
    delivered(toCustomer(reply({ destination: "192.168.1.1", ttl: 63 }), "a2", BRANCH_MAC)),
  ),
  onward(
    "an expired packet that goes on into a tunnel",
    "s1",
    { destination: "172.16.0.6", ttl: 1 },
    dropped("ttl_expired"),
  ),
  {
    ...onward("a packet that does not fit the next tunnel", "s1", {}, dropped("too_big")),
    input: fromEndpoint("s1", ACME, reply({ destination: "172.16.0.9", dontFragment: true }, 1263)),
  },
  {
    ...onward("a tunnel in the tunnel", "s1", {}, dropped("no_route")),
    input: fromEndpoint(
      "s1",
      ACME,
      packet()
        .ipv4({ source: "172.16.0.5", destination: "10.2.0.1" })
        .udp({ source: 1, destination: 4789 })
        .vxlan({ vni: ACME })
        .ethernet({ destination: "02:00:00:00:00:01", source: "02:00:00:00:00:02" })
        .packet(flow()),
    ),
  },
];

/** Nothing of a frame travels on but its inner packet. */
function trimmed(name: string, input: Packet, end: Ending = toHq): Fixture {
  return { ...underlay, name, input, end, rx: "s1/acme" };
}

const short = reply({}, 0);
const trims: readonly Fixture[] = [
  trimmed("padding behind the outer packet", fromEndpoint("s1", ACME, reply()).padding(100)),
  trimmed(
    "the padding of a short inner frame",
    fromEndpoint("s1", ACME, short.padding(18), { ipv4: { length: 50 + 28 + 18 }, udp: { length: 30 + 28 + 18 } }),
    delivered(toCustomer(reply({ ttl: 63 }, 0))),
  ),
  trimmed(
    "inner padding on the way to another server",
    fromEndpoint("s1", ACME, reply({ destination: "172.16.0.6" }, 0).padding(18), {
      ipv4: { length: 50 + 28 + 18 },
      udp: { length: 30 + 28 + 18 },
    }),
    relayedShort(),
  ),
  trimmed(
    "an inner packet that is a header and nothing else",
    fromEndpoint("s1", ACME, packet().ipv4({ source: "172.16.0.5", destination: "10.1.0.2" })),
    delivered(toCustomer(packet().ipv4({ source: "172.16.0.5", destination: "10.1.0.2", ttl: 63 }))),
  ),
];

function relayedShort(): Ending {
  return tunneled(
    "s2/acme",
    toEndpoint("s2", ACME, "02:00:00:00:00:06", reply({ destination: "172.16.0.6", ttl: 63 }, 0)),
  );
}

const both: readonly Fixture[] = [
  { ...s1("a tunnel packet", {}, toHq, "s1/acme"), role: "both", port: "b0" },
  {
    name: "from a tunnel to the port's own circuit",
    role: "both",
    port: "b0",
    input: fromEndpoint("s7", ARM, flow({ source: "10.9.0.7", destination: "10.5.0.2" })),
    end: delivered(toCustomer(flow({ source: "10.9.0.7", destination: "10.5.0.2", ttl: 63 }), "b0", LAN_MAC), "tx"),
    rx: "s7/arm",
  },
  {
    name: "from a tunnel into another tunnel of the same port",
    role: "both",
    port: "b0",
    input: fromEndpoint("s8", ACME, flow({ source: "172.17.1.1", destination: "100.64.0.70" })),
    end: tunneled(
      "s7/acme",
      toEndpoint("s7", ACME, "02:00:00:64:00:70", flow({ source: "172.17.1.1", destination: "100.64.0.70", ttl: 63 })),
      "tx",
    ),
    rx: "s8/acme",
  },
  {
    ...s1("a tunnel packet of nobody", { ipv4: { source: "10.2.0.200" } }, dropped("unknown_endpoint")),
    role: "both",
    port: "b0",
  },
  {
    ...s1("a tunnel port at another machine's address", { ipv4: { destination: "10.2.0.2" } }, { kind: "passed" }),
    role: "both",
    port: "b0",
  },
  {
    ...s1("a packet to a tunnel port that comes from the circuit", {}, dropped("no_route")),
    role: "both",
    port: "b0",
    input: packet()
      .ethernet({ destination: "02:00:00:0c:00:00", source: LAN_MAC })
      .ipv4({ source: "10.5.0.2", destination: "10.2.0.2" })
      .udp({ source: 1, destination: 4789 })
      .payload(60),
  },
  {
    name: "a packet of the circuit to the edge's own tunnel address",
    role: "both",
    port: "b0",
    input: fromCustomer(flow({ source: "10.5.0.2", destination: "10.2.0.1" }), "b0", { source: LAN_MAC }),
    end: passed,
  },
  {
    name: "a packet of the circuit one address beside it",
    role: "both",
    port: "b0",
    input: fromCustomer(flow({ source: "10.5.0.2", destination: "10.2.0.3" }), "b0", { source: LAN_MAC }),
    end: dropped("no_route"),
  },
  {
    name: "TCP to the edge's own tunnel address",
    role: "both",
    port: "b0",
    input: fromCustomer(
      packet().ipv4({ source: "10.2.0.11", destination: "10.2.0.1" }).tcp({ source: 1, destination: 22 }),
      "b0",
    ),
    end: passed,
  },
].map((fixture) => ({ ...fixture, name: `role both: ${fixture.name}` }) as Fixture);

const broken: readonly Fixture[] = [
  {
    ...s1("the tenant is gone", {}, dropped("invalid_entry")),
    arrange: (edge) =>
      edge.change("tenants", "tenant", edge.index("tenant", "acme"), {
        flags: 0,
        source_check: 0,
        vni: new Uint8Array(3),
      }),
  },
  {
    ...s1("the endpoint is gone", {}, dropped("invalid_entry")),
    arrange: (edge) =>
      edge.change("endpoints", "endpoint", edge.index("endpoint", "s1"), { state: 0, kind: 0, tunnel: 0 }),
  },
  {
    ...s1("the endpoint's time as a member is over", {}, dropped("not_a_member")),
    arrange: (edge) => {
      const table = edge.plane.table("members");
      const nothing = new Uint8Array(0);
      const codec = edge.plane.layout.codec("member_slot");
      const before = edge.plane.slots("members").slice();
      const puts = before.slice();
      for (let at = 0; at < puts.length; at += codec.size) {
        codec.encode({ ...(codec.decode(puts, at) as object), until: 1 } as never, puts, at);
      }
      table.changeAll({ puts, deletes: nothing });
      return () => void table.changeAll({ puts: before, deletes: nothing });
    },
  },
];

export const relayFixtures: readonly Fixture[] = [...relays, ...trims, ...both, ...broken];
