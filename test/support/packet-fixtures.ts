// All fixtures, by what they are about.

import type { Fixture } from "./packet-fixture.ts";
import { arpFixtures } from "./packet-fixtures-arp.ts";
import { echoFixtures } from "./packet-fixtures-echo.ts";
import { encapsulateFixtures } from "./packet-fixtures-encapsulate.ts";
import { errorFixtures } from "./packet-fixtures-error.ts";
import { malformedFixtures } from "./packet-fixtures-malformed.ts";
import { relayFixtures } from "./packet-fixtures-relay.ts";
import { brokenRowFixtures, foreignFixtures, selectFixtures } from "./packet-fixtures-select.ts";
import { tunnelFixtures } from "./packet-fixtures-tunnel.ts";

export const FIXTURES: Readonly<Record<string, readonly Fixture[]>> = {
  encapsulation: encapsulateFixtures,
  selection: selectFixtures,
  "what is not ours": foreignFixtures,
  "rows that no apply writes": brokenRowFixtures,
  "tunnel packets": tunnelFixtures,
  "from tunnels onward": relayFixtures,
  ARP: arpFixtures,
  echo: echoFixtures,
  "errors that are told": errorFixtures,
  "malformed inner packets": malformedFixtures,
};
