// Frames of several buffers: up to 9000 bytes, in every format, with and without a checksum over all of them.

import { ANY, packet } from "./packet-builder.ts";
import { FAMILIES, fromCircuit, fromVm, ip, mixEnds, toCircuit } from "./packet-circuits.ts";
import { answered, delivered, dropped, type Fixture, refused, tunneled } from "./packet-fixture.ts";
import { CUSTOMER_MAC, fromEndpoint, MIX, overheadOf, toEndpoint } from "./packet-frames.ts";

const access = { role: "access", port: "d1" } as const;
const PEER = { 4: "10.7.0.2", 6: "2001:db8:7::2" } as const;
const OWN = { 4: "10.7.0.1", 6: "2001:db8:7::1" } as const;
const headers = { 4: 28, 6: 48 } as const;

const mixes = (["jg4", "jg6", "jn6", "jc4", "jc6"] as const).flatMap((server) =>
  FAMILIES.flatMap((family): Fixture[] => {
    const { vm, mac } = mixEnds(server, family);
    const room = 9000 - overheadOf(server);
    const make = (ttl: number, bytes: number) =>
      ip(family, { source: PEER[family], destination: vm, ttl, dontFragment: true })
        .udp({ source: 1, destination: 2 })
        .payload(bytes - headers[family]);
    const name = `jumbo IPv${family} to ${server}`;
    const big = make(64, room + 1);
    return [
      ...[room, room - 1, 4097, 4096, 3500].map(
        (bytes): Fixture => ({
          ...access,
          name: `${name}: ${bytes} bytes`,
          input: fromCircuit("mix/jumbo", make(64, bytes)),
          end: tunneled(`${server}/mix`, toEndpoint(server, MIX, mac, make(63, bytes))),
        }),
      ),
      {
        ...access,
        name: `${name}: padding over several buffers`,
        input: fromCircuit("mix/jumbo", make(64, 200)).padding(8000),
        end: tunneled(`${server}/mix`, toEndpoint(server, MIX, mac, make(63, 200))),
      },
      {
        ...access,
        name: `${name}: a byte too long`,
        input: fromCircuit("mix/jumbo", big),
        end: refused("too_big", toCircuit("mix/jumbo", tooBig(family, big, room), CUSTOMER_MAC), { verdict: "tx" }),
      },
      ...[8000, 4097, 3333].map(
        (bytes): Fixture => ({
          role: "underlay",
          port: "u0",
          name: `jumbo IPv${family} from ${server}: ${bytes} bytes`,
          input: fromEndpoint(server, MIX, fromVm(server, family, { destination: PEER[family] }, bytes)),
          end: delivered(
            toCircuit("mix/jumbo", fromVm(server, family, { destination: PEER[family], ttl: 63 }, bytes)),
            "redirect",
          ),
          rx: `${server}/mix`,
        }),
      ),
    ];
  }),
);

function tooBig(family: 4 | 6, original: ReturnType<typeof ip>, mtu: number) {
  const quote = packet().payload(original.bytes().subarray(0, family === 6 ? 1232 : 548));
  const ends = { source: OWN[family], destination: PEER[family], tos: 0xc0 };
  if (family === 6)
    return packet()
      .ipv6(ends)
      .icmp6({ type: 2, words: [0, mtu] })
      .packet(quote);
  return packet()
    .ipv4({ ...ends, id: ANY })
    .icmp({ type: 3, code: 4, words: [0, mtu] })
    .packet(quote);
}

const words = [1, 2] as const;
const own = FAMILIES.map((family): Fixture => {
  const request = { source: PEER[family], destination: OWN[family], ttl: 7 };
  const reply = { source: OWN[family], destination: PEER[family] };
  const [asks, says] =
    family === 6
      ? [packet().ipv6(request).icmp6({ type: 128, words }), packet().ipv6(reply).icmp6({ type: 129, words })]
      : [
          packet().ipv4(request).icmp({ type: 8, words }),
          packet()
            .ipv4({ ...reply, id: ANY })
            .icmp({ type: 0, words }),
        ];
  return {
    ...access,
    name: `jumbo IPv${family} echo`,
    input: fromCircuit("mix/jumbo", asks.payload(8900)),
    end: answered(toCircuit("mix/jumbo", says.payload(8900), CUSTOMER_MAC), "tx"),
  };
});

/** No room for outer headers, whatever they are. The frame has the one length that a cramped run takes. */
const cramped = (["g4", "n4", "x6", "g6", "n6", "c6"] as const).flatMap((server) =>
  FAMILIES.map((family): Fixture => {
    const { vm } = mixEnds(server, family);
    const inner = ip(family, { source: PEER[family], destination: vm })
      .udp({ source: 1, destination: 2 })
      .payload(98 - 14 - headers[family]);
    return {
      ...access,
      name: `no headroom: IPv${family} to ${server}`,
      headroom: "cramped",
      input: fromCircuit("mix/jumbo", inner),
      end: dropped("no_headroom"),
    };
  }),
);

export const jumboFixtures: readonly Fixture[] = [...mixes, ...own, ...cramped];
