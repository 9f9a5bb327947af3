// Opening the edge for a command, and saying what happened to it.

import type { Change } from "../control/plan.ts";
import { summarise, unlistedVms } from "../control/plan.ts";
import type { Waited } from "../daemon/protocol.ts";
import type { LoadOptions } from "../dataplane/index.ts";
import { PinDirectory, Plane } from "../dataplane/index.ts";
import type { Notice } from "../document/index.ts";
import type { Applied, EdgePlan } from "../edge/reconcile.ts";
import { isEmpty } from "../edge/reconcile.ts";
import { DEFAULT_VM_CAPACITY, DEFAULT_VM6_CAPACITY } from "../model/index.ts";
import type { CommonOptions, Context } from "./context.ts";
import { say, warn } from "./context.ts";
import { count, json } from "./render.ts";

export function openPlane(context: Context, options: Pick<CommonOptions, "pinDir">): Plane {
  return Plane.open(new PinDirectory(options.pinDir), context.objectPath);
}

export function loadPlane(
  context: Context,
  options: Pick<CommonOptions, "pinDir">,
  made: Partial<LoadOptions> = {},
): Plane {
  const defaults = { vmCapacity: DEFAULT_VM_CAPACITY, vm6Capacity: DEFAULT_VM6_CAPACITY };
  return Plane.load(new PinDirectory(options.pinDir), context.objectPath, { ...defaults, ...made });
}

export function sayNotices(context: Context, file: string, notices: readonly Notice[]): void {
  for (const { path, message } of notices) warn(context, `${file}: ${path}: ${message}`);
}

const SIGNS = { add: "+", change: "~", remove: "-" } as const;

function subject({ kind, tenant, name }: Change): string {
  if (kind === "edge") return "edge";
  return tenant === undefined ? `${kind} ${name}` : `${kind} ${tenant} ${name}`;
}

function changeText(change: Change): string {
  const fields = (change.fields ?? []).map(({ field, from, to }) => {
    if (change.action === "change") return `${field} ${from ?? "none"} → ${to ?? "none"}`;
    return `${field} ${(change.action === "add" ? to : from) ?? "none"}`;
  });
  return `${SIGNS[change.action]} ${subject(change)}${fields.length === 0 ? "" : `: ${fields.join(", ")}`}`;
}

const TENSES = {
  future: { add: "to add", change: "to change", remove: "to remove" },
  past: { add: "added", change: "changed", remove: "removed" },
} as const;

type Changes = Pick<EdgePlan, "changes" | "vms">;

function summary({ changes, vms }: Changes, tense: keyof typeof TENSES): string {
  const { added, changed, removed } = summarise(changes, vms);
  const { add, change, remove } = TENSES[tense];
  return `${added} ${add}, ${changed} ${change}, ${removed} ${remove}`;
}

/** Lines of a plan, at most. */
const LINES_MAX = 1000;

function sayChanges(context: Context, { changes, vms }: Changes): void {
  const lines = changes.map(changeText);
  for (const [tenant, { added, changed, removed }] of unlistedVms(vms)) {
    lines.push(`${SIGNS.change} VMs of ${tenant}: ${added} to add, ${changed} to change, ${removed} to remove`);
  }
  for (const line of lines.slice(0, LINES_MAX)) say(context, line);
  if (lines.length > LINES_MAX) say(context, `… and ${lines.length - LINES_MAX} more`);
}

/** Of VMs that are too many to be listed, `--json` has the numbers by tenant. */
function changesJson({ changes, vms }: Changes): Record<string, unknown> {
  const unlisted = [...unlistedVms(vms)].map(([tenant, counts]) => ({ tenant, ...counts }));
  return { changes, ...(unlisted.length === 0 ? {} : { unlistedVms: unlisted }) };
}

/** The plan for an edge that has no tables yet. */
export function sayFreshPlan(context: Context, options: CommonOptions, plan: Changes): void {
  if (options.json === true) {
    json(context, { ...changesJson(plan), nextHops: [], notices: [] });
    return;
  }
  sayChanges(context, plan);
  say(context, `${summary(plan, "future")}; nothing is loaded yet`);
}

export function sayPlan(context: Context, options: CommonOptions, plan: EdgePlan): void {
  if (options.json === true) {
    const { nextHops, rows, programs, notices } = plan;
    json(context, { ...changesJson(plan), nextHops, rows, programs, notices });
    return;
  }
  for (const notice of plan.notices) warn(context, notice);
  sayChanges(context, plan);
  for (const { endpoint, from, to } of plan.nextHops) {
    say(context, `~ next hop of ${endpoint}: ${from?.nextHopMac ?? "unresolved"} → ${to?.nextHopMac ?? "unresolved"}`);
  }
  for (const why of plan.programs) say(context, `~ programs: exchanged in place: ${why}`);
  if (isEmpty(plan)) say(context, "nothing to do: the maps are as the document says");
  else if (plan.changes.length > 0 || plan.vms.counts.size > 0)
    say(context, `${summary(plan, "future")}; ${count(plan.rows, "row")} to write`);
  else if (plan.rows > 0) say(context, `${count(plan.rows, "row")} to write, to bring the maps in line`);
}

export function sayApplied(context: Context, options: CommonOptions, applied: Applied, started: number): void {
  const { plan, ports } = applied;
  const tookMs = Math.round(performance.now() - started);
  if (options.json === true) {
    json(context, { ...changesJson(plan), rows: plan.rows, ports, notices: applied.notices, tookMs });
    return;
  }
  for (const notice of applied.notices) warn(context, notice);
  for (const { name, action } of ports) if (action !== "unchanged") say(context, `${name}: ${action}`);
  if (isEmpty(plan)) say(context, "nothing to do: the maps are as the document says");
  else say(context, `applied: ${summary(plan, "past")}; ${count(plan.rows, "row")} written in ${tookMs} ms`);
}

/** What the daemon did for a revision. */
export function sayWaited(context: Context, options: CommonOptions, waited: Waited, started: number): void {
  const { revision, added, changed, removed, rows, ports, notices } = waited;
  const tookMs = Math.round(performance.now() - started);
  if (options.json === true) {
    json(context, { daemon: true, revision, added, changed, removed, rows, ports, notices, tookMs });
    return;
  }
  for (const notice of notices) warn(context, notice);
  for (const { name, action } of ports) say(context, `${name}: ${action}`);
  const what = `${added} added, ${changed} changed, ${removed} removed; ${count(rows, "row")} written`;
  say(context, `the daemon applied revision ${revision}: ${what}; ${tookMs} ms`);
}
