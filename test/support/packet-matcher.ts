// expect(frame).toEqualFrame(packet): equality of bytes, told as a difference of layers.

import { expect } from "vitest";
import type { Packet } from "./packet-builder.ts";
import { frameDifference, frameText } from "./packet-dissect.ts";

interface FrameMatchers<R = unknown> {
  /** Byte for byte; fields of the packet that are ANY or ENTROPY only have to be possible. */
  toEqualFrame(expected: Uint8Array | Packet): R;
}

declare module "vitest" {
  // biome-ignore lint/suspicious/noExplicitAny: the parameter has to be declared as vitest declares it
  interface Assertion<T = any> extends FrameMatchers<T> {}
  interface AsymmetricMatchersContaining extends FrameMatchers {}
}

expect.extend({
  toEqualFrame(actual: Uint8Array, expected: Uint8Array | Packet) {
    const wanted = expected instanceof Uint8Array ? expected : expected.bytes(actual);
    const difference = frameDifference(actual, wanted);
    return {
      pass: difference === undefined,
      message: () =>
        difference === undefined
          ? `expected another frame than\n${frameText(actual)}`
          : `the frame differs:\n${difference}\nthe frame is\n${frameText(actual)}`,
    };
  },
});
