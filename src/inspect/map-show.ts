// `bpftool map show`: what a map is.

import { programTypeName } from "../bpf/kernel-objects.ts";
import type { BpfMap, MapDescription, MapInfo } from "../bpf/map.ts";
import { showDevice } from "./device.ts";
import { fdNumber, fdValue } from "./fd-info.ts";
import type { JsonWriter } from "./json-writer.ts";
import { typeText } from "./map-kind.ts";
import type { Output } from "./output.ts";

interface Known {
  readonly info: MapInfo;
  readonly description: MapDescription;
}

/** What tells one map from another, before each in a dump of several: fields of the writer, without one a line. */
export function showMapHeader(output: Output, map: BpfMap, writer: JsonWriter | undefined): void {
  const known = { info: map.info, description: map.describe() };
  if (writer === undefined) headerText(output, known);
  else headerFields(writer, known);
}

/** @throws BpfError */
export function showMap(output: Output, map: BpfMap): void {
  const known = { info: map.info, description: map.describe() };
  if (output.json === undefined) mapText(output, known);
  else mapObject(output, output.json, known);
}

function headerText(output: Output, { info, description }: Known): void {
  const type = typeText(info);
  output.text(`${info.id}: ${typeof type === "number" ? `type ${type}` : type}  `);
  if (description.kernelName !== "") output.text(`name ${description.kernelName}  `);
  output.text(`flags 0x${info.flags.toString(16)}`);
  showDevice(output, description);
  output.text("\n");
}

function mapText(output: Output, known: Known): void {
  const { info, description } = known;
  const { fdText } = description;
  headerText(output, known);
  output.text(`\tkey ${info.keySize}B  value ${info.valueSize}B  max_entries ${info.maxEntries}`);
  const memlock = fdValue(fdText, "memlock");
  if (memlock !== undefined) output.text(`  memlock ${memlock}B`);
  if (info.typeName === "prog_array") output.text(ownerText(fdText));
  const frozen = (fdNumber(fdText, "frozen") ?? 0) !== 0;
  const last = [...(info.btfId === 0 ? [] : [`btf_id ${info.btfId}`]), ...(frozen ? ["frozen"] : [])];
  if (last.length > 0) output.text(`\n\t${last.join("  ")}`);
  output.text("\n");
}

/** The kind of program that may be in a prog_array, once there was one. */
function ownerText(fdText: string): string {
  const type = fdNumber(fdText, "owner_prog_type");
  const jited = fdNumber(fdText, "owner_jited");
  if (type === undefined && jited === undefined) return "";
  const typePart = type === undefined ? "" : `owner_prog_type ${programTypeName(type) ?? type}  `;
  return `\n\t${typePart}${jited === undefined ? "" : `owner${jited === 0 ? " not" : ""} jited`}`;
}

function headerFields(json: JsonWriter, { info, description }: Known): void {
  json.field("id", info.id);
  json.field("type", typeText(info));
  if (description.kernelName !== "") json.field("name", description.kernelName);
  json.field("flags", info.flags | 0);
}

function mapObject(output: Output, json: JsonWriter, known: Known): void {
  const { info, description } = known;
  const { fdText } = description;
  json.startObject();
  headerFields(json, known);
  showDevice(output, description);
  json.field("bytes_key", info.keySize);
  json.field("bytes_value", info.valueSize);
  json.field("max_entries", info.maxEntries);
  const memlock = fdNumber(fdText, "memlock");
  if (memlock !== undefined) json.field("bytes_memlock", memlock);
  if (info.typeName === "prog_array") {
    const type = fdNumber(fdText, "owner_prog_type");
    const jited = fdNumber(fdText, "owner_jited");
    if (type !== undefined) json.field("owner_prog_type", programTypeName(type) ?? type);
    if (jited !== undefined) json.field("owner_jited", jited !== 0);
  }
  json.field("frozen", fdNumber(fdText, "frozen") ?? 0);
  if (info.btfId !== 0) json.field("btf_id", info.btfId);
  json.endObject();
}
