// Sets of VMs are equal when they have the same VMs, in whatever order.

import { expect } from "vitest";
import { VmSet } from "../../src/model/index.ts";

expect.addEqualityTesters([
  function sameVms(a: unknown, b: unknown): boolean | undefined {
    if (!(a instanceof VmSet) && !(b instanceof VmSet)) return undefined;
    if (!(a instanceof VmSet) || !(b instanceof VmSet)) return false;
    return this.equals(new Map(a), new Map(b));
  },
]);
