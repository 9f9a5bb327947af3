import { Argument, Command } from "commander";
import { featureText, observe, observePorts } from "../../dataplane/index.ts";
import type { Model } from "../../model/index.ts";
import type { CommonOptions, Context } from "../context.ts";
import { examples, jsonOption, pinDirOption, say } from "../context.ts";
import { openPlane } from "../edge.ts";
import { count, json, table } from "../render.ts";
import type { Input, View } from "../views.ts";
import { VIEWS } from "../views.ts";

/** `unum show`: what the maps hold. */
export function showCommand(context: Context): Command {
  return new Command("show")
    .description("what the maps hold, with liveness and next hops")
    .addArgument(new Argument("[what]", "objects to list; without it, a summary").choices(Object.keys(VIEWS)))
    .addOption(pinDirOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("unum show", "unum show servers", "unum show vms --json"))
    .action((what: string | undefined, options: CommonOptions) => {
      const plane = openPlane(context, options);
      try {
        const observed = observe(plane);
        const view = what === undefined ? undefined : VIEWS[what];
        const model = observed.state?.model;
        if (what === "ports" || (model !== undefined && view !== undefined)) {
          list(context, options, view as View, { plane, observed, model: model as Model });
        } else if (model === undefined) {
          if (options.json === true) json(context, view === undefined ? { applied: false } : []);
          else say(context, "nothing is applied yet");
        } else summary(context, options, { plane, observed, model });
      } finally {
        plane.close();
      }
    });
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
