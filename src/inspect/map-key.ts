// `bpftool map lookup` and `getnext`: one key.

import type { BpfMap } from "../bpf/map.ts";
import { UnumError } from "../errors.ts";
import { hexJson, hexText } from "./hex.ts";
import { EntryView } from "./map-entry.ts";
import type { Output } from "./output.ts";

/** Shows the element of a key. Returns whether there is one. @throws BpfError */
export function showElement(output: Output, map: BpfMap, key: Uint8Array): boolean {
  const value = map.lookup(key);
  if (value !== undefined) {
    const view = new EntryView(output, map);
    const typed = output.json === undefined && view.isTyped ? output.typedText() : undefined;
    view.show(key, value, typed);
    typed?.finish();
    return true;
  }
  if (output.json === undefined) output.text(`key:\n${hexText(key)}\n\nNot found\n`);
  else output.json.raw("null");
  return false;
}

/** Shows the key after one, or the first one. @throws UnumError OBJECT_MISSING where there is none */
export function showNextKey(output: Output, map: BpfMap, key: Uint8Array | undefined): void {
  const next = map.nextKey(key);
  if (next === undefined) {
    const cause = key === undefined ? "it is empty" : "that key is the last one";
    throw new UnumError("OBJECT_MISSING", `get the next key of map ${map.info.name}: ${cause}`);
  }
  const { json } = output;
  if (json === undefined) {
    output.text(key === undefined ? "key: None\n" : `key:\n${hexText(key)}\n`);
    output.text(`next key:\n${hexText(next)}\n`);
    return;
  }
  json.startObject();
  json.name("key");
  if (key === undefined) json.raw("null");
  else hexJson(json, key);
  json.name("next_key");
  hexJson(json, next);
  json.endObject();
}
