import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DocumentError, decodeText, loadDocument, parseModel, writeDocumentFile } from "../../src/document/index.ts";

const good = "version: 1\nedge: {address: 10.2.0.1}\n";
let directory: string;
const at = (name: string): string => join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "document-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function failure(run: () => unknown): DocumentError {
  try {
    run();
  } catch (error) {
    if (error instanceof DocumentError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a path that is no document", () => {
  test.each<[string, (path: string) => void, string]>([
    ["missing", () => {}, "there is no such file"],
    ["a directory", (path) => mkdirSync(path), "it is a directory, expected a regular file"],
    ["a FIFO without writer", (path) => execFileSync("mkfifo", [path]), "it is a FIFO, expected a regular file"],
    ["a loop of links", (path) => symlinkSync(path, path), "its symbolic links form a loop"],
    ["a dangling link", (path) => symlinkSync(`${path}-gone`, path), "there is no such file"],
    ["a device", (path) => symlinkSync("/dev/zero", path), "it is a device, expected a regular file"],
    [
      "too large",
      (path) => {
        const fd = openSync(path, "w");
        ftruncateSync(fd, 100 * 1024 * 1024);
        closeSync(fd);
      },
      "it has 100 MiB, expected at most 64 MiB",
    ],
  ])("%s", (name, make, cause) => {
    const path = at(name.replaceAll(" ", "-"));
    make(path);
    const error = failure(() => loadDocument(path));
    expect(error.code).toBe("DOCUMENT_UNREADABLE");
    expect(error.message).toBe(`read ${path}: ${cause}`);
    expect(error.problems).toEqual([]);
  });

  test("below a file", () => {
    writeFileSync(at("file"), good);
    expect(failure(() => loadDocument(at("file/x"))).message).toContain("a part of its path is no directory");
  });

  test("a name that is too long", () => {
    expect(failure(() => loadDocument(at("x".repeat(300)))).message).toContain("its path is too long");
  });

  test("a socket", async () => {
    const server = createServer().listen(at("socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    expect(failure(() => loadDocument(at("socket"))).message).toContain("it is a socket or a device");
    await new Promise((resolve) => server.close(resolve));
  });

  test("one that this user may not read", () => {
    writeFileSync(at("secret"), good);
    chmodSync(at("secret"), 0);
    // The superuser may read everything, so the reading is done by nobody.
    const root = process.getuid?.() === 0;
    if (!root) {
      expect(failure(() => loadDocument(at("secret"))).message).toContain("permission denied");
      return;
    }
    chmodSync(directory, 0o755);
    const [uid, gid] = [process.getuid?.() as number, process.getgid?.() as number];
    process.setegid?.(65534);
    process.seteuid?.(65534);
    try {
      const error = failure(() => loadDocument(at("secret")));
      expect(error.message).toBe(`read ${at("secret")}: permission denied`);
      expect(error.remedy).toBe("run as a user that may read it");
    } finally {
      process.seteuid?.(uid);
      process.setegid?.(gid);
    }
  });

  test("an empty file, and one of procfs", () => {
    writeFileSync(at("empty"), "");
    expect(failure(() => loadDocument(at("empty"))).message).toContain(`${at("empty")}:1:1: the document is empty`);
    expect(failure(() => loadDocument("/proc/self/status")).problems.length).toBeGreaterThan(0);
  });
});

describe("bytes that are no text", () => {
  test.each<[string, number[], string]>([
    ["a byte of Latin-1", [...Buffer.from("version: 1\nedge: caf"), 0xe9, 0x0a], "x:2:10: byte 20 (0xe9) is not UTF-8"],
    ["after text of several bytes", [...Buffer.from("# héllo €\n# "), 0xff], "x:2:3: byte 15 (0xff)"],
    ["after a replacement character", [...Buffer.from("# \ufffd"), 0x80], "x:1:4: byte 5 (0x80)"],
    ["an overlong form", [0xc0, 0x80], "x:1:1: byte 0 (0xc0)"],
    ["half a surrogate", [0x61, 0xed, 0xa0, 0x80], "x:1:2: byte 1 (0xed)"],
    ["cut in a character", [0x61, 0xe2, 0x82], "x:1:2: byte 1 (0xe2)"],
    ["UTF-16", [0xff, 0xfe, 0x76, 0], "x:1:1: the document is UTF-16, expected UTF-8"],
    ["UTF-16, the other way", [0xfe, 0xff, 0, 0x76], "the document is UTF-16"],
  ])("%s", (_, bytes, message) => {
    expect(failure(() => decodeText(Uint8Array.from(bytes), "x")).message).toContain(message);
  });

  test("the place is that of the first bad byte, whatever is around it", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.constantFrom(0x80, 0xff, 0xc0, 0xf8),
        fc.string({ unit: "binary" }),
        (before, byte, after) => {
          const [head, tail] = [Buffer.from(before.replace(/\p{Surrogate}/gu, "")), Buffer.from(after)];
          fc.pre(head[0] !== 0xff && head[0] !== 0xfe);
          const error = failure(() => decodeText(Buffer.concat([head, Uint8Array.of(byte), tail]), "x"));
          expect(error.message).toContain(`byte ${head.length} (0x${byte.toString(16)})`);
        },
      ),
    );
  });
});

describe("hostile documents", () => {
  test.each<[string, () => string, string]>([
    ["nested lists", () => `version: ${"[".repeat(100_000)}`, "it nests deeper than 32 levels"],
    ["nested maps", () => `${"{a: ".repeat(100_000)}`, "it nests deeper than 32 levels"],
    ["nested dashes", () => "- ".repeat(100_000), "it nests deeper than 32 levels"],
    ["nested questions", () => "? ".repeat(100_000), "it nests deeper than 32 levels"],
    [
      "aliases of aliases",
      () => {
        const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
        for (let i = 1; i < 12; i++)
          lines.push(
            `a${i}: &a${i} [${Array(10)
              .fill(`*a${i - 1}`)
              .join(", ")}]`,
          );
        return `${lines.join("\n")}\n`;
      },
      "aliases expand to more than 10000 values",
    ],
    [
      "many aliases of a long list",
      () => `a: &a [${Array(1000).fill("x").join(", ")}]\nb: [${Array(200).fill("*a").join(", ")}]\n`,
      "aliases expand to more than 10000 values",
    ],
    ["a key of a megabyte", () => `version: 1\nedge: {${"x".repeat(1 << 20)}: 1}`, "is no key of this edge"],
    ["a value of a megabyte", () => `version: 1\nedge: {address: ${"1".repeat(1 << 20)}}`, "expected an IPv4 address"],
    ["ten thousand documents", () => "---\nversion: 1\n".repeat(10_000), "a second document begins here"],
  ])("%s", (_, make, message) => {
    const before = performance.now();
    const error = failure(() => parseModel(make(), "x"));
    expect(error.message).toContain(message);
    expect(error.message.length).toBeLessThan(20_000);
    // Far from what a loop without bound takes; not a measurement.
    expect(performance.now() - before).toBeLessThan(20_000);
  });

  test("many keys are compared in linear time", () => {
    const vms = Array.from(
      { length: 30_000 },
      (_, i) => `      172.16.${i >> 8}.${i & 255}: {server: s, mac: 02:00:00:00:00:05}`,
    );
    const text = `version: 1\nedge: {address: 10.2.0.1}\nservers: {s: {address: 10.2.0.2}}\ntenants:\n  t:\n    vni: 1\n    vms:\n${vms.join("\n")}\n`;
    expect(parseModel(text, "x").model.tenants.get("t")?.vms.size).toBe(30_000);
  });

  test("random damage to a good document is a problem with a place, or harmless", () => {
    const full = readFileSync(new URL("../fixtures/documents/full.yaml", import.meta.url), "utf8");
    const bits = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ":",
      " ",
      "\n",
      "'",
      '"',
      "-",
      "#",
      "&a",
      "*a",
      "!",
      "|",
      ">",
      "\t",
      "\0",
      "0",
      "x",
      "\r",
      "?",
      "%",
      "@",
      "<<",
      "\ufeff",
      "~",
    );
    const damage = fc.array(fc.tuple(fc.nat(full.length), fc.nat(20), fc.oneof(bits, fc.string({ maxLength: 3 }))), {
      minLength: 1,
      maxLength: 4,
    });
    let refused = 0;
    fc.assert(
      fc.property(damage, fc.option(fc.nat(full.length), { freq: 3 }), (changes, cut) => {
        let text = full.slice(0, cut ?? full.length);
        for (const [place, length, insert] of changes)
          text = text.slice(0, place) + insert + text.slice(place + length);
        try {
          parseModel(text, "x");
        } catch (error) {
          if (!(error instanceof DocumentError)) throw error;
          refused++;
          expect(error.problems.length).toBeGreaterThan(0);
          const lines = text.split("\n");
          for (const { line, column, message } of error.problems) {
            expect(message).not.toBe("");
            expect(line).toBeGreaterThanOrEqual(1);
            expect(line).toBeLessThanOrEqual(lines.length);
            expect(column).toBeGreaterThanOrEqual(1);
            expect(column).toBeLessThanOrEqual((lines[line - 1] as string).length + 2);
          }
        }
      }),
      { numRuns: Number(process.env.DOCUMENT_MUTATIONS ?? 600) },
    );
    expect(refused).toBeGreaterThan(200);
  });
});

describe("writing", () => {
  test("replaces the text and keeps mode, owner and links", () => {
    const [path, link] = [at("state.yaml"), at("link.yaml")];
    writeFileSync(path, "old");
    chmodSync(path, 0o640);
    symlinkSync("state.yaml", link);
    const { uid, gid, ino } = statSync(path);
    writeDocumentFile(link, "new");
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(statSync(path).mode & 0o7777).toBe(0o640);
    expect([statSync(path).uid, statSync(path).gid]).toEqual([uid, gid]);
    expect(statSync(path).ino).not.toBe(ino);
    expect(readFileSync(link, "utf8")).toBe("new");
    expect(readdirSync(directory).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  test.each<[string, () => string]>([
    ["a document that is not there", () => at("nowhere.yaml")],
    ["a directory", () => directory],
    ["a file of the kernel", () => "/proc/self/status"],
  ])("refuses %s", (_, path) => {
    const error = failure(() => writeDocumentFile(path(), "x"));
    expect(error.code).toBe("DOCUMENT_UNWRITABLE");
    expect(error.message.startsWith(`write ${path()}: `)).toBe(true);
  });
});
