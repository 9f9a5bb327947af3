// All fixtures, by what they are about.

import type { Fixture } from "./packet-fixture.ts";
import { arpFixtures } from "./packet-fixtures-arp.ts";
import { circuitFixtures } from "./packet-fixtures-circuits.ts";
import { echoFixtures } from "./packet-fixtures-echo.ts";
import { encapsulateFixtures } from "./packet-fixtures-encapsulate.ts";
import { errorFixtures } from "./packet-fixtures-error.ts";
import { error6Fixtures } from "./packet-fixtures-error6.ts";
import { intoFixtures, outOfFixtures } from "./packet-fixtures-formats.ts";
import { checksumFixtures, headerFixtures } from "./packet-fixtures-headers.ts";
import { inner6Fixtures } from "./packet-fixtures-inner6.ts";
import { jumboFixtures } from "./packet-fixtures-jumbo.ts";
import { limitFixtures } from "./packet-fixtures-limit.ts";
import { malformedFixtures } from "./packet-fixtures-malformed.ts";
import { markFixtures } from "./packet-fixtures-marks.ts";
import { mssFixtures } from "./packet-fixtures-mss.ts";
import { neighbourFixtures } from "./packet-fixtures-neighbour.ts";
import { pathMtuFixtures } from "./packet-fixtures-path-mtu.ts";
import { policyFixtures } from "./packet-fixtures-policy.ts";
import { relayFixtures } from "./packet-fixtures-relay.ts";
import { relayErrorFixtures, relayMixFixtures } from "./packet-fixtures-relay-mix.ts";
import { brokenRowFixtures, foreignFixtures, selectFixtures } from "./packet-fixtures-select.ts";
import { selfFixtures } from "./packet-fixtures-self.ts";
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
  "every format into a tunnel": intoFixtures,
  "every format out of a tunnel": outOfFixtures,
  "headers of other formats and families": headerFixtures,
  "UDP checksums": checksumFixtures,
  circuits: circuitFixtures,
  "neighbour discovery": neighbourFixtures,
  "inner IPv6": inner6Fixtures,
  "errors in IPv6": error6Fixtures,
  "the edge's own addresses": selfFixtures,
  "from tunnel to tunnel": relayMixFixtures,
  "errors between tunnels": relayErrorFixtures,
  "congestion and class": markFixtures,
  MSS: mssFixtures,
  "path MTU": pathMtuFixtures,
  policy: policyFixtures,
  "rate limits": limitFixtures,
  "frames of several buffers": jumboFixtures,
};
