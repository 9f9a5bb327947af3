// The part of validation that is about profiles.

import { ipFamily } from "../address/index.ts";
import type { Validation } from "./checks.ts";
import { requireRange, requireRateLimit } from "./checks.ts";
import { KEY_FILE_MAX, RANGES } from "./limits.ts";
import { overheadBytes, SMALLEST_MTU_BYTES, usesInner6 } from "./overhead.ts";
import type { ModelPath } from "./problems.ts";
import type { Bfd, Profile } from "./types.ts";

export function validateProfiles(validation: Validation): void {
  for (const [name, profile] of validation.model.profiles) validateProfile(validation, name, profile);
  validateMtus(validation);
}

function validateProfile(validation: Validation, name: string, profile: Profile): void {
  const path = (...rest: string[]): ModelPath => ["profiles", name, ...rest];
  const { encapsulation, port } = profile;
  if (encapsulation === "nvgre") {
    if (port !== undefined) validation.problems.add(path("port"), "nvgre has no UDP port, expected none");
    if (profile.udpChecksum === "full") {
      validation.problems.add(path("udpChecksum"), "nvgre has no UDP checksum, expected zero");
    }
  } else if (port === undefined) {
    validation.problems.add(path("port"), `missing, expected the UDP port of ${encapsulation}`);
  } else {
    requireRange(validation, path("port"), port, RANGES.port);
  }
  requireRange(validation, path("ttl"), profile.ttl, RANGES.ttl);
  if (profile.dscp !== "copy") requireRange(validation, path("dscp"), profile.dscp, RANGES.dscp);
  requireRateLimit(validation, path("rateLimit"), profile.rateLimit);
  if (profile.bfd === undefined) return;
  const { min, max } = RANGES.bfdIntervalUs;
  if (profile.bfd.intervalUs < min || profile.bfd.intervalUs > max) {
    const message = `${profile.bfd.intervalUs}us is out of range, expected 1ms to 60s`;
    validation.problems.add(path("bfd", "interval"), message);
  }
  requireRange(validation, path("bfd", "multiplier"), profile.bfd.multiplier, RANGES.bfdMultiplier);
  validateBfdRest(validation, path, profile.bfd);
}

function validateBfdRest(
  { problems }: Validation,
  path: (...rest: string[]) => ModelPath,
  { holdDownUs, auth }: Bfd,
): void {
  const { min, max } = RANGES.bfdHoldDownUs;
  if (holdDownUs < min || holdDownUs > max)
    problems.add(path("bfd", "holdDown"), `${holdDownUs}us is out of range, expected 0us to 600s`);
  if (auth === undefined) return;
  const { keyId, keyFile } = auth;
  if (!Number.isInteger(keyId) || keyId < RANGES.bfdKeyId.min || keyId > RANGES.bfdKeyId.max)
    problems.add(path("bfd", "auth", "keyId"), `${keyId} is out of range, expected 0 to 255`);
  if (!keyFile.startsWith("/") || Buffer.byteLength(keyFile) > KEY_FILE_MAX)
    problems.add(path("bfd", "auth", "keyFile"), `expected an absolute path of at most ${KEY_FILE_MAX} bytes`);
}

/** Outer packets must have room for the smallest inner packet of each family that tenants use. */
function validateMtus(validation: Validation): void {
  const { model, problems } = validation;
  const inner = usesInner6(model) ? 6 : 4;
  const outer = new Map<string, 4 | 6>();
  for (const { address, profile } of [...model.servers.values(), ...model.gateways.values()]) {
    // The larger overhead counts.
    if (outer.get(profile) !== 6) outer.set(profile, ipFamily(address));
  }
  for (const [name, profile] of model.profiles) {
    const { mtuBytes } = profile;
    if (mtuBytes === undefined) continue;
    const path = ["profiles", name, "mtu"];
    const family = outer.get(name) ?? 4;
    const overhead = overheadBytes(profile, family);
    const least = overhead + SMALLEST_MTU_BYTES[inner];
    if (mtuBytes >= least || !Number.isInteger(mtuBytes)) {
      requireRange(validation, path, mtuBytes, RANGES.mtuBytes);
      continue;
    }
    const { min, max } = RANGES.mtuBytes;
    const adds = `${profile.encapsulation} over IPv${family} adds ${overhead} bytes to an inner IPv${inner} packet`;
    const room = `which every network must carry up to ${SMALLEST_MTU_BYTES[inner]}`;
    problems.add(path, `${mtuBytes} is too small: ${adds}, ${room}, expected ${Math.max(min, least)} to ${max}`);
  }
}
