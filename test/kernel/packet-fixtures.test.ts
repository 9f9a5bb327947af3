import { afterAll, describe, expect, it } from "vitest";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { type Fixture, fixtureProblem } from "../support/packet-fixture.ts";
import { encapsulateFixtures } from "../support/packet-fixtures-encapsulate.ts";
import { makePorts } from "../support/packet-ports.ts";

const ports = makePorts();
const edge = new EdgeUnderTest(ports);

afterAll(() => {
  edge.close();
  ports.close();
});

function table(name: string, fixtures: readonly Fixture[]): void {
  describe(name, () => {
    for (const fixture of fixtures) {
      it(fixture.name, () => {
        const problem = fixtureProblem(edge, fixture);
        if (problem !== undefined) expect.fail(problem);
      });
    }
  });
}

table("encapsulation", encapsulateFixtures);

it("no counter contradicts another, and none moved that belongs to nothing", () => {
  expect(edge.counters.contradictions()).toEqual([]);
});
