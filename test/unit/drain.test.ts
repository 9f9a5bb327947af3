// Where packets go when an endpoint is taken out, told before it is.

import { describe, expect, test } from "vitest";
import { planDrain } from "../../src/control/drain.ts";
import { parseModel } from "../../src/document/index.ts";

const DOCUMENT = `version: 1
edge: {address: 10.2.0.1, interfaces: [{name: e0, role: access}]}
servers:
  s1: {address: 10.2.0.2, standby: s2}
  s2: {address: 10.2.0.3}
  s3: {address: 10.2.0.4, standby: s1}
gateways:
  gw1: {address: 10.2.0.9, mac: 02:00:00:00:00:09}
  gw2: {address: 10.2.0.10, mac: 02:00:00:00:00:0a}
tenants:
  acme:
    vni: 100
    circuits: {hq: {interface: e0, address: 10.1.0.1/24, peer: 10.1.0.2}}
    routes:
      - {prefix: 172.16.0.0/12, via: [gw1, gw2]}
      - {prefix: 172.17.0.0/16, via: [gw1]}
      - {prefix: 172.18.0.0/16, circuit: hq}
      - {prefix: 10.9.0.0/16, via: [s2]}
    vms:
      172.16.0.1: {server: s1, mac: 02:00:00:00:00:01}
      172.16.0.2: {server: s1, mac: 02:00:00:00:00:02, policy: direct-only}
      172.16.0.3: {server: s2, mac: 02:00:00:00:00:03}
      172.17.0.4: {server: s2, mac: 02:00:00:00:00:04}
      172.18.0.5: {server: s2, mac: 02:00:00:00:00:05}
      192.0.2.6: {server: s2, mac: 02:00:00:00:00:06}
      172.16.0.7: {server: s2, mac: 02:00:00:00:00:07, policy: direct-only}
      172.17.0.8: {server: s2, mac: 02:00:00:00:00:08, policy: gateway-only}
      172.16.0.9: {server: s3, mac: 02:00:00:00:00:09}
  globex:
    vni: 200
    dscpPolicy: {46: direct-only}
    routes: [{prefix: "::/0", via: [gw1]}]
    vms: {"2001:db8::1": {server: s2, mac: 02:00:00:00:00:01}}
`;
const { model } = parseModel(DOCUMENT, "state.yaml");

const drained = (endpoint: string, ...down: readonly string[]) => {
  const { vms, routes, stranded } = planDrain(model, endpoint, (name) => !down.includes(name));
  return {
    vms: vms.map(({ vms, to, byRoute }) => `${vms} ${byRoute ? "route " : ""}${to.join(",")}`.trim()).sort(),
    routes: routes.map(({ tenant, prefix, to }) => `${tenant} ${prefix} ${to.join(",")}`.trim()),
    stranded,
  };
};

describe("a server that is drained", () => {
  test("leaves its VMs to its standby, whatever their policy", () => {
    expect(drained("s1")).toEqual({ vms: ["2 s2"], routes: [], stranded: { vms: 0, routes: 0 } });
  });

  test("without one leaves them to the longest route, as their policies allow", () => {
    expect(drained("s2")).toEqual({
      // A circuit counts; so does a class of packets that may not take the route.
      vms: ["1 route gw1", "1 route gw1,gw2", "1 route hq", "3"],
      routes: ["acme 10.9.0.0/16"],
      stranded: { vms: 3, routes: 1 },
    });
  });

  test("whose standby is down has none", () => {
    expect(drained("s1", "s2").vms).toEqual(["1", "1 route gw1,gw2"]);
  });

  test("takes along those it stands in for", () => {
    expect(drained("s1", "s3").vms).toEqual(["1 route gw1,gw2", "2 s2"]);
  });

  test("changes nothing where it is down already", () => {
    expect(drained("s1", "s1")).toEqual({ vms: [], routes: [], stranded: { vms: 0, routes: 0 } });
    // Not for those whose standby it is either.
    expect(drained("s1", "s1", "s3").vms).toEqual([]);
  });
});

describe("a gateway that is drained", () => {
  test("leaves its group, and who has no other loses its path", () => {
    expect(drained("gw1")).toEqual({
      vms: ["1"],
      routes: ["acme 172.16.0.0/12 gw2", "acme 172.17.0.0/16", "globex ::/0"],
      stranded: { vms: 1, routes: 2 },
    });
  });

  test("counts VMs that are reached by it since their servers are down", () => {
    expect(drained("gw2", "s1", "s2", "s3").vms).toEqual(["3 route gw1"]);
  });
});
