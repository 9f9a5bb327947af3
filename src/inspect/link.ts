// `bpftool link show`: what a link is. Of an XDP link it tells the program, and not the interface: `net show` has that.

import type { BpfLink, LinkDescription } from "../bpf/any-link.ts";
import { BpfProgram } from "../bpf/program.ts";
import type { JsonWriter } from "./json-writer.ts";
import { typeText } from "./map-kind.ts";
import type { Output } from "./output.ts";

/** By enum bpf_cgroup_iter_order. */
const CGROUP_ORDERS = ["order_unspec", "self_only", "descendants_pre", "descendants_post", "ancestors_up"];

/** @throws BpfError */
export function showLink(output: Output, link: BpfLink): void {
  const description = link.describe();
  const { json } = output;
  if (json === undefined) {
    output.text(linkText(description));
    return;
  }
  json.startObject();
  linkFields(json, description);
  json.endObject();
}

function linkText(link: LinkDescription): string {
  const type = typeText(link);
  const head = `${link.id}: ${typeof type === "number" ? `type ${type}` : type}  prog ${link.programId}  `;
  return `${head}${partsText(link)}\n`;
}

function partsText(link: LinkDescription): string {
  const attachType = `attach_type ${link.attachTypeName ?? link.attachType}  `;
  switch (link.typeName) {
    case "raw_tracepoint":
      return `\n\ttp '${link.tracepoint}'  `;
    case "tracing":
      return `\n\tprog_type ${programType(link)}  ${attachType}`;
    case "cgroup":
      return `\n\tcgroup_id ${link.cgroupId}  ${attachType}`;
    case "iter":
      return iteratorText(link);
    case "netns":
      return `\n\tnetns_ino ${link.netnsInode}  ${attachType}`;
    default:
      return "";
  }
}

function programType({ programId }: LinkDescription): string | number {
  using program = BpfProgram.openById(programId);
  return typeText(program.info);
}

const goesThroughMap = (target: string | undefined) => target === "bpf_map_elem" || target === "bpf_sk_storage_map";
const goesThroughTasks = (target: string | undefined) =>
  target === "task" || target === "task_file" || target === "task_vma";
const orderText = (order: number | undefined) => CGROUP_ORDERS[order ?? 0] ?? "unknown";

function iteratorText(link: LinkDescription): string {
  const { iteratorTarget: target, iteratorTid: tid, iteratorPid: pid } = link;
  let text = `target_name ${target}  `;
  if (goesThroughMap(target)) text += `map_id ${link.iteratorMapId}  `;
  if (goesThroughTasks(target)) text += tid ? `tid ${tid} ` : pid ? `pid ${pid} ` : "";
  if (target === "cgroup") text += `cgroup_id ${link.iteratorCgroupId}  order ${orderText(link.iteratorOrder)}  `;
  return text;
}

function linkFields(json: JsonWriter, link: LinkDescription): void {
  json.field("id", link.id);
  json.field("type", typeText(link));
  json.field("prog_id", link.programId);
  const attachType = () => json.field("attach_type", link.attachTypeName ?? link.attachType ?? 0);
  switch (link.typeName) {
    case "raw_tracepoint":
      json.field("tp_name", link.tracepoint ?? "");
      break;
    case "tracing":
      json.field("prog_type", programType(link));
      attachType();
      break;
    case "cgroup":
      json.field("cgroup_id", link.cgroupId ?? 0);
      attachType();
      break;
    case "iter":
      iteratorFields(json, link);
      break;
    case "netns":
      json.field("netns_ino", link.netnsInode ?? 0);
      attachType();
      break;
  }
}

function iteratorFields(json: JsonWriter, link: LinkDescription): void {
  const { iteratorTarget: target, iteratorTid: tid, iteratorPid: pid } = link;
  json.field("target_name", target ?? "");
  if (goesThroughMap(target)) json.field("map_id", link.iteratorMapId ?? 0);
  if (goesThroughTasks(target) && tid) json.field("tid", tid);
  else if (goesThroughTasks(target) && pid) json.field("pid", pid);
  if (target === "cgroup") {
    json.field("cgroup_id", link.iteratorCgroupId ?? 0);
    json.field("order", orderText(link.iteratorOrder));
  }
}
