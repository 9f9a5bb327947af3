// Running programs on frames.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BpfObject } from "../../src/bpf/object.ts";
import { BpfProgram } from "../../src/bpf/program.ts";
import { links } from "../../src/bpf/rtnetlink.ts";
import {
  bytesToWords,
  frameOf,
  indexKey,
  networkNamespace,
  pinDirectory,
  refusal,
  run,
  testObject,
} from "./native-support.ts";

const XDP_DROP = 1;
const XDP_PASS = 2;
const XDP_TX = 3;

let object: BpfObject;
beforeAll(() => {
  object = BpfObject.open(testObject("native-programs"));
  object.load();
});
afterAll(() => object.close());

const counted = (ifindex: number): bigint =>
  bytesToWords(object.map("words").lookup(indexKey(ifindex % 10)) as Uint8Array)[0] as bigint;

describe("a program", () => {
  it("describes itself", () => {
    const { info } = object.program("count_and_judge");
    expect(info).toMatchObject({ name: "count_and_judge", kernelName: "count_and_judge", typeName: "xdp" });
    expect(info.tag).toMatch(/^[0-9a-f]{16}$/);
    expect(info.id).toBeGreaterThan(0);
    expect(info.xlatedBytes).toBeGreaterThan(0);
    expect(info.verifiedInstructions).toBeGreaterThan(0);
    expect(info.mapIds).toContain(object.map("words").info.id);
  });

  it("is the same through its pin", () => {
    using pins = pinDirectory();
    const program = object.program("drop");
    program.pin(`${pins.path}/drop`);
    using pinned = BpfProgram.openPinned(`${pins.path}/drop`);
    expect(pinned.info.id).toBe(program.info.id);
    expect(pinned.testRun({ data: frameOf(60) }).verdict).toBe(XDP_DROP);
    pinned.close();
    expect(refusal(() => pinned.testRun({ data: frameOf(60) })).message).toBe("the program drop is closed");
    object.map("words").pin(`${pins.path}/words`);
    expect(refusal(() => BpfProgram.openPinned(`${pins.path}/words`)).message).toMatch(/: it is a map$/);
  });

  it("judges a frame and gives it back, with what it put before it", () => {
    const data = frameOf(100);
    const same = object.program("count_and_judge").testRun({ data });
    expect(same).toMatchObject({ verdict: XDP_PASS, data });
    const grown = object.program("grow").testRun({ data });
    expect(grown.verdict).toBe(XDP_TX);
    expect(grown.data).toEqual(new Uint8Array([...new Uint8Array(50).fill(0xff), ...data]));
    const noRoom = refusal(() => object.program("grow").testRun({ data, outBytes: 120 }));
    expect(noRoom.message).toMatch(/ENOSPC.*the frame grew beyond the room for the result/);
  });

  it("sees the interface that the frame is said to come from", () => {
    using _ = networkNamespace();
    run("ip link add d0 index 107 type veth peer name d1 index 108");
    const program = object.program("count_and_judge");
    const before = [7, 8].map(counted);
    program.testRun({ data: frameOf(60), ingressIfindex: 107 });
    program.testRunMany({ data: frameOf(180), lengths: Uint32Array.of(60, 60, 60) }, { ingressIfindex: 108 });
    expect([7, 8].map(counted)).toEqual([(before[0] ?? 0n) + 1n, (before[1] ?? 0n) + 3n]);
    expect(links().map(({ name }) => name)).toContain("d0");
    for (const options of [{ ingressIfindex: 999 }, { ingressIfindex: 107, rxQueue: 77 }]) {
      expect(refusal(() => program.testRun({ data: frameOf(60), ...options })).message).toMatch(
        /^run program count_and_judge: .*there is no interface \d+/,
      );
    }
  });

  it("runs many frames of different lengths", () => {
    const lengths = Uint32Array.from({ length: 500 }, (_, i) => 14 + ((i * 37) % 1400));
    const frames = [...lengths].map((length) => frameOf(length));
    const data = new Uint8Array(lengths.reduce((a, b) => a + b));
    let at = 0;
    for (const frame of frames) {
      data.set(frame, at);
      at += frame.length;
    }
    const results = object.program("grow").testRunMany({ data, lengths });
    expect(new Set(results.verdicts)).toEqual(new Set([XDP_TX]));
    expect(results.lengths).toEqual(lengths.map((length) => length + 50));
    at = 0;
    for (const [i, frame] of frames.entries()) {
      const out = results.data.subarray(at, at + (results.lengths[i] as number));
      expect(Buffer.compare(out.subarray(50), frame)).toBe(0);
      at += out.length;
    }
    expect(results.data.length).toBe(at);
    const none = object.program("drop").testRunMany({ data: new Uint8Array(0), lengths: new Uint32Array(0) });
    expect(none.verdicts.length).toBe(0);
  });

  it("refuses frames that are none", () => {
    const program = object.program("drop");
    for (const [body, message] of [
      [() => program.testRun({ data: new Uint8Array(13) }), /expected 14 to \d+ bytes, got 13/],
      [() => program.testRun({ data: new Uint8Array(200_000) }), /got 200000/],
      [() => program.testRun({ data: frameOf(60), repeat: 0 }), /argument repeat/],
      [
        () => program.testRunMany({ data: frameOf(60), lengths: Uint32Array.of(61) }),
        /their sum is 61, but data has 60/,
      ],
      [() => program.testRunMany({ data: frameOf(60), lengths: Uint32Array.of(50, 10) }), /frame 1: expected 14/],
      [() => program.testRunMany({ data: frameOf(60), lengths: [60] as never }), /expected a Uint32Array/],
      [() => program.testRunLive({ data: frameOf(60), repeat: 1, batchSize: 257 }), /argument batchSize/],
    ] as const) {
      const error = refusal(body);
      expect(error.code).toBe("ARGUMENT_INVALID");
      expect(error.message).toMatch(message);
    }
  });

  it("drops live frames", () => {
    const { durationNs } = object.program("drop").testRunLive({ data: frameOf(60), repeat: 10_000, batchSize: 128 });
    expect(durationNs).toBeGreaterThan(0);
  });
});
