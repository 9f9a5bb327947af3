// Programs are loaded with what a model needs, and exchanged in place when another model needs more.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { XdpLink, xdpAttached } from "../../src/bpf/link.ts";
import { BpfProgram } from "../../src/bpf/program.ts";
import type { Feature, Plane } from "../../src/dataplane/index.ts";
import { attachPort, observe, Plane as Planes } from "../../src/dataplane/index.ts";
import { parseModel } from "../../src/document/index.ts";
import { applyEdge, loadOptionsOf, planEdge } from "../../src/edge/reconcile.ts";
import {
  deleteLink,
  fingerprint,
  load,
  makeLink,
  newPins,
  OBJECT,
  openDescriptors,
} from "../support/dataplane-kernel.ts";

const ALL: readonly Feature[] = [
  "outer6",
  "inner6",
  "geneve",
  "nvgre",
  "vlan",
  "policy",
  "rate_limit",
  "mss_clamp",
  "udp_checksum",
  "dscp_uniform",
];
const NONE: ReadonlySet<Feature> = new Set();
const ROLES = ["access", "underlay", "both"] as const;

beforeAll(() => makeLink("fe0"));
afterAll(() => deleteLink("fe0"));

let pins: ReturnType<typeof newPins>;
beforeEach(() => {
  pins = newPins();
});
afterEach(() => pins[Symbol.dispose]());

function port() {
  using link = XdpLink.openPinned(pins.link("fe0"));
  return link.info;
}

const pinned = () =>
  ROLES.map((role) => {
    using program = BpfProgram.openPinned(pins.program(role));
    return program.info.id;
  });

/** An attached port of an edge that was made without features. */
function plainEdge(): Plane {
  const plane = load(pins);
  attachPort(plane, { name: "fe0", role: "both", mode: "native" });
  return plane;
}

function expectRuns(features: readonly Feature[]): void {
  using plane = Planes.open(pins, OBJECT);
  expect([...plane.meta.features]).toEqual(features);
  expect(port().programId).toBe(pinned()[2]);
  expect(xdpAttached(port().ifindex)).toMatchObject({ mode: "native", programName: "unum_both" });
}

test("a fresh edge has none, and every set of features is a program that the verifier takes", () => {
  using plane = plainEdge();
  expect([...plane.meta.features]).toEqual([]);
  for (const feature of ALL) plane.require(new Set([feature]), NONE);
  plane.require(new Set(ALL), NONE);
  expectRuns(ALL);
});

describe("a feature that the programs lack", () => {
  test("is added while the port stays attached: the same link, another program, the same rows", () => {
    using plane = plainEdge();
    const [before, programs, { meta: _, ...rows }] = [port(), pinned(), fingerprint(pins)];
    plane.require(new Set<Feature>(["vlan"]), NONE);
    const { meta: __, ...after } = fingerprint(pins);
    expect(after).toEqual(rows);
    expect(port()).toMatchObject({ id: before.id, ifindex: before.ifindex });
    expect(port().programId).not.toBe(before.programId);
    for (const [at, id] of pinned().entries()) expect(id).not.toBe(programs[at]);
    expectRuns(["vlan"]);
  });

  test("that they have already exchanges nothing", () => {
    using plane = plainEdge();
    plane.require(new Set<Feature>(["vlan", "geneve"]), NONE);
    const before = [port(), pinned(), fingerprint(pins)];
    plane.require(new Set<Feature>(["geneve"]), NONE);
    plane.require(NONE, NONE);
    expect([port(), pinned(), fingerprint(pins)]).toEqual(before);
  });

  test("keeps what is in use, and drops what is not", () => {
    using plane = plainEdge();
    plane.require(new Set<Feature>(["vlan", "geneve"]), NONE);
    plane.require(new Set<Feature>(["nvgre"]), new Set<Feature>(["vlan"]));
    expectRuns(["nvgre", "vlan"].sort() as Feature[]);
  });

  test("and whose exchange is killed anywhere leaves nothing that claims more than it has", () => {
    plainEdge().close();
    for (let round = 1, died = true; died; round++) {
      {
        using plane = load(pins);
        plane.require(new Set<Feature>(["vlan"]), NONE);
        died = killedAt(round, () => plane.require(new Set<Feature>(["geneve"]), NONE));
      }
      using plane = load(pins);
      // Some run or are pinned without what the others have: who needs that gets it everywhere.
      plane.require(new Set<Feature>(["vlan"]), NONE);
      expectRuns(["vlan"]);
      if (!died) expect(round).toBe(5);
    }
  });

  test("leaves no descriptor behind", () => {
    using plane = plainEdge();
    plane.require(new Set<Feature>(["vlan"]), NONE);
    observe(plane);
    const before = openDescriptors();
    for (const feature of ["geneve", "nvgre", "policy"] as const) plane.require(new Set([feature]), NONE);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });
});

/** Whether `work` came to its `round`th change of a link or a pin of a program, and died there. */
function killedAt(round: number, work: () => void): boolean {
  let calls = 0;
  const { update } = XdpLink.prototype;
  const { pin } = BpfProgram.prototype;
  const step = () => {
    if (++calls === round) throw new Error("killed");
  };
  XdpLink.prototype.update = function (program) {
    step();
    update.call(this, program);
  };
  BpfProgram.prototype.pin = function (path) {
    step();
    pin.call(this, path);
  };
  try {
    work();
    return false;
  } catch (thrown) {
    if ((thrown as Error).message !== "killed") throw thrown;
    return true;
  } finally {
    XdpLink.prototype.update = update;
    BpfProgram.prototype.pin = pin;
  }
}

describe("an edge", () => {
  const plain = `
version: 1
edge: {address: 10.2.0.1, capacity: {vms: 1024, vms6: 1024}}
servers: {s1: {address: 10.2.0.2}}
tenants: {acme: {vni: 9, vms: {172.16.0.5: {server: s1, mac: 02:00:00:00:00:05}}}}`;
  const ipv6 = plain.replace("172.16.0.5:", '"2001:db8::5":');
  const apply = async (text: string) => {
    const { model } = parseModel(text, "test");
    using plane = Planes.load(pins, OBJECT, { ...loadOptionsOf(model), lockWaitMs: 0 });
    const plan = await planEdge(plane, model, { resolveMs: 0 });
    return { plan, applied: applyEdge(plane, plan) };
  };

  test("is made with what its document needs, and says nothing of it", async () => {
    const { plan } = await apply(ipv6);
    expect(plan.programs).toEqual([]);
    using plane = Planes.open(pins, OBJECT);
    expect([...plane.meta.features]).toEqual(["inner6"]);
  });

  test("tells why its programs are exchanged, does it, and then has nothing to do", async () => {
    await apply(plain);
    const { plan, applied } = await apply(ipv6);
    expect(plan.programs).toEqual(["IPv6 inside of tunnels: used for the first time"]);
    expect(applied.notices.join("\n")).toContain("programs: exchanged in place");
    const again = await apply(ipv6);
    expect(again.plan).toMatchObject({ programs: [], rows: 0, changes: [] });
  });
});
