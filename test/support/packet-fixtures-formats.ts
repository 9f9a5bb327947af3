// Every format over both families, around both families: into the tunnel and out of it.

import { packet } from "./packet-builder.ts";
import { FAMILIES, fromCircuit, fromVm, mixEnds, toCircuit, toVm } from "./packet-circuits.ts";
import { delivered, type Fixture, tunneled } from "./packet-fixture.ts";
import { endpointOf, fromEndpoint, MIX, overheadOf, toEndpoint } from "./packet-frames.ts";
import { HOPS, PORT_SPECS } from "./packet-world.ts";
import { MIX_VM_SERVERS, type MixServer } from "./packet-world-mix.ts";

const access = { role: "access", port: "d0" } as const;
const underlay = { role: "underlay", port: "u0" } as const;
const reached = MIX_VM_SERVERS.filter((server) => server in HOPS);

/** As the profile of an endpoint makes of the packet's own. */
function outerTos(server: string, tos: number): number {
  const { dscp = "copy", ecn = "normal" } = endpointOf(server).profile;
  return (dscp === "copy" ? tos & 0xfc : dscp << 2) | (ecn === "normal" ? tos & 3 : 0);
}

function describe(server: string): string {
  const { format, overIpv6, profile } = endpointOf(server);
  return `${format} over IPv${overIpv6 ? 6 : 4} (profile ${profile.encapsulation === undefined ? "of VXLAN" : ""}${endpointOf(server).profile.port ?? ""} of ${server})`;
}

/** The largest inner packet on the way to an endpoint. */
function roomOf(server: MixServer): number {
  const mtu = Math.min(PORT_SPECS[(HOPS[server] as { port: "u0" }).port].mtu, endpointOf(server).profile.mtu ?? 65535);
  return mtu - overheadOf(server);
}

const into = reached.flatMap((server) =>
  FAMILIES.flatMap((family): Fixture[] => {
    const { mac } = mixEnds(server, family);
    const name = `IPv${family} into ${describe(server)}`;
    const one = (what: string, tos: number, payload: number): Fixture => ({
      ...access,
      name: `${name}: ${what}`,
      input: fromCircuit("mix/lan", toVm(server, family, { tos }, payload)),
      end: tunneled(
        `${server}/mix`,
        toEndpoint(server, MIX, mac, toVm(server, family, { tos, ttl: 63 }, payload), { tos: outerTos(server, tos) }),
      ),
    });
    const most = Math.min(roomOf(server), 1500) - (family === 6 ? 48 : 28);
    return [
      one("an ordinary packet", 0, 40),
      one("an odd number of bytes, and every bit of its class", 0xff, 41),
      one("nothing in its UDP", 0xb9, 0),
      one("the most that fits", 0x02, most),
    ];
  }),
);

const outOf = MIX_VM_SERVERS.flatMap((server) =>
  FAMILIES.flatMap((family): Fixture[] => {
    const name = `IPv${family} out of ${describe(server)}`;
    const one = (what: string, payload: number, behind = 0): Fixture => ({
      ...underlay,
      name: `${name}: ${what}`,
      input: fromEndpoint(server, MIX, fromVm(server, family, {}, payload)).padding(behind),
      end: delivered(toCircuit("mix/lan", fromVm(server, family, { ttl: 63 }, payload))),
      rx: `${server}/mix`,
    });
    return [one("an ordinary packet", 40), one("an odd number of bytes", 1), one("with padding behind it", 7, 30)];
  }),
);

/** Other protocols of the inner packet, through one format of each outer family. */
const others = (["g4", "n6"] as const).flatMap((server) =>
  FAMILIES.flatMap((family): Fixture[] => {
    const { mac, customer, vm } = mixEnds(server, family);
    const header = (ttl: number, protocol: number) =>
      family === 6
        ? packet().ipv6({ source: customer, destination: vm, ttl, nextHeader: protocol })
        : packet().ipv4({ source: customer, destination: vm, ttl, protocol });
    return [59, 47, 4, 41, 50, 132].map((protocol) => ({
      ...access,
      name: `IPv${family} into ${describe(server)}: protocol ${protocol}`,
      input: fromCircuit("mix/lan", header(9, protocol).payload(33)),
      end: tunneled(`${server}/mix`, toEndpoint(server, MIX, mac, header(8, protocol).payload(33))),
    }));
  }),
);

export const intoFixtures: readonly Fixture[] = [...into, ...others];
export const outOfFixtures: readonly Fixture[] = outOf;
