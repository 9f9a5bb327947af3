// What pinned maps are like, said by the kernel: sizes by their info, fields by the BTF that each was made with.

import { BpfError } from "../bpf/bpf-error.ts";
import { Btf } from "../bpf/btf.ts";
import { BpfMap } from "../bpf/map.ts";
import { BpfObject } from "../bpf/object.ts";
import { UnumError } from "../errors.ts";
import type { Comparison, MapShape } from "./compat.ts";
import { compareMaps } from "./compat.ts";
import { Layout } from "./layout.ts";
import type { PinDirectory } from "./pins.ts";
import { VM_TABLES } from "./vm-shape.ts";

/** The kernel adds it to every devmap by itself (dev_map_init_map() in kernel/bpf/devmap.c). */
const BPF_F_RDONLY_PROG = 1 << 7;

/** BTF of maps, read once for all that were made together. */
export class PinnedTypes {
  readonly #byId = new Map<number, Btf | undefined>();
  /** Set where the kernel would not tell. */
  refused: BpfError | undefined;

  /** Undefined: the map has none, or this process may not read it. */
  of(map: BpfMap): Btf | undefined {
    const { btfId } = map.info;
    if (btfId === 0) return undefined;
    if (!this.#byId.has(btfId)) this.#byId.set(btfId, this.#read(map));
    return this.#byId.get(btfId);
  }

  #read(map: BpfMap): Btf | undefined {
    try {
      const bytes = map.btf();
      return bytes && Btf.parse(bytes);
    } catch (thrown) {
      if (!(thrown instanceof BpfError) || thrown.code !== "PERMISSION") throw thrown;
      this.refused = thrown;
      return undefined;
    }
  }
}

function pinnedShapes(pins: PinDirectory, types: PinnedTypes): Map<string, MapShape> {
  const shapes = new Map<string, MapShape>();
  for (const name of pins.pinnedMaps()) {
    if (pins.isBeside(name)) continue;
    const map = BpfMap.openPinned(pins.map(name));
    try {
      const { typeName, keySize, valueSize, maxEntries, flags, keyTypeId, valueTypeId } = map.info;
      const btf = types.of(map);
      shapes.set(name, {
        ...{ typeName, keySize, valueSize, maxEntries },
        flags: typeName === "devmap_hash" ? flags & ~BPF_F_RDONLY_PROG : flags,
        ...(btf && { types: { btf, keyTypeId, valueTypeId } }),
      });
    } finally {
      map.close();
    }
  }
  return shapes;
}

function definedShapes(objectPath: string, { btf }: Layout): Map<string, MapShape> {
  const object = BpfObject.open(objectPath);
  try {
    return new Map(
      object.maps
        .filter(({ name }) => !name.startsWith("."))
        .map(({ name, typeName, keySize, valueSize, maxEntries, flags, keyTypeId, valueTypeId }) => [
          name,
          {
            ...{ typeName, keySize, valueSize, maxEntries, flags },
            ...(keyTypeId !== 0 && valueTypeId !== 0 && { types: { btf, keyTypeId, valueTypeId } }),
          },
        ]),
    );
  } finally {
    object.close();
  }
}

/** What of the pinned maps is not as the object has it. Fields count only where the kernel tells of them. */
export function comparePinned(pins: PinDirectory, objectPath: string, layout: Layout): Comparison {
  const types = new PinnedTypes();
  const found = compareMaps(pinnedShapes(pins, types), definedShapes(objectPath, layout), {
    resizable: new Set<string>(VM_TABLES),
  });
  if (types.refused === undefined || found.differences.length === 0) return found;
  throw new UnumError("PERMISSION", `compare the maps in ${pins.path}: ${found.differences.join("; ")}`, {
    remedy: "reading how other builds laid out their maps takes CAP_SYS_ADMIN, once: unum apply, as root",
    cause: types.refused,
  });
}

/**
 * The layouts of the build that made a map.
 * @throws BpfError PERMISSION; UnumError BTF_INVALID: it has none
 */
export function layoutOf(map: BpfMap): Layout {
  const bytes = map.btf();
  if (bytes === undefined) {
    throw new UnumError("BTF_INVALID", `read the type information of map ${map.info.name}: it has none`);
  }
  return new Layout(Btf.parse(bytes));
}
