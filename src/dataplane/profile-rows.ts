// Profiles ↔ rows of profiles, profile_limits and profile_details.

import type { Encapsulation, Profile } from "../model/index.ts";
import { DEFAULT_PROFILE, DEFAULT_PROFILE_NAME } from "../model/index.ts";
import type { Layout } from "./layout.ts";
import { limitDetail, limitOfDetail, limitWord } from "./limits.ts";
import type { RowBuilder } from "./row-builder.ts";
import type { RowReader } from "./row-reader.ts";

/** Each flag, and when a profile has it. */
const FLAGS: readonly (readonly [name: string, isSet: (profile: Profile) => boolean])[] = [
  ["PROFILE_VALID", () => true],
  ["PROFILE_DONT_FRAGMENT", ({ dontFragment }) => dontFragment],
  ["PROFILE_ENTROPY_L3", ({ entropy }) => entropy === "l3"],
  ["PROFILE_ECN_COMPATIBILITY", ({ ecn }) => ecn === "compatibility"],
  ["PROFILE_UDP_CHECKSUM", ({ udpChecksum }) => udpChecksum === "full"],
  ["PROFILE_MSS_CLAMP", ({ mssClamp }) => mssClamp === "auto"],
  ["PROFILE_RATE_LIMIT", ({ rateLimit }) => rateLimit !== undefined],
  ["PROFILE_DSCP_UNIFORM", ({ decapsulationDscp }) => decapsulationDscp === "copy"],
];

function profileFlags(layout: Layout, profile: Profile): number {
  const set = FLAGS.filter(([, isSet]) => isSet(profile));
  return set.reduce((flags, [name]) => flags | layout.number("profile_flags", name), 0);
}

export function compileProfile(builder: RowBuilder, name: string, profile: Profile): void {
  const { layout } = builder;
  const { rateLimit, bfd } = profile;
  const index = builder.index("profile", name);
  const dscp = profile.dscp === "copy" ? layout.number("profile_dscp", "PROFILE_DSCP_COPY") : profile.dscp;
  builder.profiles.set(
    index,
    layout.encode("profile", {
      port: profile.port ?? 0,
      ttl: profile.ttl,
      dscp,
      encapsulation: builder.encapsulation(profile.encapsulation),
      flags: profileFlags(layout, profile),
      mtu: profile.mtuBytes ?? 0,
    }),
  );
  if (rateLimit !== undefined) builder.profileLimits.set(index, limitWord(layout, rateLimit));
  if (rateLimit !== undefined || bfd !== undefined) {
    const detail = layout.encode("profile_detail", {
      bfd_interval_us: bfd?.intervalUs ?? 0,
      bfd_multiplier: bfd?.multiplier ?? 0,
      ...(rateLimit && limitDetail(rateLimit)),
    });
    builder.profileDetails.set(index, detail);
  }
  builder.name("PROFILE", index, name);
}

type ProfileRow = Record<"port" | "ttl" | "dscp" | "encapsulation" | "flags" | "mtu", number>;

export function decodeProfiles(reader: RowReader): Map<string, Profile> {
  const { layout } = reader;
  const { rows } = reader.input;
  const profiles = new Map<string, Profile>();
  const encapsulations = layout.names("encapsulation", "ENCAPSULATION_");
  for (const [index, bytes] of rows.profiles) {
    const name = reader.name("profile", index, `profiles[${index}]`);
    const row = reader.fields("profile", bytes) as ProfileRow;
    const encapsulation = reader.meaning(encapsulations, row.encapsulation, "encapsulation", `profiles[${index}]`);
    if (name === undefined || encapsulation === undefined) continue;
    const has = (flag: string): boolean => (row.flags & layout.number("profile_flags", flag)) !== 0;
    const detailBytes = rows.profileDetails.get(index);
    const detail = detailBytes && reader.fields("profile_detail", detailBytes);
    const rateLimit = has("PROFILE_RATE_LIMIT") ? limitOfDetail(detail) : undefined;
    const intervalUs = (detail?.bfd_interval_us ?? 0) as number;
    profiles.set(name, {
      encapsulation: encapsulation as Encapsulation,
      ...(row.port === 0 ? {} : { port: row.port }),
      ttl: row.ttl,
      dscp: row.dscp === layout.number("profile_dscp", "PROFILE_DSCP_COPY") ? "copy" : row.dscp,
      decapsulationDscp: has("PROFILE_DSCP_UNIFORM") ? "copy" : "keep",
      ecn: has("PROFILE_ECN_COMPATIBILITY") ? "compatibility" : "normal",
      dontFragment: has("PROFILE_DONT_FRAGMENT"),
      udpChecksum: has("PROFILE_UDP_CHECKSUM") ? "full" : "zero",
      entropy: has("PROFILE_ENTROPY_L3") ? "l3" : "l4",
      ...(row.mtu === 0 ? {} : { mtuBytes: row.mtu }),
      mssClamp: has("PROFILE_MSS_CLAMP") ? "auto" : "off",
      ...(rateLimit === undefined ? {} : { rateLimit }),
      ...(intervalUs === 0 ? {} : { bfd: { intervalUs, multiplier: detail?.bfd_multiplier as number } }),
    });
  }
  if (!profiles.has(DEFAULT_PROFILE_NAME)) profiles.set(DEFAULT_PROFILE_NAME, DEFAULT_PROFILE);
  return profiles;
}
