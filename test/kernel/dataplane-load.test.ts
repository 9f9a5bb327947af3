// Making, adopting and removing an edge's pins: who may, one at a time, and nothing left half done.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { observe, PinDirectory, Plane, removeEdge } from "../../src/dataplane/index.ts";
import {
  applyState,
  BPFFS,
  expectHolds,
  fingerprint,
  listPins,
  load,
  newPins,
  OBJECT,
  openDescriptors,
  ROOT,
} from "../support/dataplane-kernel.ts";
import { stateOf } from "../support/dataplane-plans.ts";

const state = stateOf({ servers: { s1: 11 }, tenants: { acme: { vni: 9, vms: { "10.0.0.1": "s1" } } } }, new Map());

function refusal(work: () => unknown): { code: string; message: string; remedy: string } {
  try {
    work();
  } catch (thrown) {
    return thrown as ReturnType<typeof refusal>;
  }
  throw new Error("expected a refusal: nothing was thrown");
}

describe("loading", () => {
  test("again changes nothing, and keeps the size that the tables were made for", () => {
    using pins = newPins();
    {
      using plane = load(pins);
      applyState(plane, state);
    }
    const before = [listPins(pins), fingerprint(pins)];
    using plane = Plane.load(pins, OBJECT, { vmCapacity: 4096, vm6Capacity: 4096 });
    expect(plane.meta.vmCapacity).toBe(1024);
    expect([listPins(pins), fingerprint(pins)]).toEqual(before);
    expectHolds(plane, state);
  });

  test("counts each writer before it writes anything else, and no reader", () => {
    using pins = newPins();
    const writers = () => {
      using plane = Plane.open(pins, OBJECT);
      return plane.meta.writers;
    };
    load(pins).close();
    expect([writers(), writers()]).toEqual([1n, 1n]);
    {
      using plane = load(pins);
      expect([plane.meta.writers, writers()]).toEqual([2n, 2n]);
      plane.require(new Set(["geneve"]), new Set());
      expect([plane.meta.writers, writers()]).toEqual([2n, 2n]);
    }
    load(pins).close();
    expect(writers()).toBe(3n);
  });

  test("makes everything closed to others", () => {
    using pins = newPins();
    load(pins).close();
    const modes = execFileSync("find", [pins.path, "-type", "d", "-printf", "%m\n"], { encoding: "utf8" });
    expect(new Set(modes.trim().split("\n"))).toEqual(new Set(["700"]));
    const files = execFileSync("find", [pins.path, "-type", "f", "-perm", "/077"], { encoding: "utf8" });
    expect(files).toBe("");
  });

  test("recovers from a maker that was killed after any of its pins", () => {
    using pins = newPins();
    const spare = new PinDirectory(`${pins.path}-whole`);
    load(spare).close();
    const maps = readdirSync(spare.maps).filter((name) => name !== "meta");
    removeEdge(spare);
    for (const count of [0, 1, maps.length >> 1, maps.length]) {
      load(pins).close();
      pins.unlink(pins.map("meta"));
      for (const name of maps.slice(count)) pins.unlink(pins.map(name));
      if (count < maps.length) for (const role of ["access", "underlay"]) pins.unlink(pins.program(role));
      expect(refusal(() => Plane.open(pins, OBJECT)).code).toBe("NOT_LOADED");
      using plane = load(pins);
      applyState(plane, state);
      expectHolds(plane, state, `${count} maps were pinned`);
      expect(readdirSync(pins.maps).sort()).toEqual([...maps, "meta"].sort());
      expect(readdirSync(pins.programs).sort()).toEqual(["access", "both", "underlay"]);
    }
  });

  test("recovers from a remover that was killed after any of its pins", () => {
    using pins = newPins();
    load(pins).close();
    const total = listPins(pins).length;
    /** Removes until the `limit`th thing. */
    const removeSome = (limit: number) => {
      let count = 0;
      const dying = new (class extends PinDirectory {
        override unlink(path: string): void {
          if (count++ === limit) throw new Error("killed");
          super.unlink(path);
        }
      })(pins.path);
      try {
        removeEdge(dying);
      } catch (thrown) {
        if ((thrown as Error).message !== "killed") throw thrown;
      }
    };
    for (let limit = 1; limit < total; limit += 8) {
      removeSome(limit);
      using plane = load(pins);
      applyState(plane, state);
      expectHolds(plane, state, `killed after ${limit} pins`);
    }
  });

  test("and observing a hundred times leaves as many descriptors as before", () => {
    using pins = newPins();
    load(pins).close();
    const before = openDescriptors();
    for (let round = 0; round < 100; round++) {
      using plane = load(pins);
      applyState(plane, state);
    }
    expect(openDescriptors()).toBe(before);
    using plane = load(pins);
    observe(plane);
    const open = openDescriptors();
    for (let round = 0; round < 100; round++) observe(plane);
    expect(openDescriptors()).toBe(open);
  });

  test("fails without leaving a descriptor or the lock", () => {
    using pins = newPins();
    load(pins).close();
    const before = openDescriptors();
    for (const broken of ["/nonexistent/unum.bpf.o", import.meta.filename])
      expect(() => load(pins, 0, broken)).toThrow();
    expect(openDescriptors()).toBe(before);
    load(pins).close();
  });
});

const ADDON = join(ROOT, "build/cmake/Release/unum.node");

/** Another process that holds the lock of a directory. */
async function holder(directory: string): Promise<{ pid: number; release: () => Promise<void> }> {
  const script = join(ROOT, "test/support/dataplane-holder.mjs");
  const child: ChildProcess = spawn(process.execPath, [script, ADDON, directory, "10000"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (child.stdout === null || child.pid === undefined) throw new Error("start a holder of the lock: no process");
  await once(child.stdout, "data");
  return {
    pid: child.pid,
    async release() {
      child.stdin?.end();
      await once(child, "exit");
    },
  };
}

describe("two writers", () => {
  test("the second gives up after its time, and names the first", async () => {
    using pins = newPins();
    load(pins).close();
    const first = await holder(pins.path);
    const start = performance.now();
    for (const work of [() => load(pins, 60), () => removeEdge(pins, 60)]) {
      const { code, message } = refusal(work);
      expect(code).toBe("LOCKED");
      expect(message).toBe(`lock directory ${pins.path}: process ${first.pid} holds it`);
    }
    expect(performance.now() - start).toBeGreaterThan(110);
    await first.release();
    load(pins).close();
  });

  test("do not hinder readers", () => {
    using pins = newPins();
    using writer = load(pins);
    applyState(writer, state);
    using reader = Plane.open(pins, OBJECT);
    expect(observe(reader).state).toEqual(state);
    expect(refusal(() => reader.table("vms4")).message).toContain("this process is no writer");
  });

  test("within one process exclude each other too, and the lock ends with its holder", () => {
    using pins = newPins();
    const first = load(pins);
    expect(refusal(() => load(pins)).code).toBe("LOCKED");
    first.close();
    load(pins).close();
  });
});

/** Runs `unum ARGS` as a process of its own. */
function cli(...args: string[]): { done: Promise<number>; pid: number } {
  const child = spawn(process.execPath, [join(ROOT, "dist/src/cli/main.js"), ...args], { stdio: "ignore" });
  return { pid: child.pid as number, done: once(child, "exit").then(([status]) => status as number) };
}

describe("removing an edge", () => {
  test("while another waits to remove it or to make it leaves one of both, whole", async () => {
    using pins = newPins();
    load(pins).close();
    const first = await holder(pins.path);
    const waiting = [
      cli("detach", "--all", "--pin-dir", pins.path),
      cli("attach", "lo", "--role", "both", "--mode", "generic", "--pin-dir", pins.path),
      cli("detach", "--all", "--pin-dir", pins.path),
    ];
    await sleep(400);
    await first.release();
    expect(await Promise.all(waiting.map(({ done }) => done))).toEqual([0, 0, 0]);
    if (pins.exists()) {
      using plane = load(pins);
      applyState(plane, state);
      expectHolds(plane, { ...state, model: { ...state.model, edge: observe(plane).state?.model.edge as never } });
    }
  });

  test("that was removed and made again meanwhile waits for the writer of the new one", async () => {
    using pins = newPins();
    load(pins).close();
    const first = await holder(pins.path);
    const waiting = cli("detach", "--all", "--pin-dir", pins.path);
    await sleep(400);
    // Another remover and another maker were faster.
    renameSync(pins.path, `${pins.path}-old`);
    const second = load(pins);
    await first.release();
    await sleep(150);
    expect(readdirSync(pins.maps)).toContain("meta");
    expect(observe(second).problems).toEqual([]);
    second.close();
    expect(await waiting.done).toBe(0);
    expect(pins.exists()).toBe(false);
    removeEdge(new PinDirectory(`${pins.path}-old`));
  });

  test("that is not there says so", () => {
    const { code, message } = refusal(() => removeEdge(new PinDirectory(join(BPFFS, "no-such-edge"))));
    expect([code, message]).toEqual(["PIN_DIRECTORY", `use ${BPFFS}/no-such-edge: there is no such directory`]);
  });

  test("leaves what is not its own", () => {
    const pins = newPins();
    load(pins).close();
    mkdirSync(join(pins.path, "other"));
    const { code, message } = refusal(() => removeEdge(pins));
    expect([code, message]).toEqual(["PIN_DIRECTORY", expect.stringContaining(pins.path)]);
    expect(readdirSync(pins.path)).toEqual(["other"]);
    execFileSync("rmdir", [join(pins.path, "other"), pins.path]);
  });
});

describe("a pin directory that is not safe", () => {
  const make = (name: string, mode = 0o700): string => {
    const path = join(BPFFS, `unsafe-${process.pid}-${name}`);
    mkdirSync(path);
    chmodSync(path, mode);
    return path;
  };
  const expectRefused = (path: string, message: string, remedy: string) => {
    const pins = new PinDirectory(path);
    const found = refusal(() => load(pins));
    expect(found).toMatchObject({ code: "PIN_DIRECTORY", message: `use ${path}: ${message}` });
    expect(found.remedy).toContain(remedy);
  };

  test.each([0o755, 0o770, 0o701, 0o777])("because of mode %o is refused, and nothing is made in it", (mode) => {
    const path = make("mode", mode);
    expectRefused(
      path,
      `its mode is 0${mode.toString(8)}, so that other users may change what packets see`,
      `chmod 700 ${path}`,
    );
    expect(readdirSync(path)).toEqual([]);
    execFileSync("rmdir", [path]);
  });

  test("because of its owner is refused, and nothing is made in it", () => {
    const path = make("owner");
    chownSync(path, 65534, 65534);
    expectRefused(path, "it belongs to user 65534, not to user 0", "run as that user");
    expect(readdirSync(path)).toEqual([]);
    execFileSync("rmdir", [path]);
  });

  test("because it is a symbolic link is refused, and nothing is made behind it", () => {
    const path = make("target");
    const link = `${path}-link`;
    symlinkSync(path, link);
    expectRefused(link, "it is not a directory", "--pin-dir");
    expect(readdirSync(path)).toEqual([]);
    execFileSync("rm", [link]);
    execFileSync("rmdir", [path]);
  });

  test("because it is on no BPF file system is refused, and nothing is made", () => {
    const scratch = mkdtempSync(join(tmpdir(), "unum-pins-"));
    expectRefused(scratch, "it is not on a BPF file system", "mount -t bpf");
    expect(readdirSync(scratch)).toEqual([]);
    const fresh = join(scratch, "edge");
    expectRefused(fresh, "it is not on a BPF file system", "mount -t bpf");
    expect(existsSync(fresh)).toBe(false);
    execFileSync("rmdir", [scratch]);
  });

  test("because its parent is missing is refused", () => {
    const path = join(BPFFS, "no-such-parent/edge");
    const found = refusal(() => load(new PinDirectory(path)));
    expect(found.code).toBe("PIN_DIRECTORY");
    expect(found.message).toContain(path);
  });

  test("that became unsafe is not read either", () => {
    using pins = newPins();
    load(pins).close();
    chmodSync(pins.path, 0o755);
    expect(refusal(() => Plane.open(pins, OBJECT)).code).toBe("PIN_DIRECTORY");
    expect(refusal(() => removeEdge(pins)).code).toBe("PIN_DIRECTORY");
    chmodSync(pins.path, 0o700);
  });
});
