// `unum profile|server|gateway|tenant|circuit|route|vm set …` and `… delete …`: one object, in the document and in the maps.

import { Command } from "commander";
import type { Edit, EditMap } from "../../document/index.ts";
import { UnumError } from "../../errors.ts";
import type { CommonOptions, Context } from "../context.ts";
import { examples, withCommonOptions } from "../context.ts";
import * as value from "../values.ts";

interface OptionSpec {
  readonly flags: string;
  readonly text: string;
  readonly parse: (text: string) => unknown;
  /** Field of the object in the document. */
  readonly field: string;
  /** Field that cannot stand beside this one, and goes when this one is set. */
  readonly insteadOf?: string;
}

interface ObjectSpec {
  readonly kind: string;
  /** What it is, for the help. */
  readonly text: string;
  /** Arguments that name it, in order. */
  readonly names: readonly { readonly name: string; readonly text: string; readonly parse: (text: string) => string }[];
  /** Path of the object in the document. */
  readonly path: (names: readonly string[]) => readonly string[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly string[];
}

const NAME = { name: "name", text: "its name", parse: value.name };
const TENANT = { name: "tenant", text: "tenant it belongs to", parse: value.name };

const ENDPOINT_OPTIONS: readonly OptionSpec[] = [
  { flags: "--address <address>", text: "underlay address of its VTEP", parse: value.ipv4, field: "address" },
  {
    flags: "--profile <name>",
    text: 'encapsulation parameters (default: "default")',
    parse: value.orNone(value.name),
    field: "profile",
  },
];

const OBJECTS: readonly ObjectSpec[] = [
  {
    kind: "profile",
    text: "encapsulation parameters that endpoints share",
    names: [NAME],
    path: ([name]) => ["profiles", name as string],
    options: [
      {
        flags: "--port <port>",
        text: "UDP destination port",
        parse: value.orNone(value.integer("port")),
        field: "port",
      },
      { flags: "--ttl <ttl>", text: "of the outer header", parse: value.orNone(value.integer("ttl")), field: "ttl" },
      { flags: "--dscp <dscp>", text: '"copy" or 0 to 63', parse: value.orNone(value.dscp), field: "dscp" },
      {
        flags: "--ecn <mode>",
        text: '"normal" or "compatibility" (RFC 6040)',
        parse: value.orNone(String),
        field: "ecn",
      },
      {
        flags: "--dont-fragment <on|off>",
        text: "DF of the outer header",
        parse: value.orNone(value.onOff),
        field: "dontFragment",
      },
      {
        flags: "--entropy <headers>",
        text: '"l4" or "l3": what the source port is made of',
        parse: value.orNone(String),
        field: "entropy",
      },
      {
        flags: "--mtu <bytes>",
        text: "largest outer packet",
        parse: value.orNone(value.integer("mtuBytes")),
        field: "mtu",
      },
    ],
    examples: ["unum profile set default --ttl 32", "unum profile set default --mtu none", "unum profile delete old"],
  },
  {
    kind: "server",
    text: "an endpoint that runs VMs",
    names: [NAME],
    path: ([name]) => ["servers", name as string],
    options: [
      ...ENDPOINT_OPTIONS,
      {
        flags: "--standby <server>",
        text: 'server that takes over from it, or "none"',
        parse: value.orNone(value.name),
        field: "standby",
      },
      {
        flags: "--mac <mac>",
        text: "inner destination of what a route sends it",
        parse: value.orNone(value.mac),
        field: "mac",
      },
    ],
    examples: ["unum server set s1 --address 10.2.0.2", "unum server set s1 --standby s2", "unum server delete s1"],
  },
  {
    kind: "gateway",
    text: "an endpoint that reaches what the edge does not know",
    names: [NAME],
    path: ([name]) => ["gateways", name as string],
    options: [
      ...ENDPOINT_OPTIONS,
      { flags: "--mac <mac>", text: "inner destination of what is sent to it", parse: value.mac, field: "mac" },
    ],
    examples: ["unum gateway set gw1 --address 10.2.0.9 --mac 02:00:00:00:00:09", "unum gateway delete gw1"],
  },
  {
    kind: "tenant",
    text: "the owner of one virtual network",
    names: [NAME],
    path: ([name]) => ["tenants", name as string],
    options: [
      { flags: "--vni <vni>", text: "its virtual network", parse: value.integer("vni"), field: "vni" },
      {
        flags: "--source-check <how>",
        text: '"vm", "member" or "off"',
        parse: value.orNone(String),
        field: "sourceCheck",
      },
      {
        flags: "--servers <names>",
        text: "members beyond those its VMs and routes name, by commas",
        parse: value.orNone(value.names),
        field: "servers",
      },
    ],
    examples: ["unum tenant set acme --vni 100", "unum tenant delete acme"],
  },
  {
    kind: "circuit",
    text: "a place where a tenant's customer is attached",
    names: [TENANT, NAME],
    path: ([tenant, name]) => ["tenants", tenant as string, "circuits", name as string],
    options: [
      { flags: "--interface <nic>", text: "access port", parse: value.interfaceName, field: "interface" },
      {
        flags: "--address <address/length>",
        text: "the edge's own address on it",
        parse: value.interfaceAddress,
        field: "address",
      },
      { flags: "--peer <address>", text: "the customer's router", parse: value.ipv4, field: "peer" },
      {
        flags: "--peer-mac <mac>",
        text: 'its MAC, or "none" to learn it',
        parse: value.orNone(value.mac),
        field: "peerMac",
      },
    ],
    examples: [
      "unum circuit set acme hq --interface e0 --address 10.1.0.1/24 --peer 10.1.0.2",
      "unum circuit delete acme hq",
    ],
  },
  {
    kind: "route",
    text: "a way to a tenant's prefix",
    names: [TENANT, { name: "prefix", text: "such as 172.16.0.0/12", parse: value.prefix }],
    path: ([tenant, prefix]) => ["tenants", tenant as string, "routes", prefix as string],
    options: [
      {
        flags: "--via <names>",
        text: "gateways or servers, by commas",
        parse: value.names,
        field: "via",
        insteadOf: "circuit",
      },
      {
        flags: "--circuit <name>",
        text: "a circuit of the tenant",
        parse: value.name,
        field: "circuit",
        insteadOf: "via",
      },
    ],
    examples: ["unum route set acme 172.16.0.0/12 --via gw1,gw2", "unum route delete acme 172.16.0.0/12"],
  },
  {
    kind: "vm",
    text: "an overlay host on a server",
    names: [TENANT, { name: "address", text: "its overlay address", parse: value.ipv4 }],
    path: ([tenant, address]) => ["tenants", tenant as string, "vms", address as string],
    options: [
      { flags: "--server <name>", text: "where it runs", parse: value.name, field: "server" },
      { flags: "--mac <mac>", text: "its MAC", parse: value.mac, field: "mac" },
    ],
    examples: [
      "unum vm set acme 172.16.0.5 --server s1 --mac 02:00:00:00:00:05",
      "unum vm set acme 172.16.0.5 --server s2        # move it",
      "unum vm delete acme 172.16.0.5",
    ],
  },
];

/** Options as commander names them: --peer-mac is peerMac. */
function optionKey(flags: string): string {
  return (flags.split(" ")[0] as string).slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function namedCommand(context: Context, spec: ObjectSpec, verb: "set" | "delete"): Command {
  const command = new Command(verb).description(
    verb === "set"
      ? `make or change ${spec.text}; fields that are not given stay as they are`
      : `take the ${spec.kind} out of the document and the maps`,
  );
  for (const { name, text, parse } of spec.names) command.argument(`<${name}>`, text, parse);
  if (verb === "set") for (const { flags, text, parse } of spec.options) command.option(flags, text, parse);
  withCommonOptions(command);
  command.addHelpText("after", examples(...spec.examples.filter((line) => line.includes(` ${verb} `))));
  command.action(async (...passed: unknown[]) => {
    const names = passed.slice(0, spec.names.length) as string[];
    const options = passed[spec.names.length] as CommonOptions & Record<string, unknown>;
    const path = spec.path(names);
    const edit: Edit = verb === "delete" ? { op: "delete", path } : { op: "merge", path, value: given(spec, options) };
    const { changeSource } = await import("../source-file.ts");
    await changeSource(context, options, [edit]);
  });
  return command;
}

/** Fields of the object that the command line gives; undefined takes one away. */
function given(spec: ObjectSpec, options: Record<string, unknown>): EditMap {
  const fields: Record<string, EditMap[string]> = {};
  for (const { flags, field, insteadOf } of spec.options) {
    const wanted = options[optionKey(flags)];
    if (wanted !== undefined && insteadOf !== undefined) fields[insteadOf] ??= undefined;
    if (wanted !== undefined) fields[field] = wanted === value.NONE ? undefined : (wanted as EditMap[string]);
  }
  if (Object.keys(fields).length === 0) {
    const known = spec.options.map(({ flags }) => flags.split(" ")[0]).join(", ");
    throw new UnumError("USAGE", `${spec.kind} set: nothing to set, expected at least one of ${known}`);
  }
  return fields;
}

/** One command for each kind of object, with `set` and `delete` under it. */
export function objectCommands(context: Context): Command[] {
  return OBJECTS.map((spec) =>
    new Command(spec.kind)
      .description(`set or delete ${spec.text}`)
      .addCommand(namedCommand(context, spec, "set"))
      .addCommand(namedCommand(context, spec, "delete")),
  );
}
