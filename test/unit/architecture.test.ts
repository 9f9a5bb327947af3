import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

/** A row of the table "Rooms" in docs/architecture.md: a directory or file, and what it may import. */
interface Room {
  readonly path: string;
  readonly mayImport: readonly string[];
}

const root = join(import.meta.dirname, "../..");
const rooms = readRooms(readFileSync(join(root, "docs/architecture.md"), "utf8"));

/** "bpf (addon)" names the room src/bpf, "src" all of src, "everything above" the rows before this one. */
function readRooms(page: string): readonly Room[] {
  const rows = page
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter(([, path = "", , allowed]) => allowed !== undefined && /^`.+`$/.test(path))
    .map(([, path = "", , allowed = ""]) => ({ path: path.slice(1, -1), allowed }));
  const paths = rows.map((row) => row.path);
  return rows.map(({ path, allowed }, index) => ({
    path,
    mayImport: allowed.split(/,\s*/).flatMap((word) => {
      const name = word.replace(/\s*\(.*\)$/, "");
      if (name === "everything above") return paths.slice(0, index);
      return name === "src" || name === "lab"
        ? [`${name}/`]
        : paths.filter((other) => other === `src/${name}/` || other === `src/${name}.ts`);
    }),
  }));
}

const roomOf = (file: string) => rooms.find((room) => file.startsWith(room.path));

function* importsOf(file: string): Generator<string> {
  const text = readFileSync(join(root, file), "utf8");
  for (const [, target = ""] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["'](\.[^"']+)["']/g)) {
    yield normalize(join(dirname(file), target));
  }
}

const tops = ["src", "lab", "bench"].filter((top) => existsSync(join(root, top)));
const sources = tops.flatMap((top) =>
  readdirSync(join(root, top), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(top, name)),
);

describe("architecture", () => {
  it("reads the table of rooms", () => {
    expect(rooms.map((room) => room.path)).toEqual(expect.arrayContaining(["src/address/", "src/cli/", "lab/"]));
    expect(sources.length).toBeGreaterThan(5);
  });

  it("gives every source a room", () => {
    expect(sources.filter((file) => roomOf(file) === undefined && file !== "src/index.ts")).toEqual([]);
  });

  it("imports only along the arrows of docs/architecture.md", () => {
    const forbidden = sources.flatMap((file) => {
      const room = roomOf(file);
      const allowed = room ? [room.path, ...room.mayImport] : ["src/"];
      return [...importsOf(file)]
        .filter((target) => !allowed.some((path) => target.startsWith(path)))
        .map((target) => `${file} imports ${target}, but ${room?.path} may import only: ${allowed.join(", ")}`);
    });
    expect(forbidden).toEqual([]);
  });
});
