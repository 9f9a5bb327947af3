// The layouts of bpf/abi.h, read from the BTF of the object file. Nothing here repeats an offset or a number of it.

import type { Btf } from "../bpf/btf.ts";
import type { Codec, StructValue } from "../bpf/codec.ts";
import { UnumError } from "../errors.ts";

/** Structs of abi.h and config.h that user space reads or writes. */
export type StructName =
  | "vm4_slot"
  | "vm6_slot"
  | "moved4_slot"
  | "moved6_slot"
  | "attachment_slot"
  | "service4_slot"
  | "service6_slot"
  | "source4_slot"
  | "source6_slot"
  | "member_slot"
  | "table_moves"
  | "profile"
  | "tenant"
  | "tenant_record"
  | "endpoint"
  | "circuit"
  | "circuit_peer"
  | "liveness"
  | "path_mtu"
  | "rate_limit"
  | "edge"
  | "tunnel"
  | "circuit_record"
  | "route_group"
  | "route4_key"
  | "route6_key"
  | "route"
  | "packet_counters"
  | "drop_counter"
  | "traffic_counters"
  | "name_key"
  | "name"
  | "profile_detail"
  | "tenant_detail"
  | "features"
  | "meta";

export class Layout {
  readonly btf: Btf;
  readonly #codecs = new Map<StructName, Codec>();
  readonly #numbers = new Map<string, number>();

  constructor(btf: Btf) {
    this.btf = btf;
  }

  codec(struct: StructName): Codec {
    let codec = this.#codecs.get(struct);
    if (codec === undefined) {
      codec = this.btf.struct(struct);
      this.#codecs.set(struct, codec);
    }
    return codec;
  }

  encode(struct: StructName, value: StructValue): Uint8Array {
    return this.codec(struct).encode(value);
  }

  decode(struct: StructName, bytes: Uint8Array): Record<string, never> & StructValue {
    return this.codec(struct).decode(bytes) as Record<string, never> & StructValue;
  }

  /** Value of an enumerator such as `DROP_NO_ROUTE`. */
  number(enumeration: string, enumerator: string): number {
    const key = `${enumeration}.${enumerator}`;
    let value = this.#numbers.get(key);
    if (value === undefined) {
      value = this.btf.enumeration(enumeration).get(enumerator);
      if (value === undefined) {
        throw new UnumError("BTF_INVALID", `read enum ${enumeration}: it has no ${enumerator}`, {
          remedy: "build the BPF object and the host from the same checkout: npm run build",
        });
      }
      this.#numbers.set(key, value);
    }
    return value;
  }

  /** Enumerators by value, without `prefix` and in lower case: DROP_NO_ROUTE is `no_route`. */
  names(enumeration: string, prefix: string): ReadonlyMap<number, string> {
    const names = new Map<number, string>();
    for (const [value, name] of this.btf.enumerationNames(enumeration)) {
      if (name.startsWith(prefix)) names.set(value, name.slice(prefix.length).toLowerCase());
    }
    return names;
  }
}
