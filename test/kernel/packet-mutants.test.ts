// The tests themselves tested: with any one rule of the packet path broken, some fixture must fail.

import { afterAll, describe, expect, it } from "vitest";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { fixtureProblem } from "../support/packet-fixture.ts";
import { FIXTURES } from "../support/packet-fixtures.ts";
import { compileMutant } from "../support/packet-mutant-build.ts";
import { MUTANTS } from "../support/packet-mutants.ts";
import { makePorts } from "../support/packet-ports.ts";

const ports = makePorts();
const fixtures = Object.values(FIXTURES).flat();

afterAll(() => ports.close());

// One compiles while another runs.
const ahead = 2;
const compiled = new Map<number, ReturnType<typeof compileMutant>>();
function objectOf(index: number): ReturnType<typeof compileMutant> {
  for (let next = index; next < Math.min(index + ahead, MUTANTS.length); next++) {
    if (compiled.has(next)) continue;
    const promise = compileMutant(MUTANTS[next] as (typeof MUTANTS)[number]);
    // Whoever asks for it sees the failure.
    promise.catch(() => undefined);
    compiled.set(next, promise);
  }
  return compiled.get(index) as ReturnType<typeof compileMutant>;
}

/** The first fixture that fails. */
function caughtBy(object: string): string | undefined {
  const edge = new EdgeUnderTest(ports, { object });
  try {
    return fixtures.find((fixture) => fixtureProblem(edge, fixture) !== undefined)?.name;
  } finally {
    edge.close();
  }
}

describe("a fixture fails when", () => {
  for (const [index, mutant] of MUTANTS.entries()) {
    it(mutant.name, async () => {
      const { object, remove } = await objectOf(index);
      try {
        expect(caughtBy(object), `no fixture notices that ${mutant.name} (bpf/${mutant.file})`).toBeDefined();
      } finally {
        remove();
      }
    });
  }
});
