// Where a customer's packet goes: VM before route, longest prefix, standby, gateway, another circuit; or why it goes nowhere.

import type { Packet } from "./packet-builder.ts";
import { ANY, packet } from "./packet-builder.ts";
import type { EdgeUnderTest } from "./packet-edge.ts";
import { delivered, dropped, type Ending, type Fixture, states, tunneled } from "./packet-fixture.ts";
import {
  ACME,
  BRANCH_MAC,
  CUSTOMER_MAC,
  flow,
  fromCustomer,
  OTHER_CUSTOMER_MAC,
  type Outer,
  toCustomer,
  toEndpoint,
} from "./packet-frames.ts";
import { WORLD } from "./packet-world.ts";

const access = { role: "access", port: "a0" } as const;

/** A packet of acme's customer to `destination`. */
function to(name: string, destination: string, end: Ending, arrange?: Fixture["arrange"]): Fixture {
  const input = fromCustomer(flow({ destination }));
  return { ...access, name, input, end, ...(arrange === undefined ? {} : { arrange }) };
}

/** Into the tunnel of `endpoint` with the inner destination `mac`, by default that of the VM. */
function through(endpoint: string, destination: string, mac?: string): Ending {
  const inner = mac ?? WORLD.tenants.acme?.vms?.[destination]?.mac ?? "";
  const far = endpoint === "s3" || endpoint === "gw4";
  const outer: Outer = far ? { ipv4: { id: ANY, tos: 46 << 2 } } : {};
  return tunneled(`${endpoint}/acme`, toEndpoint(endpoint, ACME, inner, flow({ destination, ttl: 63 }), outer));
}

function onto(port: "a2" | "a3", destination: string, mac: string): Ending {
  return delivered(toCustomer(flow({ destination, ttl: 63 }), port, mac));
}

const GW1 = "02:90:00:00:00:01";

const endpoints: readonly Fixture[] = [
  to(
    "a route is taken where there is no VM",
    "172.17.1.1",
    through("gw1", "172.17.1.1", GW1),
    states({ gw2: "stale" }),
  ),
  to(
    "the other gateway takes over",
    "172.17.1.1",
    through("gw2", "172.17.1.1", "02:90:00:00:00:02"),
    states({ gw1: "stale" }),
  ),
  to(
    "a drained gateway leaves its group",
    "172.17.1.1",
    through("gw2", "172.17.1.1", "02:90:00:00:00:02"),
    states({ gw1: "admin_down" }),
  ),
  to("an endpoint that is known to be up is used", "172.16.0.5", through("s1", "172.16.0.5"), states({ s1: "up" })),
  to("a longer prefix wins", "172.20.4.1", through("s3", "172.20.4.1", "02:5e:00:00:00:03")),
  to("the longest prefix wins", "172.20.5.1", through("gw4", "172.20.5.1", "02:90:00:00:00:04")),
  to("the last address of a prefix is in it", "172.20.255.255", through("s3", "172.20.255.255", "02:5e:00:00:00:03")),
  to("a prefix of 32 bits inside of a circuit's prefix", "192.168.9.9", through("gw1", "192.168.9.9", GW1)),
  to("a stale server's standby takes its VMs", "172.16.0.5", tunneledToStandby(), states({ s1: "stale" })),
  to(
    "an administratively down server's standby takes its VMs",
    "172.16.0.5",
    tunneledToStandby(),
    states({ s1: "admin_down" }),
  ),
  to(
    "without standby the route takes them",
    "172.16.0.6",
    through("gw1", "172.16.0.6", GW1),
    states({ s2: "stale", gw2: "stale" }),
  ),
  to(
    "with the standby down too the route takes them",
    "172.16.0.5",
    through("gw1", "172.16.0.5", GW1),
    states({ s1: "stale", s2: "stale", gw2: "stale" }),
  ),
  to(
    "a standby's own standby is not asked",
    "172.16.0.10",
    through("gw1", "172.16.0.10", GW1),
    states({ s6: "stale", s1: "stale", gw2: "stale" }),
  ),
  to(
    "an unresolved server is as good as a stale one",
    "172.16.0.8",
    through("gw1", "172.16.0.8", GW1),
    states({ gw2: "stale" }),
  ),
  to("no route to fall back on: the server's own reason", "100.64.0.8", dropped("no_next_hop")),
  to("a stale server without standby or route", "100.64.0.6", dropped("no_path"), states({ s2: "stale" })),
  to("a stale server with a stale standby", "100.64.0.5", dropped("no_path"), states({ s1: "stale", s2: "stale" })),
  to("a stale server with an unresolved standby", "100.64.0.9", dropped("no_path"), states({ s5: "stale" })),
  to("all gateways down", "172.17.1.1", dropped("no_path"), states({ gw1: "stale", gw2: "admin_down" })),
  to("a route's only gateway is not resolved", "172.21.0.1", dropped("no_next_hop")),
  to("the only usable one of three takes all flows", "172.22.0.1", through("gw1", "172.22.0.1", GW1)),
  to("the only usable one of three takes this flow too", "172.22.7.77", through("gw1", "172.22.7.77", GW1)),
  to("an address that nothing covers", "8.8.8.8", dropped("no_route")),
  to("link-local addresses are addresses as others are", "169.254.1.1", dropped("no_route")),
  {
    ...access,
    port: "a1",
    name: "another tenant's network is not there",
    input: fromCustomer(flow({ destination: "10.3.0.2" }), "a1", { source: OTHER_CUSTOMER_MAC }),
    end: dropped("no_route"),
  },
  {
    ...access,
    port: "a1",
    name: "another tenant's VM is not there",
    input: fromCustomer(flow({ destination: "100.64.0.5" }), "a1", { source: OTHER_CUSTOMER_MAC }),
    end: dropped("no_route"),
  },
];

function tunneledToStandby(): Ending {
  return through("s2", "172.16.0.5");
}

const circuits: readonly Fixture[] = [
  to("to another circuit of the tenant", "10.3.0.2", onto("a2", "10.3.0.2", BRANCH_MAC)),
  to("to a network behind another circuit", "192.168.1.1", onto("a2", "192.168.1.1", BRANCH_MAC)),
  to("to the network address of another circuit", "10.3.0.0", onto("a2", "10.3.0.0", BRANCH_MAC)),
  to("a directed broadcast to another circuit", "10.3.0.255", dropped("martian_address")),
  to("back to the circuit that it came from", "10.1.0.77", dropped("split_horizon")),
  to("a directed broadcast back to its own circuit", "10.1.0.255", dropped("split_horizon")),
  {
    ...access,
    port: "a2",
    name: "to a circuit whose peer was learned",
    input: fromCustomer(flow({ source: "10.3.0.2", destination: "10.1.0.2" }), "a2", { source: BRANCH_MAC }),
    end: delivered(toCustomer(flow({ source: "10.3.0.2", destination: "10.1.0.2", ttl: 63 }))),
  },
  {
    ...access,
    port: "a2",
    name: "padding does not go to another circuit",
    input: fromCustomer(flow({ source: "10.3.0.2", destination: "10.1.0.2" }, 0), "a2").padTo(60),
    end: delivered(toCustomer(flow({ source: "10.3.0.2", destination: "10.1.0.2", ttl: 63 }, 0))),
  },
  {
    ...access,
    name: "the largest packet that fits another circuit",
    input: fromCustomer(flow({ destination: "10.3.0.2" }, 1172)),
    end: delivered(toCustomer(flow({ destination: "10.3.0.2", ttl: 63 }, 1172), "a2", BRANCH_MAC)),
  },
  {
    ...access,
    name: "a byte too long for another circuit",
    input: fromCustomer(flow({ destination: "10.3.0.2" }, 1173)),
    end: dropped("needs_fragmentation"),
  },
  {
    ...access,
    name: "to a host route's circuit with IP options",
    input: fromCustomer(flow({ destination: "10.3.0.2", options: Uint8Array.of(7, 4, 4, 0) })),
    end: delivered(
      toCustomer(flow({ destination: "10.3.0.2", options: Uint8Array.of(7, 4, 4, 0), ttl: 63 }), "a2", BRANCH_MAC),
    ),
  },
];

/** What passes to the stack: nothing that a circuit's router is asked to forward. */
function passes(name: string, input: Packet, port: Fixture["port"] = "a0"): Fixture {
  return { ...access, port, name, input, end: { kind: "passed" } };
}

const ours = { destination: "02:00:00:0a:00:00", source: CUSTOMER_MAC };
const foreign: readonly Fixture[] = [
  ...([0x86dd, 0x8847, 0x88cc, 0x8035, 0x9000, 0x0600, 0x05dc, 0, 0xffff, 0x0801, 0x0008] as const).map((type) =>
    passes(
      `EtherType 0x${type.toString(16)}`,
      packet()
        .ethernet({ ...ours, type })
        .packet(flow()),
    ),
  ),
  passes("a VLAN tag", packet().ethernet(ours).vlan({ id: 100 }).packet(flow())),
  passes(
    "two VLAN tags",
    packet()
      .ethernet({ ...ours, type: 0x88a8 })
      .vlan({ id: 1 })
      .vlan({ id: 2 })
      .packet(flow()),
  ),
  passes("another router's MAC", fromCustomer(flow(), "a0", { destination: "02:00:00:0a:00:99" })),
  passes("the port's MAC with another last byte", fromCustomer(flow(), "a0", { destination: "02:00:00:0a:00:01" })),
  passes("the port's MAC with another first byte", fromCustomer(flow(), "a0", { destination: "06:00:00:0a:00:00" })),
  passes("IPv4 to the broadcast MAC", fromCustomer(flow(), "a0", { destination: "ff:ff:ff:ff:ff:ff" })),
  passes(
    "IPv4 to a multicast MAC",
    fromCustomer(flow({ destination: "224.0.0.5" }), "a0", { destination: "01:00:5e:00:00:05" }),
  ),
  passes("a port without a circuit", fromCustomer(flow(), "u0"), "u0"),
  passes("nothing but an Ethernet header", packet().ethernet({ ...ours, type: 0x88cc })),
].map((fixture) => ({ ...fixture, name: `passes to the stack: ${fixture.name}` }));

/** Rows that no apply writes. */
const broken: readonly Fixture[] = [
  to("the VM's endpoint is gone", "172.16.0.5", dropped("invalid_entry"), (edge) =>
    edge.change("endpoints", "endpoint", edge.index("endpoint", "s1"), { state: 0, kind: 0, tunnel: 0, standby: 0 }),
  ),
  to("the endpoint has no tunnel", "100.64.0.6", dropped("no_next_hop"), (edge) =>
    edge.change("endpoints", "endpoint", edge.index("endpoint", "s2"), { tunnel: 0 }),
  ),
  to("the endpoint's tunnel is outside of the table", "100.64.0.6", dropped("no_next_hop"), (edge) =>
    edge.change("endpoints", "endpoint", edge.index("endpoint", "s2"), { tunnel: 0xffffffff }),
  ),
  to("the endpoint's state is of no version", "100.64.0.6", dropped("no_path"), (edge) =>
    edge.change("endpoints", "endpoint", edge.index("endpoint", "s2"), { state: 200 }),
  ),
  to("the profile is gone", "172.16.0.5", dropped("invalid_entry"), (edge) =>
    edge.change("profiles", "profile", edge.index("profile", "default"), { flags: 0, encapsulation: 0, port: 0 }),
  ),
  to("the profile's format is none that it knows", "172.16.0.5", dropped("invalid_entry"), (edge) =>
    edge.change("profiles", "profile", edge.index("profile", "default"), { encapsulation: 77 }),
  ),
  to("the edge has no address yet", "172.16.0.5", dropped("invalid_entry"), (edge) =>
    edge.change("edge", "edge", 0, { valid: 0 }),
  ),
  to("a group without endpoints", "172.17.1.1", dropped("invalid_entry"), changeGroups({ count: 0, endpoints: [] })),
  to("a group of endpoints that are none", "172.17.1.1", dropped("invalid_entry"), changeGroups({ endpoints: [] })),
  to(
    "a group with more endpoints than there is room for",
    "172.17.1.1",
    dropped("invalid_entry"),
    changeGroups({ count: 0xffff, endpoints: [] }),
  ),
  to("a route to a circuit that is gone", "10.3.0.2", dropped("invalid_entry"), (edge) =>
    edge.change("circuits", "circuit", edge.index("circuit", "acme/branch"), { flags: 0, record: 0, tenant: 0 }),
  ),
  to("a route to another tenant's circuit", "10.3.0.2", dropped("invalid_entry"), (edge) =>
    edge.change("circuits", "circuit", edge.index("circuit", "acme/branch"), { tenant: edge.index("tenant", "other") }),
  ),
  to("an egress port that is not in the device map", "172.16.0.5", dropped("invalid_entry"), (edge) => {
    const key = new Uint8Array(Uint32Array.of(edge.ifindex("u0")).buffer);
    edge.plane.map("egress").delete(key);
    return () => edge.plane.map("egress").update(key, key);
  }),
  {
    ...to("the circuit that it came in on is gone", "172.16.0.5", { kind: "passed" }),
    arrange: (edge) => edge.change("circuits", "circuit", edge.index("circuit", "acme/hq"), { flags: 0, record: 0 }),
  },
];

/** Every group that the edge has. */
function changeGroups(fields: Readonly<Record<string, unknown>>) {
  return (edge: EdgeUnderTest) => {
    const indexes = [...edge.counters.observed.rows.groups.keys()];
    const undo = indexes.map((index) => edge.change("route_groups", "route_group", index, fields));
    return () => {
      for (const one of undo) one();
    };
  };
}

export const selectFixtures: readonly Fixture[] = [...endpoints, ...circuits];
export const foreignFixtures = foreign;
export const brokenRowFixtures = broken;
