import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as a from "../../src/address/index.ts";

const ipv4 = fc.nat(0xffffffff).map(a.ipv4FromNumber);
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
