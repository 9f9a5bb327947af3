// Programs of another build take over the ports of the running one, in place; and ports come, change and go.

import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { XdpLink, xdpAttached } from "../../src/bpf/link.ts";
import { BpfProgram } from "../../src/bpf/program.ts";
import { links } from "../../src/bpf/rtnetlink.ts";
import type { PinDirectory, Plane } from "../../src/dataplane/index.ts";
import { attachPort, detachPort, observe, observePorts, removeEdge } from "../../src/dataplane/index.ts";
import {
  deleteLink,
  fingerprint,
  ip,
  load,
  makeLink,
  newPins,
  OBJECT,
  openDescriptors,
} from "../support/dataplane-kernel.ts";

const scratch = mkdtempSync(join(tmpdir(), "unum-upgrade-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let builds = 0;
/** The object file of another build: the same programs, another hash. */
function otherBuild(): string {
  const path = join(scratch, `build-${builds++}.bpf.o`);
  copyFileSync(OBJECT, path);
  appendFileSync(path, Buffer.of(builds));
  return path;
}

const ifindexOf = (name: string): number => links().find((link) => link.name === name)?.ifindex ?? 0;

function linkInfo(pins: PinDirectory, name: string) {
  using link = XdpLink.openPinned(pins.link(name));
  return link.info;
}

function pinnedProgram(pins: PinDirectory, role: string): number {
  using program = BpfProgram.openPinned(pins.program(role));
  return program.info.id;
}

const ROLES = ["access", "underlay", "both"] as const;
const PORTS = [
  { name: "up0", role: "access", mode: "native" },
  { name: "up.1", role: "underlay", mode: "generic" },
  { name: "up2", role: "both", mode: "native" },
] as const;

let pins: ReturnType<typeof newPins>;
beforeAll(() => {
  for (const { name } of PORTS) makeLink(name);
});
afterAll(() => {
  for (const { name } of PORTS) deleteLink(name);
});
beforeEach(() => {
  pins = newPins();
});
afterEach(() => pins[Symbol.dispose]());

function attachAll(): void {
  using plane = load(pins);
  for (const port of PORTS) expect(attachPort(plane, port)).toBe("attached");
}

/** Ports as they should be: every link runs the pinned program of its role, on its NIC, in its mode. */
function expectRunning(ports: readonly (typeof PORTS)[number][] = PORTS): void {
  for (const { name, role, mode } of ports) {
    const { ifindex, programId } = linkInfo(pins, name);
    expect(ifindex, name).toBe(ifindexOf(name));
    expect(programId, `${name} runs the pinned program`).toBe(pinnedProgram(pins, role));
    expect(xdpAttached(ifindex), name).toMatchObject({ mode, programId, programName: `unum_${role}` });
  }
}

describe("programs of another build", () => {
  test("take over in place: the same links, other programs, the same maps", () => {
    attachAll();
    const before = PORTS.map(({ name }) => linkInfo(pins, name));
    const maps = fingerprint(pins);
    const programs = ROLES.map((role) => pinnedProgram(pins, role));
    {
      using plane = load(pins, 0, otherBuild());
      expect(plane.upgraded).toBe(true);
      expect(observePorts(plane)).toHaveLength(3);
      expect(observePorts(plane).every(({ attached }) => attached)).toBe(true);
    }
    const after = PORTS.map(({ name }) => linkInfo(pins, name));
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    for (const [at, { programId }] of after.entries()) expect(programId).not.toBe(before[at]?.programId);
    for (const [at, role] of ROLES.entries()) expect(pinnedProgram(pins, role)).not.toBe(programs[at]);
    expectRunning();
    const { meta: metaBefore, ...rowsBefore } = maps;
    const { meta, ...rows } = fingerprint(pins);
    expect(rows).toEqual(rowsBefore);
    expect(meta).not.toBe(metaBefore);
  });

  test("are loaded once: the next load of the same build finds nothing to do", () => {
    attachAll();
    const build = otherBuild();
    load(pins, 0, build).close();
    const programs = ROLES.map((role) => pinnedProgram(pins, role));
    using plane = load(pins, 0, build);
    expect(plane.upgraded).toBe(false);
    expect(ROLES.map((role) => pinnedProgram(pins, role))).toEqual(programs);
  });

  test("leave no descriptor behind", () => {
    attachAll();
    load(pins, 0, otherBuild()).close();
    const before = openDescriptors();
    for (let round = 0; round < 3; round++) load(pins, 0, otherBuild()).close();
    expect(openDescriptors()).toBe(before);
  });

  test.each([
    ["cut off", (path: string) => truncateSync(path, 4000)],
    ["no object", (path: string) => truncateSync(path, 0)],
  ])("that are %s leave the old ones running", (_, spoil) => {
    attachAll();
    const before = [PORTS.map(({ name }) => linkInfo(pins, name)), fingerprint(pins)];
    const build = otherBuild();
    spoil(build);
    expect(() => load(pins, 0, build)).toThrow();
    expect([PORTS.map(({ name }) => linkInfo(pins, name)), fingerprint(pins)]).toEqual(before);
    expectRunning();
    load(pins).close();
  });

  test("that the verifier refuses leave the old ones running", () => {
    attachAll();
    const before = [PORTS.map(({ name }) => linkInfo(pins, name)), fingerprint(pins)];
    const build = otherBuild();
    // Every 64-bit move of a register to r0 that comes before exit reads a register nobody has written then.
    const bytes = readFileSync(build);
    spoilProgram(bytes, "xdp");
    expect(bytes.equals(readFileSync(build))).toBe(false);
    copyBytes(build, bytes);
    expect(() => load(pins, 0, build)).toThrow(expect.objectContaining({ code: "VERIFIER" }));
    expect([PORTS.map(({ name }) => linkInfo(pins, name)), fingerprint(pins)]).toEqual(before);
    expectRunning();
    load(pins).close();
  });

  test("whose loader is killed anywhere are followed by ones that take over everywhere", () => {
    attachAll();
    for (let rounds = 1; ; rounds++) {
      let calls = 0;
      const update = XdpLink.prototype.update;
      const pin = BpfProgram.prototype.pin;
      const step = () => {
        if (++calls === rounds) throw new Error("killed");
      };
      XdpLink.prototype.update = function (program) {
        step();
        update.call(this, program);
      };
      BpfProgram.prototype.pin = function (path) {
        step();
        pin.call(this, path);
      };
      let died = false;
      try {
        load(pins, 0, otherBuild()).close();
      } catch (thrown) {
        if ((thrown as Error).message !== "killed") throw thrown;
        died = true;
      } finally {
        XdpLink.prototype.update = update;
        BpfProgram.prototype.pin = pin;
      }
      load(pins, 0, otherBuild()).close();
      expectRunning();
      if (!died) {
        expect(rounds).toBe(7);
        break;
      }
    }
  });
});

/** Makes the first instruction of a section's programs read a register that has no value. */
function spoilProgram(elf: Buffer, section: string): void {
  const [table, size, count, names] = [
    elf.readBigUInt64LE(40),
    elf.readUInt16LE(58),
    elf.readUInt16LE(60),
    elf.readUInt16LE(62),
  ];
  const header = (index: number) => Number(table) + index * size;
  const nameOffset = Number(elf.readBigUInt64LE(header(names) + 24));
  for (let index = 0; index < count; index++) {
    const at = nameOffset + elf.readUInt32LE(header(index));
    const name = elf.toString("latin1", at, elf.indexOf(0, at));
    if (!name.startsWith(section)) continue;
    // r0 = r9
    Buffer.of(0xbf, 0x90, 0, 0, 0, 0, 0, 0).copy(elf, Number(elf.readBigUInt64LE(header(index) + 24)));
  }
}

function copyBytes(path: string, bytes: Buffer): void {
  truncateSync(path, 0);
  appendFileSync(path, bytes);
}

describe("a port", () => {
  const port = (plane: Plane, name: string) => observePorts(plane).find((each) => each.name === name);

  test("that is attached already is left alone", () => {
    attachAll();
    const before = PORTS.map(({ name }) => linkInfo(pins, name));
    using plane = load(pins);
    for (const config of PORTS) expect(attachPort(plane, config)).toBe("unchanged");
    expect(PORTS.map(({ name }) => linkInfo(pins, name))).toEqual(before);
  });

  test("gets another role by an update of its link", () => {
    attachAll();
    using plane = load(pins);
    const { id } = linkInfo(pins, "up0");
    expect(attachPort(plane, { name: "up0", role: "underlay", mode: "native" })).toBe("updated");
    expect(linkInfo(pins, "up0")).toMatchObject({ id, programId: pinnedProgram(pins, "underlay") });
    expect(port(plane, "up0")).toMatchObject({ role: "underlay", attached: true });
  });

  test("changes its mode by another link", () => {
    attachAll();
    using plane = load(pins);
    const { id } = linkInfo(pins, "up0");
    for (const mode of ["generic", "native"] as const) {
      expect(attachPort(plane, { name: "up0", role: "access", mode })).toBe("attached");
      expect(port(plane, "up0")).toMatchObject({ mode, attached: true, role: "access" });
      expect(xdpAttached(ifindexOf("up0")).mode).toBe(mode);
    }
    expect(linkInfo(pins, "up0").id).not.toBe(id);
  });

  test("keeps the mode that works when its driver has no other", () => {
    using plane = load(pins);
    expect(attachPort(plane, { name: "lo", role: "both", mode: "generic" })).toBe("attached");
    expect(() => attachPort(plane, { name: "lo", role: "both", mode: "native" })).toThrow(
      expect.objectContaining({ code: "INTERFACE_UNFIT", remedy: expect.stringContaining("--mode generic") }),
    );
    expect(port(plane, "lo")).toMatchObject({ mode: "generic", attached: true, role: "both" });
    expect(xdpAttached(1).mode).toBe("generic");
    detachPort(pins, "lo");
    expect(xdpAttached(1).mode).toBe("none");
  });

  test("whose NIC was deleted is seen as gone, and attached again when there is a new one", () => {
    makeLink("up9");
    using plane = load(pins);
    const config = { name: "up9", role: "access", mode: "native" } as const;
    attachPort(plane, config);
    expect(port(plane, "up9")?.attached).toBe(true);
    deleteLink("up9");
    expect(port(plane, "up9")).toMatchObject({ attached: false });
    expect(() => attachPort(plane, config)).toThrow(expect.objectContaining({ code: "INTERFACE_MISSING" }));
    makeLink("up9");
    expect(port(plane, "up9")).toMatchObject({ attached: false });
    expect(attachPort(plane, config)).toBe("attached");
    expect(port(plane, "up9")).toMatchObject({ attached: true, ifindex: ifindexOf("up9") });
    deleteLink("up9");
    // A severed link has nothing to detach, and its pin goes.
    expect(detachPort(pins, "up9")).toBe(true);
    expect(pins.linkedInterfaces()).toEqual([]);
  });

  test.each(["generic", "native"] as const)(
    "with somebody else's %s program is refused by its name, and left alone",
    (mode) => {
      using others = newPins();
      using other = load(others);
      attachPort(other, { name: "up0", role: "both", mode });
      const theirs = linkInfo(others, "up0");
      using plane = load(pins);
      for (const role of ROLES) {
        expect(() => attachPort(plane, { name: "up0", role, mode: "native" })).toThrow(
          expect.objectContaining({
            code: "FOREIGN_PROGRAM",
            message: `attach up0: it already runs XDP program "unum_both" (id ${theirs.programId}, held by link ${theirs.id}) in ${mode} mode, which is not of these pins`,
            remedy: expect.stringContaining(`bpftool link detach id ${theirs.id}`),
          }),
        );
      }
      expect(linkInfo(others, "up0")).toEqual(theirs);
      expect(pins.linkedInterfaces()).toEqual([]);
      expect(observePorts(plane)).toEqual([]);
    },
  );

  test("of a name that does not exist is refused, with one that may be meant", () => {
    using plane = load(pins);
    expect(() => attachPort(plane, { name: "upp2", role: "both", mode: "native" })).toThrow(
      expect.objectContaining({ code: "INTERFACE_MISSING", remedy: 'did you mean "up2"?' }),
    );
  });

  test("is taken off with the edge, and nothing of the edge stays", () => {
    attachAll();
    expect(removeEdge(pins)).toEqual(["up.1", "up0", "up2"]);
    for (const { name } of PORTS) expect(xdpAttached(ifindexOf(name)).mode).toBe("none");
    expect(pins.exists()).toBe(false);
  });

  test("renamed since is no longer its own port", () => {
    makeLink("up8");
    using plane = load(pins);
    attachPort(plane, { name: "up8", role: "access", mode: "native" });
    ip("link", "set", "up8", "down");
    ip("link", "set", "up8", "name", "up7");
    expect(port(plane, "up8")).toMatchObject({ attached: false });
    detachPort(pins, "up8");
    expect(xdpAttached(ifindexOf("up7")).mode).toBe("none");
    ip("link", "delete", "up7");
  });

  test("is in no state that the maps hold until a document is applied", () => {
    attachAll();
    using plane = load(pins);
    expect(observe(plane).state).toBeUndefined();
  });
});
