// Rows of a VNI that nobody has in the state: a writer that was killed left them.

import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { State } from "../../src/control/state.ts";
import { beforeHandOver } from "../../src/dataplane/hand-over.ts";
import type { StructName } from "../../src/dataplane/layout.ts";
import type { Observed } from "../../src/dataplane/observe.ts";
import { readLayout } from "../../src/dataplane/programs.ts";
import { hex } from "../../src/dataplane/rows.ts";
import { slotEntry } from "../../src/dataplane/slots.ts";
import { stateOf } from "../support/dataplane-plans.ts";

const layout = readLayout(join(import.meta.dirname, "../../build/bpf/unum.bpf.o"));
const desired: State = stateOf({ tenants: { acme: { vni: 0x010203 }, other: { vni: 9 } } }, new Map());
const vni = Uint8Array.of(1, 2, 3);

function observed(change: Partial<Observed["rows"]>, more: Partial<Observed> = {}): Observed {
  const none = new Map();
  const rows = { members: none, routes4: none, routes6: none, attachments: none, tenants: none, ...change };
  const vms = { vms4: new Uint8Array(), vms6: new Uint8Array() };
  return { state: undefined, rows, vms, retired: none, ...more } as unknown as Observed;
}

const slot = (struct: StructName) => layout.encode(struct, { vni });
const entries = (struct: StructName) => new Map([slotEntry(slot(struct))]);
const empty = new Uint8Array();

describe("a VNI that a tenant takes", () => {
  test("is free when no row has it", () => {
    expect(beforeHandOver(layout, desired, observed({}))).toBeUndefined();
  });

  test.each<[string, Observed]>([
    ["an IPv4 VM", observed({}, { vms: { vms4: slot("vm4_slot"), vms6: empty } })],
    ["an IPv6 VM", observed({}, { vms: { vms4: empty, vms6: slot("vm6_slot") } })],
    ["a member", observed({ members: entries("member_slot") })],
    ["a retired member", observed({}, { retired: entries("member_slot") })],
    ["an attachment", observed({ attachments: entries("attachment_slot") })],
    ["an IPv4 route", observed({ routes4: new Map([[hex(slot("route4_key")), empty]]) })],
    ["an IPv6 route", observed({ routes6: new Map([[hex(slot("route6_key")), empty]]) })],
    ["a tenant", observed({ tenants: new Map([[1, { word: slot("tenant"), record: empty }]]) })],
  ])("waits for what is left of another: %s", (_, left) => {
    expect([...(beforeHandOver(layout, desired, left)?.model.tenants.keys() ?? [])]).toEqual(["other"]);
  });
});
