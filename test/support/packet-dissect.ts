// Frames as layers with named fields, for people who read a failure: what differs is said layer by layer, never as hex alone.

import { dissect } from "./packet-dissect-layers.ts";

export { dissect } from "./packet-dissect-layers.ts";

/** The whole frame, one line a layer. */
export function frameText(frame: Uint8Array): string {
  const lines = dissect(frame).map(
    ({ name, fields }) => `  ${name}: ${[...fields].map(([key, value]) => `${key} ${value}`).join(", ")}`,
  );
  return [`  ${frame.length} bytes`, ...lines].join("\n");
}

/** What differs, one line a layer; undefined: nothing does. */
export function frameDifference(actual: Uint8Array, expected: Uint8Array): string | undefined {
  if (Buffer.compare(actual, expected) === 0) return undefined;
  const [have, want] = [dissect(actual), dissect(expected)];
  const lines: string[] = [];
  if (actual.length !== expected.length) lines.push(`  length: ${actual.length} bytes, expected ${expected.length}`);
  for (let index = 0; index < Math.max(have.length, want.length); index++) {
    const [mine, other] = [have[index], want[index]];
    if (mine === undefined) lines.push(`  ${other?.name}: missing`);
    else if (other === undefined) lines.push(`  ${mine.name}: not expected`);
    else if (mine.name !== other.name) {
      lines.push(`  ${mine.name} in the place of ${other.name}`);
      break;
    } else {
      const fields = [...new Set([...mine.fields.keys(), ...other.fields.keys()])].filter(
        (field) => mine.fields.get(field) !== other.fields.get(field),
      );
      for (const field of fields) {
        lines.push(
          `  ${mine.name} (layer ${index + 1}): ${field} is ${mine.fields.get(field)}, expected ${other.fields.get(field)}`,
        );
      }
    }
  }
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  if (at >= 0 && at < expected.length) lines.push(`  the first byte that differs is at offset ${at}`);
  return lines.join("\n");
}
