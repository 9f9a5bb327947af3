import { expect, test } from "vitest";
import { prefixEnd } from "../../src/etcd/index.ts";

test.each([
  ["a/", [0x61, 0x30]],
  ["a\xff\xff", [0x62]],
  ["\xff", [0]],
  ["", [0]],
])("the end of what begins with %j", (prefix, end) => {
  const given = Buffer.from(prefix, "latin1");
  expect([...prefixEnd(given)]).toEqual(end);
  expect(given.toString("latin1")).toBe(prefix);
});
