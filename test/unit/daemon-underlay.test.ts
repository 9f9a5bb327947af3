// When the watch over the underlay looks, and when it tells.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UnderlayWatch } from "../../src/daemon/underlay.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function watched() {
  const kernel = { text: "a", looks: 0, lookMs: 0, closed: false, broken: false };
  let notice = (): void => {};
  let told = 0;
  const watch = new UnderlayWatch(
    5000,
    {
      look: () => {
        kernel.looks++;
        if (kernel.lookMs > 0) vi.advanceTimersByTime(kernel.lookMs);
        if (kernel.broken) throw new Error("netlink");
        return kernel.text;
      },
      watch: (onNotice) => {
        notice = onNotice;
        return {
          close: () => {
            kernel.closed = true;
          },
        };
      },
    },
    () => void told++,
  );
  return { kernel, watch, notice: () => notice(), told: () => told };
}

test("a notice of something else is looked at, and not told", () => {
  const { kernel, notice, told } = watched();
  notice();
  expect([kernel.looks, told()]).toEqual([2, 0]);
});

test("a change is told once, at its notice", () => {
  const { kernel, notice, told } = watched();
  kernel.text = "b";
  notice();
  notice();
  expect(told()).toBe(1);
});

test("a change whose notice was lost is told within a period", () => {
  const { kernel, told } = watched();
  kernel.text = "b";
  vi.advanceTimersByTime(4999);
  expect(told()).toBe(0);
  vi.advanceTimersByTime(1);
  expect(told()).toBe(1);
});

test("looks that take long leave time for other work, and the last notice is never left out", () => {
  const { kernel, notice, told } = watched();
  kernel.lookMs = 20;
  notice();
  const { looks } = kernel;
  kernel.text = "b";
  for (let n = 0; n < 100; n++) notice();
  expect([kernel.looks, told()]).toEqual([looks, 0]);
  vi.advanceTimersByTime(199);
  expect(told()).toBe(0);
  vi.advanceTimersByTime(1);
  expect([kernel.looks, told()]).toEqual([looks + 1, 1]);
});

test("a kernel that does not answer is asked again", () => {
  const { kernel, notice, told } = watched();
  kernel.broken = true;
  kernel.text = "b";
  notice();
  kernel.broken = false;
  notice();
  expect(told()).toBe(1);
});

test("after the end nothing is looked at", () => {
  const { kernel, watch, notice } = watched();
  kernel.lookMs = 20;
  notice();
  notice();
  watch.close();
  const { looks } = kernel;
  vi.advanceTimersByTime(20_000);
  expect([kernel.looks, kernel.closed]).toEqual([looks, true]);
});
