// Named packets: verdict, bytes and every counter of each (test/support/packet-fixtures-*.ts).

import { afterAll, describe, expect, it } from "vitest";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { fixtureProblem } from "../support/packet-fixture.ts";
import { FIXTURES } from "../support/packet-fixtures.ts";
import { makePorts } from "../support/packet-ports.ts";

const ports = makePorts();
const edge = new EdgeUnderTest(ports);

afterAll(() => {
  edge.close();
  ports.close();
});

for (const [table, fixtures] of Object.entries(FIXTURES)) {
  describe(table, () => {
    for (const fixture of fixtures) {
      it(fixture.name, () => {
        const problem = fixtureProblem(edge, fixture);
        if (problem !== undefined) expect.fail(problem);
      });
    }
  });
}

describe("the fixtures", () => {
  it("have names of their own", () => {
    for (const [table, fixtures] of Object.entries(FIXTURES)) {
      const names = fixtures.map(({ name }) => name);
      expect([...new Set(names)], table).toEqual(names);
    }
  });

  it("leave no counter that contradicts another, and none that belongs to nothing", () => {
    expect(edge.counters.contradictions()).toEqual([]);
  });

  it("meet every reason for which a packet is dropped", () => {
    const reasons = [...edge.plane.layout.names("drop_reason", "DROP_").values()];
    const met = Object.values(FIXTURES).flatMap((fixtures) =>
      fixtures.map(({ end }) => (end.kind === "dropped" ? end.reason : "")),
    );
    // What control packets are dropped for takes sessions: packet-liveness.test.ts.
    const elsewhere = (reason: string) => /^(none|reason_count|liveness_.*)$/.test(reason);
    expect(reasons.filter((reason) => !met.includes(reason) && !elsewhere(reason))).toEqual([]);
  });
});
