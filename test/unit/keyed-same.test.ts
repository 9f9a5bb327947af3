// Stores of objects that are the same, and what makes them another: whoever compares two lists of etcd goes by it.

import { describe, expect, test } from "vitest";
import { EDGE, GOOD, MAC, put, remove, storeOf, type Value } from "../support/keyed.ts";

/** Another good value for each object, and one that is bad. */
const OTHERS: Readonly<Record<string, Value>> = {
  "profiles/fast": { ttl: 10 },
  "servers/s1": { address: "10.2.0.2" },
  "servers/s2": { address: "10.2.0.4", profile: "fast" },
  "gateways/g1": { address: "10.2.0.9", mac: "02:00:00:00:00:0a" },
  "tenants/acme": { vni: 101, servers: ["s2"] },
  "tenants/acme/circuits/hq": { interface: "e0", address: "10.1.0.1/24", peer: "10.1.0.3" },
  "tenants/acme/routes/10.1.0.0_24": { via: ["g1"] },
  "tenants/acme/routes/0.0.0.0_0": { via: ["g1"] },
  "tenants/acme/vms/172.16.0.5": { server: "s2", mac: MAC },
  "tenants/acme/vms/2001:db8:16::5": { server: "s2", mac: MAC },
  "tenants/other": { vni: 6 },
};

describe.each(GOOD)("two stores of the same objects but for %s", (key, value) => {
  const pair = () => [storeOf(GOOD), storeOf([...GOOD].reverse())] as const;

  test.each([
    ["that is another one", OTHERS[key]],
    ["that is a bad one", "bad"],
    ["that is not there", undefined],
  ])("%s are not the same, in either direction, until it is as it was", (_, other) => {
    for (const built of [false, true]) {
      const [one, two] = pair();
      if (built) one.build(EDGE);
      expect([one.sameAs(two), two.sameAs(one)]).toEqual([true, true]);
      if (other === undefined) remove(two, key);
      else put(two, key, other);
      expect([one.sameAs(two), two.sameAs(one)]).toEqual([false, false]);
      put(two, key, value);
      expect([one.sameAs(two), two.sameAs(one)]).toEqual([true, true]);
    }
  });
});

test("a key of no object makes a store another one", () => {
  const [one, two] = [storeOf(GOOD), storeOf([...GOOD, ["lease/1", "{}"]])];
  expect([one.sameAs(two), two.sameAs(one)]).toEqual([false, false]);
  remove(two, "lease/1");
  expect([one.sameAs(two), two.sameAs(one)]).toEqual([true, true]);
});
