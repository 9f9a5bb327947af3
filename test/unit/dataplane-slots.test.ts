import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex } from "../../src/dataplane/rows.ts";
import { packKeys, packSlots, slotDifference, slotEntry, slotOf, unpackSlots } from "../../src/dataplane/slots.ts";

/** Few keys and values, so that two tables have much in common; keys that differ in any of their words. */
const table = (keyBytes: number) =>
  fc
    .uniqueArray(fc.tuple(fc.nat({ max: keyBytes - 1 }), fc.nat({ max: 3 }), fc.nat({ max: 7 }), fc.nat({ max: 2 })), {
      maxLength: 12,
      selector: ([at, byte]) => (byte === 0 ? "" : `${at}.${byte}`),
    })
    .map((keys) => {
      const entries = keys.map(([at, byte, valueAt, valueByte]): [string, Uint8Array] => {
        const [key, value] = [new Uint8Array(keyBytes), new Uint8Array(8)];
        key[at] = byte;
        value[valueAt] = valueByte;
        return [hex(key), value];
      });
      return new Map(entries);
    });

describe.each([8, 24])("slots with keys of %i bytes", (keyBytes) => {
  const slotBytes = keyBytes + 8;

  test("are packed and unpacked", () => {
    fc.assert(
      fc.property(table(keyBytes), (entries) => {
        const packed = packSlots(entries);
        expect(packed.length).toBe(entries.size * slotBytes);
        expect(unpackSlots(packed, slotBytes)).toEqual(entries);
        expect(packKeys([...entries.keys()]).length).toBe(entries.size * keyBytes);
        for (const [key, value] of entries) expect(slotEntry(slotOf(key, value))).toEqual([key, value]);
      }),
    );
  });

  test("differ as maps of them do", () => {
    fc.assert(
      fc.property(table(keyBytes), table(keyBytes), (desired, observed) => {
        const { puts, replaced, deletes } = slotDifference(packSlots(desired), packSlots(observed), slotBytes);
        const changed = [...desired].filter(
          ([key, value]) => hex(observed.get(key) ?? new Uint8Array()) !== hex(value),
        );
        expect(unpackSlots(puts, slotBytes)).toEqual(new Map(changed));
        const old = changed.filter(([key]) => observed.has(key)).map(([key]) => [key, observed.get(key)] as const);
        expect(unpackSlots(replaced, slotBytes)).toEqual(new Map(old));
        expect(hex(deletes)).toBe([...observed.keys()].filter((key) => !desired.has(key)).join(""));
      }),
      { numRuns: 500 },
    );
  });

  test("are compared wherever they lie in memory", () => {
    const padded = new Uint8Array(slotBytes + 1);
    padded[1] = 1;
    expect(slotDifference(padded.subarray(1), padded.slice(1), slotBytes)).toMatchObject({
      puts: new Uint8Array(),
      deletes: new Uint8Array(),
    });
  });
});
