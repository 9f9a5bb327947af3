// `bpftool net show`: the programs at the hooks of interfaces.

import type { NetPrograms, TrafficFilter, XdpPrograms } from "../bpf/net-programs.ts";
import { netPrograms } from "../bpf/net-programs.ts";
import { links } from "../bpf/rtnetlink.ts";
import { UnumError } from "../errors.ts";
import type { JsonWriter } from "./json-writer.ts";
import type { Output } from "./output.ts";
import { isShortFor } from "./words.ts";

/**
 * Of all interfaces, or of the one that `dev NIC` names.
 * @throws UnumError USAGE, INTERFACE_MISSING; BpfError
 */
export function showNet(output: Output, words: readonly string[]): void {
  const found = netPrograms(readDevice(words));
  if (output.json === undefined) output.text(netText(found));
  else netArray(output.json, found);
}

function readDevice([word, name, more]: readonly string[]): number {
  if (word === undefined) return 0;
  if (!isShortFor(word, "dev") || name === undefined || more !== undefined) {
    throw new UnumError("USAGE", `read ${JSON.stringify(word)}: expected dev and the name of an interface`);
  }
  const link = links().find((candidate) => candidate.name === name);
  if (link !== undefined) return link.ifindex;
  throw new UnumError("INTERFACE_MISSING", `find interface ${name}: this network namespace has none of that name`, {
    remedy: "list the interfaces of this network namespace: ip link",
  });
}

function netText({ xdp, traffic, flowDissectorId }: NetPrograms): string {
  const dissector = flowDissectorId === 0 ? "" : `id ${flowDissectorId}`;
  return `xdp:\n${xdp.map(xdpText).join("")}\ntc:\n${traffic.map(filterText).join("")}\nflow_dissector:\n${dissector}\n`;
}

function xdpText({ name, ifindex, programs }: XdpPrograms): string {
  return `${name}(${ifindex})${programs.map(({ mode, id }) => ` ${mode} id ${id}`).join("")}\n`;
}

function filterText({ name, ifindex, kind, programName, programId, actions }: TrafficFilter): string {
  let text = `${name}(${ifindex}) ${kind}`;
  if (programName !== undefined) text += ` ${programName}`;
  if (programId !== undefined) text += ` id ${programId}`;
  if (actions !== undefined) {
    const list = actions.map((action) => `{${action.name ?? ""}${action.id === undefined ? "" : ` id ${action.id}`}}`);
    text += ` act [${list.join("")}] `;
  }
  return `${text}\n`;
}

function netArray(json: JsonWriter, { xdp, traffic, flowDissectorId }: NetPrograms): void {
  json.startArray();
  json.startObject();
  list(json, "xdp", xdp, xdpFields);
  list(json, "tc", traffic, filterFields);
  json.name("flow_dissector");
  json.startArray();
  if (flowDissectorId !== 0) json.field("id", flowDissectorId);
  json.endArray();
  json.endObject();
  json.endArray();
}

function list<T>(json: JsonWriter, name: string, entries: readonly T[], show: (json: JsonWriter, entry: T) => void) {
  json.name(name);
  json.startArray();
  for (const entry of entries) {
    json.startObject();
    show(json, entry);
    json.endObject();
  }
  json.endArray();
}

type Program = XdpPrograms["programs"][number];

function programFields(json: JsonWriter, { mode, id }: Program): void {
  json.field("mode", mode);
  json.field("id", id);
}

function xdpFields(json: JsonWriter, { name, ifindex, multi, programs }: XdpPrograms): void {
  json.field("devname", name);
  json.field("ifindex", ifindex);
  if (multi) list(json, "multi_attachments", programs, programFields);
  else for (const program of programs) programFields(json, program);
}

function filterFields(json: JsonWriter, { name, ifindex, kind, programName, programId, actions }: TrafficFilter): void {
  if (name !== "") json.field("devname", name);
  json.field("ifindex", ifindex);
  json.field("kind", kind);
  if (programName !== undefined) json.field("name", programName);
  if (programId !== undefined) json.field("id", programId);
  if (actions === undefined) return;
  list(json, "act", actions, (_, action) => {
    if (action.name !== undefined) json.field("name", action.name);
    if (action.id !== undefined) json.field("id", action.id);
  });
}
