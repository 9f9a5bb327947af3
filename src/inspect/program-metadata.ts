// Constants of a program that are called bpf_metadata_…: what its build wants to tell of it.

import { Btf } from "../bpf/btf.ts";
import { BpfMap } from "../bpf/map.ts";
import type { BpfProgram } from "../bpf/program.ts";
import { JsonWriter } from "./json-writer.ts";
import type { Output } from "./output.ts";
import type { Printer } from "./value.ts";
import { ValuePrinter } from "./value.ts";

const PREFIX = "bpf_metadata_";

interface Metadatum {
  readonly name: string;
  readonly offset: number;
  readonly printer: Printer;
}

interface Metadata {
  readonly bytes: Uint8Array;
  readonly entries: readonly Metadatum[];
}

export function showMetadata(output: Output, program: BpfProgram): void {
  const metadata = readMetadata(program, output.json === undefined);
  if (metadata === undefined) return;
  const { bytes, entries } = metadata;
  const { json } = output;
  if (json === undefined) {
    output.text("\tmetadata:");
    for (const { name, offset, printer } of entries) {
      output.text(`\n\t\t${name} = `);
      if (!printer(new JsonWriter((text) => output.text(text), { pretty: false }), bytes, offset)) break;
    }
    output.text("\n");
    return;
  }
  json.name("metadata");
  json.startObject();
  for (const { name, offset, printer } of entries) {
    json.name(name);
    if (!printer(json, bytes, offset)) break;
  }
  json.endObject();
}

/** Undefined: it has none. */
function readMetadata(program: BpfProgram, plain: boolean): Metadata | undefined {
  using map = constantsOf(program);
  const types = map?.btf();
  const bytes = map?.lookup(new Uint8Array(4));
  if (map === undefined || types === undefined || bytes === undefined) return undefined;
  const btf = Btf.parse(types);
  const section = btf.type(map.info.valueTypeId);
  if (section.kind !== "datasec") return undefined;
  const printers = new ValuePrinter(btf, { plain });
  const entries = section.variables.flatMap(({ type, offset }) => {
    const variable = btf.type(type);
    if (variable.kind !== "var" || !variable.name.startsWith(PREFIX)) return [];
    return [{ name: variable.name.slice(PREFIX.length), offset, printer: printers.of(variable.type) }];
  });
  return entries.length === 0 ? undefined : { bytes, entries };
}

/** The program's first map of constants. */
function constantsOf(program: BpfProgram): BpfMap | undefined {
  for (const id of program.info.mapIds) {
    const map = BpfMap.openById(id);
    const { typeName, keySize, maxEntries, valueTypeId } = map.info;
    const typed = typeName === "array" && keySize === 4 && maxEntries === 1 && valueTypeId !== 0;
    if (typed && map.describe().kernelName.includes(".rodata")) return map;
    map.close();
  }
  return undefined;
}
