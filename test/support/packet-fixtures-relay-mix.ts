// Gateways: from a tunnel of one format and family into one of another, where nothing of the first may be left.

import { ANY, type Packet, packet } from "./packet-builder.ts";
import { betweenVms, FAMILIES, type Family, fromVm, mixEnds } from "./packet-circuits.ts";
import { dropped, type Ending, type Fixture, refused, states, tunneled } from "./packet-fixture.ts";
import { endpointOf, fromEndpoint, MIX, overheadOf, toEndpoint, VM_MAC } from "./packet-frames.ts";
import { MIX_GATEWAYS, type MixServer } from "./packet-world-mix.ts";

const underlay = { role: "underlay", port: "u0" } as const;
/** One endpoint of each format over each family. */
const ENDS = ["s1", "g4", "n4", "x6", "g6", "n6"] as const;
const SELF = { 4: "172.31.255.254", 6: "2001:db8:31::fe" } as const;

const pairs = ENDS.flatMap((from) => ENDS.flatMap((to) => (from === to ? [] : [[from, to] as const])));

const relays = pairs.flatMap(([from, to]) =>
  FAMILIES.map((family): Fixture => {
    const inner = (ttl: number) => betweenVms(from, to, family, { ttl, tos: 0x29 }, 41);
    return {
      ...underlay,
      name: `IPv${family} from ${from} to ${to}`,
      input: fromEndpoint(from, MIX, inner(64), { tos: 0x02 }).padding(5),
      end: tunneled(`${to}/mix`, toEndpoint(to, MIX, mixEnds(to, family).mac, inner(63), { tos: 0x29 })),
      rx: `${from}/mix`,
    };
  }),
);

/** Checksums and fixed classes on the way out. */
const profiles = (["c4", "c6", "k4", "k6", "fg4", "fg6", "fn4", "fn6", "jg6", "jc4"] as const).flatMap((to) =>
  FAMILIES.map((family): Fixture => {
    const { profile } = endpointOf(to);
    const tos = (profile.dscp ?? "copy") === "copy" ? 0x28 : (profile.dscp as number) << 2;
    const ecn = (profile.ecn ?? "normal") === "normal" ? 1 : 0;
    const inner = (ttl: number) => betweenVms("n6", to, family, { ttl, tos: 0x29 }, 33);
    return {
      ...underlay,
      name: `IPv${family} from n6 to ${to}`,
      input: fromEndpoint("n6", MIX, inner(64)),
      end: tunneled(`${to}/mix`, toEndpoint(to, MIX, mixEnds(to, family).mac, inner(63), { tos: tos | ecn })),
      rx: "n6/mix",
    };
  }),
);

function error(family: Family, to: string, original: Packet, mtu?: number): Packet {
  const quote = packet().payload(original.bytes().subarray(0, family === 6 ? 1232 : 548));
  const ends = { source: SELF[family], destination: to, tos: 0xc0 };
  if (family === 6)
    return packet()
      .ipv6(ends)
      .icmp6({ type: mtu === undefined ? 3 : 2, words: [0, mtu ?? 0] })
      .packet(quote);
  const kind = mtu === undefined ? { type: 11 } : { type: 3, code: 4 };
  return packet()
    .ipv4({ ...ends, id: ANY })
    .icmp({ ...kind, words: [0, mtu ?? 0] })
    .packet(quote);
}

/** The tenant's own address speaks where there is no circuit. */
const expired = pairs.flatMap(([from, to]) =>
  FAMILIES.flatMap((family) =>
    [0, 1].map((ttl): Fixture => {
      const inner = betweenVms(from, to, family, { ttl });
      return {
        ...underlay,
        name: `IPv${family} time exceeded: a TTL of ${ttl} from ${from} to ${to}`,
        input: fromEndpoint(from, MIX, inner),
        end: refused(
          "ttl_expired",
          toEndpoint(from, MIX, VM_MAC, error(family, mixEnds(from, family).vm, inner), { tos: 0xc0 }),
          { tx: `${from}/mix` },
        ),
        rx: `${from}/mix`,
      };
    }),
  ),
);

const tooBig = pairs.flatMap(([from, to]) =>
  FAMILIES.flatMap((family): Fixture[] => {
    const mtu = 1500 - overheadOf(to);
    const inner = betweenVms(from, to, family, { dontFragment: true }, mtu + 1 - (family === 6 ? 48 : 28));
    return [
      {
        ...underlay,
        name: `IPv${family} too big from ${from} to ${to}`,
        input: fromEndpoint(from, MIX, inner),
        end: refused(
          "too_big",
          toEndpoint(from, MIX, VM_MAC, error(family, mixEnds(from, family).vm, inner, mtu), { tos: 0xc0 }),
          { tx: `${from}/mix` },
        ),
        rx: `${from}/mix`,
      },
    ];
  }),
);

const onward = (
  name: string,
  from: string,
  fields: { readonly family: Family; readonly source: string; readonly destination: string; readonly ttl?: number },
  end: Ending,
  arrange?: Fixture["arrange"],
): Fixture => {
  const { family, ...ends } = fields;
  const header = family === 6 ? packet().ipv6(ends) : packet().ipv4(ends);
  return {
    ...underlay,
    name,
    input: fromEndpoint(from, MIX, header.udp({ source: 1, destination: 2 }).payload(9)),
    end,
    rx: `${from}/mix`,
    ...(arrange === undefined ? {} : { arrange }),
  };
};

const toGateway = (family: Family, source: string, destination: string): Ending => {
  const header = { source, destination, ttl: 63 };
  const inner = family === 6 ? packet().ipv6(header) : packet().ipv4(header);
  return tunneled(
    "gg4/mix",
    toEndpoint("gg4", MIX, MIX_GATEWAYS.gg4?.mac ?? "", inner.udp({ source: 1, destination: 2 }).payload(9)),
  );
};

/** Nothing goes back, nor from gateway to gateway. */
const horizon = FAMILIES.flatMap((family): Fixture[] => {
  const routed = family === 6 ? "2001:db8:30::5" : "172.30.0.5";
  const between = family === 6 ? "2001:db8:28::5" : "172.28.0.5";
  const direct = family === 6 ? "2001:db8:27::5" : "172.27.0.5";
  const vm = (server: MixServer) => mixEnds(server, family).vm;
  const source = vm("n6");
  const server = family === 6 ? "g6" : "n4";
  return [
    onward(
      `IPv${family} to a gateway`,
      "n6",
      { family, source, destination: routed },
      toGateway(family, source, routed),
    ),
    onward(
      `IPv${family} from a gateway to another`,
      "gx6",
      { family, source: between, destination: routed },
      dropped("split_horizon"),
    ),
    onward(
      `IPv${family} from a gateway to all of them`,
      "gn6",
      { family, source: between, destination: between },
      dropped("split_horizon"),
    ),
    onward(
      `IPv${family} back to a VM of the same server`,
      "n6",
      { family, source, destination: source },
      dropped("split_horizon"),
    ),
    onward(
      `IPv${family} back to a route of the same server`,
      server,
      { family, source: vm(server), destination: direct },
      dropped("split_horizon"),
    ),
    onward(
      `IPv${family} to a VM whose server is not reached, from a gateway`,
      "gg4",
      { family, source: routed, destination: vm("lost6") },
      dropped("split_horizon"),
    ),
    onward(
      `IPv${family} to a VM whose server is down, by its standby of another format`,
      "g4",
      { family, source: vm("g4"), destination: vm("sb6") },
      tunneled(
        "n4/mix",
        toEndpoint(
          "n4",
          MIX,
          mixEnds("sb6", family).mac,
          (family === 6
            ? packet().ipv6({ source: vm("g4"), destination: vm("sb6"), ttl: 63 })
            : packet().ipv4({ source: vm("g4"), destination: vm("sb6"), ttl: 63 })
          )
            .udp({ source: 1, destination: 2 })
            .payload(9),
        ),
      ),
      states({ sb6: "stale" }),
    ),
    onward(
      `IPv${family} to nowhere`,
      "n6",
      { family, source, destination: family === 6 ? "2001:db9::1" : "9.9.9.9" },
      dropped("no_route"),
    ),
    {
      ...onward(
        `IPv${family} to the edge's own tunnel address`,
        "n6",
        { family, source, destination: family === 6 ? "2001:db8:2::1" : "10.2.0.1" },
        dropped("no_route"),
      ),
    },
  ];
});

/** Who may say what in IPv6. */
function speaks(name: string, server: string, source: string, end: string): Fixture {
  const inner = packet().ipv6({ source, destination: "2001:db8:6::2" }).udp({ source: 1, destination: 2 });
  return { ...underlay, name: `source: ${name}`, input: fromEndpoint(server, MIX, inner), end: dropped(end) };
}
const spoofs: readonly Fixture[] = [
  speaks("a VM from an unrelated server", "g4", mixEnds("n6", 6).vm, "spoofed_source"),
  speaks("a VM from the server that its own is the standby of", "sb6", mixEnds("n4", 6).vm, "spoofed_source"),
  speaks("an address that nothing covers", "g4", "2001:db9::1", "spoofed_source"),
  speaks("an address of a circuit's network", "g4", "2001:db8:6::2", "spoofed_source"),
  speaks("an address that differs from a VM's in its last bit only", "g4", "2001:db8:6::3", "spoofed_source"),
  {
    ...underlay,
    name: "source: a server of another tenant",
    input: fromEndpoint("g6", 201, fromVm("g6", 6)),
    end: dropped("not_a_member"),
  },
];

export const relayMixFixtures: readonly Fixture[] = [...relays, ...profiles, ...horizon, ...spoofs];
export const relayErrorFixtures: readonly Fixture[] = [...expired, ...tooBig];
