// One element of a map: typed where the map has types, bytes where not.

import { Btf } from "../bpf/btf.ts";
import { kernelBtf } from "../bpf/kernel-objects.ts";
import type { BpfMap, MapInfo } from "../bpf/map.ts";
import { possibleCpus } from "../bpf/system.ts";
import { hexJson, hexText } from "./hex.ts";
import type { JsonWriter } from "./json-writer.ts";
import { holdsObjects, isPerCpu } from "./map-kind.ts";
import type { Output } from "./output.ts";
import type { Printer } from "./value.ts";
import { ValuePrinter } from "./value.ts";

const ENOENT = 2;
const ENOSPC = 28;

interface Types {
  /** Undefined: the key has no type, and is left out. */
  readonly key: Printer | undefined;
  readonly value: Printer;
}

export interface LookupFailure {
  readonly errno: number;
  /** As strerror(3) has it. */
  readonly text: string;
}

/** Shows the elements of one map. */
export class EntryView {
  readonly #output: Output;
  readonly #info: MapInfo;
  /** Bytes from one CPU's value to the next. */
  readonly #stride: number;
  /** 0: the map is not per CPU. */
  readonly #cpus: number;
  readonly #types: Types | undefined;

  constructor(output: Output, map: BpfMap) {
    this.#output = output;
    this.#info = map.info;
    this.#stride = Math.ceil(this.#info.valueSize / 8) * 8;
    this.#cpus = isPerCpu(this.#info) ? possibleCpus() : 0;
    this.#types = typesOf(map, output.json === undefined);
  }

  get isTyped(): boolean {
    return this.#types !== undefined;
  }

  /** @param writer for typed values amid plain text */
  show(key: Uint8Array, value: Uint8Array, writer: JsonWriter | undefined): void {
    const { json } = this.#output;
    if (json !== undefined) this.#object(json, key, value);
    else if (this.#types !== undefined && writer !== undefined) this.#typed(writer, this.#types, key, value);
    else this.#text(key, value);
  }

  /** A key whose value the kernel did not give. An empty cell of a map of maps or programs is none. */
  showFailure(key: Uint8Array, { errno, text }: LookupFailure): void {
    if (holdsObjects(this.#info) && errno === ENOENT) return;
    const { json } = this.#output;
    if (json === undefined) {
      this.#failureText(key, errno, text);
      return;
    }
    json.startObject();
    json.quotedName('"key"');
    hexJson(json, key);
    json.quotedName('"value"');
    json.startObject();
    json.field("error", text);
    json.endObject();
    json.endObject();
  }

  #failureText(key: Uint8Array, errno: number, text: string): void {
    const unreadable = errno === ENOSPC && this.#info.typeName === "reuseport_sockarray";
    const message = errno === ENOENT ? "<no entry>" : unreadable ? "<cannot read>" : text;
    const broken = key.length > 16 || message.length > 16;
    const single = key.length + message.length <= 24 && !broken;
    const after = broken ? "\n" : " ";
    this.#output.text(`key:${after}${hexText(key)}${single ? "  " : "\n"}value:${after}${message}\n`);
  }

  #text(key: Uint8Array, value: Uint8Array): void {
    const { keySize, valueSize } = this.#info;
    if (this.#cpus > 0) {
      this.#textOfCpus(key, value);
      return;
    }
    const broken = keySize > 16 || valueSize > 16;
    const single = keySize + valueSize <= 24 && !broken;
    const after = broken ? "\n" : " ";
    let text = "";
    if (keySize > 0) text += `key:${after}${hexText(key)}${single ? "  " : "\n"}`;
    if (valueSize > 0) text += `value:${after}${hexText(value)}`;
    this.#output.text(`${text}\n`);
  }

  #textOfCpus(key: Uint8Array, value: Uint8Array): void {
    const { keySize, valueSize } = this.#info;
    let text = keySize > 0 ? `key:\n${hexText(key)}\n` : "";
    for (let cpu = 0; valueSize > 0 && cpu < this.#cpus; cpu++) {
      const number = String(cpu).padStart(2, "0");
      text += `value (CPU ${number}):${valueSize > 16 ? "\n" : " "}${hexText(this.#ofCpu(value, cpu))}\n`;
    }
    this.#output.text(text);
  }

  #ofCpu(value: Uint8Array, cpu: number): Uint8Array {
    return value.subarray(cpu * this.#stride, cpu * this.#stride + this.#info.valueSize);
  }

  #object(json: JsonWriter, key: Uint8Array, value: Uint8Array): void {
    json.startObject();
    json.quotedName('"key"');
    hexJson(json, key);
    if (this.#cpus === 0) {
      json.quotedName('"value"');
      hexJson(json, value);
    } else {
      this.#perCpu(json, (cpu) => {
        hexJson(json, this.#ofCpu(value, cpu));
        return true;
      });
    }
    if (this.#types !== undefined) {
      json.quotedName('"formatted"');
      this.#typed(json, this.#types, key, value);
    }
    json.endObject();
  }

  #typed(writer: JsonWriter, types: Types, key: Uint8Array, value: Uint8Array): void {
    writer.startObject();
    let whole = true;
    if (types.key !== undefined) {
      writer.quotedName('"key"');
      whole = types.key(writer, key, 0);
    }
    if (whole && this.#cpus === 0) {
      writer.quotedName('"value"');
      types.value(writer, value, 0);
    } else if (whole) {
      this.#perCpu(writer, (cpu) => types.value(writer, value, cpu * this.#stride));
    }
    writer.endObject();
  }

  /** A list of values, up to the first that cannot be shown. */
  #perCpu(writer: JsonWriter, show: (cpu: number) => boolean): void {
    writer.name("values");
    writer.startArray();
    let whole = true;
    for (let cpu = 0; whole && cpu < this.#cpus; cpu++) {
      writer.startObject();
      writer.field("cpu", cpu);
      writer.quotedName('"value"');
      whole = show(cpu);
      writer.endObject();
    }
    writer.endArray();
  }
}

/** Undefined: the map's values have no type. Those of struct_ops are of the kernel's own types. */
function typesOf(map: BpfMap, plain: boolean): Types | undefined {
  const { keyTypeId, valueTypeId } = map.info;
  const { kernelTypesValueId } = map.describe();
  const valueId = kernelTypesValueId === 0 ? valueTypeId : kernelTypesValueId;
  if (valueId === 0) return undefined;
  const bytes = kernelTypesValueId === 0 ? map.btf() : undefined;
  const printers = new ValuePrinter(bytes === undefined ? kernelBtf() : Btf.parse(bytes), { plain });
  return { key: keyTypeId === 0 ? undefined : printers.of(keyTypeId), value: printers.of(valueId) };
}
