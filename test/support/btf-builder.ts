// BTF made by hand (Documentation/bpf/btf.rst), for kinds that this compiler does not emit, and maps that have such types.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const KIND = {
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  funcProto: 13,
  float: 16,
  typeTag: 18,
  enum64: 19,
} as const;

export interface Member {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** 0: no bitfield. */
  readonly bitSize?: number;
}

export class BtfBuilder {
  readonly #words: number[] = [];
  #strings = "\0";
  #count = 0;

  int(name: string, size: number, encoding: number, bits = 8 * size, offset = 0): number {
    return this.#add("int", name, { size, words: [(encoding << 24) | (offset << 16) | bits] });
  }
  pointer(type: number): number {
    return this.#add("ptr", "", { size: type });
  }
  array(type: number, length: number, index: number): number {
    return this.#add("array", "", { size: 0, words: [type, index, length] });
  }
  composite(kind: "struct" | "union", name: string, size: number, members: readonly Member[]): number {
    const flag = members.some(({ bitSize = 0 }) => bitSize > 0);
    const words = members.flatMap(({ name, type, bitOffset, bitSize = 0 }) => [
      this.#string(name),
      type,
      flag ? (bitSize << 24) | bitOffset : bitOffset,
    ]);
    return this.#add(kind, name, { size, words, count: members.length, flag });
  }
  enumeration(name: string, size: number, values: readonly (readonly [string, number])[], signed = false): number {
    const words = values.flatMap(([name, value]) => [this.#string(name), value]);
    return this.#add("enum", name, { size, words, count: values.length, flag: signed });
  }
  enumeration64(name: string, values: readonly (readonly [string, bigint])[], signed = false): number {
    const words = values.flatMap(([name, value]) => {
      const bits = BigInt.asUintN(64, value);
      return [this.#string(name), Number(bits & 0xffffffffn), Number(bits >> 32n)];
    });
    return this.#add("enum64", name, { size: 8, words, count: values.length, flag: signed });
  }
  forward(name: string): number {
    return this.#add("fwd", name, { size: 0 });
  }
  alias(kind: "typedef" | "volatile" | "const" | "restrict" | "typeTag", type: number, name = ""): number {
    return this.#add(kind, name, { size: type });
  }
  functionProto(returns: number, parameters: readonly number[]): number {
    const words = parameters.flatMap((type) => [0, type]);
    return this.#add("funcProto", "", { size: returns, words, count: parameters.length });
  }
  float(name: string, size: number): number {
    return this.#add("float", name, { size });
  }

  bytes(): Uint8Array {
    const strings = Buffer.from(this.#strings, "latin1");
    const types = 4 * this.#words.length;
    const header = Uint32Array.of(0x0001eb9f, 24, 0, types, types, strings.length);
    return Buffer.concat([
      new Uint8Array(header.buffer),
      new Uint8Array(Uint32Array.from(this.#words).buffer),
      strings,
    ]);
  }

  #string(text: string): number {
    if (text === "") return 0;
    const at = this.#strings.length;
    this.#strings += `${text}\0`;
    return at;
  }

  #add(
    kind: keyof typeof KIND,
    name: string,
    {
      size,
      words = [],
      count = 0,
      flag = false,
    }: { size: number; words?: readonly number[]; count?: number; flag?: boolean },
  ): number {
    const info = ((flag ? 1 << 31 : 0) | (KIND[kind] << 24) | count) >>> 0;
    this.#words.push(this.#string(name), info, size, ...words);
    return ++this.#count;
  }
}

export interface TypedMap {
  readonly name: string;
  readonly pin: string;
  readonly keyTypeId: number;
  readonly keySize: number;
  readonly valueTypeId: number;
  readonly valueSize: number;
  /** Of a map of struct_ops: the value's type among the kernel's own. */
  readonly kernelValueTypeId?: number;
}

/** Loads the types, and pins a hash map of each description. */
export function makeTypedMaps(btf: Uint8Array, maps: readonly TypedMap[]): void {
  const { status, stderr } = spawnSync("python3", [join(import.meta.dirname, "typed-maps.py")], {
    encoding: "utf8",
    input: JSON.stringify({ btf: Buffer.from(btf).toString("hex"), maps }),
  });
  if (status !== 0) throw new Error(`make maps of types made by hand: ${stderr}`);
}
