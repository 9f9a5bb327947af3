// `unum show vms`: as many lines as there are VMs, written as they are found. Columns have their widths from the first line on.

import { once } from "node:events";
import type { ListedVm, Observed, Plane, VmSelection } from "../dataplane/index.ts";
import { listVms, observe } from "../dataplane/index.ts";
import { UnumError } from "../errors.ts";
import { suggestion } from "../model/index.ts";
import type { CommonOptions, Context } from "./context.ts";
import { say } from "./context.ts";
import { bold } from "./render.ts";

/** Characters that are written at once. */
const CHUNK = 1 << 16;

const [IPV4_WIDTH, IPV6_WIDTH, MAC_WIDTH] = [15, 39, 17];

export async function showVms(context: Context, options: CommonOptions & VmSelection, plane: Plane): Promise<void> {
  const observed = observe(plane, false);
  if (observed.state === undefined) {
    say(context, options.json === true ? "[]" : "nothing is applied yet");
    return;
  }
  requireNames(observed, options);
  const vms = listVms(plane, observed, options);
  await write(context, options.json === true ? jsonLines(vms) : tableLines(context, plane, observed, vms));
}

function requireNames({ state }: Observed, { tenant, server }: VmSelection): void {
  const require = (kind: string, name: string | undefined, known: Iterable<string>): void => {
    const names = [...known];
    if (name === undefined || names.includes(name)) return;
    const message = `show vms: the maps have no ${kind} named ${JSON.stringify(name)}${suggestion(name, names)}`;
    throw new UnumError("OBJECT_MISSING", message, { remedy: `unum show ${kind}s lists those that there are` });
  };
  require("tenant", tenant, state?.model.tenants.keys() ?? []);
  require("server", server, state?.model.servers.keys() ?? []);
}

/** One array, an object a line. */
function* jsonLines(vms: Iterable<ListedVm>): Iterable<string> {
  let before = "[\n";
  for (const { tenant, address, server, mac, policy } of vms) {
    yield `${before}  ${JSON.stringify({ tenant, address, server, mac, policy })}`;
    before = ",\n";
  }
  yield before === ",\n" ? "\n]\n" : "[]\n";
}

function* tableLines(context: Context, plane: Plane, observed: Observed, vms: Iterable<ListedVm>): Iterable<string> {
  const longest = (names: Iterable<string>, heading: string): number =>
    [...names].reduce((width, { length }) => Math.max(width, length), heading.length);
  const model = observed.state?.model;
  const widths = [
    longest(model?.tenants.keys() ?? [], "tenant"),
    hasIpv6(plane) ? IPV6_WIDTH : IPV4_WIDTH,
    longest(model?.servers.keys() ?? [], "server"),
    MAC_WIDTH,
  ];
  const cells = (row: readonly string[], paint: (text: string) => string = (text) => text): string =>
    `${row.map((cell, column) => paint(cell) + " ".repeat(Math.max((widths[column] ?? 0) - cell.length, 0))).join("  ")}\n`;
  yield cells(["tenant", "address", "server", "mac", "policy"], bold(context));
  for (const { tenant, address, server, mac, policy = "-" } of vms) {
    yield cells([tenant, address, server, mac, policy]);
  }
}

function hasIpv6(plane: Plane): boolean {
  for (const { length } of plane.slotChunks("vms6")) if (length > 0) return true;
  return false;
}

/** Waits for whoever reads, so that no more is held than what is written at once. */
async function write({ streams }: Context, lines: Iterable<string>): Promise<void> {
  let text = "";
  const flush = async (): Promise<void> => {
    if (!streams.stdout.write(text)) await once(streams.stdout, "drain");
    text = "";
  };
  for (const line of lines) {
    text += line;
    if (text.length > CHUNK) await flush();
  }
  await flush();
}
