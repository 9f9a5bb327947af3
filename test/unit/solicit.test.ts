import { describe, expect, test } from "vitest";
import { parseIp, parseMac } from "../../src/address/index.ts";
import { solicitation } from "../../src/netlink/solicit.ts";

const mac = parseMac("02:00:00:00:00:01");
const ask = (address: string, peer: string, tags: Parameters<typeof solicitation>[0]["tags"] = {}) =>
  Buffer.from(solicitation({ mac, tags, address: parseIp(address), peer: parseIp(peer) })).toString("hex");

const ARP = "0001080006040001" + "020000000001" + "0a010001" + "000000000000" + "0a010002";

describe("a question for a peer's MAC", () => {
  test("of IPv4 is an ARP request to everybody", () => {
    expect(ask("10.1.0.1", "10.1.0.2")).toBe(`ffffffffffff0200000000010806${ARP}`);
  });

  test.each([
    ["802.1Q", { vlan: 100, tag: "802.1q" }, "81000064"],
    ["802.1ad", { vlan: 4094, tag: "802.1ad" }, "88a80ffe"],
    ["802.1ad over 802.1Q", { vlan: 100, innerVlan: 7, tag: "802.1ad" }, "88a8006481000007"],
    ["802.1Q twice", { vlan: 100, innerVlan: 7, tag: "802.1q" }, "8100006481000007"],
  ] as const)("goes through tags: %s", (_, tags, bytes) => {
    expect(ask("10.1.0.1", "10.1.0.2", tags)).toBe(`ffffffffffff020000000001${bytes}0806${ARP}`);
  });

  test("of IPv6 is a neighbour solicitation to the peer's group, with our MAC", () => {
    // As scapy builds it.
    const parts = [
      "3333ffcdef02",
      "020000000001",
      "81000064",
      "86dd",
      "6000000000203aff",
      "20010db8000100000000000000000001",
      "ff0200000000000000000001ffcdef02",
      "8700918800000000",
      "20010db80001000000000000abcdef02",
      "0101020000000001",
    ];
    const question = ask("2001:db8:1::1", "2001:db8:1::abcd:ef02", { vlan: 100, tag: "802.1q" });
    expect(question).toBe(parts.join(""));
  });
});
