// `bpftool map dump`: all elements of one map or several.

import type { BpfMap } from "../bpf/map.ts";
import { UnumError } from "../errors.ts";
import type { JsonWriter } from "./json-writer.ts";
import { EntryView } from "./map-entry.ts";
import { showMapHeader } from "./map-show.ts";
import type { Output } from "./output.ts";

/** Elements and bytes that are read at once, at most. */
const STRETCH_ELEMENTS = 4096;
const STRETCH_BYTES = 1 << 20;

/**
 * Goes on when it is asked to, so that no more text is held than that of a stretch. Several maps have a header each.
 * @throws BpfError where the kernel lists no keys of such a map, or for a map that changes faster than it can be read; what is
 *   before that is shown
 */
export function* dumpMaps(output: Output, maps: readonly BpfMap[]): Generator<void, void, undefined> {
  const { json } = output;
  // Plain text is typed only if all maps have types.
  const typed = json === undefined && maps.every((map) => map.info.btfId !== 0) ? output.typedText() : undefined;
  const writer = json ?? typed;
  const several = maps.length > 1;
  try {
    if (several) writer?.startArray();
    for (const [index, map] of maps.entries()) {
      yield* dumpMap(output, map, writer, several);
      if (writer === undefined && index < maps.length - 1) output.text("\n");
    }
  } finally {
    if (several) writer?.endArray();
    typed?.finish();
  }
}

function* dumpMap(output: Output, map: BpfMap, writer: JsonWriter | undefined, header: boolean): Generator<void> {
  const entries = new EntryView(output, map);
  if (writer === undefined) {
    if (header) showMapHeader(output, map, undefined);
    const counter = { shown: 0 };
    try {
      yield* dumpEntries(map, entries, undefined, counter);
    } finally {
      output.text(`Found ${counter.shown} element${counter.shown === 1 ? "" : "s"}\n`);
    }
    return;
  }
  if (header) {
    writer.startObject();
    showMapHeader(output, map, writer);
    writer.name("elements");
  }
  writer.startArray();
  try {
    yield* dumpEntries(map, entries, writer, { shown: 0 });
  } finally {
    writer.endArray();
    if (header) writer.endObject();
  }
}

function* dumpEntries(
  map: BpfMap,
  entries: EntryView,
  writer: JsonWriter | undefined,
  counter: { shown: number },
): Generator<void> {
  const { keySize, valueBytes, maxEntries, name } = map.info;
  const count = Math.max(1, Math.min(STRETCH_ELEMENTS, Math.floor(STRETCH_BYTES / Math.max(1, keySize + valueBytes))));
  // Where the last key was deleted meanwhile, the kernel starts again: a writer that is fast enough would keep us here.
  let left = 8 * maxEntries + 4096;
  let after: Uint8Array | undefined;
  for (;;) {
    const { keys, values, failures, atEnd } = map.walk(after, count);
    const failed = new Map(failures.map((failure) => [failure.index, failure]));
    const found = keySize === 0 ? 0 : keys.length / keySize;
    for (let i = 0; i < found; i++) {
      const key = keys.subarray(i * keySize, (i + 1) * keySize);
      const failure = failed.get(i);
      if (failure !== undefined) {
        entries.showFailure(key, failure);
        continue;
      }
      entries.show(key, values.subarray(i * valueBytes, (i + 1) * valueBytes), writer);
      counter.shown++;
    }
    if (atEnd) return;
    left -= found;
    if (left < 0) {
      throw new UnumError("SYSTEM_CALL", `list the keys of map ${name}: it changes faster than it can be read`);
    }
    if (found > 0) after = keys.slice(-keySize);
    yield;
  }
}
