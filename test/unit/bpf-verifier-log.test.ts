import { describe, expect, it } from "vitest";
import { splitLibbpfLog, summariseVerifierLog } from "../../src/bpf/verifier-log.ts";

describe("summariseVerifierLog", () => {
  it("finds the reason and the line of source before it", () => {
    const log = [
      "func#0 @0",
      "0: R1=ctx() R10=fp0",
      "; __u32 key = 0; @ careless.bpf.c:16",
      "1: (63) *(u32 *)(r10 -4) = r1         ; R1_w=0 R10=fp0 fp-8=0000????",
      "; *count += 1; @ careless.bpf.c:19",
      "7: (79) r1 = *(u64 *)(r0 +0)",
      "R0 invalid mem access 'map_value_or_null'",
      "verification time 61 usec",
      "stack depth 4",
      "processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0",
    ];
    expect(summariseVerifierLog(log.join("\n"))).toBe(
      "R0 invalid mem access 'map_value_or_null' (at `*count += 1; @ careless.bpf.c:19`)",
    );
  });

  it.each([
    [
      "invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)\nR1 offset is outside of the packet",
      "R1 offset is outside of the packet",
    ],
    [
      "BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns (limit 1000000) max_states_per_insn 4",
      "BPF program is too large. Processed 1000001 insn",
    ],
    ["back-edge from insn 9 to 3\n", "back-edge from insn 9 to 3"],
    ["unknown func bpf_new_helper#999\nprocessed 0 insns (limit 1000000)", "unknown func bpf_new_helper#999"],
    ["0: (b7) r0 = 0", "0: (b7) r0 = 0"],
    ["", "it said nothing"],
  ])("of %j says %j", (log, reason) => {
    expect(summariseVerifierLog(log)).toBe(reason);
  });
});

describe("splitLibbpfLog", () => {
  it("takes the log of the first refused program out of what libbpf said", () => {
    const split = splitLibbpfLog(
      "libbpf: prog 'a': BPF program load failed: Invalid argument\nlibbpf: prog 'a': -- BEGIN PROG LOAD LOG --\nline 1\nline 2\n-- END PROG LOAD LOG --\nlibbpf: failed to load object 'x'\n",
    );
    expect(split).toEqual({
      program: "a",
      verifierLog: "line 1\nline 2",
      libbpf: "prog 'a': BPF program load failed: Invalid argument\nlibbpf: failed to load object 'x'".replace(
        /libbpf: /g,
        "",
      ),
    });
  });

  it("takes a log that was cut", () => {
    expect(splitLibbpfLog("libbpf: prog 'a': -- BEGIN PROG LOAD LOG --\nline 1")).toMatchObject({
      program: "a",
      verifierLog: "line 1",
    });
  });

  it("leaves what has no log", () => {
    expect(splitLibbpfLog("libbpf: elf: nothing there\n")).toEqual({
      program: undefined,
      verifierLog: undefined,
      libbpf: "elf: nothing there",
    });
    expect(splitLibbpfLog("")).toMatchObject({ libbpf: "" });
  });
});
