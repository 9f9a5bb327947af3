// Control packets as bytes: every field, every way to be none, and who may have sent them.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Authenticator, SECTION_BYTES } from "../../src/bfd/auth.ts";
import type { ControlPacket } from "../../src/bfd/packet.ts";
import { BFD_STATES, decodeControl, encodeControl } from "../../src/bfd/packet.ts";

const PACKET: ControlPacket = {
  diagnostic: 3,
  state: "up",
  poll: true,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  multiplier: 5,
  myDiscriminator: 0x01020304,
  yourDiscriminator: 0xfffefdfc,
  desiredMinTxUs: 300_000,
  requiredMinRxUs: 200_000,
  requiredMinEchoRxUs: 50_000,
  authenticated: false,
};

/** RFC 5880 section 4.1, by hand. */
const BYTES = "23e00518" + "01020304" + "fffefdfc" + "000493e0" + "00030d40" + "0000c350";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

describe("a control packet", () => {
  test("is written as the RFC has it, and read again", () => {
    expect(hex(encodeControl(PACKET))).toBe(BYTES);
    expect(decodeControl(bytesOf(BYTES))).toEqual(PACKET);
  });

  test("keeps whatever its fields hold", () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const packets = fc.record({
      diagnostic: fc.integer({ min: 0, max: 31 }),
      state: fc.constantFrom(...BFD_STATES),
      poll: fc.boolean(),
      final: fc.boolean(),
      controlPlaneIndependent: fc.boolean(),
      demand: fc.boolean(),
      multiplier: fc.integer({ min: 1, max: 255 }),
      myDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
      yourDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
      desiredMinTxUs: word,
      requiredMinRxUs: word,
      requiredMinEchoRxUs: word,
      authenticated: fc.constant(false),
    });
    fc.assert(
      fc.property(packets, (packet) => {
        expect(decodeControl(encodeControl(packet))).toEqual(packet);
      }),
    );
  });

  const changed = (at: number, value: number) => {
    const bytes = bytesOf(BYTES);
    bytes[at] = value;
    return bytes;
  };
  const zeroed = (from: number) => bytesOf(BYTES).fill(0, from, from + 4);
  const longer = (bytes: Uint8Array, more: number) => Uint8Array.from([...bytes, ...new Uint8Array(more)]);

  test.each<[string, Uint8Array, string]>([
    ["nothing at all", new Uint8Array(), "length"],
    ["a byte too few", bytesOf(BYTES).subarray(0, 23), "length"],
    ["version 0", changed(0, 0x03), "version"],
    ["version 2", changed(0, 0x43), "version"],
    ["a length below that of a packet", changed(3, 23), "length"],
    ["a length beyond its end", changed(3, 25), "length"],
    ["authentication that has no room", changed(1, 0xe4), "length"],
    ["a multiplier of 0", changed(2, 0), "multiplier"],
    ["the multipoint bit", changed(1, 0xe1), "multipoint"],
    ["no discriminator of its own", zeroed(4), "my-discriminator"],
    ["state up, and nobody's discriminator", zeroed(8), "your-discriminator"],
    ["state init, and nobody's discriminator", zeroed(8).fill(0xa0, 1, 2), "your-discriminator"],
  ])("is none with %s", (_, bytes, reason) => {
    expect(decodeControl(bytes)).toBe(reason);
  });

  test("may name nobody while it is down, and be followed by anything", () => {
    expect(decodeControl(zeroed(8).fill(0x40, 1, 2))).toMatchObject({ state: "down", yourDiscriminator: 0 });
    expect(decodeControl(zeroed(8).fill(0x00, 1, 2))).toMatchObject({ state: "admin-down" });
    expect(decodeControl(longer(bytesOf(BYTES), 9))).toEqual(PACKET);
  });

  test("of any bytes is a packet or a reason", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const result = decodeControl(bytes);
        if (typeof result !== "string") expect(result.multiplier * result.myDiscriminator).toBeGreaterThan(0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe.each(["keyed-sha1", "meticulous-keyed-sha1"] as const)("authentication by %s", (type) => {
  const key = { type, keyId: 7, secret: Buffer.from("a secret") };
  const sealed = (authenticator: Authenticator) => {
    const bytes = encodeControl({ ...PACKET, authenticated: true }, SECTION_BYTES);
    authenticator.seal(bytes);
    return bytes;
  };
  const both = () => [new Authenticator(key, 100), new Authenticator(key, 9)] as const;

  test("believes who has the key", () => {
    const [sender, receiver] = both();
    for (let i = 0; i < 5; i++) expect(receiver.verify(sealed(sender), 3)).toBeUndefined();
  });

  test("believes no packet that was changed anywhere", () => {
    const [sender, receiver] = both();
    const bytes = sealed(sender);
    for (let at = 0; at < bytes.length; at++) {
      const forged = bytes.slice();
      forged[at] = (forged[at] as number) ^ 0x10;
      expect(receiver.verify(forged, 3), `byte ${at}`).toBeDefined();
    }
    expect(receiver.verify(bytes, 3)).toBeUndefined();
  });

  test("tells why", () => {
    const [sender, receiver] = both();
    const bytes = sealed(sender);
    expect(receiver.verify(bytes.subarray(0, 40), 3)).toBe("auth-section");
    for (const at of [24, 25, 26]) {
      const other = bytes.slice();
      other[at] = (other[at] as number) + 1;
      expect(receiver.verify(other, 3)).toBe("auth-section");
    }
    const stranger = new Authenticator({ ...key, secret: Buffer.from("another") }, 100);
    expect(receiver.verify(sealed(stranger), 3)).toBe("auth-digest");
  });

  test("takes no packet twice, nor one from long ago or far ahead", () => {
    const [sender, receiver] = both();
    const old = sealed(sender);
    expect(receiver.verify(old, 3)).toBeUndefined();
    expect(receiver.verify(old, 3)).toBe(type === "keyed-sha1" ? undefined : "auth-sequence");
    for (let i = 0; i < 8; i++) sealed(sender);
    const last = sealed(sender);
    expect(receiver.verify(last, 3)).toBeUndefined();
    expect(receiver.verify(old, 3)).toBe("auth-sequence");
    for (let i = 0; i < 9; i++) sealed(sender);
    const ahead = sealed(sender);
    expect(receiver.verify(ahead, 3)).toBe("auth-sequence");
    receiver.forget();
    expect(receiver.verify(ahead, 3)).toBeUndefined();
  });

  test("counts past the end of its numbers", () => {
    const [sender, receiver] = [new Authenticator(key, 0xfffffffd), new Authenticator(key, 0)];
    for (let i = 0; i < 6; i++) expect(receiver.verify(sealed(sender), 3)).toBeUndefined();
  });

  test("lets no forged number move what is expected", () => {
    const [sender, receiver] = both();
    expect(receiver.verify(sealed(sender), 3)).toBeUndefined();
    const stranger = new Authenticator({ ...key, secret: Buffer.from("another") }, 108);
    expect(receiver.verify(sealed(stranger), 3)).toBe("auth-digest");
    expect(receiver.verify(sealed(sender), 3)).toBeUndefined();
  });
});
