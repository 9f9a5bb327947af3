// The text that names a source: every part of it, and what is wrong with those that name none.

import { describe, expect, test } from "vitest";
import { parseSource, sourceName } from "../../src/source/index.ts";

const member = "https://10.9.0.1:2379";

describe("a source is named by", () => {
  test.each([
    ["file:/etc/unum/state.yaml", "file:/etc/unum/state.yaml"],
    ["file:state.yaml", `file:${process.cwd()}/state.yaml`],
    ["etcd:http://127.0.0.1", "etcd:http://127.0.0.1:2379/unum/v1/"],
    [
      "etcd:https://a.example:1,b.example,[2001:db8::1]:7/",
      "etcd:https://a.example:1,b.example:2379,[2001:db8::1]:7/unum/v1/",
    ],
    [`etcd:${member}/clouds/one`, `etcd:${member}/clouds/one/`],
    [
      `etcd:${member}?key=/k.pem&user=edge1&certificate=/c.pem&passwordFile=/p&ca=ca.pem`,
      `etcd:${member}/unum/v1/?ca=${process.cwd()}/ca.pem&certificate=/c.pem&key=/k.pem&user=edge1&passwordFile=/p`,
    ],
  ])("%s", (text, name) => {
    expect(sourceName(parseSource(text))).toBe(name);
    expect(sourceName(parseSource(name))).toBe(name);
  });
});

describe("no source is named by", () => {
  test.each([
    ["", "expected file:PATH, or etcd:"],
    ["/etc/unum/state.yaml", "expected file:PATH, or etcd:"],
    ["file:", "expected file:PATH, or etcd:"],
    ["file:a\0b", "expected file:PATH, or etcd:"],
    ["consul:http://127.0.0.1", "expected file:PATH, or etcd:"],
    ["etcd:127.0.0.1:2379", "expected file:PATH, or etcd:"],
    ["etcd:ftp://127.0.0.1", "expected file:PATH, or etcd:"],
    ["etcd:http://", '"" is no member'],
    ["etcd:http://a,,b", '"" is no member'],
    ["etcd:http://a:0", '"a:0" is no member'],
    ["etcd:http://a:65536", '"a:65536" is no member'],
    ["etcd:http://2001:db8::1", '"2001:db8::1" is no member'],
    ["etcd:http://[10.0.0.1]", '"[10.0.0.1]" is no member'],
    ["etcd:http://a b", '"a b" is no member'],
    ["etcd:http://a,b,a:2379", "a:2379 is listed twice"],
    ["etcd:http://edge:secret@a", "a user in the address is no use here"],
    ["etcd:http://a/x//y", '"/x//y" is no prefix of keys'],
    ["etcd:http://a/x y", '"/x y" is no prefix of keys'],
    ["etcd:http://a?colour=red", '"colour=red" is no setting'],
    ["etcd:http://a?ca", '"ca" is no setting'],
    ["etcd:https://a?ca=", "ca: expected one value"],
    ["etcd:https://a?ca=/x&ca=/y", "ca: expected one value"],
    ["etcd:http://a?ca=/x", "certificates are of no use with http"],
    ["etcd:https://a?certificate=/x", "certificate and key come together"],
    ["etcd:https://a?user=x", "user and passwordFile come together"],
  ])("%j", (text, message) => {
    expect(() => parseSource(text)).toThrow(message);
  });
});
