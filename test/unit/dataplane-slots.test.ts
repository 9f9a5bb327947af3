import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KeyWords } from "../../src/bpf/bucket-table.ts";
import { slotDifference } from "../../src/bpf/bucket-table.ts";
import { hex } from "../../src/dataplane/rows.ts";
import { packKeys, packSlots, slotEntry, slotOf, unpackSlots } from "../../src/dataplane/slots.ts";

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
  const keyWords = (keyBytes / 8) as KeyWords;

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
        const difference = slotDifference(packSlots(desired), packSlots(observed), keyWords);
        const { puts, replaced, removed, deletes } = difference;
        const changed = [...desired].filter(
          ([key, value]) => hex(observed.get(key) ?? new Uint8Array()) !== hex(value),
        );
        expect(unpackSlots(puts, slotBytes)).toEqual(new Map(changed));
        const old = changed.filter(([key]) => observed.has(key)).map(([key]) => [key, observed.get(key)] as const);
        // In the order of the puts.
        expect(hex(replaced)).toBe(hex(packSlots(old as [string, Uint8Array][])));
        const gone = [...observed].filter(([key]) => !desired.has(key));
        expect(hex(removed)).toBe(hex(packSlots(gone)));
        expect(hex(deletes)).toBe(gone.map(([key]) => key).join(""));
      }),
      { numRuns: 500 },
    );
  });

  test("are compared wherever they lie in memory", () => {
    const padded = new Uint8Array(slotBytes + 1);
    padded[1] = 1;
    expect(slotDifference(padded.subarray(1), padded.slice(1), keyWords)).toMatchObject({
      puts: new Uint8Array(),
      deletes: new Uint8Array(),
    });
  });

  test("that a writer is moving are seen twice, and are one", () => {
    const slot = Uint8Array.from({ length: slotBytes }, () => 1);
    const twice = Uint8Array.of(...slot, ...slot);
    expect(slotDifference(slot, twice, keyWords)).toEqual({
      ...{ puts: new Uint8Array(), replaced: new Uint8Array() },
      ...{ removed: new Uint8Array(), deletes: new Uint8Array() },
    });
    expect(slotDifference(new Uint8Array(), twice, keyWords).removed).toEqual(slot);
  });

  test("of which none are there yet are put as they are, without a copy", () => {
    const slots = Uint8Array.from({ length: slotBytes * 3 }, (_, at) => at + 1);
    expect(slotDifference(slots, new Uint8Array(), keyWords).puts).toBe(slots);
  });

  test("are refused when a part of one is missing", () => {
    expect(() => slotDifference(new Uint8Array(slotBytes - 1), new Uint8Array(), keyWords)).toThrow(/multiple of/);
    expect(() => slotDifference(new Uint8Array(), new Uint8Array(3), keyWords)).toThrow(/multiple of/);
    expect(() => slotDifference(new Uint8Array(), new Uint8Array(), 2 as KeyWords)).toThrow(/expected 1 or 3/);
  });

  test("by the hundred thousand differ as maps of them do", () => {
    const count = 100_000;
    const make = (first: number, mark: (n: number) => number) => {
      const slots = new Uint8Array(count * slotBytes);
      const view = new DataView(slots.buffer);
      for (let n = 0; n < count; n++) {
        view.setUint32(n * slotBytes, first + n + 1, true);
        view.setUint32(n * slotBytes + keyBytes, mark(n), true);
      }
      return slots;
    };
    // Half of the keys stay, and every tenth of those gets another value.
    const desired = make(50_000, (n) => (n % 10 === 0 ? 1 : 0));
    const { puts, replaced, removed } = slotDifference(
      desired,
      make(0, () => 0),
      keyWords,
    );
    expect([puts.length, replaced.length, removed.length].map((bytes) => bytes / slotBytes)).toEqual([
      55_000, 5000, 50_000,
    ]);
  });
});
