// Bytes without types.

import type { JsonWriter } from "./json-writer.ts";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Sixteen to a line, with a gap after eight. */
export function hexText(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    if (i > 0) text += i % 16 === 0 ? "\n" : i % 8 === 0 ? "  " : " ";
    text += HEX[bytes[i] as number];
  }
  return text;
}

/** A list of texts such as "0x0a". */
export function hexJson(writer: JsonWriter, bytes: Uint8Array): void {
  writer.startArray();
  for (const byte of bytes) writer.raw(`"0x${HEX[byte]}"`);
  writer.endArray();
}
