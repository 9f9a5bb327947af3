// Congestion marks (RFC 6040) and classes (RFC 2983), for all families: every inner code point under every outer one.

import { FAMILIES, fromCircuit, fromVm, mixEnds, toCircuit, toVm } from "./packet-circuits.ts";
import { delivered, dropped, type Fixture, tunneled } from "./packet-fixture.ts";
import { endpointOf, fromEndpoint, MIX, toEndpoint } from "./packet-frames.ts";

const POINTS = [0, 1, 2, 3] as const;
/** RFC 6040 figure 4: rows are the inner code point, columns the outer one; undefined is dropped. */
const FIGURE_4: readonly (readonly (number | undefined)[])[] = [
  [0, 0, 0, undefined],
  [1, 1, 1, 3],
  [2, 1, 2, 3],
  [3, 3, 3, 3],
];

/** Both DSCP models for decapsulation, over both families. */
const decapsulation = (["s1", "x6", "k4", "k6", "u4", "u6"] as const).flatMap((server) =>
  FAMILIES.flatMap((family) =>
    POINTS.flatMap((inner) =>
      POINTS.map((outer): Fixture => {
        const [innerDscp, outerDscp] = [0xb8, 0x48];
        const uniform = endpointOf(server).profile.decapsulationDscp === "copy";
        const after = FIGURE_4[inner]?.[outer];
        const tos = (uniform ? outerDscp : innerDscp) | (after ?? 0);
        const input = fromEndpoint(server, MIX, fromVm(server, family, { tos: innerDscp | inner }), {
          tos: outerDscp | outer,
        });
        const base = {
          role: "underlay" as const,
          port: "u0" as const,
          name: `IPv${family} from ${server}: ECN ${inner} under ECN ${outer}`,
          input,
        };
        if (after === undefined) return { ...base, end: dropped("congestion") };
        return {
          ...base,
          end: delivered(toCircuit("mix/lan", fromVm(server, family, { tos, ttl: 63 }))),
          rx: `${server}/mix`,
        };
      }),
    ),
  ),
);

/** RFC 6040 section 4.1, and what `dscp` says. */
const encapsulation = (["s1", "x6", "g6", "n6", "fg4", "fg6", "fn4", "fn6", "u6"] as const).flatMap((server) =>
  FAMILIES.flatMap((family) =>
    POINTS.map((ecn): Fixture => {
      const { dscp = "copy", ecn: mode = "normal" } = endpointOf(server).profile;
      const tos = 0x90 | ecn;
      const outer = (dscp === "copy" ? 0x90 : dscp << 2) | (mode === "normal" ? ecn : 0);
      const { mac } = mixEnds(server, family);
      return {
        role: "access",
        port: "d0",
        name: `IPv${family} to ${server}: ECN ${ecn}, ${mode}`,
        input: fromCircuit("mix/lan", toVm(server, family, { tos })),
        end: tunneled(
          `${server}/mix`,
          toEndpoint(server, MIX, mac, toVm(server, family, { tos, ttl: 63 }), { tos: outer }),
        ),
      };
    }),
  ),
);

/** Each single bit of the class, which IPv6 has across a byte's boundary. */
const bits = (["s1", "n6"] as const).flatMap((server) =>
  Array.from({ length: 8 }, (_, bit): Fixture => {
    const tos = 1 << bit;
    return {
      role: "access",
      port: "d0",
      name: `IPv6 to ${server}: only bit ${bit} of the class`,
      input: fromCircuit("mix/lan", toVm(server, 6, { tos })),
      end: tunneled(
        `${server}/mix`,
        toEndpoint(server, MIX, mixEnds(server, 6).mac, toVm(server, 6, { tos, ttl: 63 }), { tos }),
      ),
    };
  }),
);

export const markFixtures: readonly Fixture[] = [...decapsulation, ...encapsulation, ...bits];
