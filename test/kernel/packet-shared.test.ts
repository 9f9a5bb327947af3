// Cores do not wait for each other: what packets write is their CPU's own. The verifier proves it: with every map that the CPUs
// share made read-only to programs (BPF_F_RDONLY_PROG), it still takes them, but for the few maps that packets may teach.

import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { BpfObject } from "../../src/bpf/object.ts";
import { type Feature, PinDirectory, Plane } from "../../src/dataplane/index.ts";
import { OBJECT } from "../support/packet-edge.ts";
import { compileEdited } from "../support/packet-mutant-build.ts";

/** A peer's MAC and a path's MTU, when they change. */
const TAUGHT = ["circuit_peers", "circuit_peers6", "path_mtus"];
/** Where there is a rate limit. */
const METERS = ["profile_meters", "tenant_meters"];
const ROLES = ["access", "underlay", "both"] as const;
const ALL: ReadonlySet<Feature> = new Set<Feature>([
  ...(["outer6", "inner6", "geneve", "nvgre", "vlan"] as const),
  ...(["policy", "rate_limit", "mss_clamp", "udp_checksum", "dscp_uniform"] as const),
]);
const NONE: ReadonlySet<Feature> = new Set();

/** maps.h with all maps read-only that are not per CPU, but for some. */
function readOnlyBut(writable: readonly string[]): (text: string) => string {
  return (text) => {
    const words = /#define WORDS\([\s\S]*?SEC\("\.maps"\)\n/.exec(text)?.[0];
    if (words === undefined) throw new Error("edit maps.h: expected #define WORDS in it");
    const readOnly = text
      .replaceAll("BPF_F_MMAPABLE)", "BPF_F_MMAPABLE | BPF_F_RDONLY_PROG)")
      .replaceAll("BPF_F_NO_PREALLOC)", "BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG)")
      .replace("#define PER_CPU(", `${words.replace("WORDS(", "WRITTEN(")}\n#define PER_CPU(`);
    return writable.reduce((edited, name) => edited.replace(`WORDS(${name},`, `WRITTEN(${name},`), readOnly);
  };
}

let planes = 0;

/** Loads the programs and runs something with them. */
function withPlane<T>(object: string, features: ReadonlySet<Feature>, act: (plane: Plane) => T): T {
  const pins = new PinDirectory(`/sys/fs/bpf/shared-${process.pid}-${planes++}`);
  const plane = Plane.load(pins, object, { vmCapacity: 64, vm6Capacity: 64, features });
  try {
    return act(plane);
  } finally {
    plane.close();
    pins.remove();
  }
}

/** Loads them with these maps alone left writable. */
async function load(writable: readonly string[], features: ReadonlySet<Feature>): Promise<void> {
  const { object, remove } = await compileEdited({ "maps.h": readOnlyBut(writable) });
  try {
    withPlane(object, features, () => undefined);
  } finally {
    remove();
  }
}

describe("what the CPUs share", () => {
  it("is every map but the per-CPU ones", () => {
    using object = BpfObject.open(OBJECT);
    const types = new Set(object.maps.filter(({ internal }) => !internal).map(({ typeName }) => typeName));
    expect([...types].sort()).toEqual(["array", "devmap_hash", "hash", "lpm_trie", "percpu_array"]);
  });

  it("is written by no packet, but for what packets teach, and meters", async () => {
    await load([...TAUGHT, ...METERS], ALL);
  });

  it.each([...TAUGHT, ...METERS])("is written where it is %s, and the verifier notices", async (name) => {
    const others = [...TAUGHT, ...METERS].filter((other) => other !== name);
    await expect(load(others, ALL)).rejects.toThrow(/write into map forbidden|verifier refused/);
  });

  it("takes atomic operations only for rate limits", () => {
    const atomics = (features: ReadonlySet<Feature>): readonly string[] =>
      ROLES.filter((role) =>
        withPlane(OBJECT, features, ({ pins }) => {
          const dump = execFileSync("bpftool", ["prog", "dump", "xlated", "pinned", pins.program(role)]);
          return /\block\b|atomic/.test(dump.toString().replaceAll(/^;.*$/gm, ""));
        }),
      );
    expect(atomics(new Set([...ALL].filter((feature) => feature !== "rate_limit")))).toEqual([]);
    expect(atomics(new Set<Feature>(["rate_limit"]))).toEqual([...ROLES]);
    expect(atomics(NONE)).toEqual([]);
  });
});
