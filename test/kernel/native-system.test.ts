// System calls that take privileges or another process.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, renameSync, statSync, symlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BpfMap } from "../../src/bpf/map.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { links } from "../../src/bpf/rtnetlink.ts";
import { gracePeriod, isBpffs, lockDirectory, monotonicNs, mountBpffs, renamePin } from "../../src/bpf/system.ts";
import { UnumError } from "../../src/errors.ts";
import {
  ADDON,
  networkNamespace,
  openDescriptors,
  pinDirectory,
  refusal,
  run,
  scratchDirectory,
  testObject,
} from "./native-support.ts";

describe("a lock on a directory", () => {
  it("keeps others out, says who holds it, and ends with its handle", async () => {
    using directory = scratchDirectory();
    const before = openDescriptors();
    const holder = spawn(
      process.execPath,
      [
        "-e",
        `const lock = require(${JSON.stringify(ADDON)}).DirectoryLock.lock(process.argv[1], 0); console.log("held"); setTimeout(() => lock.close(), 60_000)`,
        directory.path,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    try {
      await once(holder.stdout, "data");
      const start = monotonicNs();
      let failure: unknown;
      try {
        lockDirectory(directory.path, { waitMs: 150 });
      } catch (thrown) {
        failure = thrown;
      }
      expect(Number(monotonicNs() - start) / 1e6).toBeGreaterThan(140);
      expect(failure).toBeInstanceOf(UnumError);
      expect(failure).toMatchObject({
        code: "LOCKED",
        message: `lock directory ${directory.path}: process ${holder.pid} holds it`,
      });
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    }
    using lock = lockDirectory(directory.path);
    expect(() => lockDirectory(directory.path)).toThrow(/holds it/);
    lock.close();
    lock.close();
    lockDirectory(directory.path, { waitMs: 0 }).close();
    expect(openDescriptors()).toBe(before);
  });

  it("is taken on bpffs, too, and never through a symbolic link", () => {
    using pins = pinDirectory();
    using _ = lockDirectory(pins.path);
    using directory = scratchDirectory();
    symlinkSync("/", `${directory.path}/link`);
    expect(refusal(() => lockDirectory(`${directory.path}/link`)).errnoName).toBe("ENOTDIR");
    expect(refusal(() => lockDirectory(`${directory.path}/none`)).message).toMatch(
      /no such file or directory \(ENOENT\)$/,
    );
    expect(refusal(() => lockDirectory(directory.path, { waitMs: -1 })).code).toBe("ARGUMENT_INVALID");
  });
});

describe("a BPF file system", () => {
  it("is mounted for its owner alone, and known", () => {
    using directory = scratchDirectory();
    const path = `${directory.path}/bpf`;
    mkdirSync(path);
    expect(isBpffs(path)).toBe(false);
    mountBpffs(path);
    try {
      expect(isBpffs(path)).toBe(true);
      expect(statSync(path).mode & 0o777).toBe(0o700);
    } finally {
      execFileSync("umount", [path]);
    }
    expect(refusal(() => mountBpffs(`${directory.path}/none`)).message).toMatch(/^mount a BPF file system on .*ENOENT/);
  });

  it("has a pin at every moment of its replacement", () => {
    using pins = pinDirectory();
    using object = BpfObject.open(testObject("native-programs"));
    object.load();
    const path = `${pins.path}/map`;
    object.map("words").pin(path);
    object.map("records").pin(`${path}~new`);
    renamePin(`${path}~new`, path);
    expect(existsSync(`${path}~new`)).toBe(false);
    using map = BpfMap.openPinned(path);
    expect(map.info.id).toBe(object.map("records").info.id);
    expect(() => renamePin(`${path}~new`, path)).toThrow(/^rename pin .*ENOENT/);
    expect(() => renameSync(path, "/tmp/map")).toThrow();
  });
});

describe("a grace period", () => {
  it("passes by either means", () => {
    for (const method of ["automatic", "membarrier", "map"] as const) gracePeriod(method);
    expect(refusal(() => gracePeriod("never" as never)).code).toBe("ARGUMENT_INVALID");
  });
});

describe("a network namespace", () => {
  it("is entered and left", () => {
    const before = links().map(({ ifindex, name }) => `${ifindex} ${name}`);
    {
      using _ = networkNamespace();
      run("ip link add only-here type veth peer name and-here");
      expect(links().map(({ name }) => name)).toEqual(expect.arrayContaining(["only-here", "and-here"]));
    }
    expect(links().map(({ ifindex, name }) => `${ifindex} ${name}`)).toEqual(before);
  });
});

describe("without privileges", () => {
  it("says which capability is missing", () => {
    const script = `
      const addon = require(${JSON.stringify(ADDON)});
      const failures = [];
      addon.setErrorFactory((failure) => Object.assign(new Error("refused"), failure));
      for (const body of [
        () => addon.mountBpffs("/"),
        () => addon.sendFrame(1, new Uint8Array(60)),
        () => addon.probeNeighbour(1, "127.0.0.9"),
        () => { const object = addon.BpfObject.open(process.argv[1]); object.load(); },
      ]) {
        try { body(); failures.push(null); } catch (error) { failures.push([error.code, error.errnoName, error.needs]); }
      }
      console.log(JSON.stringify(failures));`;
    const output = execFileSync(
      "setpriv",
      [
        "--reuid=65534",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
        process.execPath,
        "-e",
        script,
        testObject("native-programs"),
      ],
      { encoding: "utf8" },
    );
    expect(JSON.parse(output)).toEqual([
      ["PERMISSION", "EPERM", "CAP_SYS_ADMIN"],
      ["PERMISSION", "EPERM", "CAP_NET_RAW"],
      ["PERMISSION", "EPERM", "CAP_NET_ADMIN"],
      ["PERMISSION", "EPERM", "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"],
    ]);
  });
});
