import { Argument, Command, Option } from "commander";
import type { PathStatus } from "../../daemon/protocol.ts";
import type { VmSelection } from "../../dataplane/index.ts";
import { featureText, observe, observePorts } from "../../dataplane/index.ts";
import { UnumError } from "../../errors.ts";
import type { Model } from "../../model/index.ts";
import type { CommonOptions, Context } from "../context.ts";
import { examples, jsonOption, pinDirOption, say } from "../context.ts";
import { findDaemon } from "../daemon.ts";
import { openPlane } from "../edge.ts";
import { count, json, table } from "../render.ts";
import * as value from "../values.ts";
import type { Input, View } from "../views.ts";
import { VIEWS } from "../views.ts";
import { showVms } from "../vm-table.ts";

/** VMs have a table of their own: there may be millions. */
const WHAT = Object.keys(VIEWS).flatMap((name) => (name === "ports" ? ["vms", name] : [name]));

/** `unum show`: what the maps hold. */
export function showCommand(context: Context): Command {
  return new Command("show")
    .description("what the maps hold, with liveness and next hops")
    .addArgument(new Argument("[what]", "objects to list; without it, a summary").choices(WHAT))
    .addOption(new Option("--tenant <tenant>", "VMs of it alone").argParser(value.name))
    .addOption(new Option("--server <server>", "VMs on it alone").argParser(value.name))
    .addOption(new Option("--prefix <prefix>", "VMs in it alone, such as 172.16.0.0/12").argParser(value.prefix))
    .addOption(new Option("--limit <number>", "so many VMs at most").argParser(value.positive))
    .addOption(new Option("--after <address>", "VMs of the tenant after this one: the next page").argParser(value.ip))
    .addOption(pinDirOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "unum show",
        "unum show servers",
        "unum show vms --json",
        "unum show vms --tenant acme --limit 100 --after 172.16.0.99",
      ),
    )
    .action(async (what: string | undefined, options: ShowOptions) => {
      requireVms(what, options);
      const plane = openPlane(context, options);
      try {
        if (what === "vms") {
          await showVms(context, options, plane);
          return;
        }
        const observed = observe(plane);
        const view = what === undefined ? undefined : VIEWS[what];
        const model = observed.state?.model;
        if (what === "ports" || (model !== undefined && view !== undefined)) {
          const paths = what === "servers" || what === "gateways" ? await measuredPaths(options) : undefined;
          list(context, options, view as View, { plane, observed, model: model as Model, ...(paths && { paths }) });
        } else if (model === undefined) {
          if (options.json === true) json(context, view === undefined ? { applied: false } : []);
          else say(context, "nothing is applied yet");
        } else summary(context, options, { plane, observed, model });
      } finally {
        plane.close();
      }
    });
}

/** What the daemon measured; that there is none, or that it is busy, keeps nobody from looking at the maps. */
async function measuredPaths({ pinDir }: CommonOptions): Promise<ReadonlyMap<string, PathStatus> | undefined> {
  const daemon = await findDaemon(pinDir).catch(() => undefined);
  return daemon && new Map(daemon.status.paths.map((path) => [path.endpoint, path]));
}

interface ShowOptions extends CommonOptions, VmSelection {}

/** Options that choose VMs choose nothing else. */
function requireVms(what: string | undefined, options: ShowOptions): void {
  const given = (["tenant", "server", "prefix", "limit", "after"] as const).find((name) => options[name] !== undefined);
  if (given !== undefined && what !== "vms") {
    throw new UnumError("USAGE", `show ${what ?? ""}: --${given} is of unum show vms`.replace(" :", ":"));
  }
  if (options.after !== undefined && options.tenant === undefined) {
    throw new UnumError("USAGE", "show vms: --after wants --tenant, since tenants may have the same addresses");
  }
}

function list(context: Context, options: CommonOptions, view: View, input: Input): void {
  const items = view.items(input);
  if (options.json === true) json(context, items);
  else table(context, view.headings, items.flatMap(view.rows));
}

function summary(context: Context, options: CommonOptions, { plane, observed, model }: Input): void {
  const tenants = [...model.tenants.values()];
  const total = (of: (tenant: (typeof tenants)[number]) => number): number =>
    tenants.reduce((sum, tenant) => sum + of(tenant), 0);
  const vms = total((tenant) => tenant.vms.packed4.count);
  const vms6 = total((tenant) => tenant.vms.packed6.count);
  const unresolved = [...model.servers.keys(), ...model.gateways.keys()].filter(
    (name) => observed.state?.nextHops.has(name) !== true,
  );
  const ports = observePorts(plane);
  if (options.json === true) {
    json(context, {
      applied: true,
      edge: { address: model.edge.address, address6: model.edge.address6, mac: model.edge.mac },
      servers: model.servers.size,
      gateways: model.gateways.size,
      tenants: model.tenants.size,
      circuits: total((tenant) => tenant.circuits.size),
      routes: total((tenant) => tenant.routes.size),
      vms,
      vmCapacity: plane.meta.vmCapacity,
      vms6,
      vm6Capacity: plane.meta.vm6Capacity,
      features: [...plane.meta.features],
      unresolved,
      ports,
      problems: observed.problems,
    });
    return;
  }
  const addresses = [model.edge.address, model.edge.address6].filter((address) => address !== undefined);
  say(context, `edge ${addresses.join(", ")} (${model.edge.mac}), pinned at ${plane.pins.path}`);
  for (const { name, role, mode, attached } of ports)
    say(context, `port ${name}: ${role}, ${mode}${attached ? "" : ", not attached"}`);
  say(context, `${count(model.servers.size, "server")}, ${count(model.gateways.size, "gateway")}: one tunnel each`);
  if (unresolved.length > 0) say(context, `next hop unresolved: ${unresolved.join(", ")}`);
  const six = vms6 === 0 ? "" : `, ${count(vms6, "IPv6 VM")} of ${plane.meta.vm6Capacity}`;
  say(context, `${count(model.tenants.size, "tenant")}, ${count(vms, "VM")} of ${plane.meta.vmCapacity}${six}`);
  const features = [...plane.meta.features].map(featureText);
  if (features.length > 0) say(context, `loaded with ${features.join(", ")}`);
  for (const problem of observed.problems) say(context, `problem: ${problem} (unum apply mends it)`);
}
