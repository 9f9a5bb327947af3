import { isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as a from "../../src/address/index.ts";

const ipv4 = fc.nat(0xffffffff).map(a.ipv4FromNumber);
const bytes16 = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 255])));
const ipv6 = bytes16.map((bytes) => a.ipv6FromBytes(bytes)).filter((address) => a.ipv6Kind(address) !== "mapped");
const bytes6 = fc.uint8Array({ minLength: 6, maxLength: 6 });

describe("IPv4", () => {
  test.each([
    ["", "not four parts"],
    ["10.0.0", "not four parts"],
    ["10.0.0.1.2", "not four parts"],
    ["10.0.0.1.", "not four parts"],
    ["1.2.3.4.5.6.7.8", "not four parts"],
    ["010.0.0.1", "part 1 has a leading zero"],
    ["10.0.0.00", "part 4 has a leading zero"],
    ["10.0.0.256", "part 4 is above 255"],
    ["10.0.99999999999.1", "part 3 is above 255"],
    ["10.0x1.0.1", "part 2 is not a decimal number"],
    ["10..0.1", "part 2 is not a decimal number"],
    [" 10.0.0.1", "part 1 is not"],
    ["10.0.0.1 ", "part 4 is not"],
    ["10.0.0.1\n", "part 4 is not"],
    ["10.0.0.-1", "part 4 is not"],
    ["10.0.0.+1", "part 4 is not"],
    ["10.0.0.1e0", "part 4 is not"],
    ["10.0.0.١", "part 4 is not"],
    ["2130706433", "not four parts"],
    ["fd00::1", "not an IPv4 address"],
  ])("refuses %j", (text, cause) => {
    expect(a.isIpv4(text)).toBe(false);
    expect(() => a.parseIpv4(text)).toThrow(cause);
    expect(() => a.parseIpv4(text)).toThrow(expect.objectContaining({ code: "ADDRESS_INVALID" }));
  });

  test.each([[167772161], [null], [undefined], [{}]])("refuses %j, which is not text", (value) => {
    expect(() => a.parseIpv4(value)).toThrow("not text");
  });

  test("number, bytes and text agree", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), (value) => {
        const address = a.ipv4FromNumber(value);
        expect(a.parseIpv4(address)).toBe(address);
        expect(a.ipv4ToNumber(address)).toBe(value);
        const bytes = a.ipv4ToBytes(address);
        expect(new DataView(bytes.buffer).getUint32(0)).toBe(value);
        expect(a.ipv4FromBytes(bytes)).toBe(address);
      }),
    );
    expect(a.ipv4FromBytes(Uint8Array.of(9, 255, 0, 1, 2), 1)).toBe("255.0.1.2");
    expect(() => a.ipv4FromBytes(new Uint8Array(4), 1)).toThrow("offset 1");
    expect(() => a.ipv4FromNumber(2 ** 32)).toThrow("32-bit");
    expect(() => a.ipv4FromNumber(-1)).toThrow("32-bit");
  });

  test.each([
    ["0.0.0.0", "zero"],
    ["0.255.255.255", "zero"],
    ["1.0.0.0", "unicast"],
    ["127.0.0.1", "loopback"],
    ["128.0.0.0", "unicast"],
    ["169.254.1.1", "link-local"],
    ["169.255.0.0", "unicast"],
    ["223.255.255.255", "unicast"],
    ["224.0.0.0", "multicast"],
    ["239.255.255.255", "multicast"],
    ["240.0.0.0", "reserved"],
    ["255.255.255.254", "reserved"],
    ["255.255.255.255", "broadcast"],
  ])("%s is %s", (text, kind) => {
    const address = a.parseIpv4(text);
    expect(a.ipv4Kind(address)).toBe(kind);
    expect(a.isUnicastIpv4(address)).toBe(kind === "unicast" || kind === "link-local");
  });

  test("order is numeric", () => {
    expect(["10.0.0.10", "9.0.0.1", "10.0.0.9"].map(a.parseIpv4).sort(a.compareIpv4)).toEqual([
      "9.0.0.1",
      "10.0.0.9",
      "10.0.0.10",
    ]);
  });
});

/** Canonical text by another implementation: the WHATWG URL serialiser follows RFC 5952 too. */
function canonical(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

describe("IPv6", () => {
  test.each([
    ["", "not an IPv6 address"],
    ["10.2.0.1", "not an IPv6 address"],
    [":", "not that form"],
    [":::", "not that form"],
    ["1::2::3", "not that form"],
    ["1:2:3:4:5:6:7", "not that form"],
    ["1:2:3:4:5:6:7:8:9", "not that form"],
    ["2001:db8::12345", "not that form"],
    ["2001:db8::g", "not that form"],
    ["2001:db8::1 ", "not that form"],
    [" 2001:db8::1", "not that form"],
    ["2001:db8::1\n", "not that form"],
    ["2001:db8::1/64", "not that form"],
    ["2001:db8::\u0661", "not that form"],
    ["::1.2.3", "not that form"],
    ["fe80::1%e0", "has a zone"],
    ["[2001:db8::1]", "in brackets"],
    ["::ffff:1.2.3.4", "IPv4-mapped"],
    ["::ffff:102:304", "IPv4-mapped"],
    ["0:0:0:0:0:FFFF:0:0", "IPv4-mapped"],
  ])("refuses %j", (text, cause) => {
    expect(a.isIpv6(text)).toBe(false);
    expect(() => a.parseIpv6(text)).toThrow(cause);
    expect(() => a.parseIpv6(text)).toThrow(expect.objectContaining({ code: "ADDRESS_INVALID" }));
  });

  test.each([[1], [null], [undefined], [{}]])("refuses %j, which is not text", (value) => {
    expect(() => a.parseIpv6(value)).toThrow("not text");
  });

  test.each([
    ["::", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8::1", "2001:db8::1"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    // RFC 5952 section 4.2.2: one group of zeros is written out.
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    // Section 4.2.3: the longest run, and the first of equal ones.
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
    ["::1.2.3.4", "::102:304"],
    ["ff02::1", "ff02::1"],
    ["1::", "1::"],
  ])("writes %s as %s", (text, expected) => {
    expect(a.parseIpv6(text)).toBe(expected);
    expect(canonical(text)).toBe(expected);
  });

  test("bytes and text agree, and with another implementation", () => {
    fc.assert(
      fc.property(bytes16, (bytes) => {
        const address = a.ipv6FromBytes(bytes);
        expect(a.ipv6ToBytes(address)).toEqual(bytes);
        const hex = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number));
        const long = hex.map((group) => group.toString(16).padStart(4, "0")).join(":");
        expect(address).toBe(canonical(long));
        if (a.ipv6Kind(address) === "mapped") return;
        expect(a.parseIpv6(address)).toBe(address);
        expect(a.parseIpv6(long.toUpperCase())).toBe(address);
        expect(a.isIpv6(long)).toBe(true);
      }),
      { numRuns: 1000 },
    );
    expect(a.ipv6FromBytes(Uint8Array.of(9, 255, ...new Uint8Array(14), 7), 1)).toBe("ff00::7");
    expect(() => a.ipv6FromBytes(new Uint8Array(16), 1)).toThrow("offset 1");
    expect(() => a.ipv6FromBytes(new Uint8Array(17), -1)).toThrow("offset -1");
  });

  test("takes exactly what node:net does, but for zones and mapped addresses", () => {
    const part = fc.constantFrom(":", "::", "1", "0", "ffff", "fffff", "1.2.3.4", "1.2.3.256", "g", "%", " ");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 16 }), (parts) => {
        const text = parts.join("");
        const known = isIPv6(text) && !text.includes("%");
        if (!known) expect(a.isIpv6(text)).toBe(false);
        else
          expect(a.isIpv6(text)).toBe(
            !canonical(text).startsWith("::ffff:") || canonical(text).split(":").length !== 5,
          );
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["::2", "unicast"],
    ["fe7f:ffff::", "unicast"],
    ["fe80::", "link-local"],
    ["febf:ffff::1", "link-local"],
    ["fec0::1", "unicast"],
    ["fd00::1", "unicast"],
    ["feff::1", "unicast"],
    ["ff00::", "multicast"],
    ["ff02::1", "multicast"],
    ["::fffe:1:1", "unicast"],
    ["0:0:0:0:1:ffff:1:1", "unicast"],
    ["2001:db8::1", "unicast"],
  ])("%s is %s", (text, kind) => {
    const address = a.parseIpv6(text);
    expect(a.ipv6Kind(address)).toBe(kind);
    expect(a.isUnicastIpv6(address)).toBe(kind === "unicast");
  });

  test("mapped addresses are told from bytes", () => {
    const bytes = Uint8Array.of(...new Uint8Array(10), 255, 255, 10, 2, 0, 1);
    expect(a.ipv6Kind(a.ipv6FromBytes(bytes))).toBe("mapped");
  });

  test("order is that of the bytes", () => {
    fc.assert(
      fc.property(ipv6, ipv6, (one, other) => {
        const expected = Buffer.compare(a.ipv6ToBytes(one), a.ipv6ToBytes(other));
        expect(Math.sign(a.compareIpv6(one, other))).toBe(expected);
      }),
    );
  });
});

describe("either family", () => {
  test("is told by its form", () => {
    expect(a.parseIp("10.2.0.1")).toBe("10.2.0.1");
    expect(a.parseIp("2001:DB8::1")).toBe("2001:db8::1");
    expect(a.ipFamily(a.parseIp("10.2.0.1"))).toBe(4);
    expect(a.ipFamily(a.parseIp("::"))).toBe(6);
    expect(() => a.parseIp("010.2.0.1")).toThrow("leading zero");
    expect(() => a.parseIp("::ffff:10.2.0.1")).toThrow("IPv4-mapped");
    expect(() => a.parseIp("s1")).toThrow("expected an IPv4 address such as 10.2.0.1 or an IPv6 address");
    expect(() => a.parseIp(1)).toThrow("not text");
  });

  test("IPv4 comes first", () => {
    const sorted = ["10.0.0.9", "9.0.0.1", "2001:db8::9", "2001:db8::10", "2001:db8:0:1::"].map(a.parseIp);
    expect([...sorted].sort(a.compareIp)).toEqual([
      "9.0.0.1",
      "10.0.0.9",
      "2001:db8::9",
      "2001:db8::10",
      "2001:db8:0:1::",
    ]);
    expect([...sorted].reverse().sort(a.compareIp)).toEqual([...sorted].sort(a.compareIp));
  });

  test("gives a MAC", () => {
    expect(a.macFromIp(a.parseIp("10.2.0.255"))).toBe("02:00:0a:02:00:ff");
    // FNV-1a, 32 bits, of sixteen zero bytes, by the reference of its authors: 0x811c9dc5 * 0x01000193^16 mod 2^32.
    let hash = 0x811c9dc5n;
    for (let i = 0; i < 16; i++) hash = (hash * 0x01000193n) % 2n ** 32n;
    const digits = hash.toString(16).padStart(8, "0").match(/../g)?.join(":");
    expect(a.macFromIp(a.parseIp("::"))).toBe(`02:06:${digits}`);
    const some = ["2001:db8:0:1::2", "2001:db8:0:2::1", "2001:db8::1", "2001:db8::2", "2001:db8::100"].map(a.parseIp);
    expect(new Set(some.map(a.macFromIp)).size).toBe(5);
    for (const address of some) expect(a.macIsGroup(a.macFromIp(address))).toBe(false);
  });
});

describe("MAC", () => {
  test("bytes and text agree", () => {
    fc.assert(
      fc.property(bytes6, (bytes) => {
        const mac = a.macFromBytes(bytes);
        expect(a.parseMac(mac)).toBe(mac);
        expect(a.parseMac(mac.toUpperCase())).toBe(mac);
        expect(a.macToBytes(mac)).toEqual(bytes);
        expect(a.macIsGroup(mac)).toBe(((bytes[0] as number) & 1) === 1);
      }),
    );
    expect(() => a.macFromBytes(new Uint8Array(5))).toThrow("5 bytes");
  });

  test.each([
    "",
    "02:00:00:00:00",
    "02:00:00:00:00:05:06",
    "2:0:0:0:0:5",
    "02-00-00-00-00-05",
    "0200.0000.0005",
    "02:00:00:00:00:0g",
    " 02:00:00:00:00:05",
    "02:00:00:00:00:05\n",
    "02:00:00:00:00:\u212a5",
  ])("refuses %j", (text) => {
    expect(a.isMac(text)).toBe(false);
    expect(() => a.parseMac(text)).toThrow("six hexadecimal bytes");
  });

  test("is made of an address", () => {
    expect(a.macFromIpv4(a.parseIpv4("10.2.0.255"))).toBe("02:00:0a:02:00:ff");
    expect(a.macFromIpv4(a.parseIpv4("0.0.0.0"))).toBe("02:00:00:00:00:00");
  });

  test("group and zero", () => {
    expect(a.macIsGroup(a.BROADCAST_MAC)).toBe(true);
    expect(a.macIsGroup(a.parseMac("01:00:5e:00:00:01"))).toBe(true);
    expect(a.macIsGroup(a.parseMac("02:00:00:00:00:05"))).toBe(false);
    expect(a.macIsZero(a.ZERO_MAC)).toBe(true);
  });
});

describe("prefix", () => {
  test.each([
    ["10.0.0.0", "no /length"],
    ["10.0.0.0/", "length is not"],
    ["10.0.0.0/33", "length is not"],
    ["10.0.0.0/08", "length is not"],
    ["10.0.0.0/ 8", "length is not"],
    ["10.0.0.0/8/8", "length is not"],
    ["10.0.0.0/-1", "length is not"],
    ["10.0.0.0/255.0.0.0", "length is not"],
    ["10.0.0/8", "not an IPv4 address"],
    ["fd00::/8", "not an IPv4 address"],
    ["10.0.0.1/8", "expected 10.0.0.0/8, or 10.0.0.1/32"],
    ["128.0.0.0/0", "expected 0.0.0.0/0"],
  ])("refuses %j", (text, cause) => {
    expect(() => a.parsePrefix(text)).toThrow(cause);
  });

  test("contains exactly the addresses that share its bits", () => {
    fc.assert(
      fc.property(ipv4, fc.nat(32), ipv4, (address, length, other) => {
        const prefix = a.prefixOf(address, length);
        expect(a.parsePrefix(prefix)).toBe(prefix);
        expect(a.prefixContains(prefix, address)).toBe(true);
        const bits = (value: a.Ipv4) => a.ipv4ToNumber(value).toString(2).padStart(32, "0").slice(0, length);
        expect(a.prefixContains(prefix, other)).toBe(bits(address) === bits(other));
        expect(a.prefixLength(prefix)).toBe(length);
        expect(a.networkOf(a.interfaceAddressOf(address, length))).toBe(prefix);
      }),
    );
  });

  test("an interface address keeps its host part", () => {
    const own = a.parseInterfaceAddress("10.1.0.1/24");
    expect(a.prefixAddress(own)).toBe("10.1.0.1");
    expect(a.networkOf(own)).toBe("10.1.0.0/24");
    expect(() => a.parseInterfaceAddress("10.1.0.1")).toThrow("such as 10.1.0.1/24");
  });

  test("overlap and order", () => {
    const [ten, half, other] = ["10.0.0.0/8", "10.128.0.0/9", "11.0.0.0/8"].map(a.parsePrefix) as [
      a.Ipv4Prefix,
      a.Ipv4Prefix,
      a.Ipv4Prefix,
    ];
    expect(a.prefixesOverlap(ten, half)).toBe(true);
    expect(a.prefixesOverlap(half, ten)).toBe(true);
    expect(a.prefixesOverlap(half, other)).toBe(false);
    expect([other, half, ten].sort(a.comparePrefix)).toEqual([ten, half, other]);
    expect(a.hostPrefix(a.parseIpv4("10.1.0.1"))).toBe("10.1.0.1/32");
  });

  test.each([
    ["2001:db8::", "no /length"],
    ["2001:db8::/129", "length is not a number 0 to 128"],
    ["2001:db8::/032", "length is not"],
    ["2001:db8::/", "length is not"],
    ["10.0.0.0/8", "not an IPv6 address"],
    ["::ffff:10.0.0.0/104", "not an IPv6 address"],
    ["2001:db8::1/64", "expected 2001:db8::/64, or 2001:db8::1/128"],
    ["2001:db8::/28", "expected 2001:db0::/28, or 2001:db8::/128"],
    ["8000::/0", "expected ::/0"],
  ])("refuses %j for IPv6", (text, cause) => {
    expect(() => a.parsePrefix6(text)).toThrow(cause);
  });

  test("of IPv6 contains exactly the addresses that share its bits", () => {
    const bits = (value: a.Ipv6) =>
      Array.from(a.ipv6ToBytes(value), (byte) => byte.toString(2).padStart(8, "0")).join("");
    fc.assert(
      fc.property(ipv6, fc.nat(128), ipv6, fc.nat(127), (address, length, other, flipped) => {
        const prefix = a.prefixOf(address, length);
        expect(a.prefixLength(prefix)).toBe(length);
        expect(bits(a.prefixAddress(prefix))).toBe(bits(address).slice(0, length).padEnd(128, "0"));
        const near = a.ipv6ToBytes(address);
        (near[flipped >> 3] as number) ^= 0x80 >> (flipped & 7);
        for (const each of [address, other, a.ipv6FromBytes(near)]) {
          expect(a.prefixContains(prefix, each)).toBe(bits(address).slice(0, length) === bits(each).slice(0, length));
        }
        expect(a.parseIpPrefix(prefix)).toBe(prefix);
        expect(a.networkOf(a.interfaceAddressOf(address, length))).toBe(prefix);
      }),
    );
    expect(a.parsePrefix6("2001:0DB8::/32")).toBe("2001:db8::/32");
    expect(a.parseInterfaceAddress6("2001:DB8::1/64")).toBe("2001:db8::1/64");
    expect(() => a.parseInterfaceAddress6("2001:db8::1")).toThrow("such as 2001:db8:1::1/64");
    expect(() => a.parseInterfaceAddress6("10.1.0.1/24")).toThrow("not an IPv6 address");
  });

  test("of one family holds nothing of the other", () => {
    const [four, six] = [a.parsePrefix("0.0.0.0/0"), a.parsePrefix6("::/0")];
    expect(a.prefixContains(four, a.parseIp("::1"))).toBe(false);
    expect(a.prefixContains(six, a.parseIp("10.0.0.1"))).toBe(false);
    expect(a.prefixesOverlap(four, six)).toBe(false);
    expect(a.prefixesOverlap(six, four)).toBe(false);
    expect(a.prefixesOverlap(six, a.parsePrefix6("2001:db8::/32"))).toBe(true);
    const sorted = ["10.0.0.0/8", "10.0.0.0/9", "::/0", "2001:db8::/32", "2001:db8::/48"].map(a.parseIpPrefix);
    expect([...sorted].reverse().sort(a.comparePrefix)).toEqual(sorted);
    expect(a.hostPrefix(a.parseIp("2001:db8::1"))).toBe("2001:db8::1/128");
    expect(() => a.parseIpPrefix(8)).toThrow("not text");
  });

  test("subnet-router anycast addresses of a network", () => {
    const at = (network: string, address: string) =>
      a.isNetworkOrBroadcast(a.parseInterfaceAddress6(network), a.parseIpv6(address));
    expect(at("2001:db8::1/64", "2001:db8::")).toBe(true);
    expect(at("2001:db8::1/64", "2001:db8::ffff:ffff:ffff:ffff")).toBe(false);
    expect(at("2001:db8::1/64", "2001:db8:0:1::")).toBe(false);
    expect(at("2001:db8::/127", "2001:db8::")).toBe(false);
    expect(at("2001:db8::/128", "2001:db8::")).toBe(false);
    expect(at("2001:db8::/126", "2001:db8::")).toBe(true);
  });

  test("network and broadcast addresses of a network", () => {
    const at = (network: string, address: string) =>
      a.isNetworkOrBroadcast(a.parseInterfaceAddress(network), a.parseIpv4(address));
    expect(at("10.1.0.1/24", "10.1.0.0")).toBe(true);
    expect(at("10.1.0.1/24", "10.1.0.255")).toBe(true);
    expect(at("10.1.0.1/24", "10.1.0.254")).toBe(false);
    expect(at("10.1.0.1/24", "10.2.0.0")).toBe(false);
    expect(at("10.1.0.0/31", "10.1.0.0")).toBe(false);
    expect(at("0.0.0.0/0", "255.255.255.255")).toBe(true);
  });
});
