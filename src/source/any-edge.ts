// Objects that many edges share are checked without one of them.

import { parseIpv4, parseIpv6, parseMac } from "../address/index.ts";
import type { Edge } from "../model/index.ts";
import { RANGES } from "../model/index.ts";

/** An edge that serves everything: whether an object suits one edge or another, that edge tells. */
export const ANY_EDGE: Edge = Object.freeze({
  address: parseIpv4("10.255.255.254"),
  address6: parseIpv6("fd00:ffff:ffff::1"),
  mac: parseMac("02:00:00:00:00:01"),
  interfaces: [],
  vmCapacity: RANGES.vmCapacity.max,
  vm6Capacity: RANGES.vm6Capacity.max,
});
