// `bpftool prog show`: what a program is.

import { realTimeNs } from "../bpf/kernel-objects.ts";
import type { BpfProgram, ProgramDescription, ProgramInfo } from "../bpf/program.ts";
import { showDevice } from "./device.ts";
import { fdNumber, fdValue } from "./fd-info.ts";
import type { JsonWriter } from "./json-writer.ts";
import { typeText } from "./map-kind.ts";
import type { Output } from "./output.ts";
import { showMetadata } from "./program-metadata.ts";
import { fullName } from "./program-name.ts";

/**
 * Both of the machine's clocks are asked for when a program was loaded, one after the other: the second may differ by one from
 * call to call.
 * @throws BpfError
 */
export function showProgram(output: Output, program: BpfProgram): void {
  const info = program.info;
  const description = program.describe();
  const name = fullName(program);
  const { json } = output;
  if (json === undefined) {
    programText(output, info, description, name);
    showMetadata(output, program);
    return;
  }
  json.startObject();
  programFields(output, json, info, description, name);
  showMetadata(output, program);
  json.endObject();
}

function headerText(output: Output, info: ProgramInfo, description: ProgramDescription, name: string): void {
  const type = typeText(info);
  output.text(`${info.id}: ${typeof type === "number" ? `type ${type}` : type}  `);
  if (name !== "") output.text(`name ${name}  `);
  output.text(`tag ${info.tag}`);
  showDevice(output, description);
  const { gplCompatible, runTimeNs, runCount, recursionMisses } = description;
  if (gplCompatible) output.text("  gpl");
  if (runTimeNs !== 0n) output.text(` run_time_ns ${runTimeNs} run_cnt ${runCount}`);
  if (recursionMisses !== 0n) output.text(` recursion_misses ${recursionMisses}`);
  output.text("\n");
}

function programText(output: Output, info: ProgramInfo, description: ProgramDescription, name: string): void {
  const { createdByUid, fdText, btfId } = description;
  headerText(output, info, description, name);
  if (info.loadTimeNs !== 0n) {
    output.text(`\tloaded_at ${localTime(loadedAtSeconds(info))}  uid ${createdByUid}\n`);
  }
  output.text(`\txlated ${info.xlatedBytes}B`);
  output.text(info.jitedBytes === 0 ? "  not jited" : `  jited ${info.jitedBytes}B`);
  const memlock = fdValue(fdText, "memlock");
  if (memlock !== undefined) output.text(`  memlock ${memlock}B`);
  if (info.mapIds.length > 0) output.text(`  map_ids ${info.mapIds.join(",")}`);
  if (btfId !== 0) output.text(`\n\tbtf_id ${btfId}`);
  output.text("\n");
}

function programFields(
  output: Output,
  json: JsonWriter,
  info: ProgramInfo,
  description: ProgramDescription,
  name: string,
): void {
  const { createdByUid, fdText, btfId, gplCompatible, runTimeNs, runCount, recursionMisses } = description;
  json.field("id", info.id);
  json.field("type", typeText(info));
  if (name !== "") json.field("name", name);
  json.field("tag", info.tag);
  json.field("gpl_compatible", gplCompatible);
  if (runTimeNs !== 0n) {
    json.field("run_time_ns", runTimeNs);
    json.field("run_cnt", runCount);
  }
  if (recursionMisses !== 0n) json.field("recursion_misses", recursionMisses);
  showDevice(output, description);
  if (info.loadTimeNs !== 0n) {
    json.field("loaded_at", loadedAtSeconds(info));
    json.field("uid", createdByUid);
  }
  json.field("bytes_xlated", info.xlatedBytes);
  json.field("jited", info.jitedBytes !== 0);
  if (info.jitedBytes !== 0) json.field("bytes_jited", info.jitedBytes);
  const memlock = fdNumber(fdText, "memlock");
  if (memlock !== undefined) json.field("bytes_memlock", memlock);
  if (info.mapIds.length > 0) {
    json.name("map_ids");
    json.startArray();
    for (const id of info.mapIds) json.raw(id);
    json.endArray();
  }
  if (btfId !== 0) json.field("btf_id", btfId);
}

/** Seconds since 1970. */
function loadedAtSeconds({ loadTimeNs }: ProgramInfo): number {
  return Number(realTimeNs(loadTimeNs) / 1_000_000_000n);
}

/** Such as `2026-11-26T08:22:55+0100`, in the time zone of the process. */
export function localTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const offsetMinutes = -date.getTimezoneOffset();
  const shifted = new Date(date.getTime() + offsetMinutes * 60_000).toISOString().slice(0, 19);
  const [hours, minutes] = [Math.trunc(Math.abs(offsetMinutes) / 60), Math.abs(offsetMinutes) % 60].map((part) =>
    String(part).padStart(2, "0"),
  );
  return `${shifted}${offsetMinutes < 0 ? "-" : "+"}${hours}${minutes}`;
}
