// npm test [-- unit|kernel|system...] [-- any vitest argument, such as -t NAME or a file]
//
// Runs the rings of test/ with vitest in scripts/sandbox, so that nothing outlives the run. Without
// the privileges for that, only the unit ring runs, and the last lines say so; with
// REQUIRE_KERNEL=1 anything left out is a failure. The last line is always the counts.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { kernelComplaints, kernelLogPosition } from "./kernel-log.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const privilegedRings = ["kernel", "system"];
const rings = ["unit", ...privilegedRings];
const strict = process.env.REQUIRE_KERNEL === "1";

const given = process.argv.slice(2);
const named = given.filter((argument) => rings.includes(argument));
const wanted = named.length > 0 ? rings.filter((ring) => named.includes(ring)) : rings;
const passedOn = given.filter((argument) => !rings.includes(argument));
// With a selection by name or file, what is not selected is not left out.
const selective = passedOn.length > 0;

const sandbox = join(root, "scripts/sandbox");
const probe = spawnSync("sh", [sandbox, "true"], { encoding: "utf8" });
const privileged = probe.status === 0;
const running = wanted.filter((ring) => privileged || !privilegedRings.includes(ring));
const leftOut = wanted.filter((ring) => !running.includes(ring));

const scratch = mkdtempSync(join(tmpdir(), "unum-test-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

const report = join(scratch, "report.json");
const logPosition = kernelLogPosition();
const exitCode = running.length > 0 ? await runVitest() : 1;
finish(exitCode, readReport());

/** Runs vitest to its end; a signal to us, or our parent's death, ends it and us. */
function runVitest() {
  const vitest = [
    process.execPath,
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--configLoader=runner", // the default one writes into node_modules, which may be another user's
    ...running.flatMap((ring) => ["--project", ring]),
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...passedOn,
  ];
  const [command, ...args] = privileged ? ["sh", sandbox, ...vitest] : vitest;
  const child = spawn(command, args, { cwd: root, stdio: "inherit" });
  const stop = (signal) => {
    child.kill("SIGTERM");
    child.once("exit", () => {
      console.error(`test: interrupted by ${signal}`);
      process.exit(128 + constants.signals[signal]);
    });
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => stop(signal));
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop("SIGHUP"), 500).unref();
  return new Promise((resolve) => {
    child.once("error", (error) => {
      console.error(`test: start ${command}: ${error.message}`);
      resolve(1);
    });
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

/** What vitest counted, or nothing if it did not get that far. */
function readReport() {
  try {
    return JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return undefined;
  }
}

function finish(exitCode, result) {
  const problems = [];
  const files = result?.testResults ?? [];
  const cases = files.flatMap((file) => file.assertionResults.map((test) => ({ ...test, file: file.name })));
  const passed = cases.filter((test) => test.status === "passed").length;
  const skipped = cases.filter((test) => test.status !== "passed" && test.status !== "failed");
  // A file that cannot be loaded, or a set-up that throws, fails without a failed test of its own.
  const broken = files.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  let failed = cases.length - passed - skipped.length + broken.length;

  for (const file of broken) problems.push(`could not run ${relative(root, file.name)}`);
  if (result === undefined && running.length > 0) problems.push("vitest ended without a report");
  else if (passed + failed === 0) problems.push("no test was run: nothing matches, or there is nothing here yet");
  const complaints = kernelComplaints(logPosition);
  for (const line of complaints) problems.push(`the kernel complained: ${line}`);
  if (strict && leftOut.length > 0) problems.push(`REQUIRE_KERNEL=1, but left out: ${leftOut.join(", ")}`);
  if (strict && !selective && skipped.length > 0) problems.push(`REQUIRE_KERNEL=1, but ${skipped.length} skipped`);
  if (exitCode !== 0 && failed === 0 && problems.length === 0) problems.push(`vitest ended with exit code ${exitCode}`);
  if (problems.length > 0) failed = Math.max(failed, 1);

  console.log("");
  if (!selective) {
    for (const test of skipped) console.log(`skipped: ${relative(root, test.file)}: ${test.fullName}`);
  }
  for (const problem of problems) console.log(`problem: ${problem}`);
  if (leftOut.length > 0) {
    console.log(`left out: ${leftOut.join(", ")}: ${probe.stderr.trim().replace(/^sandbox: /, "")}`);
  }
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
}
