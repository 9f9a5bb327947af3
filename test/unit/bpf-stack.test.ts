// What the programs' calls take of the stack. Kernels up to 6.12 round each frame up to 32 bytes and refuse more than 512 along any
// chain of calls; newer ones round less, and their verifier does not notice what an older one will refuse.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const OBJECT = join(import.meta.dirname, "../../build/bpf/unum.bpf.o");
/** MAX_BPF_STACK, and the rounding of check_max_stack_depth() in kernel/bpf/verifier.c. */
const [STACK_BYTES, ROUNDING] = [512, 32];

interface Frame {
  bytes: number;
  readonly calls: Set<string>;
}

/** Functions by name: what each takes for itself, and what it calls, callbacks among them. */
function framesOf(object: string): ReadonlyMap<string, Frame> {
  const dump = (option: string) => execFileSync("llvm-objdump", [option, object], { encoding: "utf8" });
  const functions = new Map<number, string>();
  for (const [, at = "", name = ""] of dump("-t").matchAll(/^([0-9a-f]+) \S? +F \.text\s+[0-9a-f]+ (\w+)$/gm))
    functions.set(Number.parseInt(at, 16), name);
  const frames = new Map<string, Frame>();
  let frame: Frame | undefined;
  let loaded = 0;
  for (const line of dump("-dr").split("\n")) {
    const [, name] = line.match(/^[0-9a-f]+ <(\w+)>:/) ?? [];
    if (name !== undefined && !name.startsWith("LBB")) {
      frame = { bytes: 0, calls: new Set() };
      frames.set(name, frame);
    }
    if (frame === undefined) continue;
    for (const [, bytes] of line.matchAll(/r10 (?:- |\+= -|\+ -)(0x[0-9a-f]+|\d+)/g))
      frame.bytes = Math.max(frame.bytes, Number(bytes));
    loaded = Number(line.match(/ = (\d+) ll$/)?.[1] ?? loaded);
    const [, kind, symbol = ""] = line.match(/R_BPF_64_(32|64)\s+(\S+)/) ?? [];
    const callee = kind === "64" && symbol === ".text" ? functions.get(loaded) : kind === "32" ? symbol : undefined;
    if (callee !== undefined) frame.calls.add(callee);
  }
  return frames;
}

/** The chain of calls from a function that takes most. */
function deepest(frames: ReadonlyMap<string, Frame>, name: string): { bytes: number; chain: readonly string[] } {
  const frame = frames.get(name);
  if (frame === undefined) throw new Error(`follow ${name}: ${OBJECT} has no such function`);
  let below: ReturnType<typeof deepest> = { bytes: 0, chain: [] };
  for (const callee of frame.calls) {
    const under = deepest(frames, callee);
    if (under.bytes > below.bytes) below = under;
  }
  const own = Math.ceil(Math.max(frame.bytes, 1) / ROUNDING) * ROUNDING;
  return { bytes: own + below.bytes, chain: [`${name} ${own}`, ...below.chain] };
}

const frames = framesOf(OBJECT);

test("functions, their calls and their callbacks are found", () => {
  expect(frames.get("unum_access")?.calls).toContain("forward6");
  expect(frames.get("frame_sum")?.calls).toContain("frame_step");
  expect(frames.get("unum_access")?.bytes).toBeGreaterThan(100);
});

test.each(["unum_access", "unum_underlay", "unum_both"])("%s fits into the stack of the oldest kernel", (program) => {
  const { bytes, chain } = deepest(frames, program);
  expect(bytes, chain.join(" → ")).toBeLessThanOrEqual(STACK_BYTES);
});
