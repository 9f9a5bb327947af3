// What the tests of the addon share: objects of test/kernel, places of pins, network namespaces.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BpfError } from "../../src/bpf/bpf-error.ts";
import { isBpffs, mountBpffs, setNetworkNamespace } from "../../src/bpf/system.ts";

const root = join(import.meta.dirname, "../..");

export const ADDON = join(root, "build/cmake/Release/unum.node");

/** The object made of test/kernel/NAME.bpf.c, built if need be. */
export function testObject(name: string): string {
  const source = join(import.meta.dirname, `${name}.bpf.c`);
  const object = join(root, `build/bpf/${name}.bpf.o`);
  if (!existsSync(object) || statSync(object).mtimeMs < statSync(source).mtimeMs) {
    execFileSync("sh", ["scripts/build", "bpf"], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  }
  return object;
}

/** A new directory on a BPF file system, removed by dispose. */
export function pinDirectory(): { readonly path: string; [Symbol.dispose](): void } {
  const mount = "/sys/fs/bpf";
  const mounted = isBpffs(mount);
  if (!mounted) mountBpffs(mount);
  const path = join(mount, `native-test-${process.pid}-${directories++}`);
  mkdirSync(path, { mode: 0o700 });
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true });
      if (!mounted) execFileSync("umount", [mount]);
    },
  };
}
let directories = 0;

/** A new ordinary directory, removed by dispose. */
export function scratchDirectory(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "unum-native-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

export function run(command: string): string {
  return execFileSync("sh", ["-c", command], { encoding: "utf8" });
}

/** Key of element `index` of an array map. */
export function indexKey(index: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(index).buffer);
}

/** A value as the bytes of a host-order word. */
export function wordBytes(...words: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(words).buffer);
}

export function bytesToWords(bytes: Uint8Array): BigUint64Array {
  return new BigUint64Array(bytes.slice().buffer);
}

/** Random numbers that a seed repeats (splitmix64). */
export class Random {
  #state: bigint;
  constructor(seed: bigint) {
    this.#state = seed;
  }
  word(): bigint {
    this.#state = BigInt.asUintN(64, this.#state + 0x9e3779b97f4a7c15n);
    let z = this.#state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  }
  below(bound: number): number {
    return Number(this.word() % BigInt(bound));
  }
}

/** The failure of `body`, which must be a BpfError. */
export function refusal(body: () => unknown): BpfError {
  try {
    body();
  } catch (thrown) {
    if (thrown instanceof BpfError) return thrown;
    throw thrown;
  }
  throw new Error("expected a BpfError, got none");
}

/** A new network namespace, in which this thread is until dispose. */
export function networkNamespace(): { readonly path: string; [Symbol.dispose](): void } {
  const name = `native-test-${process.pid}-${directories++}`;
  // Only the main thread moves: any other one still is where all of them were.
  const other = readdirSync("/proc/self/task").find((thread) => thread !== String(process.pid));
  const path = `/run/netns/${name}`;
  run(`ip netns add ${name} && ip -n ${name} link set lo up`);
  setNetworkNamespace(path);
  return {
    path,
    [Symbol.dispose]() {
      setNetworkNamespace(`/proc/self/task/${other}/ns/net`);
      run(`ip netns del ${name}`);
    },
  };
}

/** A frame of `length` bytes: broadcast, EtherType 0x88b5 (for experiments), then counting bytes. */
export function frameOf(length: number): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, i) => i & 0xff);
  frame.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  return frame;
}
