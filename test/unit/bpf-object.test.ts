// What the addon does without privilege: reading an object, asking the system, refusing arguments.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BpfError } from "../../src/bpf/bpf-error.ts";
import { Btf } from "../../src/bpf/btf.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { addresses, links, neighbours, routeTo } from "../../src/bpf/rtnetlink.ts";
import { isBpffs, lockDirectory, monotonicNs, possibleCpus } from "../../src/bpf/system.ts";

const OBJECT = join(import.meta.dirname, "../../build/bpf/unum.bpf.o");

function refusal(body: () => unknown): BpfError {
  try {
    body();
  } catch (thrown) {
    if (thrown instanceof BpfError) return thrown;
    throw thrown;
  }
  throw new Error("expected a BpfError, got none");
}

const descriptors = () => readdirSync("/proc/self/fd").length;

describe("an object that is not loaded", () => {
  let scratch: string;
  beforeAll(() => {
    expect(existsSync(OBJECT), `${OBJECT}: sh scripts/build bpf`).toBe(true);
    scratch = mkdtempSync(join(tmpdir(), "unum-object-"));
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  it("lists its maps and programs", () => {
    using object = BpfObject.open(OBJECT);
    const vms = object.maps.find(({ name }) => name === "vms4");
    expect(vms).toMatchObject({ typeName: "array", keySize: 4, valueSize: 64, maxEntries: 1, internal: false });
    expect(vms?.flags).toBe(1 << 10);
    expect(vms?.valueTypeId).toBeGreaterThan(0);
    expect(object.maps.filter(({ internal }) => internal).map(({ name }) => name)).toEqual([".rodata"]);
    for (const role of ["access", "underlay", "both"]) {
      expect(object.programs).toContainEqual({ name: `unum_${role}`, section: "xdp.frags" });
    }
    object.setMaxEntries("vms4", 1234);
    expect(object.maps.find(({ name }) => name === "vms4")?.maxEntries).toBe(1234);
  });

  it("gives its BTF, in which sections have sizes", () => {
    using object = BpfObject.open(OBJECT);
    const variables = Btf.parse(object.btf()).section(".rodata");
    const seed = variables.find(({ name }) => name === "table_seed");
    expect(seed).toBeDefined();
    const bytes = object.readOnlyData();
    expect(bytes.length).toBeGreaterThanOrEqual((seed?.offset ?? 0) + 8);
    bytes.fill(0x5a, seed?.offset, (seed?.offset ?? 0) + 8);
    object.setReadOnlyData(bytes);
    expect(object.readOnlyData()).toEqual(bytes);
    expect(refusal(() => object.setReadOnlyData(bytes.subarray(1))).message).toBe(
      `read argument bytes: expected ${bytes.length} bytes, got ${bytes.length - 1} bytes`,
    );
  });

  it("has no live maps, and says so", () => {
    using object = BpfObject.open(OBJECT);
    expect(refusal(() => object.map("vms4")).message).toBe(`take a map from object ${OBJECT}: it is not loaded yet`);
    expect(refusal(() => object.program("unum_both")).message).toMatch(/it is not loaded yet$/);
    expect(refusal(() => object.setMaxEntries("vms", 5)).message).toMatch(/^find map vms: .* has only: .*vms4/);
    for (const wrong of [0, -1, 1.5, 2 ** 32, "5", undefined]) {
      expect(refusal(() => object.setMaxEntries("vms4", wrong as never)).code).toBe("ARGUMENT_INVALID");
    }
    expect(refusal(() => object.reuseMap("vms4", object as never)).code).toBe("ARGUMENT_INVALID");
  });

  it("is closed once and for all, and leaves no descriptor", () => {
    const before = descriptors();
    for (let i = 0; i < 100; i++) BpfObject.open(OBJECT).close();
    const object = BpfObject.open(OBJECT);
    object.close();
    object.close();
    for (const use of [() => object.maps, () => object.programs, () => object.btf(), () => object.load()]) {
      const error = refusal(use);
      expect(error.code).toBe("CLOSED");
      expect(error.message).toBe(`the object ${OBJECT} is closed`);
    }
    expect(descriptors()).toBe(before);
  });

  it("must be an object, whole", () => {
    const missing = refusal(() => BpfObject.open(`${scratch}/none.o`));
    expect(missing).toMatchObject({ code: "SYSTEM_CALL", errnoName: "ENOENT" });
    expect(missing.message).toBe(`open object ${scratch}/none.o: no such file or directory (ENOENT)`);
    writeFileSync(`${scratch}/text.o`, "this is no object\n");
    expect(refusal(() => BpfObject.open(`${scratch}/text.o`)).message).toMatch(
      /^open object .*text\.o: .*it is no BPF object/,
    );
    const whole = readFileSync(OBJECT);
    for (const length of [0, 4, 63, 64, 1000, whole.length - 200]) {
      writeFileSync(`${scratch}/cut.o`, whole.subarray(0, length));
      expect(refusal(() => BpfObject.open(`${scratch}/cut.o`)).message).toMatch(/^open object .*cut\.o: /);
    }
    expect(refusal(() => BpfObject.open(7 as never)).message).toBe(
      "read argument path: expected a string, got a number",
    );
    expect(refusal(() => BpfObject.open("a\0b")).message).toMatch(/without NUL/);
  });
});

describe("the system", () => {
  it("has CPUs, a clock and file systems", () => {
    expect(possibleCpus()).toBeGreaterThan(0);
    const first = monotonicNs();
    expect(monotonicNs()).toBeGreaterThanOrEqual(first);
    expect(isBpffs(tmpdir())).toBe(false);
    expect(refusal(() => isBpffs("/no/such/place")).message).toBe(
      "examine file system of /no/such/place: no such file or directory (ENOENT)",
    );
  });

  it("locks a directory once", () => {
    const path = mkdtempSync(join(tmpdir(), "unum-lock-"));
    try {
      using lock = lockDirectory(path);
      expect(() => lockDirectory(path, { waitMs: 20 })).toThrow(
        `lock directory ${path}: process ${process.pid} holds it`,
      );
      lock.close();
      lockDirectory(path).close();
    } finally {
      rmSync(path, { recursive: true });
    }
  });

  it("has links and routes that anyone may read", () => {
    const loopback = links().find(({ name }) => name === "lo");
    expect(loopback).toMatchObject({ ifindex: 1, loopback: true });
    expect(routeTo("127.0.0.1")).toMatchObject({ type: "local", ifindex: 1 });
    expect(Array.isArray(addresses())).toBe(true);
    expect(Array.isArray(neighbours())).toBe(true);
    expect(refusal(() => routeTo("nowhere")).message).toBe(
      "read argument address: expected an IPv4 or IPv6 address, got nowhere",
    );
  });
});
