import { afterAll, describe, expect, it } from "vitest";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { type Fixture, fixtureProblem } from "../support/packet-fixture.ts";
import { arpFixtures } from "../support/packet-fixtures-arp.ts";
import { echoFixtures } from "../support/packet-fixtures-echo.ts";
import { encapsulateFixtures } from "../support/packet-fixtures-encapsulate.ts";
import { errorFixtures } from "../support/packet-fixtures-error.ts";
import { malformedFixtures } from "../support/packet-fixtures-malformed.ts";
import { relayFixtures } from "../support/packet-fixtures-relay.ts";
import { brokenRowFixtures, foreignFixtures, selectFixtures } from "../support/packet-fixtures-select.ts";
import { tunnelFixtures } from "../support/packet-fixtures-tunnel.ts";
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
table("selection", selectFixtures);
table("what is not ours", foreignFixtures);
table("rows that no apply writes", brokenRowFixtures);
table("tunnel packets", tunnelFixtures);
table("from tunnels onward", relayFixtures);
table("ARP", arpFixtures);
table("echo", echoFixtures);
table("errors that are told", errorFixtures);
table("malformed inner packets", malformedFixtures);

it("no counter contradicts another, and none moved that belongs to nothing", () => {
  expect(edge.counters.contradictions()).toEqual([]);
});
