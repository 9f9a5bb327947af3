// Which of its two paths a packet takes: by its VM, by its DSCP, by its tenant; and what is left when that path is gone.

import { type Packet, packet } from "./packet-builder.ts";
import { type Family, fromCircuit, toCircuit } from "./packet-circuits.ts";
import { delivered, dropped, type Ending, type Fixture, states, tunneled } from "./packet-fixture.ts";
import { fromEndpoint, toEndpoint } from "./packet-frames.ts";
import { WORLD } from "./packet-world.ts";

const VNI = { direct: 400, gated: 401 } as const;
type TenantName = keyof typeof VNI;

/** Code points of the tenant "direct". */
const GATEWAY_ONLY = 46 << 2;
const PREFERRED = 8 << 2;
const DIRECT_ONLY = 10 << 2;
const LAST = 63 << 2;
/** One that has no policy of its own. */
const OTHER = 20 << 2;

const familyOf = (address: string): Family => (address.includes(":") ? 6 : 4);

function inner(destination: string, tos: number, ttl: number, source?: string): Packet {
  const family = familyOf(destination);
  const ends = { source: source ?? (family === 6 ? "2001:db8:40::2" : "10.40.0.2"), destination, tos, ttl };
  const header = family === 6 ? packet().ipv6(ends) : packet().ipv4(ends);
  return header.udp({ source: 1000, destination: 2000 }).payload(20);
}

/** Through `endpoint`, to the VM's MAC or its own. */
function through(tenant: TenantName, endpoint: string, destination: string, tos: number): Ending {
  const vm = WORLD.tenants[tenant]?.vms?.[destination]?.mac;
  const gateway = WORLD.gateways[endpoint]?.mac;
  const own = WORLD.servers[endpoint]?.mac;
  const mac = gateway ?? vm ?? own ?? "";
  const dscp = endpoint === "s3" ? 46 << 2 : tos;
  return tunneled(
    `${endpoint}/${tenant}`,
    toEndpoint(endpoint, VNI[tenant], mac, inner(destination, tos, 63), { tos: dscp }),
  );
}

function to(
  tenant: TenantName,
  name: string,
  destination: string,
  end: string | { readonly reason: string },
  { tos = OTHER, down = [] as readonly string[] } = {},
): Fixture {
  return {
    role: "access",
    port: "a0",
    name: `${tenant}: ${name} (${destination}, class ${tos >> 2})`,
    input: fromCircuit(`${tenant}/tag`, inner(destination, tos, 64)),
    end: typeof end === "string" ? through(tenant, end, destination, tos) : dropped(end.reason),
    ...(down.length === 0 ? {} : { arrange: states(Object.fromEntries(down.map((one) => [one, "stale" as const]))) }),
  };
}
const no = (reason: string) => ({ reason });

/** The same table for both families: a VM, one that goes by gateways only, and what lies behind routes. */
const FAMILIES = [
  {
    ...{ vm: "172.40.0.1", server: "s1", gatewayVm: "172.40.0.2", gateway: "gw1" },
    ...{
      behindGateway: "172.40.9.9",
      behindServer: "172.41.0.9",
      behindBoth: "172.42.0.9",
      routeServer: "s3",
      either: "g4",
    },
  },
  {
    ...{ vm: "2001:db8:4000::1", server: "x6", gatewayVm: "2001:db8:4000::2", gateway: "gx6" },
    ...{ behindGateway: "2001:db8:4000::99", behindServer: "2001:db8:4001::9", behindBoth: "2001:db8:4002::9" },
    ...{ routeServer: "x6", either: "g6" },
  },
] as const;

const direct = FAMILIES.flatMap((family): Fixture[] => {
  const { vm, server, gatewayVm, gateway, behindGateway, behindServer, behindBoth, routeServer, either } = family;
  const one = (...args: Parameters<typeof to> extends [unknown, ...infer Rest] ? Rest : never) => to("direct", ...args);
  // s1 has a standby, which is no other path.
  const servers = server === "s1" ? ["s1", "s2"] : [server];
  const [viaServer, viaGateway] = [{ down: servers }, { down: [gateway] }];
  return [
    // direct-only
    one("direct only", vm, server),
    one("direct only, by its class", vm, server, { tos: DIRECT_ONLY }),
    one("direct only, by the class of no bits", vm, server, { tos: 0 }),
    one("direct only, the server is down", vm, no("no_path"), viaServer),
    one("direct only, the gateway is down", vm, server, viaGateway),
    one("direct only, over a route to a gateway", behindGateway, no("policy")),
    one("direct only, over a route to a gateway that is down", behindGateway, no("policy"), viaGateway),
    one("direct only, over a route to a server", behindServer, routeServer),
    one("direct only, over a route to a server that is down", behindServer, no("no_path"), { down: [routeServer] }),
    one("direct only, over a route to both", behindBoth, either),
    // direct-preferred by class
    one("direct preferred", vm, server, { tos: PREFERRED }),
    one("direct preferred with congestion marked", vm, server, { tos: PREFERRED | 3 }),
    one("direct preferred, the server is down", vm, gateway, { tos: PREFERRED, ...viaServer }),
    one("direct preferred, both are down", vm, no("no_path"), { tos: PREFERRED, down: [...servers, gateway] }),
    one("direct preferred, over a route to a gateway", behindGateway, gateway, { tos: PREFERRED }),
    // gateway-only by class
    one("gateway only", vm, gateway, { tos: GATEWAY_ONLY }),
    one("gateway only, by the last class", vm, gateway, { tos: LAST }),
    one("gateway only, marked", vm, gateway, { tos: GATEWAY_ONLY | 1 }),
    one("gateway only, the server is down", vm, gateway, { tos: GATEWAY_ONLY, ...viaServer }),
    one("gateway only, the gateway is down", vm, no("no_path"), { tos: GATEWAY_ONLY, ...viaGateway }),
    one("gateway only, over a route to a server", behindServer, no("policy"), { tos: GATEWAY_ONLY }),
    one("gateway only, over a route to both", behindBoth, gateway, { tos: GATEWAY_ONLY }),
    // The VM's own policy comes first.
    one("the VM says gateway only", gatewayVm, gateway),
    one("the VM says gateway only, the class direct only", gatewayVm, gateway, { tos: DIRECT_ONLY }),
    one("the VM says gateway only, the gateway is down", gatewayVm, no("no_path"), viaGateway),
  ];
});

const single: readonly Fixture[] = [
  to("direct", "direct only, a standby of another format", "172.40.0.3", "n4", { down: ["sb6"] }),
  to("direct", "direct only, server and standby are down", "172.40.0.3", no("no_path"), { down: ["sb6", "n4"] }),
  to("direct", "direct only, the server is not reached", "172.40.0.5", no("no_next_hop")),
  to("direct", "the VM says direct preferred, its server is not reached", "172.40.0.4", "gw1"),
  to("direct", "the VM says direct preferred, its server is not reached", "2001:db8:4000::4", "gx6"),
  to("direct", "the VM says direct preferred, and the class gateway only", "172.40.0.4", "gw1", { tos: GATEWAY_ONLY }),
  to("direct", "gateway only, and no route at all", "172.39.0.1", no("policy")),
  to("direct", "nothing covers it", "9.9.9.9", no("no_route")),
  to("gated", "gateway only, by the tenant", "172.40.0.1", "gw1"),
  to("gated", "gateway only, by the tenant", "2001:db8:4000::1", "gx6"),
  to("gated", "a class says nothing where the tenant has no policies for classes", "172.40.0.1", "gw1", {
    tos: DIRECT_ONLY,
  }),
  to("gated", "gateway only, the gateway is down", "172.40.0.1", no("no_path"), { down: ["gw1"] }),
  to("gated", "gateway only, the server is down", "172.40.0.1", "gw1", { down: ["s1"] }),
  to("gated", "gateway only, over a route to a server", "172.41.0.9", no("policy")),
  to("gated", "gateway only, over a route to a server", "2001:db8:4001::9", no("policy")),
  to("gated", "gateway only, over the default route", "8.8.8.8", "gw1"),
  to("gated", "gateway only, over the default route", "2001:4860::8888", "gx6"),
  to("gated", "the VM says direct only", "172.40.0.2", "s1"),
  to("gated", "the VM says direct only, its server is down, its standby not", "172.40.0.2", "s2", { down: ["s1"] }),
  to("gated", "the VM says direct only, server and standby are down", "172.40.0.2", no("no_path"), {
    down: ["s1", "s2"],
  }),
  to("gated", "the VM says direct preferred", "172.40.0.3", "s2"),
  to("gated", "the VM says direct preferred, its server is down", "172.40.0.3", "gw1", { down: ["s2"] }),
];

/** A policy says nothing about circuits, nor about who may speak. */
const circuits: readonly Fixture[] = (["direct", "gated"] as const).flatMap((tenant): Fixture[] => [
  {
    role: "underlay",
    port: "u0",
    name: `${tenant}: out of a server's tunnel onto a circuit`,
    input: fromEndpoint("s1", VNI[tenant], inner("10.40.0.2", GATEWAY_ONLY, 64, "172.40.0.1")),
    end: delivered(toCircuit(`${tenant}/tag`, inner("10.40.0.2", GATEWAY_ONLY, 63, "172.40.0.1"))),
    rx: `s1/${tenant}`,
  },
  {
    role: "underlay",
    port: "u0",
    name: `${tenant}: out of a gateway's tunnel onto a circuit`,
    input: fromEndpoint("gx6", VNI[tenant], inner("2001:db8:40::2", DIRECT_ONLY, 64, "2001:db8:4000::1")),
    end: delivered(toCircuit(`${tenant}/tag`, inner("2001:db8:40::2", DIRECT_ONLY, 63, "2001:db8:4000::1"))),
    rx: `gx6/${tenant}`,
  },
]);

export const policyFixtures: readonly Fixture[] = [...direct, ...single, ...circuits].map((fixture, index, all) => {
  // The same words may be about several destinations and states: a number tells them apart.
  const same = all.slice(0, index).filter(({ name }) => name === fixture.name).length;
  return { ...fixture, name: `policy: ${fixture.name}${same === 0 ? "" : ` (${same + 1})`}` };
});
