// The parts of inspection that need no kernel. What it prints of real objects is held against bpftool in test/kernel.

import { execFileSync } from "node:child_process";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Btf } from "../../src/bpf/btf.ts";
import { UnumError } from "../../src/errors.ts";
import { Output } from "../../src/inspect/index.ts";
import { readS64, readU16, readU32, readU64, readWide } from "../../src/inspect/memory.ts";
import { localTime } from "../../src/inspect/program.ts";
import { ValuePrinter } from "../../src/inspect/value.ts";
import { readCalled, readId, readKey } from "../../src/inspect/words.ts";
import { BtfBuilder } from "../support/btf-builder.ts";

afterEach(() => vi.unstubAllEnvs());

/** The message of what `body` throws. */
function refusal(body: () => unknown): string {
  try {
    body();
  } catch (thrown) {
    if (thrown instanceof UnumError && thrown.code === "USAGE") return thrown.message;
    throw thrown;
  }
  return "none";
}

describe("words", () => {
  const words = ["id", "name", "pinned"] as const;

  test("name an object as bpftool's do, shortened too, or one of this edge", () => {
    expect(readCalled([], words)).toBeUndefined();
    expect(readCalled(["id", "7", "key"], words)).toEqual({ by: "id", value: "7", rest: ["key"] });
    expect(readCalled(["pin", "/a"], words)).toEqual({ by: "pinned", value: "/a", rest: [] });
    expect(readCalled(["n", "x"], words)).toEqual({ by: "name", value: "x", rest: [] });
    expect(readCalled(["names", "key", "1"], words)).toEqual({ by: "own", value: "names", rest: ["key", "1"] });
    expect(refusal(() => readCalled(["pinned"], words))).toBe('read "pinned": expected a value after it');
  });

  test("numbers are written as in C", () => {
    expect(["0", "7", "0x10", "020", "4294967295"].map(readId)).toEqual([0, 7, 16, 16, 0xffffffff]);
    for (const text of ["", "-1", "1.5", "09", "0x", "7a", "4294967296", " 1"]) {
      expect(refusal(() => readId(text))).toBe(`read ${JSON.stringify(text)}: expected a number 0 to 4294967295`);
    }
  });

  test("a key has as many bytes as those of the map", () => {
    expect(readKey([], 4)).toBeUndefined();
    expect(readKey(["key", "1", "0x2", "03", "255"], 4)).toEqual(Uint8Array.of(1, 2, 3, 255));
    expect(readKey(["k", "hex", "ff", "0x0a"], 2)).toEqual(Uint8Array.of(255, 10));
    expect(refusal(() => readKey(["key", "1"], 2))).toBe("read key: expected 2 bytes, got 1");
    expect(refusal(() => readKey(["key", "1", "2", "value", "3"], 2))).toBe("read key: expected 2 bytes, got 4");
    expect(refusal(() => readKey(["key", "256"], 1))).toBe('read "256": expected a number 0 to 255');
    expect(refusal(() => readKey(["value", "1"], 1))).toBe('read "value": expected key');
  });
});

describe("numbers in memory", () => {
  test("are those that the machine has there", () => {
    const bytes = Uint8Array.of(
      0xff,
      0x80,
      0,
      1,
      0xfe,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      7,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    );
    for (let at = 0; at <= 12; at++) {
      const copy = bytes.slice(at).buffer;
      const wide = new BigUint64Array(copy, 0, 1)[0] as bigint;
      expect(readU16(bytes, at)).toBe(new Uint16Array(copy, 0, 1)[0]);
      expect(readU32(bytes, at)).toBe(new Uint32Array(copy, 0, 1)[0]);
      expect(BigInt(readU64(bytes, at))).toBe(wide);
      expect(BigInt(readS64(bytes, at))).toBe(BigInt.asIntN(64, wide));
      expect(readWide(bytes, at, 8)).toBe(wide);
    }
  });

  test("are zero beyond the end", () => {
    expect(readU32(Uint8Array.of(1), 0) & 0xffff).toBe(readU16(Uint8Array.of(1, 0), 0));
    expect(readU64(new Uint8Array(), 5)).toBe(0);
  });
});

describe("values", () => {
  const shown = (btf: BtfBuilder, id: number, bytes: Uint8Array): string => {
    const output = new Output({ json: true });
    new ValuePrinter(Btf.parse(btf.bytes()), { plain: false }).of(id)(output.json as never, bytes, 0);
    return output.take().toString();
  };

  test("of a type that is within itself end there", () => {
    const btf = new BtfBuilder();
    const int = btf.int("int", 4, 1);
    const id = int + 1;
    const members = [
      { name: "a", type: int, bitOffset: 0 },
      { name: "self", type: id, bitOffset: 32 },
    ];
    expect(btf.composite("struct", "s", 8, members)).toBe(id);
    expect(shown(btf, id, new Uint8Array(8))).toBe('{"a":0,"self":(unsupported-kind}');
  });

  test("of a typedef of itself are none", () => {
    const btf = new BtfBuilder();
    btf.alias("typedef", 2, "a");
    btf.alias("typedef", 1, "b");
    expect(shown(btf, 1, new Uint8Array(8))).toBe("");
  });
});

describe("output", () => {
  test("keeps texts of any length and language, in order", () => {
    const output = new Output({});
    const texts = ["a", "é", "x".repeat(300_000), "漢字😀", "", "end"];
    for (const text of texts) output.text(text);
    expect(output.take().toString()).toBe(texts.join(""));
    expect(output.length).toBe(0);
  });
});

test.each(["UTC", "Asia/Kolkata", "America/St_Johns", "Europe/Berlin", "Pacific/Auckland"])(
  "times are written as date(1) writes them in %s",
  (zone) => {
    vi.stubEnv("TZ", zone);
    for (const seconds of [0, 1_774_745_999, 1_774_746_000, 1_795_681_375, 1_793_494_800]) {
      const wanted = execFileSync("date", ["-d", `@${seconds}`, "+%FT%T%z"], { encoding: "utf8" }).trim();
      expect(localTime(seconds)).toBe(wanted);
    }
  },
);
