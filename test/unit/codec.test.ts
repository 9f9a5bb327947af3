import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Btf } from "../../src/bpf/btf.ts";
import type { FieldLayout, StructValue } from "../../src/bpf/codec.ts";
import { layoutDifferences } from "../../src/bpf/codec.ts";
import { UnumError } from "../../src/errors.ts";

const ABI = new URL("../../bpf/abi.h", import.meta.url).pathname;
const INCLUDE = `-I/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
const STRUCTS = [...readFileSync(ABI, "utf8").matchAll(/^struct (\w+) \{/gm)].map((match) => match[1] as string);
const ENUMS = [...readFileSync(ABI, "utf8").matchAll(/^enum (\w+) \{/gm)].map((match) => match[1] as string);

let directory: string;
let abi: Btf;

/** The BTF that clang writes for `source`. */
function compile(name: string, source: string, target: "bpf" | "bpfeb" = "bpf"): Uint8Array {
  const [c, object, btf] = ["c", "o", "btf"].map((end) => join(directory, `${name}.${end}`)) as [
    string,
    string,
    string,
  ];
  writeFileSync(c, source);
  execFileSync("clang", ["-g", "-O2", `--target=${target}`, INCLUDE, "-c", c, "-o", object]);
  execFileSync("llvm-objcopy", [`--dump-section=.BTF=${btf}`, object]);
  return readFileSync(btf);
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "codec-"));
  const uses = STRUCTS.map((name) => `struct ${name} use_${name};`).concat(
    ENUMS.map((name) => `enum ${name} e_${name};`),
  );
  abi = Btf.parse(compile("abi", `#include "${ABI}"\n${uses.join("\n")}\n`));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Layouts as the compiler itself reports them, which knows nothing of BTF: struct → "offset name", or "offset:bits name". */
function layoutsOfCompiler(): Map<string, { size: number; fields: string[] }> {
  const source = join(directory, "layout.c");
  const uses = STRUCTS.map((name) => `int size_${name} = sizeof(struct ${name});`);
  writeFileSync(source, `#include "${ABI}"\n${uses.join("\n")}\n`);
  const flags = ["--target=bpf", INCLUDE, "-Xclang", "-fdump-record-layouts", "-fsyntax-only", source];
  const layouts = new Map<string, { size: number; fields: string[] }>();
  for (const block of execFileSync("clang", flags, { encoding: "utf8" }).split("*** Dumping AST Record Layout")) {
    const name = /^\s+0 \| struct (\w+)$/m.exec(block)?.[1];
    const size = /sizeof=(\d+)/.exec(block)?.[1];
    if (name === undefined || size === undefined) continue;
    // Fields of the struct itself are indented by two, those of nested ones by more.
    const fields = [...block.matchAll(/^\s+(\d+(?::\d+-\d+)?) \| {3}(?! )(.+?) (\w+)$/gm)].map(
      (match) => `${match[1]} ${match[3]} ${match[2]}`,
    );
    layouts.set(name, { size: Number(size), fields });
  }
  return layouts;
}

/** As the compiler writes it: `14`, or `14:0-13` for bits of that byte and the following. */
function placeOf({ offset, bits }: FieldLayout): string {
  if (bits === undefined) return String(offset);
  const first = bits.offset - 8 * offset;
  return `${offset}:${first}-${first + bits.size - 1}`;
}

test("every struct of abi.h has the layout that the compiler reports", () => {
  const compiler = layoutsOfCompiler();
  expect(STRUCTS.length).toBeGreaterThan(25);
  expect([...compiler.keys()].sort()).toEqual([...STRUCTS].sort());
  for (const name of STRUCTS) {
    const codec = abi.struct(name);
    expect({ name, size: codec.size }).toEqual({ name, size: compiler.get(name)?.size });
    const fields = codec.fields.map((field) => `${placeOf(field)} ${field.name} ${field.typeName}`);
    expect({ name, fields }).toEqual({ name, fields: compiler.get(name)?.fields });
  }
});

test("padding is explicit: the fields of every struct of abi.h fill it", () => {
  // Buckets, records and words may end in padding by alignment; nothing may lie between fields.
  for (const name of STRUCTS) {
    let end = 0;
    for (const { name: field, offset, size, bits } of abi.struct(name).fields) {
      const first = bits?.offset ?? 8 * offset;
      expect({ name, field, bit: first }).toEqual({ name, field, bit: end });
      end = first + (bits?.size ?? 8 * size);
    }
  }
});

/** Random values for a field, and the bytes that they are, written by nothing of the codec. */
function arbitraryField(field: FieldLayout): fc.Arbitrary<{ value: unknown; bytes: Uint8Array }> {
  const array = /^(.+?)\[(\d+)\]$/.exec(field.typeName);
  if (array !== null && field.kind === "array") {
    const [length, size] = [Number(array[2]), field.size / Number(array[2])];
    const kind = field.fields === undefined ? "integer" : "struct";
    const element = { ...field, typeName: array[1] as string, size, kind } as FieldLayout;
    return fc.array(arbitraryField(element), { minLength: length, maxLength: length }).map((parts) => ({
      value: parts.map((part) => part.value),
      bytes: Buffer.concat(parts.map((part) => part.bytes)),
    }));
  }
  if (field.kind === "struct") return arbitraryStruct(field.fields ?? [], field.size);
  if (field.kind === "bytes") {
    return fc.uint8Array({ minLength: field.size, maxLength: field.size }).map((bytes) => ({ value: bytes, bytes }));
  }
  if (field.kind === "text") {
    return fc.string({ maxLength: field.size - 1, unit: "grapheme-ascii" }).map((value) => {
      const bytes = Buffer.alloc(field.size);
      bytes.write(value);
      return { value, bytes };
    });
  }
  if (field.bits !== undefined) {
    const { offset, size } = field.bits;
    return fc.nat({ max: 2 ** size - 1 }).map((value) => {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, value << (offset & 7), true);
      return { value, bytes: bytes.subarray(0, Math.ceil(((offset & 7) + size) / 8)) };
    });
  }
  const swap = field.typeName.startsWith("__be");
  const bigint = fc.bigInt({ min: 0n, max: 2n ** BigInt(8 * field.size) - 1n });
  return bigint.map((value) => {
    const hex = Buffer.from(value.toString(16).padStart(2 * field.size, "0"), "hex");
    return { value: field.size === 8 ? value : Number(value), bytes: swap ? hex : hex.reverse() };
  });
}

function arbitraryStruct(
  fields: readonly FieldLayout[],
  size: number,
): fc.Arbitrary<{ value: StructValue; bytes: Uint8Array }> {
  return fc.tuple(...fields.map(arbitraryField)).map((parts) => {
    const bytes = new Uint8Array(size);
    const value: Record<string, unknown> = {};
    for (const [index, field] of fields.entries()) {
      // Bitfields share bytes with their neighbours.
      const part = (parts[index] as { bytes: Uint8Array }).bytes;
      for (const [at, byte] of part.entries()) (bytes[field.offset + at] as number) |= byte;
      value[field.name] = (parts[index] as { value: unknown }).value;
    }
    return { value: value as StructValue, bytes };
  });
}

test.each(STRUCTS)("struct %s: encode and decode are each other's inverse", (name) => {
  const codec = abi.struct(name);
  fc.assert(
    fc.property(arbitraryStruct(codec.fields, codec.size), fc.nat(9), ({ value, bytes }, offset) => {
      expect(Buffer.from(codec.encode(value))).toEqual(Buffer.from(bytes));
      expect(codec.decode(bytes)).toEqual(value);
      const buffer = new Uint8Array(codec.size + offset + 3).fill(0xa5);
      expect(codec.encode(value, buffer, offset)).toBe(buffer);
      expect(Buffer.from(buffer.subarray(offset, offset + codec.size))).toEqual(Buffer.from(bytes));
      expect(buffer.subarray(0, offset).every((byte) => byte === 0xa5)).toBe(true);
      expect([...buffer.subarray(offset + codec.size)]).toEqual([0xa5, 0xa5, 0xa5]);
      expect(codec.decode(buffer, offset)).toEqual(value);
    }),
    { numRuns: 50 },
  );
});

test("a VM slot, byte by byte", () => {
  const slot = abi.struct("vm4_slot").encode({
    vni: Uint8Array.of(0x01, 0x02, 0x03),
    flags: 1,
    address: 0x0a010205,
    mac: Uint8Array.of(2, 0, 0, 0, 0, 5),
    endpoint: 0x0708,
    policy: 2,
  });
  expect(Buffer.from(slot).toString("hex")).toBe("010203010a0102050200000000050887");
});

test("what is left out is zero, also in bytes that were not", () => {
  const codec = abi.struct("profile");
  const bytes = new Uint8Array(8).fill(0xff);
  expect([...codec.encode({ port: 4789, mtu: undefined }, bytes)]).toEqual([0x12, 0xb5, 0, 0, 0, 0, 0, 0]);
  expect(abi.struct("route_group").encode({ count: 2, endpoints: [1, 2] }).length).toBe(64);
});

describe("refuses", () => {
  test.each<[string, string, Record<string, unknown>, string]>([
    ["a field that does not exist", "profile", { ttk: 1 }, 'encode profile: it has no field "ttk", expected an object'],
    [
      "a number above its range",
      "profile",
      { ttl: 256 },
      "encode profile.ttl: 256 does not fit, expected an integer 0 to 255",
    ],
    ["a negative number", "profile", { mtu: -1 }, "profile.mtu: -1"],
    ["a fraction", "profile", { mtu: 1.5 }, "profile.mtu: 1.5"],
    ["NaN", "profile", { mtu: Number.NaN }, "profile.mtu: NaN"],
    ["text for a number", "profile", { mtu: "1500" }, 'profile.mtu: "1500"'],
    ["a bigint for a number", "profile", { mtu: 1n }, "profile.mtu: 1n"],
    [
      "a number for a bigint",
      "meta",
      { seed: 1 },
      "meta.seed: 1 does not fit, expected a bigint 0 to 18446744073709551615",
    ],
    ["a bigint above its range", "meta", { seed: 2n ** 64n }, "meta.seed"],
    ["a 32-bit number above its range", "meta", { vm_capacity: 2 ** 32 }, "0 to 4294967295"],
    ["a network-order number above its range", "profile", { port: 65536 }, "profile.port: 65536"],
    [
      "too few bytes",
      "vm4_slot",
      { mac: new Uint8Array(5) },
      "vm4_slot.mac: 5 bytes does not fit, expected a Uint8Array of 6",
    ],
    ["a list for bytes", "vm4_slot", { mac: [2, 0, 0, 0, 0, 5] }, "vm4_slot.mac: a list of 6"],
    ["null", "vm4_slot", { mac: null }, "vm4_slot.mac: null"],
    ["a list that is too long", "vm4_bucket", { slots: [{}, {}, {}, {}, {}] }, "vm4_bucket.slots: a list of 5"],
    ["a hole in a list", "vm4_bucket", { slots: [undefined] }, "encode vm4_slot: undefined does not fit"],
    ["a field deep inside", "vm4_bucket", { slots: [{}, { endpoint: 70000 }] }, "vm4_slot.endpoint: 70000"],
    ["text that is too long", "name", { text: "x".repeat(128) }, "name.text"],
    ["text that is too long in bytes", "name", { text: "é".repeat(64) }, "at most 127 bytes"],
    ["text with a NUL", "name", { text: "a\0b" }, "without NUL"],
  ])("%s", (_, struct, value, message) => {
    expect(() => abi.struct(struct).encode(value as StructValue)).toThrow(message);
    expect(() => abi.struct(struct).encode(value as StructValue)).toThrow(
      expect.objectContaining({ code: "CODEC_VALUE" }),
    );
  });

  test.each([[null], [undefined], [5], ["x"], [[]], [new Uint8Array(8)]])("%j for a struct", (value) => {
    expect(() => abi.struct("profile").encode(value as unknown as StructValue)).toThrow(
      "expected an object with the fields",
    );
  });

  test("buffers that are too short", () => {
    const codec = abi.struct("profile");
    expect(() => codec.encode({}, new Uint8Array(7))).toThrow(
      "encode struct profile: 8 bytes at 0 are not within the 7",
    );
    expect(() => codec.encode({}, new Uint8Array(8), 1)).toThrow("8 bytes at 1");
    expect(() => codec.decode(new Uint8Array(8), -1)).toThrow("8 bytes at -1");
    expect(() => codec.decode(new Uint8Array(8), 0.5)).toThrow("8 bytes at 0.5");
    expect(() => codec.decode(new Uint8Array(0))).toThrow("decode struct profile");
  });

  test("names that are not there", () => {
    expect(() => abi.struct("proflie")).toThrow("read struct proflie: these BTF types have none of that name");
    expect(() => abi.enumeration("nothing")).toThrow("read enum nothing");
    expect(() => abi.section(".nothing")).toThrow("read section .nothing");
    expect(() => abi.type(1e6)).toThrow("BTF type 1000000");
  });
});

const KINDS = `
#include <linux/types.h>
enum small { S_A, S_B = 200 } __attribute__((packed));
enum huge { H_A = 1ULL << 40, H_B };
struct bits { __u32 a:3; __s32 b:5; __u32 :4; __u32 c:20; __u64 wide:40; __u8 after; };
struct mixed {
	char text[8]; signed char tiny; _Bool yes; short s16; int s32; long long s64;
	__le16 le; __be64 be64; float f; double d; void *pointer; enum small small; enum huge huge;
	int grid[2][3]; struct { int x; union { int y; __u8 z[4]; }; }; const volatile __be32 wrapped; __s8 signeds[2];
	struct { int inner; } unnamed[2];
};
struct bits use_bits; struct mixed use_mixed;
`;

describe("all kinds", () => {
  const value = {
    text: "héllo",
    tiny: -128,
    yes: true,
    s16: -2,
    s32: -3,
    s64: -(2n ** 63n),
    le: 0x0102,
    be64: 0x0102030405060708n,
    f: 1.5,
    d: Math.PI,
    pointer: 2n ** 64n - 1n,
    small: 200,
    huge: 2n ** 40n,
    grid: [
      [1, 2, 3],
      [4, 5, -6],
    ],
    x: 7,
    y: 0x04030201,
    wrapped: 0x0a000001,
    signeds: [-1, 1],
    unnamed: [{ inner: 1 }, { inner: 2 }],
  };

  test.each(["bpf", "bpfeb"] as const)("round trip, %s", (target) => {
    const btf = Btf.parse(compile(`kinds-${target}`, KINDS, target));
    expect(btf.littleEndian).toBe(target === "bpf");
    const codec = btf.struct<Record<string, unknown>>("mixed");
    const bytes = codec.encode(value);
    const z = target === "bpf" ? [1, 2, 3, 4] : [4, 3, 2, 1];
    expect(codec.decode(bytes)).toEqual({ ...value, z: Uint8Array.from(z) });
    const at = (name: string, length: number) => {
      const offset = codec.fields.find((field) => field.name === name)?.offset as number;
      return Buffer.from(bytes.subarray(offset, offset + length)).toString("hex");
    };
    expect(at("le", 2)).toBe("0201");
    expect(at("be64", 8)).toBe("0102030405060708");
    expect(at("wrapped", 4)).toBe("0a000001");
    expect(at("s32", 4)).toBe(target === "bpf" ? "fdffffff" : "fffffffd");
    expect(codec.fields.find((field) => field.name === "grid")?.typeName).toBe("int[2][3]");

    const bits = btf.struct<Record<string, unknown>>("bits");
    const given = { a: 5, b: -16, c: 0xfffff, wide: 2n ** 40n - 1n, after: 9 };
    expect(bits.decode(bits.encode(given))).toEqual(given);
    expect(bits.encode({ a: 5, b: -16 })[0]).toBe(target === "bpf" ? 0x85 : 0xb0);
    expect(() => bits.encode({ a: 8 })).toThrow("bits.a: 8 does not fit, expected an integer 0 to 7");
    expect(() => bits.encode({ b: 16 })).toThrow("-16 to 15");
    expect(() => bits.encode({ wide: 5 })).toThrow("a bigint 0 to");
  });

  test("enumerations", () => {
    const btf = Btf.parse(compile("enums", KINDS));
    expect([...btf.enumeration("small")]).toEqual([
      ["S_A", 0],
      ["S_B", 200],
    ]);
    expect(abi.enumeration("endpoint_state").get("ENDPOINT_STATE_UP")).toBe(2);
    expect(abi.enumerationNames("endpoint_state").get(2)).toBe("ENDPOINT_STATE_UP");
    for (const name of ENUMS) expect(abi.enumeration(name).size).toBeGreaterThan(0);
  });
});

test("signed and 64-bit enums, which older compilers do not write", () => {
  const strings = Buffer.from("\0sign\0MINUS\0wide\0HIGH\0");
  const words = [24, 0, 44, 44, strings.length, 1, 0x86000001, 4, 6, 0xfffffffb, 12, 0x13000001, 8, 17, 1, 256];
  const bytes = Buffer.alloc(4 + 4 * words.length);
  bytes.writeUInt16LE(0xeb9f, 0);
  bytes[2] = 1;
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, 4 + 4 * index);
  const btf = Btf.parse(Buffer.concat([bytes, strings]));
  expect([...btf.enumeration("sign")]).toEqual([["MINUS", -5]]);
  expect(btf.enumeration("wide").get("HIGH")).toBe(2 ** 40 + 1);
  const codec = btf.codecOf<number>(1);
  expect(codec.decode(codec.encode(-5))).toBe(-5);
});

test("maps and sections", () => {
  const source = `
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    #include "${ABI}"
    struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, struct route4_key); __type(value, struct route); } typed SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } plain SEC(".maps");
    const volatile __u32 setting = 5;
    const volatile __u64 other = 6;
    SEC("xdp") int run(struct xdp_md *ctx) { return setting + other; }
    char _license[] SEC("license") = "Dual BSD/GPL";`;
  const btf = Btf.parse(compile("maps", source));
  const maps = btf.mapTypes();
  expect([...maps.keys()]).toEqual(["typed"]);
  const { keyTypeId, valueTypeId } = maps.get("typed") as { keyTypeId: number; valueTypeId: number };
  expect(btf.codecOf(keyTypeId).typeName).toBe("struct route4_key");
  expect(btf.codecOf(valueTypeId).size).toBe(8);
  expect(btf.codecOf(valueTypeId)).toBe(btf.struct("route"));
  const rodata = btf.section(".rodata").map((variable) => [variable.name, btf.typeName(variable.typeId)]);
  expect(rodata).toEqual([
    ["setting", "const volatile __u32"],
    ["other", "const volatile __u64"],
  ]);
  const setting = btf.section(".rodata")[0] as { typeId: number };
  expect([...btf.codecOf<number>(setting.typeId).encode(5)]).toEqual([5, 0, 0, 0]);
  expect(abi.mapTypes().size).toBe(0);
});

test("two layouts are compared in words", () => {
  const other = Btf.parse(
    compile(
      "other",
      `#include <linux/types.h>
      struct profile { __be16 port; __u8 dscp; __u8 ttl; __u32 flags:3; __u16 extra; } __attribute__((aligned(8)));
      struct vm4_slot { __u8 vni[3]; __u8 flags; __be32 address; __u8 mac[6]; __be16 endpoint; };
      struct vm4_bucket { struct vm4_slot slots[4]; } __attribute__((aligned(64)));
      struct profile a; struct vm4_bucket b;`,
    ),
  );
  const differences = (name: string) => layoutDifferences(abi.struct(name).fields, other.struct(name).fields);
  expect(differences("profile")).toEqual([
    "ttl is __u8 at byte 3, expected __u8 at byte 2",
    "dscp is __u8 at byte 2, expected __u8 at byte 3",
    "encapsulation is missing",
    "flags is __u32 at bit 32, 3 bits, expected __u8 at byte 5",
    "mtu is missing",
    "extra is not expected",
  ]);
  expect(differences("vm4_bucket")).toEqual([
    "slots.endpoint is __be16 at byte 14, expected __u16 at bit 112, 14 bits",
    "slots.policy is missing",
  ]);
  expect(layoutDifferences(abi.struct("tunnel").fields, abi.struct("tunnel").fields)).toEqual([]);
});

describe("damaged BTF", () => {
  test.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
    ["empty", () => new Uint8Array(0), "0 bytes"],
    ["cut in the header", (bytes) => bytes.slice(0, 20), "fewer than its header"],
    ["another magic", (bytes) => bytes.fill(0, 0, 1), "0xeb9f"],
    ["another version", (bytes) => bytes.fill(9, 2, 3), "version is 9"],
    ["a short header", (bytes) => bytes.fill(1, 4, 5), "header says"],
    ["cut in the strings", (bytes) => bytes.slice(0, -1), "the strings section ends"],
    ["no end of strings", (bytes) => bytes.fill(65, -1), "start and end with a NUL"],
    ["an unknown kind", (bytes) => bytes.fill(31, 24 + 7, 24 + 8), "unknown kind 31"],
    ["a name beyond the strings", (bytes) => bytes.fill(255, 24, 27), "beyond the strings"],
  ])("%s", (_, damage, message) => {
    const bytes = Uint8Array.from(readFileSync(join(directory, "abi.btf")));
    expect(() => Btf.parse(damage(bytes))).toThrow(message);
    expect(() => Btf.parse(damage(Uint8Array.from(bytes)))).toThrow(expect.objectContaining({ code: "BTF_INVALID" }));
  });

  test("random damage is an error or harmless, never a crash or a hang", () => {
    const good = readFileSync(join(directory, "abi.btf"));
    let refused = 0;
    const mutation = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(mutation, fc.option(fc.nat(good.length)), (changes, cut) => {
        const bytes = Uint8Array.from(good.subarray(0, cut ?? good.length));
        for (const [at, byte] of changes) bytes[at] = byte;
        try {
          const btf = Btf.parse(bytes);
          for (const name of btf.structNames) {
            const codec = btf.struct(name);
            if (codec.size <= 4096) codec.encode(codec.decode(new Uint8Array(codec.size)));
          }
        } catch (error) {
          if (!(error instanceof UnumError)) throw error;
          refused++;
        }
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
