// What packets meet while and after the document changes: moved VMs, servers with new addresses, paths that go and come.

import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Packet } from "../support/packet-builder.ts";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import {
  delivered,
  dropped,
  type Ending,
  type Fixture,
  fixtureProblem,
  passed,
  tunneled,
} from "../support/packet-fixture.ts";
import {
  ACME,
  flow,
  fromCustomer,
  fromEndpoint,
  type Outer,
  reply,
  toCustomer,
  toEndpoint,
} from "../support/packet-frames.ts";
import { makePorts } from "../support/packet-ports.ts";
import { type TenantDocument, WORLD, type World } from "../support/packet-world.ts";

const ports = makePorts();
const edge = new EdgeUnderTest(ports);

beforeEach(() => edge.apply(WORLD));
afterAll(() => {
  edge.close();
  ports.close();
});

/** The world with another acme. */
function withAcme(change: (acme: TenantDocument) => TenantDocument): World {
  return { ...WORLD, tenants: { ...WORLD.tenants, acme: change(WORLD.tenants.acme as TenantDocument) } };
}

function withVm(address: string, server: string | undefined, mac = "02:00:00:00:00:99"): World {
  return withAcme((acme) => {
    const { [address]: _, ...others } = acme.vms ?? {};
    return { ...acme, vms: server === undefined ? others : { ...others, [address]: { server, mac } } };
  });
}

function check(name: string, fixture: Omit<Fixture, "name">): void {
  const problem = fixtureProblem(edge, { name, ...fixture });
  if (problem !== undefined) expect.fail(problem);
}

function sends(input: Packet, end: Ending, rx?: string): void {
  check("from the tunnel", { role: "underlay", port: "u0", input, end, ...(rx === undefined ? {} : { rx }) });
}

function customerReaches(destination: string, end: Ending): void {
  check("from the customer", { role: "access", port: "a0", input: fromCustomer(flow({ destination })), end });
}

const toHq = (source: string) => delivered(toCustomer(reply({ source, ttl: 63 })));
const speaksFor = (server: string, source: string, outer: Outer = {}) =>
  fromEndpoint(server, ACME, reply({ source }), outer);
const through = (server: string, destination: string, mac: string) =>
  tunneled(`${server}/acme`, toEndpoint(server, ACME, mac, flow({ destination, ttl: 63 })));

/** Ends the time for which rows of `table` remember what was. */
function expire(table: "moved4" | "members"): void {
  const struct = table === "moved4" ? "moved4_slot" : "member_slot";
  const slots = edge.plane.slots(table).slice();
  const codec = edge.plane.layout.codec(struct);
  for (let at = 0; at < slots.length; at += codec.size) {
    const row = codec.decode(slots, at) as Record<string, unknown>;
    if (row.until !== 0) codec.encode({ ...row, until: 1 } as never, slots, at);
  }
  edge.plane.table(table).changeAll({ puts: slots, deletes: new Uint8Array(0) });
}

describe("a VM that moves", () => {
  it("is reached at its new server at once", () => {
    edge.apply(withVm("172.16.0.5", "s9"));
    customerReaches("172.16.0.5", through("s9", "172.16.0.5", "02:00:00:00:00:99"));
  });

  it("may speak from the new server, and for a while from the old one", () => {
    edge.apply(withVm("100.64.0.6", "s9"));
    sends(speaksFor("s9", "100.64.0.6"), toHq("100.64.0.6"), "s9/acme");
    sends(speaksFor("s2", "100.64.0.6"), toHq("100.64.0.6"), "s2/acme");
    expire("moved4");
    sends(speaksFor("s2", "100.64.0.6"), dropped("spoofed_source"));
    sends(speaksFor("s9", "100.64.0.6"), toHq("100.64.0.6"), "s9/acme");
  });

  it("does not let a third server speak for it", () => {
    edge.apply(withVm("100.64.0.6", "s9"));
    sends(speaksFor("s3", "100.64.0.6"), dropped("spoofed_source"));
  });

  it("moves twice: only the last two servers may speak for it", () => {
    edge.apply(withVm("100.64.0.6", "s3"));
    edge.apply(withVm("100.64.0.6", "s1"));
    sends(speaksFor("s1", "100.64.0.6"), toHq("100.64.0.6"), "s1/acme");
    sends(speaksFor("s3", "100.64.0.6"), toHq("100.64.0.6"), "s3/acme");
    sends(speaksFor("s6", "100.64.0.6"), dropped("spoofed_source"));
  });
});

describe("a VM that goes", () => {
  it("is reached over the route that covers it", () => {
    edge.apply(withVm("172.16.0.7", undefined));
    edge.setState("gw2", "stale");
    customerReaches("172.16.0.7", through("gw1", "172.16.0.7", "02:90:00:00:00:01"));
    edge.setState("gw2", "unknown");
  });

  it("is nowhere without a route", () => {
    edge.apply(withVm("100.64.0.70", undefined));
    customerReaches("100.64.0.70", dropped("no_route"));
  });

  it("lets its server be a member for a while, and no longer", () => {
    edge.apply(withVm("100.64.0.70", undefined));
    // s7 has no other VM of acme: its address is covered by a route, so only membership decides.
    sends(speaksFor("s7", "172.17.1.1"), toHq("172.17.1.1"), "s7/acme");
    expire("members");
    sends(speaksFor("s7", "172.17.1.1"), dropped("not_a_member"));
  });
});

describe("a server with a new address", () => {
  const moved: World = { ...WORLD, servers: { ...WORLD.servers, s1: { address: "10.2.0.77", standby: "s2" } } };
  const from = (source: string, destination = "10.2.0.1") =>
    speaksFor("s1", "172.16.0.5", { ipv4: { source, destination } });

  it("is sent to and heard there, and not at the old address", () => {
    edge.apply(moved);
    customerReaches(
      "172.16.0.5",
      tunneled(
        "s1/acme",
        toEndpoint("s1", ACME, "02:00:00:00:00:05", flow({ ttl: 63 }), { ipv4: { destination: "10.2.0.77" } }),
      ),
    );
    sends(from("10.2.0.77"), toHq("172.16.0.5"), "s1/acme");
    sends(from("10.2.0.11"), dropped("unknown_endpoint"));
  });

  it("leaves no row behind that a tunnel packet without addresses would match", () => {
    // As many addresses as it takes for every bucket to have been used.
    const codec = edge.plane.layout.codec("source4_slot");
    const rows = 24_000;
    const puts = new Uint8Array(rows * codec.size);
    const keys = new Uint8Array(rows * 8);
    const endpoint = edge.index("endpoint", "s1");
    for (let row = 0; row < rows; row++) {
      const fields = { remote: 0x0b000000 + row, local: 0x0a020001, endpoint, port: 4789, encapsulation: 1 };
      codec.encode(fields, puts, row * codec.size);
      keys.set(puts.subarray(row * codec.size, row * codec.size + 8), row * 8);
    }
    const table = edge.plane.table("sources4");
    table.changeAll({ puts, deletes: new Uint8Array(0) });
    table.changeAll({ puts: new Uint8Array(0), deletes: keys });
    sends(from("0.0.0.0", "0.0.0.0"), passed);
  });
});

describe("a profile with a new port", () => {
  it("is sent to and heard there only", () => {
    edge.apply({ ...WORLD, profiles: { ...WORLD.profiles, default: { port: 14789 } } });
    const udp = { destination: 14789 };
    customerReaches(
      "172.16.0.5",
      tunneled("s1/acme", toEndpoint("s1", ACME, "02:00:00:00:00:05", flow({ ttl: 63 }), { udp })),
    );
    sends(speaksFor("s1", "172.16.0.5", { udp }), toHq("172.16.0.5"), "s1/acme");
    // Other profiles still use 4789, so that the edge serves it.
    sends(speaksFor("s1", "172.16.0.5"), dropped("tunnel_mismatch"));
  });
});

describe("a tenant that goes", () => {
  const { acme: _, ...others } = WORLD.tenants;

  it("takes its circuits, members and VMs along", () => {
    edge.apply({ ...WORLD, tenants: others });
    check("from the customer", { role: "access", port: "a0", input: fromCustomer(flow()), end: passed });
    sends(speaksFor("s1", "172.16.0.5"), dropped("not_a_member"));
  });

  it("leaves nothing to the tenant that gets its VNI", () => {
    edge.apply({ ...WORLD, tenants: others });
    edge.apply({ ...WORLD, tenants: { ...others, late: { vni: ACME, servers: ["s9"] } } });
    sends(speaksFor("s1", "172.16.0.5"), dropped("not_a_member"));
    sends(speaksFor("s9", "172.16.0.5"), dropped("spoofed_source"));
  });
});
