// Profiles ↔ rows of profiles, profile_limits and profile_details.

import type { Bfd, BfdAuth, Encapsulation, Profile } from "../model/index.ts";
import { DEFAULT_PROFILE, DEFAULT_PROFILE_NAME } from "../model/index.ts";
import type { Layout } from "./layout.ts";
import { limitDetail, limitOfDetail, limitWord } from "./limits.ts";
import type { RowBuilder } from "./row-builder.ts";
import type { Field, RowReader } from "./row-reader.ts";

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
      bfd_hold_down_us: bfd?.holdDownUs ?? 0,
      bfd_multihop: bfd?.multihop === true ? 1 : 0,
      bfd_auth: authNumber(layout, bfd?.auth),
      bfd_key_id: bfd?.auth?.keyId ?? 0,
      ...(rateLimit && limitDetail(rateLimit)),
    });
    builder.profileDetails.set(index, detail);
  }
  builder.name("PROFILE", index, name);
  if (bfd?.auth !== undefined) builder.name("KEY_FILE", index, bfd.auth.keyFile);
}

/** Types of authentication as C names them: BFD_AUTH_KEYED_SHA1 is "keyed-sha1". */
const authName = (type: string): string => type.toUpperCase().replaceAll("-", "_");

function authNumber(layout: Layout, auth: BfdAuth | undefined): number {
  return layout.number("bfd_auth", `BFD_AUTH_${authName(auth?.type ?? "none")}`);
}

/** What profile_detail has of BFD; undefined: none. */
function bfdOf(reader: RowReader, index: number, detail: Field | undefined): Bfd | undefined {
  const row = (detail ?? {}) as Readonly<Record<string, number | undefined>>;
  const intervalUs = row.bfd_interval_us ?? 0;
  if (intervalUs === 0) return undefined;
  const types = reader.layout.names("bfd_auth", "BFD_AUTH_");
  const type = types.get(row.bfd_auth ?? 0)?.replaceAll("_", "-") as BfdAuth["type"] | "none" | undefined;
  const keyFile = reader.names["key-file"].get(index);
  return {
    intervalUs,
    multiplier: row.bfd_multiplier ?? 0,
    multihop: row.bfd_multihop === 1,
    holdDownUs: row.bfd_hold_down_us ?? 0,
    ...(type !== undefined && type !== "none" && keyFile !== undefined
      ? { auth: { type, keyId: row.bfd_key_id ?? 0, keyFile } }
      : {}),
  };
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
    const bfd = bfdOf(reader, index, detail);
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
      ...(bfd === undefined ? {} : { bfd }),
    });
  }
  if (!profiles.has(DEFAULT_PROFILE_NAME)) profiles.set(DEFAULT_PROFILE_NAME, DEFAULT_PROFILE);
  return profiles;
}
