import { Argument, Command } from "commander";
import type { Observed, Plane } from "../../dataplane/index.ts";
import { observe, observePorts, readLearnedPeers } from "../../dataplane/index.ts";
import type { Gateway, Model, Server } from "../../model/index.ts";
import { readInterfaces } from "../../netlink/index.ts";
import type { CommonOptions, Context } from "../context.ts";
import { examples, jsonOption, pinDirOption, say } from "../context.ts";
import { openPlane } from "../edge.ts";
import type { Cell } from "../render.ts";
import { count, json, table } from "../render.ts";

type Item = Readonly<Record<string, unknown>>;

interface View {
  readonly headings: readonly string[];
  readonly items: (input: Input) => readonly Item[];
  readonly cells: (item: Item) => readonly Cell[];
}

interface Input {
  readonly plane: Plane;
  readonly observed: Observed;
  readonly model: Model;
}

function byName<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Cells of an item by the names of its fields; lists are joined by commas. */
function fields(...names: readonly string[]): (item: Item) => Cell[] {
  return (item) =>
    names.map((name) => {
      const value = item[name];
      return Array.isArray(value) ? value.join(",") : (value as Cell);
    });
}

function vmsPerServer(model: Model): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const tenant of model.tenants.values()) {
    for (const { server } of tenant.vms.values()) counts.set(server, (counts.get(server) ?? 0) + 1);
  }
  return counts;
}

function endpointItem({ observed }: Input, name: string, endpoint: Server | Gateway): Item {
  const nextHop = observed.state?.nextHops.get(name);
  const interfaceName = [...readInterfaces()].find(([, { ifindex }]) => ifindex === nextHop?.ifindex)?.[0];
  return {
    name,
    address: endpoint.address,
    profile: endpoint.profile,
    state: observed.endpointStates.get(name) ?? "unknown",
    interface: interfaceName,
    nextHop: nextHop?.nextHopMac ?? "unresolved",
    mtu: nextHop?.mtuBytes,
    mac: endpoint.mac,
  };
}

const VIEWS: Readonly<Record<string, View>> = {
  profiles: {
    headings: ["name", "encapsulation", "port", "ttl", "dscp", "ecn", "df", "entropy", "mtu"],
    items: ({ model }) =>
      byName(model.profiles).map(([name, { mtuBytes, dontFragment, ...rest }]) => ({
        name,
        ...rest,
        dontFragment,
        mtu: mtuBytes,
      })),
    cells: (item) => [
      ...fields("name", "encapsulation", "port", "ttl")(item),
      String(item.dscp),
      ...fields("ecn")(item),
      item.dontFragment === true ? "on" : "off",
      ...fields("entropy", "mtu")(item),
    ],
  },
  servers: {
    headings: ["name", "address", "profile", "state", "standby", "VMs", "interface", "next hop", "mtu"],
    items: (input) => {
      const vms = vmsPerServer(input.model);
      return byName(input.model.servers).map(([name, server]) => ({
        ...endpointItem(input, name, server),
        standby: server.standby,
        vms: vms.get(name) ?? 0,
      }));
    },
    cells: fields("name", "address", "profile", "state", "standby", "vms", "interface", "nextHop", "mtu"),
  },
  gateways: {
    headings: ["name", "address", "profile", "state", "mac", "interface", "next hop", "mtu"],
    items: (input) => byName(input.model.gateways).map(([name, gateway]) => endpointItem(input, name, gateway)),
    cells: fields("name", "address", "profile", "state", "mac", "interface", "nextHop", "mtu"),
  },
  tenants: {
    headings: ["name", "vni", "source check", "circuits", "routes", "VMs", "listed servers"],
    items: ({ model }) =>
      byName(model.tenants).map(([name, tenant]) => ({
        name,
        vni: tenant.vni,
        sourceCheck: tenant.sourceCheck,
        circuits: tenant.circuits.size,
        routes: tenant.routes.size,
        vms: tenant.vms.size,
        servers: tenant.servers,
      })),
    cells: fields("name", "vni", "sourceCheck", "circuits", "routes", "vms", "servers"),
  },
  circuits: {
    headings: ["tenant", "name", "interface", "address", "peer", "peer mac", "learned"],
    items: ({ plane, observed, model }) => {
      const learned = readLearnedPeers(plane, observed.indexes);
      return byName(model.tenants).flatMap(([tenant, { circuits }]) =>
        byName(circuits).map(([name, circuit]) => ({
          tenant,
          name,
          interface: circuit.interface,
          address: circuit.address,
          peer: circuit.peer,
          peerMac: circuit.peerMac ?? learned.get(`${tenant}/${name}`),
          learned: circuit.peerMac === undefined && learned.has(`${tenant}/${name}`),
        })),
      );
    },
    cells: (item) => [
      ...fields("tenant", "name", "interface", "address", "peer", "peerMac")(item),
      item.learned === true ? "yes" : "no",
    ],
  },
  routes: {
    headings: ["tenant", "prefix", "via", "circuit"],
    items: ({ model }) =>
      byName(model.tenants).flatMap(([tenant, { routes }]) =>
        byName(routes).map(([prefix, route]) => ({
          tenant,
          prefix,
          ...(route.kind === "circuit" ? { circuit: route.circuit } : { via: route.via }),
        })),
      ),
    cells: fields("tenant", "prefix", "via", "circuit"),
  },
  vms: {
    headings: ["tenant", "address", "server", "mac"],
    items: ({ model }) =>
      byName(model.tenants).flatMap(([tenant, { vms }]) =>
        byName(vms).map(([address, { server, mac }]) => ({ tenant, address, server, mac })),
      ),
    cells: fields("tenant", "address", "server", "mac"),
  },
  ports: {
    headings: ["name", "role", "mode", "attached", "ifindex", "program"],
    items: ({ plane }) => observePorts(plane).map((port) => ({ ...port })),
    cells: (item) => [
      ...fields("name", "role", "mode")(item),
      item.attached === true ? "yes" : "no",
      ...fields("ifindex", "programId")(item),
    ],
  },
};

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
  else table(context, view.headings, items.map(view.cells));
}

function summary(context: Context, options: CommonOptions, { plane, observed, model }: Input): void {
  const tenants = [...model.tenants.values()];
  const total = (of: (tenant: (typeof tenants)[number]) => number): number =>
    tenants.reduce((sum, tenant) => sum + of(tenant), 0);
  const vms = total((tenant) => tenant.vms.size);
  const unresolved = [...model.servers.keys(), ...model.gateways.keys()].filter(
    (name) => observed.state?.nextHops.has(name) !== true,
  );
  const ports = observePorts(plane);
  if (options.json === true) {
    json(context, {
      applied: true,
      edge: { address: model.edge.address, mac: model.edge.mac },
      servers: model.servers.size,
      gateways: model.gateways.size,
      tenants: model.tenants.size,
      circuits: total((tenant) => tenant.circuits.size),
      routes: total((tenant) => tenant.routes.size),
      vms,
      vmCapacity: plane.meta.vmCapacity,
      unresolved,
      ports,
      problems: observed.problems,
    });
    return;
  }
  say(context, `edge ${model.edge.address} (${model.edge.mac}), pinned at ${plane.pins.path}`);
  for (const { name, role, mode, attached } of ports)
    say(context, `port ${name}: ${role}, ${mode}${attached ? "" : ", not attached"}`);
  say(context, `${count(model.servers.size, "server")}, ${count(model.gateways.size, "gateway")}: one tunnel each`);
  if (unresolved.length > 0) say(context, `next hop unresolved: ${unresolved.join(", ")}`);
  say(context, `${count(model.tenants.size, "tenant")}, ${count(vms, "VM")} of ${plane.meta.vmCapacity}`);
  for (const problem of observed.problems) say(context, `problem: ${problem} (unum apply mends it)`);
}
