// A document in a file as a source: every way in which files change, and none in which half of one is taken for a whole.

import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { documentRevision, FileSource, type Reading } from "../../src/source/index.ts";

const LOOK_MS = 1000;
const QUIET_MS = 50;

let directory: string;
let sources: FileSource[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "unum-source-"));
  sources = [];
});
afterEach(() => {
  vi.useRealTimers();
  for (const source of sources) source.close();
  rmSync(directory, { recursive: true, force: true });
});

const at = (name: string) => join(directory, name);
const documentOf = (address: string, more = "") => `version: 1\nedge: {address: ${address}}\n${more}`;
const [ONE, TWO] = [documentOf("10.0.0.1"), documentOf("10.0.0.2")];

/** Edge addresses of states, and error codes of failures, in the order in which they were told. */
function follow(path: string, lookMs = LOOK_MS) {
  const source = new FileSource(path, { quietMs: QUIET_MS, lookMs });
  sources.push(source);
  const told: string[] = [];
  source.start((reading) => told.push(textOf(reading)));
  return { source, told };
}

const textOf = (reading: Reading) => (reading.ok ? String(reading.state.model.edge.address) : reading.error.code);

describe("with the clock in hand", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });

  test("a state is told once, under the revision of its text", () => {
    writeFileSync(at("state.yaml"), ONE);
    const source = new FileSource(at("state.yaml"), { quietMs: QUIET_MS, lookMs: LOOK_MS });
    sources.push(source);
    const revisions: string[] = [];
    source.start((reading) => revisions.push(reading.ok ? reading.state.revision : reading.error.code));
    vi.advanceTimersByTime(10 * LOOK_MS);
    expect(revisions).toEqual([documentRevision({ text: ONE, inventory: undefined })]);
    expect(source.name).toBe(`file:${at("state.yaml")}`);
  });

  test("a file that is being written is read when it has been left alone", () => {
    // Cut here, it is a whole document, of another meaning.
    const whole = documentOf("10.0.0.1", "servers:\n  s1: {address: 10.2.0.2}\n");
    const half = whole.slice(0, whole.indexOf("servers:"));
    writeFileSync(at("state.yaml"), half);
    const { told, source } = follow(at("state.yaml"));
    const servers: number[] = [];
    void source.refresh().then((reading) => servers.push(reading.ok ? reading.state.model.servers.size : -1));
    for (const part of [whole.slice(half.length, -5), whole.slice(-5)]) {
      vi.advanceTimersByTime(QUIET_MS - 1);
      expect(told).toEqual([]);
      appendFileSync(at("state.yaml"), part);
      vi.advanceTimersByTime(1);
    }
    expect(told).toEqual([]);
    vi.advanceTimersByTime(QUIET_MS);
    expect(told).toEqual(["10.0.0.1"]);
    return vi.waitFor(() => expect(servers).toEqual([1]));
  });

  test("replacing, editing in place, breaking, emptying, removing and restoring are all seen by looking alone", () => {
    writeFileSync(at("state.yaml"), ONE);
    const { told } = follow(at("state.yaml"));
    const look = () => vi.advanceTimersByTime(LOOK_MS + QUIET_MS);
    look();
    writeFileSync(at("new"), TWO);
    renameSync(at("new"), at("state.yaml"));
    look();
    writeFileSync(at("state.yaml"), ONE);
    look();
    writeFileSync(at("state.yaml"), "version: 1\nedge: {adress: 10.0.0.1}\n");
    look();
    writeFileSync(at("state.yaml"), "");
    look();
    unlinkSync(at("state.yaml"));
    look();
    look();
    writeFileSync(at("state.yaml"), ONE);
    look();
    const failures = ["DOCUMENT_INVALID", "DOCUMENT_INVALID", "DOCUMENT_UNREADABLE"];
    expect(told).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.1", ...failures, "10.0.0.1"]);
  });

  test("a file that is touched, and one that is gone for a moment, are no news", () => {
    writeFileSync(at("state.yaml"), ONE);
    const { told } = follow(at("state.yaml"));
    vi.advanceTimersByTime(LOOK_MS);
    writeFileSync(at("state.yaml"), ONE);
    vi.advanceTimersByTime(LOOK_MS + QUIET_MS);
    unlinkSync(at("state.yaml"));
    // The next look sees it gone, and has another one before it says so.
    vi.advanceTimersToNextTimer();
    vi.advanceTimersByTime(QUIET_MS - 1);
    writeFileSync(at("state.yaml"), ONE);
    vi.advanceTimersByTime(LOOK_MS + QUIET_MS);
    expect(told).toEqual(["10.0.0.1"]);
  });

  test("the inventory that a document names is followed with it, from when it is missing on", () => {
    const tenants = "servers: {s1: {address: 10.2.0.2}}\ntenants: {acme: {vni: 9}}\nvmInventory: vms.ndjson\n";
    const line = (last: number) =>
      `{"tenant":"acme","address":"172.16.0.${last}","server":"s1","mac":"02:00:00:00:00:05"}\n`;
    writeFileSync(at("state.yaml"), documentOf("10.0.0.1", tenants));
    const source = new FileSource(at("state.yaml"), { quietMs: QUIET_MS, lookMs: LOOK_MS });
    sources.push(source);
    const told: string[] = [];
    source.start((reading) =>
      told.push(reading.ok ? String(reading.state.model.tenants.get("acme")?.vms.size) : reading.error.code),
    );
    const look = () => vi.advanceTimersByTime(LOOK_MS + 3 * QUIET_MS);
    look();
    writeFileSync(at("vms.ndjson"), line(1));
    look();
    writeFileSync(at("new"), line(1) + line(2));
    renameSync(at("new"), at("vms.ndjson"));
    look();
    appendFileSync(at("vms.ndjson"), line(3));
    look();
    appendFileSync(at("vms.ndjson"), "{");
    look();
    writeFileSync(at("vms.ndjson"), line(1));
    look();
    expect(told).toEqual([expect.stringMatching(/^DOCUMENT_/), "1", "2", "3", "DOCUMENT_INVALID", "1"]);
  });

  test("a revision that is expected is taken at once, and another is waited for", async () => {
    writeFileSync(at("state.yaml"), ONE);
    const { told, source } = follow(at("state.yaml"));
    vi.advanceTimersByTime(QUIET_MS);
    writeFileSync(at("state.yaml"), TWO);
    expect(textOf(await source.refresh(documentRevision({ text: TWO, inventory: undefined })))).toBe("10.0.0.2");
    expect(told).toEqual(["10.0.0.1", "10.0.0.2"]);
    const other = source.refresh("0123456789abcdef");
    vi.advanceTimersByTime(QUIET_MS);
    expect(textOf(await other)).toBe("10.0.0.2");
    expect(told).toHaveLength(2);
  });

  test("after it is closed it tells nothing", () => {
    writeFileSync(at("state.yaml"), ONE);
    const { told, source } = follow(at("state.yaml"));
    source.close();
    vi.advanceTimersByTime(10 * LOOK_MS);
    expect(told).toEqual([]);
  });
});

describe("with watches alone", () => {
  // Looking by itself would come after the test's end.
  const NEVER_MS = 1_000_000_000;
  const next = (told: string[], text: string) =>
    vi.waitFor(() => expect(told.at(-1)).toBe(text), { timeout: 20_000, interval: 10 });

  test("a file is followed through renames, edits in place and absence", async () => {
    writeFileSync(at("state.yaml"), ONE);
    const { told } = follow(at("state.yaml"), NEVER_MS);
    await next(told, "10.0.0.1");
    writeFileSync(at("new"), TWO);
    renameSync(at("new"), at("state.yaml"));
    await next(told, "10.0.0.2");
    writeFileSync(at("state.yaml"), ONE);
    await next(told, "10.0.0.1");
    unlinkSync(at("state.yaml"));
    await next(told, "DOCUMENT_UNREADABLE");
    writeFileSync(at("state.yaml"), TWO);
    await next(told, "10.0.0.2");
    expect(told).toHaveLength(5);
  });

  test("a symbolic link that is swapped is seen, as are edits where it leads", async () => {
    // As volumes of configuration are updated: state.yaml -> … -> ..data/state.yaml, and ..data is replaced.
    for (const name of ["..1", "..2"]) mkdirSync(at(name));
    writeFileSync(at("..1/state.yaml"), ONE);
    writeFileSync(at("..2/state.yaml"), TWO);
    symlinkSync("..1", at("..data"));
    mkdirSync(at("links"));
    symlinkSync("../..data/state.yaml", at("links/state.yaml"));
    symlinkSync("links/state.yaml", at("state.yaml"));
    const { told } = follow(at("state.yaml"), NEVER_MS);
    await next(told, "10.0.0.1");
    symlinkSync("..2", at("..new"));
    renameSync(at("..new"), at("..data"));
    await next(told, "10.0.0.2");
    writeFileSync(at("..2/state.yaml"), documentOf("10.0.0.3"));
    await next(told, "10.0.0.3");
    symlinkSync("../..1/state.yaml", at("links/new"));
    renameSync(at("links/new"), at("links/state.yaml"));
    await next(told, "10.0.0.1");
  });
});
