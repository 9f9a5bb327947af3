// npm run man: writes build/unum.8, the manual page, from the command tree of the compiled program.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const cli = join(root, "dist/src/cli");
const [{ commandTree }, { defaultContext, packageVersion }, { manualPage }, { unumProgram }] = await Promise.all(
  ["command-tree", "context", "manual", "program"].map((name) => import(join(cli, `${name}.js`))),
);
const page = manualPage(commandTree(unumProgram(defaultContext())), { version: packageVersion() });
mkdirSync(join(root, "build"), { recursive: true });
writeFileSync(join(root, "build/unum.8"), page);
console.log("build/unum.8: read it with man -l build/unum.8");
