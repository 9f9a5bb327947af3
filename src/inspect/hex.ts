// Bytes without types.

import type { JsonWriter } from "./json-writer.ts";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const QUOTED = HEX.map((digits) => `"0x${digits}"`);
const NEXT_QUOTED = QUOTED.map((text) => `,${text}`);

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
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += (i === 0 ? QUOTED : NEXT_QUOTED)[bytes[i] as number];
  writer.startArray();
  if (bytes.length > 0) writer.raw(text);
  writer.endArray();
}
