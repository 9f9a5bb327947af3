import { describe, expect, it } from "vitest";
import type { NativeFailure } from "../../src/bpf/bpf-error.ts";
import { BpfError, bpfError } from "../../src/bpf/bpf-error.ts";
import { UnumError } from "../../src/errors.ts";

const failure = (fields: Partial<NativeFailure>): BpfError =>
  new BpfError({
    code: "SYSTEM_CALL",
    operation: "update",
    subject: "map vms4",
    reason: "",
    errno: 0,
    errnoName: "",
    errnoText: "",
    needs: "",
    log: "",
    ...fields,
  });

const errno = (number: number, errnoName: string, errnoText: string) => ({ errno: number, errnoName, errnoText });

describe("BpfError", () => {
  it("says verb, subject, errno and cause, and keeps them apart", () => {
    const error = failure({ ...errno(7, "E2BIG", "argument list too long"), reason: "it holds at most 3 entries" });
    expect(error).toBeInstanceOf(UnumError);
    expect(error.name).toBe("BpfError");
    expect(error.message).toBe("update map vms4: argument list too long (E2BIG): it holds at most 3 entries");
    expect(error).toMatchObject({
      code: "SYSTEM_CALL",
      operation: "update",
      subject: "map vms4",
      errno: 7,
      errnoName: "E2BIG",
    });
    expect(error.remedy).toBe("delete entries first, or make the map again with more of them");
    expect(error.verifierLog).toBeUndefined();
  });

  it("names the capability that is missing", () => {
    const eperm = errno(1, "EPERM", "operation not permitted");
    expect(failure({ ...eperm, code: "PERMISSION", needs: "CAP_BPF and CAP_NET_ADMIN" }).remedy).toBe(
      "run as root, or with CAP_BPF and CAP_NET_ADMIN",
    );
    expect(failure({ ...eperm, code: "PERMISSION" }).remedy).toBe(
      "run as root, or with the capability that this needs",
    );
  });

  it("has a remedy for each of the classics", () => {
    const enoent = errno(2, "ENOENT", "no such file or directory");
    expect(failure({ ...enoent, operation: "open", subject: "pinned map /x" }).remedy).toMatch(/loaded/);
    expect(failure({ ...enoent }).remedy).toBeUndefined();
    expect(failure(errno(12, "ENOMEM", "cannot allocate memory")).remedy).toMatch(/memory/);
    expect(failure({ code: "FOREIGN_PROGRAM", ...errno(16, "EBUSY", "busy") }).remedy).toMatch(/detach that program/);
    expect(failure({ code: "MAP_INCOMPATIBLE" }).remedy).toMatch(/remove the pinned map/);
    expect(failure({ code: "TABLE_FULL" }).remedy).toMatch(/more room/);
  });

  it("says only that a handle is closed", () => {
    const error = failure({ code: "CLOSED", operation: "use", reason: "the map vms4 is closed" });
    expect(error.message).toBe("the map vms4 is closed");
  });

  it("quotes libbpf once", () => {
    const enoent = errno(2, "ENOENT", "no such file or directory");
    const log = "libbpf: elf: failed to open /x: No such file or directory\n";
    expect(failure({ ...enoent, operation: "open", subject: "object /x", log }).message).toBe(
      "open object /x: no such file or directory (ENOENT)",
    );
    const other = failure({
      ...errno(22, "EINVAL", "invalid argument"),
      log: "libbpf: map 'x': bad flags\nlibbpf: more\n",
    });
    expect(other.message).toBe("update map vms4: invalid argument (EINVAL): map 'x': bad flags");
  });

  it("carries the verifier's log and its point", () => {
    const log = [
      "libbpf: prog 'careless': BPF program load failed: Permission denied",
      "libbpf: prog 'careless': -- BEGIN PROG LOAD LOG --",
      "; *count += 1;",
      "7: (79) r1 = *(u64 *)(r0 +0)",
      "R0 invalid mem access 'map_value_or_null'",
      "processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0",
      "-- END PROG LOAD LOG --",
      "libbpf: prog 'careless': failed to load: -13",
    ].join("\n");
    const error = failure({
      code: "VERIFIER",
      operation: "load",
      subject: "object x.o",
      ...errno(13, "EACCES", "permission denied"),
      log,
    });
    expect(error.message).toBe(
      "load object x.o: the verifier refused program careless: R0 invalid mem access 'map_value_or_null' (at `*count += 1;`)",
    );
    expect(error.verifierLog).toMatch(/^; \*count[\s\S]*mark_read 0$/);
    expect(error.remedy).toMatch(/kernel/);
  });

  it("is made on this side, too", () => {
    expect(bpfError("ARGUMENT_INVALID", "read", "argument x", "it is odd").message).toBe("read argument x: it is odd");
  });
});
