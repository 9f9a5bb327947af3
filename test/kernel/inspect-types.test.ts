// Random types, made without a compiler: among them those that clang emits in later releases only, or not at all.

import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { BtfType } from "../../src/bpf/btf-reader.ts";
import { kernelBtf } from "../../src/bpf/kernel-objects.ts";
import { BpfMap } from "../../src/bpf/map.ts";
import { bpftool, expectSame } from "../support/bpftool.ts";
import type { Member } from "../support/btf-builder.ts";
import { BtfBuilder, makeTypedMaps } from "../support/btf-builder.ts";
import { unum } from "../support/cli.ts";
import { pinDirectory, Random } from "./native-support.ts";

const SEED = BigInt(process.env.UNUM_SEED ?? 0x7e9e);
const random = new Random(SEED);
const MAPS = 60;
/** Two maps have it, and nobody else's. */
const TWIN = `twin_${process.pid}_${Date.now() % 10_000}`.slice(0, 15);
const ENTRIES = 8;
/** Bytes that enumerators, characters and signs are made of. */
const SAME = [0, 1, 0x61, 0x80, 0xff] as const;

interface Typed {
  readonly id: number;
  /** Bytes. */
  readonly size: number;
}

const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;

/** Makes types of every kind from smaller ones. */
class RandomTypes {
  readonly btf = new BtfBuilder();
  readonly #index = this.btf.int("unsigned int", 4, 0);
  readonly #scalars: readonly Typed[];
  /** Integers narrower than their bytes: the way of compilers before there were bitfields of members. */
  readonly #odd: readonly Typed[];
  #names = 0;

  constructor() {
    const { btf } = this;
    const int = (name: string, size: number, encoding: number, bits?: number, offset?: number): Typed => ({
      id: btf.int(name, size, encoding, bits, offset),
      size,
    });
    this.#odd = [
      int("odd3", 4, 0, 3),
      int("odd11", 4, 1, 11, 6),
      int("odd24", 4, 0, 24),
      int("odd40", 8, 0, 40, 8),
      int("odd65", 16, 0, 65, 3),
    ];
    const sizes = [1, 2, 4, 8, 16];
    const pointees = [0, this.#index, btf.forward("unknown"), btf.functionProto(0, [this.#index])];
    this.#scalars = [
      { id: this.#index, size: 4 },
      ...sizes.map((size) => int(`u${8 * size}`, size, 0)),
      ...sizes.map((size) => int(`s${8 * size}`, size, 1)),
      int("char", 1, 0),
      int("char", 1, 1),
      int("char", 1, 2),
      int("octet", 1, 2),
      int("bool", 1, 4),
      ...[1, 2, 4, 8].map((size) => ({
        id: btf.enumeration(`e${size}`, size, [
          ["ZERO", 0],
          ["ONE", 1],
          ["AGAIN", 1],
          ["LETTER", 0x61],
          ["HIGH", 0x80],
          ["NEGATIVE", -1],
          ["LOWEST", -0x80000000],
        ]),
        size,
      })),
      ...[false, true].map((signed) => ({
        id: btf.enumeration64(
          "e64",
          [
            ["NOTHING", 0n],
            ["MOST", 0xffffffffffffffffn],
            ["TOP", 1n << 63n],
            ["LOW_HALF", 0x80808080n],
          ],
          signed,
        ),
        size: 8,
      })),
      ...pointees.map((type) => ({ id: btf.pointer(type), size: 8 })),
    ];
  }

  /** One of each. */
  scalars(): Typed {
    const members = [...this.#scalars, ...this.#odd].map(({ id }, i) => ({
      name: `m${i}`,
      type: id,
      bitOffset: 128 * i,
    }));
    const size = 16 * members.length;
    return { id: this.btf.composite("struct", "scalars", size, members), size };
  }

  /** A float ends what it is in, so it is seldom. */
  any(depth: number): Typed {
    const kind = depth === 0 ? 0 : random.below(20);
    if (kind < 6) return pick(this.#scalars);
    if (kind < 10) return this.#array(depth);
    if (kind < 13) return this.#alias(depth);
    if (kind === 13) return { id: this.btf.float("double", 8), size: 8 };
    return this.composite(depth);
  }

  #array(depth: number): Typed {
    const element = this.any(depth - 1);
    const length = pick([0, 1, 2, 3, 5]);
    return { id: this.btf.array(element.id, length, this.#index), size: element.size * length };
  }

  #alias(depth: number): Typed {
    const inner = this.any(depth - 1);
    const kind = pick(["typedef", "typedef", "volatile", "const", "restrict"] as const);
    const target = kind === "restrict" ? this.btf.pointer(inner.id) : inner.id;
    const name = kind === "typedef" ? `t${this.#names++}` : "";
    return { id: this.btf.alias(kind, target, name), size: kind === "restrict" ? 8 : inner.size };
  }

  composite(depth: number): Typed {
    const members: Member[] = [];
    const isUnion = random.below(4) === 0;
    const isOld = random.below(3) === 0;
    let end = 0;
    for (let i = 1 + random.below(5); i > 0; i--) {
      const name = random.below(6) === 0 ? "" : `m${members.length}`;
      const start = isUnion ? 0 : Math.ceil(end / 64) * 64;
      if (random.below(4) > 0) {
        const { id, size } = this.any(depth - 1);
        // A tag is the outermost of all qualifiers. It ends what it is in, as a float does.
        const type = random.below(40) === 0 ? this.btf.alias("typeTag", id, "tag") : id;
        members.push({ name, type, bitOffset: start });
        end = Math.max(end, start + 8 * size);
      } else if (isOld) {
        const { id, size } = pick(this.#odd);
        members.push({ name, type: id, bitOffset: start });
        end = Math.max(end, start + 8 * size);
      } else {
        const bitSize = 1 + random.below(20);
        const first = isUnion ? 0 : random.below(32 - bitSize);
        members.push({ name, type: this.#index, bitOffset: start + first, bitSize });
        end = Math.max(end, start + 32);
      }
    }
    const size = Math.max(8, Math.ceil(end / 64) * 8);
    return { id: this.btf.composite(isUnion ? "union" : "struct", `s${this.#names++}`, size, members), size };
  }
}

let pins: ReturnType<typeof pinDirectory>;
const pinOf = (index: number) => join(pins.path, `m${index}`);

beforeAll(() => {
  pins = pinDirectory();
  const types = new RandomTypes();
  const key = types.composite(1);
  const values = [types.scalars(), ...Array.from({ length: MAPS - 1 }, () => types.composite(4))];
  const maps = values.map(({ id, size }, index) => ({
    name: index < 2 ? TWIN : "typed",
    pin: pinOf(index),
    keyTypeId: key.id,
    keySize: key.size,
    valueTypeId: id,
    valueSize: size,
  }));
  makeTypedMaps(types.btf.bytes(), maps);
  for (const { pin } of maps) {
    using map = BpfMap.openPinned(pin);
    const { keySize, valueSize } = map.info;
    for (const same of SAME) map.update(randomBytes(keySize), new Uint8Array(valueSize).fill(same));
    for (let i = 0; i < ENTRIES; i++) map.update(randomBytes(keySize), randomBytes(valueSize));
  }
});
afterAll(() => pins?.[Symbol.dispose]());

/** Runs of the same byte, letters with a NUL here and there, and anything. */
function randomBytes(length: number): Uint8Array {
  const kind = random.below(4);
  const same = pick(SAME);
  return Uint8Array.from({ length }, () => {
    if (kind === 0) return same;
    if (kind === 1) return random.below(5) === 0 ? 0 : 0x20 + random.below(0x60);
    return kind === 2 ? pick(SAME) : random.below(256);
  });
}

it(`random types are printed as bpftool prints them (seed ${SEED})`, async () => {
  let bytes = 0;
  for (let i = 0; i < MAPS; i++) bytes += await expectSame(["map", "dump", "pinned", pinOf(i)]);
  expect(bytes).toBeGreaterThan(MAPS * 1000);
});

it("several maps of a name are shown as bpftool shows them", async () => {
  await expectSame(["map", "show", "name", TWIN]);
  await expectSame(["map", "dump", "name", TWIN]);
  const bare = TWIN.replace("twin", "bare");
  for (const side of ["left", "right"]) {
    const pin = join(pins.path, side);
    bpftool("map", "create", pin, "type", "hash", "key", "4", "value", "20", "entries", "9", "name", bare);
    await expectSame(["map", "dump", "name", bare]);
    using map = BpfMap.openPinned(pin);
    map.update(randomBytes(4), randomBytes(20));
    await expectSame(["map", "dump", "name", bare]);
  }
  await expectSame(["map", "show", "name", bare]);
  const lookup = await unum("map", "lookup", "name", bare, "key", "1", "0", "0", "0");
  expect(lookup).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("several have that name") });
});

it("values of the kernel's own types are printed as bpftool prints them", async () => {
  const kernel = kernelBtf();
  const name = "bpf_struct_ops_tcp_congestion_ops";
  let id = 1;
  while (kernel.type(id).name !== name || kernel.type(id).kind !== "struct") id++;
  const type = kernel.type(id) as BtfType & { readonly kind: "struct" };
  const pin = join(pins.path, "operations");
  const btf = new BtfBuilder();
  btf.int("unsigned int", 4, 0);
  const made = { name: "operations", pin, keyTypeId: 0, keySize: 4, valueTypeId: 0, valueSize: type.size };
  makeTypedMaps(btf.bytes(), [{ ...made, kernelValueTypeId: id }]);
  await expectSame(["map", "show", "pinned", pin]);
  expect(await expectSame(["map", "dump", "pinned", pin])).toBeGreaterThan(1000);
  await expectSame(["map", "lookup", "pinned", pin, "key", "0", "0", "0", "0"]);
});
