// Taking an endpoint out of use, and putting it back: a field of the document, changed as any other. What is added is a look before,
// at where its packets will go, and one after, at what the maps say of it.

import type { Drain, Moved } from "../control/drain.ts";
import { planDrain } from "../control/drain.ts";
import { observe, PinDirectory, readLiveness } from "../dataplane/index.ts";
import { loadDocument } from "../document/index.ts";
import { UnumError } from "../errors.ts";
import type { Model } from "../model/index.ts";
import type { Context } from "./context.ts";
import { say, warn } from "./context.ts";
import { openPlane } from "./edge.ts";
import { count, json } from "./render.ts";
import type { ChangedSource, SourceOptions } from "./source.ts";
import { changedSource } from "./source.ts";
import { changeSource } from "./source-file.ts";
import type { UsedState } from "./views.ts";
import { stateOf } from "./views.ts";

export type Section = "servers" | "gateways";

export interface DrainOptions extends SourceOptions {
  /** Also when packets are left without a path. */
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** Of routes, in a text. */
const ROUTES_TOLD = 10;

/**
 * Takes an endpoint out, make before break: its packets have their other path in the maps already, and one store sends them there.
 * @throws UnumError NO_PATH_LEFT: some would have none; OBJECT_MISSING
 */
export async function drain(context: Context, options: DrainOptions, section: Section, name: string): Promise<void> {
  const planned = planFor(context, options, await changedSource(options), section, name);
  if (options.dryRun === true && options.json === true) {
    json(context, planned === undefined ? { endpoint: name, seen: false } : { endpoint: name, seen: true, ...planned });
    return;
  }
  if (planned !== undefined && options.json !== true) for (const line of drainLines(name, planned)) say(context, line);
  if (options.dryRun === true) {
    if (planned === undefined) say(context, `no edge is here to look at: nothing is known of what goes to ${name}`);
    return;
  }
  if (options.force !== true) requirePaths(name, planned);
  await changeSource(context, options, [{ op: "merge", path: [section, name], value: { drained: true } }]);
}

/** Puts an endpoint back. One that is watched is used when it has answered for its hold-down. */
export async function undrain(context: Context, options: SourceOptions, section: Section, name: string): Promise<void> {
  requireKnown(context, options, await changedSource(options), section, name);
  await changeSource(context, options, [{ op: "merge", path: [section, name], value: { drained: undefined } }]);
  if (options.json === true || !new PinDirectory(options.pinDir).isLoaded()) return;
  const { states } = lookAt(context, options);
  if (states.get(name) === "stale") warn(context, `${name} is watched: it is used when its BFD session is up`);
}

interface Seen {
  readonly model: Model;
  readonly states: ReadonlyMap<string, UsedState>;
  readonly usable: (name: string) => boolean;
}

/** What packets go by on this edge. */
function lookAt(context: Context, options: SourceOptions): Partial<Seen> & Pick<Seen, "states"> {
  const plane = openPlane(context, options);
  try {
    const { state, endpointStates, indexes } = observe(plane);
    const liveness = readLiveness(plane, indexes);
    const states = new Map([...endpointStates].map(([name, own]) => [name, stateOf(own, liveness.get(name))]));
    if (state === undefined) return { states };
    const { model, nextHops } = state;
    const answers = (name: string): boolean => states.get(name) === "unknown" || states.get(name) === "up";
    return { model, states, usable: (name) => nextHops.has(name) && answers(name) };
  } finally {
    plane.close();
  }
}

/** What is to be drained must be there: a new endpoint is made by `set`. */
function requireKnown(
  context: Context,
  options: SourceOptions,
  source: ChangedSource,
  section: Section,
  name: string,
): Partial<Seen> {
  const seen: Partial<Seen> = new PinDirectory(options.pinDir).isLoaded() ? lookAt(context, options) : {};
  if (seen.model?.[section].has(name) === true) return seen;
  // The maps may not show it yet. Who has it in etcd alone is told by the change itself.
  if (source.kind === "etcd") return seen;
  const { model } = loadDocument(source.path);
  if (!model[section].has(name))
    throw new UnumError(
      "OBJECT_MISSING",
      `drain ${section.slice(0, -1)} ${name}: ${source.path} has none of this name`,
      {
        remedy: `unum show ${section} lists them`,
      },
    );
  const isUsed = (each: string): boolean => {
    const endpoint = model.servers.get(each) ?? model.gateways.get(each);
    return endpoint !== undefined && endpoint.drained !== true;
  };
  return seen.model === undefined ? { model, usable: isUsed } : seen;
}

/** undefined: there is no edge here, nor a document that tells. */
function planFor(
  context: Context,
  options: SourceOptions,
  source: ChangedSource,
  section: Section,
  name: string,
): Drain | undefined {
  const { model, usable } = requireKnown(context, options, source, section, name);
  return model && usable && planDrain(model, name, usable);
}

function requirePaths(name: string, planned: Drain | undefined): void {
  if (planned === undefined)
    throw new UnumError("NO_PATH_LEFT", `drain ${name}: no edge is here to tell where its packets would go`, {
      remedy: "drain it where an edge follows the same source, or say --force",
    });
  const { vms, routes } = planned.stranded;
  if (vms === 0 && routes === 0) return;
  const what = [...(vms > 0 ? [count(vms, "VM")] : []), ...(routes > 0 ? [count(routes, "route")] : [])].join(" and ");
  throw new UnumError("NO_PATH_LEFT", `drain ${name}: ${what} would have no path`, {
    remedy: "give it a standby, or the tenant a route by other endpoints; --force drains it all the same",
  });
}

/** Where everything goes, a line each. */
export function drainLines(name: string, { vms, routes }: Drain): string[] {
  const lines = vms.map((moved) => `${count(moved.vms, "VM")}: ${wayText(moved)}`);
  for (const { tenant, prefix, to } of routes.slice(0, ROUTES_TOLD))
    lines.push(`route ${tenant} ${prefix}: ${to.length === 0 ? "no path" : `by ${to.join(", ")}`}`);
  if (routes.length > ROUTES_TOLD) lines.push(`and ${count(routes.length - ROUTES_TOLD, "more route", "more routes")}`);
  return lines.length === 0 ? [`nothing goes to ${name}`] : lines;
}

function wayText({ to, byRoute }: Moved): string {
  if (to.length === 0) return "no path";
  return byRoute ? `by the route to ${to.join(", ")}` : `to ${to.join(", ")}`;
}
