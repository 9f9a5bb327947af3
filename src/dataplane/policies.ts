// Path policies as rows have them: "direct-only" is PATH_POLICY_DIRECT_ONLY.

import type { PathPolicy } from "../model/index.ts";
import type { Layout } from "./layout.ts";

const POLICIES: readonly PathPolicy[] = ["direct-preferred", "direct-only", "gateway-only"];

/** Without a policy: that of whoever is asked next. */
export function policyNumber(layout: Layout, policy: PathPolicy | undefined): number {
  const name = policy === undefined ? "INHERIT" : policy.replaceAll("-", "_").toUpperCase();
  return layout.number("path_policy", `PATH_POLICY_${name}`);
}

/** Of every policy, for whoever asks a million times. */
export function policyNumbers(layout: Layout): ReadonlyMap<PathPolicy | undefined, number> {
  return new Map([undefined, ...POLICIES].map((policy) => [policy, policyNumber(layout, policy)]));
}

export function policiesByNumber(layout: Layout): ReadonlyMap<number, PathPolicy | "inherit"> {
  const names = [...layout.names("path_policy", "PATH_POLICY_")];
  return new Map(names.map(([number, name]) => [number, name.replaceAll("_", "-") as PathPolicy | "inherit"]));
}
