// Loading objects: what the kernel makes of them, and what it says when it refuses.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Btf } from "../../src/bpf/btf.ts";
import { BpfMap } from "../../src/bpf/map.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { frameOf, indexKey, openDescriptors, pinDirectory, refusal, testObject } from "./native-support.ts";

let descriptors: number;
beforeAll(() => {
  descriptors = openDescriptors();
});
afterAll(() => expect(openDescriptors()).toBe(descriptors));

describe("a loaded object", () => {
  it("has the settings that were written before load", () => {
    using object = BpfObject.open(testObject("native-programs"));
    const bytes = object.readOnlyData();
    const verdict = Btf.parse(object.btf())
      .section(".rodata")
      .find(({ name }) => name === "verdict");
    new DataView(bytes.buffer).setUint32(verdict?.offset as number, 3, true);
    object.setReadOnlyData(bytes);
    object.load();
    expect(object.program("count_and_judge").testRun({ data: frameOf(60) }).verdict).toBe(3);
    expect(refusal(() => object.setReadOnlyData(bytes)).message).toMatch(/it is already loaded$/);
    expect(refusal(() => object.load()).code).toBe("ARGUMENT_INVALID");
    expect(refusal(() => object.setMaxEntries("names", 5)).message).toMatch(/it is already loaded$/);
  });

  it("has maps of the sizes that were asked for", () => {
    using object = BpfObject.open(testObject("native-programs"));
    object.setMaxEntries("names", 3);
    object.load();
    const names = object.map("names");
    expect(names.info).toMatchObject({ name: "names", typeName: "hash", keySize: 8, valueSize: 4, maxEntries: 3 });
    for (let i = 0; i < 3; i++) names.update(new Uint8Array(8).fill(i + 1), new Uint8Array(4));
    const error = refusal(() => names.update(new Uint8Array(8), new Uint8Array(4)));
    expect(error.errnoName).toBe("E2BIG");
    expect(error.message).toBe("update map names: argument list too long (E2BIG): it holds at most 3 entries");
    expect(error.remedy).toMatch(/delete entries/);
  });

  it("gives the same handle each time and closes it with itself", () => {
    const object = BpfObject.open(testObject("native-programs"));
    object.load();
    const map = object.map("words");
    expect(object.map("words")).toBe(map);
    const program = object.program("drop");
    expect(object.program("drop")).toBe(program);
    expect(refusal(() => object.map("nothing")).message).toMatch(/^find map nothing: object .* has only: .*words/);
    expect(refusal(() => object.program("nothing")).message).toMatch(/has only: count_and_judge, grow, drop/);
    object.close();
    object.close();
    expect(refusal(() => map.lookup(indexKey(0))).message).toBe("the map words is closed");
    expect(refusal(() => program.info).message).toBe("the program drop is closed");
    expect(refusal(() => object.maps).message).toMatch(/^the object .* is closed$/);
  });

  it("names what the verifier found, and has its log", () => {
    using object = BpfObject.open(testObject("native-refused"));
    const error = refusal(() => object.load());
    expect(error.code).toBe("VERIFIER");
    expect(error.message).toMatch(
      /^load object .*: the verifier refused program careless: R0 invalid mem access 'map_value_or_null'/,
    );
    expect(error.message).toContain("*count += 1;");
    expect(error.verifierLog).toMatch(/processed \d+ insns/);
    expect(refusal(() => object.load()).message).toMatch(/an earlier load of it failed; open it again$/);
  });

  it("uses a pinned map in the place of its own", () => {
    using pins = pinDirectory();
    const path = `${pins.path}/numbers`;
    {
      using object = BpfObject.open(testObject("native-programs"));
      object.load();
      object.map("numbers").update(indexKey(7), indexKey(99));
      object.map("numbers").pin(path);
      expect(refusal(() => object.map("numbers").pin(path)).message).toMatch(
        /^pin map numbers to .*: file exists \(EEXIST\): something is pinned there already$/,
      );
    }
    using pinned = BpfMap.openPinned(path);
    using object = BpfObject.open(testObject("native-programs"));
    object.reuseMap("numbers", pinned);
    object.load();
    expect(object.map("numbers").info.id).toBe(pinned.info.id);
    expect(object.map("numbers").lookup(indexKey(7))).toEqual(indexKey(99));
  });

  it("says all that makes a pinned map unfit", () => {
    using pins = pinDirectory();
    using object = BpfObject.open(testObject("native-programs"));
    object.load();
    object.map("per_cpu_names").pin(`${pins.path}/other`);
    using other = BpfMap.openPinned(`${pins.path}/other`);
    using second = BpfObject.open(testObject("native-programs"));
    const error = refusal(() => second.reuseMap("names", other));
    expect(error.code).toBe("MAP_INCOMPATIBLE");
    expect(error.message).toBe(
      "reuse map names: the existing one has type percpu_hash instead of hash, key size 4 instead of 8, " +
        "max entries 16 instead of 1000, flags 0 instead of 1",
    );
  });

  it("leaves nothing open after a thousand handles", () => {
    const before = openDescriptors();
    using object = BpfObject.open(testObject("native-programs"));
    object.load();
    const loaded = openDescriptors();
    using pins = pinDirectory();
    object.map("words").pin(`${pins.path}/words`);
    for (let i = 0; i < 1000; i++) BpfMap.openPinned(`${pins.path}/words`).close();
    expect(openDescriptors()).toBe(loaded + 1);
    object.close();
    expect(openDescriptors()).toBe(before);
  });
});
