// What a BPF object, or the kernel, says about its C types. The C header stays the only place where layouts are written:
// codecs are made from this when the program runs.

import type { BtfType, RawBtf } from "./btf-reader.ts";
import { btfError, readBtf } from "./btf-reader.ts";
import type { Codec, StructValue } from "./codec.ts";
import { compileCodec } from "./codec.ts";

/** Type numbers of a map's key and value, as its definition in SEC(".maps") gives them. */
export interface MapTypes {
  readonly keyTypeId: number;
  readonly valueTypeId: number;
}

/** A global variable: where it lies in its section. */
export interface SectionVariable {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly typeId: number;
}

/** Longest chain of typedefs and qualifiers; C has no such limit, damaged bytes can have a loop. */
const CHAIN_MAX = 64;

/** Types of one BPF object or of one live map. Immutable. */
export class Btf {
  readonly #raw: RawBtf;
  readonly #byName = new Map<string, number>();
  readonly #codecs = new Map<number, Codec<unknown>>();

  /**
   * Reads raw BTF: the .BTF section of an object, or what the kernel returns for a BTF id.
   * @throws UnumError BTF_INVALID
   */
  static parse(bytes: Uint8Array): Btf {
    return new Btf(readBtf(bytes));
  }

  private constructor(raw: RawBtf) {
    this.#raw = raw;
    for (const type of raw.types) {
      const key = `${type.kind} ${type.name}`;
      if (type.name !== "" && !this.#byName.has(key)) this.#byName.set(key, type.id);
    }
  }

  /** Byte order of the data that these types describe. */
  get littleEndian(): boolean {
    return this.#raw.littleEndian;
  }

  /** Names of all structs, in the order of the object. */
  get structNames(): readonly string[] {
    return this.#raw.types.filter((type) => type.kind === "struct" && type.name !== "").map((type) => type.name);
  }

  /**
   * Codec of `struct NAME`. `T` is the caller's word for what the fields hold; encode checks it at run time.
   * @throws UnumError BTF_INVALID when there is no such struct, or it cannot be represented
   */
  struct<T = StructValue>(name: string): Codec<T> {
    return this.codecOf<T>(this.#find("struct", name).id);
  }

  /** Whether there is a type of that name. */
  has(kind: "struct" | "enum", name: string): boolean {
    return this.#byName.has(`${kind} ${name}`);
  }

  /** Codec of any type that has a size. @throws UnumError BTF_INVALID */
  codecOf<T = StructValue>(typeId: number): Codec<T> {
    let codec = this.#codecs.get(typeId);
    if (codec === undefined) {
      codec = compileCodec(this, typeId);
      this.#codecs.set(typeId, codec);
    }
    return codec as Codec<T>;
  }

  /**
   * Names and values of `enum NAME`, in the order of the source.
   * @throws UnumError BTF_INVALID when there is no such enum, or a value is beyond 2^53
   */
  enumeration(name: string): ReadonlyMap<string, number> {
    const type = this.#find("enum", name);
    return new Map(
      type.values.map((entry) => {
        const value = Number(entry.value);
        if (!Number.isSafeInteger(value)) throw btfError(`enum ${name}`, `${entry.name} is beyond 2^53`);
        return [entry.name, value] as const;
      }),
    );
  }

  /** The other way round; where two names share a value, the first one. */
  enumerationNames(name: string): ReadonlyMap<number, string> {
    const names = new Map<number, string>();
    for (const [key, value] of this.enumeration(name)) if (!names.has(value)) names.set(value, key);
    return names;
  }

  /** Key and value types of every map defined with `__type(key, …)` and `__type(value, …)`, by the map's name. */
  mapTypes(): ReadonlyMap<string, MapTypes> {
    const maps = new Map<string, MapTypes>();
    const id = this.#byName.get("datasec .maps");
    if (id === undefined) return maps;
    for (const variable of this.section(".maps")) {
      const definition = this.resolve(variable.typeId);
      if (definition.kind !== "struct") continue;
      const pointee = (member: string): number | undefined => {
        const found = definition.members.find((candidate) => candidate.name === member);
        const pointer = found && this.resolve(found.type);
        return pointer?.kind === "ptr" ? pointer.type : undefined;
      };
      const [keyTypeId, valueTypeId] = [pointee("key"), pointee("value")];
      if (keyTypeId !== undefined && valueTypeId !== undefined) maps.set(variable.name, { keyTypeId, valueTypeId });
    }
    return maps;
  }

  /**
   * Variables of a section such as ".rodata", by offset. In the raw bytes of an ELF file sizes and offsets may still be
   * zero; the BTF of an opened object has them.
   * @throws UnumError BTF_INVALID when there is no such section
   */
  section(name: string): readonly SectionVariable[] {
    return this.#find("datasec", name).variables.map((entry) => {
      const variable = this.type(entry.type);
      const typeId = variable.kind === "var" ? variable.type : entry.type;
      return { name: variable.name, offset: entry.offset, size: entry.size, typeId };
    });
  }

  /** @throws UnumError BTF_INVALID when there is no type of that number */
  type(typeId: number): BtfType {
    const type = this.#raw.types[typeId];
    if (type === undefined) throw btfError(`BTF type ${typeId}`, `there are ${this.#raw.types.length} types`);
    return type;
  }

  /** The type behind typedefs, qualifiers and tags. */
  resolve(typeId: number): BtfType {
    let type = this.type(typeId);
    for (let steps = 0; isAlias(type); steps++) {
      if (steps === CHAIN_MAX) throw btfError(`BTF type ${typeId}`, "it is an alias of itself");
      type = this.type(type.type);
    }
    return type;
  }

  /** The type as C would write it, such as `struct vm4_slot[4]` or `__be32`. */
  typeName(typeId: number, depth = 0): string {
    const type = this.type(typeId);
    if (depth > CHAIN_MAX) return "…";
    switch (type.kind) {
      case "struct":
      case "union":
      case "enum":
        return `${type.kind} ${type.name === "" ? "{…}" : type.name}`;
      case "ptr":
        return `${this.typeName(type.type, depth + 1)} *`;
      case "array": {
        // C writes the outer length first: int x[2][3] is two arrays of three.
        const element = this.typeName(type.type, depth + 1);
        const bracket = element.indexOf("[");
        return bracket < 0
          ? `${element}[${type.length}]`
          : `${element.slice(0, bracket)}[${type.length}]${element.slice(bracket)}`;
      }
      case "volatile":
      case "const":
      case "restrict":
        return `${type.kind} ${this.typeName(type.type, depth + 1)}`;
      case "typeTag":
        return this.typeName(type.type, depth + 1);
      default:
        return type.name;
    }
  }

  #find<K extends "struct" | "enum" | "datasec">(kind: K, name: string): BtfType & { readonly kind: K } {
    const id = this.#byName.get(`${kind} ${name}`);
    const what = kind === "datasec" ? "section" : kind;
    if (id === undefined) throw btfError(`${what} ${name}`, "these BTF types have none of that name");
    return this.type(id) as BtfType & { readonly kind: K };
  }
}

function isAlias(type: BtfType): type is BtfType & { readonly type: number } {
  switch (type.kind) {
    case "typedef":
    case "volatile":
    case "const":
    case "restrict":
    case "typeTag":
    case "declTag":
      return true;
    default:
      return false;
  }
}
